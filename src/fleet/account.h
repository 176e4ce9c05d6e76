/* People, and the tokens by which they and this machine speak to the service. Of a secret only its
 * SHA-256 is kept. A token that has ended stays ended: it leaves
 * memory at the first look after its end, so a clock that goes back does not revive it. */
#pragma once

#include "fleet/access.h"
#include "fleet/fleet.h"

/* The owner of the token in the data directory's file admin-token; no person has this name. */
#define ACCOUNT_MACHINE "machine"
/* A session from further ahead than this is of a clock that was wrong; it is refused, not ended. */
#define ACCOUNT_CLOCK_SLACK_S 300
#define ACCOUNT_TOKENS_MAX 100 /* of one user; with one more the oldest ends */

struct account_token {
    uint8_t token_sha256[32];
    int64_t made_s, expires_s;  /* expires_s 0: never */
    struct account_token *next; /* the next that has ended and still has a row */
};

/* Encoded password hash of a user; MISSING when there is no such user. Any connection. */
GODWIT_MUST_USE godwit_err account_password(struct db *db, const char *user, char *out,
                                            size_t size_max);
GODWIT_MUST_USE godwit_err account_create(struct db *db, const char *user,
                                          const char *password_hash, int64_t now_s);

/* A new token of a user; expires_s 0: never. Writer. */
GODWIT_MUST_USE godwit_err account_add_token(struct fleet *fleet, struct db *db, const char *user,
                                             const uint8_t token_sha256[static 32], int64_t now_s,
                                             int64_t expires_s);
/* Ends one token, in the database and at once in memory; it may be gone already. Writer. */
GODWIT_MUST_USE godwit_err account_end_token(struct fleet *fleet, struct db *db,
                                             const uint8_t token_sha256[static 32]);
/* Ends all tokens of a user but one; kept_sha256 NULL: all. Writer. */
GODWIT_MUST_USE godwit_err account_end_user(struct fleet *fleet, struct db *db, const char *user,
                                            const uint8_t *kept_sha256);
/* Ends the tokens whose time is over. Writer. */
GODWIT_MUST_USE godwit_err account_sweep(struct fleet *fleet, struct db *db, int64_t now_s);
/* Whether the token is known and its time is not over; one whose time is over ends here. Lock held.
 */
bool account_token_is_good(struct fleet *fleet, const uint8_t token_sha256[static 32],
                           int64_t now_s);
/* The same, and who that is. Lock held. */
bool account_actor(struct fleet *fleet, const uint8_t token_sha256[static 32], int64_t now_s,
                   struct actor *actor_out);

/* ---- for fleet.c: how the table is read, and what is given back ---- */

#define ACCOUNT_LOAD_SQL "select token_sha256, created, expires from tokens"
void account_load_token(struct fleet *fleet, const struct db_rows *rows);
void account_deinit(struct fleet *fleet);
