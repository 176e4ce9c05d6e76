/* People, who belong to organisations with a role in each. A user has one name and one password on
 * a server; the organisation in which it was made (its home) manages both, so that no other's admin
 * can take it over. */
#pragma once

#include "fleet/token.h"

#define ACCOUNT_HASH_MAX 128
#define ACCOUNT_TOTP_SIZE 20      /* bytes of a second factor's secret */
#define ACCOUNT_RECOVERY_CODES 10 /* each lets in once without it */

/* What a login needs to know of a user in one organisation. */
struct account_login {
    char org[ACCESS_NAME_MAX], home[ACCESS_NAME_MAX];
    char password_hash[ACCOUNT_HASH_MAX];
    enum role role;
    bool has_totp, needs_totp; /* its own is on; the organisation asks for one */
    uint8_t totp_secret[ACCOUNT_TOTP_SIZE];
    int64_t totp_step; /* the last that was used */
};
/* In `org`, or where that is "" in its home, or else in the first by name. MISSING: there is no
 * such user there. Any connection. */
GODWIT_MUST_USE godwit_err account_login(struct db *db, const char *user, const char *org,
                                         struct account_login *out);
/* Encoded password hash of a user; MISSING when there is no such user. Any connection. */
GODWIT_MUST_USE godwit_err account_password(struct db *db, const char *user, char *out,
                                            size_t size_max);

/* 1 to 32 of letters, digits and "._@+-", and not ACCOUNT_MACHINE. */
bool account_name_is_good(const char *name);

struct account_new {
    const char *org, *user, *password_hash;
    enum role role;
    int64_t now_s;
};
/* POLICY: the name is taken. Writer. */
GODWIT_MUST_USE godwit_err account_create(struct db *db, const struct account_new *made);
/* A user that is there belongs to this organisation too. MISSING: there is none; POLICY: it does
 * already. Writer. */
GODWIT_MUST_USE godwit_err account_join(struct fleet *fleet, struct db *db,
                                        const struct account_new *made);
/* MISSING: it is not of that organisation; POLICY: it is the last admin there. Both hold at once
 * for its sessions and tokens. remove: in its home the user goes whole. Writer. */
GODWIT_MUST_USE godwit_err account_set_role(struct fleet *fleet, struct db *db, const char *org,
                                            const char *user, enum role role);
GODWIT_MUST_USE godwit_err account_remove(struct fleet *fleet, struct db *db, const char *org,
                                          const char *user);
/* Of a user whose home is `org` (NULL: anywhere); ends all its tokens but kept_sha256. MISSING: it
 * is not. Writer. */
GODWIT_MUST_USE godwit_err account_set_password(struct fleet *fleet, struct db *db, const char *org,
                                                const char *user, const char *password_hash,
                                                const uint8_t *kept_sha256);
/* The same password in a better hash; no token ends. Writer. */
GODWIT_MUST_USE godwit_err account_rehash(struct db *db, const char *user,
                                          const char *password_hash);

struct account_view {
    char user[ACCESS_NAME_MAX], home[ACCESS_NAME_MAX];
    enum role role;
    bool has_totp;
    int64_t made_s;
};
/* The people of an organisation by name, after `after` ("": from the start). Any connection. */
GODWIT_MUST_USE godwit_err account_list(struct db *db, const char *org, const char *after,
                                        struct account_view *out, size_t count_max,
                                        size_t *count_out);

/* Each membership of the server, by user and organisation. Any connection. */
typedef void account_seen(void *ctx, const char *org, const struct account_view *view);
GODWIT_MUST_USE godwit_err account_each(struct db *db, account_seen *seen, void *ctx);
/* Whether there is any user at all. Any connection. */
bool account_exists(struct db *db);

/* ---- the second factor ---- */

/* Sets a secret up, which counts once it was proved by a code; MISSING: no such user. Writer. */
GODWIT_MUST_USE godwit_err account_totp_begin(struct db *db, const char *user,
                                              const uint8_t secret[static ACCOUNT_TOTP_SIZE]);
/* It is on from now; the digests of its recovery codes take the place of those before. Writer. */
GODWIT_MUST_USE godwit_err account_totp_turn_on(struct db *db, const char *user,
                                                const uint8_t codes_sha256[][32], size_t count);
/* Off, with its codes. org: the user's home; NULL: anywhere. Writer. */
GODWIT_MUST_USE godwit_err account_totp_turn_off(struct db *db, const char *org, const char *user);
/* MISSING: this step or a later one was used before, as in a replay. Writer. */
GODWIT_MUST_USE godwit_err account_totp_use(struct db *db, const char *user, int64_t step);
/* MISSING: no such code, or it was used. Writer. */
GODWIT_MUST_USE godwit_err account_recovery_use(struct db *db, const char *user,
                                                const uint8_t code_sha256[static 32]);
