/* Signing digests and whole images.
 *
 * The parser of formats/image.h says where the image ends, so a second signature lands beside the
 * first: signing behind an old sector, as other tools do when asked wrongly, would make a file
 * whose *old* block the chip finds and uses. */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "formats/image.h"
#include "keys/internal.h"

#define SALT_SIZE 32     /* Secure Boot takes no other */
#define DER_SIZE_MAX 112 /* an ECDSA signature over P-384 takes at most 104 */

static EVP_PKEY_CTX *signer_make(const struct key *key, int salt_size)
{
    bool is_rsa = key->public_part.scheme == GODWIT_SCHEME_RSA3072;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->pkey, NULL);
    bool ok = ctx && EVP_PKEY_sign_init(ctx) == 1;
    if (ok && is_rsa)
        ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
             EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt_size) == 1;
    if (ok) return ctx;
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

static godwit_err sign(const struct key *key, const uint8_t *digest, size_t digest_size,
                       uint8_t *out, size_t *size)
{
    EVP_PKEY_CTX *ctx = atomic_exchange(key->spare, NULL);
    if (!ctx) ctx = signer_make(key, SALT_SIZE);
    bool ok = ctx && EVP_PKEY_sign(ctx, out, size, digest, digest_size) == 1;
    if (ok) ctx = atomic_exchange(key->spare, ctx); /* one that another thread put back goes */
    EVP_PKEY_CTX_free(ctx);
    return ok ? GODWIT_OK : GODWIT_ERR_IO;
}

/* DER to r‖s, big-endian, each half of size. */
static godwit_err unwrap_ecdsa(const uint8_t *der, size_t der_size, uint8_t *out, size_t size)
{
    int half = (int)size / 2;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)der_size);
    bool ok = pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, half) == half &&
              BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + half, half) == half;
    ECDSA_SIG_free(pair);
    return ok ? GODWIT_OK : GODWIT_ERR_IO;
}

godwit_err key_sign(const struct key *key, const uint8_t *digest, size_t digest_size,
                    uint8_t *signature_out, size_t *size_out)
{
    enum godwit_scheme scheme = key->public_part.scheme;
    size_t wanted = scheme == GODWIT_SCHEME_ECDSA384 ? GODWIT_SHA384_SIZE : GODWIT_SHA256_SIZE;
    if (!key->is_private || digest_size != wanted) return GODWIT_ERR_FORMAT;
    if (scheme == GODWIT_SCHEME_RSA3072) {
        *size_out = 384;
        return sign(key, digest, digest_size, signature_out, size_out);
    }
    uint8_t der[DER_SIZE_MAX];
    size_t der_size = sizeof der;
    *size_out = scheme == GODWIT_SCHEME_ECDSA384 ? 96 : 64;
    godwit_err err = sign(key, digest, digest_size, der, &der_size);
    return err ? err : unwrap_ecdsa(der, der_size, signature_out, *size_out);
}

godwit_err key_sign_salted(const struct key *key, const uint8_t digest[static 32], int salt_size,
                           uint8_t signature_out[static 384])
{
    size_t size = 384;
    if (!key->is_private || key->public_part.scheme != GODWIT_SCHEME_RSA3072)
        return GODWIT_ERR_FORMAT;
    EVP_PKEY_CTX *ctx = signer_make(key, salt_size);
    bool ok = ctx && EVP_PKEY_sign(ctx, signature_out, &size, digest, 32) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok ? GODWIT_OK : GODWIT_ERR_IO;
}

/* Runs the file through the parser; the blocks of a signed one must be whole, of this body and by
 * other keys: a second one by the same key is worth nothing and takes the place of another's. */
static godwit_err look_at(const struct key *key, const uint8_t *data, size_t size,
                          struct godwit_image *image, uint8_t *sector,
                          enum godwit_reason *reason_out)
{
    static const struct godwit_image_expect ANY = {0};
    uint8_t own[32];
    bool has_own = false;
    struct godwit_body384 body384;
    godwit_image_init_any(image, &ANY, sector);
    godwit_image_want_sha384(image, &body384);
    godwit_err err = godwit_sink_write(&image->sink, data, size);
    if (!err) err = godwit_sink_finish(&image->sink);
    *reason_out = image->reason;
    if (err || !image->is_signed_size) return err;

    struct godwit_body_digests digests = {image->body_sha256, body384.digest};
    size_t count = godwit_sigsector_count(sector);
    err = key_digest(key, own);
    if (err) return err;
    *reason_out = GODWIT_REASON_SIGNATURE_FORMAT;
    if (!godwit_sigsector_is_tidy(sector)) return GODWIT_ERR_FORMAT;
    for (size_t i = 0; i < count; i++) {
        struct godwit_sigblock block;
        err = godwit_sigblock_check(sector + i * GODWIT_SIGBLOCK_SIZE, &digests, &block);
        *reason_out = block.reason;
        if (err == GODWIT_ERR_TRUST && block.scheme == GODWIT_SCHEME_ECDSA192) continue;
        if (err) return GODWIT_ERR_FORMAT;
        has_own = has_own || memcmp(block.key_digest, own, sizeof own) == 0;
    }
    *reason_out = GODWIT_REASON_NONE;
    if (has_own) return GODWIT_ERR_BUSY;
    return count < GODWIT_SIGBLOCKS_MAX ? GODWIT_OK : GODWIT_ERR_SPACE;
}

static godwit_err hash_body(const uint8_t *body, size_t size, uint8_t sha256[static 32],
                            uint8_t sha384[static 48])
{
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, body, size);
    godwit_err err = godwit_hash_peek(&hash, sha256);
    if (err) return err;
    godwit_hash_init(&hash, GODWIT_SHA384);
    godwit_hash_update(&hash, body, size);
    return godwit_hash_peek(&hash, sha384);
}

/* Makes the block and, before anyone sees it, checks it as a device would. */
static godwit_err make_block(const struct key *key, const uint8_t *body, size_t body_size,
                             uint8_t *block)
{
    uint8_t sha256[32], sha384[48], signature[384];
    struct godwit_body_digests digests = {sha256, sha384};
    size_t size = 0;
    bool is_384 = key->public_part.scheme == GODWIT_SCHEME_ECDSA384;
    godwit_err err = hash_body(body, body_size, sha256, sha384);
    if (!err) err = godwit_sigblock_begin(block, &key->public_part, &digests);
    if (!err) err = key_sign(key, is_384 ? sha384 : sha256, is_384 ? 48 : 32, signature, &size);
    if (!err) err = godwit_sigblock_commit(block, signature, size);
    struct godwit_sigblock checked;
    return err ? err : godwit_sigblock_check(block, &digests, &checked);
}

godwit_err image_sign(const struct key *key, const uint8_t *data, size_t size, uint8_t **out,
                      size_t *size_out, enum godwit_reason *reason_out)
{
    struct godwit_image image;
    uint8_t sector[GODWIT_SECTOR_SIZE];
    *out = NULL, *size_out = 0;
    godwit_err err = look_at(key, data, size, &image, sector, reason_out);
    if (err) return err;

    size_t body_size = image.body_size;
    uint8_t *file = malloc(body_size + GODWIT_SIGSECTOR_SIZE);
    if (!file) return GODWIT_ERR_IO;
    memset(file, 0xFF, body_size + GODWIT_SIGSECTOR_SIZE);
    memcpy(file, data, size);
    size_t count = image.is_signed_size ? godwit_sigsector_count(sector) : 0;
    err = make_block(key, file, body_size, file + body_size + count * GODWIT_SIGBLOCK_SIZE);
    if (err) {
        free(file);
        return err;
    }
    *out = file;
    *size_out = body_size + GODWIT_SIGSECTOR_SIZE;
    return GODWIT_OK;
}
