/* Two things a device needs to join: a claim token, and the initial policy of its agent's build. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/file.h"
#include "cli/names.h"
#include "cli/remote.h"
#include "formats/policy.h"

#define LIFETIME_MAX_S (10U * 366 * 86400)

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

static int claim(const struct remote *remote, const struct wanted *wanted)
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

int cmd_claim(int argc, char **argv)
{
    struct remote_flags flags = {0};
    struct wanted wanted = {.count = 1};
    const char *initial_product = NULL;
    const struct option_row rows[] = {
        {"--product", OPTION_TEXT, &wanted.product, "PRODUCT",
         "print a claim token for this product"},
        {"--count", OPTION_NUMBER, &wanted.count, "N",
         "how many devices may join with it (default 1)"},
        {"--expires", OPTION_TEXT, &wanted.lifetime, "TIME",
         "nobody joins with it after 90m, 12h, 30d, 52w (default: it has no end)"},
        {"--tag", OPTION_LIST, &wanted.tags, "TAG",
         "a tag that its devices get, \"kitchen\" or \"site=berlin\"; up to 16"},
        {"--initial-policy", OPTION_TEXT, &initial_product, "PRODUCT",
         "write this product's initial policy"},
        {"--out", OPTION_TEXT, &wanted.out, "FILE",
         "where to write the token (default: standard output) or the initial policy (default "
         "PRODUCT.policy)"},
        REMOTE_ROWS(flags),
    };
    const struct options options = {
        "claim",
        "--product PRODUCT [--count N] [--expires TIME] [--tag TAG] [--out FILE] | "
        "--initial-policy PRODUCT [--out FILE]",
        "Lets devices join: the token goes into a device's first "
        "check-in, the initial policy (328 bytes) into its agent.",
        rows,
        sizeof rows / sizeof *rows,
        NULL,
        0,
        0};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    const char *product = wanted.product;
    if (!product == !initial_product)
        return options_wrong(&options, "give --product or --initial-policy");
    const char *name = product ? product : initial_product;
    status = name_check(&options, product ? "--product" : "--initial-policy", name);
    if (status >= 0) return status;
    if (wanted.lifetime) wanted.lifetime_s = lifetime_parse(wanted.lifetime);
    if (wanted.lifetime && !wanted.lifetime_s)
        return options_wrong(&options, "--expires '%s' is no time like 90m, 12h, 30d or 52w",
                             wanted.lifetime);
    struct remote remote;
    if (!remote_open(&remote, &flags)) return 1;
    status = product ? claim(&remote, &wanted) : initial_policy(&remote, name, wanted.out);
    remote_close(&remote);
    return status;
}
