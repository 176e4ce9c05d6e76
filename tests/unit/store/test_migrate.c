/* Migrations: in order, once, whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"
#include "temp_dir.h"

static char dir[64], path[96], note[256];

static const struct migration GOOD[] = {
    {1, "one", "create table a (x integer); insert into a values (1);"},
    {2, "two", "create table b (x integer); insert into b select x + 1 from a;"},
};
static const struct migration BROKEN[] = {
    {1, "one", "create table a (x integer); insert into a values (1);"},
    {2, "two", "create table b (x integer); insert into nowhere values (1);"},
};

static int setup(void **state)
{
    (void)state;
    temp_dir_make(dir);
    snprintf(path, sizeof path, "%s/t.db", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    temp_dir_drop(dir);
    return 0;
}

static struct db *open_db(void)
{
    struct db *db;
    assert_int_equal(db_open(path, false, &db, note, sizeof note), GODWIT_OK);
    return db;
}

static void expect_version(struct db *db, int expected)
{
    int version = -1;
    assert_int_equal(db_version(db, &version), GODWIT_OK);
    assert_int_equal(version, expected);
}

static void runs_each_once(void **state)
{
    (void)state;
    struct db *db = open_db();
    expect_version(db, 0);
    assert_int_equal(db_migrate(db, GOOD, 1), GODWIT_OK);
    expect_version(db, 1);
    assert_int_equal(db_migrate(db, GOOD, 2), GODWIT_OK);
    assert_int_equal(db_migrate(db, GOOD, 2), GODWIT_OK);
    expect_version(db, 2);
    db_close(db);
}

static void a_broken_one_leaves_the_version_before(void **state)
{
    (void)state;
    struct db *db = open_db();
    assert_int_not_equal(db_migrate(db, BROKEN, 2), GODWIT_OK);
    expect_version(db, 1);
    assert_int_equal(db_migrate(db, GOOD, 2), GODWIT_OK);
    expect_version(db, 2);
    db_close(db);
}

/* Cut for real: the process dies inside the second script, before its commit. */
static void a_cut_leaves_the_version_before(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct db *db = open_db();
        if (db_migrate(db, GOOD, 1) || db_begin(db) || db_script(db, GOOD[1].sql)) _exit(1);
        _exit(0);
    }
    int status = 1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    struct db *db = open_db();
    expect_version(db, 1);
    assert_int_equal(db_migrate(db, GOOD, 2), GODWIT_OK);
    expect_version(db, 2);
    db_close(db);
}

static void a_newer_database_is_refused(void **state)
{
    (void)state;
    struct db *db = open_db();
    assert_int_equal(db_migrate(db, GOOD, 2), GODWIT_OK);
    assert_int_equal(db_migrate(db, GOOD, 1), GODWIT_ERR_POLICY);
    db_close(db);
}

/* Under the same numbers, other scripts: what a program from before the first release wrote. */
static void another_history_is_refused(void **state)
{
    (void)state;
    const struct migration other[] = {GOOD[0], {2, "other", "create table c (x integer);"}};
    struct db *db = open_db();
    assert_int_equal(db_migrate(db, GOOD, 2), GODWIT_OK);
    assert_int_equal(db_migrate(db, other, 2), GODWIT_ERR_POLICY);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs_each_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_broken_one_leaves_the_version_before, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cut_leaves_the_version_before, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newer_database_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(another_history_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
