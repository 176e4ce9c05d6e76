/* SQL on a real SQLite file: binding by name, durability settings, constraints, a full disk. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#include "case.h"
#include "store/store.h"
#include "temp_dir.h"

static char dir[64], path[96], note[256];
static struct db *db;

static int setup(void **state)
{
    (void)state;
    temp_dir_make(dir);
    snprintf(path, sizeof path, "%s/t.db", dir);
    assert_int_equal(db_open(path, false, &db, note, sizeof note), GODWIT_OK);
    return db_script(db, "create table t (a integer primary key, b text, c blob)");
}

static int teardown(void **state)
{
    (void)state;
    db_close(db);
    temp_dir_drop(dir);
    return 0;
}

/* Trap: SQLite numbers $1 by first appearance. Here $2 appears first. */
static void binds_by_name(void **state)
{
    (void)state;
    assert_int_equal(
        db_run(db, "insert into t (b, a) values ($2, $1)", DB_ARGS(db_int(7), db_text("seven"))),
        GODWIT_OK);
    struct db_rows rows;
    char text[8];
    assert_int_equal(db_query(db, &rows, "select a, b from t", NULL, 0), GODWIT_OK);
    assert_int_equal(db_next(&rows), GODWIT_OK);
    assert_int_equal(db_column_int(&rows, 0), 7);
    db_column_text(&rows, 1, text, sizeof text);
    assert_string_equal(text, "seven");
    assert_int_equal(db_next(&rows), GODWIT_ERR_END);
    db_rows_close(&rows);
}

static int64_t pragma(const char *sql)
{
    struct db_rows rows;
    assert_int_equal(db_query(db, &rows, sql, NULL, 0), GODWIT_OK);
    assert_int_equal(db_next(&rows), GODWIT_OK);
    int64_t value = db_column_int(&rows, 0);
    db_rows_close(&rows);
    return value;
}

static void is_durable(void **state)
{
    (void)state;
    assert_int_equal(pragma("pragma synchronous"), 2);
    assert_int_equal(pragma("pragma foreign_keys"), 1);
    struct db_rows rows;
    char mode[8];
    assert_int_equal(db_query(db, &rows, "pragma journal_mode", NULL, 0), GODWIT_OK);
    assert_int_equal(db_next(&rows), GODWIT_OK);
    db_column_text(&rows, 0, mode, sizeof mode);
    db_rows_close(&rows);
    assert_string_equal(mode, "wal");
}

static void constraints_are_policy(void **state)
{
    (void)state;
    static const char INSERT[] = "insert into t (a) values ($1)";
    assert_int_equal(db_run(db, INSERT, DB_ARGS(db_int(1))), GODWIT_OK);
    assert_int_equal(db_run(db, INSERT, DB_ARGS(db_int(1))), GODWIT_ERR_POLICY);
    assert_int_equal(db_run(db, INSERT, DB_ARGS(db_int(2))), GODWIT_OK);
}

static void rollback_leaves_no_trace(void **state)
{
    (void)state;
    assert_int_equal(db_begin(db), GODWIT_OK);
    assert_int_equal(db_script(db, "insert into t (a) values (1)"), GODWIT_OK);
    db_rollback(db);
    db_rollback(db);
    assert_int_equal(pragma("select count(*) from t"), 0);
}

/* As when there was no memory to give the first up. */
static void a_transaction_that_stayed_open_is_given_up(void **state)
{
    (void)state;
    assert_true(db_is_idle(db));
    assert_int_equal(db_begin(db), GODWIT_OK);
    assert_int_equal(db_script(db, "insert into t (a) values (1)"), GODWIT_OK);
    assert_false(db_is_idle(db));
    assert_int_equal(db_begin(db), GODWIT_OK);
    assert_int_equal(db_script(db, "insert into t (a) values (2)"), GODWIT_OK);
    assert_int_equal(db_commit(db), GODWIT_OK);
    assert_int_equal(pragma("select sum(a) from t"), 2);
    /* A row that is still being read is a snapshot too. */
    struct db_rows rows;
    assert_int_equal(db_query(db, &rows, "select a from t", NULL, 0), GODWIT_OK);
    assert_int_equal(db_next(&rows), GODWIT_OK);
    assert_false(db_is_idle(db));
    db_rows_close(&rows);
    assert_true(db_is_idle(db));
}

static void blobs_have_their_size(void **state)
{
    (void)state;
    uint8_t out[4] = {9, 9, 9, 9};
    struct db_rows rows;
    assert_int_equal(
        db_run(db, "insert into t (a, c) values ($1, $2)", DB_ARGS(db_int(1), db_blob("abc", 3))),
        GODWIT_OK);
    assert_int_equal(db_query(db, &rows, "select c from t", NULL, 0), GODWIT_OK);
    assert_int_equal(db_next(&rows), GODWIT_OK);
    db_column_blob(&rows, 0, out, 4);
    assert_memory_equal(out, "\0\0\0\0", 4);
    db_column_blob(&rows, 0, out, 3);
    assert_memory_equal(out, "abc", 3);
    db_rows_close(&rows);
}

static void readers_do_not_write(void **state)
{
    (void)state;
    struct db *reader;
    assert_int_equal(db_open(path, true, &reader, note, sizeof note), GODWIT_OK);
    assert_int_not_equal(db_script(reader, "insert into t (a) values (1)"), GODWIT_OK);
    db_close(reader);
}

/* The file may not grow: the write is refused as SPACE or IO, and the rows before it stay. */
static void full_disk_keeps_what_was(void **state)
{
    (void)state;
    assert_int_equal(db_script(db, "insert into t (a) values (1)"), GODWIT_OK);
    struct rlimit before, tight = {64 * 1024, 64 * 1024};
    getrlimit(RLIMIT_FSIZE, &before);
    tight.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &tight);
    assert_int_equal(db_begin(db), GODWIT_OK);
    godwit_err err = db_script(db, "insert into t (a, c) values (2, zeroblob(1000000))");
    if (!err) err = db_commit(db);
    assert_int_not_equal(err, GODWIT_OK);
    db_rollback(db);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(pragma("select count(*) from t"), 1);
    assert_int_equal(db_script(db, "insert into t (a) values (3)"), GODWIT_OK);
}

static void a_file_that_is_no_database_is_said(void **state)
{
    (void)state;
    char other[96];
    snprintf(other, sizeof other, "%s/other", dir);
    FILE *file = fopen(other, "w");
    for (int i = 0; i < 200; i++)
        fputs("this is no database\n", file);
    fclose(file);
    struct db *none;
    assert_int_equal(db_open(other, false, &none, note, sizeof note), GODWIT_ERR_FORMAT);
    assert_non_null(strstr(note, "not a database"));
}

/* More texts than the cache keeps: each goes on to work, and none reads as a full disk. */
static void more_statements_than_are_kept(void **state)
{
    (void)state;
    enum { COUNT = 400 };
    static char texts[COUNT][64];
    struct db_rows outer;
    assert_int_equal(db_run(db, "insert into t (a) values (1)", NULL, 0), GODWIT_OK);
    assert_int_equal(db_query(db, &outer, "select a from t", NULL, 0), GODWIT_OK);
    assert_int_equal(db_next(&outer), GODWIT_OK); /* in use while the others come and go */
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < COUNT; i++) {
            CASE(i);
            int64_t number = 0;
            snprintf(texts[i], sizeof texts[i], "select %d + $1", i);
            assert_int_equal(db_run_returning(db, texts[i], DB_ARGS(db_int(1000)), &number),
                             GODWIT_OK);
            assert_int_equal(number, 1000 + i);
        }
    assert_int_equal(db_column_int(&outer, 0), 1);
    assert_int_equal(db_next(&outer), GODWIT_ERR_END);
    db_rows_close(&outer);
}

static void an_insert_returns_its_id(void **state)
{
    (void)state;
    int64_t id = 0;
    assert_int_equal(db_run_returning(db, "insert into t (b) values ($1) returning a",
                                      DB_ARGS(db_text("x")), &id),
                     GODWIT_OK);
    assert_int_equal(pragma("select a from t where b = 'x'"), id);
    assert_int_equal(
        db_run_returning(db, "select a from t where b = $1", DB_ARGS(db_text("y")), &id),
        GODWIT_ERR_MISSING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(binds_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(is_durable, setup, teardown),
        cmocka_unit_test_setup_teardown(constraints_are_policy, setup, teardown),
        cmocka_unit_test_setup_teardown(rollback_leaves_no_trace, setup, teardown),
        cmocka_unit_test_setup_teardown(blobs_have_their_size, setup, teardown),
        cmocka_unit_test_setup_teardown(readers_do_not_write, setup, teardown),
        cmocka_unit_test_setup_teardown(full_disk_keeps_what_was, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_no_database_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(more_statements_than_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_transaction_that_stayed_open_is_given_up, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_insert_returns_its_id, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
