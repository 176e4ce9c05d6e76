/* The history of each device. Kept in SQL alone: nothing decides on it. */
#include "fleet/event.h"

#include "base/log.h"
#include "base/text.h"
#include "fleet/decision_reason.h"

static const struct {
    const char *id, *sentence;
} KINDS[] = {
#define EVENT_KIND_ROW(name, id, sentence) {id, sentence},
    EVENT_KINDS(EVENT_KIND_ROW)
#undef EVENT_KIND_ROW
};

const char *event_kind_name(enum event_kind kind)
{
    return kind < EVENT_KIND_COUNT ? KINDS[kind].id : "unknown";
}

const char *event_sentence(const struct event *event)
{
    if (event->kind == EVENT_NOT_OFFERED) return decision_sentence_by_id(event->detail);
    if (event->reason) return godwit_reason_sentence(event->reason);
    return event->kind < EVENT_KIND_COUNT ? KINDS[event->kind].sentence : "";
}

const char *event_reason_id(const struct event *event)
{
    return event->kind == EVENT_NOT_OFFERED ? event->detail : godwit_reason_id(event->reason);
}

const char *event_detail(const struct event *event)
{
    return event->kind == EVENT_NOT_OFFERED ? "" : event->detail;
}

godwit_err event_add(struct db *db, int64_t device, const uint8_t device_id[static 16],
                     const struct event *event)
{
    char mac[13];
    bool is_report = !godwit_all(event->report, sizeof event->report, 0);
    struct db_value report = {0};
    if (is_report) report = db_blob(event->report, sizeof event->report);
    godwit_hex_encode(device_id, 6, mac);
    GODWIT_LOG(INFO, "device_event", "device=%s kind=%s version=\"%s\" reason=%s", mac,
               event_kind_name(event->kind), event->version, event_reason_id(event));
    godwit_err err = db_run(
        db,
        "insert into events (org, device, time, kind, stage, reason, version, detail, report)"
        " values ((select org from devices where id = $1), $1, $2, $3, $4, $5, $6, $7, $8)",
        DB_ARGS(db_int(device), db_int(event->time_s), db_int(event->kind), db_int(event->stage),
                db_int(event->reason), db_text(event->version), db_text(event->detail), report));
    if (!err)
        err = db_run(db, "update devices set events_total = events_total + 1 where id = $1",
                     DB_ARGS(db_int(device)));
    if (err) return err;
    return db_run(db,
                  "delete from events where device = $1 and id <= (select id from events"
                  " where device = $1 order by id desc limit 1 offset $2)",
                  DB_ARGS(db_int(device), db_int(EVENTS_KEPT)));
}

godwit_err event_has_report(struct db *db, int64_t device,
                            const uint8_t report[static EVENT_REPORT_SIZE], int64_t since_s,
                            bool *has_out)
{
    int64_t id;
    godwit_err err = db_run_returning(
        db, "select id from events where device = $1 and report = $2 and time >= $3 limit 1",
        DB_ARGS(db_int(device), db_blob(report, EVENT_REPORT_SIZE), db_int(since_s)), &id);
    *has_out = !err;
    return err == GODWIT_ERR_MISSING ? GODWIT_OK : err;
}

godwit_err event_total(struct db *db, int64_t device, int64_t *total_out)
{
    return db_run_returning(db, "select events_total from devices where id = $1",
                            DB_ARGS(db_int(device)), total_out);
}

godwit_err event_list(struct db *db, int64_t device, int64_t before, struct event *out,
                      size_t count_max, size_t *count_out)
{
    struct db_rows rows;
    *count_out = 0;
    godwit_err err = db_query(db, &rows,
                              "select id, time, kind, stage, reason, version, detail from events"
                              " where device = $1 and id < $3 order by id desc limit $2",
                              DB_ARGS(db_int(device), db_int((int64_t)count_max), db_int(before)));
    while (!err && *count_out < count_max && !(err = db_next(&rows))) {
        struct event *event = &out[(*count_out)++];
        event->id = db_column_int(&rows, 0);
        event->time_s = db_column_int(&rows, 1);
        event->kind = (enum event_kind)db_column_int(&rows, 2);
        event->stage = (enum godwit_stage)db_column_int(&rows, 3);
        event->reason = (uint32_t)db_column_int(&rows, 4);
        db_column_text(&rows, 5, event->version, sizeof event->version);
        db_column_text(&rows, 6, event->detail, sizeof event->detail);
    }
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

godwit_err events_prune(struct db *db, int64_t before_s, size_t count_max, bool *more_out)
{
    int64_t changes = db_changes(db);
    godwit_err err = db_run(db,
                            "delete from events where id in (select id from events where time < $1"
                            " order by time, id limit $2)",
                            DB_ARGS(db_int(before_s), db_int((int64_t)count_max)));
    *more_out = !err && db_changes(db) - changes == (int64_t)count_max;
    return err;
}
