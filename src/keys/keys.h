/* Signing keys on a host (OpenSSL 3): makes keys, reads and writes PEM files, signs digests and
 * whole images, and puts a policy into an image before it is signed. */
#pragma once

#include <stdio.h>

#include "formats/sigblock.h"

struct key; /* private or public; opaque, close with key_close */

/* Makes a new private key. NULL when OpenSSL fails. */
struct key *key_generate(enum godwit_scheme scheme);
/* Reads a PEM file: a private or public key, RSA-3072, P-256 or P-384. MISSING: no such file;
 * FORMAT: not such a key. */
GODWIT_MUST_USE godwit_err key_open(const char *path, struct key **key_out);
void key_close(struct key *key);
/* Writes a private key, mode 0600, never over an existing file (BUSY). IO: see errno. */
GODWIT_MUST_USE godwit_err key_save(const struct key *key, const char *path);
/* Writes the public half as PEM, which is no secret. IO: see errno. */
GODWIT_MUST_USE godwit_err key_print_public(const struct key *key, FILE *out);
enum godwit_scheme key_scheme(const struct key *key);
bool key_is_private(const struct key *key);
void key_public(const struct key *key, struct godwit_public_key *out);
/* SHA-256 of the signature block's key field, by which a key is named everywhere. */
GODWIT_MUST_USE godwit_err key_digest(const struct key *key, uint8_t digest_out[static 32]);
/* Signs a computed digest; out is big-endian: 384 (RSA-PSS), 64 or 96 bytes (r‖s).
 * Safe from several threads at once. */
GODWIT_MUST_USE godwit_err key_sign(const struct key *key, const uint8_t *digest,
                                    size_t digest_size, uint8_t *signature_out, size_t *size_out);

/* RSA only: signs with a salt of another length than Secure Boot's 32 bytes; tests show that such a
 * signature is refused. */
GODWIT_MUST_USE godwit_err key_sign_salted(const struct key *key, const uint8_t digest[static 32],
                                           int salt_size, uint8_t signature_out[static 384]);

/* Adds a signature block to an image in memory: pads an unsigned one with 0xFF to 4 KiB, keeps the
 * blocks of a signed one. *out is malloc'ed. BUSY: this key has signed it already; SPACE: it has
 * three blocks already; FORMAT: no image; *reason_out says more. Never treats an old sector as
 * image data. */
GODWIT_MUST_USE godwit_err image_sign(const struct key *key, const uint8_t *data, size_t size,
                                      uint8_t **out, size_t *size_out,
                                      enum godwit_reason *reason_out);

/* What an image has at 0x120, where its policy belongs. */
enum policy_place {
    POLICY_PLACE_EMPTY,  /* 328 zero bytes: the placeholder that the maker's build reserves */
    POLICY_PLACE_FILLED, /* a P1, well formed or not */
    POLICY_PLACE_OTHER,  /* something else, which must stay */
    POLICY_PLACE_SHORT,  /* segment 0 ends before 0x268 */
};
/* data must start like an application image. */
enum policy_place policy_place(const uint8_t *data, size_t size);
/* Writes P1's bytes into an unsigned image in memory, over the placeholder or an older P1; computes
 * checksum byte and appended digest again. BUSY: signed already; MISSING: no room is reserved;
 * FORMAT: no sound image with a digest, *reason_out says more. Only OK changes the bytes. */
GODWIT_MUST_USE godwit_err image_put_policy(const uint8_t policy[static 328], uint8_t *data,
                                            size_t size, enum godwit_reason *reason_out);
