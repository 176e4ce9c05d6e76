/* All in one transaction behind the migrations. The sequence of instructions goes a century ahead:
 * devices refuse what is not above the last they obeyed, nobody here knows that one, and a server
 * whose clock was wrong for a while has given numbers of another year. It costs nothing, for a
 * sequence is only compared. Tokens that were ended after the backup would count again, and nothing
 * here can tell them from others: so all of them end, but on request. */
#include "server/restored.h"

#include <stdio.h>
#include <time.h>

#include "base/version.h"
#include "fleet/fleet.h"
#include "fleet/schema.h"
#include "server/audit_log.h"
#include "server/json_text.h"

#define SEQUENCE_SKIP_MS (100LL * 366 * 86400 * 1000)

static godwit_err end_tokens(struct db *db, const char *kind, uint64_t *count_out)
{
    int64_t changes = db_changes(db);
    godwit_err err = db_run(db, "delete from tokens where kind = $1", DB_ARGS(db_text(kind)));
    *count_out = (uint64_t)(db_changes(db) - changes);
    return err;
}

static godwit_err count_tokens(struct db *db, uint64_t *count_out)
{
    int64_t count = 0;
    godwit_err err =
        db_run_returning(db, "select count(*) from tokens where kind = 'api'", NULL, 0, &count);
    *count_out = (uint64_t)count;
    return err;
}

static godwit_err skip_sequences(struct db *db, int64_t now_ms)
{
    return db_run(db,
                  "insert into sequence_mark (org, mark) values ($1, $2)"
                  " on conflict (org) do update set mark = excluded.mark"
                  " + case when sequence_mark.mark > $3 then sequence_mark.mark - $3 else 0 end",
                  DB_ARGS(db_text(FLEET_ORG), db_int(now_ms + SEQUENCE_SKIP_MS), db_int(now_ms)));
}

static godwit_err add_record(struct db *db, const struct backup_job *job, int64_t now_s)
{
    struct audit_record record = {.org = FLEET_ORG, .actor = "system", .time_s = now_s};
    json_t *after =
        json_pack("{s:I, s:s, s:s, s:I, s:I}", "backup_time", (json_int_t)job->report.made_s,
                  "backup_version", job->report.made_with, "version", GODWIT_VERSION,
                  "sessions_ended", (json_int_t)job->report.sessions_ended, "tokens_ended",
                  (json_int_t)job->report.tokens_ended);
    char *text = after ? json_text_make(after, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (!text) abort();
    audit_text_copy(record.action, sizeof record.action, audit_action_id(AUDIT_SERVER_RESTORED));
    audit_detail_copy(record.after, record.after_sha256, text);
    free(text);
    json_decref(after);
    return audit_add(db, &record);
}

static godwit_err begin_life(struct db *db, struct backup_job *job, int64_t now_s)
{
    struct backup_report *report = &job->report;
    godwit_err err = db_skip_numbers(db);
    if (!err) err = skip_sequences(db, now_s * 1000);
    if (!err) err = end_tokens(db, "session", &report->sessions_ended);
    if (!err && job->keeps_tokens) err = count_tokens(db, &report->tokens_kept);
    if (!err && !job->keeps_tokens) err = end_tokens(db, "api", &report->tokens_ended);
    return err ? err : add_record(db, job, now_s);
}

godwit_err restored_begin(struct db *db, struct backup_job *job, char *note_out, size_t note_size)
{
    godwit_err err = db_migrate(db, SCHEMA, SCHEMA_COUNT);
    if (err == GODWIT_ERR_POLICY) {
        snprintf(note_out, note_size,
                 "was written by another godwit, of %s; restore it with that or a newer one (this "
                 "is " GODWIT_VERSION ")",
                 job->report.made_with);
        return err;
    }
    if (!err) err = db_begin(db);
    if (!err) {
        err = begin_life(db, job, time(NULL));
        if (!err) err = db_commit(db);
        if (err) db_rollback(db);
    }
    if (err) snprintf(note_out, note_size, "%s", db_note(db));
    return err;
}
