/* Webhooks: whom the service tells what happens. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/verbs.h"

#define TEST_S 15 /* a delivery takes ten at most */
#define LOOK_MS 200
#define PATH_SIZE 80

/* The address of one; false after a printed line. */
static bool webhook_path(const char *id, const char *tail, char out[static PATH_SIZE])
{
    if (strlen(id) != 16 || strspn(id, "0123456789abcdef") != 16) {
        fprintf(stderr, "godwit webhook: '%s' is no webhook; `godwit webhook list` shows them\n",
                id);
        return false;
    }
    snprintf(out, PATH_SIZE, "/api/v1/webhooks/%s%s", id, tail);
    return true;
}

/* ---- list, show ---- */

static void add_webhook(struct table *table, const json_t *item)
{
    table_add(table, json_text(item, "webhook"));
    table_add(table, json_text(item, "events"));
    table_add(table, json_text(item, "url"));
    table_add(table, json_is_true(json_object_get(item, "paused")) ? "paused" : "");
}

static void print_list(const json_t *reply)
{
    static const char *const HEADS[] = {"WEBHOOK", "EVENTS", "URL", "", NULL};
    rows_print(json_object_get(reply, "items"), HEADS, add_webhook);
}

static int run_list(const struct verb_call *call)
{
    return verb_get(call, "/api/v1/webhooks", print_list);
}

static void add_delivery(struct table *table, const json_t *item)
{
    table_add(table, json_text(item, "delivery"));
    table_add(table, json_text(item, "event"));
    table_add(table, json_text(item, "state"));
    table_addf(table, "%llu", json_number(item, "tries"));
    table_addf(table, "%llu", json_number(item, "status"));
    table_add(table, json_text(item, "note"));
}

static void print_deliveries(const json_t *reply)
{
    static const char *const HEADS[] = {"DELIVERY", "EVENT", "STATE", "TRIES",
                                        "STATUS",   "NOTE",  NULL};
    rows_print(json_object_get(reply, "items"), HEADS, add_delivery);
}

/* A verb without options of its own, about one webhook. */
static int on_one(const struct verb_call *call, const char *method, const char *tail,
                  void (*print)(const json_t *reply))
{
    struct remote_flags flags = {0};
    const char *id;
    char path[PATH_SIZE];
    const struct option_row rows[] = {REMOTE_ROWS(flags)};
    int status = verb_parse(call, ROWS(rows), &id);
    if (status >= 0) return status;
    if (!webhook_path(id, tail, path)) return 1;
    return remote_do(&flags, method, path, NULL, print);
}

static int run_show(const struct verb_call *call)
{
    return on_one(call, "GET", "/deliveries", print_deliveries);
}

/* ---- add ---- */

static void print_added(const json_t *reply)
{
    printf("webhook  %s\nurl      %s\nevents   %s\nsecret   %s (shown this once; it signs each "
           "delivery)\n",
           json_text(reply, "webhook"), json_text(reply, "url"), json_text(reply, "events"),
           json_text(reply, "secret"));
}

static int run_add(const struct verb_call *call)
{
    struct remote_flags flags = {0};
    const char *url, *events = "*";
    const struct option_row rows[] = {
        {"--events", OPTION_TEXT, &events, "EVENTS",
         "actions of the audit log and of devices, as \"rollout.* device.failed\" (default: all)"},
        REMOTE_ROWS(flags)};
    int status = verb_parse(call, ROWS(rows), &url);
    if (status >= 0) return status;
    json_t *body = json_pack("{s:s, s:s}", "url", url, "events", events);
    if (!body) {
        fputs("godwit webhook: the URL or the events are no UTF-8 text\n", stderr);
        return 2;
    }
    return remote_do(&flags, "POST", "/api/v1/webhooks", body, print_added);
}

/* ---- edit ---- */

static void print_edited(const json_t *reply)
{
    printf("webhook  %s\nurl      %s\nevents   %s\n", json_text(reply, "webhook"),
           json_text(reply, "url"), json_text(reply, "events"));
    if (json_is_true(json_object_get(reply, "paused")))
        puts("paused   what is for it waits; `godwit webhook edit WEBHOOK --resume` sends it");
    if (json_text(reply, "secret")[0])
        printf("secret   %s (shown this once; the former one signs too for a day)\n",
               json_text(reply, "secret"));
}

static int run_edit(const struct verb_call *call)
{
    struct remote_flags flags = {0};
    const char *id, *events = NULL, *url = NULL;
    bool pauses = false, resumes = false, rotates = false;
    char path[PATH_SIZE];
    const struct option_row rows[] = {
        {"--url", OPTION_TEXT, &url, "URL", "where events go from now on"},
        {"--events", OPTION_TEXT, &events, "EVENTS", "which events go there from now on"},
        {"--pause", OPTION_FLAG, &pauses, NULL, "what is for it waits"},
        {"--resume", OPTION_FLAG, &resumes, NULL, "what waits is sent"},
        {"--new-secret", OPTION_FLAG, &rotates, NULL,
         "another one signs; the former one signs too for a day"},
        REMOTE_ROWS(flags)};
    const struct options options = verb_options(call, ROWS(rows), &id);
    int status = options_parse(&options, call->argc, call->argv, NULL);
    if (status >= 0) return status;
    if (pauses && resumes) return options_wrong(&options, "give one of --pause and --resume");
    if (!webhook_path(id, "", path)) return 1;
    json_t *body = json_pack("{s:s*, s:s*}", "url", url, "events", events);
    if (!body) return options_wrong(&options, "the URL or the events are no UTF-8 text");
    if (pauses || resumes) json_object_set_new(body, "paused", json_boolean(pauses));
    if (rotates) json_object_set_new(body, "new_secret", json_true());
    if (json_object_size(body) > 0) return remote_do(&flags, "PATCH", path, body, print_edited);
    json_decref(body);
    return options_wrong(&options,
                         "give --url, --events, --new-secret or one of --pause and --resume");
}

/* ---- test ---- */

/* The delivery of this id, as it stands; NULL: it is not there. */
static json_t *find_delivery(const json_t *reply, const char *id)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(reply, "items"), index, item)
    {
        if (!strcmp(json_text(item, "delivery"), id)) return json_incref(item);
    }
    return NULL;
}

/* Until it was tried once. NULL after a printed line. */
static json_t *wait_for(const struct remote *remote, const char *path, const char *id)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    for (int looks = 0; looks < TEST_S * 1000 / LOOK_MS; looks++) {
        json_t *list;
        if (!remote_call(remote, "GET", path, NULL, &list)) return NULL;
        json_t *delivery = find_delivery(list, id);
        json_decref(list);
        if (json_number(delivery, "tries")) return delivery;
        json_decref(delivery);
        nanosleep(&pause, NULL);
    }
    fputs("godwit webhook: the delivery waits behind others; `godwit webhook show WEBHOOK` says "
          "how it goes\n",
          stderr);
    return NULL;
}

static json_t *send_test(const struct remote *remote, const char *id)
{
    char path[PATH_SIZE];
    json_t *begun;
    if (!webhook_path(id, "/test", path)) return NULL;
    if (!remote_call(remote, "POST", path, NULL, &begun)) return NULL;
    webhook_path(id, "/deliveries", path);
    json_t *delivery = wait_for(remote, path, json_text(begun, "delivery"));
    json_decref(begun);
    return delivery;
}

static int run_test(const struct verb_call *call)
{
    struct remote_flags flags = {0};
    struct remote remote;
    const char *id;
    const struct option_row rows[] = {REMOTE_ROWS(flags)};
    int status = verb_parse(call, ROWS(rows), &id);
    if (status >= 0) return status;
    if (!remote_open(&remote, &flags)) return 1;
    json_t *delivery = send_test(&remote, id);
    remote_close(&remote);
    if (!delivery) return 1;
    bool is_delivered = !strcmp(json_text(delivery, "state"), "delivered");
    bool is_good = is_delivered;
    if (flags.json)
        is_good &= json_print(delivery);
    else if (is_delivered)
        printf("delivered; the other side answered %llu\n", json_number(delivery, "status"));
    else
        printf("not delivered: %s\n", json_text(delivery, "note"));
    json_decref(delivery);
    return is_good ? 0 : 1;
}

/* ---- remove ---- */

static void print_removed(const json_t *reply)
{
    printf("webhook %s is removed, with all that waited for it\n", json_text(reply, "webhook"));
}

static int run_remove(const struct verb_call *call)
{
    return on_one(call, "DELETE", "", print_removed);
}

/* ---- the verbs ---- */

static const struct verb VERBS[] = {
    {"webhook list", "", "Lists the webhooks.", 0, 0, run_list},
    {"webhook show", "WEBHOOK", "Shows what waits for a webhook, and how its last deliveries went.",
     1, 1, run_show},
    {"webhook add", "URL [--events EVENTS]",
     "Makes a webhook: each event is sent to the URL as JSON, signed by a secret that is shown "
     "once.",
     1, 1, run_add},
    {"webhook edit", "WEBHOOK [--url URL] [--events EVENTS] [--pause | --resume] [--new-secret]",
     "Points a webhook elsewhere, pauses it (what is for it waits), or gives it another secret.", 1,
     1, run_edit},
    {"webhook test", "WEBHOOK",
     "Sends an event \"test\" now and says what the other side answered.", 1, 1, run_test},
    {"webhook remove", "WEBHOOK", "Removes a webhook, with all that waits for it.", 1, 1,
     run_remove},
};

static const struct options ABOUT = {
    .command = "webhook",
    .usage = "list | show WEBHOOK | add URL | edit WEBHOOK | test WEBHOOK | remove WEBHOOK",
    .sentence =
        "Webhooks: whom the service tells what happens. `godwit webhook VERB --help` lists\n"
        "the options.",
};

int cmd_webhook(int argc, char **argv)
{
    return verbs_run(&ABOUT, VERBS, sizeof VERBS / sizeof *VERBS, argc, argv, NULL);
}
