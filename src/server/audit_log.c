/* Records are rows of the change's own transaction, so none tells of what was not done. What is not
 * a request's (the start, wrong passwords, age) is written at the tick. */
#include "server/audit_log.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "base/version.h"
#include "fleet/account.h"
#include "fleet/claim.h"
#include "fleet/device.h"
#include "server/clock_guard.h"
#include "server/events.h"
#include "server/json_text.h"
#include "server/permission.h"
#include "server/refused_logins.h"
#include "server/views.h"

#define CHECKPOINT_EVERY_S 600
#define CHECKPOINT_EVERY 1000 /* records */
#define PRUNE_EVERY_S 3600
#define PRUNE_COUNT 4000
#define DAY_S 86400

static const struct {
    const char *id, *route, *sentence;
} ACTIONS[] = {
#define AUDIT_ACTION_ROW(name, id, route, sentence) {id, route, sentence},
    AUDIT_ACTIONS(AUDIT_ACTION_ROW)
#undef AUDIT_ACTION_ROW
};

struct audit_log {
    struct refused_logins *refused;
    /* the writer's */
    int64_t pruned_s;
    struct audit_checkpoint last, next; /* committed; of the open transaction */
};

const char *audit_action_id(enum audit_action action)
{
    return ACTIONS[action].id;
}

const char *audit_action_route(enum audit_action action)
{
    return ACTIONS[action].route;
}

const char *audit_action_sentence(enum audit_action action)
{
    return ACTIONS[action].sentence;
}

/* ---- adding ---- */

/* Members in order and no white space: one value has one text, and one digest. */
static char *canonical(json_t *value)
{
    char *text = value ? json_text_make(value, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (value && !text) abort();
    json_decref(value);
    return text;
}

static godwit_err add(struct db *db, int64_t now_s, struct audit_record *record,
                      enum audit_action action, json_t *before, json_t *after)
{
    char *before_text = canonical(before), *after_text = canonical(after);
    record->time_s = now_s;
    audit_text_copy(record->action, sizeof record->action, audit_action_id(action));
    audit_detail_copy(record->before, record->before_sha256, before_text);
    audit_detail_copy(record->after, record->after_sha256, after_text);
    free(before_text);
    free(after_text);
    return audit_add(db, record);
}

/* The token is named beside its user, so that what a stolen one did can be told apart. */
static void name_actor(const struct change *change, struct audit_record *out)
{
    struct app *app = change->app;
    const struct http_request *request = change->request;
    char id[17];
    audit_text_copy(out->org, sizeof out->org, change->org ? change->org : FLEET_ORG);
    if (change->actor) {
        audit_text_copy(out->actor, sizeof out->actor, change->actor);
        return;
    }
    const uint8_t *digest = permission_digest(request);
    godwit_hex_encode(digest, 8, id);
    if (permission_caller(request) == CALLER_PERSON) {
        const struct actor *actor = permission_actor(request);
        audit_text_copy(out->org, sizeof out->org, actor->org);
        snprintf(out->actor, sizeof out->actor, "user:%s token:%s", actor->user, id);
        return;
    }
    const struct device *device = device_find_by_token(&app->fleet, digest);
    const struct claim *claim = device ? NULL : claim_find(&app->fleet, digest);
    const struct product *product = device ? device->product : claim ? claim->product : NULL;
    if (product) audit_text_copy(out->org, sizeof out->org, product->org->name);
    if (device) device_id_text(device->device_id, id);
    snprintf(out->actor, sizeof out->actor, "%s:%s", device ? "device" : "claim", id);
}

godwit_err change_audit(struct change *change, enum audit_action action, const char *object,
                        json_t *before, json_t *after)
{
    struct audit_record record = {0};
    change->is_recorded = true;
    name_actor(change, &record);
    audit_text_copy(record.address, sizeof record.address, change->request->peer);
    audit_text_copy(record.object, sizeof record.object, object);
    if (action == AUDIT_UNNAMED)
        GODWIT_LOG(ERROR, "change_unnamed", "path=\"%s\"", change->request->path);
    events_note(change->app->events, record.org, audit_action_id(action), object,
                json_object_get(after, "product") ? after : before);
    return add(change->app->db, clock_unix_s(change->app->clock), &record, action, before, after);
}

godwit_err app_audit(struct app *app, enum audit_action action, const char *object, json_t *before,
                     json_t *after)
{
    struct audit_record record = {.org = FLEET_ORG, .actor = "system"};
    audit_text_copy(record.object, sizeof record.object, object);
    return add(app->db, clock_unix_s(app->clock), &record, action, before, after);
}

godwit_err app_audit_of(struct app *app, const char *org, enum audit_action action,
                        const char *object, json_t *after)
{
    struct audit_record record = {.actor = "system"};
    audit_text_copy(record.org, sizeof record.org, org);
    audit_text_copy(record.object, sizeof record.object, object);
    if (app->events) events_note(app->events, org, audit_action_id(action), object, after);
    return add(app->db, clock_unix_s(app->clock), &record, action, NULL, after);
}

godwit_err audit_by_machine(struct db *db, int64_t now_s, const char *org, enum audit_action action,
                            const char *object, json_t *after)
{
    struct audit_record record = {.actor = "user:" ACCOUNT_MACHINE};
    audit_text_copy(record.org, sizeof record.org, org);
    audit_text_copy(record.object, sizeof record.object, object);
    return add(db, now_s, &record, action, NULL, after);
}

void audit_login_refused(struct app *app, const char *org, const char *user, const char *address)
{
    refused_logins_note(app->audit->refused, org, user, address);
}

/* ---- checkpoints ---- */

static godwit_err sign(const struct app *app, struct audit_checkpoint *checkpoint)
{
    uint8_t digest[32], signature[384];
    size_t size = 0;
    memcpy(checkpoint->key, app->deploy_keys.points[0], sizeof checkpoint->key);
    godwit_err err = audit_checkpoint_digest(checkpoint, digest);
    if (!err) err = key_sign(app->deploy_keys.keys[0], digest, sizeof digest, signature, &size);
    if (!err && size != sizeof checkpoint->signature) err = GODWIT_ERR_FORMAT;
    if (!err) memcpy(checkpoint->signature, signature, sizeof checkpoint->signature);
    return err;
}

/* At the end of the log, where one is due there: every so many records and every so often. */
static godwit_err checkpoint(struct app *app, bool is_asked)
{
    struct audit_log *log = app->audit;
    struct audit_record record;
    int64_t now_s = clock_unix_s(app->clock);
    log->next = log->last;
    godwit_err err = audit_last(app->db, &record);
    if (err) return err == GODWIT_ERR_MISSING ? GODWIT_OK : err;
    int64_t fresh = record.sequence - log->last.sequence;
    bool is_due = is_asked || fresh >= CHECKPOINT_EVERY ||
                  llabs(now_s - log->last.time_s) >= CHECKPOINT_EVERY_S;
    if (fresh == 0 || !is_due) return GODWIT_OK;
    log->next = (struct audit_checkpoint){.sequence = record.sequence, .time_s = now_s};
    memcpy(log->next.hash, record.hash, sizeof log->next.hash);
    err = sign(app, &log->next);
    return err ? err : audit_checkpoint_add(app->db, &log->next);
}

godwit_err audit_checkpoint_now(struct app *app)
{
    return checkpoint(app, true);
}

static void give_checkpoint(struct app *app)
{
    fleet_lock(&app->fleet);
    memcpy(app->checkpoint, app->audit->last.hash, sizeof app->checkpoint);
    fleet_unlock(&app->fleet);
}

/* ---- the tick ---- */

static godwit_err prune(struct app *app, int64_t now_s, bool *more_out)
{
    struct audit_log *log = app->audit;
    int64_t root = 0;
    *more_out = false;
    if (!app->settings->audit_days || clock_is_doubted(app) ||
        llabs(now_s - log->pruned_s) < PRUNE_EVERY_S)
        return GODWIT_OK;
    godwit_err err = audit_prune(app->db, now_s - (int64_t)app->settings->audit_days * DAY_S,
                                 PRUNE_COUNT, &root);
    *more_out = root != 0;
    if (!err && !root) log->pruned_s = now_s;
    if (err || !root) return err;
    return app_audit(app, AUDIT_LOG_PRUNED, "", NULL,
                     json_pack("{s:I}", "begins_with", (json_int_t)root));
}

godwit_err audit_tick(struct app *app, bool *more_out)
{
    int64_t now_s = clock_unix_s(app->clock);
    *more_out = false;
    godwit_err err = refused_logins_write(app->audit->refused, app, now_s);
    if (!err) err = prune(app, now_s, more_out);
    return err ? err : checkpoint(app, false);
}

void audit_committed(struct app *app)
{
    struct audit_log *log = app->audit;
    refused_logins_committed(log->refused, clock_unix_s(app->clock));
    if (log->next.sequence == log->last.sequence) return;
    log->last = log->next;
    give_checkpoint(app);
}

/* ---- the start ---- */

static void take_after(void *ctx, const struct audit_record *record)
{
    *(json_t **)ctx = json_loads(record->after, 0, NULL);
}

static json_t *view_start(const struct app *app)
{
    const struct settings *settings = app->settings;
    json_t *keys = json_array(), *mirrors = json_array();
    char hex[65], next[65] = "";
    for (size_t i = 0; i < app->deploy_keys.count; i++) {
        godwit_hex_encode(app->deploy_keys.points[i], 8, hex);
        json_array_append_new(keys, json_string(hex));
    }
    for (size_t i = 0; i < GODWIT_SOURCES_MAX && settings->mirrors[i]; i++)
        json_array_append_new(mirrors, json_string(settings->mirrors[i]));
    godwit_hex_encode(app->ca_sha256, sizeof app->ca_sha256, hex);
    if (!godwit_all(app->next_ca, sizeof app->next_ca, 0))
        godwit_hex_encode(app->next_ca, sizeof app->next_ca, next);
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:o, s:o}", "version", GODWIT_VERSION,
                     "listen", settings->listen ? settings->listen : "", "interval_s",
                     (json_int_t)settings->interval_s, "audit_days",
                     (json_int_t)settings->audit_days, "history_days",
                     (json_int_t)settings->history_days, "ca", hex, "next_ca", next, "deploy_keys",
                     keys, "mirrors", mirrors);
}

godwit_err audit_start(struct app *app)
{
    json_t *before = NULL;
    const struct audit_query last_start = {.action = audit_action_id(AUDIT_SERVER_STARTED),
                                           .before = INT64_MAX};
    struct audit_log *log = calloc(1, sizeof *log);
    if (!log) abort();
    log->refused = refused_logins_open();
    app->audit = log;
    godwit_err err = audit_checkpoint_last(app->db, &log->last);
    if (err == GODWIT_ERR_MISSING) err = GODWIT_OK;
    if (!err) err = audit_list(app->db, &last_start, 1, take_after, &before);
    if (!err) err = app_audit(app, AUDIT_SERVER_STARTED, "", before, view_start(app));
    give_checkpoint(app);
    return err;
}

void audit_close(struct app *app)
{
    if (!app->audit) return;
    refused_logins_close(app->audit->refused);
    free(app->audit);
    app->audit = NULL;
}
