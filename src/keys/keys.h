/* Signing keys on a host: PEM files, making keys, signing digests and whole images (OpenSSL 3); and
 * the policy that goes into an image before it is signed. */
#pragma once

#include <stdio.h>

#include "formats/sigblock.h"

struct key; /* private or public; opaque, close with key_close */

/* A fresh private key. NULL when OpenSSL refuses. */
struct key *key_generate(enum godwit_scheme scheme);
/* PEM, private or public, RSA-3072, P-256 or P-384. MISSING: no such file; FORMAT: not such a key.
 */
GODWIT_MUST_USE godwit_err key_open(const char *path, struct key **key_out);
void key_close(struct key *key);
/* Writes a private key, mode 0600, never over an existing file (BUSY). IO: errno tells. */
GODWIT_MUST_USE godwit_err key_save(const struct key *key, const char *path);
/* Writes the public half as PEM, which may be passed around. IO: errno tells. */
GODWIT_MUST_USE godwit_err key_print_public(const struct key *key, FILE *out);
enum godwit_scheme key_scheme(const struct key *key);
bool key_is_private(const struct key *key);
void key_public(const struct key *key, struct godwit_public_key *out);
/* SHA-256 of the signature block's key field: the key's name everywhere. */
GODWIT_MUST_USE godwit_err key_digest(const struct key *key, uint8_t digest_out[static 32]);
/* Signs a computed digest; out is big-endian: 384 (RSA-PSS), 64 or 96 bytes (r‖s).
 * Safe from several threads at once. */
GODWIT_MUST_USE godwit_err key_sign(const struct key *key, const uint8_t *digest,
                                    size_t digest_size, uint8_t *signature_out, size_t *size_out);

/* RSA only: the same with a salt of another length than Secure Boot's 32 bytes, for showing that it
 * is refused. */
GODWIT_MUST_USE godwit_err key_sign_salted(const struct key *key, const uint8_t digest[static 32],
                                           int salt_size, uint8_t signature_out[static 384]);

/* Adds a signature block to an image in memory: pads an unsigned one with 0xFF to 4 KiB, keeps the
 * blocks of a signed one. *out is malloc'ed. BUSY: one of them is by this key; SPACE: three
 * blocks already; FORMAT: no image; *reason_out says more. Never treats an old sector as image
 * data. */
GODWIT_MUST_USE godwit_err image_sign(const struct key *key, const uint8_t *data, size_t size,
                                      uint8_t **out, size_t *size_out,
                                      enum godwit_reason *reason_out);

/* What stands where an image's policy belongs, at 0x120. */
enum policy_place {
    POLICY_PLACE_EMPTY,  /* 328 zero bytes: the placeholder that the maker's build reserves */
    POLICY_PLACE_FILLED, /* a P1, well formed or not */
    POLICY_PLACE_OTHER,  /* something else, which must stay */
    POLICY_PLACE_SHORT,  /* segment 0 ends before 0x268 */
};
/* Of bytes that start like an application image. */
enum policy_place policy_place(const uint8_t *data, size_t size);
/* Writes P1's bytes into an unsigned image in memory, over the placeholder or an older P1; makes
 * checksum byte and appended digest anew. BUSY: signed already; MISSING: no place for it;
 * FORMAT: no sound image with a digest, *reason_out says more. Only OK changes the bytes. */
GODWIT_MUST_USE godwit_err image_put_policy(const uint8_t policy[static 328], uint8_t *data,
                                            size_t size, enum godwit_reason *reason_out);
