/* All devices as a table, or one device with its facts and its history. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/complete.h"
#include "cli/devices_export.h"
#include "cli/filter_help.h"
#include "cli/pages.h"
#include "cli/pending.h"
#include "cli/remote.h"
#include "cli/table.h"
#include "cli/watch.h"

/* Why it is as it is: said only where somebody might want to do something about it. */
static const char *why(const json_t *device, const json_t *pending)
{
    if (pending_has(pending, json_text(device, "device_id")))
        return "pending: another token asks to join as this device, see below";
    return strcmp(json_text(device, "state"), "up-to-date") ? json_text(device, "sentence") : "";
}

static bool has_names(const json_t *devices)
{
    size_t index;
    json_t *device;
    json_array_foreach(devices, index, device)
    {
        if (json_text(device, "name")[0]) return true;
    }
    return false;
}

/* The rows of one page, below its heads where it is the first. Names have a column where there are
 * some. */
static void page_print(const json_t *devices, const json_t *pending, bool is_first)
{
    static const char *const HEADS[] = {"DEVICE", "NAME",  "PRODUCT", "CHIP", "VERSION",
                                        "SLOT",   "STATE", "SEEN",    "WHY"};
    static const char *const MEMBERS[] = {"device_id", "name", "product", "chip",
                                          "version",   "slot", "state"};
    char ago[32];
    struct table table;
    size_t index, count = sizeof HEADS / sizeof *HEADS, hidden = has_names(devices) ? count : 1;
    json_t *device;
    table_init(&table, count - (hidden < count));
    for (size_t i = 0; i < count && is_first; i++)
        if (i != hidden) table_add(&table, HEADS[i]);
    json_array_foreach(devices, index, device)
    {
        for (size_t k = 0; k < sizeof MEMBERS / sizeof *MEMBERS; k++)
            if (k != hidden) table_add(&table, json_text(device, MEMBERS[k]));
        table_add(&table, ago_text(json_number(device, "last_seen"), ago, sizeof ago));
        const char *arguments = why(device, pending), *cause = json_text(device, "cause");
        table_addf(&table, "%s%s%s", cause, *cause ? ": " : "", arguments);
    }
    table_print(&table);
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

static void labels_print(const json_t *device)
{
    size_t index;
    json_t *tag;
    const json_t *tags = json_object_get(device, "tags");
    if (json_text(device, "name")[0]) printf("name: %s\n", json_text(device, "name"));
    if (json_array_size(tags)) printf("tags:");
    json_array_foreach(tags, index, tag) printf(" %s", json_string_value(tag));
    if (json_array_size(tags)) putchar('\n');
}

static void device_print(const json_t *device)
{
    char ago[32];
    printf("%s  %s %s on %s, %s, seen %s\n", json_text(device, "device_id"),
           json_text(device, "product"), json_text(device, "version"), json_text(device, "chip"),
           json_text(device, "slot"), ago_text(json_number(device, "last_seen"), ago, sizeof ago));
    printf("%s: %s (%s)\n", json_text(device, "state"), json_text(device, "sentence"),
           json_text(device, "reason"));
    labels_print(device);
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
    json_array_foreach(json_object_get(reply, "items"), index, event)
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

/* Page by page, so that the first is soon there and none is kept. */
static bool list_print(const struct remote *remote, const char *path, bool is_all,
                       const json_t *pending)
{
    char after[800] = "";
    for (bool is_first = true; is_first || *after; is_first = false) {
        json_t *page;
        if (!page_get(remote, path, is_all ? PAGE_ROWS_ALL : PAGE_ROWS, after, &page)) return false;
        const json_t *devices = json_object_get(page, "items");
        if (is_first && json_array_size(devices) == 0)
            puts(strstr(path, "&filter=")
                     ? "no device is found"
                     : "no devices yet; `godwit claim add NAME` lets them join");
        else
            page_print(devices, pending, is_first);
        snprintf(after, sizeof after, "%s", page_next(page));
        json_decref(page);
        if (*after && !is_all) {
            puts("… and more: `godwit devices --all` lists them too");
            break;
        }
    }
    pending_print(pending);
    return true;
}

static bool list_json(const struct remote *remote, const char *path, bool is_all,
                      const json_t *pending)
{
    json_t *reply;
    bool is_good = is_all ? pages_get(remote, path, "items", &reply)
                          : page_get(remote, path, PAGE_ROWS, "", &reply);
    if (!is_good) return false;
    json_object_set(reply, "pending", (json_t *)pending);
    is_good = json_print(reply);
    json_decref(reply);
    return is_good;
}

/* The rows of which something is new but when they were seen. */
static json_t *news_of(const json_t *now, const json_t *before)
{
    static const char *const MEMBERS[] = {"version", "state", "reason", "cause", "name", "product"};
    json_t *news = json_array(), *device, *old;
    size_t index, at;
    json_array_foreach(now, index, device)
    {
        bool is_same = false;
        json_array_foreach(before, at, old)
        {
            if (strcmp(json_text(old, "device_id"), json_text(device, "device_id"))) continue;
            is_same = true;
            for (size_t i = 0; i < sizeof MEMBERS / sizeof *MEMBERS && is_same; i++)
                is_same = !strcmp(json_text(old, MEMBERS[i]), json_text(device, MEMBERS[i]));
        }
        if (!is_same) json_array_append(news, device);
    }
    return news;
}

struct list_watch {
    const struct remote *remote;
    char path[4200], etag[ETAG_SIZE];
    json_t *page; /* as it was shown last */
    bool in_place;
};

/* On a terminal the page anew, so that the times in it are right; elsewhere the rows that have
 * changed. */
static enum remote_read list_again(void *ctx)
{
    struct list_watch *list = ctx;
    json_t *page;
    enum remote_read read = remote_read(list->remote, list->path, list->etag, &page);
    if (read != REMOTE_NEW && (read != REMOTE_SAME || !list->in_place)) return read;
    bool is_first = !list->page;
    if (read == REMOTE_SAME) page = json_incref(list->page);
    json_t *devices = json_object_get(page, "items");
    json_t *news = list->in_place ? json_incref(devices)
                                  : news_of(devices, json_object_get(list->page, "items"));
    if (list->in_place) fputs("\033[H\033[J", stdout);
    if (json_array_size(news) || list->in_place) page_print(news, NULL, list->in_place || is_first);
    json_decref(news);
    json_decref(list->page);
    list->page = page;
    return fflush(stdout) ? REMOTE_FAILED : REMOTE_NEW;
}

/* Until it is interrupted, or the server refuses. */
static bool list_watch(const struct remote *remote, const char *path)
{
    const char *terminal = getenv("TERM");
    struct list_watch list = {.remote = remote};
    list.in_place = isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
    if (!page_get(remote, path, PAGE_ROWS, "", &list.page)) return false;
    json_decref(list.page);
    list.page = NULL;
    snprintf(list.path, sizeof list.path, "%s&limit=%d", path, PAGE_ROWS);
    const struct watcher watcher = {.kinds = "device", .show = list_again, .ctx = &list};
    watch(remote, &watcher);
    json_decref(list.page);
    return false;
}

struct list_flags {
    const char *sort, *filter;
    bool is_all, is_watch;
};

static bool list_show(const struct remote *remote, const struct list_flags *flags, bool as_json)
{
    char path[4096] = "/api/v1/devices";
    json_t *waiting;
    bool is_all = flags->is_all;
    query_add(path, sizeof path, "sort", flags->sort ? flags->sort : "device_id");
    if (flags->filter) query_add(path, sizeof path, "filter", flags->filter);
    if (flags->is_watch) return list_watch(remote, path);
    if (!page_get(remote, "/api/v1/pending", PAGE_ROWS, "", &waiting)) return false;
    const json_t *pending = json_object_get(waiting, "items");
    bool is_good = as_json ? list_json(remote, path, is_all, pending)
                           : list_print(remote, path, is_all, pending);
    json_decref(waiting);
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
        json_object_set(device, "events", json_object_get(history, "items"));
        is_good = json_print(device);
    } else if (is_good) {
        device_print(device);
        events_print(history);
    }
    json_decref(device);
    json_decref(history);
    return is_good;
}

/* -1: fine. is_other: something is asked for that is no list for people. */
static int check_export(const struct options *options, const struct devices_export *export,
                        bool is_other)
{
    if (!export->format && export->output)
        return options_wrong(options, "--output goes with --export");
    if (!export->format) return -1;
    if (!devices_export_has(export->format))
        return options_wrong(options, "--export is csv or ndjson, not '%s'", export->format);
    if (is_other)
        return options_wrong(options,
                             "--export goes with a list: not with one device, --watch or --json");
    return -1;
}

static int check(const struct options *options, const struct list_flags *list,
                 const struct devices_export *export, bool is_one, bool as_json)
{
    if (list->is_watch && (is_one || as_json))
        return options_wrong(options, "--watch goes with a list, and not with --json");
    if (list->sort && strspn(list->sort, "-_abcdefghijklmnopqrstuvwxyz") != strlen(list->sort))
        return options_wrong(options, "'%s' is no field to sort by", list->sort);
    return check_export(options, export, list->is_watch || as_json || is_one);
}

int cmd_devices(int argc, char **argv)
{
    struct remote_flags flags = {0};
    const char *arguments[1] = {NULL};
    struct list_flags list = {0};
    const char *typed = NULL;
    struct devices_export export = {0};
    const struct option_row rows[] = {
        {"--all", OPTION_FLAG, &list.is_all, NULL, "every page, where the first alone is shown"},
        {"--watch", OPTION_FLAG, &list.is_watch, NULL,
         "stay and show the first page as it changes, until Ctrl-C"},
        {"--sort", OPTION_TEXT, &list.sort, "FIELD",
         "device_id, name, product, chip, version, slot, state, on_trial, last_seen, reason or "
         "cause; - before it turns the order round"},
        {"--complete", OPTION_TEXT, &typed, "TEXT",
         "for shells: what the filter TEXT can become by one word more, one a line, a tab and a "
         "sentence behind it"},
        {"--export", OPTION_TEXT, &export.format, "FORMAT",
         "all of them as csv or ndjson, to standard output"},
        {"--output", OPTION_TEXT, &export.output, "FILE",
         "with --export: into this file, which is there only once it is whole"},
        REMOTE_ROWS(flags)};
    const struct options options = {
        "devices",
        "[DEVICE|FILTER] [--all] [--watch] [--sort FIELD] [--json | --export FORMAT [--output "
        "FILE]]",
        filter_help("The devices, a hundred at a time, those that a filter finds, or one (12 hex "
                    "digits) with its facts and its history."),
        rows,
        sizeof rows / sizeof *rows,
        arguments,
        0,
        1};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    if (typed) return complete_print(&flags, typed);
    bool is_one = arguments[0] && is_device_id(arguments[0]);
    list.filter = export.filter = arguments[0];
    export.sort = list.sort;
    status = check(&options, &list, &export, is_one, flags.json);
    if (status >= 0) return status;
    struct remote remote;
    if (!remote_open(&remote, &flags)) return 1;
    bool is_good;
    if (export.format)
        is_good = devices_export(&remote, &export);
    else if (is_one)
        is_good = device_show(&remote, arguments[0], flags.json);
    else
        is_good = list_show(&remote, &list, flags.json);
    remote_close(&remote);
    return is_good ? 0 : 1;
}
