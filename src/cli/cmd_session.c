/* Sessions: who is logged in, and since when. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/verbs.h"

static void add_session(struct table *table, const json_t *session)
{
    table_add(table, json_text(session, "id"));
    table_add(table, json_text(session, "user"));
    table_add(table, json_text(session, "name"));
    table_add_ago(table, session, "created");
    table_add_ago(table, session, "used");
    table_add_date(table, session, "expires");
}

static void print_sessions(const json_t *reply)
{
    static const char *const HEADS[] = {"SESSION", "USER", "FROM", "BEGAN", "USED", "ENDS", NULL};
    rows_print(json_object_get(reply, "sessions"), HEADS, add_session);
}

static int run_list(const struct verb_call *call)
{
    return verb_get(call, "/api/v1/sessions", print_sessions);
}

static void print_revoked(const json_t *reply)
{
    (void)reply;
    puts("revoked; it is void from now on");
}

static int run_revoke(const struct verb_call *call)
{
    return verb_delete(call, "/api/v1/sessions", print_revoked);
}

static void print_own(const json_t *reply)
{
    const char *product = json_text(reply, "product");
    struct table table;
    table_init(&table, 2);
    static const char *const NAMES[] = {"user", "org", "role", "id"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        table_add(&table, NAMES[i]);
        table_add(&table, json_text(reply, NAMES[i]));
    }
    table_add(&table, "product");
    table_add(&table, product[0] ? product : "all");
    table_add(&table, "scopes");
    table_add_texts(&table, json_object_get(reply, "scopes"));
    table_print(&table);
}

static int run_show(const struct verb_call *call)
{
    return verb_get(call, "/api/v1/session", print_own);
}

static const struct verb VERBS[] = {
    {"session show", "", "Says who you are to the server, and what you may do.", 0, 0, run_show},
    {"session list", "", "Lists sessions: yours, or everybody's where you are an admin.", 0, 0,
     run_list},
    {"session revoke", "SESSION", "Ends a session at once; SESSION as the list has it.", 1, 1,
     run_revoke},
};

static const struct options ABOUT = {
    .command = "session",
    .usage = "show | list | revoke SESSION",
    .sentence = "Sessions of people. `godwit session VERB --help` lists the options; `godwit\n"
                "logout` ends your own.",
};

int cmd_session(int argc, char **argv)
{
    return verbs_run(&ABOUT, VERBS, sizeof VERBS / sizeof *VERBS, argc, argv, NULL);
}
