/* All devices as a table, or one device with its facts and its history. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/pending.h"
#include "cli/remote.h"
#include "cli/table.h"

static int by_id(const void *left, const void *right)
{
    return strcmp(json_text(*(json_t *const *)left, "device_id"),
                  json_text(*(json_t *const *)right, "device_id"));
}

/* The devices in the order of their ids, in malloc'ed memory; NULL when there is none. */
static const json_t **devices_sorted(const json_t *devices, size_t count)
{
    const json_t **sorted = calloc(count, sizeof *sorted);
    for (size_t i = 0; sorted && i < count; i++)
        sorted[i] = json_array_get(devices, i);
    if (sorted) qsort(sorted, count, sizeof *sorted, by_id);
    return sorted;
}

/* Why it is as it is: said only where somebody might want to do something about it. */
static const char *why(const json_t *device, const json_t *pending)
{
    if (pending_has(pending, json_text(device, "device_id")))
        return "pending: another token asks to join as this device, see below";
    return strcmp(json_text(device, "state"), "up-to-date") ? json_text(device, "sentence") : "";
}

static void list_print(const json_t *reply)
{
    static const char *const HEADS[] = {"DEVICE", "PRODUCT", "CHIP", "VERSION",
                                        "SLOT",   "STATE",   "SEEN", "WHY"};
    static const char *const MEMBERS[] = {"device_id", "product", "chip",
                                          "version",   "slot",    "state"};
    char ago[32];
    struct table table;
    const json_t *devices = json_object_get(reply, "devices"),
                 *pending = json_object_get(reply, "pending");
    size_t count = json_array_size(devices);
    const json_t **sorted = count ? devices_sorted(devices, count) : NULL;
    if (!sorted) {
        puts("no devices yet; `godwit claim --product NAME` lets them join");
        return;
    }
    table_init(&table, sizeof HEADS / sizeof *HEADS);
    for (size_t i = 0; i < sizeof HEADS / sizeof *HEADS; i++)
        table_add(&table, HEADS[i]);
    for (size_t i = 0; i < count; i++) {
        const json_t *device = sorted[i];
        for (size_t k = 0; k < sizeof MEMBERS / sizeof *MEMBERS; k++)
            table_add(&table, json_text(device, MEMBERS[k]));
        table_add(&table, ago_text(json_number(device, "last_seen"), ago, sizeof ago));
        const char *arguments = why(device, pending), *cause = json_text(device, "cause");
        table_addf(&table, "%s%s%s", cause, *cause ? ": " : "", arguments);
    }
    table_print(&table);
    free(sorted);
    pending_print(pending);
}

static void facts_print(const json_t *facts)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)facts, name, value)
    {
        if (json_is_string(value))
            printf("  %-18s %s\n", name, json_string_value(value));
        else if (json_is_integer(value))
            printf("  %-18s %lld\n", name, (long long)json_integer_value(value));
        else if (json_is_boolean(value))
            printf("  %-18s %s\n", name, json_is_true(value) ? "yes" : "no");
    }
}

static void device_print(const json_t *device)
{
    char ago[32];
    printf("%s  %s %s on %s, %s, seen %s\n", json_text(device, "device_id"),
           json_text(device, "product"), json_text(device, "version"), json_text(device, "chip"),
           json_text(device, "slot"), ago_text(json_number(device, "last_seen"), ago, sizeof ago));
    printf("%s: %s (%s)\n", json_text(device, "state"), json_text(device, "sentence"),
           json_text(device, "reason"));
    const json_t *offer = json_object_get(device, "offer");
    if (json_is_object(offer))
        printf("offered: %s by rollout %llu, %llu KiB\n", json_text(offer, "version"),
               json_number(offer, "rollout_id"), (json_number(offer, "size") + 1023) / 1024);
    pending_print(json_object_get(device, "pending"));
    facts_print(json_object_get(device, "facts"));
}

static void events_print(const json_t *reply)
{
    size_t index;
    json_t *event;
    puts("history, newest first:");
    json_array_foreach(json_object_get(reply, "events"), index, event)
    {
        char when[32] = "";
        struct tm local;
        time_t at = (time_t)json_number(event, "time");
        if (localtime_r(&at, &local)) strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &local);
        const char *kind = json_text(event, "kind"), *stage = json_text(event, "stage");
        printf("  %s  %-11s", when, kind);
        if (json_text(event, "version")[0]) printf(" %s", json_text(event, "version"));
        if (strcmp(stage, "none") && strcmp(stage, kind)) printf(" %s", stage);
        const char *reason = json_text(event, "reason");
        if (json_text(event, "sentence")[0]) printf(": %s", json_text(event, "sentence"));
        if (reason[0] && strcmp(reason, "none")) printf(" (%s)", reason);
        if (json_text(event, "detail")[0]) printf(" [%s]", json_text(event, "detail"));
        putchar('\n');
    }
}

static bool list_show(const struct remote *remote, bool as_json)
{
    json_t *reply;
    if (!remote_call(remote, "GET", "/api/v1/devices", NULL, &reply)) return false;
    bool is_good = true;
    if (as_json)
        is_good = json_print(reply);
    else
        list_print(reply);
    json_decref(reply);
    return is_good;
}

static bool device_show(const struct remote *remote, const char *device_id, bool as_json)
{
    char path[96];
    json_t *device, *history = NULL;
    snprintf(path, sizeof path, "/api/v1/devices/%s", device_id);
    if (!remote_call(remote, "GET", path, NULL, &device)) return false;
    snprintf(path, sizeof path, "/api/v1/devices/%s/events", device_id);
    bool is_good = remote_call(remote, "GET", path, NULL, &history);
    if (is_good && as_json) {
        json_object_set(device, "events", json_object_get(history, "events"));
        is_good = json_print(device);
    } else if (is_good) {
        device_print(device);
        events_print(history);
    }
    json_decref(device);
    json_decref(history);
    return is_good;
}

int cmd_devices(int argc, char **argv)
{
    struct remote_flags flags = {0};
    const char *arguments[1] = {NULL};
    const struct option_row rows[] = {REMOTE_ROWS(flags)};
    const struct options options = {"devices",
                                    "[DEVICE] [--json]",
                                    "All devices, or one device (12 hex digits) with its facts "
                                    "and its history.",
                                    rows,
                                    sizeof rows / sizeof *rows,
                                    arguments,
                                    0,
                                    1};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    if (arguments[0] &&
        (strlen(arguments[0]) != 12 || strspn(arguments[0], "0123456789abcdefABCDEF") != 12))
        return options_wrong(&options, "'%s' is no device id of 12 hex digits", arguments[0]);
    struct remote remote;
    if (!remote_open(&remote, &flags)) return 1;
    bool is_good = arguments[0] ? device_show(&remote, arguments[0], flags.json)
                                : list_show(&remote, flags.json);
    remote_close(&remote);
    return is_good ? 0 : 1;
}
