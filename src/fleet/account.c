/* People and their tokens, and the tokens that let devices join. Only digests are kept. */
#include "fleet/account.h"

#include <stdlib.h>

#include "fleet/memory.h"

godwit_err claim_create(struct fleet *fleet, struct db *db, const struct product *product,
                        uint32_t count, const uint8_t claim_sha256[static 32], int64_t now_s)
{
    godwit_err err = db_run(db,
                            "insert into claims (org, claim_sha256, product, count_max, created)"
                            " values ($1, $2, $3, $4, $5)",
                            DB_ARGS(db_text(FLEET_ORG), db_blob(claim_sha256, 32),
                                    db_int(product->id), db_int(count), db_int(now_s)));
    if (err) return err;
    struct claim *claim = fleet_alloc(sizeof *claim);
    memcpy(claim->claim_sha256, claim_sha256, 32);
    fleet_lock(fleet);
    claim->product = product_find(&fleet->catalogue, product->name);
    claim->count_max = count;
    index_add(&fleet->claims_by_digest, claim);
    fleet_unlock(fleet);
    return GODWIT_OK;
}

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

godwit_err account_add_token(struct fleet *fleet, struct db *db, const char *user,
                             const uint8_t token_sha256[static 32], int64_t now_s,
                             int64_t expires_s)
{
    godwit_err err =
        db_run(db, "delete from tokens where expires > 0 and expires < $1", DB_ARGS(db_int(now_s)));
    if (!err)
        err = db_run(db,
                     "insert into tokens (org, token_sha256, user_name, created, expires)"
                     " values ($1, $2, $3, $4, $5)",
                     DB_ARGS(db_text(FLEET_ORG), db_blob(token_sha256, 32), db_text(user),
                             db_int(now_s), db_int(expires_s)));
    if (err) return err;
    struct account_token *token = fleet_alloc(sizeof *token);
    memcpy(token->token_sha256, token_sha256, 32);
    token->expires_s = expires_s;
    fleet_lock(fleet);
    index_add(&fleet->tokens_by_digest, token);
    fleet_unlock(fleet);
    return GODWIT_OK;
}

bool account_token_is_good(const struct fleet *fleet, const uint8_t token_sha256[static 32],
                           int64_t now_s)
{
    const struct account_token *token = index_find(&fleet->tokens_by_digest, token_sha256);
    return token && fleet_same_secret(token->token_sha256, token_sha256) &&
           (token->expires_s == 0 || now_s < token->expires_s);
}
