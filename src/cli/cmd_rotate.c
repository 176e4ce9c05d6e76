/* Asks devices to make another token; each does with its next check-in, and the one before is void
 * once it has used the new one. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/remote.h"

#define BATCH 500
#define ARGUMENTS_MAX 64

static bool ask(const struct remote *remote, json_t *devices, unsigned long long *asked)
{
    json_t *reply, *body = json_pack("{s:O}", "devices", devices);
    bool is_good = body && remote_call(remote, "POST", "/api/v1/rotations", body, &reply);
    json_decref(body);
    if (!is_good) return false;
    *asked += json_number(reply, "asked");
    json_decref(reply);
    return true;
}

/* The devices of a reply in batches. */
static bool ask_each(const struct remote *remote, const json_t *devices, unsigned long long *asked)
{
    size_t count = json_array_size(devices);
    bool is_good = true;
    for (size_t from = 0; from < count && is_good; from += BATCH) {
        json_t *batch = json_array();
        for (size_t i = from; i < count && i < from + BATCH; i++)
            json_array_append(batch, json_object_get(json_array_get(devices, i), "device_id"));
        is_good = ask(remote, batch, asked);
        json_decref(batch);
    }
    return is_good;
}

static bool ask_all(const struct remote *remote, unsigned long long *asked)
{
    char path[400] = "/api/v1/devices?limit=500";
    bool is_good = true, more = true;
    while (is_good && more) {
        json_t *reply;
        if (!remote_call(remote, "GET", path, NULL, &reply)) return false;
        is_good = ask_each(remote, json_object_get(reply, "items"), asked);
        const char *next = json_text(reply, "next");
        more = *next != '\0';
        snprintf(path, sizeof path, "/api/v1/devices?limit=500&after=%s", next);
        json_decref(reply);
    }
    return is_good;
}

int cmd_rotate(int argc, char **argv)
{
    struct remote_flags flags = {0};
    const char *arguments[ARGUMENTS_MAX] = {NULL};
    bool all = false;
    const struct option_row rows[] = {{"--all", OPTION_FLAG, &all, NULL, "all devices"},
                                      REMOTE_ROWS(flags)};
    const struct options options = {"rotate",
                                    "DEVICE ... | --all",
                                    "Lets devices change their token: each makes another with its "
                                    "next check-in, and both are good until it has used the new "
                                    "one.",
                                    rows,
                                    sizeof rows / sizeof *rows,
                                    arguments,
                                    0,
                                    ARGUMENTS_MAX};
    size_t count;
    int status = options_parse(&options, argc, argv, &count);
    if (status >= 0) return status;
    if (!count == !all) return options_wrong(&options, "give devices, or --all");
    struct remote remote;
    unsigned long long asked = 0;
    if (!remote_open(&remote, &flags)) return 1;
    json_t *devices = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(devices, json_string(arguments[i]));
    bool is_good = all ? ask_all(&remote, &asked) : ask(&remote, devices, &asked);
    json_decref(devices);
    remote_close(&remote);
    if (!is_good) return 1;
    if (flags.json)
        printf("{\"asked\": %llu}\n", asked);
    else
        printf("%llu device%s will make another token\n", asked, asked == 1 ? "" : "s");
    return 0;
}
