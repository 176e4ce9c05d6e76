/* What a device needs to join: a claim token, and the initial policy of its agent's build. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/file.h"
#include "cli/names.h"
#include "cli/verbs.h"
#include "formats/policy.h"

#define LIFETIME_MAX_S (10U * 366 * 86400)

/* ---- add ---- */

/* For `--claim @FILE` of a device: readable by its owner alone. */
static bool token_write(const char *path, const char *token, uint32_t count)
{
    char line[OPTION_SECRET_MAX + 1];
    int size = snprintf(line, sizeof line, "%s\n", token);
    if (!file_write_secret("claim", path, (const uint8_t *)line, (size_t)size)) return false;
    printf("%s: lets %u device%s join\n", path, count, count == 1 ? "" : "s");
    return true;
}

struct wanted {
    const char *product, *lifetime, *out;
    struct option_list tags;
    uint32_t count, lifetime_s; /* lifetime_s 0: for ever */
};

/* "90m", "12h", "30d", "52w" → seconds; 0: it is none. */
static uint32_t lifetime_parse(const char *text)
{
    static const struct {
        char letter;
        uint32_t seconds;
    } UNITS[] = {{'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 7 * 86400}};
    char *end;
    if (*text < '0' || *text > '9') return 0;
    unsigned long number = strtoul(text, &end, 10);
    for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++)
        if (end[0] == UNITS[i].letter && !end[1])
            return number > LIFETIME_MAX_S / UNITS[i].seconds ? 0
                                                              : (uint32_t)number * UNITS[i].seconds;
    return 0;
}

static json_t *claim_body(const struct wanted *wanted)
{
    json_t *tags = texts_json(&wanted->tags);
    if (!tags) {
        fputs("godwit: a tag is no UTF-8 text\n", stderr);
        return NULL;
    }
    json_t *body = json_pack("{s:s, s:I, s:o}", "product", wanted->product, "count",
                             (json_int_t)wanted->count, "tags", tags);
    if (body && wanted->lifetime_s)
        json_object_set_new(body, "lifetime_s", json_integer(wanted->lifetime_s));
    return body;
}

static int add(const struct remote *remote, const struct wanted *wanted)
{
    const char *out = wanted->out;
    json_t *body = claim_body(wanted);
    json_t *reply;
    bool is_good = body && remote_call(remote, "POST", "/api/v1/claims", body, &reply);
    json_decref(body);
    if (!is_good) return 1;
    if (remote->is_raw)
        is_good = json_print(reply);
    else if (out)
        is_good = token_write(out, json_text(reply, "token"), wanted->count);
    else
        puts(json_text(reply, "token"));
    json_decref(reply);
    return is_good ? 0 : 1;
}

static int run_add(const struct verb_call *call)
{
    struct remote_flags flags = {0};
    struct wanted wanted = {.count = 1};
    const struct option_row rows[] = {
        {"--count", OPTION_NUMBER, &wanted.count, "N",
         "how many devices may join with it (default 1)"},
        {"--expires", OPTION_TEXT, &wanted.lifetime, "TIME",
         "nobody joins with it after 90m, 12h, 30d, 52w (default: it has no end)"},
        {"--tag", OPTION_LIST, &wanted.tags, "TAG",
         "a tag that its devices get, \"kitchen\" or \"site=berlin\"; up to 16"},
        {"--out", OPTION_TEXT, &wanted.out, "FILE",
         "where to write the token (default: standard output)"},
        REMOTE_ROWS(flags),
    };
    const struct options options = verb_options(call, ROWS(rows), &wanted.product);
    int status = options_parse(&options, call->argc, call->argv, NULL);
    if (status < 0) status = name_check(&options, "PRODUCT", wanted.product);
    if (status >= 0) return status;
    if (wanted.lifetime) wanted.lifetime_s = lifetime_parse(wanted.lifetime);
    if (wanted.lifetime && !wanted.lifetime_s)
        return options_wrong(&options, "--expires '%s' is no time like 90m, 12h, 30d or 52w",
                             wanted.lifetime);
    struct remote remote;
    if (!remote_open(&remote, &flags)) return 1;
    status = add(&remote, &wanted);
    remote_close(&remote);
    return status;
}

/* ---- list, revoke ---- */

static void add_claim(struct table *table, const json_t *claim)
{
    table_add(table, json_text(claim, "claim"));
    table_add(table, json_text(claim, "product"));
    table_add(table, json_text(claim, "state"));
    table_addf(table, "%llu of %llu", json_number(claim, "used"), json_number(claim, "count"));
    table_add_ago(table, claim, "created");
    table_add_date(table, claim, "expires");
    table_add_texts(table, json_object_get(claim, "tags"));
}

static int run_list(const struct verb_call *call)
{
    static const char *const HEADS[] = {"CLAIM", "PRODUCT", "STATE", "USED",
                                        "MADE",  "EXPIRES", "TAGS",  NULL};
    return verb_list(call, "/api/v1/claims", "claims", HEADS, add_claim);
}

static void print_revoked(const json_t *reply)
{
    (void)reply;
    puts("revoked; nobody joins with it any more, and its devices stay");
}

static int run_revoke(const struct verb_call *call)
{
    return verb_delete(call, "/api/v1/claims", print_revoked);
}

/* ---- policy ---- */

static int initial_policy(const struct remote *remote, const char *product, const char *out)
{
    uint8_t data[GODWIT_POLICY_BYTES];
    struct godwit_policy policy;
    char path[512];
    struct godwit_text text;
    godwit_text_init(&text, path, sizeof path);
    godwit_text_add(&text, "/api/v1/products/");
    address_add(&text, product);
    godwit_text_add(&text, "/initial-policy");
    if (!remote_download(remote, path, data, sizeof data)) return 1;
    if (godwit_policy_decode(data, true, &policy)) {
        fprintf(stderr, "godwit: %s sent no initial policy\n", remote->url);
        return 1;
    }
    snprintf(path, sizeof path, "%s%s", out ? out : product, out ? "" : ".policy");
    if (!file_write("claim", path, data, sizeof data)) return 1;
    printf("%s: trusts %u image key%s and %u deploy key%s\n", path, policy.image_keys_count,
           policy.image_keys_count == 1 ? "" : "s", policy.deploy_keys_count,
           policy.deploy_keys_count == 1 ? "" : "s");
    return 0;
}

static int run_policy(const struct verb_call *call)
{
    struct remote_flags flags = {0};
    const char *product, *out = NULL;
    const struct option_row rows[] = {
        {"--out", OPTION_TEXT, &out, "FILE", "where to write it (default PRODUCT.policy)"},
        REMOTE_ROWS(flags),
    };
    const struct options options = verb_options(call, ROWS(rows), &product);
    int status = options_parse(&options, call->argc, call->argv, NULL);
    if (status < 0) status = name_check(&options, "PRODUCT", product);
    if (status >= 0) return status;
    struct remote remote;
    if (!remote_open(&remote, &flags)) return 1;
    status = initial_policy(&remote, product, out);
    remote_close(&remote);
    return status;
}

/* ---- the verbs ---- */

static const struct verb VERBS[] = {
    {"claim list", "", "Lists the claim tokens, the newest first.", 0, 0, run_list},
    {"claim add", "PRODUCT [--count N] [--expires TIME] [--tag TAG] [--out FILE]",
     "Makes a claim token, by which devices of the product join: it goes into a device's first "
     "check-in.",
     1, 1, run_add},
    {"claim revoke", "CLAIM",
     "Ends a claim token at once; CLAIM as the list has it. Devices that joined by it stay.", 1, 1,
     run_revoke},
    {"claim policy", "PRODUCT [--out FILE]",
     "Writes the product's initial policy (328 bytes), which goes into the build of its devices' "
     "agent.",
     1, 1, run_policy},
};

static const struct options ABOUT = {
    .command = "claim",
    .usage = "list | add PRODUCT | revoke CLAIM | policy PRODUCT",
    .sentence = "Lets devices join: claim tokens, and the initial policy of their agent. `godwit\n"
                "claim VERB --help` lists the options.",
};

int cmd_claim(int argc, char **argv)
{
    return verbs_run(&ABOUT, VERBS, sizeof VERBS / sizeof *VERBS, argc, argv, NULL);
}
