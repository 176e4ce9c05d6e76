/* Takes a release away, with its files; the server refuses while somebody needs it. */
#include "cli/cli.h"

#include <stdio.h>

#include "cli/names.h"
#include "cli/remote.h"

static int delete_release(const struct remote *remote, const char **arguments, bool as_json)
{
    char path[300];
    struct godwit_text text;
    json_t *reply;
    godwit_text_init(&text, path, sizeof path);
    godwit_text_add(&text, "/api/v1/releases/");
    address_add(&text, arguments[0]);
    godwit_text_add(&text, "/");
    address_add(&text, arguments[1]);
    if (!remote_call(remote, "DELETE", path, NULL, &reply)) return 1;
    bool is_good = !as_json || json_print(reply);
    unsigned long long files = json_number(reply, "files");
    if (!as_json)
        printf("deleted %s %s and its %llu file%s\n", arguments[0], arguments[1], files,
               files == 1 ? "" : "s");
    json_decref(reply);
    return is_good ? 0 : 1;
}

int cmd_delete(int argc, char **argv)
{
    struct remote_flags flags = {0};
    const char *arguments[2] = {NULL, NULL};
    const struct option_row rows[] = {REMOTE_ROWS(flags)};
    const struct options options = {
        "delete",
        "PRODUCT VERSION [--json]",
        "Takes a release and its files away, with the rollouts of it "
        "that are over. Refused while devices run it or are offered it, "
        "and for a bridge release, which late devices need.",
        rows,
        sizeof rows / sizeof *rows,
        arguments,
        2,
        2};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    status = name_check(&options, "the product", arguments[0]);
    if (status < 0) status = name_check(&options, "the version", arguments[1]);
    if (status >= 0) return status;
    struct remote remote;
    if (!remote_open(&remote, &flags)) return 1;
    status = delete_release(&remote, arguments, flags.json);
    remote_close(&remote);
    return status;
}
