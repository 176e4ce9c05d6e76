/* SQL on SQLite. Values are bound through sqlite3_bind_parameter_index, because SQLite numbers
 * "$1" by its first appearance in the text while PostgreSQL numbers it by its digit; only by name
 * does the same text mean the same on both.
 *
 * Statements are prepared once per connection and kept, keyed by the text's address: each SQL text
 * is a literal. Comparing texts instead would cost a strcmp chain on every call. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/sqlite_error.h"
#include "store/store.h"

#define STATEMENTS_MAX 128
#define BUSY_TIMEOUT_MS 5000

struct statement {
    const char *sql;
    sqlite3_stmt *handle;
};

struct db {
    sqlite3 *handle;
    size_t statements_count;
    struct statement statements[STATEMENTS_MAX];
};

godwit_err sqlite_error(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
        return GODWIT_OK;
    case SQLITE_FULL:
        return GODWIT_ERR_SPACE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return GODWIT_ERR_BUSY;
    case SQLITE_CONSTRAINT:
        return GODWIT_ERR_POLICY;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return GODWIT_ERR_FORMAT;
    default:
        return GODWIT_ERR_IO;
    }
}

godwit_err db_script(struct db *db, const char *sql)
{
    return sqlite_error(sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

godwit_err db_open(const char *path, bool read_only, struct db **db_out, char *note,
                   size_t note_size)
{
    static const char *const PRAGMAS = "pragma foreign_keys = on; pragma journal_mode = wal;"
                                       "pragma synchronous = full; pragma trusted_schema = off;";
    struct db *db = calloc(1, sizeof *db);
    if (!db) return GODWIT_ERR_SPACE;
    int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int code = sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
    godwit_err err = sqlite_error(code);
    if (!err) {
        sqlite3_extended_result_codes(db->handle, 1);
        sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
        err = db_script(db, read_only ? "pragma query_only = on" : PRAGMAS);
    }
    if (err) {
        snprintf(note, note_size, "%s: %s", path, sqlite3_errmsg(db->handle));
        db_close(db);
        return err;
    }
    *db_out = db;
    return GODWIT_OK;
}

void db_close(struct db *db)
{
    if (!db) return;
    for (size_t i = 0; i < db->statements_count; i++)
        sqlite3_finalize(db->statements[i].handle);
    sqlite3_close(db->handle);
    free(db);
}

void db_rest(struct db *db)
{
    sqlite3_db_release_memory(db->handle);
}

/* What it keeps lies between what is made of the rows, and never goes back to the system. */
void db_read_through(struct db *db, bool is_on)
{
    (void)!db_script(db, is_on ? "pragma cache_size = -128" : "pragma cache_size = -2000");
}

const char *db_note(const struct db *db)
{
    return sqlite3_errmsg(db->handle);
}

/* The one that was prepared first and is not in use makes room. */
static void forget_statement(struct db *db)
{
    size_t at = 0;
    while (at < db->statements_count && sqlite3_stmt_busy(db->statements[at].handle))
        at++;
    if (at == db->statements_count) return;
    sqlite3_finalize(db->statements[at].handle);
    db->statements_count--;
    memmove(&db->statements[at], &db->statements[at + 1],
            (db->statements_count - at) * sizeof db->statements[0]);
}

static godwit_err prepare(struct db *db, const char *sql, sqlite3_stmt **out)
{
    for (size_t i = 0; i < db->statements_count; i++)
        if (db->statements[i].sql == sql) {
            *out = db->statements[i].handle;
            return GODWIT_OK;
        }
    if (db->statements_count == STATEMENTS_MAX) forget_statement(db);
    if (db->statements_count == STATEMENTS_MAX) return GODWIT_ERR_BUSY;
    int code = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    if (code != SQLITE_OK) return sqlite_error(code);
    db->statements[db->statements_count++] = (struct statement){sql, *out};
    return GODWIT_OK;
}

static int bind(sqlite3_stmt *statement, int index, const struct db_value *value)
{
    switch (value->kind) {
    case DB_INT:
        return sqlite3_bind_int64(statement, index, value->number);
    case DB_TEXT:
        return sqlite3_bind_text(statement, index, value->data, (int)value->size, SQLITE_TRANSIENT);
    case DB_BLOB:
        return sqlite3_bind_blob(statement, index, value->data, (int)value->size, SQLITE_TRANSIENT);
    default:
        return sqlite3_bind_null(statement, index);
    }
}

static godwit_err bind_all(sqlite3_stmt *statement, const struct db_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[24];
        snprintf(name, sizeof name, "$%zu", i + 1);
        int index = sqlite3_bind_parameter_index(statement, name);
        int code = index ? bind(statement, index, &values[i]) : SQLITE_RANGE;
        if (code != SQLITE_OK) return sqlite_error(code);
    }
    return GODWIT_OK;
}

godwit_err db_query(struct db *db, struct db_rows *rows, const char *sql,
                    const struct db_value *values, size_t count)
{
    sqlite3_stmt *statement = NULL;
    *rows = (struct db_rows){.db = db};
    godwit_err err = prepare(db, sql, &statement);
    if (err) return err;
    rows->statement = statement;
    return bind_all(statement, values, count);
}

godwit_err db_query_text(struct db *db, struct db_rows *rows, const char *sql,
                         const struct db_value *values, size_t count)
{
    sqlite3_stmt *statement = NULL;
    *rows = (struct db_rows){.db = db, .is_own = true};
    int code = sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL);
    if (code != SQLITE_OK) return sqlite_error(code);
    rows->statement = statement;
    return bind_all(statement, values, count);
}

godwit_err db_next(struct db_rows *rows)
{
    int code = sqlite3_step(rows->statement);
    if (code == SQLITE_ROW) return GODWIT_OK;
    return code == SQLITE_DONE ? GODWIT_ERR_END : sqlite_error(code);
}

void db_rows_close(struct db_rows *rows)
{
    if (!rows->statement) return;
    if (rows->is_own) {
        sqlite3_finalize(rows->statement);
    } else {
        sqlite3_reset(rows->statement);
        sqlite3_clear_bindings(rows->statement);
    }
    rows->statement = NULL;
}

godwit_err db_run(struct db *db, const char *sql, const struct db_value *values, size_t count)
{
    struct db_rows rows;
    godwit_err err = db_query(db, &rows, sql, values, count);
    if (!err) err = db_next(&rows);
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

godwit_err db_run_returning(struct db *db, const char *sql, const struct db_value *values,
                            size_t count, int64_t *number_out)
{
    struct db_rows rows;
    godwit_err err = db_query(db, &rows, sql, values, count);
    if (!err) err = db_next(&rows);
    if (err == GODWIT_ERR_END) err = GODWIT_ERR_MISSING;
    if (!err) *number_out = db_column_int(&rows, 0);
    while (!err) /* to its end: only then an insert is sure to be whole */
        err = db_next(&rows);
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

int64_t db_changes(const struct db *db)
{
    return sqlite3_total_changes64(db->handle);
}

bool db_is_idle(const struct db *db)
{
    return sqlite3_get_autocommit(db->handle) && !sqlite3_txn_state(db->handle, NULL);
}

godwit_err db_begin(struct db *db)
{
    db_rollback(db);
    return db_script(db, "begin immediate");
}

godwit_err db_commit(struct db *db)
{
    return db_script(db, "commit");
}

/* A disk that fills up makes SQLite roll back by itself; a second rollback is then harmless. */
void db_rollback(struct db *db)
{
    if (!sqlite3_get_autocommit(db->handle)) (void)!db_script(db, "rollback");
}

int64_t db_column_int(const struct db_rows *rows, int column)
{
    return sqlite3_column_int64(rows->statement, column);
}

void db_column_text(const struct db_rows *rows, int column, char *out, size_t size_max)
{
    const unsigned char *text = sqlite3_column_text(rows->statement, column);
    snprintf(out, size_max, "%s", text ? (const char *)text : "");
}

size_t db_column_size(const struct db_rows *rows, int column)
{
    return (size_t)sqlite3_column_bytes(rows->statement, column);
}

void db_column_blob(const struct db_rows *rows, int column, uint8_t *out, size_t size)
{
    const void *data = sqlite3_column_blob(rows->statement, column);
    size_t have = (size_t)sqlite3_column_bytes(rows->statement, column);
    memset(out, 0, size);
    if (data && have == size) memcpy(out, data, size);
}
