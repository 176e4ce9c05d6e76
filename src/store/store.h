/* Storage: SQL on SQLite, and blobs named by their SHA-256. It knows nothing of firmware.
 * A `struct db` is one connection; one thread at a time uses it. */
#pragma once

#include "base/crypto.h"
#include "base/sink.h"

/* ---- SQL: its text has $1, $2 …, which are bound by that name and never by position ---- */

struct db;

enum db_kind { DB_NULL, DB_INT, DB_TEXT, DB_BLOB };

struct db_value {
    enum db_kind kind;
    int64_t number;
    const void *data; /* the caller's until the call returns */
    size_t size;
};

static inline struct db_value db_int(int64_t number)
{
    return (struct db_value){.kind = DB_INT, .number = number};
}

static inline struct db_value db_text(const char *text)
{
    return (struct db_value){.kind = DB_TEXT, .data = text, .size = strlen(text)};
}

static inline struct db_value db_blob(const void *data, size_t size)
{
    return (struct db_value){.kind = DB_BLOB, .data = data, .size = size};
}

/* The values of $1, $2 … in this order. */
#define DB_ARGS(...)                        \
    (const struct db_value[]){__VA_ARGS__}, \
        sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value)

/* Opens with WAL, each commit synced to disk, foreign keys on. note: why it failed. */
GODWIT_MUST_USE godwit_err db_open(const char *path, bool read_only, struct db **db_out, char *note,
                                   size_t note_size);
void db_close(struct db *db);
/* Gives back what it keeps of the database's pages; for a connection that rests. */
void db_rest(struct db *db);
/* Keeps next to none while it reads all of a database once; false: as at first. */
void db_read_through(struct db *db, bool is_on);
/* SQLite's last error message; valid until the next call. */
const char *db_note(const struct db *db);

/* A statement without rows. SPACE: the disk is full; POLICY: a constraint; BUSY; else IO. The text
 * must be a literal: prepared statements are cached by its address. */
GODWIT_MUST_USE godwit_err db_run(struct db *db, const char *sql, const struct db_value *values,
                                  size_t count);
/* Several statements without values, as in a migration. */
GODWIT_MUST_USE godwit_err db_script(struct db *db, const char *sql);
/* A statement that returns one number of one row, as `insert … returning id` does. MISSING: no row.
 */
GODWIT_MUST_USE godwit_err db_run_returning(struct db *db, const char *sql,
                                            const struct db_value *values, size_t count,
                                            int64_t *number_out);

/* How many rows this connection has inserted, changed or deleted since it was opened. */
int64_t db_changes(const struct db *db);

/* One that could not be given up, for want of memory, is given up first. */
GODWIT_MUST_USE godwit_err db_begin(struct db *db);
GODWIT_MUST_USE godwit_err db_commit(struct db *db);
void db_rollback(struct db *db);
/* Whether no transaction is open; one that stays open shows what was there when it began. */
bool db_is_idle(const struct db *db);
/* Rows of one query; always close them, also after an error. */
struct db_rows {
    void *statement;
    struct db *db;
    bool is_own; /* the statement goes with the rows */
};

GODWIT_MUST_USE godwit_err db_query(struct db *db, struct db_rows *rows, const char *sql,
                                    const struct db_value *values, size_t count);
/* The same of a text that is made as it is needed: it is prepared each time, and may go once this
 * returns. */
GODWIT_MUST_USE godwit_err db_query_text(struct db *db, struct db_rows *rows, const char *sql,
                                         const struct db_value *values, size_t count);
/* OK: there is a row; END: no more. */
GODWIT_MUST_USE godwit_err db_next(struct db_rows *rows);
void db_rows_close(struct db_rows *rows);
int64_t db_column_int(const struct db_rows *rows, int column);
/* Copies the text, NUL-terminated; longer text is truncated at size_max. */
void db_column_text(const struct db_rows *rows, int column, char *out, size_t size_max);
/* Bytes of a text or blob, as it is stored. */
size_t db_column_size(const struct db_rows *rows, int column);
/* Copies exactly size bytes; a value of another size gives zeros. */
void db_column_blob(const struct db_rows *rows, int column, uint8_t *out, size_t size);

/* ---- a whole database ---- */

typedef void db_progress(void *ctx, uint64_t done, uint64_t total);

/* Copies the database at `from` as it is at one moment, also while another program writes to it,
 * to a new file, which is on disk when this returns. tell is called every few megabytes; it may be
 * NULL. note: why it failed (MISSING, SPACE, FORMAT, BUSY, IO). SQLite only. */
GODWIT_MUST_USE godwit_err db_copy(const char *from, const char *to, db_progress *tell, void *ctx,
                                   char *note, size_t note_size);
/* Reads all of a database. FORMAT: it is damaged, and the note is SQLite's first complaint. SQLite
 * only. */
GODWIT_MUST_USE godwit_err db_check(const char *path, char *note, size_t note_size);
/* Every number that the database gives out itself goes on a million behind the last one. SQLite
 * only. */
GODWIT_MUST_USE godwit_err db_skip_numbers(struct db *db);

/* ---- migrations: numbered scripts, each with its number in one transaction ----
 * Scripts and statements are SQL that PostgreSQL 15 takes too. Of a script three words are read
 * otherwise there: "integer primary key autoincrement" is "bigint generated by default as identity
 * primary key", "integer" is "bigint", "blob" is "bytea"; tests/tool/test_postgres.py does so. */

struct migration {
    int number; /* 1, 2 … without gaps */
    const char *name, *sql;
};

/* Power loss leaves the version before. POLICY: the database ran scripts that
 * this program does not have; a newer one wrote it, or one from before the first release. */
GODWIT_MUST_USE godwit_err db_migrate(struct db *db, const struct migration *migrations,
                                      size_t count);
/* 0 for an empty database. */
GODWIT_MUST_USE godwit_err db_version(struct db *db, int *version_out);

/* ---- blobs: written under a temporary name, fsynced, renamed; then the folder is fsynced ---- */

struct blobs {
    int dir_fd;
};

struct blob_writer {
    struct godwit_sink sink; /* write pieces here; finish makes them durable, still unnamed */
    /* private from here */
    struct blobs *blobs;
    int fd;
    bool is_named;
    uint64_t size;
    struct godwit_hash hash;
    char name[40];
};

/* Makes the folder where it is missing, and removes what an interrupted write left in it. */
GODWIT_MUST_USE godwit_err blobs_open(struct blobs *blobs, const char *path);
void blobs_close(struct blobs *blobs);
GODWIT_MUST_USE godwit_err blob_begin(struct blobs *blobs, struct blob_writer *writer);
/* Gives the bytes their name. The same bytes may come twice, and one writer may commit twice, as
 * when a transaction runs again: then the name is synced again. SPACE: the disk is full. */
GODWIT_MUST_USE godwit_err blob_commit(struct blob_writer *writer, uint8_t sha256_out[static 32]);
/* Removes what was written; does nothing to a zeroed or committed writer. */
void blob_abort(struct blob_writer *writer);
/* Gives a descriptor to read from; the caller closes it. MISSING: no such blob. */
GODWIT_MUST_USE godwit_err blob_open(const struct blobs *blobs, const uint8_t sha256[static 32],
                                     int *fd_out, uint64_t *size_out);
/* Drops the blobs that nobody keeps. keep is asked for each that was given its name before
 * older_than_s (Unix time): an upload may have named one whose row is not committed yet. Returns
 * how many were dropped. */
typedef bool blob_keep(void *ctx, const uint8_t sha256[static 32]);
size_t blobs_collect(struct blobs *blobs, int64_t older_than_s, blob_keep *keep, void *ctx);
GODWIT_MUST_USE godwit_err blob_drop(struct blobs *blobs, const uint8_t sha256[static 32]);

/* ---- one program per data directory ---- */

/* Locks the file until the descriptor is closed. BUSY: another program holds the lock. */
GODWIT_MUST_USE godwit_err lock_file(const char *path, int *fd_out);
