/* A device's bearer token as it travels, and the digest under which it is kept. */
#pragma once

#include "base/text.h"
#include "server/secret.h"

/* 64 hex digits → SHA-256 of the 32 bytes. FORMAT. */
GODWIT_MUST_USE static inline godwit_err device_token_digest(const char *bearer,
                                                             uint8_t digest_out[static 32])
{
    uint8_t token[32];
    godwit_err err = godwit_hex_decode(bearer, strlen(bearer), token, sizeof token);
    if (!err) secret_sha256(token, sizeof token, digest_out);
    return err;
}
