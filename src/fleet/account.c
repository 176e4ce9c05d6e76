/* The database says which tokens end, in one statement; memory follows the rows it names. So the
 * two can not differ, and no list of tokens has to be walked. */
#include "fleet/account.h"

#include <stdlib.h>

#include "fleet/memory.h"

/* ---- people ---- */

godwit_err account_password(struct db *db, const char *user, char *out, size_t size_max)
{
    struct db_rows rows;
    godwit_err err =
        db_query(db, &rows, "select password_hash from users where org = $1 and name = $2",
                 DB_ARGS(db_text(FLEET_ORG), db_text(user)));
    if (!err) err = db_next(&rows);
    if (!err) db_column_text(&rows, 0, out, size_max);
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_ERR_MISSING : err;
}

godwit_err account_create(struct db *db, const char *user, const char *password_hash, int64_t now_s)
{
    return db_run(
        db,
        "insert into users (org, name, password_hash, created)"
        " values ($1, $2, $3, $4)",
        DB_ARGS(db_text(FLEET_ORG), db_text(user), db_text(password_hash), db_int(now_s)));
}

/* ---- tokens ---- */

static struct account_token *token_add(struct fleet *fleet, const uint8_t token_sha256[static 32],
                                       int64_t made_s, int64_t expires_s)
{
    struct account_token *token = fleet_alloc(sizeof *token);
    memcpy(token->token_sha256, token_sha256, 32);
    token->made_s = made_s;
    token->expires_s = expires_s;
    index_add(&fleet->tokens_by_digest, token);
    return token;
}

static struct account_token *token_find(const struct fleet *fleet,
                                        const uint8_t token_sha256[static 32])
{
    struct account_token *token = index_find(&fleet->tokens_by_digest, token_sha256);
    return token && fleet_same_secret(token->token_sha256, token_sha256) ? token : NULL;
}

void account_load_token(struct fleet *fleet, const struct db_rows *rows)
{
    uint8_t digest[32];
    db_column_blob(rows, 0, digest, 32);
    token_add(fleet, digest, db_column_int(rows, 1), db_column_int(rows, 2));
}

static void free_ended(struct fleet *fleet)
{
    for (struct account_token *token = fleet->tokens_ended, *next; token; token = next) {
        next = token->next;
        free(token);
    }
    fleet->tokens_ended = NULL;
}

void account_deinit(struct fleet *fleet)
{
    free_ended(fleet);
    index_deinit(&fleet->tokens_by_digest, true);
}

/* Runs a "delete … returning token_sha256"; what it names leaves memory. */
static godwit_err end_rows(struct fleet *fleet, struct db *db, const char *sql,
                           const struct db_value *values, size_t count)
{
    struct db_rows rows;
    uint8_t digest[32];
    godwit_err err = db_query(db, &rows, sql, values, count);
    while (!err && !(err = db_next(&rows))) {
        db_column_blob(&rows, 0, digest, sizeof digest);
        fleet_lock(fleet);
        struct account_token *token = token_find(fleet, digest);
        if (token) index_remove(&fleet->tokens_by_digest, token);
        fleet_unlock(fleet);
        free(token);
    }
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

godwit_err account_add_token(struct fleet *fleet, struct db *db, const char *user,
                             const uint8_t token_sha256[static 32], int64_t now_s,
                             int64_t expires_s)
{
    godwit_err err = db_run(db,
                            "insert into tokens (org, token_sha256, user_name, created, expires)"
                            " values ($1, $2, $3, $4, $5)",
                            DB_ARGS(db_text(FLEET_ORG), db_blob(token_sha256, 32), db_text(user),
                                    db_int(now_s), db_int(expires_s)));
    if (err) return err;
    fleet_lock(fleet);
    token_add(fleet, token_sha256, now_s, expires_s);
    fleet_unlock(fleet);
    return end_rows(fleet, db,
                    "delete from tokens where org = $1 and user_name = $2 and token_sha256 in"
                    " (select token_sha256 from tokens where org = $1 and user_name = $2"
                    " order by created desc, token_sha256 limit $3 offset $4)"
                    " returning token_sha256",
                    DB_ARGS(db_text(FLEET_ORG), db_text(user), db_int(ACCOUNT_TOKENS_MAX),
                            db_int(ACCOUNT_TOKENS_MAX)));
}

godwit_err account_end_token(struct fleet *fleet, struct db *db,
                             const uint8_t token_sha256[static 32])
{
    return end_rows(fleet, db,
                    "delete from tokens where org = $1 and token_sha256 = $2"
                    " returning token_sha256",
                    DB_ARGS(db_text(FLEET_ORG), db_blob(token_sha256, 32)));
}

godwit_err account_end_user(struct fleet *fleet, struct db *db, const char *user,
                            const uint8_t *kept_sha256)
{
    static const uint8_t NONE[32];
    return end_rows(
        fleet, db,
        "delete from tokens where org = $1 and user_name = $2 and token_sha256 <> $3"
        " returning token_sha256",
        DB_ARGS(db_text(FLEET_ORG), db_text(user), db_blob(kept_sha256 ? kept_sha256 : NONE, 32)));
}

godwit_err account_sweep(struct fleet *fleet, struct db *db, int64_t now_s)
{
    godwit_err err = end_rows(fleet, db,
                              "delete from tokens where expires > 0 and expires <= $1"
                              " returning token_sha256",
                              DB_ARGS(db_int(now_s)));
    /* Seen ended at a time to which the clock may not have come back. */
    fleet_lock(fleet);
    struct account_token *ended = fleet->tokens_ended;
    fleet->tokens_ended = NULL;
    fleet_unlock(fleet);
    for (struct account_token *next; ended; ended = next) {
        next = ended->next;
        if (!err) err = account_end_token(fleet, db, ended->token_sha256);
        free(ended);
    }
    return err;
}

bool account_token_is_good(struct fleet *fleet, const uint8_t token_sha256[static 32],
                           int64_t now_s)
{
    struct account_token *token = token_find(fleet, token_sha256);
    if (!token || token->expires_s == 0) return token;
    if (now_s < token->expires_s) return now_s >= token->made_s - ACCOUNT_CLOCK_SLACK_S;
    index_remove(&fleet->tokens_by_digest, token);
    token->next = fleet->tokens_ended;
    fleet->tokens_ended = token;
    return false;
}

bool account_actor(struct fleet *fleet, const uint8_t token_sha256[static 32], int64_t now_s,
                   struct actor *actor_out)
{
    *actor_out = (struct actor){.org = FLEET_ORG, .role = ROLE_ADMIN, .scopes = SCOPE_ALL};
    return account_token_is_good(fleet, token_sha256, now_s);
}
