/* The seam to cryptography: the program links exactly one implementation
 * (ports/openssl on hosts, ports/psa on devices). Contexts are plain bytes in the caller's memory:
 * they may be copied by assignment and dropped without a close notify, so a power cut leaks
 * nothing. All multi-byte integers here are big-endian, as PSA takes them. */
#pragma once

#include "base/err.h"
#include "base/span.h"

enum godwit_hash_kind { GODWIT_SHA256, GODWIT_SHA384 };

#define GODWIT_SHA256_SIZE 32
#define GODWIT_SHA384_SIZE 48

/* A running hash; opaque, zero is "not begun". A failure inside sticks and comes out of peek. */
struct godwit_hash {
    uint64_t opaque[30];
};

void godwit_hash_init(struct godwit_hash *hash, enum godwit_hash_kind kind);
void godwit_hash_update(struct godwit_hash *hash, const uint8_t *data, size_t size);
/* The digest of all bytes so far (32 or 48 bytes); the hash goes on. IO when the engine failed.
 * One stream therefore gives image, body and file digest in one pass. */
GODWIT_MUST_USE godwit_err godwit_hash_peek(const struct godwit_hash *hash, uint8_t *digest_out);

/* Of the partition table only; not a security function. */
void godwit_md5(const uint8_t *data, size_t size, uint8_t digest_out[static 16]);

/* RSASSA-PSS, SHA-256, MGF1-SHA-256, salt 32, of an already computed digest. TRUST when bad. */
GODWIT_MUST_USE godwit_err godwit_verify_rsa3072(const uint8_t modulus[static 384],
                                                 uint32_t exponent, const uint8_t digest[static 32],
                                                 const uint8_t signature[static 384]);
/* ECDSA over a computed digest; key X‖Y (64 bytes), signature r‖s (64 bytes). TRUST when bad. */
GODWIT_MUST_USE godwit_err godwit_verify_p256(const uint8_t key[static 64],
                                              const uint8_t digest[static 32],
                                              const uint8_t signature[static 64]);
/* The same over P-384 and SHA-384: key and signature 96 bytes each. */
GODWIT_MUST_USE godwit_err godwit_verify_p384(const uint8_t key[static 96],
                                              const uint8_t digest[static 48],
                                              const uint8_t signature[static 96]);
