/* The Secure Boot v2 signature sector, read and written.
 *
 * A block is the same 1,216 bytes for every scheme; what differs is where the parts stand, so a
 * row of LAYOUTS describes each scheme and one path serves all of them. Parts are little-endian in
 * a block and big-endian in base/crypto.h: reverse() turns them round.
 *
 * The check is stricter than espsecure's where bytes would otherwise be free: the zero bytes of a
 * block must be zero, and behind the last block only 0xFF may stand. A freely chosen byte is a
 * second file with the same signature. */
#include "formats/sigblock.h"

#include "base/crc.h"
#include "base/crypto.h"

#define CRC_OFFSET 1196

/* Sizes in bytes. Digest, key field and signature stand one behind the other from byte 4 on. The
 * key field is what Secure Boot hashes; it starts with a curve number for ECDSA. */
struct layout {
    uint32_t head;  /* the first four bytes: magic, version, kind of digest, zero */
    uint8_t scheme; /* enum godwit_scheme */
    uint8_t curve;  /* 0: RSA */
    uint16_t digest_size, key_size, signature_size;
};
#define HEAD(version, digest_kind) (GODWIT_SIGBLOCK_MAGIC | (version) << 8 | (digest_kind) << 16)
#define DIGEST_OFFSET 4

static const struct layout LAYOUTS[] = {
    {HEAD(2, 0), GODWIT_SCHEME_RSA3072, 0, 32, 776, 384},
    {HEAD(3, 0), GODWIT_SCHEME_ECDSA256, 2, 32, 65, 64},
    {HEAD(3, 1), GODWIT_SCHEME_ECDSA384, 3, 48, 97, 96},
    {HEAD(3, 0), GODWIT_SCHEME_ECDSA192, 1, 32, 65, 64},
};

static size_t key_offset(const struct layout *row)
{
    return DIGEST_OFFSET + (size_t)row->digest_size;
}

static size_t signature_offset(const struct layout *row)
{
    return key_offset(row) + row->key_size;
}

static const struct layout *layout_of_block(const uint8_t *block)
{
    for (size_t i = 0; i < sizeof LAYOUTS / sizeof *LAYOUTS; i++) {
        const struct layout *row = &LAYOUTS[i];
        if (godwit_load32(block) == row->head &&
            (!row->curve || block[key_offset(row)] == row->curve))
            return row;
    }
    return NULL;
}

static const struct layout *layout_of_scheme(enum godwit_scheme scheme)
{
    for (size_t i = 0; i < sizeof LAYOUTS / sizeof *LAYOUTS; i++)
        if (LAYOUTS[i].scheme == scheme) return &LAYOUTS[i];
    return NULL;
}

static void reverse(const uint8_t *from, size_t size, uint8_t *to)
{
    for (size_t i = 0; i < size; i++)
        to[i] = from[size - 1 - i];
}

/* Two numbers side by side, each turned round: X‖Y or r‖s. */
static void reverse_pair(const uint8_t *from, size_t size, uint8_t *to)
{
    reverse(from, size / 2, to);
    reverse(from + size / 2, size / 2, to + size / 2);
}

static bool tail_is_zero(const uint8_t *block, const struct layout *row)
{
    size_t end = signature_offset(row) + row->signature_size;
    return godwit_all(block + end, CRC_OFFSET - end, 0) &&
           godwit_all(block + CRC_OFFSET + 4, GODWIT_SIGBLOCK_SIZE - CRC_OFFSET - 4, 0);
}

size_t godwit_sigsector_count(const uint8_t sector[static GODWIT_SIGSECTOR_SIZE])
{
    size_t count = 0;
    while (count < GODWIT_SIGBLOCKS_MAX &&
           sector[count * GODWIT_SIGBLOCK_SIZE] == GODWIT_SIGBLOCK_MAGIC)
        count++;
    return count;
}

bool godwit_sigsector_is_tidy(const uint8_t sector[static GODWIT_SIGSECTOR_SIZE])
{
    size_t count = godwit_sigsector_count(sector);
    size_t end = count * GODWIT_SIGBLOCK_SIZE;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *block = sector + i * GODWIT_SIGBLOCK_SIZE;
        const struct layout *row = layout_of_block(block);
        if (!row || !tail_is_zero(block, row)) return false;
    }
    return godwit_all(sector + end, GODWIT_SIGSECTOR_SIZE - end, 0xFF);
}

bool godwit_sigsector_has_sha384(const uint8_t sector[static GODWIT_SIGSECTOR_SIZE])
{
    for (size_t i = 0; i < GODWIT_SIGBLOCKS_MAX; i++) {
        const uint8_t *block = sector + i * GODWIT_SIGBLOCK_SIZE;
        if (block[0] != GODWIT_SIGBLOCK_MAGIC) break;
        const struct layout *row = layout_of_block(block);
        if (row && row->digest_size == GODWIT_SHA384_SIZE) return true;
    }
    return false;
}

static godwit_err key_digest(const uint8_t *block, const struct layout *row, uint8_t *digest_out)
{
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, block + key_offset(row), row->key_size);
    return godwit_hash_peek(&hash, digest_out);
}

static godwit_err verify_rsa(const uint8_t *block, const uint8_t *digest)
{
    uint8_t modulus[384], signature[384];
    reverse(block + 36, sizeof modulus, modulus);
    reverse(block + 812, sizeof signature, signature);
    return godwit_verify_rsa3072(modulus, godwit_load32(block + 420), digest, signature);
}

static godwit_err verify_ecdsa(const uint8_t *block, const struct layout *row,
                               const uint8_t *digest)
{
    uint8_t numbers[4 * 48]; /* X, Y, r and s: one behind the other there as here */
    size_t size = row->signature_size / 2u;
    for (size_t at = 0; at < 4 * size; at += size)
        reverse(block + key_offset(row) + 1 + at, size, numbers + at);
    const uint8_t *signature = numbers + 2 * size;
    return row->scheme == GODWIT_SCHEME_ECDSA384 ? godwit_verify_p384(numbers, digest, signature)
                                                 : godwit_verify_p256(numbers, digest, signature);
}

godwit_err godwit_sigblock_check(const uint8_t block[static GODWIT_SIGBLOCK_SIZE],
                                 const struct godwit_body_digests *digests,
                                 struct godwit_sigblock *out)
{
    *out = (struct godwit_sigblock){.reason = GODWIT_REASON_SIGNATURE_FORMAT};
    const struct layout *row = layout_of_block(block);
    if (!row) return GODWIT_ERR_FORMAT;
    out->scheme = row->scheme;
    godwit_err err = key_digest(block, row, out->key_digest);
    if (err) return err;
    if (godwit_crc32(0, block, CRC_OFFSET) != godwit_load32(block + CRC_OFFSET) ||
        !tail_is_zero(block, row))
        return GODWIT_ERR_FORMAT;

    const uint8_t *digest = row->digest_size == 48 ? digests->sha384 : digests->sha256;
    out->reason = GODWIT_REASON_SIGNATURE_DIGEST;
    if (!digest || memcmp(block + 4, digest, row->digest_size) != 0) return GODWIT_ERR_TRUST;

    out->reason = GODWIT_REASON_SIGNATURE_BAD;
    if (row->scheme == GODWIT_SCHEME_ECDSA192) return GODWIT_ERR_TRUST;
    err = row->curve ? verify_ecdsa(block, row, digest) : verify_rsa(block, digest);
    if (!err) out->reason = GODWIT_REASON_NONE;
    return err;
}

const char *godwit_scheme_name(enum godwit_scheme scheme)
{
    static const char *const NAMES[] = {"none", "rsa3072", "ecdsa256", "ecdsa384", "ecdsa192"};
    return (size_t)scheme < sizeof NAMES / sizeof *NAMES ? NAMES[scheme] : "none";
}

godwit_err godwit_sigblock_begin(uint8_t block[static GODWIT_SIGBLOCK_SIZE],
                                 const struct godwit_public_key *key,
                                 const struct godwit_body_digests *digests)
{
    const struct layout *row = layout_of_scheme(key->scheme);
    if (!row || row->scheme == GODWIT_SCHEME_ECDSA192) return GODWIT_ERR_FORMAT;
    const uint8_t *digest = row->digest_size == 48 ? digests->sha384 : digests->sha256;
    if (!digest) return GODWIT_ERR_FORMAT;

    memset(block, 0, GODWIT_SIGBLOCK_SIZE);
    godwit_store32(block, row->head);
    memcpy(block + DIGEST_OFFSET, digest, row->digest_size);
    if (row->curve) {
        block[key_offset(row)] = row->curve;
        reverse_pair(key->point, row->key_size - 1u, block + key_offset(row) + 1);
    } else {
        reverse(key->modulus, sizeof key->modulus, block + 36);
        godwit_store32(block + 420, key->exponent);
        reverse(key->rinv, sizeof key->rinv, block + 424);
        godwit_store32(block + 808, key->m_prime);
    }
    return GODWIT_OK;
}

godwit_err godwit_sigblock_commit(uint8_t block[static GODWIT_SIGBLOCK_SIZE],
                                  const uint8_t *signature, size_t size)
{
    const struct layout *row = layout_of_block(block);
    if (!row || size != row->signature_size) return GODWIT_ERR_FORMAT;
    if (row->curve)
        reverse_pair(signature, size, block + signature_offset(row));
    else
        reverse(signature, size, block + signature_offset(row));
    godwit_store32(block + CRC_OFFSET, godwit_crc32(0, block, CRC_OFFSET));
    return GODWIT_OK;
}

godwit_err godwit_sigblock_key_digest(const uint8_t block[static GODWIT_SIGBLOCK_SIZE],
                                      uint8_t digest_out[static 32])
{
    const struct layout *row = layout_of_block(block);
    return row ? key_digest(block, row, digest_out) : GODWIT_ERR_FORMAT;
}
