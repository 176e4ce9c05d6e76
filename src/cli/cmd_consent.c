/* Agrees to the update of one device, where its rollout asks for consent. */
#include "cli/cli.h"

#include <stdio.h>

#include "cli/filter_help.h"
#include "cli/remote.h"

static void print(const json_t *reply)
{
    (void)reply;
    puts("the device may take what its rollout offers; it is told with its next check-in");
}

int cmd_consent(int argc, char **argv)
{
    struct remote_flags flags = {0};
    const char *arguments[1] = {NULL};
    const struct option_row rows[] = {REMOTE_ROWS(flags)};
    const struct options options = {"consent",
                                    "DEVICE",
                                    "Agrees to the update of a device, where its rollout was made "
                                    "with --consent; for this rollout alone.",
                                    rows,
                                    sizeof rows / sizeof *rows,
                                    arguments,
                                    1,
                                    1};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    if (!is_device_id(arguments[0]))
        return options_wrong(&options, "'%s' is no device id of 12 hex digits", arguments[0]);
    return device_do(&flags, "POST", arguments[0], "consent", print);
}
