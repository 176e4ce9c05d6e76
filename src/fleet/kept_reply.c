/* The table kept_replies. */
#include "fleet/kept_reply.h"

#include <stdlib.h>

#define KEY_ARGS(key) db_text((key)->org), db_blob((key)->caller_sha256, 32), db_text((key)->key)

godwit_err kept_reply_find(struct db *db, const struct kept_key *key, int64_t now_s,
                           struct kept_reply *out)
{
    struct db_rows rows;
    *out = (struct kept_reply){0};
    godwit_err err = db_query(db, &rows,
                              "select request_sha256, created, status, reply_size, reply"
                              " from kept_replies where org = $1 and caller = $2"
                              " and idempotency_key = $3 and created > $4",
                              DB_ARGS(KEY_ARGS(key), db_int(now_s - KEPT_REPLY_S)));
    if (!err) err = db_next(&rows);
    if (!err) {
        db_column_blob(&rows, 0, out->request_sha256, sizeof out->request_sha256);
        out->created_s = db_column_int(&rows, 1);
        out->status = (int)db_column_int(&rows, 2);
        out->size = (size_t)db_column_int(&rows, 3);
        out->bytes = out->size <= 2 * KEPT_REPLY_MAX ? malloc(out->size + 1) : NULL;
        if (!out->bytes) abort();
        db_column_blob(&rows, 4, out->bytes, out->size);
    }
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_ERR_MISSING : err;
}

/* One of yesterday stands under the same key where it was not swept yet. */
godwit_err kept_reply_begin(struct db *db, const struct kept_key *key,
                            const uint8_t request_sha256[static 32], int64_t now_s)
{
    godwit_err err = kept_reply_drop(db, key);
    if (!err)
        err = db_run(db,
                     "insert into kept_replies (org, caller, idempotency_key, request_sha256,"
                     " created) values ($1, $2, $3, $4, $5)",
                     DB_ARGS(KEY_ARGS(key), db_blob(request_sha256, 32), db_int(now_s)));
    if (err) return err;
    return db_run(db,
                  "delete from kept_replies where org = $1 and caller = $2 and idempotency_key in"
                  " (select idempotency_key from kept_replies where org = $1 and caller = $2"
                  " order by created desc, idempotency_key limit $4 offset $3)",
                  DB_ARGS(db_text(key->org), db_blob(key->caller_sha256, 32),
                          db_int(KEPT_REPLIES_MAX), db_int(KEPT_REPLIES_MAX)));
}

godwit_err kept_reply_finish(struct db *db, const struct kept_key *key, int status,
                             const uint8_t *bytes, size_t size)
{
    return db_run(
        db,
        "update kept_replies set status = $4, reply_size = $5, reply = $6"
        " where org = $1 and caller = $2 and idempotency_key = $3",
        DB_ARGS(KEY_ARGS(key), db_int(status), db_int((int64_t)size), db_blob(bytes, size)));
}

godwit_err kept_reply_drop(struct db *db, const struct kept_key *key)
{
    return db_run(db,
                  "delete from kept_replies where org = $1 and caller = $2"
                  " and idempotency_key = $3",
                  DB_ARGS(KEY_ARGS(key)));
}

godwit_err kept_replies_sweep(struct db *db, int64_t now_s, unsigned count)
{
    return db_run(db,
                  "delete from kept_replies where (org, caller, idempotency_key) in"
                  " (select org, caller, idempotency_key from kept_replies where created <= $1"
                  " order by created limit $2)",
                  DB_ARGS(db_int(now_s - KEPT_REPLY_S), db_int(count)));
}
