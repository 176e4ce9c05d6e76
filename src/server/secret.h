/* Passwords and random secrets. */
#pragma once

#include "base/crypto.h"
#include "base/err.h"
#include "base/span.h"

#define SECRET_HASH_MAX 128

/* Argon2id, 19 MiB, 2 passes, 1 lane (the least that OWASP asks for); the parameters stand in the
 * text. Takes tens of milliseconds: never on an event loop. */
GODWIT_MUST_USE godwit_err password_hash(const char *password, char *out, size_t size_max);
/* Whether it was made with what password_hash takes now, or more. */
bool password_hash_is_strong(const char *hash);
bool password_is_good(const char *hash, const char *password);
/* "k7dm-x2rq-…": 100 bits in letters and digits that are not mistaken for each other. */
GODWIT_MUST_USE godwit_err password_make(char out[static 32]);

GODWIT_MUST_USE godwit_err secret_random(uint8_t *out, size_t size);
#define SECRET_TOKEN_SIZE 69
/* "gwa." and 64 hex digits, where gwa is the kind; 32 random bytes that are kept nowhere else. */
GODWIT_MUST_USE godwit_err secret_token(const char kind[static 4],
                                        char out[static SECRET_TOKEN_SIZE]);
void secret_sha256(const void *data, size_t size, uint8_t digest_out[static 32]);
/* RFC 4648 section 5 without padding; 32 bytes become 43 characters and a NUL. */
void secret_base64url(const uint8_t data[static 32], char out[static 44]);
