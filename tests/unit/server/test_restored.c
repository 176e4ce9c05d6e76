/* What a restored database knows of its new life. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "audit/trail.h"
#include "case.h"
#include "fleet/fleet.h"
#include "fleet/schema.h"
#include "server/restored.h"
#include "temp_dir.h"

#define CENTURY_MS (100LL * 365 * 86400 * 1000)

static char folder[64], path[96], note[400];
static struct db *db;
static struct backup_job job;

static int setup(void **state)
{
    (void)state;
    temp_dir_make(folder);
    snprintf(path, sizeof path, "%s/godwit.db", folder);
    job = (struct backup_job){.report = {.made_s = 1000, .made_with = "0.1.0"}};
    return db_open(path, false, &db, note, sizeof note) != GODWIT_OK;
}

static int teardown(void **state)
{
    (void)state;
    db_close(db);
    temp_dir_drop(folder);
    return 0;
}

static void run(const char *sql)
{
    assert_int_equal(db_script(db, sql), GODWIT_OK);
}

static int64_t number(const char *sql)
{
    int64_t found = -1;
    assert_int_equal(db_run_returning(db, sql, NULL, 0, &found), GODWIT_OK);
    return found;
}

static void begin(void)
{
    assert_int_equal(restored_begin(db, &job, note, sizeof note), GODWIT_OK);
}

static void fill(void)
{
    assert_int_equal(db_migrate(db, SCHEMA, SCHEMA_COUNT), GODWIT_OK);
    run("insert into tokens (org, token_sha256, user_name, created, expires, kind) values"
        " ('default', x'01', 'admin', 1, 9, 'session'), ('default', x'02', 'admin', 1, 9, 'api'),"
        " ('default', x'03', 'admin', 1, 9, 'api'), ('default', x'04', 'machine', 1, 0, "
        "'machine')");
}

static void sessions_and_api_tokens_are_over(void **state)
{
    (void)state;
    fill();
    begin();
    assert_int_equal(number("select count(*) from tokens"), 1);
    assert_int_equal(number("select count(*) from tokens where kind = 'machine'"), 1);
    assert_int_equal(job.report.sessions_ended, 1);
    assert_int_equal(job.report.tokens_ended, 2);
}

static void api_tokens_are_kept_on_request(void **state)
{
    (void)state;
    fill();
    job.keeps_tokens = true;
    begin();
    assert_int_equal(number("select count(*) from tokens where kind = 'api'"), 2);
    assert_int_equal(number("select count(*) from tokens where kind = 'session'"), 0);
    assert_int_equal(job.report.tokens_kept, 2);
    assert_int_equal(job.report.tokens_ended, 0);
}

/* Above what any server may have given, whatever its clock said; also a second time. */
static void sequences_go_a_century_ahead(void **state)
{
    (void)state;
    fill();
    int64_t now_ms = (int64_t)time(NULL) * 1000;
    begin();
    int64_t first = number("select mark from sequence_mark");
    assert_true(first >= now_ms + CENTURY_MS);
    begin();
    assert_true(number("select mark from sequence_mark") >= first + CENTURY_MS);
}

static void numbers_are_skipped(void **state)
{
    (void)state;
    fill();
    begin();
    assert_true(number("select min(seq) from sqlite_sequence") >= 1000000);
}

static void the_log_says_so(void **state)
{
    (void)state;
    struct audit_record record;
    fill();
    begin();
    assert_int_equal(audit_last(db, &record), GODWIT_OK);
    assert_string_equal(record.action, "server.restored");
    assert_non_null(strstr(record.after, "\"backup_time\":1000"));
    assert_non_null(strstr(record.after, "\"tokens_ended\":2"));
}

static void an_older_schema_comes_forward(void **state)
{
    (void)state;
    assert_int_equal(db_migrate(db, SCHEMA, 1), GODWIT_OK);
    begin();
    int version = 0;
    assert_int_equal(db_version(db, &version), GODWIT_OK);
    assert_int_equal(version, SCHEMA_COUNT);
}

static void a_newer_schema_is_refused_and_stays(void **state)
{
    (void)state;
    fill();
    run("insert into schema_version (org, number, name) values ('', 900, '900_later')");
    assert_int_equal(restored_begin(db, &job, note, sizeof note), GODWIT_ERR_POLICY);
    assert_non_null(strstr(note, "another godwit, of 0.1.0"));
    assert_int_equal(number("select count(*) from tokens"), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sessions_and_api_tokens_are_over, setup, teardown),
        cmocka_unit_test_setup_teardown(api_tokens_are_kept_on_request, setup, teardown),
        cmocka_unit_test_setup_teardown(sequences_go_a_century_ahead, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_are_skipped, setup, teardown),
        cmocka_unit_test_setup_teardown(the_log_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(an_older_schema_comes_forward, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newer_schema_is_refused_and_stays, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
