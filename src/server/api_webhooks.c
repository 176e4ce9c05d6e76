/* Webhooks as an organisation's admins make them, try them and take them away. The secret is shown
 * once, when it is made. */
#include <stdio.h>

#include "base/text.h"
#include "server/audit_log.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/precondition.h"
#include "server/problem.h"
#include "server/secret.h"
#include "server/webhook_change.h"
#include "server/webhooks.h"

json_t *view_webhook(const struct webhook *webhook)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:b}", "webhook", webhook->id, "url", webhook->url,
                     "events", webhook->events, "created", (json_int_t)webhook->created_s, "paused",
                     (int)webhook->is_paused);
}

void reply_no_webhook(struct http_request *request)
{
    problem(request, 404, "no-webhook",
            "there is no such webhook; `godwit webhook list` shows those that are", NULL);
}

void reply_webhook_error(struct http_request *request, godwit_err err)
{
    if (err == GODWIT_ERR_MISSING)
        reply_no_webhook(request);
    else
        problem_of_error(request, err);
}

struct hook *hook_make(struct http_request *request, godwit_err (*run)(struct change *),
                       void (*reply)(struct change *, godwit_err))
{
    struct hook *hook = arena_zalloc(request->arena, sizeof *hook);
    if (!hook) {
        problem_busy(request);
        return NULL;
    }
    hook->change =
        (struct change){.app = request->app, .request = request, .run = run, .reply = reply};
    snprintf(hook->webhook.org, sizeof hook->webhook.org, "%s", permission_org(request));
    return hook;
}

/* ---- add ---- */

static void count_webhook(void *ctx, const struct webhook *webhook)
{
    (void)webhook;
    ++*(size_t *)ctx;
}

static godwit_err add_run(struct change *change)
{
    struct hook *hook = (struct hook *)change;
    size_t count = 0;
    godwit_err err = webhook_list(change->app->db, hook->webhook.org, count_webhook, &count);
    hook->is_full = count >= WEBHOOKS_MAX;
    if (err || hook->is_full) return err;
    hook->webhook.created_s = clock_unix_s(change->app->clock);
    err = webhook_add(change->app->db, &hook->webhook);
    return err ? err
               : change_audit(change, AUDIT_WEBHOOK_CREATED, hook->webhook.id, NULL,
                              json_pack("{s:s, s:s}", "url", hook->webhook.url, "events",
                                        hook->webhook.events));
}

static void add_reply(struct change *change, godwit_err err)
{
    struct hook *hook = (struct hook *)change;
    char secret[2 * WEBHOOK_SECRET_SIZE + 1];
    if (err) {
        problem_of_error(change->request, err);
        return;
    }
    if (hook->is_full) {
        problem(change->request, 409, "too-many-webhooks",
                "an organisation has at most 20 webhooks; remove one that is not used", NULL);
        return;
    }
    godwit_hex_encode(hook->webhook.secret, WEBHOOK_SECRET_SIZE, secret);
    json_t *view = view_webhook(&hook->webhook);
    json_object_set_new(view, "secret", json_string(secret));
    reply_json(change->request, 201, view);
}

/* Words of letters, dots and dashes, each perhaps with a last "*". */
static bool are_events(const char *text)
{
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyz.-* ")] == 0 &&
           text[strspn(text, " ")] != 0;
}

bool hook_read_url(struct hook *hook, const char *url)
{
    struct webhook_target target;
    char detail[300];
    enum webhook_fault fault =
        webhook_target_parse(url, hook->change.app->settings->webhook_loopback, &target);
    snprintf(detail, sizeof detail, "%s", fault ? webhook_fault_sentence(fault) : "");
    if (fault) problem(hook->change.request, 422, "bad-webhook", detail, "url");
    return !fault;
}

bool hook_read_events(struct http_request *request, const char *events)
{
    bool are_good = are_events(events);
    if (!are_good)
        problem(request, 422, "malformed",
                "`events` are names of actions between spaces, as in \"rollout.* device.failed\"",
                "events");
    return are_good;
}

static bool read_webhook(struct hook *hook, json_t *body)
{
    struct http_request *request = hook->change.request;
    uint8_t random[8];
    const char *url = body_text(request, body, "url", WEBHOOK_URL_MAX);
    const char *events = url && json_object_get(body, "events")
                             ? body_text(request, body, "events", WEBHOOK_EVENTS_MAX)
                             : "*";
    if (!url || !events) return false;
    if (!hook_read_url(hook, url) || !hook_read_events(request, events)) return false;
    snprintf(hook->webhook.url, sizeof hook->webhook.url, "%s", url);
    snprintf(hook->webhook.events, sizeof hook->webhook.events, "%s", events);
    if (secret_random(random, sizeof random) ||
        secret_random(hook->webhook.secret, sizeof hook->webhook.secret)) {
        problem_of_error(request, GODWIT_ERR_IO);
        return false;
    }
    godwit_hex_encode(random, sizeof random, hook->webhook.id);
    return true;
}

/* Only what needs no look-up is judged here; where a name leads is judged at each delivery. */
void handle_webhook_add(struct http_request *request)
{
    json_t *body = body_object(request);
    struct hook *hook = body ? hook_make(request, add_run, add_reply) : NULL;
    if (hook && read_webhook(hook, body)) change_submit(&hook->change, NULL);
    json_decref(body);
}

/* ---- list ---- */

static void add_view(void *ctx, const struct webhook *webhook)
{
    json_array_append_new(ctx, view_webhook(webhook));
}

void handle_webhooks(struct http_request *request)
{
    struct app *app = request->app;
    struct db *db = app_reader_take(app);
    if (!db) {
        problem_busy(request);
        return;
    }
    json_t *items = json_array();
    godwit_err err = webhook_list(db, permission_org(request), add_view, items);
    app_reader_give(app, db);
    if (!err) {
        reply_json(request, 200, json_pack("{s:o}", "items", items));
        return;
    }
    json_decref(items);
    problem_of_error(request, err);
}

static void add_row(void *ctx, const struct webhook_row *row)
{
    json_array_append_new(ctx, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s}", "delivery",
                                         row->id, "event", row->event, "state", row->state,
                                         "created", (json_int_t)row->created_s, "due",
                                         (json_int_t)row->due_s, "tries", (json_int_t)row->tries,
                                         "status", (json_int_t)row->status, "note", row->note));
}

void handle_webhook_deliveries(struct http_request *request)
{
    struct app *app = request->app;
    struct webhook webhook;
    struct db *db = app_reader_take(app);
    if (!db) {
        problem_busy(request);
        return;
    }
    json_t *items = json_array();
    godwit_err err = webhook_read(db, permission_org(request), http_param(request, "id"), &webhook);
    if (!err) err = webhook_deliveries(db, &webhook, WEBHOOK_KEPT, add_row, items);
    app_reader_give(app, db);
    if (!err) {
        reply_json(request, 200, json_pack("{s:o}", "items", items));
        return;
    }
    json_decref(items);
    reply_webhook_error(request, err);
}

/* ---- remove and test ---- */

godwit_err hook_find(struct hook *hook)
{
    struct change *change = &hook->change;
    godwit_err err = webhook_read(change->app->db, permission_org(change->request),
                                  http_param(change->request, "id"), &hook->webhook);
    hook->is_known = !err;
    return err == GODWIT_ERR_MISSING ? GODWIT_OK : err;
}

static godwit_err remove_run(struct change *change)
{
    struct hook *hook = (struct hook *)change;
    godwit_err err = hook_find(hook);
    if (err || !hook->is_known) return err;
    hook->is_stale = precondition_is_asked(change->request) &&
                     precondition_fails(change->request, view_webhook(&hook->webhook));
    if (hook->is_stale) return GODWIT_OK;
    err = webhook_remove(change->app->db, &hook->webhook);
    return err ? err
               : change_audit(change, AUDIT_WEBHOOK_REMOVED, hook->webhook.id,
                              json_pack("{s:s, s:s}", "url", hook->webhook.url, "events",
                                        hook->webhook.events),
                              NULL);
}

static godwit_err test_run(struct change *change)
{
    struct hook *hook = (struct hook *)change;
    char body[200];
    int64_t now_s = clock_unix_s(change->app->clock);
    godwit_err err = hook_find(hook);
    if (err || !hook->is_known) return err;
    snprintf(body, sizeof body, "{\"event\":\"test\",\"time\":%lld,\"org\":\"%s\"}",
             (long long)now_s, hook->webhook.org);
    err = webhook_enqueue(change->app->db, &hook->webhook, "test", body, now_s, hook->delivery);
    return err ? err
               : change_audit(change, AUDIT_WEBHOOK_TESTED, hook->webhook.id, NULL,
                              json_pack("{s:s}", "delivery", hook->delivery));
}

static void hook_reply(struct change *change, godwit_err err)
{
    struct hook *hook = (struct hook *)change;
    if (err) {
        problem_of_error(change->request, err);
    } else if (!hook->is_known) {
        reply_no_webhook(change->request);
    } else if (hook->is_stale) {
        precondition_refuse(change->request);
    } else if (*hook->delivery) {
        webhooks_wake(change->app);
        reply_json(
            change->request, 202,
            json_pack("{s:s, s:s}", "webhook", hook->webhook.id, "delivery", hook->delivery));
    } else {
        reply_json(change->request, 200, json_pack("{s:s}", "webhook", hook->webhook.id));
    }
}

void handle_webhook_remove(struct http_request *request)
{
    struct hook *hook = hook_make(request, remove_run, hook_reply);
    if (hook) change_submit(&hook->change, NULL);
}

void handle_webhook_test(struct http_request *request)
{
    struct hook *hook = hook_make(request, test_run, hook_reply);
    if (hook) change_submit(&hook->change, NULL);
}
