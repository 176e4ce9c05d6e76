/* API tokens: what programs show instead of a session. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/names.h"
#include "cli/verbs.h"

#define DAYS_UNSET UINT32_MAX

/* ---- list ---- */

static void add_token(struct table *table, const json_t *token)
{
    const char *product = json_text(token, "product");
    table_add(table, json_text(token, "id"));
    table_add(table, json_text(token, "user"));
    table_add(table, json_text(token, "name"));
    table_add_texts(table, json_object_get(token, "scopes"));
    table_add(table, product[0] ? product : "all");
    table_add_ago(table, token, "used");
    table_add_date(table, token, "expires");
}

static void print_tokens(const json_t *reply)
{
    static const char *const HEADS[] = {"TOKEN",   "USER", "FOR",     "SCOPES",
                                        "PRODUCT", "USED", "EXPIRES", NULL};
    rows_print(json_object_get(reply, "tokens"), HEADS, add_token);
}

static int run_list(const struct verb_call *call)
{
    return verb_get(call, "/api/v1/tokens", print_tokens);
}

/* ---- add ---- */

static void print_added(const json_t *reply)
{
    struct table table;
    table_init(&table, 2);
    table_add(&table, "token");
    table_addf(&table, "%s (shown this once)", json_text(reply, "token"));
    table_add(&table, "id");
    table_add(&table, json_text(reply, "id"));
    table_add(&table, "scopes");
    table_add_texts(&table, json_object_get(reply, "scopes"));
    table_add(&table, "expires");
    table_add_date(&table, reply, "expires");
    table_print(&table);
}

static int run_add(const struct verb_call *call)
{
    struct remote_flags flags = {0};
    struct option_list scopes = {.count = 0};
    const char *product = NULL, *user = NULL, *name = NULL;
    uint32_t days = DAYS_UNSET;
    const struct option_row rows[] = {
        {"--scope", OPTION_LIST, &scopes, "SCOPE",
         "read, upload, deploy, devices or admin; several are given one by one"},
        {"--days", OPTION_NUMBER, &days, "N", "how long it is good, 1 to 3650 (default 90)"},
        {"--product", OPTION_TEXT, &product, "PRODUCT", "the only one that it is good for"},
        {"--user", OPTION_TEXT, &user, "USER",
         "whose it is, on the server's own machine (default: yours)"},
        REMOTE_ROWS(flags)};
    int status = verb_parse(call, ROWS(rows), &name);
    if (status >= 0) return status;
    if (!scopes.count) {
        fputs("godwit token: --scope is missing; it says what the token is good for\n", stderr);
        return 2;
    }
    json_t *body = json_pack("{s:o, s:s}", "scopes", texts_json(&scopes), "name", name);
    if (body && days != DAYS_UNSET) json_object_set_new(body, "days", json_integer(days));
    if (body && product) json_object_set_new(body, "product", json_string(product));
    if (body && user) json_object_set_new(body, "user", json_string(user));
    if (!body) {
        fputs("godwit token: a name or scope is no UTF-8 text\n", stderr);
        return 2;
    }
    return remote_do(&flags, "POST", "/api/v1/tokens", body, print_added);
}

/* ---- revoke ---- */

static void print_revoked(const json_t *reply)
{
    (void)reply;
    puts("revoked; it is void from now on");
}

static int run_revoke(const struct verb_call *call)
{
    return verb_delete(call, "/api/v1/tokens", print_revoked);
}

/* ---- the verbs ---- */

static const struct verb VERBS[] = {
    {"token list", "", "Lists API tokens: yours, or everybody's where you are an admin.", 0, 0,
     run_list},
    {"token add", "NAME --scope SCOPE... [--days N] [--product PRODUCT]",
     "Makes an API token, which is shown once and can do no more than you. NAME says what it is "
     "for.",
     1, 1, run_add},
    {"token revoke", "TOKEN", "Ends an API token at once; TOKEN as the list has it.", 1, 1,
     run_revoke},
};

static const struct options ABOUT = {
    .command = "token",
    .usage = "list | add NAME --scope SCOPE... | revoke TOKEN",
    .sentence = "API tokens, by which programs speak to the service. `godwit token VERB --help`\n"
                "lists the options.",
};

int cmd_token(int argc, char **argv)
{
    return verbs_run(&ABOUT, VERBS, sizeof VERBS / sizeof *VERBS, argc, argv, NULL);
}
