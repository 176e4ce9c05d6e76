/* People of the organisation; and the way in again on the server's own machine. */
#include <stdio.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/data_place.h"
#include "cli/names.h"
#include "cli/verbs.h"

#define PLACE_ROWS(place) \
    DATA_PLACE_ROWS(place, "the data directory of a server that is stopped: the way in again")
#define PASSWORD_ROW(password)                                                               \
    {                                                                                        \
        "--password", OPTION_SECRET, &(password), "@FILE",                                   \
            "the file's first line; - for standard input; or GODWIT_PASSWORD; default: one " \
            "is made and shown"                                                              \
    }

static const struct user_stopped *stopped_of(const struct verb_call *call)
{
    return call->ctx;
}

/* -1: go on. What is done on a data directory asks no server. */
static int find_place(const struct verb_call *call, struct data_place *place,
                      const struct remote_flags *flags)
{
    int status = data_place_find("user", place, stopped_of(call)->data_of);
    if (status >= 0) return status;
    bool is_wrong = place->data && (flags->server || flags->ca || flags->org || flags->json);
    if (is_wrong)
        fputs("godwit user: --data is for a server that is stopped; leave --server, --ca, --org "
              "and --json out\n",
              stderr);
    return is_wrong ? 2 : -1;
}

/* ---- list ---- */

static void add_user(struct table *table, const json_t *user)
{
    bool is_managed = json_is_true(json_object_get(user, "managed"));
    table_add(table, json_text(user, "user"));
    table_add(table, json_text(user, "role"));
    table_add(table, json_is_true(json_object_get(user, "second_factor")) ? "on" : "-");
    table_add(table, is_managed ? "here" : "another organisation");
    table_add_ago(table, user, "created");
}

static int list(const struct remote *remote)
{
    static const char *const HEADS[] = {"USER", "ROLE", "SECOND FACTOR", "MANAGED", "MADE", NULL};
    return list_print(remote, "/api/v1/users", "users", HEADS, add_user) ? 0 : 1;
}

static int run_list(const struct verb_call *call)
{
    struct remote_flags flags = {0};
    struct remote remote;
    struct data_place place = {.data = NULL};
    const struct option_row rows[] = {PLACE_ROWS(place), REMOTE_ROWS(flags)};
    int status = verb_parse(call, ROWS(rows), NULL);
    if (status >= 0) return status;
    status = find_place(call, &place, &flags);
    if (status >= 0) return status;
    const char *data = place.data;
    if (data) return stopped_of(call)->list(data);
    if (!remote_open(&remote, &flags)) return 1;
    status = list(&remote);
    remote_close(&remote);
    return status;
}

/* ---- add, role, remove ---- */

static void print_user(const json_t *reply)
{
    printf("user      %s\n", json_text(reply, "user"));
    if (json_text(reply, "org")[0])
        printf("org       %s\nrole      %s\n", json_text(reply, "org"), json_text(reply, "role"));
    if (json_text(reply, "password")[0])
        printf("password  %s (shown this once)\n", json_text(reply, "password"));
}

static int run_add(const struct verb_call *call)
{
    struct remote_flags flags = {0};
    struct option_secret password = {0};
    const char *user, *role = "viewer";
    bool joins = false;
    const struct option_row rows[] = {
        {"--role", OPTION_TEXT, &role, "ROLE", "viewer (default), operator, releaser or admin"},
        PASSWORD_ROW(password),
        {"--join", OPTION_FLAG, &joins, NULL,
         "the user is there, in another organisation; on the server's own machine only"},
        REMOTE_ROWS(flags)};
    int status = verb_parse(call, ROWS(rows), &user);
    if (status >= 0) return status;
    json_t *body = json_pack("{s:s, s:s}", "user", user, "role", role);
    if (password.text[0]) json_object_set_new(body, "password", json_string(password.text));
    if (joins) json_object_set_new(body, "join", json_true());
    explicit_bzero(&password, sizeof password);
    return remote_do(&flags, "POST", "/api/v1/users", body, print_user);
}

static int run_role(const struct verb_call *call)
{
    struct remote_flags flags = {0};
    const char *arguments[2];
    char path[200];
    const struct option_row rows[] = {REMOTE_ROWS(flags)};
    int status = verb_parse(call, ROWS(rows), arguments);
    if (status >= 0) return status;
    const char *const names[] = {arguments[0], "role", NULL};
    if (!verb_path(path, sizeof path, "/api/v1/users", names)) return 1;
    return remote_do(&flags, "PUT", path, json_pack("{s:s}", "role", arguments[1]), print_user);
}

static void print_removed(const json_t *reply)
{
    (void)reply;
    puts("removed, with sessions and tokens");
}

static int run_remove(const struct verb_call *call)
{
    return verb_delete(call, "/api/v1/users", print_removed);
}

/* ---- passwords ---- */

static int run_password(const struct verb_call *call)
{
    struct remote_flags flags = {0};
    struct option_secret password = {0};
    const char *user = NULL;
    struct data_place place = {.data = NULL};
    char path[200] = "/api/v1/session/password";
    const struct option_row rows[] = {PASSWORD_ROW(password), PLACE_ROWS(place),
                                      REMOTE_ROWS(flags)};
    int status = verb_parse(call, ROWS(rows), &user);
    if (status >= 0) return status;
    status = find_place(call, &place, &flags);
    if (status >= 0) return status;
    const char *data = place.data;
    if (data && !user) {
        fputs("godwit user: whose password? `godwit user list --data DIR` shows who there is\n",
              stderr);
        return 2;
    }
    if (data)
        status = stopped_of(call)->password(data, user, password.text[0] ? password.text : NULL);
    const char *const names[] = {user, "password", NULL};
    if (!data && user && !verb_path(path, sizeof path, "/api/v1/users", names)) return 1;
    if (!data) {
        json_t *body = json_object();
        if (password.text[0]) json_object_set_new(body, "password", json_string(password.text));
        status = remote_do(&flags, "PUT", path, body, print_user);
    }
    explicit_bzero(&password, sizeof password);
    return status;
}

/* ---- the second factor ---- */

static void print_recovered(const json_t *reply)
{
    (void)reply;
    puts("its second factor is off; a login needs the password alone until another is set up");
}

static int run_recover(const struct verb_call *call)
{
    struct remote_flags flags = {0};
    const char *user;
    struct data_place place = {.data = NULL};
    char path[200];
    const struct option_row rows[] = {PLACE_ROWS(place), REMOTE_ROWS(flags)};
    int status = verb_parse(call, ROWS(rows), &user);
    if (status >= 0) return status;
    status = find_place(call, &place, &flags);
    if (status >= 0) return status;
    const char *data = place.data;
    if (data) return stopped_of(call)->recover(data, user);
    const char *const names[] = {user, "second-factor", NULL};
    if (!verb_path(path, sizeof path, "/api/v1/users", names)) return 1;
    return remote_do(&flags, "DELETE", path, NULL, print_recovered);
}

static void print_codes(const json_t *reply)
{
    size_t index;
    json_t *code;
    puts("the second factor is on. Each of these recovery codes lets you in once without it; keep "
         "them apart from the app, they are shown this once:");
    json_array_foreach(json_object_get(reply, "recovery_codes"), index, code)
        printf("  %s\n", json_string_value(code));
    puts("log in again with `godwit login`, where your organisation asks for a second factor");
}

/* Begins, shows the secret, asks for the first code. */
static int set_up(const struct remote *remote)
{
    json_t *reply;
    char code[16];
    if (!remote_call(remote, "POST", "/api/v1/session/second-factor", NULL, &reply)) return 1;
    FILE *shown = remote->is_raw ? stderr : stdout;
    fprintf(shown, "secret  %s\nuri     %s\n", json_text(reply, "secret"), json_text(reply, "uri"));
    fputs("Add it to an authenticator app, by the secret or by the URI as a QR code.\n", shown);
    fflush(shown);
    json_decref(reply);
    if (!ask_line("the six digits that the app shows", code, sizeof code)) {
        fputs("godwit user: no code was given, so it is not on; begin again with `godwit user "
              "factor`\n",
              stderr);
        return 1;
    }
    json_t *body = json_pack("{s:s}", "code", code);
    bool is_good =
        remote_call(remote, "POST", "/api/v1/session/second-factor/confirm", body, &reply);
    json_decref(body);
    if (!is_good) return 1;
    if (remote->is_raw)
        is_good = json_print(reply);
    else
        print_codes(reply);
    json_decref(reply);
    return is_good ? 0 : 1;
}

static int run_factor(const struct verb_call *call)
{
    struct remote_flags flags = {0};
    struct remote remote;
    bool is_off = false;
    const struct option_row rows[] = {
        {"--off", OPTION_FLAG, &is_off, NULL, "turn it off, with its recovery codes"},
        REMOTE_ROWS(flags)};
    int status = verb_parse(call, ROWS(rows), NULL);
    if (status >= 0) return status;
    if (is_off)
        return remote_do(&flags, "DELETE", "/api/v1/session/second-factor", NULL, print_recovered);
    if (!remote_open(&remote, &flags)) return 1;
    status = set_up(&remote);
    remote_close(&remote);
    return status;
}

/* ---- the verbs ---- */

static const struct verb VERBS[] = {
    {"user list", "[--data DIR | --settings FILE]",
     "Lists the people of the organisation, by name.", 0, 0, run_list},
    {"user add", "USER [--role ROLE] [--password @FILE]", "Makes a user with a role.", 1, 1,
     run_add},
    {"user role", "USER ROLE", "Gives a user another role, which holds at once.", 2, 2, run_role},
    {"user password", "[USER] [--password @FILE] [--data DIR | --settings FILE]",
     "Sets a password anew, your own where no user is named; sessions and tokens of that user end.",
     0, 1, run_password},
    {"user recover", "USER [--data DIR | --settings FILE]",
     "Turns the second factor of a user off who has lost it, with its recovery codes.", 1, 1,
     run_recover},
    {"user factor", "[--off]", "Sets up your own second factor, or turns it off.", 0, 0,
     run_factor},
    {"user remove", "USER", "Takes a user out of the organisation, with sessions and tokens.", 1, 1,
     run_remove},
};

static const struct options ABOUT = {
    .command = "user",
    .usage = "list | add USER | role USER ROLE | password [USER] | recover USER | factor | "
             "remove USER",
    .sentence =
        "The people of the organisation. `godwit user VERB --help` lists the options. With\n"
        "--data DIR, list, password and recover work on the data directory of a server\n"
        "that is stopped: the way in again when nobody can log in.",
};

int cmd_user(int argc, char **argv, const struct user_stopped *stopped)
{
    return verbs_run(&ABOUT, VERBS, sizeof VERBS / sizeof *VERBS, argc, argv, stopped);
}
