/* People and their tokens, and the tokens that let devices join. */
#pragma once

#include "fleet/fleet.h"

#define FLEET_CLAIM_COUNT_MAX 1000000

GODWIT_MUST_USE godwit_err claim_create(struct fleet *fleet, struct db *db,
                                        const struct product *product, uint32_t count,
                                        const uint8_t claim_sha256[static 32], int64_t now_s);
/* Encoded password hash of a user; MISSING when there is no such user. Any connection. */
GODWIT_MUST_USE godwit_err account_password(struct db *db, const char *user, char *out,
                                            size_t size_max);
GODWIT_MUST_USE godwit_err account_create(struct db *db, const char *user,
                                          const char *password_hash, int64_t now_s);
/* A new API token; expires_s 0: never. Drops those that have expired. Writer. */
GODWIT_MUST_USE godwit_err account_add_token(struct fleet *fleet, struct db *db, const char *user,
                                             const uint8_t token_sha256[static 32], int64_t now_s,
                                             int64_t expires_s);
/* Lock held. */
bool account_token_is_good(const struct fleet *fleet, const uint8_t token_sha256[static 32],
                           int64_t now_s);
