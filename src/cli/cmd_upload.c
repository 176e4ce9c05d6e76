/* Hands a file to the server and says what the server understood. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "cli/remote.h"
#include "formats/chip.h"

static void signatures_print(const json_t *signatures)
{
    size_t index;
    json_t *one;
    if (!json_array_size(signatures)) fputs(", unsigned", stdout);
    json_array_foreach(signatures, index, one)
        printf("%s %.8s… (%s)", index ? " and" : ", signed by", json_text(one, "key_digest"),
               json_text(one, "scheme"));
}

/* What to know of it, and what to type next: only what the server would do. */
static void advice_print(const json_t *reply, const char *product, const char *version)
{
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(reply, "warnings"), index, one)
        printf("note: %s\n", json_string_value(one));
    if (json_is_false(json_object_get(reply, "deployable"))) return;
    const char *quote = strpbrk(version, " '\"$&;()<>|*?") ? "'" : ""; /* Arduino's have spaces */
    bool needs_override = json_array_size(json_object_get(reply, "overrides"));
    printf(needs_override ? "if that is meant, deploy it with: godwit deploy %s %s%s%s"
                          : "deploy it with: godwit deploy %s %s%s%s",
           product, quote, version, quote);
    json_array_foreach(json_object_get(reply, "overrides"), index, one)
    {
        fputs(" --", stdout);
        for (const char *at = json_string_value(one); *at; at++)
            putchar(*at == '_' ? '-' : *at);
    }
    putchar('\n');
}

static void understood_print(const json_t *reply)
{
    const char *product = json_text(reply, "product"), *version = json_text(reply, "version");
    const struct godwit_chip *chip = godwit_chip_by_name(json_text(reply, "chip"));
    printf("%s %s for %s", product, version, chip ? chip->title : json_text(reply, "chip"));
    signatures_print(json_object_get(reply, "signatures"));
    printf(", %llu KiB%s\n", (json_number(reply, "size") + 1023) / 1024,
           json_is_true(json_object_get(reply, "existed")) ? " (was there already)" : "");
    bool is_signed = json_array_size(json_object_get(reply, "signatures"));
    if (json_is_true(json_object_get(reply, "created_product")))
        printf("%s is a new product; from now on %s\n", product,
               is_signed ? "only files with these signing keys are taken"
                         : "it is OPEN: who reaches the server decides what its devices run");
    advice_print(reply, product, version);
}

/* False when the name is none that a query can carry. */
static bool path_make(char *path, size_t size_max, const char *product, bool open)
{
    if (product && (strlen(product) > 32 || strpbrk(product, "&=/?#% \\"))) return false;
    snprintf(path, size_max, "/api/v1/images%s", open ? "?open=1" : "");
    size_t size = strlen(path);
    if (product) snprintf(path + size, size_max - size, "%cproduct=%s", open ? '&' : '?', product);
    return true;
}

int cmd_upload(int argc, char **argv)
{
    struct remote_flags flags = {0};
    const char *arguments[1] = {NULL}, *product = NULL;
    bool open = false;
    const struct option_row rows[] = {
        {"--product", OPTION_TEXT, &product, "NAME", "refuse a file of any other product"},
        {"--open", OPTION_FLAG, &open, NULL,
         "take an unsigned first file; its product then asks for no signature"},
        REMOTE_ROWS(flags),
    };
    const struct options options = {"upload",
                                    "FILE [--product NAME] [--open] [--json]",
                                    "Hands an image to the server; says what it is, and by whom "
                                    "it is signed, or why it is refused.",
                                    rows,
                                    sizeof rows / sizeof *rows,
                                    arguments,
                                    1,
                                    1};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    char path[128];
    if (!path_make(path, sizeof path, product, open))
        return options_wrong(&options, "'%s' is no product name", product);

    struct remote remote;
    json_t *reply;
    if (!remote_open(&remote, &flags)) return 1;
    bool is_good = remote_upload(&remote, path, arguments[0], &reply);
    remote_close(&remote);
    if (!is_good) return 1;
    if (flags.json)
        is_good = json_print(reply);
    else
        understood_print(reply);
    json_decref(reply);
    return is_good ? 0 : 1;
}
