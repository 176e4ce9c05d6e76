/* The way in again: `godwit user … --data DIR`, on the data directory of a stopped service, by
 * whoever may write it. It takes the lock that the service takes, so the two never meet; what it
 * changes stands in the audit log as done by the machine. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fleet/account.h"
#include "fleet/schema.h"
#include "rt/clock.h"
#include "server/audit_log.h"
#include "server/password_rules.h"
#include "server/secret.h"
#include "server/server.h"
#include "server/text_file.h"

struct stopped {
    const char *data;
    int lock_fd;
    struct db *db;
    struct fleet fleet; /* empty: nothing of it is in memory that could differ */
};

#define COMPLAIN(...) \
    (fputs("godwit user: ", stderr), fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), false)

static bool lock(struct stopped *stopped)
{
    char path[FILE_PATH_MAX];
    folder_path(stopped->data, "lock", path, sizeof path);
    godwit_err err = lock_file(path, &stopped->lock_fd);
    if (err == GODWIT_ERR_BUSY)
        return COMPLAIN("a server runs on %s; stop it first, or leave --data out and speak to it "
                        "with the token in that directory (GODWIT_DATA=%s)",
                        stopped->data, stopped->data);
    return err ? COMPLAIN("%s can not be written; run this as the user who serves", path) : true;
}

/* A file that root made there would stop the service afterwards. */
static bool check_owner(const struct stopped *stopped, const char *path)
{
    struct stat found;
    if (stat(path, &found))
        return COMPLAIN("there is no database %s; name the service's data directory with --data",
                        path);
    if (found.st_uid == geteuid()) return true;
    return COMPLAIN("%s belongs to another user; run this as the user who serves, as by `sudo -u`",
                    stopped->data);
}

static bool open_data(struct stopped *stopped, const char *data)
{
    char path[FILE_PATH_MAX], note[256] = "";
    *stopped = (struct stopped){.data = data, .lock_fd = -1};
    fleet_init(&stopped->fleet);
    folder_path(data, "godwit.db", path, sizeof path);
    if (!check_owner(stopped, path) || !lock(stopped)) return false;
    if (db_open(path, false, &stopped->db, note, sizeof note))
        return COMPLAIN("the database can not be opened: %s", note);
    godwit_err err = db_migrate(stopped->db, SCHEMA, SCHEMA_COUNT);
    if (err == GODWIT_ERR_POLICY)
        return COMPLAIN("%s was written by a newer godwit; use that one", path);
    return err ? COMPLAIN("%s can not be read: %s", path, godwit_err_sentence(err)) : true;
}

static int close_data(struct stopped *stopped, bool is_good)
{
    db_close(stopped->db);
    fleet_deinit(&stopped->fleet);
    if (stopped->lock_fd >= 0) close(stopped->lock_fd);
    return is_good ? 0 : 1;
}

/* ---- what is changed ---- */

struct change_here {
    const char *user, *hash;
    enum audit_action action;
    godwit_err (*run)(struct stopped *stopped, const struct change_here *change);
};

static godwit_err set_password(struct stopped *stopped, const struct change_here *change)
{
    return account_set_password(&stopped->fleet, stopped->db, NULL, change->user, change->hash,
                                NULL);
}

static godwit_err turn_factor_off(struct stopped *stopped, const struct change_here *change)
{
    return account_totp_turn_off(stopped->db, NULL, change->user);
}

static godwit_err run(struct stopped *stopped, const struct change_here *change)
{
    struct account_login account;
    godwit_err err = account_login(stopped->db, change->user, "", &account);
    if (!err) err = change->run(stopped, change);
    if (err) return err;
    return audit_by_machine(stopped->db, clock_unix_s(&clock_real), account.org, change->action,
                            change->user, json_pack("{s:s}", "user", change->user));
}

/* False after a printed line; then nothing is changed. */
static bool change_here(struct stopped *stopped, const struct change_here *change)
{
    godwit_err err = db_begin(stopped->db);
    if (!err) {
        err = run(stopped, change);
        if (!err) err = db_commit(stopped->db);
        if (err) db_rollback(stopped->db);
    }
    if (err == GODWIT_ERR_MISSING)
        return COMPLAIN("there is no user %s; `godwit user list --data %s` shows who there is",
                        change->user, stopped->data);
    if (err == GODWIT_ERR_SPACE) return COMPLAIN("the disk of %s is full", stopped->data);
    return err ? COMPLAIN("%s can not be changed: %s", stopped->data, godwit_err_sentence(err))
               : true;
}

/* ---- the three ---- */

static void print_member(void *ctx, const char *org, const struct account_view *view)
{
    (void)ctx;
    printf("%-32s  %-9s  %-32s  %s\n", view->user, role_name(view->role), org,
           view->has_totp ? "on" : "-");
}

int user_stopped_list(const char *data)
{
    struct stopped stopped;
    bool is_good = open_data(&stopped, data);
    if (is_good) {
        printf("%-32s  %-9s  %-32s  %s\n", "USER", "ROLE", "ORG", "SECOND FACTOR");
        is_good = !account_each(stopped.db, print_member, NULL) ||
                  COMPLAIN("the database of %s can not be read", data);
    }
    return close_data(&stopped, is_good);
}

/* The hash of what is given, or of what is made. False after a printed line. */
static bool hash_password(const char *user, const char *given, char made_out[static 32],
                          char hash_out[static SECRET_HASH_MAX])
{
    const char *fault = given ? password_fault(given, user) : NULL;
    made_out[0] = '\0';
    if (fault) return COMPLAIN("%s", fault);
    godwit_err err = given ? GODWIT_OK : password_make(made_out);
    if (!err) err = password_hash(given ? given : made_out, hash_out, SECRET_HASH_MAX);
    return err ? COMPLAIN("the password can not be hashed: %s", godwit_err_sentence(err)) : true;
}

int user_stopped_password(const char *data, const char *user, const char *password)
{
    struct stopped stopped;
    char made[32], hash[SECRET_HASH_MAX];
    const struct change_here change = {user, hash, AUDIT_USER_PASSWORD, set_password};
    bool is_good = open_data(&stopped, data) && hash_password(user, password, made, hash) &&
                   change_here(&stopped, &change);
    if (is_good && made[0]) printf("user      %s\npassword  %s (shown this once)\n", user, made);
    if (is_good && !made[0]) printf("%s has the new password; its sessions have ended\n", user);
    explicit_bzero(made, sizeof made);
    return close_data(&stopped, is_good);
}

int user_stopped_recover(const char *data, const char *user)
{
    struct stopped stopped;
    const struct change_here change = {user, NULL, AUDIT_USER_FACTOR_OFF, turn_factor_off};
    bool is_good = open_data(&stopped, data) && change_here(&stopped, &change);
    if (is_good) printf("the second factor of %s is off\n", user);
    return close_data(&stopped, is_good);
}
