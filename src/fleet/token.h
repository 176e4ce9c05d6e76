/* Tokens by which people, programs and this machine speak to the service: sessions, API tokens and
 * the one in the data directory. Of a secret only its SHA-256 is kept. A token that has ended stays
 * ended: it leaves memory at the first look after its end, so a clock that goes back does not
 * revive it. */
#pragma once

#include "fleet/access.h"
#include "fleet/fleet.h"

/* The owner of the token in the data directory's file admin-token; no person has this name. */
#define ACCOUNT_MACHINE "machine"
/* A token from further ahead than this is of a clock that was wrong; it is refused, not ended. */
#define TOKEN_CLOCK_SLACK_S 300
#define TOKENS_MAX 100             /* of one user and kind in one organisation */
#define TOKEN_MARK_SIZE 8          /* first bytes of its SHA-256: how people and the API name it */
#define SESSION_IDLE_S (12 * 3600) /* a session ends after so long without a request … */
#define SESSION_MAX_S (7 * 24 * 3600) /* … and at the latest after so long */
#define PROOF_S 600                   /* how long a typed password is proof for dangerous acts */
#define TOKEN_USED_EVERY_S 60         /* the last use is written at most so often */

enum token_kind { TOKEN_SESSION, TOKEN_API, TOKEN_MACHINE, TOKEN_KIND_COUNT };
const char *token_kind_name(enum token_kind kind); /* "session" … */

struct token {
    uint8_t token_sha256[32];
    const struct org *org;
    char user[ACCESS_NAME_MAX], product[ACCESS_NAME_MAX];
    enum token_kind kind;
    enum role role;
    unsigned scopes;
    int64_t made_s, expires_s; /* expires_s 0: never */
    int64_t used_s, proved_s;
    int64_t written_s;  /* what the database has as its last use */
    struct token *next; /* the next that has ended and still has a row */
};

/* A token that is made. */
struct token_new {
    const char *org, *user;
    const char *name;    /* what it is for, or from where it was begun */
    const char *product; /* the only one that it is good for; "": all */
    enum token_kind kind;
    unsigned scopes;
    const uint8_t *token_sha256; /* 32 bytes */
    int64_t now_s, expires_s;    /* expires_s 0: never */
    bool is_proved;              /* a password was typed for it just now */
};
/* The oldest session of many ends; POLICY: there are TOKENS_MAX API tokens. Writer. */
GODWIT_MUST_USE godwit_err token_add(struct fleet *fleet, struct db *db,
                                     const struct token_new *token_new);
/* Ends one token, in the database and at once in memory; it may be gone already. Writer. */
GODWIT_MUST_USE godwit_err token_end(struct fleet *fleet, struct db *db,
                                     const uint8_t token_sha256[static 32]);
/* The same of the token with this mark. user NULL: anybody's of the organisation. MISSING: there is
 * none. Writer. */
GODWIT_MUST_USE godwit_err token_end_marked(struct fleet *fleet, struct db *db, const char *org,
                                            const char *user, enum token_kind kind,
                                            const uint8_t mark[static TOKEN_MARK_SIZE]);
/* Ends all tokens of a user but one; org NULL: everywhere; kept_sha256 NULL: all. Writer. */
GODWIT_MUST_USE godwit_err token_end_user(struct fleet *fleet, struct db *db, const char *org,
                                          const char *user, const uint8_t *kept_sha256);
/* Ends the sessions there of people who have no second factor. Writer. */
GODWIT_MUST_USE godwit_err token_end_factorless(struct fleet *fleet, struct db *db,
                                                const char *org);
/* Ends the tokens whose time is over. Writer. */
GODWIT_MUST_USE godwit_err token_sweep(struct fleet *fleet, struct db *db, int64_t now_s);
/* Writes the last uses that are TOKEN_USED_EVERY_S newer than those in the database. Writer. */
GODWIT_MUST_USE godwit_err token_flush(struct fleet *fleet, struct db *db);
/* The user's password was typed for it. Writer. */
GODWIT_MUST_USE godwit_err token_prove(struct fleet *fleet, struct db *db,
                                       const uint8_t token_sha256[static 32], int64_t now_s);
/* A user has another role there from now on. Writer. */
GODWIT_MUST_USE godwit_err token_set_roles(struct fleet *fleet, struct db *db, const char *org,
                                           const char *user, enum role role);

/* Whether the token is known and its time is not over, and whom it names; that is a use of it. One
 * whose time is over ends here. Lock held. */
bool token_actor(struct fleet *fleet, const uint8_t token_sha256[static 32], int64_t now_s,
                 struct actor *actor_out);

/* ---- for people ---- */

struct token_view {
    char user[ACCESS_NAME_MAX], name[65], product[ACCESS_NAME_MAX];
    uint8_t mark[TOKEN_MARK_SIZE];
    unsigned scopes;
    int64_t made_s, expires_s, used_s;
};
/* The session or token with this mark; MISSING: there is none there. Any connection. */
GODWIT_MUST_USE godwit_err token_of_mark(struct db *db, const char *org,
                                         const uint8_t mark[static TOKEN_MARK_SIZE],
                                         struct token_view *out);
/* The newest count_max of an organisation (user NULL) or of one user there. Any connection. */
GODWIT_MUST_USE godwit_err token_list(struct db *db, const char *org, const char *user,
                                      enum token_kind kind, struct token_view *out,
                                      size_t count_max, size_t *count_out);

/* ---- for fleet.c: how the table is read, and what is given back ---- */

#define TOKEN_LOAD_SQL                                                                        \
    "select t.token_sha256, t.created, t.expires, t.org, t.user_name, t.product, t.kind,"     \
    " t.scopes, t.used, t.proved, coalesce(m.role, '') from tokens t left join memberships m" \
    " on m.org = t.org and m.user_name = t.user_name"
void token_load(struct fleet *fleet, const struct db_rows *rows);
void tokens_deinit(struct fleet *fleet);
