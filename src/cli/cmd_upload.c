/* Hands a file to the server and says what the server understood. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "cli/names.h"
#include "cli/remote.h"
#include "cli/upload_text.h"
#include "files/shell_quote.h"

/* What to know of it, and what to type next: only what the server would do. */
static void advice_print(const json_t *reply, const char *product, const char *version)
{
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(reply, "warnings"), index, one)
        printf("note: %s\n", json_string_value(one));
    if (json_is_false(json_object_get(reply, "deployable"))) return;
    char product_word[SHELL_NAME_SIZE], version_word[SHELL_NAME_SIZE];
    bool needs_override = json_array_size(json_object_get(reply, "overrides"));
    printf("%sdeploy it with: godwit deploy", needs_override ? "if that is meant, " : "");
    json_array_foreach(json_object_get(reply, "overrides"), index, one)
    {
        fputs(" --", stdout);
        for (const char *at = json_string_value(one); *at; at++)
            putchar(*at == '_' ? '-' : *at);
    }
    printf("%s %s %s\n", *product == '-' || *version == '-' ? " --" : "",
           shell_quote(product, product_word, sizeof product_word),
           shell_quote(version, version_word, sizeof version_word));
}

static void understood_print(const json_t *reply)
{
    upload_print(reply);
    advice_print(reply, json_text(reply, "product"), json_text(reply, "version"));
}

static void query_add(struct godwit_text *path, const char *name, const char *value)
{
    if (!value) return;
    godwit_text_add(path, strchr(path->data, '?') ? "&" : "?");
    godwit_text_add(path, name);
    address_add(path, value);
}

int cmd_upload(int argc, char **argv)
{
    struct remote_flags flags = {0};
    const char *arguments[1] = {NULL}, *product = NULL, *version = NULL;
    bool open = false, other_project = false;
    const struct option_row rows[] = {
        {"--product", OPTION_TEXT, &product, "NAME",
         "the product that it is for, where the project inside is called otherwise"},
        {"--version", OPTION_TEXT, &version, "VERSION",
         "its version, where the one inside is that of a prebuilt core"},
        {"--other-project", OPTION_FLAG, &other_project, NULL,
         "take it although the product's images so far are of another project"},
        {"--open", OPTION_FLAG, &open, NULL,
         "take an unsigned first file; its product then needs no signature"},
        REMOTE_ROWS(flags),
    };
    const struct options options = {
        "upload",
        "FILE [--product NAME] [--version VERSION] [--other-project] [--open] [--json]",
        "Uploads an image; says what it is, and by whom "
        "it is signed, or why it is refused.",
        rows,
        sizeof rows / sizeof *rows,
        arguments,
        1,
        1};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    status = name_check(&options, "--product", product);
    if (status < 0) status = name_check(&options, "--version", version);
    if (status >= 0) return status;
    char path[512];
    struct godwit_text text;
    godwit_text_init(&text, path, sizeof path);
    godwit_text_add(&text, "/api/v1/images");
    query_add(&text, "open=1", open ? "" : NULL);
    query_add(&text, "other_project=1", other_project ? "" : NULL);
    query_add(&text, "product=", product);
    query_add(&text, "version=", version);

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
