/* Ids are random, so that they say nothing of how many there are. */
#include "server/webhook_store.h"

#include <stdio.h>

#include "base/text.h"
#include "server/secret.h"

#define SERVICE "default" /* the row of webhook_cursor */
#define WEBHOOK_COLUMNS                                                                \
    "w.id, w.org, w.url, w.secret, w.events, w.created, w.is_paused, w.former_secret," \
    " w.former_until"
#define WEBHOOK_COLUMNS_COUNT 9
#define ROW_COLUMNS "o.id, o.webhook, o.event, o.state, o.note, o.created, o.due, o.tries, o.status"

/* Seconds until the next try, by the number of those that failed. */
static const int64_t PAUSES_S[] = {10, 60, 300, 1800, 7200, 21600, 43200, 86400};
#define PAUSE_MAX_S 86400 /* the last of them */
#define TRIES_MAX ((int64_t)(sizeof PAUSES_S / sizeof *PAUSES_S) + 1)

bool webhook_wants(const char *events, const char *event)
{
    for (const char *at = events; *at; at += strspn(at, " ")) {
        size_t size = strcspn(at, " ");
        bool is_prefix = size > 0 && at[size - 1] == '*';
        if (is_prefix && !strncmp(at, event, size - 1)) return true;
        if (!is_prefix && strlen(event) == size && !strncmp(at, event, size)) return true;
        at += size;
    }
    return false;
}

static void read_webhook(const struct db_rows *rows, int first, struct webhook *out)
{
    *out = (struct webhook){.created_s = db_column_int(rows, first + 5),
                            .is_paused = db_column_int(rows, first + 6),
                            .former_until_s = db_column_int(rows, first + 8)};
    db_column_blob(rows, first + 7, out->former_secret, sizeof out->former_secret);
    db_column_text(rows, first, out->id, sizeof out->id);
    db_column_text(rows, first + 1, out->org, sizeof out->org);
    db_column_text(rows, first + 2, out->url, sizeof out->url);
    db_column_blob(rows, first + 3, out->secret, sizeof out->secret);
    db_column_text(rows, first + 4, out->events, sizeof out->events);
}

static void read_row(const struct db_rows *rows, int first, struct webhook_row *out)
{
    *out = (struct webhook_row){.created_s = db_column_int(rows, first + 5),
                                .due_s = db_column_int(rows, first + 6),
                                .tries = db_column_int(rows, first + 7),
                                .status = db_column_int(rows, first + 8)};
    db_column_text(rows, first, out->id, sizeof out->id);
    db_column_text(rows, first + 1, out->webhook, sizeof out->webhook);
    db_column_text(rows, first + 2, out->event, sizeof out->event);
    db_column_text(rows, first + 3, out->state, sizeof out->state);
    db_column_text(rows, first + 4, out->note, sizeof out->note);
}

static godwit_err is_over(godwit_err err)
{
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

/* ---- webhooks ---- */

godwit_err webhook_list(struct db *db, const char *org, webhook_take *take, void *ctx)
{
    struct db_rows rows;
    struct webhook webhook;
    godwit_err err = db_query(db, &rows,
                              "select " WEBHOOK_COLUMNS " from webhooks w"
                              " where $1 = '' or w.org = $1 order by w.created, w.id",
                              DB_ARGS(db_text(org ? org : "")));
    while (!err && !(err = db_next(&rows))) {
        read_webhook(&rows, 0, &webhook);
        take(ctx, &webhook);
    }
    db_rows_close(&rows);
    return is_over(err);
}

/* Among those of the organisation, which are few, and not by its key: that would take longer to
 * find one of another organisation than none. */
godwit_err webhook_read(struct db *db, const char *org, const char *id, struct webhook *out)
{
    struct db_rows rows;
    godwit_err err = db_query(db, &rows,
                              "select " WEBHOOK_COLUMNS " from webhooks w"
                              " where w.org = $1 and w.id || '' = $2",
                              DB_ARGS(db_text(org), db_text(id)));
    if (!err) err = db_next(&rows);
    if (!err) read_webhook(&rows, 0, out);
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_ERR_MISSING : err;
}

static godwit_err begin_now(struct db *db)
{
    struct webhook_cursor cursor;
    int64_t count;
    godwit_err err = db_run_returning(db, "select count(*) from webhooks", NULL, 0, &count);
    if (err || count) return err;
    err = db_run_returning(db, "select coalesce(max(sequence), 0) from audit", NULL, 0,
                           &cursor.audit);
    if (!err)
        err = db_run_returning(db, "select coalesce(max(id), 0) from events", NULL, 0,
                               &cursor.events);
    return err ? err : webhook_cursor_write(db, &cursor);
}

godwit_err webhook_add(struct db *db, const struct webhook *webhook)
{
    godwit_err err = begin_now(db);
    if (err) return err;
    return db_run(db,
                  "insert into webhooks (id, org, url, secret, events, created)"
                  " values ($1, $2, $3, $4, $5, $6)",
                  DB_ARGS(db_text(webhook->id), db_text(webhook->org), db_text(webhook->url),
                          db_blob(webhook->secret, sizeof webhook->secret),
                          db_text(webhook->events), db_int(webhook->created_s)));
}

godwit_err webhook_change(struct db *db, const struct webhook *webhook)
{
    return db_run(db,
                  "update webhooks set url = $3, events = $4, secret = $5, is_paused = $6,"
                  " former_secret = $7, former_until = $8 where org = $1 and id = $2",
                  DB_ARGS(db_text(webhook->org), db_text(webhook->id), db_text(webhook->url),
                          db_text(webhook->events), db_blob(webhook->secret, WEBHOOK_SECRET_SIZE),
                          db_int(webhook->is_paused),
                          db_blob(webhook->former_secret, WEBHOOK_SECRET_SIZE),
                          db_int(webhook->former_until_s)));
}

godwit_err webhook_remove(struct db *db, const struct webhook *webhook)
{
    godwit_err err =
        db_run(db, "delete from webhook_outbox where webhook = $1", DB_ARGS(db_text(webhook->id)));
    if (err) return err;
    return db_run(db, "delete from webhooks where org = $1 and id = $2",
                  DB_ARGS(db_text(webhook->org), db_text(webhook->id)));
}

/* ---- the outbox ---- */

godwit_err webhook_enqueue(struct db *db, const struct webhook *webhook, const char *event,
                           const char *body, int64_t now_s, char id_out[static WEBHOOK_ID_SIZE])
{
    uint8_t random[8];
    godwit_err err = secret_random(random, sizeof random);
    if (err) return err;
    godwit_hex_encode(random, sizeof random, id_out);
    return db_run(db,
                  "insert into webhook_outbox (id, org, webhook, event, body, created, due, state)"
                  " values ($1, $2, $3, $4, $5, $6, $6, 'waiting')",
                  DB_ARGS(db_text(id_out), db_text(webhook->org), db_text(webhook->id),
                          db_text(event), db_text(body), db_int(now_s)));
}

godwit_err webhook_trim(struct db *db, const struct webhook *webhook, int64_t *given_up_out)
{
    int64_t changes = db_changes(db);
    godwit_err err =
        db_run(db,
               "update webhook_outbox set state = 'given-up', note = 'outbox-full' where id in"
               " (select id from webhook_outbox where webhook = $1 and state = 'waiting'"
               " order by created desc, id limit 1000 offset $2)",
               DB_ARGS(db_text(webhook->id), db_int(WEBHOOK_WAITING_MAX)));
    *given_up_out = db_changes(db) - changes;
    if (err) return err;
    return db_run(db,
                  "delete from webhook_outbox where id in"
                  " (select id from webhook_outbox where webhook = $1 and state <> 'waiting'"
                  " order by created desc, id limit 1000 offset $2)",
                  DB_ARGS(db_text(webhook->id), db_int(WEBHOOK_KEPT)));
}

godwit_err webhook_deliveries(struct db *db, const struct webhook *webhook, size_t limit,
                              webhook_row_take *take, void *ctx)
{
    struct db_rows rows;
    struct webhook_row row;
    godwit_err err = db_query(db, &rows,
                              "select " ROW_COLUMNS " from webhook_outbox o where o.webhook = $1"
                              " order by o.created desc, o.id limit $2",
                              DB_ARGS(db_text(webhook->id), db_int((int64_t)limit)));
    while (!err && !(err = db_next(&rows))) {
        read_row(&rows, 0, &row);
        take(ctx, &row);
    }
    db_rows_close(&rows);
    return is_over(err);
}

godwit_err webhook_next(struct db *db, int64_t now_s, struct webhook *webhook_out,
                        struct webhook_row *row_out, char body_out[static WEBHOOK_BODY_MAX + 1],
                        int64_t *due_out)
{
    struct db_rows rows;
    godwit_err err = db_query(
        db, &rows,
        "select " ROW_COLUMNS ", " WEBHOOK_COLUMNS ", o.body"
        " from webhook_outbox o join webhooks w on w.id = o.webhook"
        " where o.state = 'waiting' and w.is_paused = 0 order by o.due, o.created, o.id limit 1",
        NULL, 0);
    *due_out = INT64_MAX;
    if (!err) err = db_next(&rows);
    if (!err) {
        read_row(&rows, 0, row_out);
        read_webhook(&rows, 9, webhook_out);
        db_column_text(&rows, 9 + WEBHOOK_COLUMNS_COUNT, body_out, WEBHOOK_BODY_MAX + 1);
        *due_out = row_out->due_s;
        if (*due_out > now_s + PAUSE_MAX_S) *due_out = now_s; /* the clock was ahead */
    }
    db_rows_close(&rows);
    if (err) return err == GODWIT_ERR_END ? GODWIT_ERR_MISSING : err;
    return *due_out <= now_s ? GODWIT_OK : GODWIT_ERR_MISSING;
}

godwit_err webhook_note(struct db *db, const struct webhook_row *row,
                        const struct webhook_outcome *outcome, int64_t now_s, bool *given_up_out)
{
    int64_t tries = row->tries + 1;
    *given_up_out = !outcome->is_delivered && (outcome->is_final || tries >= TRIES_MAX);
    int64_t due_s = tries < TRIES_MAX ? now_s + PAUSES_S[tries - 1] : now_s;
    const char *state = outcome->is_delivered ? "delivered"
                        : *given_up_out       ? "given-up"
                                              : "waiting";
    godwit_err err =
        db_run(db,
               "update webhook_outbox set state = $2, status = $3, note = $4, tries = $5, due = $6"
               " where id = $1",
               DB_ARGS(db_text(row->id), db_text(state), db_int(outcome->status),
                       db_text(outcome->note), db_int(tries), db_int(due_s)));
    if (err || outcome->is_delivered || *given_up_out) return err;
    return db_run(db,
                  "update webhook_outbox set due = $2 where webhook = $1 and state = 'waiting'"
                  " and due < $2",
                  DB_ARGS(db_text(row->webhook), db_int(due_s)));
}

/* ---- the cursor ---- */

godwit_err webhook_cursor_read(struct db *db, struct webhook_cursor *out)
{
    struct db_rows rows;
    *out = (struct webhook_cursor){0};
    godwit_err err = db_query(db, &rows, "select audit, events from webhook_cursor where org = $1",
                              DB_ARGS(db_text(SERVICE)));
    if (!err) err = db_next(&rows);
    if (!err) out->audit = db_column_int(&rows, 0);
    if (!err) out->events = db_column_int(&rows, 1);
    db_rows_close(&rows);
    return is_over(err);
}

godwit_err webhook_cursor_write(struct db *db, const struct webhook_cursor *cursor)
{
    return db_run(db,
                  "insert into webhook_cursor (org, audit, events) values ($1, $2, $3)"
                  " on conflict (org) do update set audit = $2, events = $3",
                  DB_ARGS(db_text(SERVICE), db_int(cursor->audit), db_int(cursor->events)));
}
