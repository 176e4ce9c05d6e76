/* The outbox is filled by two cursors and not by whoever causes an event: so no handler can forget
 * one, nothing is sent of what was not committed, and a service without webhooks pays one query. */
#include "server/webhooks.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/trail.h"
#include "base/log.h"
#include "fleet/event.h"
#include "server/audit_log.h"
#include "server/json_text.h"
#include "server/views.h"
#include "server/webhook_store.h"

#define FILL_COUNT 200
#define ALL_MAX 200 /* webhooks of all organisations that are served */
#define RETRY_S 5   /* where the database can not be read */

struct webhooks {
    struct app *app;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_woken, is_noted;
    atomic_bool is_ending;
    pthread_t thread;
    /* one delivery, the thread's; the note is written by the writer */
    struct writer_job job;
    struct webhook webhook;
    struct webhook_row row;
    struct webhook_outcome outcome;
    char body[WEBHOOK_BODY_MAX + 1];
};

/* ---- filling ---- */

struct fill {
    struct app *app;
    struct webhook *all;
    size_t count, rows;
    struct webhook_cursor cursor;
    godwit_err err;
};

static void take_webhook(void *ctx, const struct webhook *webhook)
{
    struct fill *fill = ctx;
    if (fill->count < ALL_MAX) fill->all[fill->count++] = *webhook;
}

/* To each webhook of the organisation that wants it. Takes the document. */
static void offer(struct fill *fill, const char *org, const char *event, json_t *document)
{
    char id[WEBHOOK_ID_SIZE], *text = json_text_make(document, JSON_COMPACT);
    json_decref(document);
    if (!text) abort();
    bool is_short = strlen(text) <= WEBHOOK_BODY_MAX;
    for (size_t i = 0; i < fill->count && is_short && !fill->err; i++) {
        if (strcmp(fill->all[i].org, org) || !webhook_wants(fill->all[i].events, event)) continue;
        fill->err = webhook_enqueue(fill->app->db, &fill->all[i], event, text,
                                    clock_unix_s(fill->app->clock), id);
    }
    free(text);
}

/* Where the change came from stays in the log: an address is nobody else's business. */
static void take_record(void *ctx, const struct audit_record *record)
{
    struct fill *fill = ctx;
    fill->cursor.audit = record->sequence;
    fill->rows++;
    json_t *after = *record->after ? json_loads(record->after, JSON_DECODE_ANY, NULL) : NULL;
    offer(fill, record->org, record->action,
          json_pack("{s:s, s:I, s:s, s:s, s:s, s:o}", "event", record->action, "time",
                    (json_int_t)record->time_s, "org", record->org, "actor", record->actor,
                    "object", record->object, "after", after ? after : json_null()));
}

/* What the audit log tells too is sent once. */
static bool is_audited(const char *name)
{
    for (size_t i = 0; i < AUDIT_ACTIONS_COUNT; i++)
        if (!strcmp(audit_action_id((enum audit_action)i), name)) return true;
    return false;
}

static void take_event(struct fill *fill, const struct db_rows *rows)
{
    uint8_t device_id[16];
    char org[ACCESS_NAME_MAX], id[13], name[48];
    struct event event = {.kind = (enum event_kind)db_column_int(rows, 3),
                          .reason = (uint32_t)db_column_int(rows, 4),
                          .time_s = db_column_int(rows, 5)};
    fill->cursor.events = db_column_int(rows, 0);
    fill->rows++;
    db_column_text(rows, 1, org, sizeof org);
    db_column_blob(rows, 2, device_id, sizeof device_id);
    db_column_text(rows, 6, event.version, sizeof event.version);
    db_column_text(rows, 7, event.detail, sizeof event.detail);
    device_id_text(device_id, id);
    snprintf(name, sizeof name, "device.%s", event_kind_name(event.kind));
    if (is_audited(name)) return;
    offer(fill, org, name,
          json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:s}", "event", name, "time",
                    (json_int_t)event.time_s, "org", org, "device", id, "version", event.version,
                    "reason", event_reason_id(&event), "sentence", event_sentence(&event), "detail",
                    event_detail(&event)));
}

static godwit_err fill_events(struct fill *fill)
{
    struct db_rows rows;
    godwit_err err = db_query(
        fill->app->db, &rows,
        "select e.id, e.org, d.device_id, e.kind, e.reason, e.time, e.version, e.detail"
        " from events e join devices d on d.id = e.device where e.id > $1 order by e.id limit $2",
        DB_ARGS(db_int(fill->cursor.events), db_int(FILL_COUNT)));
    while (!err && !fill->err && !(err = db_next(&rows)))
        take_event(fill, &rows);
    db_rows_close(&rows);
    return fill->err ? fill->err : err == GODWIT_ERR_END ? GODWIT_OK : err;
}

static godwit_err trim_all(struct fill *fill)
{
    godwit_err err = GODWIT_OK;
    for (size_t i = 0; i < fill->count && !err; i++) {
        int64_t given_up = 0;
        err = webhook_trim(fill->app->db, &fill->all[i], &given_up);
        if (!err && given_up)
            err = app_audit_of(
                fill->app, fill->all[i].org, AUDIT_WEBHOOK_GIVEN_UP, fill->all[i].id,
                json_pack("{s:I, s:s}", "deliveries", (json_int_t)given_up, "note", "outbox-full"));
    }
    return err;
}

static godwit_err fill_outbox(struct fill *fill, bool *more_out)
{
    struct db *db = fill->app->db;
    godwit_err err = webhook_list(db, NULL, take_webhook, fill);
    if (err || fill->count == 0) return err;
    err = webhook_cursor_read(db, &fill->cursor);
    const struct audit_query query = {.after = fill->cursor.audit};
    if (!err) err = audit_list(db, &query, FILL_COUNT, take_record, fill);
    if (!err) err = fill->err;
    if (!err) err = fill_events(fill);
    if (!err && fill->rows) err = webhook_cursor_write(db, &fill->cursor);
    if (!err && fill->rows) err = trim_all(fill);
    *more_out = fill->rows >= FILL_COUNT;
    return err;
}

godwit_err webhooks_tick(struct app *app, bool *more_out)
{
    struct fill fill = {.app = app, .all = calloc(ALL_MAX, sizeof *fill.all)};
    if (!fill.all) abort();
    *more_out = false;
    godwit_err err = fill_outbox(&fill, more_out);
    free(fill.all);
    return err;
}

/* ---- sending ---- */

static struct webhooks *of_job(struct writer_job *job)
{
    return (struct webhooks *)((char *)job - offsetof(struct webhooks, job));
}

static godwit_err note_run(struct writer_job *job)
{
    struct webhooks *webhooks = of_job(job);
    struct app *app = webhooks->app;
    bool is_given_up;
    godwit_err err = webhook_note(app->db, &webhooks->row, &webhooks->outcome,
                                  clock_unix_s(app->clock), &is_given_up);
    if (err || !is_given_up) return err;
    return app_audit_of(app, webhooks->webhook.org, AUDIT_WEBHOOK_GIVEN_UP, webhooks->webhook.id,
                        json_pack("{s:i, s:s}", "deliveries", 1, "note", webhooks->outcome.note));
}

static void note_done(struct writer_job *job, godwit_err err)
{
    struct webhooks *webhooks = of_job(job);
    if (err) GODWIT_LOG(ERROR, "webhook_not_noted", "error=%s", godwit_err_name(err));
    pthread_mutex_lock(&webhooks->mutex);
    webhooks->is_noted = true;
    pthread_cond_signal(&webhooks->changed);
    pthread_mutex_unlock(&webhooks->mutex);
}

/* Until the writer has it, so that the next look into the database sees it. */
static void note(struct webhooks *webhooks)
{
    webhooks->is_noted = false;
    webhooks->job = (struct writer_job){.run = note_run, .done = note_done};
    if (writer_submit(webhooks->app->writer, &webhooks->job)) return; /* sent again later */
    pthread_mutex_lock(&webhooks->mutex);
    while (!webhooks->is_noted)
        pthread_cond_wait(&webhooks->changed, &webhooks->mutex);
    pthread_mutex_unlock(&webhooks->mutex);
}

static void send_one(struct webhooks *webhooks)
{
    bool is_former = webhooks->webhook.former_until_s > clock_unix_s(webhooks->app->clock);
    const struct webhook_delivery delivery = {
        .url = webhooks->webhook.url,
        .id = webhooks->row.id,
        .event = webhooks->row.event,
        .body = webhooks->body,
        .secret = webhooks->webhook.secret,
        .former_secret = is_former ? webhooks->webhook.former_secret : NULL,
        .now_s = clock_unix_s(webhooks->app->clock),
        .may_loopback = webhooks->app->settings->webhook_loopback,
        .resolve = webhook_resolve,
        .is_ending = &webhooks->is_ending};
    webhook_send(&delivery, &webhooks->outcome);
    if (atomic_load(&webhooks->is_ending)) return;
    GODWIT_LOG(INFO, "webhook_sent", "webhook=%s event=%s status=%d note=\"%s\"",
               webhooks->webhook.id, webhooks->row.event, webhooks->outcome.status,
               webhooks->outcome.note);
    note(webhooks);
}

/* When to look again, in seconds from now; 0: at once. */
static int64_t work(struct webhooks *webhooks)
{
    struct app *app = webhooks->app;
    int64_t due_s, now_s = clock_unix_s(app->clock);
    struct db *db = app_reader_take(app);
    if (!db) return RETRY_S;
    godwit_err err =
        webhook_next(db, now_s, &webhooks->webhook, &webhooks->row, webhooks->body, &due_s);
    app_reader_give(app, db);
    if (err == GODWIT_ERR_MISSING) return due_s == INT64_MAX ? INT32_MAX : due_s - now_s;
    if (err) return RETRY_S;
    send_one(webhooks);
    return 0;
}

static void rest(struct webhooks *webhooks, int64_t pause_s)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += pause_s > 3600 ? 3600 : pause_s;
    pthread_mutex_lock(&webhooks->mutex);
    while (!webhooks->is_woken && !atomic_load(&webhooks->is_ending) &&
           !pthread_cond_clockwait(&webhooks->changed, &webhooks->mutex, CLOCK_MONOTONIC, &until))
        ;
    webhooks->is_woken = false;
    pthread_mutex_unlock(&webhooks->mutex);
}

static void *serve(void *ctx)
{
    struct webhooks *webhooks = ctx;
    while (!atomic_load(&webhooks->is_ending)) {
        int64_t pause_s = work(webhooks);
        if (pause_s) rest(webhooks, pause_s);
    }
    return NULL;
}

void webhooks_wake(struct app *app)
{
    struct webhooks *webhooks = app->webhooks;
    if (!webhooks) return;
    pthread_mutex_lock(&webhooks->mutex);
    webhooks->is_woken = true;
    pthread_cond_signal(&webhooks->changed);
    pthread_mutex_unlock(&webhooks->mutex);
}

godwit_err webhooks_open(struct app *app)
{
    struct webhooks *webhooks = calloc(1, sizeof *webhooks);
    if (!webhooks || curl_global_init(CURL_GLOBAL_DEFAULT)) abort();
    webhooks->app = app;
    pthread_mutex_init(&webhooks->mutex, NULL);
    pthread_cond_init(&webhooks->changed, NULL);
    if (pthread_create(&webhooks->thread, NULL, serve, webhooks)) {
        free(webhooks);
        return GODWIT_ERR_IO;
    }
    app->webhooks = webhooks;
    return GODWIT_OK;
}

void webhooks_stop(struct webhooks *webhooks)
{
    if (!webhooks) return;
    pthread_mutex_lock(&webhooks->mutex);
    atomic_store(&webhooks->is_ending, true);
    pthread_cond_signal(&webhooks->changed);
    pthread_mutex_unlock(&webhooks->mutex);
    pthread_join(webhooks->thread, NULL);
}

void webhooks_close(struct webhooks *webhooks)
{
    if (!webhooks) return;
    pthread_cond_destroy(&webhooks->changed);
    pthread_mutex_destroy(&webhooks->mutex);
    free(webhooks);
}
