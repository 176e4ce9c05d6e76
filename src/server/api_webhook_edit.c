/* One webhook: shown, pointed elsewhere, paused, given another secret. */
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

void handle_webhook(struct http_request *request)
{
    struct app *app = request->app;
    struct webhook webhook;
    struct db *db = app_reader_take(app);
    if (!db) {
        problem_busy(request);
        return;
    }
    godwit_err err = webhook_read(db, permission_org(request), http_param(request, "id"), &webhook);
    app_reader_give(app, db);
    if (err)
        reply_webhook_error(request, err);
    else
        reply_json(request, 200, view_webhook(&webhook));
}

/* The secret is no part of it, so that a change of it is told by itself. */
static json_t *view_state(const struct webhook *webhook)
{
    return json_pack("{s:s, s:s, s:b}", "url", webhook->url, "events", webhook->events, "paused",
                     (int)webhook->is_paused);
}

static void edit_apply(struct hook *hook)
{
    struct webhook *webhook = &hook->webhook;
    const struct webhook_edit *edit = &hook->edit;
    if (*edit->url) memcpy(webhook->url, edit->url, sizeof webhook->url);
    if (*edit->events) memcpy(webhook->events, edit->events, sizeof webhook->events);
    if (edit->has_pause) webhook->is_paused = edit->is_paused;
    if (!edit->rotates) return;
    memcpy(webhook->former_secret, webhook->secret, sizeof webhook->secret);
    memcpy(webhook->secret, edit->secret, sizeof webhook->secret);
    webhook->former_until_s = clock_unix_s(hook->change.app->clock) + WEBHOOK_FORMER_S;
}

static godwit_err edit_run(struct change *change)
{
    struct hook *hook = (struct hook *)change;
    godwit_err err = hook_find(hook);
    if (err || !hook->is_known) return err;
    hook->is_stale = precondition_is_asked(change->request) &&
                     precondition_fails(change->request, view_webhook(&hook->webhook));
    if (hook->is_stale) return GODWIT_OK;
    json_t *before = view_state(&hook->webhook);
    edit_apply(hook);
    json_t *after = view_state(&hook->webhook);
    if (hook->edit.rotates) json_object_set_new(after, "secret", json_string("another"));
    err = webhook_change(change->app->db, &hook->webhook);
    if (!err) return change_audit(change, AUDIT_WEBHOOK_EDITED, hook->webhook.id, before, after);
    json_decref(before);
    json_decref(after);
    return err;
}

static void edit_reply(struct change *change, godwit_err err)
{
    struct hook *hook = (struct hook *)change;
    char secret[2 * WEBHOOK_SECRET_SIZE + 1];
    if (err) {
        problem_of_error(change->request, err);
    } else if (!hook->is_known) {
        reply_no_webhook(change->request);
    } else if (hook->is_stale) {
        precondition_refuse(change->request);
    } else {
        json_t *view = view_webhook(&hook->webhook);
        godwit_hex_encode(hook->webhook.secret, WEBHOOK_SECRET_SIZE, secret);
        if (hook->edit.rotates) json_object_set_new(view, "secret", json_string(secret));
        webhooks_wake(change->app);
        reply_json(change->request, 200, view);
    }
}

/* False: answered. */
static bool edit_read(struct hook *hook, json_t *body)
{
    struct http_request *request = hook->change.request;
    struct webhook_edit *edit = &hook->edit;
    bool has_url = json_object_get(body, "url"), has_events = json_object_get(body, "events");
    const char *url = has_url ? body_text(request, body, "url", WEBHOOK_URL_MAX) : "";
    if (!url) return false;
    const char *events = has_events ? body_text(request, body, "events", WEBHOOK_EVENTS_MAX) : "";
    if (!events || (has_url && !hook_read_url(hook, url)) ||
        (has_events && !hook_read_events(request, events)))
        return false;
    snprintf(edit->url, sizeof edit->url, "%s", url);
    snprintf(edit->events, sizeof edit->events, "%s", events);
    edit->has_pause = json_is_boolean(json_object_get(body, "paused"));
    edit->is_paused = json_is_true(json_object_get(body, "paused"));
    edit->rotates = json_is_true(json_object_get(body, "new_secret"));
    if (!edit->rotates || !secret_random(edit->secret, sizeof edit->secret)) return true;
    problem_of_error(request, GODWIT_ERR_IO);
    return false;
}

void handle_webhook_edit(struct http_request *request)
{
    json_t *body = body_object(request);
    struct hook *hook = body ? hook_make(request, edit_run, edit_reply) : NULL;
    if (hook && json_object_size(body) == 0)
        problem(request, 422, "malformed",
                "the body changes nothing; give \"url\", \"events\", \"paused\" or \"new_secret\"",
                NULL);
    else if (hook && edit_read(hook, body))
        change_submit(&hook->change, NULL);
    json_decref(body);
}
