/* The database says which tokens end, in one statement; memory follows the rows it names. So the
 * two can not differ, and no list of tokens has to be walked. */
#include "fleet/token.h"

#include <stdlib.h>

#include "fleet/memory.h"

static const char *const KINDS[] = {"session", "api", "machine"};

const char *token_kind_name(enum token_kind kind)
{
    return KINDS[kind];
}

static enum token_kind kind_parse(const char *text)
{
    enum token_kind kind = TOKEN_SESSION;
    while (kind < TOKEN_MACHINE && strcmp(KINDS[kind], text) != 0)
        kind++;
    return kind;
}

static struct token *find(const struct fleet *fleet, const uint8_t token_sha256[static 32])
{
    struct token *token = index_find(&fleet->tokens_by_digest, token_sha256);
    return token && fleet_same_secret(token->token_sha256, token_sha256) ? token : NULL;
}

/* ---- reading and the end ---- */

void token_load(struct fleet *fleet, const struct db_rows *rows)
{
    char org[ACCESS_NAME_MAX], text[16];
    db_column_text(rows, 3, org, sizeof org);
    const struct org *of = org_find(&fleet->catalogue, org);
    if (!of) return;
    struct token *token = fleet_alloc(sizeof *token);
    token->org = of;
    db_column_blob(rows, 0, token->token_sha256, 32);
    token->made_s = db_column_int(rows, 1);
    token->expires_s = db_column_int(rows, 2);
    db_column_text(rows, 4, token->user, sizeof token->user);
    db_column_text(rows, 5, token->product, sizeof token->product);
    db_column_text(rows, 6, text, sizeof text);
    token->kind = kind_parse(text);
    token->scopes = (unsigned)db_column_int(rows, 7);
    token->used_s = token->written_s = db_column_int(rows, 8);
    token->proved_s = db_column_int(rows, 9);
    db_column_text(rows, 10, text, sizeof text);
    token->role = token->kind == TOKEN_MACHINE ? ROLE_ADMIN : role_parse(text);
    index_add(&fleet->tokens_by_digest, token);
}

static void free_ended(struct fleet *fleet)
{
    for (struct token *token = fleet->tokens_ended, *next; token; token = next) {
        next = token->next;
        free(token);
    }
    fleet->tokens_ended = NULL;
}

void tokens_deinit(struct fleet *fleet)
{
    free_ended(fleet);
    index_deinit(&fleet->tokens_by_digest, true);
}

/* ---- ending ---- */

/* Runs a "delete … returning token_sha256"; what it names leaves memory. */
static godwit_err end_rows(struct fleet *fleet, struct db *db, const char *sql,
                           const struct db_value *values, size_t count, size_t *ended_out)
{
    struct db_rows rows;
    uint8_t digest[32];
    godwit_err err = db_query(db, &rows, sql, values, count);
    while (!err && !(err = db_next(&rows))) {
        db_column_blob(&rows, 0, digest, sizeof digest);
        fleet_lock(fleet);
        struct token *token = find(fleet, digest);
        if (token) index_remove(&fleet->tokens_by_digest, token);
        fleet_unlock(fleet);
        free(token);
        if (ended_out) ++*ended_out;
    }
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

godwit_err token_end(struct fleet *fleet, struct db *db, const uint8_t token_sha256[static 32])
{
    return end_rows(fleet, db, "delete from tokens where token_sha256 = $1 returning token_sha256",
                    DB_ARGS(db_blob(token_sha256, 32)), NULL);
}

godwit_err token_end_marked(struct fleet *fleet, struct db *db, const char *org, const char *user,
                            enum token_kind kind, const uint8_t mark[static TOKEN_MARK_SIZE])
{
    size_t count = 0;
    godwit_err err =
        end_rows(fleet, db,
                 "delete from tokens where org = $1 and ($2 = '' or user_name = $2) and kind = $3"
                 " and substr(token_sha256, 1, 8) = $4 returning token_sha256",
                 DB_ARGS(db_text(org), db_text(user ? user : ""), db_text(KINDS[kind]),
                         db_blob(mark, TOKEN_MARK_SIZE)),
                 &count);
    return err || count ? err : GODWIT_ERR_MISSING;
}

godwit_err token_end_user(struct fleet *fleet, struct db *db, const char *org, const char *user,
                          const uint8_t *kept_sha256)
{
    static const uint8_t NONE[32];
    return end_rows(fleet, db,
                    "delete from tokens where user_name = $1 and ($2 = '' or org = $2)"
                    " and token_sha256 <> $3 returning token_sha256",
                    DB_ARGS(db_text(user), db_text(org ? org : ""),
                            db_blob(kept_sha256 ? kept_sha256 : NONE, 32)),
                    NULL);
}

godwit_err token_end_factorless(struct fleet *fleet, struct db *db, const char *org)
{
    return end_rows(fleet, db,
                    "delete from tokens where org = $1 and kind = 'session' and user_name in"
                    " (select name from users where totp_is_on = 0) returning token_sha256",
                    DB_ARGS(db_text(org)), NULL);
}

godwit_err token_sweep(struct fleet *fleet, struct db *db, int64_t now_s)
{
    fleet_lock(fleet);
    bool is_doubted = fleet->is_clock_doubted;
    fleet_unlock(fleet);
    godwit_err err =
        is_doubted
            ? GODWIT_OK
            : end_rows(
                  fleet, db,
                  "delete from tokens where (expires > 0 and expires <= $1)"
                  " or (kind = 'session' and used > 0 and used <= $2) returning token_sha256",
                  DB_ARGS(db_int(now_s), db_int(now_s - SESSION_IDLE_S - 2 * TOKEN_USED_EVERY_S)),
                  NULL);
    /* Seen ended at a time to which the clock may not have come back. */
    fleet_lock(fleet);
    struct token *ended = fleet->tokens_ended;
    fleet->tokens_ended = NULL;
    fleet_unlock(fleet);
    for (struct token *next; ended; ended = next) {
        next = ended->next;
        if (!err) err = token_end(fleet, db, ended->token_sha256);
        free(ended);
    }
    return err;
}

/* ---- making ---- */

/* The oldest session gives way to a new one; nobody loses an API token unasked. */
static godwit_err make_room(struct fleet *fleet, struct db *db, const struct token_new *made)
{
    int64_t count = 0;
    if (made->kind == TOKEN_SESSION)
        return end_rows(fleet, db,
                        "delete from tokens where token_sha256 in (select token_sha256 from tokens"
                        " where org = $1 and user_name = $2 and kind = 'session'"
                        " order by created desc, token_sha256 limit $3 offset $4)"
                        " returning token_sha256",
                        DB_ARGS(db_text(made->org), db_text(made->user), db_int(TOKENS_MAX),
                                db_int(TOKENS_MAX - 1)),
                        NULL);
    godwit_err err = db_run_returning(
        db, "select count(*) from tokens where org = $1 and user_name = $2 and kind = $3",
        DB_ARGS(db_text(made->org), db_text(made->user), db_text(KINDS[made->kind])), &count);
    return err || count < TOKENS_MAX ? err : GODWIT_ERR_POLICY;
}

/* Of a person there, else none. */
static godwit_err role_of(struct db *db, const struct token_new *made, enum role *role_out)
{
    struct db_rows rows;
    char text[16] = "";
    *role_out = ROLE_ADMIN;
    if (made->kind == TOKEN_MACHINE) return GODWIT_OK;
    godwit_err err =
        db_query(db, &rows, "select role from memberships where org = $1 and user_name = $2",
                 DB_ARGS(db_text(made->org), db_text(made->user)));
    if (!err) err = db_next(&rows);
    if (!err) db_column_text(&rows, 0, text, sizeof text);
    db_rows_close(&rows);
    *role_out = role_parse(text);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

godwit_err token_add(struct fleet *fleet, struct db *db, const struct token_new *made)
{
    enum role role;
    int64_t proved_s = made->is_proved ? made->now_s : 0;
    int64_t used_s = made->kind == TOKEN_SESSION ? made->now_s : 0; /* a login is a use */
    const struct org *org = org_find(&fleet->catalogue, made->org);
    if (!org) return GODWIT_ERR_MISSING;
    godwit_err err = make_room(fleet, db, made);
    if (!err) err = role_of(db, made, &role);
    if (!err)
        err = db_run(db,
                     "insert into tokens (org, token_sha256, user_name, created, expires, kind,"
                     " name, scopes, product, used, proved)"
                     " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $11, $10)",
                     DB_ARGS(db_text(made->org), db_blob(made->token_sha256, 32),
                             db_text(made->user), db_int(made->now_s), db_int(made->expires_s),
                             db_text(KINDS[made->kind]), db_text(made->name), db_int(made->scopes),
                             db_text(made->product), db_int(proved_s), db_int(used_s)));
    if (err) return err;
    struct token *token = fleet_alloc(sizeof *token);
    memcpy(token->token_sha256, made->token_sha256, 32);
    memcpy(token->user, made->user, strnlen(made->user, sizeof token->user - 1));
    memcpy(token->product, made->product, strnlen(made->product, sizeof token->product - 1));
    token->org = org;
    token->kind = made->kind;
    token->role = role;
    token->scopes = made->scopes;
    token->made_s = made->now_s;
    token->used_s = token->written_s = used_s;
    token->expires_s = made->expires_s;
    token->proved_s = proved_s;
    fleet_lock(fleet);
    index_add(&fleet->tokens_by_digest, token);
    fleet_unlock(fleet);
    return GODWIT_OK;
}

/* ---- changing ---- */

godwit_err token_prove(struct fleet *fleet, struct db *db, const uint8_t token_sha256[static 32],
                       int64_t now_s)
{
    godwit_err err = db_run(db, "update tokens set proved = $2 where token_sha256 = $1",
                            DB_ARGS(db_blob(token_sha256, 32), db_int(now_s)));
    if (err) return err;
    fleet_lock(fleet);
    struct token *token = find(fleet, token_sha256);
    if (token) token->proved_s = now_s;
    fleet_unlock(fleet);
    return GODWIT_OK;
}

godwit_err token_set_roles(struct fleet *fleet, struct db *db, const char *org, const char *user,
                           enum role role)
{
    struct db_rows rows;
    uint8_t digest[32];
    godwit_err err =
        db_query(db, &rows, "select token_sha256 from tokens where org = $1 and user_name = $2",
                 DB_ARGS(db_text(org), db_text(user)));
    while (!err && !(err = db_next(&rows))) {
        db_column_blob(&rows, 0, digest, sizeof digest);
        fleet_lock(fleet);
        struct token *token = find(fleet, digest);
        if (token) token->role = role;
        fleet_unlock(fleet);
    }
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

/* ---- using ---- */

static bool is_over(const struct token *token, int64_t now_s)
{
    if (token->expires_s && now_s >= token->expires_s) return true;
    return token->kind == TOKEN_SESSION && now_s >= token->used_s + SESSION_IDLE_S;
}

bool token_actor(struct fleet *fleet, const uint8_t token_sha256[static 32], int64_t now_s,
                 struct actor *actor_out)
{
    struct token *token = find(fleet, token_sha256);
    if (!token) return false;
    if (is_over(token, now_s)) {
        /* A session is soon made again. The token of a program ends by token_sweep alone, which
         * knows whether the clock is believed. */
        if (token->kind != TOKEN_SESSION) return false;
        index_remove(&fleet->tokens_by_digest, token);
        token->next = fleet->tokens_ended;
        fleet->tokens_ended = token;
        return false;
    }
    if (token->expires_s && now_s < token->made_s - TOKEN_CLOCK_SLACK_S) return false;
    if (now_s > token->used_s) token->used_s = now_s;
    if (token->used_s >= token->written_s + TOKEN_USED_EVERY_S) fleet->tokens_are_used = true;
    *actor_out = (struct actor){.role = token->role,
                                .scopes = token->scopes,
                                .is_session = token->kind == TOKEN_SESSION,
                                .is_machine = token->kind == TOKEN_MACHINE,
                                .proved_s = token->proved_s};
    memcpy(actor_out->org, token->org->name, sizeof actor_out->org);
    memcpy(actor_out->user, token->user, sizeof actor_out->user);
    memcpy(actor_out->product, token->product, sizeof actor_out->product);
    return true;
}

/* The last use is a courtesy to people: one statement takes the next of those that are late. */
godwit_err token_flush(struct fleet *fleet, struct db *db)
{
    struct {
        uint8_t digest[32];
        int64_t used_s;
    } late[64];
    size_t count = 0;
    const size_t count_max = sizeof late / sizeof *late;
    fleet_lock(fleet);
    bool is_due = fleet->tokens_are_used;
    fleet->tokens_are_used = false;
    const struct index *tokens = &fleet->tokens_by_digest;
    for (size_t i = 0; is_due && i < tokens->slots_count && count < count_max; i++) {
        struct token *token = tokens->slots[i];
        if (!token || token->used_s < token->written_s + TOKEN_USED_EVERY_S) continue;
        memcpy(late[count].digest, token->token_sha256, 32);
        late[count++].used_s = token->written_s = token->used_s;
    }
    if (count == count_max) fleet->tokens_are_used = true;
    fleet_unlock(fleet);
    godwit_err err = GODWIT_OK;
    for (size_t i = 0; i < count && !err; i++)
        err = db_run(db, "update tokens set used = $2 where token_sha256 = $1",
                     DB_ARGS(db_blob(late[i].digest, 32), db_int(late[i].used_s)));
    return err;
}

/* ---- for people ---- */

#define VIEW_COLUMNS "token_sha256, user_name, name, product, scopes, created, expires, used"

static void read_view(const struct db_rows *rows, struct token_view *view)
{
    uint8_t digest[32];
    db_column_blob(rows, 0, digest, sizeof digest);
    memcpy(view->mark, digest, sizeof view->mark);
    db_column_text(rows, 1, view->user, sizeof view->user);
    db_column_text(rows, 2, view->name, sizeof view->name);
    db_column_text(rows, 3, view->product, sizeof view->product);
    view->scopes = (unsigned)db_column_int(rows, 4);
    view->made_s = db_column_int(rows, 5);
    view->expires_s = db_column_int(rows, 6);
    view->used_s = db_column_int(rows, 7);
}

godwit_err token_of_mark(struct db *db, const char *org, const uint8_t mark[static TOKEN_MARK_SIZE],
                         struct token_view *out)
{
    struct db_rows rows;
    godwit_err err = db_query(db, &rows,
                              "select " VIEW_COLUMNS
                              " from tokens where org = $1 and substr(token_sha256, 1, 8) = $2",
                              DB_ARGS(db_text(org), db_blob(mark, TOKEN_MARK_SIZE)));
    if (!err) err = db_next(&rows);
    if (!err) read_view(&rows, out);
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_ERR_MISSING : err;
}

godwit_err token_list(struct db *db, const char *org, const char *user, enum token_kind kind,
                      struct token_view *out, size_t count_max, size_t *count_out)
{
    struct db_rows rows;
    *count_out = 0;
    godwit_err err =
        db_query(db, &rows,
                 "select " VIEW_COLUMNS
                 " from tokens where org = $1 and ($2 = '' or user_name = $2) and kind = $3"
                 " order by created desc, token_sha256 limit $4",
                 DB_ARGS(db_text(org), db_text(user ? user : ""), db_text(KINDS[kind]),
                         db_int((int64_t)count_max)));
    while (!err && *count_out < count_max && !(err = db_next(&rows)))
        read_view(&rows, &out[(*count_out)++]);
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}
