/* SQL of the audit log. */
#include "audit/trail.h"

#define RECORD_COLUMNS                                                                             \
    "sequence, org, time, actor, address, action, object, before_text, after_text, before_sha256," \
    " after_sha256, previous, hash"
#define CHECKPOINT_COLUMNS "sequence, time, hash, signing_key, signature"
/* $n is "" (anything), a text, or the beginning of one with a "*" behind it. */
#define MATCHES(column, n)                                                          \
    " and (" n " = '' or " column " = " n " or (substr(" n ", length(" n ")) = '*'" \
    " and substr(" column ", 1, length(" n ") - 1) = substr(" n ", 1, length(" n ") - 1)))"
#define FILTER                                                                  \
    " and ($1 = '' or org = $1)" MATCHES("actor", "$2") MATCHES("action", "$3") \
        MATCHES("object", "$4")

/* False: the value is longer than a record's, or holds a NUL; what was read is not all of it. */
static bool read_text(const struct db_rows *rows, int column, char *out, size_t size_max)
{
    db_column_text(rows, column, out, size_max);
    return db_column_size(rows, column) == strlen(out);
}

static bool read_blob(const struct db_rows *rows, int column, uint8_t *out, size_t size)
{
    db_column_blob(rows, column, out, size);
    return db_column_size(rows, column) == size;
}

/* A row that no record can have been is given a hash that fits nothing, so that it shows. */
static void read_record(const struct db_rows *rows, struct audit_record *out)
{
    *out =
        (struct audit_record){.sequence = db_column_int(rows, 0), .time_s = db_column_int(rows, 2)};
    bool is_whole = read_text(rows, 1, out->org, sizeof out->org);
    is_whole &= read_text(rows, 3, out->actor, sizeof out->actor);
    is_whole &= read_text(rows, 4, out->address, sizeof out->address);
    is_whole &= read_text(rows, 5, out->action, sizeof out->action);
    is_whole &= read_text(rows, 6, out->object, sizeof out->object);
    is_whole &= read_text(rows, 7, out->before, sizeof out->before);
    is_whole &= read_text(rows, 8, out->after, sizeof out->after);
    is_whole &= read_blob(rows, 9, out->before_sha256, 32);
    is_whole &= read_blob(rows, 10, out->after_sha256, 32);
    is_whole &= read_blob(rows, 11, out->previous, 32);
    is_whole &= read_blob(rows, 12, out->hash, 32);
    if (!is_whole) memset(out->hash, 0xff, sizeof out->hash);
}

godwit_err audit_last(struct db *db, struct audit_record *out)
{
    struct db_rows rows;
    godwit_err err = db_query(
        db, &rows, "select " RECORD_COLUMNS " from audit order by sequence desc limit 1", NULL, 0);
    if (!err) err = db_next(&rows);
    if (!err) read_record(&rows, out);
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_ERR_MISSING : err;
}

/* Sequence and hash of the newest record; zeros where there is none. */
static godwit_err read_head(struct db *db, int64_t *sequence_out, uint8_t hash_out[static 32])
{
    struct db_rows rows;
    *sequence_out = 0;
    memset(hash_out, 0, 32);
    godwit_err err = db_query(
        db, &rows, "select sequence, hash from audit order by sequence desc limit 1", NULL, 0);
    if (!err) err = db_next(&rows);
    if (!err) {
        *sequence_out = db_column_int(&rows, 0);
        db_column_blob(&rows, 1, hash_out, 32);
    }
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

godwit_err audit_add(struct db *db, struct audit_record *record)
{
    godwit_err err = read_head(db, &record->sequence, record->previous);
    record->sequence++;
    if (!err) err = audit_record_hash(record, record->hash);
    if (err) return err;
    return db_run(db,
                  "insert into audit (" RECORD_COLUMNS ") values"
                  " ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
                  DB_ARGS(db_int(record->sequence), db_text(record->org), db_int(record->time_s),
                          db_text(record->actor), db_text(record->address), db_text(record->action),
                          db_text(record->object), db_text(record->before), db_text(record->after),
                          db_blob(record->before_sha256, 32), db_blob(record->after_sha256, 32),
                          db_blob(record->previous, 32), db_blob(record->hash, 32)));
}

godwit_err audit_list(struct db *db, const struct audit_query *query, size_t limit,
                      audit_record_take *take, void *ctx)
{
    struct db_rows rows;
    struct audit_record record;
    const char *sql = query->before
                          ? "select " RECORD_COLUMNS " from audit where sequence < $5" FILTER
                            " order by sequence desc limit $6"
                          : "select " RECORD_COLUMNS " from audit where sequence > $5" FILTER
                            " order by sequence limit $6";
    godwit_err err = db_query(
        db, &rows, sql,
        DB_ARGS(db_text(query->org ? query->org : ""), db_text(query->actor ? query->actor : ""),
                db_text(query->action ? query->action : ""),
                db_text(query->object ? query->object : ""),
                db_int(query->before ? query->before : query->after), db_int((int64_t)limit)));
    while (!err && !(err = db_next(&rows))) {
        read_record(&rows, &record);
        take(ctx, &record);
    }
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

/* ---- checkpoints ---- */

static void read_checkpoint(const struct db_rows *rows, struct audit_checkpoint *out)
{
    out->sequence = db_column_int(rows, 0);
    out->time_s = db_column_int(rows, 1);
    db_column_blob(rows, 2, out->hash, 32);
    db_column_blob(rows, 3, out->key, 64);
    db_column_blob(rows, 4, out->signature, 64);
}

godwit_err audit_checkpoint_add(struct db *db, const struct audit_checkpoint *checkpoint)
{
    return db_run(db,
                  "insert into audit_checkpoints (org, " CHECKPOINT_COLUMNS ")"
                  " values ($1, $2, $3, $4, $5, $6)",
                  DB_ARGS(db_text("default"), db_int(checkpoint->sequence),
                          db_int(checkpoint->time_s), db_blob(checkpoint->hash, 32),
                          db_blob(checkpoint->key, 64), db_blob(checkpoint->signature, 64)));
}

godwit_err audit_checkpoint_last(struct db *db, struct audit_checkpoint *out)
{
    struct db_rows rows;
    godwit_err err = db_query(db, &rows,
                              "select " CHECKPOINT_COLUMNS " from audit_checkpoints"
                              " order by sequence desc limit 1",
                              NULL, 0);
    if (!err) err = db_next(&rows);
    if (!err) read_checkpoint(&rows, out);
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_ERR_MISSING : err;
}

godwit_err audit_checkpoint_list(struct db *db, int64_t after, size_t limit,
                                 audit_checkpoint_take *take, void *ctx)
{
    struct db_rows rows;
    struct audit_checkpoint checkpoint;
    godwit_err err = db_query(db, &rows,
                              "select " CHECKPOINT_COLUMNS " from audit_checkpoints"
                              " where sequence > $1 order by sequence limit $2",
                              DB_ARGS(db_int(after), db_int((int64_t)limit)));
    while (!err && !(err = db_next(&rows))) {
        read_checkpoint(&rows, &checkpoint);
        take(ctx, &checkpoint);
    }
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

/* ---- age ---- */

/* The checkpoint up to which may go: the newest that is old and near, else the next that is old,
 * for a log must never begin between two checkpoints. */
static godwit_err find_root(struct db *db, int64_t older_than_s, int64_t first, size_t rows_max,
                            int64_t *root_out)
{
    godwit_err err = db_run_returning(
        db,
        "select coalesce(max(sequence), 0) from audit_checkpoints"
        " where time < $1 and sequence <= $2",
        DB_ARGS(db_int(older_than_s), db_int(first + (int64_t)rows_max)), root_out);
    if (err || *root_out > first) return err;
    return db_run_returning(db,
                            "select coalesce(min(sequence), 0) from audit_checkpoints"
                            " where time < $1 and sequence > $2",
                            DB_ARGS(db_int(older_than_s), db_int(first)), root_out);
}

/* Records that are young stay, also where an old one comes behind them, as after a clock that was
 * wrong: the root goes back to a checkpoint before the first of them. */
static godwit_err spare_young(struct db *db, int64_t older_than_s, int64_t *root)
{
    int64_t young = 0;
    godwit_err err = db_run_returning(db,
                                      "select coalesce(min(sequence), 0) from audit"
                                      " where sequence < $1 and time >= $2",
                                      DB_ARGS(db_int(*root), db_int(older_than_s)), &young);
    if (err || !young) return err;
    return db_run_returning(db,
                            "select coalesce(max(sequence), 0) from audit_checkpoints"
                            " where time < $1 and sequence <= $2",
                            DB_ARGS(db_int(older_than_s), db_int(young)), root);
}

godwit_err audit_prune(struct db *db, int64_t older_than_s, size_t rows_max, int64_t *root_out)
{
    int64_t root = 0, first = 0;
    *root_out = 0;
    godwit_err err =
        db_run_returning(db, "select coalesce(min(sequence), 0) from audit", NULL, 0, &first);
    if (!err) err = find_root(db, older_than_s, first, rows_max, &root);
    if (!err && root > first) err = spare_young(db, older_than_s, &root);
    if (err || root <= first) return err;
    *root_out = root;
    err = db_run(db, "delete from audit where sequence < $1", DB_ARGS(db_int(root)));
    if (err) return err;
    return db_run(db, "delete from audit_checkpoints where sequence < $1", DB_ARGS(db_int(root)));
}
