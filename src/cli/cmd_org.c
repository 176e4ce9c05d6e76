/* Organisations: those of the server, on its own machine, and what holds for one's own. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/verbs.h"

static bool asks_factor(const json_t *org)
{
    return json_is_true(json_object_get(org, "second_factor_required"));
}

static void add_org(struct table *table, const json_t *org)
{
    table_add(table, json_text(org, "org"));
    table_add(table, asks_factor(org) ? "required" : "-");
}

static void print_orgs(const json_t *reply)
{
    static const char *const HEADS[] = {"ORG", "SECOND FACTOR", NULL};
    rows_print(json_object_get(reply, "orgs"), HEADS, add_org);
}

static int run_list(const struct verb_call *call)
{
    return verb_get(call, "/api/v1/orgs", print_orgs);
}

static void print_added(const json_t *reply)
{
    printf("org       %s\nuser      %s (its admin)\npassword  %s (shown this once)\n",
           json_text(reply, "org"), json_text(reply, "user"), json_text(reply, "password"));
}

static int run_add(const struct verb_call *call)
{
    struct remote_flags flags = {0};
    const char *arguments[2];
    const struct option_row rows[] = {REMOTE_ROWS(flags)};
    int status = verb_parse(call, ROWS(rows), arguments);
    if (status >= 0) return status;
    json_t *body = json_pack("{s:s, s:s}", "org", arguments[0], "admin", arguments[1]);
    return remote_do(&flags, "POST", "/api/v1/orgs", body, print_added);
}

static void print_set(const json_t *reply)
{
    printf("%s: %s\n", json_text(reply, "org"),
           asks_factor(reply)
               ? "everybody needs a second factor; sessions of people who have none have ended"
               : "a second factor is everybody's own choice");
}

static int run_factor(const struct verb_call *call)
{
    struct remote_flags flags = {0};
    const char *choice;
    const struct option_row rows[] = {REMOTE_ROWS(flags)};
    int status = verb_parse(call, ROWS(rows), &choice);
    if (status >= 0) return status;
    bool is_required = !strcmp(choice, "required");
    if (!is_required && strcmp(choice, "optional")) {
        fprintf(stderr, "godwit org: '%s' is neither required nor optional\n", choice);
        return 2;
    }
    json_t *body = json_pack("{s:b}", "second_factor_required", is_required);
    return remote_do(&flags, "PUT", "/api/v1/org", body, print_set);
}

static const struct verb VERBS[] = {
    {"org list", "", "Lists the organisations of the server, on its own machine.", 0, 0, run_list},
    {"org add", "ORG ADMIN",
     "Makes an organisation and its first user, whose password is shown once; on the server's own "
     "machine.",
     2, 2, run_add},
    {"org factor", "required|optional",
     "Says whether everybody of your organisation needs a second factor.", 1, 1, run_factor},
};

static const struct options ABOUT = {
    .command = "org",
    .usage = "list | add ORG ADMIN | factor required|optional",
    .sentence = "Organisations, each with its own people, products and devices. `godwit org VERB\n"
                "--help` lists the options.",
};

int cmd_org(int argc, char **argv)
{
    return verbs_run(&ABOUT, VERBS, sizeof VERBS / sizeof *VERBS, argc, argv, NULL);
}
