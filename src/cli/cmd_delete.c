/* Takes a release away, with its files; the server refuses while somebody needs it. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "cli/remote.h"

/* "%XX" for all but what stands in a path as it is. */
static void path_add(char *path, size_t size_max, const char *text)
{
    size_t at = strlen(path);
    for (; *text && at + 4 < size_max; text++) {
        bool is_plain =
            strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", *text);
        at += (size_t)snprintf(path + at, size_max - at, is_plain ? "%c" : "%%%02X",
                               (unsigned)(unsigned char)*text);
    }
}

static int delete_release(const struct remote *remote, const char **arguments, bool as_json)
{
    char path[300] = "/api/v1/releases/";
    json_t *reply;
    path_add(path, sizeof path, arguments[0]);
    snprintf(path + strlen(path), sizeof path - strlen(path), "/");
    path_add(path, sizeof path, arguments[1]);
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
    const struct options options = {"delete",
                                    "PRODUCT VERSION [--json]",
                                    "Takes a release and its files away, with the rollouts of it "
                                    "that are over. Refused while devices run it or are told to, "
                                    "and for a bridge release, which late devices need.",
                                    rows,
                                    sizeof rows / sizeof *rows,
                                    arguments,
                                    2,
                                    2};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    for (int i = 0; i < 2; i++)
        if (!arguments[i][0] || strlen(arguments[i]) > 32)
            return options_wrong(&options, "'%s' is no %s", arguments[i],
                                 i ? "version" : "product");
    struct remote remote;
    if (!remote_open(&remote, &flags)) return 1;
    status = delete_release(&remote, arguments, flags.json);
    remote_close(&remote);
    return status;
}
