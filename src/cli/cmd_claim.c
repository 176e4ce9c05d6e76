/* Two things a device needs to join: a claim token, and the initial policy of its agent's build. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "cli/file.h"
#include "cli/names.h"
#include "cli/remote.h"
#include "formats/policy.h"

/* For `--claim @FILE` of a device: readable by its owner alone. */
static bool token_write(const char *path, const char *token, uint32_t count)
{
    char line[OPTION_SECRET_MAX + 1];
    int size = snprintf(line, sizeof line, "%s\n", token);
    if (!file_write_secret("claim", path, (const uint8_t *)line, (size_t)size)) return false;
    printf("%s: lets %u device%s join\n", path, count, count == 1 ? "" : "s");
    return true;
}

static int claim(const struct remote *remote, const char *product, uint32_t count, const char *out)
{
    json_t *body = json_pack("{s:s, s:I}", "product", product, "count", (json_int_t)count);
    json_t *reply;
    bool is_good = body && remote_call(remote, "POST", "/api/v1/claims", body, &reply);
    json_decref(body);
    if (!is_good) return 1;
    if (remote->is_raw)
        is_good = json_print(reply);
    else if (out)
        is_good = token_write(out, json_text(reply, "token"), count);
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
    const char *product = NULL, *initial_product = NULL, *out = NULL;
    uint32_t count = 1;
    const struct option_row rows[] = {
        {"--product", OPTION_TEXT, &product, "PRODUCT", "print a claim token for this product"},
        {"--count", OPTION_NUMBER, &count, "N", "how many devices may join with it (default 1)"},
        {"--initial-policy", OPTION_TEXT, &initial_product, "PRODUCT",
         "write this product's initial policy"},
        {"--out", OPTION_TEXT, &out, "FILE",
         "where to write the token (default: standard output) or the initial policy (default "
         "PRODUCT.policy)"},
        REMOTE_ROWS(flags),
    };
    const struct options options = {
        "claim",
        "--product PRODUCT [--count N] [--out FILE] | --initial-policy PRODUCT "
        "[--out FILE]",
        "Lets devices join: the token goes into a device's first "
        "check-in, the initial policy (328 bytes) into its agent.",
        rows,
        sizeof rows / sizeof *rows,
        NULL,
        0,
        0};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    if (!product == !initial_product)
        return options_wrong(&options, "give --product or --initial-policy");
    const char *name = product ? product : initial_product;
    status = name_check(&options, product ? "--product" : "--initial-policy", name);
    if (status >= 0) return status;
    struct remote remote;
    if (!remote_open(&remote, &flags)) return 1;
    status = product ? claim(&remote, product, count, out) : initial_policy(&remote, name, out);
    remote_close(&remote);
    return status;
}
