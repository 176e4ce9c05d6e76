/* Which rollout is told to be finished: each once, the oldest first, and none while a device of it
 * has something to come. */
#include "fleet/finish.h"

#include <stdio.h>

#include "fixture.h"

#define ALL_SWEPT 1000

static void run(struct fixture *fixture, const char *sql)
{
    if (db_script(fixture->db, sql)) fail_msg("%s: %s", db_note(fixture->db), sql);
}

/* Two devices of a list, both with their outcome. */
static void begin(struct fixture *fixture)
{
    const struct upload upload = upload_of("1.0.0", 1);
    fixture_upload(fixture, &upload);
    run(fixture, "insert into rollouts (id, org, release, is_targeted, created, members, offered,"
                 " succeeded, failed) select 7, org, id, 1, 5, 2, 2, 1, 1 from releases");
}

/* How many devices stand so: of all devices' counts, and of rollout 7 if it is that. */
static void add_count(struct fixture *fixture, const char *org, int rollout,
                      const char *rollout_state, const char *state, int count)
{
    char sql[400];
    snprintf(sql, sizeof sql,
             "insert into device_counts (org, product_name, rollout, rollout_state, state, reason,"
             " presence, image, deploy_key, count) values ('%s', 'thermostat', %d, '%s', '%s', '',"
             " '', 0, 0, %d)",
             org, rollout, rollout_state, state, count);
    run(fixture, sql);
}

static godwit_err take(struct fixture *fixture, uint32_t swept, struct finish *finish)
{
    return finish_take(fixture->db, swept, 99, finish);
}

static void each_is_told_once(void **state)
{
    struct fixture *fixture = *state;
    struct finish finish;
    begin(fixture);
    assert_int_equal(take(fixture, ALL_SWEPT, &finish), GODWIT_OK);
    assert_int_equal(finish.rollout, 7);
    assert_int_equal(finish.selected, 2);
    assert_int_equal(finish.succeeded, 1);
    assert_int_equal(finish.failed, 1);
    assert_string_equal(finish.org, FLEET_ORG);
    assert_string_equal(finish.product, "thermostat");
    assert_string_equal(finish.version, "1.0.0");
    assert_int_equal(fixture_count(fixture, "select finished from rollouts"), 99);
    assert_int_equal(take(fixture, ALL_SWEPT, &finish), GODWIT_ERR_MISSING);
}

static void the_oldest_first(void **state)
{
    struct fixture *fixture = *state;
    struct finish finish;
    begin(fixture);
    run(fixture, "insert into rollouts (id, org, release, is_targeted, created, members)"
                 " select 5, org, id, 1, 9, 1 from releases");
    assert_int_equal(take(fixture, ALL_SWEPT, &finish), GODWIT_OK);
    assert_int_equal(finish.rollout, 5);
    assert_int_equal(take(fixture, ALL_SWEPT, &finish), GODWIT_OK);
    assert_int_equal(finish.rollout, 7);
}

/* What a halted one did not offer is not to come, so it does not finish. */
static void not_where_it_was_halted(void **state)
{
    struct fixture *fixture = *state;
    struct finish finish;
    begin(fixture);
    run(fixture, "update rollouts set state = 2");
    assert_int_equal(take(fixture, ALL_SWEPT, &finish), GODWIT_ERR_MISSING);
}

static void not_while_one_is_in_progress(void **state)
{
    struct fixture *fixture = *state;
    struct finish finish;
    begin(fixture);
    run(fixture, "update rollouts set in_progress = 1");
    assert_int_equal(take(fixture, ALL_SWEPT, &finish), GODWIT_ERR_MISSING);
}

static void not_while_one_is_queued(void **state)
{
    struct fixture *fixture = *state;
    struct finish finish;
    begin(fixture);
    add_count(fixture, FLEET_ORG, 7, "queued", "queued", 1);
    assert_int_equal(take(fixture, ALL_SWEPT, &finish), GODWIT_ERR_MISSING);
    run(fixture, "update device_counts set count = 0");
    assert_int_equal(take(fixture, ALL_SWEPT, &finish), GODWIT_OK);
}

/* A retired device, and one of another rollout or organisation, keeps no rollout open. */
static void others_do_not_count(void **state)
{
    struct fixture *fixture = *state;
    struct finish finish;
    begin(fixture);
    add_count(fixture, FLEET_ORG, 7, "queued", "retired", 1);
    add_count(fixture, FLEET_ORG, 8, "queued", "queued", 1);
    add_count(fixture, "other", 7, "queued", "queued", 1);
    assert_int_equal(take(fixture, ALL_SWEPT, &finish), GODWIT_OK);
}

/* Before the sweep has come to all devices nobody knows. */
static void not_before_the_sweep(void **state)
{
    struct fixture *fixture = *state;
    struct finish finish;
    begin(fixture);
    assert_int_equal(take(fixture, 6, &finish), GODWIT_ERR_MISSING);
    assert_int_equal(take(fixture, 7, &finish), GODWIT_OK);
}

/* One that selects nobody is not finished: its devices may still come. */
static void nobody_is_no_end(void **state)
{
    struct fixture *fixture = *state;
    struct finish finish;
    begin(fixture);
    run(fixture, "update rollouts set is_targeted = 0");
    assert_int_equal(take(fixture, ALL_SWEPT, &finish), GODWIT_ERR_MISSING);
    add_count(fixture, FLEET_ORG, 7, "up-to-date", "retired", 3);
    add_count(fixture, "other", 7, "up-to-date", "up-to-date", 3);
    assert_int_equal(take(fixture, ALL_SWEPT, &finish), GODWIT_ERR_MISSING);
    add_count(fixture, FLEET_ORG, 7, "up-to-date", "up-to-date", 4);
    assert_int_equal(take(fixture, ALL_SWEPT, &finish), GODWIT_OK);
    assert_int_equal(finish.selected, 4);
}

#define FINISH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FINISH(each_is_told_once),       FINISH(the_oldest_first),
        FINISH(not_where_it_was_halted), FINISH(not_while_one_is_in_progress),
        FINISH(not_while_one_is_queued), FINISH(others_do_not_count),
        FINISH(not_before_the_sweep),    FINISH(nobody_is_no_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
