/* A database of each older schema, with rows in every table, is brought to the present one: killed
 * at each statement on the way, started again, it ends as if it had never been killed, whole, and
 * with its rows.
 *
 *     fleet_test_schema        the oldest with rows at each statement of its way, the others at
 * those of their first script: what comes then, the next one has been killed at fleet_test_schema
 * all each at each of its whole way; grows with the square of the scripts */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "case.h"
#include "fleet/fleet.h"
#include "fleet/schema.h"
#include "temp_dir.h"

#define ROWS 3 /* in each table; those that may hold one row of an organisation have one */
#define DUMP_MAX ((size_t)1 << 20)

static char folder[64], old_path[96], path[96], note[256];

static int setup(void **state)
{
    (void)state;
    temp_dir_make(folder);
    snprintf(old_path, sizeof old_path, "%s/old.db", folder);
    snprintf(path, sizeof path, "%s/new.db", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    temp_dir_drop(folder);
    return 0;
}

/* ---- SQLite by itself: what the store layer has no use for ---- */

static sqlite3 *open_raw(const char *file)
{
    sqlite3 *raw;
    assert_int_equal(sqlite3_open(file, &raw), SQLITE_OK);
    return raw;
}

static sqlite3_stmt *prepare(sqlite3 *raw, const char *format, const char *name)
{
    sqlite3_stmt *statement;
    char *sql = sqlite3_mprintf(format, name);
    if (sqlite3_prepare_v2(raw, sql, -1, &statement, NULL)) fail_msg("%s", sqlite3_errmsg(raw));
    sqlite3_free(sql);
    return statement;
}

static const char *text_of(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    return text ? (const char *)text : "null";
}

static void expect_pragma(sqlite3 *raw, const char *sql, const char *expected)
{
    sqlite3_stmt *statement = prepare(raw, "%s", sql);
    const char *found = sqlite3_step(statement) == SQLITE_ROW ? text_of(statement, 0) : "";
    assert_string_equal(found, expected);
    sqlite3_finalize(statement);
}

/* ---- rows in every table ---- */

/* A value that fits the column: references point at row k, texts and blobs differ by k. */
static char *value_for(const char *column, const char *type, int k)
{
    if (!strcmp(column, "org")) return sqlite3_mprintf("'%s'", FLEET_ORG);
    if (!strcmp(type, "BLOB") || !strcmp(type, "blob")) return sqlite3_mprintf("blob_for(%d)", k);
    if (!strcmp(type, "TEXT") || !strcmp(type, "text")) return sqlite3_mprintf("'text-%d'", k);
    return sqlite3_mprintf("%d", k);
}

static void fill_row(sqlite3 *raw, const char *table, int k)
{
    char *names = NULL, *values = NULL; /* no empty texts: two %z in a row lose the first of them */
    sqlite3_stmt *columns = prepare(raw, "pragma table_info(%Q)", table);
    while (sqlite3_step(columns) == SQLITE_ROW) {
        const char *comma = names ? ", " : "";
        char *value = value_for(text_of(columns, 1), text_of(columns, 2), k);
        names = sqlite3_mprintf("%z%s%s", names, comma, text_of(columns, 1));
        values = sqlite3_mprintf("%z%s%z", values, comma, value);
    }
    sqlite3_finalize(columns);
    char *sql = sqlite3_mprintf("insert or ignore into %s (%z) values (%z)", table, names, values);
    if (sqlite3_exec(raw, sql, NULL, NULL, NULL)) fail_msg("%s: %s", sql, sqlite3_errmsg(raw));
    sqlite3_free(sql);
}

/* 32 bytes that differ by the number. */
static void blob_for(sqlite3_context *context, int count, sqlite3_value **values)
{
    uint8_t bytes[32];
    (void)count;
    memset(bytes, sqlite3_value_int(values[0]), sizeof bytes);
    sqlite3_result_blob(context, bytes, sizeof bytes, SQLITE_TRANSIENT);
}

static const char TABLES[] = "select name from sqlite_master where type = 'table'"
                             " and name not like 'sqlite_%' and name <> 'schema_version'"
                             " order by name";

static void fill(const char *file)
{
    sqlite3 *raw = open_raw(file);
    sqlite3_create_function(raw, "blob_for", 1, SQLITE_UTF8, NULL, blob_for, NULL, NULL);
    sqlite3_stmt *tables = prepare(raw, "%s", TABLES);
    while (sqlite3_step(tables) == SQLITE_ROW)
        for (int k = 1; k <= ROWS; k++)
            fill_row(raw, text_of(tables, 0), k);
    sqlite3_finalize(tables);
    expect_pragma(raw, "pragma foreign_key_check", "");
    sqlite3_close(raw);
}

/* ---- what a database holds ---- */

static size_t dump_rows(sqlite3 *raw, const char *table, char *out, size_t size)
{
    sqlite3_stmt *rows = prepare(raw, "select * from %s order by 1, 2", table);
    size_t used = (size_t)snprintf(out, size, "%s\n", table);
    while (sqlite3_step(rows) == SQLITE_ROW && used < size) {
        for (int i = 0; i < sqlite3_column_count(rows) && used < size; i++)
            used +=
                (size_t)snprintf(out + used, size - used, " %s=%d:%s", sqlite3_column_name(rows, i),
                                 sqlite3_column_bytes(rows, i), text_of(rows, i));
        if (used < size) used += (size_t)snprintf(out + used, size - used, "\n");
    }
    assert_true(used < size);
    sqlite3_finalize(rows);
    return used;
}

static void dump(const char *file, char *out)
{
    sqlite3 *raw = open_raw(file);
    expect_pragma(raw, "pragma integrity_check", "ok");
    expect_pragma(raw, "pragma foreign_key_check", "");
    sqlite3_stmt *tables = prepare(raw, "%s", TABLES);
    for (size_t used = 0; sqlite3_step(tables) == SQLITE_ROW;)
        used += dump_rows(raw, text_of(tables, 0), out + used, DUMP_MAX - used);
    sqlite3_finalize(tables);
    sqlite3_close(raw);
}

static int count_rows(sqlite3 *raw, const char *table)
{
    sqlite3_stmt *count = prepare(raw, "select count(*) from %s", table);
    int rows = sqlite3_step(count) == SQLITE_ROW ? sqlite3_column_int(count, 0) : -1;
    sqlite3_finalize(count);
    return rows;
}

/* Every table of before is there, with no row less. */
static void expect_rows_kept(void)
{
    sqlite3 *before = open_raw(old_path), *after = open_raw(path);
    sqlite3_stmt *tables = prepare(before, "%s", TABLES);
    while (sqlite3_step(tables) == SQLITE_ROW) {
        const char *table = text_of(tables, 0);
        assert_in_range(count_rows(before, table), 1, ROWS);
        if (count_rows(after, table) < count_rows(before, table))
            fail_msg("rows of %s are gone", table);
    }
    sqlite3_finalize(tables);
    sqlite3_close(before);
    sqlite3_close(after);
}

/* ---- killed on the way ---- */

static int statements_left;

static int at_statement(unsigned kind, void *ctx, void *statement, void *text)
{
    (void)kind, (void)ctx, (void)statement, (void)text;
    if (statements_left-- == 0) kill(getpid(), SIGKILL);
    return 0;
}

static int watch(sqlite3 *raw, char **error, const void *api)
{
    (void)error, (void)api;
    return sqlite3_trace_v2(raw, SQLITE_TRACE_STMT, at_statement, NULL);
}

static godwit_err migrate(const char *file, size_t count)
{
    struct db *db;
    godwit_err err = db_open(file, false, &db, note, sizeof note);
    if (!err) err = db_migrate(db, SCHEMA, count);
    if (!err) db_close(db);
    return err;
}

/* Whether the program was killed at that statement, or came to the end before. */
static bool is_killed_at(int statement, size_t scripts)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        statements_left = statement;
        sqlite3_auto_extension((void (*)(void))watch);
        _exit(migrate(path, scripts) != GODWIT_OK);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) return true;
    assert_int_equal(status, 0);
    return false;
}

static void drop(const char *file)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", file, ends[i]);
        unlink(name);
    }
}

static void copy_old(void)
{
    static char data[1 << 20];
    drop(path);
    FILE *from = fopen(old_path, "rb"), *to = fopen(path, "wb");
    assert_true(from && to);
    size_t size = fread(data, 1, sizeof data, from);
    assert_in_range(size, 0, sizeof data - 1); /* the whole */
    assert_int_equal(fwrite(data, 1, size, to), size);
    assert_int_equal(fclose(to), 0);
    fclose(from);
}

/* The server takes what came out. */
static void expect_fleet(void)
{
    static struct fleet fleet;
    struct db *db;
    assert_int_equal(db_open(path, false, &db, note, sizeof note), GODWIT_OK);
    fleet_init(&fleet);
    assert_int_equal(fleet_load(&fleet, db), GODWIT_OK);
    assert_int_equal(fleet.devices_count, ROWS);
    fleet_deinit(&fleet);
    db_close(db);
}

static void make_old(size_t version)
{
    drop(old_path);
    assert_int_equal(migrate(old_path, version), GODWIT_OK);
    if (version) fill(old_path);
}

static bool is_all;

/* How far it is killed on its way. */
static size_t scripts_cut(size_t version)
{
    return is_all || version == 1 || version == SCHEMA_COUNT ? SCHEMA_COUNT : version + 1;
}

static void each_older_schema_comes_forward_killed_at_each_statement(void **state)
{
    (void)state;
    static char expected[DUMP_MAX], found[DUMP_MAX];
    int all_killed = 0;
    for (size_t version = 0; version <= SCHEMA_COUNT; version++) {
        CASE(version);
        make_old(version);
        copy_old();
        assert_int_equal(migrate(path, SCHEMA_COUNT), GODWIT_OK);
        expect_rows_kept();
        if (version) expect_fleet();
        dump(path, expected);
        int killed = 0;
        size_t scripts = scripts_cut(version);
        for (copy_old(); is_killed_at(killed, scripts); copy_old(), killed++) {
            CASE(killed);
            assert_int_equal(migrate(path, SCHEMA_COUNT), GODWIT_OK);
            dump(path, found);
            assert_string_equal(found, expected);
        }
        assert_true(killed > 3); /* the pragmas of an opening alone are more */
        assert_int_equal(migrate(path, SCHEMA_COUNT), GODWIT_OK);
        dump(path, found);
        assert_string_equal(found, expected);
        all_killed += killed;
    }
    print_message("killed %d times\n", all_killed); /* make figure-upgrade reads it */
}

int main(int count, char **arguments)
{
    is_all = count > 1 && !strcmp(arguments[1], "all");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_older_schema_comes_forward_killed_at_each_statement,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
