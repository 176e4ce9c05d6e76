/* Opening and closing one data directory, and the writer's frame.
 *
 * A group of changes is one transaction. When any change in it fails, the group is undone, memory
 * is read again from the database, and each change runs again alone (rt/work.h): rare, simple and
 * right. A disk that is full is not rare: then the writer is `ailing`, and before it runs anything
 * again it commits a single row. While that fails, changes are refused without having touched
 * memory, so nothing is read again; once it works, all goes on by itself. */
#include "server/app.h"
#include "fleet/account.h"
#include "fleet/cache.h"
#include "fleet/device.h"
#include "fleet/identity.h"
#include "fleet/listing.h"
#include "fleet/prune.h"
#include "fleet/rollout.h"
#include "fleet/silence.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "fleet/schema.h"
#include "fleet/tags.h"
#include "server/api_doc.h"
#include "server/audit_log.h"
#include "server/clock_guard.h"
#include "server/data_dir.h"
#include "server/events.h"
#include "server/handlers.h"
#include "server/idempotency.h"
#include "server/logins.h"
#include "server/problem.h"
#include "server/rollout_selection.h"
#include "server/text_file.h"
#include "server/upload_parts.h"
#include "server/waiting.h"
#include "server/webhooks.h"

#define GROUP_MAX 256
#define WRITER_JOBS_MAX 20000
#define WORKERS 4
#define WORKER_JOBS_MAX 4096
#define FLUSH_COUNT 1000
#define NOTE_COUNT 1000
#define SWEEP_COUNT 256
#define PRUNE_COUNT 1000
#define COLLECT_EVERY_S 3600
#define COLLECT_AFTER_S 3600

/* ---- the writer's frame ---- */

/* Whether there is room again, by a row that is written anyway. */
static godwit_err probe(struct app *app)
{
    godwit_err err = db_begin(app->db);
    if (err) return err;
    fleet_transaction_begun(&app->fleet);
    err = fleet_raise_sequence(&app->fleet, app->db, app_now_ms(app));
    if (!err) err = db_commit(app->db);
    if (err) {
        db_rollback(app->db);
        fleet_aborted(&app->fleet);
        return err;
    }
    fleet_committed(&app->fleet);
    app->is_ailing = false;
    GODWIT_LOG(INFO, "writes_again", "device_changes=taken");
    return GODWIT_OK;
}

static godwit_err group_begin(void *ctx)
{
    struct app *app = ctx;
    godwit_err err = app->is_ailing ? probe(app) : GODWIT_OK;
    if (!err) err = db_begin(app->db);
    if (err) return err;
    app->is_changed = false;
    fleet_transaction_begun(&app->fleet);
    return GODWIT_OK;
}

static godwit_err group_commit(void *ctx)
{
    struct app *app = ctx;
    godwit_err err = listing_commit(&app->fleet, app->db);
    if (!err) err = db_commit(app->db);
    if (!err) fleet_committed(&app->fleet);
    if (!err) events_committed(app->events);
    return err;
}

static void group_abort(void *ctx, godwit_err err)
{
    struct app *app = ctx;
    GODWIT_LOG(ERROR, "commit_failed", "error=%s note=\"%s\"", godwit_err_name(err),
               db_note(app->db));
    db_rollback(app->db);
    fleet_aborted(&app->fleet);
    events_aborted(app->events);
    app->is_ailing |= err == GODWIT_ERR_SPACE || err == GODWIT_ERR_IO;
    if (!app->is_changed || !fleet_load(&app->fleet, app->db)) return;
    GODWIT_LOG(ERROR, "database_lost", "note=\"%s\"", db_note(app->db));
    abort(); /* memory can no longer be trusted; the next start reads it anew */
}

static godwit_err change_run(struct writer_job *job)
{
    struct change *change = (struct change *)job;
    struct db *db = change->app->db;
    godwit_err err = GODWIT_OK;
    change->is_known = false;
    if (change->keyed) err = keyed_enter(change->keyed, &change->is_known);
    if (err || change->is_known) return err;
    int64_t changes = db_changes(db);
    change->app->is_changed = true;
    change->is_recorded = false;
    err = change->run(change);
    if (err || change->is_recorded || change->is_device || db_changes(db) == changes) return err;
    return change_audit(change, AUDIT_UNNAMED, change->request->path, NULL, NULL);
}

static void change_done(struct writer_job *job, godwit_err err)
{
    struct change *change = (struct change *)job;
    if (!err && change->is_known) {
        if (change->abandon) change->abandon(change);
        keyed_replay(change->keyed);
        return;
    }
    change->request->keeper = err ? NULL : change->keyed;
    change->reply(change, err);
}

void change_submit(struct change *change, void (*abandon)(struct change *change))
{
    change->job = (struct writer_job){.run = change_run, .done = change_done};
    change->abandon = abandon;
    bool is_sound = keyed_make(change->request, &change->keyed);
    if (is_sound && !writer_submit(change->app->writer, &change->job)) return;
    if (abandon) abandon(change);
    if (is_sound) problem_busy(change->request);
}

/* ---- devices that are not in memory ---- */

struct fetch {
    struct writer_job job; /* first: a job is a fetch */
    struct app *app;
    const char *org;
    const uint8_t *device_id, *token_sha256;
    sem_t is_done;
};

static godwit_err fetch_run(struct writer_job *job)
{
    const struct fetch *fetch = (struct fetch *)job;
    struct app *app = fetch->app;
    struct device *device;
    return fetch->device_id
               ? device_fetch(&app->fleet, app->db, fetch->org, fetch->device_id, &device)
               : device_fetch_with_token(&app->fleet, app->db, fetch->token_sha256, &device);
}

static void fetch_done(struct writer_job *job, godwit_err err)
{
    if (err) GODWIT_LOG(ERROR, "device_not_read", "error=%s", godwit_err_name(err));
    sem_post(&((struct fetch *)job)->is_done);
}

void app_fetch_device(struct app *app, const char *org, const uint8_t *device_id,
                      const uint8_t *token_sha256)
{
    struct fetch fetch = {.job = {.run = fetch_run, .done = fetch_done},
                          .app = app,
                          .org = org,
                          .device_id = device_id,
                          .token_sha256 = token_sha256};
    if (!fleet_is_partial(&app->fleet)) return;
    if (writer_is_here(app->writer)) { /* the reply to a change asks */
        godwit_err err = fetch_run(&fetch.job);
        if (err) GODWIT_LOG(ERROR, "device_not_read", "error=%s", godwit_err_name(err));
        return;
    }
    if (sem_init(&fetch.is_done, 0, 0)) return;
    if (!writer_submit(app->writer, &fetch.job))
        while (sem_wait(&fetch.is_done) && errno == EINTR) {
        }
    sem_destroy(&fetch.is_done);
}

/* ---- the tick ---- */

uint64_t app_now_ms(const struct app *app)
{
    return clock_unix_ms(app->clock);
}

static struct app *app_of_flush(struct writer_job *job)
{
    return (struct app *)((char *)job - offsetof(struct app, flush_job));
}

static godwit_err tick_tokens(struct app *app)
{
    godwit_err err = token_sweep(&app->fleet, app->db, clock_unix_s(app->clock));
    return err ? err : token_flush(&app->fleet, app->db);
}

static godwit_err tick_records(struct app *app, bool *more_out)
{
    bool more_hooks = false;
    godwit_err err = audit_tick(app, more_out);
    if (!err) err = selection_tick(app, &app->is_changed);
    if (!err) err = rollouts_tick(app);
    if (!err) err = webhooks_tick(app, &more_hooks);
    *more_out |= more_hooks;
    return err;
}

/* Who has failed by silence moves in memory too. */
static godwit_err tick_silence(struct app *app)
{
    bool has_any = false;
    godwit_err err = silence_record(&app->fleet, app->db, app->settings->interval_s,
                                    clock_unix_s(app->clock), &has_any);
    app->is_changed |= has_any;
    return err;
}

static godwit_err tick_soft(struct app *app)
{
    godwit_err err = tick_tokens(app);
    return err ? err : tick_silence(app);
}

/* Soft facts, and notes that the next pass makes anew: what is lost with the transaction is not
 * changed in memory, so nothing must be read again. Old rollouts go from memory too. */
static godwit_err flush_run(struct writer_job *job)
{
    struct app *app = app_of_flush(job);
    bool more_facts = false, more_notes = false, more_rollouts = false, more_rows = false;
    bool more_records = false, more_history = false;
    uint64_t now_ms = app_now_ms(app);
    godwit_err err = GODWIT_OK;
    if (fleet_sequence_is_low(&app->fleet, now_ms))
        err = fleet_raise_sequence(&app->fleet, app->db, now_ms);
    if (!err) err = clock_guard_sweep(app, &more_history);
    if (!err) err = tick_soft(app);
    if (!err) err = device_flush(&app->fleet, app->db, FLUSH_COUNT, &more_facts);
    if (!err)
        err = rollout_note_incompatible(&app->fleet, app->db, NOTE_COUNT, clock_unix_s(app->clock),
                                        &more_notes);
    if (!err) err = listing_sweep(&app->fleet, app->db, SWEEP_COUNT, &more_rows);
    if (!err && rollouts_are_unpruned(&app->fleet)) {
        app->is_changed = true;
        err = rollouts_prune(&app->fleet, app->db, PRUNE_COUNT, &more_rollouts);
    }
    if (!err) err = tick_records(app, &more_records);
    app->flushes_on =
        more_facts || more_notes || more_rollouts || more_rows || more_records || more_history;
    return err;
}

/* Until all is written, a piece at a time, so that others come between. */
static void flush_done(struct writer_job *job, godwit_err err)
{
    struct app *app = app_of_flush(job);
    if (err) GODWIT_LOG(ERROR, "flush_failed", "error=%s", godwit_err_name(err));
    if (!err) audit_committed(app);
    if (!err) webhooks_wake(app);
    if (!err && app->flushes_on && !writer_submit(app->writer, job)) return;
    atomic_store(&app->flushing, false);
}

static bool keeps_blob(void *ctx, const uint8_t sha256[static 32])
{
    struct app *app = ctx;
    fleet_lock(&app->fleet);
    bool is_named = file_is_named(&app->fleet.catalogue, sha256);
    fleet_unlock(&app->fleet);
    return is_named;
}

/* Files whose row was never committed, or went without them, as by a kill between the two. One that
 * was named within the hour may belong to an upload that the writer has not committed yet. */
static void collect_blobs(struct app *app)
{
    int64_t now_s = clock_unix_s(&clock_real);
    uint64_t now_ms = clock_now_ms(&clock_real);
    bool is_early = app->collected_ms && now_ms - app->collected_ms < COLLECT_EVERY_S * 1000ULL;
    if (is_early || clock_is_doubted(app)) return;
    app->collected_ms = now_ms;
    upload_parts_sweep(app);
    size_t count = blobs_collect(&app->blobs, now_s - COLLECT_AFTER_S, keeps_blob, app);
    if (count) GODWIT_LOG(INFO, "blobs_collected", "count=%zu", count);
}

void app_tick(struct app *app)
{
    (void)clock_is_doubted(app);
    decision_clock_tick(app);
    collect_blobs(app);
    if (silence_find(&app->fleet, app->settings->interval_s, clock_unix_s(app->clock)))
        waiting_wake_all(app->waiting);
    listing_find_missed(&app->fleet, app->settings->interval_s, clock_unix_s(app->clock));
    if (atomic_exchange(&app->flushing, true)) return;
    app->flush_job = (struct writer_job){.run = flush_run, .done = flush_done};
    if (writer_submit(app->writer, &app->flush_job)) atomic_store(&app->flushing, false);
}

/* ---- opening ---- */

static godwit_err fail(godwit_err err, char *note, size_t note_size, const char *format,
                       const char *what)
{
    snprintf(note, note_size, format, what, godwit_err_sentence(err));
    return err;
}

static godwit_err open_database(struct app *app, char *note, size_t note_size)
{
    char path[512], why[256] = "";
    folder_path(app->settings->data, "godwit.db", path, sizeof path);
    if (path_exists(path) && access(path, W_OK))
        return fail(GODWIT_ERR_IO, note, note_size,
                    "the database %s can not be written; make it yours, or name another --data",
                    path);
    godwit_err err = db_open(path, false, &app->db, why, sizeof why);
    if (err) {
        snprintf(note, note_size, "the database can not be opened: %s", why);
        return err;
    }
    err = db_migrate(app->db, SCHEMA, SCHEMA_COUNT);
    if (err == GODWIT_ERR_POLICY)
        return fail(err, note, note_size,
                    "%s was written by a newer godwit, or by one from before the first release; "
                    "run that version, or choose a new directory with --data",
                    path);
    if (!err) err = device_fill_id_texts(app->db);
    db_read_through(app->db, true);
    if (!err) err = fleet_load(&app->fleet, app->db);
    db_read_through(app->db, false);
    if (err) return fail(err, note, note_size, "the database %s can not be read: %s", path);
    return GODWIT_OK;
}

static godwit_err open_storage(struct app *app, char *note, size_t note_size)
{
    const char *data = app->settings->data;
    char path[512];
    if (mkdir(data, 0700) && errno != EEXIST)
        return fail(GODWIT_ERR_IO, note, note_size,
                    "the data directory %s can not be made; name another with --data", data);
    struct stat found;
    if (!stat(data, &found) && !S_ISDIR(found.st_mode))
        return fail(GODWIT_ERR_IO, note, note_size,
                    "%s is a file, not a data directory; name another with --data", data);
    folder_path(data, "lock", path, sizeof path);
    godwit_err err = lock_file(path, &app->lock_fd);
    if (err == GODWIT_ERR_BUSY)
        return fail(err, note, note_size,
                    "another godwit serves from %s; stop it, or name another --data", data);
    if (err)
        return fail(err, note, note_size,
                    "the data directory %s can not be written; make it yours, or name another "
                    "with --data",
                    data);
    err = open_database(app, note, note_size);
    if (err) return err;
    err = upload_parts_open(app);
    if (err)
        return fail(err, note, note_size,
                    "%s/uploads can not be written; it must be a folder of the user who serves",
                    data);
    folder_path(data, "blobs", path, sizeof path);
    err = blobs_open(&app->blobs, path);
    return err ? fail(err, note, note_size,
                      "%s can not be written; it must be a folder of the user who serves", path)
               : GODWIT_OK;
}

static godwit_err open_threads(struct app *app, char *note, size_t note_size)
{
    const struct writer_hooks hooks = {app, group_begin, group_commit, group_abort};
    godwit_err err = work_pool_open(WORKERS, WORKER_JOBS_MAX, &app->workers);
    if (!err) err = logins_open(app);
    if (!err) err = waiting_open(&app->fleet, checkin_answer, &app->waiting);
    if (!err) err = writer_open(&hooks, 1, GROUP_MAX, WRITER_JOBS_MAX, &app->writer);
    if (!err) err = webhooks_open(app);
    return err ? fail(err, note, note_size, "%s can not be started: %s", "a thread") : GODWIT_OK;
}

/* The first mark, so that the first check-in after a start can be answered at once, and the record
 * of the start. */
static godwit_err open_sequence(struct app *app)
{
    godwit_err err = group_begin(app);
    if (err) return err;
    err = fleet_raise_sequence(&app->fleet, app->db, app_now_ms(app));
    if (!err) err = clock_guard_open(app);
    if (!err) err = listing_open(&app->fleet, app->db);
    if (!err) err = audit_start(app);
    if (!err) err = group_commit(app);
    if (err) group_abort(app, err);
    return err;
}

void app_note_full(const char *data, char *note_out, size_t note_size)
{
    snprintf(note_out, note_size,
             "the disk of the data directory %s is full; free at least 1 MiB there and start again",
             data);
}

/* A full disk shows in many ways, as an I/O error of SQLite's among them; the disk itself in one.
 */
static bool is_disk_full(godwit_err err, const char *data)
{
    return err == GODWIT_ERR_SPACE || (err == GODWIT_ERR_IO && !path_has_room(data, APP_ROOM_MIN));
}

godwit_err app_open(struct app *app, const struct settings *settings, char *note_out,
                    size_t note_size, char password_out[static 32])
{
    body_memory_watch();
    memset(app, 0, sizeof *app);
    app->settings = settings;
    app->clock = &clock_real;
    app->lock_fd = app->blobs.dir_fd = app->uploads_fd = -1;
    app->started_s = clock_unix_s(app->clock);
    pthread_mutex_init(&app->readers_lock, NULL);
    fleet_init(&app->fleet);
    app->fleet.devices_max = settings->devices_max;
    address_queue_init(&app->queued);
    api_doc_open(app);
    password_out[0] = 0;
    godwit_err err = events_open(app);
    if (err)
        fail(err, note_out, note_size, "%s can not be started: %s", "a thread");
    else
        err = open_storage(app, note_out, note_size);
    if (!err) err = data_open_keys(app, note_out, note_size);
    if (!err) err = data_open_account(app, note_out, note_size, password_out);
    if (!err && (err = open_sequence(app)))
        fail(err, note_out, note_size, "%s can not be written: %s", "the database");
    if (is_disk_full(err, settings->data)) app_note_full(settings->data, note_out, note_size);
    return err ? err : open_threads(app, note_out, note_size);
}

/* What no job wrote any more, and the last checkpoint. */
static void flush_last(struct app *app)
{
    bool more = true;
    while (more && !group_begin(app)) {
        godwit_err err = device_flush(&app->fleet, app->db, FLUSH_COUNT, &more);
        if (!err && !more) err = audit_checkpoint_now(app);
        if (!err) err = group_commit(app);
        if (!err) continue;
        group_abort(app, err);
        return;
    }
}

void app_close(struct app *app)
{
    bool is_open = app->db && app->writer;
    waiting_close(app->waiting);
    logins_close(app->logins);
    webhooks_stop(app->webhooks); /* what the writer still commits wakes it: it goes after */
    writer_close(app->writer);
    work_pool_close(app->workers);
    if (is_open) flush_last(app);
    webhooks_close(app->webhooks);
    for (size_t i = 0; i < app->readers_count; i++)
        db_close(app->readers[i]);
    db_close(app->db);
    blobs_close(&app->blobs);
    audit_close(app);
    deploy_keys_close(&app->deploy_keys);
    given_chain_free(&app->chain);
    device_trust_close(app);
    free(app->api_doc.text);
    events_close(app->events);
    upload_parts_close(app);
    fleet_deinit(&app->fleet);
    pthread_mutex_destroy(&app->readers_lock);
    if (app->lock_fd >= 0) close(app->lock_fd);
}
