/* Webhooks: whom the service tells what happens. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/remote.h"
#include "cli/table.h"
#include "options/help.h"

#define TEST_S 15 /* a delivery takes ten at most */
#define LOOK_MS 200

/* What options say. */
struct asked {
    const char *events, *url;
    bool pauses, resumes, rotates;
};

struct verb {
    const char *name, *usage, *sentence;
    size_t arguments;
    bool (*run)(const struct remote *remote, const struct verb *verb, const char *argument,
                const struct asked *asked, json_t **reply_out);
    void (*print)(const json_t *reply);
};

static bool is_id(const char *text)
{
    return strlen(text) == 16 && strspn(text, "0123456789abcdef") == 16;
}

static bool call_of(const struct remote *remote, const char *method, const char *id,
                    const char *tail, json_t **reply_out)
{
    char path[80];
    if (!is_id(id)) {
        fprintf(stderr, "godwit webhook: '%s' is no webhook; `godwit webhook list` shows them\n",
                id);
        return false;
    }
    snprintf(path, sizeof path, "/api/v1/webhooks/%s%s", id, tail);
    return remote_call(remote, method, path, NULL, reply_out);
}

/* ---- add ---- */

static bool run_add(const struct remote *remote, const struct verb *verb, const char *argument,
                    const struct asked *asked, json_t **reply_out)
{
    (void)verb;
    json_t *body =
        json_pack("{s:s, s:s}", "url", argument, "events", asked->events ? asked->events : "*");
    bool is_good = body && remote_call(remote, "POST", "/api/v1/webhooks", body, reply_out);
    json_decref(body);
    return is_good;
}

static void print_add(const json_t *reply)
{
    printf("webhook  %s\nurl      %s\nevents   %s\nsecret   %s (shown this once; it signs each "
           "delivery)\n",
           json_text(reply, "webhook"), json_text(reply, "url"), json_text(reply, "events"),
           json_text(reply, "secret"));
}

/* ---- edit ---- */

static bool run_edit(const struct remote *remote, const struct verb *verb, const char *argument,
                     const struct asked *asked, json_t **reply_out)
{
    char path[80];
    json_t *body = json_pack("{s:s*, s:s*}", "url", asked->url, "events", asked->events);
    if (asked->pauses || asked->resumes)
        json_object_set_new(body, "paused", json_boolean(asked->pauses));
    if (asked->rotates) json_object_set_new(body, "new_secret", json_true());
    bool is_good =
        is_id(argument) && json_object_size(body) > 0 && !(asked->pauses && asked->resumes);
    snprintf(path, sizeof path, "/api/v1/webhooks/%.16s", argument);
    if (is_good)
        is_good = remote_call(remote, "PATCH", path, body, reply_out);
    else
        fprintf(stderr,
                "godwit webhook %s: give the id of a webhook (`godwit webhook list`) and "
                "--url, --events, --new-secret and one of --pause and --resume\n",
                verb->name);
    json_decref(body);
    return is_good;
}

static void print_edit(const json_t *reply)
{
    printf("webhook  %s\nurl      %s\nevents   %s\n", json_text(reply, "webhook"),
           json_text(reply, "url"), json_text(reply, "events"));
    if (json_is_true(json_object_get(reply, "paused")))
        puts("paused   what is for it waits; `godwit webhook edit WEBHOOK --resume` sends it");
    if (json_text(reply, "secret")[0])
        printf("secret   %s (shown this once; the former one signs too for a day)\n",
               json_text(reply, "secret"));
}

/* ---- list ---- */

static bool run_list(const struct remote *remote, const struct verb *verb, const char *argument,
                     const struct asked *asked, json_t **reply_out)
{
    (void)verb, (void)asked;
    return argument ? call_of(remote, "GET", argument, "/deliveries", reply_out)
                    : remote_call(remote, "GET", "/api/v1/webhooks", NULL, reply_out);
}

static void add_cells(struct table *table, const json_t *item, const char *const *names,
                      size_t count)
{
    for (size_t i = 0; i < count; i++)
        table_add(table, json_text(item, names[i]));
}

static void print_deliveries(const json_t *items)
{
    static const char *const NAMES[] = {"delivery", "event", "state"};
    size_t index;
    json_t *item;
    struct table table;
    table_init(&table, 6);
    for (size_t i = 0; i < 3; i++)
        table_add(&table, (const char *const[]){"DELIVERY", "EVENT", "STATE"}[i]);
    for (size_t i = 0; i < 3; i++)
        table_add(&table, (const char *const[]){"TRIES", "STATUS", "NOTE"}[i]);
    json_array_foreach(items, index, item)
    {
        add_cells(&table, item, NAMES, 3);
        table_addf(&table, "%llu", json_number(item, "tries"));
        table_addf(&table, "%llu", json_number(item, "status"));
        table_add(&table, json_text(item, "note"));
    }
    table_print(&table);
}

static void print_list(const json_t *reply)
{
    static const char *const NAMES[] = {"webhook", "events", "url"};
    static const char *const PAUSED[] = {"", "paused"};
    const json_t *items = json_object_get(reply, "items");
    size_t index;
    json_t *item;
    struct table table;
    if (json_object_get(json_array_get(items, 0), "delivery")) {
        print_deliveries(items);
        return;
    }
    table_init(&table, 4);
    json_array_foreach(items, index, item)
    {
        add_cells(&table, item, NAMES, 3);
        table_add(&table, PAUSED[json_is_true(json_object_get(item, "paused"))]);
    }
    table_print(&table);
}

/* ---- remove and test ---- */

static bool run_remove(const struct remote *remote, const struct verb *verb, const char *argument,
                       const struct asked *asked, json_t **reply_out)
{
    (void)verb, (void)asked;
    return call_of(remote, "DELETE", argument, "", reply_out);
}

static void print_remove(const json_t *reply)
{
    printf("webhook %s is removed, with all that waited for it\n", json_text(reply, "webhook"));
}

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

static bool wait_for(const struct remote *remote, const char *argument, const char *id,
                     json_t **reply_out)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    *reply_out = NULL;
    for (int looks = 0; looks < TEST_S * 1000 / LOOK_MS; looks++) {
        json_t *list;
        if (!call_of(remote, "GET", argument, "/deliveries", &list)) return false;
        json_decref(*reply_out);
        *reply_out = find_delivery(list, id);
        json_decref(list);
        if (json_number(*reply_out, "tries")) return true;
        nanosleep(&pause, NULL);
    }
    fputs("godwit webhook: the delivery waits behind others; `godwit webhook list ID` shows how it "
          "goes\n",
          stderr);
    json_decref(*reply_out);
    return false;
}

static bool run_test(const struct remote *remote, const struct verb *verb, const char *argument,
                     const struct asked *asked, json_t **reply_out)
{
    json_t *begun;
    (void)verb, (void)asked;
    if (!call_of(remote, "POST", argument, "/test", &begun)) return false;
    bool is_good = wait_for(remote, argument, json_text(begun, "delivery"), reply_out);
    json_decref(begun);
    return is_good;
}

static void print_test(const json_t *reply)
{
    if (!strcmp(json_text(reply, "state"), "delivered"))
        printf("delivered; the other side answered %llu\n", json_number(reply, "status"));
    else
        printf("not delivered: %s\n", json_text(reply, "note"));
}

/* ---- the verbs ---- */

static const struct verb VERBS[] = {
    {"add", "URL [--events EVENTS]",
     "Makes a webhook: each event is sent to the URL as JSON, signed by a secret that is shown "
     "once.",
     1, run_add, print_add},
    {"edit", "WEBHOOK [--url URL] [--events EVENTS] [--pause | --resume] [--new-secret]",
     "Points a webhook elsewhere, pauses it (what is for it waits), or gives it another secret.", 1,
     run_edit, print_edit},
    {"list", "[WEBHOOK]", "Lists the webhooks, or the last deliveries of one.", 0, run_list,
     print_list},
    {"test", "WEBHOOK", "Sends an event \"test\" now and says what the other side answered.", 1,
     run_test, print_test},
    {"remove", "WEBHOOK", "Removes a webhook, with all that waits for it.", 1, run_remove,
     print_remove},
};

static int run(const struct verb *verb, int argc, char **argv)
{
    struct remote_flags flags = {0};
    const char *argument = NULL;
    struct asked asked = {0};
    char name[32];
    snprintf(name, sizeof name, "webhook %s", verb->name);
    const struct option_row rows[] = {
        REMOTE_ROWS(flags),
        {"--events", OPTION_TEXT, &asked.events, "EVENTS",
         "actions of the audit log and of devices, as \"rollout.* device.failed\"; all at first"},
        {"--url", OPTION_TEXT, &asked.url, "URL", "where events go from now on"},
        {"--pause", OPTION_FLAG, &asked.pauses, NULL, "what is for it waits"},
        {"--resume", OPTION_FLAG, &asked.resumes, NULL, "what waits is sent"},
        {"--new-secret", OPTION_FLAG, &asked.rotates, NULL,
         "another one signs; the former one signs too for a day"}};
    size_t more = verb->run == run_edit ? 5 : verb->run == run_add ? 1 : 0;
    size_t rows_count = sizeof rows / sizeof *rows - 5 + more;
    const struct options options = {name,       verb->usage, verb->sentence,  rows,
                                    rows_count, &argument,   verb->arguments, 1};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;
    struct remote remote;
    json_t *reply;
    if (!remote_open(&remote, &flags)) return 1;
    bool is_good = verb->run(&remote, verb, argument, &asked, &reply);
    remote_close(&remote);
    if (!is_good) return 1;
    bool is_failed = verb->run == run_test && strcmp(json_text(reply, "state"), "delivered");
    if (flags.json)
        is_good = json_print(reply);
    else
        verb->print(reply);
    json_decref(reply);
    return is_good && !is_failed ? 0 : 1;
}

static const struct options OPTIONS = {
    .command = "webhook",
    .usage = "add URL | edit WEBHOOK | list [WEBHOOK] | test WEBHOOK | remove WEBHOOK",
    .sentence =
        "Webhooks: whom the service tells what happens. `godwit webhook VERB --help` lists\n"
        "the options.",
};

int cmd_webhook(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof VERBS / sizeof *VERBS && argc > 1; i++)
        if (!strcmp(argv[1], VERBS[i].name)) return run(&VERBS[i], argc - 1, argv + 1);
    if (argc > 1 && option_is_help(argv[1])) return options_help(&OPTIONS, argv[1]);
    fprintf(stderr, "godwit webhook: %s%s%s is none of add, edit, list, test, remove\n",
            argc > 1 ? "'" : "", argc > 1 ? argv[1] : "nothing", argc > 1 ? "'" : "");
    return 2;
}
