/* Why a device is offered what it is, or nothing. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "cli/names.h"
#include "cli/remote.h"

static void print_when(const json_t *why)
{
    long long expected_s = (long long)json_number(why, "expected"),
              left_s = expected_s - (long long)time(NULL);
    if (json_is_true(json_object_get(why, "is_waiting")))
        puts("its check-in is held: it hears at once");
    else if (expected_s)
        printf("its next check-in is expected in %lld s\n", left_s > 0 ? left_s : 0);
    else
        puts("its next check-in is overdue, or its habit is not known");
}

static void print(const json_t *why)
{
    const char *version = json_text(why, "version");
    printf("%s (%s)\n", json_text(why, "sentence"), json_text(why, "reason"));
    if (json_number(why, "rollout_id"))
        printf("rollout %llu speaks to it, which is %s\n", json_number(why, "rollout_id"),
               json_text(why, "rollout_state"));
    if (*version)
        printf("its next check-in is told to install %s\n", version);
    else
        puts("its next check-in is told that there is nothing to install");
    print_when(why);
}

int cmd_why(int argc, char **argv)
{
    struct remote_flags flags = {0};
    const char *arguments[1] = {NULL}, *release = NULL;
    const struct option_row rows[] = {
        {"--release", OPTION_TEXT, &release, "VERSION",
         "as if this release of its product were rolled out to it alone"},
        REMOTE_ROWS(flags)};
    const struct options options = {"why",
                                    "DEVICE [--release VERSION]",
                                    "Says why a device is offered what it is, or nothing: the "
                                    "first closed gate, what opens it, and when it hears of it.",
                                    rows,
                                    sizeof rows / sizeof *rows,
                                    arguments,
                                    1,
                                    1};
    char path[256];
    struct godwit_text text;
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    if (strlen(arguments[0]) != 12 || arguments[0][strspn(arguments[0], "0123456789abcdefABCDEF")])
        return options_wrong(&options, "'%s' is no device id of 12 hex digits", arguments[0]);
    godwit_text_init(&text, path, sizeof path);
    godwit_text_add(&text, "/api/v1/devices/");
    godwit_text_add(&text, arguments[0]);
    godwit_text_add(&text, release ? "/why?release=" : "/why");
    if (release) address_add(&text, release);
    if (text.overflow) return options_wrong(&options, "'%s' is no version: too long", release);
    return remote_do(&flags, "GET", path, NULL, print);
}
