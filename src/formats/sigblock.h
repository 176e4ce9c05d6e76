/* The Secure Boot v2 signature sector: up to three 1,216-byte blocks of any scheme, then 0xFF.
 * Source: ESP-IDF secure_boot_signature layout, espsecure. Inside a block integers are
 * little-endian; this module turns them round for base/crypto.h. */
#pragma once

#include "base/err.h"
#include "base/span.h"
#include "formats/reason.h"

#define GODWIT_SIGBLOCK_MAGIC 0xE7
#define GODWIT_SIGBLOCK_SIZE 1216
#define GODWIT_SIGBLOCKS_MAX 3
#define GODWIT_SIGSECTOR_SIZE 4096

enum godwit_scheme {
    GODWIT_SCHEME_NONE,
    GODWIT_SCHEME_RSA3072,
    GODWIT_SCHEME_ECDSA256,
    GODWIT_SCHEME_ECDSA384,
    GODWIT_SCHEME_ECDSA192, /* recognised and named, never verified: gone with Mbed TLS 4.1 */
};

/* One block looked at. */
struct godwit_sigblock {
    enum godwit_scheme scheme;
    uint8_t key_digest[32];    /* SHA-256 of the key field, as programmed into eFuses */
    enum godwit_reason reason; /* NONE: the signature is good over the given digests */
};

/* The digests that a block may sign; both over the body (everything in front of the sector). */
struct godwit_body_digests {
    const uint8_t *sha256; /* 32 bytes */
    const uint8_t *sha384; /* 48 bytes, or NULL: P-384 blocks are then SIGNATURE_DIGEST */
};

/* How many blocks stand in the sector: counts from the first on while the magic byte stands.
 * 0 for an erased or foreign sector. */
size_t godwit_sigsector_count(const uint8_t sector[static GODWIT_SIGSECTOR_SIZE]);
/* True when everything behind the blocks is 0xFF and the zero tails of the blocks are zero:
 * stricter than espsecure, so that no byte of a file is free. */
bool godwit_sigsector_is_tidy(const uint8_t sector[static GODWIT_SIGSECTOR_SIZE]);

/* Whether some block signs the body's SHA-384. */
bool godwit_sigsector_has_sha384(const uint8_t sector[static GODWIT_SIGSECTOR_SIZE]);

/* Parse and verify one block (magic, version, CRC, digest, signature); fills out wholly, also when
 * bad. FORMAT when it is no block, TRUST when it does not verify, OK when good. Trust in the key
 * is the caller's affair. About 1.3 KiB of stack. */
GODWIT_MUST_USE godwit_err godwit_sigblock_check(const uint8_t block[static GODWIT_SIGBLOCK_SIZE],
                                                 const struct godwit_body_digests *digests,
                                                 struct godwit_sigblock *out);

/* "rsa3072", "ecdsa256", "ecdsa384", "ecdsa192"; "none". Static. */
const char *godwit_scheme_name(enum godwit_scheme scheme);

/* The key field of a block from big-endian parts, for signers: writes key, digest and all derived
 * fields; the signature is added by the second call, which also closes the block with its CRC. */
struct godwit_public_key {
    enum godwit_scheme scheme;
    uint8_t modulus[384]; /* RSA, big-endian */
    uint32_t exponent;
    uint8_t rinv[384]; /* RSA: 2^6144 mod n, big-endian; the maker computes it */
    uint32_t m_prime;  /* RSA: -n^-1 mod 2^32 */
    uint8_t point[96]; /* ECDSA X‖Y, big-endian, packed: 64 or 96 bytes */
};

GODWIT_MUST_USE godwit_err godwit_sigblock_begin(uint8_t block[static GODWIT_SIGBLOCK_SIZE],
                                                 const struct godwit_public_key *key,
                                                 const struct godwit_body_digests *digests);
/* signature big-endian: 384, 64 or 96 bytes by the block's scheme. */
GODWIT_MUST_USE godwit_err godwit_sigblock_commit(uint8_t block[static GODWIT_SIGBLOCK_SIZE],
                                                  const uint8_t *signature, size_t size);
/* SHA-256 of the key field: the name of a key everywhere in Godwit. */
GODWIT_MUST_USE godwit_err godwit_sigblock_key_digest(
    const uint8_t block[static GODWIT_SIGBLOCK_SIZE], uint8_t digest_out[static 32]);
