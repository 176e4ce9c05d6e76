/* Negative signatures: a file on a hostile server under a valid instruction. The thief of a whole
 * server names it as he likes; only the image's signature is left to refuse. */
#include "sim/attack_rows.h"

#define KEY_AT 36 /* of a SHA-256 block: the key field */
#define POINT_AT 37
#define ECDSA_AT 101 /* r and s, little-endian, 32 bytes each */
#define RSA_EXPONENT_AT 420
#define RSA_HELPER_AT 424
#define RSA_AT 812
#define DIGEST_AT 4

/* The order of P-256's group, little-endian as a block has it. */
static const uint8_t ORDER[32] = {0x51, 0x25, 0x63, 0xFC, 0xC2, 0xCA, 0xB9, 0xF3, 0x84, 0x9E, 0x17,
                                  0xA7, 0xAD, 0xFA, 0xE6, 0xBC, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                  0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF};

/* ---- the sector as a whole ---- */

static void resize(struct attack *attack, struct attack_file *file)
{
    int32_t more = (int32_t)attack->row->param;
    file->size = (size_t)((int64_t)file->size + more); /* attack_copy left 0xFF behind it */
}

static void erase_sector(struct attack *attack, struct attack_file *file)
{
    memset(file->data + file->body_size, (int)attack->row->param, GODWIT_SIGSECTOR_SIZE);
}

static void put_byte(struct attack *attack, struct attack_file *file)
{
    file->data[file->body_size + (attack->row->param & 0xFFFF)] =
        (uint8_t)(attack->row->param >> 16);
}

static void move_sector(struct attack *attack, struct attack_file *file)
{
    (void)attack;
    uint8_t *sector = file->data + file->body_size;
    memmove(sector + 4096, sector, GODWIT_SIGSECTOR_SIZE);
    memset(sector, 0xFF, 4096);
    file->size += 4096;
}

static void repeat_sector(struct attack *attack, struct attack_file *file)
{
    (void)attack;
    uint8_t *sector = file->data + file->body_size;
    memcpy(sector + 4096, sector, GODWIT_SIGSECTOR_SIZE);
    file->size += 4096;
}

/* The sector of another genuine release. */
static void other_sector(struct attack *attack, struct attack_file *file)
{
    struct attack_recipe recipe = attack_recipe(attack, 2);
    struct attack_file *other = attack_genuine(attack, &recipe);
    memcpy(file->data + file->body_size, other->data + other->body_size, GODWIT_SIGSECTOR_SIZE);
}

/* ---- blocks ---- */

static void sign_only(struct attack *attack, struct attack_file *file)
{
    uint32_t keys = attack->row->param, index = 0;
    attack_must(!(keys & ~(attack->row->holds | KEYS_OF_THIEF)), "signing without the key");
    erase_sector(attack, file);
    memset(file->data + file->body_size, 0xFF, GODWIT_SIGSECTOR_SIZE);
    for (uint32_t key = 0; key < KEYS_COUNT; key++)
        if (keys & KEY_BIT(key)) attack_file_sign(attack->fixture, file, index++, key);
}

/* Blocks of the genuine sector, rearranged: two hex digits each, the place and what goes there. */
enum { FROM_NONE = 0xF, FROM_FRESH = 0xE };
static void arrange(struct attack *attack, struct attack_file *file)
{
    uint8_t blocks[3 * GODWIT_SIGBLOCK_SIZE];
    memcpy(blocks, attack_file_block(file, 0), sizeof blocks);
    for (uint32_t place = 0; place < 3; place++) {
        uint32_t from = attack->row->param >> 4 * (2 - place) & 0xF;
        uint8_t *block = attack_file_block(file, place);
        if (from == FROM_FRESH) {
            attack_must(attack->row->holds & KEY_BIT(KEY_FIRST), "signing without the key");
            attack_file_sign(attack->fixture, file, place, KEY_FIRST);
        } else if (from == FROM_NONE) {
            memset(block, 0xFF, GODWIT_SIGBLOCK_SIZE);
        } else {
            memcpy(block, blocks + from * GODWIT_SIGBLOCK_SIZE, GODWIT_SIGBLOCK_SIZE);
        }
    }
}

/* One genuine block of two, and beside it one of the thief's or a retired key's. */
static void replace_second(struct attack *attack, struct attack_file *file)
{
    attack_must(attack->row->param >= KEY_THIEF || attack->row->holds & KEY_BIT(attack->row->param),
                "signing without the key");
    memset(attack_file_block(file, 1), 0xFF, GODWIT_SIGBLOCK_SIZE);
    attack_file_sign(attack->fixture, file, 1, (enum attack_key)attack->row->param);
}

/* One byte of the first block (param: place, value, flipped or set), closed with its CRC. */
#define SET(at, value) .param = (at) | (uint32_t)(value) << 16
#define IN_SECOND 0x80000000u
static void set_in_block(struct attack *attack, struct attack_file *file)
{
    uint32_t param = attack->row->param;
    uint8_t *block = attack_file_block(file, param & IN_SECOND ? 1u : 0u);
    block[param & 0xFFFF] = (uint8_t)(param >> 16 & 0xFF);
    attack_block_close(block);
}

static void flip_in_block(struct attack *attack, struct attack_file *file)
{
    uint32_t param = attack->row->param;
    uint8_t *block = attack_file_block(file, param & IN_SECOND ? 1u : 0u);
    block[param & 0xFFFF] ^= 1;
    attack_block_close(block);
}

/* ---- ECDSA ---- */

enum number { NUMBER_ZERO, NUMBER_ORDER, NUMBER_FULL, NUMBER_PLUS_ORDER, NUMBER_MINUS };
#define OF_R 0x10u
#define OF_S 0x20u

/* order − number; both little-endian. */
static void negate(uint8_t *number)
{
    int borrow = 0;
    for (size_t i = 0; i < 32; i++) {
        int digit = ORDER[i] - number[i] - borrow;
        borrow = digit < 0;
        number[i] = (uint8_t)(digit + 256 * borrow);
    }
}

static void change_number(uint8_t *number, enum number how)
{
    int carry = 0;
    switch (how) {
    case NUMBER_ZERO:
        memset(number, 0, 32);
        break;
    case NUMBER_ORDER:
        memcpy(number, ORDER, 32);
        break;
    case NUMBER_FULL:
        memset(number, 0xFF, 32);
        break;
    case NUMBER_PLUS_ORDER: /* the same remainder, where it still fits */
        for (size_t i = 0; i < 32; i++) {
            carry += number[i] + ORDER[i];
            number[i] = (uint8_t)carry;
            carry >>= 8;
        }
        break;
    case NUMBER_MINUS:
        negate(number);
        break;
    }
}

static void change_ecdsa(struct attack *attack, struct attack_file *file)
{
    uint8_t *block = attack_file_block(file, 0);
    enum number how = (enum number)(attack->row->param & 0xF);
    if (attack->row->param & OF_R) change_number(block + ECDSA_AT, how);
    if (attack->row->param & OF_S) change_number(block + ECDSA_AT + 32, how);
    attack_block_close(block);
}

static void swap_ecdsa(struct attack *attack, struct attack_file *file)
{
    uint8_t *block = attack_file_block(file, 0), r[32];
    (void)attack;
    memcpy(r, block + ECDSA_AT, 32);
    memmove(block + ECDSA_AT, block + ECDSA_AT + 32, 32);
    memcpy(block + ECDSA_AT + 32, r, 32);
    attack_block_close(block);
}

/* Bytes [from, from + size) of a block turned round, as another byte order would have them. */
static void turn_round(struct attack *attack, struct attack_file *file)
{
    uint32_t from = attack->row->param & 0xFFFF, size = attack->row->param >> 16;
    uint8_t *block = attack_file_block(file, 0), copy[384];
    memcpy(copy, block + from, size);
    for (uint32_t i = 0; i < size; i++)
        block[from + i] = copy[size - 1 - i];
    attack_block_close(block);
}

/* A run of bytes of the block set to one value. */
#define RUN(at, size, value) .param = (at) | (uint32_t)(size) << 12 | (uint32_t)(value) << 24
static void fill_in_block(struct attack *attack, struct attack_file *file)
{
    uint32_t param = attack->row->param;
    uint8_t *block = attack_file_block(file, 0);
    memset(block + (param & 0xFFF), (int)(param >> 24), param >> 12 & 0xFFF);
    attack_block_close(block);
}

/* The signature of another release under this one's digest. */
static void other_signature(struct attack *attack, struct attack_file *file)
{
    struct attack_recipe recipe = attack_recipe(attack, 2);
    struct attack_file *other = attack_genuine(attack, &recipe);
    uint8_t *block = attack_file_block(file, 0);
    bool is_rsa = attack->row->base == BASE_RSA;
    uint32_t at = is_rsa ? RSA_AT : ECDSA_AT, size = is_rsa ? 384 : 64;
    memcpy(block + at, attack_file_block(other, 0) + at, size);
    attack_block_close(block);
}

/* The thief's signature under the maker's public key. */
static void own_under_theirs(struct attack *attack, struct attack_file *file)
{
    uint8_t key[776], *block = attack_file_block(file, 0);
    size_t size = attack->row->base == BASE_RSA ? 776 : 65;
    memcpy(key, block + KEY_AT, size);
    attack_file_sign(attack->fixture, file, 0,
                     attack->row->base == BASE_RSA ? KEY_THIEF_RSA : KEY_THIEF);
    memcpy(block + KEY_AT, key, size);
    attack_block_close(block);
}

/* ---- RSA ---- */

static void rsa_exponent(struct attack *attack, struct attack_file *file)
{
    uint8_t *block = attack_file_block(file, 0);
    godwit_store32(block + RSA_EXPONENT_AT, attack->row->param);
    if (attack->row->param == 3) memset(block + RSA_AT + 1, 0, 383); /* a small cube */
    if (attack->row->param == 1) memset(block + RSA_AT, 0, 384);
    attack_block_close(block);
}

/* The stolen key itself, but its padding has a salt of another length. */
static void rsa_salt(struct attack *attack, struct attack_file *file)
{
    uint8_t *block = attack_file_block(file, 0), signature[384];
    attack_must(attack->row->holds & KEY_BIT(KEY_RSA), "signing without the key");
    attack_must(!key_sign_salted(attack->fixture->keys[KEY_RSA], block + DIGEST_AT,
                                 (int)attack->row->param, signature),
                "signing");
    for (size_t i = 0; i < sizeof signature; i++)
        block[RSA_AT + i] = signature[383 - i];
    attack_block_close(block);
}

static void hash_two(const uint8_t *first, size_t first_size, const uint8_t *second,
                     size_t second_size, uint8_t out[static 32])
{
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, first, first_size);
    godwit_hash_update(&hash, second, second_size);
    attack_must(!godwit_hash_peek(&hash, out), "hashing");
}

/* With exponent 1 a signature is its own padded digest (RFC 8017, 9.1.1), which anybody can write
 * down; only that the key's name covers the exponent keeps this one out. */
static void rsa_identity(struct attack *attack, struct attack_file *file)
{
    uint8_t *block = attack_file_block(file, 0), padded[384] = {0}, hashed[72] = {0}, mask[32];
    const size_t data_size = 384 - 33;
    (void)attack;
    memcpy(hashed + 8, block + DIGEST_AT, 32); /* eight zeros, digest, a salt of 32 zeros */
    hash_two(hashed, sizeof hashed, hashed, 0, padded + data_size);
    padded[data_size - 33] = 1;
    for (size_t at = 0; at < data_size; at += 32) {
        const uint8_t counter[4] = {0, 0, 0, (uint8_t)(at / 32)};
        hash_two(padded + data_size, 32, counter, sizeof counter, mask);
        for (size_t i = 0; i < 32 && at + i < data_size; i++)
            padded[at + i] ^= mask[i];
    }
    padded[0] &= 0x7F;
    padded[383] = 0xBC;
    for (size_t i = 0; i < sizeof padded; i++)
        block[RSA_AT + i] = padded[383 - i];
    godwit_store32(block + RSA_EXPONENT_AT, 1);
    attack_block_close(block);
}

/* The P-384 key of the list signs; then its block is changed. */
static void p384_flipped(struct attack *attack, struct attack_file *file)
{
    attack_file_sign(attack->fixture, file, 0, KEY_P384); /* the maker's own signature … */
    uint8_t *block = attack_file_block(file, 0);
    block[attack->row->param] ^= 1; /* … spoilt on the way */
    attack_block_close(block);
}

static void p384_genuine(struct attack *attack)
{
    struct attack_recipe recipe = attack_recipe(attack, 1);
    recipe.signers = KEY_BIT(KEY_P384);
    attack->offer = attack_genuine(attack, &recipe);
}

#define SPOIL(function) 0, "S", .spoil = (function), SERVER
#define TWO .base = BASE_TWO
#define RSA .base = BASE_RSA
#define NAME(text, what) .name = (text), .sentence = (what)
#define FIRST KEY_BIT(KEY_FIRST)
#define DEPLOY KEY_BIT(KEY_DEPLOY)

/* clang-format off */
const struct attack_case ATTACK_SIGNATURES[] = {
    {SPOIL(resize), NAME("sign-none", "no signature sector"), REFUSED(R(UNSIGNED)),
     .param = (uint32_t)-4096},
    {SPOIL(erase_sector), NAME("sign-erased", "an erased sector"),
     REFUSED(R(UNSIGNED), R(TRAILING_DATA)),
     .param = 0xFF},
    {SPOIL(erase_sector), NAME("sign-zero", "a sector of zeros"),
     REFUSED(R(UNSIGNED), R(TRAILING_DATA))},
    {SPOIL(put_byte), NAME("sign-no-blocks", "zero blocks: the first one's magic is gone"),
     REFUSED(R(UNSIGNED), R(TRAILING_DATA)), .param = 0xE6 << 16},
    {SPOIL(resize), NAME("sign-short-1", "the sector is a byte short"),
     REFUSED(R(UNSIGNED), R(TRAILING_DATA)), .param = (uint32_t)-1},
    {SPOIL(resize), NAME("sign-short-half", "half a sector"),
     REFUSED(R(UNSIGNED), R(TRAILING_DATA)), .param = (uint32_t)-2048},
    {SPOIL(resize), NAME("sign-block-only", "one block, and no sector around it"),
     REFUSED(R(UNSIGNED), R(TRAILING_DATA)), .param = (uint32_t)(1216 - 4096)},
    {SPOIL(resize), NAME("sign-long-1", "a byte behind the sector"),
     REFUSED(R(UNSIGNED), R(TRAILING_DATA)), .param = 1},
    {SPOIL(resize), NAME("sign-long-sector", "an erased sector behind the sector"),
     REFUSED(R(TRAILING_DATA), R(UNSIGNED)), .param = 4096},
    {SPOIL(repeat_sector), NAME("sign-sector-twice", "the sector twice"),
     REFUSED(R(TRAILING_DATA), R(UNSIGNED), R(SIGNATURE_DIGEST))},
    {SPOIL(move_sector), NAME("sign-moved", "the sector moved behind a gap"),
     REFUSED(R(TRAILING_DATA), R(UNSIGNED), R(SIGNATURE_DIGEST))},
    {SPOIL(other_sector), NAME("sign-other-sector", "the sector of another genuine release"),
     REFUSED(R(SIGNATURE_DIGEST))},
    {SPOIL(put_byte), NAME("sign-fourth", "a fourth block begins behind the third"),
     REFUSED(R(SIGNATURE_FORMAT)), .param = 3648 | 0xE7 << 16},
    {SPOIL(put_byte), NAME("sign-garbage", "a byte of garbage behind the block"),
     REFUSED(R(SIGNATURE_FORMAT)), .param = 1216},
    {SPOIL(put_byte), NAME("sign-garbage-end", "… in the sector's last byte"),
     REFUSED(R(SIGNATURE_FORMAT)), .param = 4095},
    {SPOIL(put_byte), NAME("sign-block-tail", "a byte in the block's own tail, behind its CRC"),
     REFUSED(R(SIGNATURE_FORMAT)), .param = 1210 | 1 << 16},

    {SPOIL(sign_only), NAME("key-thief", "the thief's key"), REFUSED(R(SIGNATURE_KEY)),
     .param = KEY_BIT(KEY_THIEF)},
    {0, "S", NAME("key-retired", "a key that is listed no longer"), .spoil = sign_only,
     .holds = DEPLOY | KEY_BIT(KEY_RETIRED), REFUSED(R(SIGNATURE_KEY)),
     .param = KEY_BIT(KEY_RETIRED)},
    {SPOIL(sign_only), NAME("key-deploy", "the deploy key as image key"),
     REFUSED(R(SIGNATURE_KEY)), .param = DEPLOY},
    {SPOIL(sign_only), NAME("key-rsa-on-ecdsa", "an RSA key where ECDSA keys are listed"),
     REFUSED(R(SIGNATURE_KEY)), .param = KEY_BIT(KEY_THIEF_RSA)},
    {SPOIL(sign_only), NAME("key-p384-on-p256", "a P-384 key where P-256 keys are listed"),
     REFUSED(R(SIGNATURE_KEY)), .param = KEY_BIT(KEY_THIEF_P384)},
    {SPOIL(sign_only), RSA, NAME("key-ecdsa-on-rsa", "an ECDSA key where RSA is listed"),
     REFUSED(R(SIGNATURE_KEY)), .param = KEY_BIT(KEY_THIEF)},
    {0, "SK", RSA, NAME("key-other-product", "a genuine key of another product"),
     .spoil = sign_only, .holds = DEPLOY | FIRST, REFUSED(R(SIGNATURE_KEY)), .param = FIRST},
    {SPOIL(own_under_theirs), NAME("key-borrowed", "the thief's signature under the maker's key"),
     REFUSED(R(SIGNATURE_BAD))},
    {SPOIL(own_under_theirs), RSA, NAME("key-borrowed-rsa", "… with RSA"),
     REFUSED(R(SIGNATURE_BAD))},
    {SPOIL(set_in_block), NAME("key-p192", "a P-192 block, of the scheme that nobody checks"),
     REFUSED(R(SIGNATURE_BAD), R(SIGNATURE_KEY), R(SIGNATURE_FORMAT)), SET(KEY_AT, 1)},
    {SPOIL(fill_in_block), NAME("key-point-zero", "the point at zero as public key"),
     REFUSED(R(SIGNATURE_BAD), R(SIGNATURE_KEY)), RUN(POINT_AT, 64, 0)},
    {SPOIL(flip_in_block), NAME("key-point-off", "a point that is not on the curve"),
     REFUSED(R(SIGNATURE_BAD), R(SIGNATURE_KEY)), .param = POINT_AT + 9},
    {SPOIL(fill_in_block), NAME("key-point-large", "a point beyond the field"),
     REFUSED(R(SIGNATURE_BAD), R(SIGNATURE_KEY)), RUN(POINT_AT, 64, 0xFF)},

    {SPOIL(arrange), TWO, NAME("two-one-gone", "one of two blocks erased"),
     REFUSED(R(SIGNATURE_THRESHOLD)), .param = 0x0FF},
    {SPOIL(arrange), TWO, NAME("two-same", "one block twice"), REFUSED(R(SIGNATURE_THRESHOLD)),
     .param = 0x00F},
    {SPOIL(arrange), TWO, NAME("two-same-thrice", "one block three times"),
     REFUSED(R(SIGNATURE_THRESHOLD)), .param = 0x111},
    {0, "SK", TWO, NAME("two-same-key", "two different signatures by one key"), .spoil = arrange,
     .holds = DEPLOY | FIRST, REFUSED(R(SIGNATURE_THRESHOLD)), .param = 0x0EF},
    {0, "SK", TWO, NAME("two-same-key-3", "three different signatures by one key"),
     .spoil = arrange, .holds = DEPLOY | FIRST, REFUSED(R(SIGNATURE_THRESHOLD)), .param = 0x0EE},
    {SPOIL(arrange), TWO, NAME("two-gap", "a gap between two good blocks"),
     REFUSED(R(SIGNATURE_FORMAT)), .param = 0x0F1},
    {SPOIL(arrange), TWO, NAME("two-gap-first", "a gap in front of two good blocks"),
     REFUSED(R(UNSIGNED), R(TRAILING_DATA)), .param = 0xF01},
    {SPOIL(replace_second), TWO, NAME("two-thief", "one good, one by the thief"),
     REFUSED(R(SIGNATURE_THRESHOLD)), .param = KEY_THIEF},
    {SPOIL(replace_second), TWO, NAME("two-thief-rsa", "one good, one by the thief's RSA key"),
     REFUSED(R(SIGNATURE_THRESHOLD)), .param = KEY_THIEF_RSA},
    {SPOIL(replace_second), TWO, NAME("two-deploy", "one good, one by the deploy key"),
     REFUSED(R(SIGNATURE_THRESHOLD)), .param = KEY_DEPLOY},
    {0, "SK", TWO, NAME("two-retired", "one good, one by a retired key"), .spoil = replace_second,
     .holds = DEPLOY | KEY_BIT(KEY_RETIRED), REFUSED(R(SIGNATURE_THRESHOLD)),
     .param = KEY_RETIRED},
    {SPOIL(flip_in_block), TWO, NAME("two-bad", "two blocks, the second one's signature bad"),
     REFUSED(R(SIGNATURE_BAD)), .param = (ECDSA_AT + 7) | IN_SECOND},
    {SPOIL(flip_in_block), TWO, NAME("two-bad-first", "… the first one's"),
     REFUSED(R(SIGNATURE_BAD)), .param = ECDSA_AT + 40},
    {SPOIL(flip_in_block), TWO, NAME("two-digest", "… the second one's digest is of another body"),
     REFUSED(R(SIGNATURE_DIGEST)), .param = DIGEST_AT | IN_SECOND},
    {SPOIL(arrange), TWO, CONTROL, INSTALLED,
     NAME("two-permuted", "nobody attacks: two good blocks the other way round"), .param = 0x10F},

    {SPOIL(fill_in_block), NAME("block-crc-only", "no signature, but a good CRC"),
     REFUSED(R(SIGNATURE_BAD)), RUN(ECDSA_AT, 64, 0)},
    {SPOIL(fill_in_block), NAME("block-ones", "a signature of ones"), REFUSED(R(SIGNATURE_BAD)),
     RUN(ECDSA_AT, 64, 0xFF)},
    {SPOIL(flip_in_block), NAME("block-digest", "the digest of another body"),
     REFUSED(R(SIGNATURE_DIGEST)), .param = DIGEST_AT + 31},
    {SPOIL(other_signature), NAME("block-other-signature", "another release's signature"),
     REFUSED(R(SIGNATURE_BAD))},
    {SPOIL(put_byte), NAME("block-crc", "a wrong CRC"), REFUSED(R(SIGNATURE_FORMAT)),
     .param = 1196 | 0x5A << 16},
    {SPOIL(set_in_block), NAME("block-version", "a block version that does not exist"),
     REFUSED(R(SIGNATURE_FORMAT), R(UNSIGNED)), SET(1, 4)},
    {SPOIL(set_in_block), NAME("block-as-rsa", "an ECDSA block that says it is RSA"),
     REFUSED(R(SIGNATURE_FORMAT), R(SIGNATURE_BAD), R(SIGNATURE_KEY)), SET(1, 2)},
    {SPOIL(set_in_block), NAME("block-sha384", "a P-256 block that says SHA-384"),
     REFUSED(R(SIGNATURE_FORMAT)), SET(2, 1)},
    {SPOIL(set_in_block), NAME("block-reserved", "a reserved byte that is not zero"),
     REFUSED(R(SIGNATURE_FORMAT)), SET(3, 1)},
    {SPOIL(set_in_block), NAME("block-curve-0", "a curve that does not exist"),
     REFUSED(R(SIGNATURE_FORMAT)), SET(KEY_AT, 0)},
    {SPOIL(set_in_block), NAME("block-curve-255", "another one"), REFUSED(R(SIGNATURE_FORMAT)),
     SET(KEY_AT, 255)},
    {SPOIL(set_in_block), NAME("block-as-p384", "a P-256 block that says P-384"),
     REFUSED(R(SIGNATURE_FORMAT)), SET(KEY_AT, 3)},
    {SPOIL(set_in_block), NAME("block-padding", "a byte between signature and CRC"),
     REFUSED(R(SIGNATURE_FORMAT)), SET(600, 1)},

    {SPOIL(change_ecdsa), NAME("ecdsa-r-0", "r = 0"), REFUSED(R(SIGNATURE_BAD)),
     .param = NUMBER_ZERO | OF_R},
    {SPOIL(change_ecdsa), NAME("ecdsa-s-0", "s = 0"), REFUSED(R(SIGNATURE_BAD)),
     .param = NUMBER_ZERO | OF_S},
    {SPOIL(change_ecdsa), NAME("ecdsa-r-n", "r = n"), REFUSED(R(SIGNATURE_BAD)),
     .param = NUMBER_ORDER | OF_R},
    {SPOIL(change_ecdsa), NAME("ecdsa-s-n", "s = n"), REFUSED(R(SIGNATURE_BAD)),
     .param = NUMBER_ORDER | OF_S},
    {SPOIL(change_ecdsa), NAME("ecdsa-both-n", "r = s = n"), REFUSED(R(SIGNATURE_BAD)),
     .param = NUMBER_ORDER | OF_R | OF_S},
    {SPOIL(change_ecdsa), NAME("ecdsa-r-large", "r beyond every number"),
     REFUSED(R(SIGNATURE_BAD)), .param = NUMBER_FULL | OF_R},
    {SPOIL(change_ecdsa), NAME("ecdsa-s-plus-n", "s + n"), REFUSED(R(SIGNATURE_BAD)),
     .param = NUMBER_PLUS_ORDER | OF_S},
    {SPOIL(change_ecdsa), NAME("ecdsa-r-minus", "n - r"), REFUSED(R(SIGNATURE_BAD)),
     .param = NUMBER_MINUS | OF_R},
    {SPOIL(change_ecdsa), CONTROL, INSTALLED,
     NAME("ecdsa-s-minus", "n - s is the same signature in ECDSA: the same image, the same key"),
     .param = NUMBER_MINUS | OF_S},
    {SPOIL(swap_ecdsa), NAME("ecdsa-swapped", "r and s change places"), REFUSED(R(SIGNATURE_BAD))},
    {SPOIL(turn_round), NAME("ecdsa-big-endian", "the signature in the other byte order"),
     REFUSED(R(SIGNATURE_BAD)), .param = ECDSA_AT | 64 << 16},

    {SPOIL(rsa_exponent), RSA, NAME("rsa-exponent-1", "public exponent 1"),
     REFUSED(R(SIGNATURE_BAD), R(SIGNATURE_KEY)), .param = 1},
    {SPOIL(rsa_identity), RSA, NAME("rsa-exponent-forged", "… under which anybody can sign"),
     REFUSED(R(SIGNATURE_KEY), R(SIGNATURE_BAD))},
    {0, "SK", RSA, NAME("rsa-salt-0", "the stolen key, but a padding without salt"),
     .spoil = rsa_salt, .holds = DEPLOY | KEY_BIT(KEY_RSA), REFUSED(R(SIGNATURE_BAD))},
    {0, "SK", RSA, NAME("rsa-salt-20", "… a salt of 20 bytes"), .spoil = rsa_salt,
     .holds = DEPLOY | KEY_BIT(KEY_RSA), REFUSED(R(SIGNATURE_BAD)), .param = 20},
    {0, "SK", RSA, NAME("rsa-salt-64", "… a salt of 64 bytes"), .spoil = rsa_salt,
     .holds = DEPLOY | KEY_BIT(KEY_RSA), REFUSED(R(SIGNATURE_BAD)), .param = 64},
    {0, "-", RSA, CONTROL, INSTALLED, .spoil = rsa_salt, .holds = DEPLOY | KEY_BIT(KEY_RSA),
     NAME("rsa-salt-32", "nobody attacks: the same way of signing with 32 bytes"), .param = 32},
    {SPOIL(rsa_exponent), RSA, NAME("rsa-exponent-3", "public exponent 3 and a small cube"),
     REFUSED(R(SIGNATURE_BAD), R(SIGNATURE_KEY)), .param = 3},
    {SPOIL(rsa_exponent), RSA, NAME("rsa-exponent-0", "public exponent 0"),
     REFUSED(R(SIGNATURE_BAD), R(SIGNATURE_KEY))},
    {SPOIL(fill_in_block), RSA, NAME("rsa-modulus-0", "modulus 0"),
     REFUSED(R(SIGNATURE_BAD), R(SIGNATURE_KEY)), RUN(KEY_AT, 384, 0)},
    {SPOIL(fill_in_block), RSA, NAME("rsa-signature-0", "a signature of zeros"),
     REFUSED(R(SIGNATURE_BAD)), RUN(RSA_AT, 384, 0)},
    {SPOIL(fill_in_block), RSA, NAME("rsa-signature-large", "a signature beyond the modulus"),
     REFUSED(R(SIGNATURE_BAD)), RUN(RSA_AT, 384, 0xFF)},
    {SPOIL(flip_in_block), RSA, NAME("rsa-helper", "a number for the chip's arithmetic changed"),
     REFUSED(R(SIGNATURE_KEY), R(SIGNATURE_BAD)), .param = RSA_HELPER_AT},
    {SPOIL(turn_round), RSA, NAME("rsa-big-endian", "the signature in the other byte order"),
     REFUSED(R(SIGNATURE_BAD)), .param = RSA_AT | 384 << 16},
    {SPOIL(other_signature), RSA, NAME("rsa-other", "another release's signature"),
     REFUSED(R(SIGNATURE_BAD))},
    {0, "-", RSA, CONTROL, INSTALLED, .begin = p384_genuine,
     NAME("p384-genuine", "nobody attacks: a release signed with the listed P-384 key")},
    {SPOIL(p384_flipped), RSA, NAME("p384-bad", "the P-384 signature spoilt"),
     REFUSED(R(SIGNATURE_BAD)), .param = 149 + 5},
    {SPOIL(p384_flipped), RSA, NAME("p384-digest", "the P-384 block's digest spoilt"),
     REFUSED(R(SIGNATURE_DIGEST)), .param = DIGEST_AT + 40},
    {0}};
/* clang-format on */
