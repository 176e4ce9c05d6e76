/* The deploy keys of a data directory: deploy.pem is the present one; the ones before it stay as
 * deploy-1.pem (the oldest) to deploy-7.pem while devices obey no newer one. */
#pragma once

#include "fleet/reply.h"
#include "keys/keys.h"

struct deploy_keys {
    size_t count;
    struct key *keys[FLEET_DEPLOY_KEYS_MAX]; /* newest first */
    uint8_t points[FLEET_DEPLOY_KEYS_MAX][64];
};

/* Reads all of them. may_make: makes the first where there is none. The note is one line that says
 * what is wrong and what to do. */
GODWIT_MUST_USE godwit_err deploy_keys_open(const char *data, bool may_make,
                                            struct deploy_keys *out, char *note_out,
                                            size_t note_size);
void deploy_keys_close(struct deploy_keys *keys);
/* Makes a new present key and keeps the one before. SPACE: there are eight already. A cut leaves
 * either key as the present one, and none is lost. */
GODWIT_MUST_USE godwit_err deploy_keys_next(const char *data);
/* The 256 bytes, signed by the key that the reply names. */
GODWIT_MUST_USE godwit_err deploy_keys_sign(const struct deploy_keys *keys,
                                            const struct device_reply *device_reply,
                                            uint8_t out[static GODWIT_INSTRUCTION_SIZE]);
