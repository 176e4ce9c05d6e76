/* A copy beside a writer is one moment; a damaged database is told; numbers go on later. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/store.h"
#include "temp_dir.h"

static char dir[64], from[96], to[96], note[256];

static int set_up(void **state)
{
    (void)state;
    temp_dir_make(dir);
    snprintf(from, sizeof from, "%s/from.db", dir);
    snprintf(to, sizeof to, "%s/to.db", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_dir_drop(dir);
    return 0;
}

static struct db *filled(void)
{
    struct db *db = NULL;
    assert_int_equal(db_open(from, false, &db, note, sizeof note), GODWIT_OK);
    assert_int_equal(db_script(db, "create table t (id integer primary key autoincrement, a blob);"
                                   "create table u (id integer primary key autoincrement, a blob)"),
                     GODWIT_OK);
    assert_int_equal(db_begin(db), GODWIT_OK);
    for (int i = 0; i < 20000; i++)
        assert_int_equal(db_run(db, "insert into t (a) values (zeroblob(1000))", NULL, 0),
                         GODWIT_OK);
    assert_int_equal(db_commit(db), GODWIT_OK);
    return db;
}

static int64_t number_of(struct db *db, const char *sql)
{
    int64_t number = -1;
    assert_int_equal(db_run_returning(db, sql, NULL, 0, &number), GODWIT_OK);
    return number;
}

struct writing {
    struct db *db;
    unsigned told;
};

/* Another writes between any two steps. */
static void write_more(void *ctx, uint64_t done, uint64_t total)
{
    struct writing *writing = ctx;
    assert_true(done <= total && total > 0);
    writing->told++;
    assert_int_equal(db_run(writing->db, "insert into t (a) values ('x')", NULL, 0), GODWIT_OK);
}

static void a_copy_is_one_moment(void **state)
{
    (void)state;
    struct writing writing = {.db = filled()};
    struct db *copy;
    assert_int_equal(db_copy(from, to, write_more, &writing, note, sizeof note), GODWIT_OK);
    assert_true(writing.told > 1);
    assert_int_equal(db_check(to, note, sizeof note), GODWIT_OK);
    assert_int_equal(db_open(to, false, &copy, note, sizeof note), GODWIT_OK);
    assert_int_equal(number_of(copy, "select count(*) from t"), 20000);
    assert_int_equal(number_of(writing.db, "select count(*) from t"), 20000 + writing.told);
    assert_int_equal(db_skip_numbers(copy), GODWIT_OK);
    assert_int_equal(number_of(copy, "insert into t (a) values ('y') returning id"), 1020001);
    assert_int_equal(number_of(copy, "insert into u (a) values ('y') returning id"), 1000001);
    db_close(copy);
    db_close(writing.db);
}

static void damage_and_absence_are_told(void **state)
{
    (void)state;
    static const char rubbish[8192] = {1, 2, 3};
    db_close(filled());
    assert_int_equal(db_copy("/nowhere/at/all", to, NULL, NULL, note, sizeof note),
                     GODWIT_ERR_MISSING);
    assert_int_equal(db_copy(from, "/nowhere/at/all", NULL, NULL, note, sizeof note),
                     GODWIT_ERR_MISSING);
    FILE *file = fopen(from, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 8192, SEEK_SET), 0);
    assert_int_equal(fwrite(rubbish, 1, sizeof rubbish, file), sizeof rubbish);
    fclose(file);
    assert_int_equal(db_check(from, note, sizeof note), GODWIT_ERR_FORMAT);
    assert_null(strchr(note, '\n'));
    assert_true(strlen(note) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_copy_is_one_moment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_and_absence_are_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
