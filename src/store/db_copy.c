/* A copy of a whole database, and whether one is sound. SQLite's own backup interface is used and
 * not a copy of the file: beside a running writer only it gives one moment. The source is held at
 * that moment by a read transaction, so what is written meanwhile does not begin the copy anew. */
#include <sqlite3.h>
#include <stdio.h>

#include "store/sqlite_error.h"
#include "store/store.h"

#define STEP_PAGES 2048
#define BUSY_TIMEOUT_MS 5000
#define VERDICT_SIZE 256

/* Of an opening too: a database that is not there can not be copied. */
static godwit_err error_of(int code)
{
    return (code & 0xff) == SQLITE_CANTOPEN ? GODWIT_ERR_MISSING : sqlite_error(code);
}

static int copy_pages(sqlite3 *from, sqlite3 *to, db_progress *tell, void *ctx)
{
    int code = sqlite3_exec(from, "begin; select count(*) from sqlite_master", NULL, NULL, NULL);
    sqlite3_backup *backup =
        code == SQLITE_OK ? sqlite3_backup_init(to, "main", from, "main") : NULL;
    if (!backup) return code == SQLITE_OK ? sqlite3_errcode(to) : code;
    while ((code = sqlite3_backup_step(backup, STEP_PAGES)) == SQLITE_OK) {
        uint64_t total = (uint64_t)sqlite3_backup_pagecount(backup);
        if (tell) tell(ctx, total - (uint64_t)sqlite3_backup_remaining(backup), total);
    }
    int end = sqlite3_backup_finish(backup);
    sqlite3_exec(from, "commit", NULL, NULL, NULL);
    return code == SQLITE_DONE ? end : code;
}

godwit_err db_copy(const char *from_path, const char *to_path, db_progress *tell, void *ctx,
                   char *note, size_t note_size)
{
    sqlite3 *from = NULL, *to = NULL;
    const char *at = from_path;
    int code = sqlite3_open_v2(from_path, &from, SQLITE_OPEN_READONLY, NULL);
    if (code == SQLITE_OK) {
        at = to_path;
        sqlite3_busy_timeout(from, BUSY_TIMEOUT_MS);
        code = sqlite3_open_v2(to_path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    }
    if (code == SQLITE_OK) code = copy_pages(from, to, tell, ctx);
    if (code != SQLITE_OK) snprintf(note, note_size, "%s: %s", at, sqlite3_errstr(code));
    sqlite3_close(to);
    sqlite3_close(from);
    return error_of(code);
}

/* The first row's last line, which is "ok" of a sound one. */
static int take_verdict(void *ctx, int columns, char **values, char **names)
{
    const char *text = columns > 0 && values[0] ? values[0] : "", *line = strrchr(text, '\n');
    (void)names;
    snprintf(ctx, VERDICT_SIZE, "%s", line ? line + 1 : text);
    return 0;
}

godwit_err db_check(const char *path, char *note, size_t note_size)
{
    sqlite3 *handle = NULL;
    char verdict[VERDICT_SIZE] = "";
    int code = sqlite3_open_v2(path, &handle, SQLITE_OPEN_READONLY, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(handle, "pragma integrity_check(1)", take_verdict, verdict, NULL);
    snprintf(note, note_size, "%s", code == SQLITE_OK ? verdict : sqlite3_errstr(code));
    sqlite3_close(handle);
    if (code != SQLITE_OK) return error_of(code);
    return strcmp(verdict, "ok") ? GODWIT_ERR_FORMAT : GODWIT_OK;
}

godwit_err db_skip_numbers(struct db *db)
{
    /* A table that never had a row has no number yet. */
    return db_script(db, "insert into sqlite_sequence (name, seq) select name, 0 from sqlite_master"
                         " where type = 'table' and sql like '%autoincrement%'"
                         " and name not in (select name from sqlite_sequence);"
                         " update sqlite_sequence set seq = seq + 1000000");
}
