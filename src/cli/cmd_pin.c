/* Holds a device as it is, or pins it to a release. */
#include "cli/cli.h"

#include <stdio.h>

#include "cli/filter_help.h"
#include "cli/remote.h"

static void print_held(const json_t *reply)
{
    (void)reply;
    puts("the device is held as it is; `godwit hold DEVICE --remove` lets it go");
}

static void print_let_go(const json_t *reply)
{
    (void)reply;
    puts("the device takes part in rollouts again");
}

int cmd_hold(int argc, char **argv)
{
    struct remote_flags flags = {0};
    const char *arguments[1] = {NULL};
    bool remove = false;
    const struct option_row rows[] = {{"--remove", OPTION_FLAG, &remove, NULL, "let it go again"},
                                      REMOTE_ROWS(flags)};
    const struct options options = {
        "hold",
        "DEVICE [--remove]",
        "Holds a device as it is: whatever is rolled out, it is offered "
        "nothing and does not switch.",
        rows,
        sizeof rows / sizeof *rows,
        arguments,
        1,
        1};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    if (!is_device_id(arguments[0]))
        return options_wrong(&options, "'%s' is no device id of 12 hex digits", arguments[0]);
    return device_do(&flags, remove ? "DELETE" : "POST", arguments[0], "hold",
                     remove ? print_let_go : print_held);
}

static void print_pinned(const json_t *rollout)
{
    printf(
        "the device is pinned to %s %s by rollout %llu; `godwit pin DEVICE --remove` lets it go\n",
        json_text(rollout, "product"), json_text(rollout, "version"),
        json_number(rollout, "rollout_id"));
}

/* The product is that of the device. NULL after a printed line. */
static json_t *pin_make(const struct remote_flags *flags, const char *device, const char *version,
                        bool allow_downgrade)
{
    struct remote remote;
    char path[64];
    json_t *found, *body = NULL;
    snprintf(path, sizeof path, "/api/v1/devices/%s", device);
    if (!remote_open(&remote, flags)) return NULL;
    if (remote_call(&remote, "GET", path, NULL, &found)) {
        body = json_pack("{s:s, s:s, s:[s], s:s, s:b}", "product", json_text(found, "product"),
                         "version", version, "devices", device, "priority", "pin",
                         "allow_downgrade", (int)allow_downgrade);
        json_decref(found);
    }
    remote_close(&remote);
    return body;
}

int cmd_pin(int argc, char **argv)
{
    struct remote_flags flags = {0};
    const char *arguments[2] = {NULL, NULL};
    bool remove = false, allow_downgrade = false;
    const struct option_row rows[] = {{"--remove", OPTION_FLAG, &remove, NULL, "let it go again"},
                                      {"--allow-downgrade", OPTION_FLAG, &allow_downgrade, NULL,
                                       "also to a release of a lower counter than it runs"},
                                      REMOTE_ROWS(flags)};
    const struct options options = {
        "pin",
        "DEVICE VERSION | DEVICE --remove",
        "Pins a device to a release: it installs that one, and no other "
        "rollout speaks to it until the pin is removed.",
        rows,
        sizeof rows / sizeof *rows,
        arguments,
        1,
        2};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    if (!is_device_id(arguments[0]))
        return options_wrong(&options, "'%s' is no device id of 12 hex digits", arguments[0]);
    if (remove == (arguments[1] != NULL))
        return options_wrong(&options, "name a VERSION, or say --remove");
    if (remove) return device_do(&flags, "DELETE", arguments[0], "pin", print_let_go);
    json_t *body = pin_make(&flags, arguments[0], arguments[1], allow_downgrade);
    return body ? remote_do(&flags, "POST", "/api/v1/rollouts", body, print_pinned) : 1;
}
