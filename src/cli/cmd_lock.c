/* What a deploy of a product needs before it begins. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "cli/remote.h"

static void print(const json_t *locks)
{
    printf("a second person approves each rollout: %s; a bench device proves each release: %s\n",
           json_is_true(json_object_get(locks, "approval")) ? "yes" : "no",
           json_is_true(json_object_get(locks, "bench")) ? "yes" : "no");
}

int cmd_lock(int argc, char **argv)
{
    struct remote_flags flags = {0};
    const char *arguments[1] = {NULL};
    bool approval = false, bench = false, none = false;
    const struct option_row rows[] = {
        {"--approval", OPTION_FLAG, &approval, NULL,
         "each rollout waits until a second person approves it (`godwit rollout approve`)"},
        {"--bench", OPTION_FLAG, &bench, NULL,
         "a device with the tag bench, of each chip, has to confirm the release and go back first"},
        {"--none", OPTION_FLAG, &none, NULL, "neither"},
        REMOTE_ROWS(flags)};
    const struct options options = {"lock",
                                    "PRODUCT --approval | --bench | --none",
                                    "Says what a deploy of a product needs; what is not named is "
                                    "not asked for any more.",
                                    rows,
                                    sizeof rows / sizeof *rows,
                                    arguments,
                                    1,
                                    1};
    char path[96];
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    if (none == (approval || bench))
        return options_wrong(&options, "say --approval, --bench, both, or --none");
    if (strlen(arguments[0]) > 32 || strpbrk(arguments[0], "/?#% "))
        return options_wrong(&options, "'%s' is no name of a product", arguments[0]);
    snprintf(path, sizeof path, "/api/v1/products/%s/locks", arguments[0]);
    return remote_do(&flags, "PUT", path,
                     json_pack("{s:b, s:b}", "approval", (int)approval, "bench", (int)bench),
                     print);
}
