/* People. What a change of one means for tokens that are in use goes to memory at once (token.h).
 */
#include "fleet/account.h"

#include "fleet/memory.h"

/* ---- looking up ---- */

bool account_name_is_good(const char *name)
{
    static const char GOOD[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+-";
    size_t size = strlen(name);
    return size >= 1 && size < ACCESS_NAME_MAX && name[strspn(name, GOOD)] == 0 &&
           strcmp(name, ACCOUNT_MACHINE) != 0;
}

godwit_err account_login(struct db *db, const char *user, const char *org,
                         struct account_login *out)
{
    struct db_rows rows;
    char role[16];
    *out = (struct account_login){0};
    godwit_err err =
        db_query(db, &rows,
                 "select m.org, u.password_hash, m.role, u.totp_is_on, o.totp_required,"
                 " u.totp_secret, u.totp_step, u.org from users u"
                 " join memberships m on m.user_name = u.name join orgs o on o.org = m.org"
                 " where u.name = $1 and ($2 = '' or m.org = $2)"
                 " order by case when m.org = u.org then 0 else 1 end, m.org limit 1",
                 DB_ARGS(db_text(user), db_text(org)));
    if (!err) err = db_next(&rows);
    if (!err) {
        db_column_text(&rows, 0, out->org, sizeof out->org);
        db_column_text(&rows, 1, out->password_hash, sizeof out->password_hash);
        db_column_text(&rows, 2, role, sizeof role);
        out->role = role_parse(role);
        out->has_totp = db_column_int(&rows, 3);
        out->needs_totp = db_column_int(&rows, 4);
        db_column_blob(&rows, 5, out->totp_secret, sizeof out->totp_secret);
        out->totp_step = db_column_int(&rows, 6);
        db_column_text(&rows, 7, out->home, sizeof out->home);
    }
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_ERR_MISSING : err;
}

godwit_err account_password(struct db *db, const char *user, char *out, size_t size_max)
{
    struct db_rows rows;
    godwit_err err = db_query(db, &rows, "select password_hash from users where name = $1",
                              DB_ARGS(db_text(user)));
    if (!err) err = db_next(&rows);
    if (!err) db_column_text(&rows, 0, out, size_max);
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_ERR_MISSING : err;
}

godwit_err account_list(struct db *db, const char *org, const char *after, struct account_view *out,
                        size_t count_max, size_t *count_out)
{
    struct db_rows rows;
    char role[16];
    *count_out = 0;
    godwit_err err =
        db_query(db, &rows,
                 "select m.user_name, m.role, m.created, u.org, u.totp_is_on from memberships m"
                 " join users u on u.name = m.user_name"
                 " where m.org = $1 and m.user_name > $2 order by m.user_name limit $3",
                 DB_ARGS(db_text(org), db_text(after), db_int((int64_t)count_max)));
    while (!err && *count_out < count_max && !(err = db_next(&rows))) {
        struct account_view *view = &out[(*count_out)++];
        db_column_text(&rows, 0, view->user, sizeof view->user);
        db_column_text(&rows, 1, role, sizeof role);
        view->role = role_parse(role);
        view->made_s = db_column_int(&rows, 2);
        db_column_text(&rows, 3, view->home, sizeof view->home);
        view->has_totp = db_column_int(&rows, 4);
    }
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

godwit_err account_each(struct db *db, account_seen *seen, void *ctx)
{
    struct db_rows rows;
    struct account_view view = {0};
    char org[ACCESS_NAME_MAX], role[16];
    godwit_err err = db_query(db, &rows,
                              "select m.user_name, m.org, m.role, u.org, u.totp_is_on, m.created"
                              " from memberships m join users u on u.name = m.user_name"
                              " order by m.user_name, m.org",
                              NULL, 0);
    while (!err && !(err = db_next(&rows))) {
        db_column_text(&rows, 0, view.user, sizeof view.user);
        db_column_text(&rows, 1, org, sizeof org);
        db_column_text(&rows, 2, role, sizeof role);
        view.role = role_parse(role);
        db_column_text(&rows, 3, view.home, sizeof view.home);
        view.has_totp = db_column_int(&rows, 4);
        view.made_s = db_column_int(&rows, 5);
        seen(ctx, org, &view);
    }
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

bool account_exists(struct db *db)
{
    int64_t count = 0;
    return !db_run_returning(db, "select count(*) from users", NULL, 0, &count) && count > 0;
}

/* ---- users and memberships ---- */

static godwit_err insert_member(struct db *db, const struct account_new *made)
{
    return db_run(db,
                  "insert into memberships (org, user_name, role, created) values ($1, $2, $3, $4)",
                  DB_ARGS(db_text(made->org), db_text(made->user), db_text(role_name(made->role)),
                          db_int(made->now_s)));
}

godwit_err account_create(struct db *db, const struct account_new *made)
{
    char known[ACCOUNT_HASH_MAX];
    godwit_err err = account_password(db, made->user, known, sizeof known);
    if (err != GODWIT_ERR_MISSING) return err ? err : GODWIT_ERR_POLICY;
    err =
        db_run(db, "insert into users (org, name, password_hash, created) values ($1, $2, $3, $4)",
               DB_ARGS(db_text(made->org), db_text(made->user), db_text(made->password_hash),
                       db_int(made->now_s)));
    return err ? err : insert_member(db, made);
}

/* Its role, or MISSING; others_out: admins there besides it. */
static godwit_err membership(struct db *db, const char *org, const char *user, enum role *role_out,
                             int64_t *others_out)
{
    struct db_rows rows;
    char role[16] = "";
    godwit_err err = db_query(db, &rows,
                              "select role, (select count(*) from memberships where org = $1"
                              " and role = 'admin' and user_name <> $2) from memberships"
                              " where org = $1 and user_name = $2",
                              DB_ARGS(db_text(org), db_text(user)));
    if (!err) err = db_next(&rows);
    if (!err) {
        db_column_text(&rows, 0, role, sizeof role);
        *others_out = db_column_int(&rows, 1);
    }
    db_rows_close(&rows);
    *role_out = role_parse(role);
    return err == GODWIT_ERR_END ? GODWIT_ERR_MISSING : err;
}

/* MISSING, or POLICY where the organisation would be left without an admin. */
static godwit_err check_change(struct db *db, const char *org, const char *user)
{
    enum role role;
    int64_t others = 0;
    godwit_err err = membership(db, org, user, &role, &others);
    return err || role != ROLE_ADMIN || others ? err : GODWIT_ERR_POLICY;
}

godwit_err account_join(struct fleet *fleet, struct db *db, const struct account_new *made)
{
    char hash[ACCOUNT_HASH_MAX];
    enum role role;
    int64_t others;
    godwit_err err = account_password(db, made->user, hash, sizeof hash);
    if (err) return err;
    if (!org_find(&fleet->catalogue, made->org)) return GODWIT_ERR_MISSING;
    err = membership(db, made->org, made->user, &role, &others);
    if (err == GODWIT_ERR_MISSING) return insert_member(db, made);
    return err ? err : GODWIT_ERR_POLICY;
}

godwit_err account_set_role(struct fleet *fleet, struct db *db, const char *org, const char *user,
                            enum role role)
{
    godwit_err err = check_change(db, org, user);
    if (err == GODWIT_ERR_POLICY && role == ROLE_ADMIN) return GODWIT_OK;
    if (!err)
        err = db_run(db, "update memberships set role = $3 where org = $1 and user_name = $2",
                     DB_ARGS(db_text(org), db_text(user), db_text(role_name(role))));
    return err ? err : token_set_roles(fleet, db, org, user, role);
}

/* Whether `org` manages the user: NULL does everywhere. */
static godwit_err check_home(struct db *db, const char *org, const char *user)
{
    int64_t count = 0;
    godwit_err err =
        db_run_returning(db, "select count(*) from users where name = $1 and ($2 = '' or org = $2)",
                         DB_ARGS(db_text(user), db_text(org ? org : "")), &count);
    return err || count ? err : GODWIT_ERR_MISSING;
}

/* A user that goes must not leave another organisation without an admin either: there its role is
 * theirs to give, and whoever runs the server can help. */
static godwit_err remove_whole(struct fleet *fleet, struct db *db, const char *user)
{
    static const char *const STATEMENTS[] = {
        "delete from memberships where user_name = $1",
        "delete from recovery_codes where user_name = $1",
        "delete from login_places where user_name = $1",
        "delete from users where name = $1",
    };
    godwit_err err = token_end_user(fleet, db, NULL, user, NULL);
    for (size_t i = 0; i < sizeof STATEMENTS / sizeof *STATEMENTS && !err; i++)
        err = db_run(db, STATEMENTS[i], DB_ARGS(db_text(user)));
    return err;
}

godwit_err account_remove(struct fleet *fleet, struct db *db, const char *org, const char *user)
{
    godwit_err err = check_change(db, org, user);
    if (err) return err;
    err = check_home(db, org, user);
    if (!err) return remove_whole(fleet, db, user);
    if (err != GODWIT_ERR_MISSING) return err;
    err = db_run(db, "delete from memberships where org = $1 and user_name = $2",
                 DB_ARGS(db_text(org), db_text(user)));
    return err ? err : token_end_user(fleet, db, org, user, NULL);
}

godwit_err account_rehash(struct db *db, const char *user, const char *password_hash)
{
    return db_run(db, "update users set password_hash = $2 where name = $1",
                  DB_ARGS(db_text(user), db_text(password_hash)));
}

godwit_err account_set_password(struct fleet *fleet, struct db *db, const char *org,
                                const char *user, const char *password_hash,
                                const uint8_t *kept_sha256)
{
    godwit_err err = check_home(db, org, user);
    if (!err) err = account_rehash(db, user, password_hash);
    return err ? err : token_end_user(fleet, db, NULL, user, kept_sha256);
}

/* ---- the second factor ---- */

godwit_err account_totp_begin(struct db *db, const char *user,
                              const uint8_t secret[static ACCOUNT_TOTP_SIZE])
{
    int64_t id;
    return db_run_returning(db,
                            "update users set totp_secret = $2, totp_is_on = 0, totp_step = 0"
                            " where name = $1 and totp_is_on = 0 returning created",
                            DB_ARGS(db_text(user), db_blob(secret, ACCOUNT_TOTP_SIZE)), &id);
}

static godwit_err drop_codes(struct db *db, const char *user)
{
    return db_run(db, "delete from recovery_codes where user_name = $1", DB_ARGS(db_text(user)));
}

godwit_err account_totp_turn_on(struct db *db, const char *user, const uint8_t codes_sha256[][32],
                                size_t count)
{
    godwit_err err =
        db_run(db, "update users set totp_is_on = 1 where name = $1", DB_ARGS(db_text(user)));
    if (!err) err = drop_codes(db, user);
    for (size_t i = 0; i < count && !err; i++)
        err = db_run(db,
                     "insert into recovery_codes (org, user_name, code_sha256)"
                     " values ((select org from users where name = $1), $1, $2)",
                     DB_ARGS(db_text(user), db_blob(codes_sha256[i], 32)));
    return err;
}

godwit_err account_totp_turn_off(struct db *db, const char *org, const char *user)
{
    godwit_err err = check_home(db, org, user);
    if (!err)
        err = db_run(db,
                     "update users set totp_secret = null, totp_is_on = 0, totp_step = 0"
                     " where name = $1",
                     DB_ARGS(db_text(user)));
    return err ? err : drop_codes(db, user);
}

godwit_err account_totp_use(struct db *db, const char *user, int64_t step)
{
    int64_t used;
    return db_run_returning(db,
                            "update users set totp_step = $2 where name = $1 and totp_step < $2"
                            " returning totp_step",
                            DB_ARGS(db_text(user), db_int(step)), &used);
}

godwit_err account_recovery_use(struct db *db, const char *user,
                                const uint8_t code_sha256[static 32])
{
    int64_t one;
    return db_run_returning(db,
                            "delete from recovery_codes where user_name = $1 and code_sha256 = $2"
                            " returning 1",
                            DB_ARGS(db_text(user), db_blob(code_sha256, 32)), &one);
}
