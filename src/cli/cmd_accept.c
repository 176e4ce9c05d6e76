/* Lets in, or sends away, a token that asks to join under a known device's id. */
#include <stdio.h>
#include <string.h>

#include "cli/choose_many.h"
#include "cli/cli.h"
#include "cli/filter_help.h"
#include "cli/remote.h"

static bool is_hex(const char *text, size_t size)
{
    return strlen(text) == size && strspn(text, "0123456789abcdefABCDEF") == size;
}

/* Without a token: a device whose identity seemed to be used twice. */
static int clear(const struct remote_flags *flags, const char *device)
{
    struct remote remote;
    char path[64];
    json_t *reply;
    if (!remote_open(&remote, flags)) return 1;
    snprintf(path, sizeof path, "/api/v1/devices/%s/clear", device);
    bool is_good = remote_call(&remote, "POST", path, NULL, &reply);
    remote_close(&remote);
    if (!is_good) return 1;
    if (flags->json)
        is_good = json_print(reply);
    else
        printf("%s is one device again and is offered what is rolled out\n", device);
    json_decref(reply);
    return is_good ? 0 : 1;
}

static int choose_one(const struct options *options, const struct remote_flags *flags)
{
    const char *const *arguments = options->arguments;
    bool is_accept = !strcmp(options->command, "accept");
    if (!arguments[1] && is_accept) return clear(flags, arguments[0]);
    if (!arguments[1]) return options_wrong(options, "which token of %s?", arguments[0]);
    if (!is_hex(arguments[1], 16))
        return options_wrong(options,
                             "'%s' is no token of 16 hex digits; `godwit devices %s` shows which "
                             "wait",
                             arguments[1], arguments[0]);
    struct remote remote;
    if (!remote_open(&remote, flags)) return 1;
    char path[64];
    snprintf(path, sizeof path, "/api/v1/devices/%s/%s", arguments[0], options->command);
    json_t *body = json_pack("{s:s}", "token", arguments[1]), *reply;
    bool is_good = body && remote_call(&remote, "POST", path, body, &reply);
    json_decref(body);
    remote_close(&remote);
    if (!is_good) return 1;
    if (flags->json)
        is_good = json_print(reply);
    else if (is_accept)
        printf("%s is let in with token %s; the token before is void\n", arguments[0],
               arguments[1]);
    else
        printf("token %s is rejected; %s continues with the token it has\n", arguments[1],
               arguments[0]);
    json_decref(reply);
    return is_good ? 0 : 1;
}

/* One token of one device, or those of many. */
static int run(const char *command, const char *sentence, int argc, char **argv)
{
    struct remote_flags flags = {0};
    struct choice choice = {.verb = command};
    const char *arguments[2] = {NULL, NULL};
    bool all = false;
    const struct option_row rows[] = {
        {"--all", OPTION_FLAG, &all, NULL, "all that wait"},
        {"--yes", OPTION_FLAG, &choice.is_meant, NULL, "it is meant, however many wait"},
        REMOTE_ROWS(flags)};
    const struct options options = {command,
                                    "DEVICE [TOKEN] | FILTER [--yes] | --all [--yes]",
                                    sentence,
                                    rows,
                                    sizeof rows / sizeof *rows,
                                    arguments,
                                    0,
                                    2};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    if (!arguments[0] == !all) return options_wrong(&options, "give a device, a filter or --all");
    if (!all && is_device_id(arguments[0])) return choose_one(&options, &flags);
    if (arguments[1])
        return options_wrong(&options, "'%s' is no device id of 12 hex digits", arguments[0]);
    choice.filter = arguments[0];
    return choose_many(&flags, &choice);
}

int cmd_accept(int argc, char **argv)
{
    return run("accept",
               "Lets devices in that joined before with another token, as after a lost flash. "
               "`godwit devices` shows which wait; of many with one id the newest is meant. "
               "A device alone: says that it is one again after it was forked.",
               argc, argv);
}

int cmd_reject(int argc, char **argv)
{
    return run("reject",
               "Rejects tokens that ask to join under the id of a device that is known; that "
               "device is not touched.",
               argc, argv);
}
