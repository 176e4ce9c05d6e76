/* Soft facts on their way to the database, and memory that is read anew after a change that failed.
 */
#include "case.h"
#include "fixture.h"

enum { MANY = 70, BATCH = 16 };

static void enrol(struct fixture *fixture, uint8_t count)
{
    const struct upload upload = upload_of("1.0.0", 1);
    assert_int_equal(fixture_upload(fixture, &upload), UPLOAD_ADDED);
    fixture_allow(fixture, count);
    for (uint8_t n = 1; n <= count; n++) {
        CASE(n);
        struct device *device;
        const struct godwit_checkin checkin = checkin_of(n, 1);
        assert_int_equal(fixture_claim(fixture, &checkin, n, &device), CLAIM_ACCEPTED);
        fixture_checkin(fixture, &checkin);
    }
}

static bool flush(struct fixture *fixture, size_t count_max)
{
    bool more;
    fixture_begin(fixture);
    assert_int_equal(device_flush(&fixture->fleet, fixture->db, count_max, &more), GODWIT_OK);
    fixture_commit(fixture);
    return more;
}

static void say(struct fixture *fixture, uint8_t n, int64_t now_s)
{
    const struct godwit_checkin checkin = checkin_of(n, 1);
    struct device *device = fixture_device(fixture, checkin.device_id);
    assert_non_null(device);
    fleet_lock(&fixture->fleet);
    (void)device_take(&fixture->fleet, device, &checkin, now_s);
    fleet_unlock(&fixture->fleet);
}

static int64_t unwritten(struct fixture *fixture, int64_t since_s)
{
    int64_t count = 0;
    assert_int_equal(db_run_returning(fixture->db,
                                      "select count(*) from devices where last_seen < $1",
                                      DB_ARGS(db_int(since_s)), &count),
                     GODWIT_OK);
    return count;
}

/* The first to be marked is the first to be written, also while others come in all the time. */
static void the_oldest_facts_are_written_first(void **state)
{
    struct fixture *fixture = *state;
    enrol(fixture, MANY);
    while (flush(fixture, MANY)) {
    }
    for (uint8_t n = 1; n <= MANY; n++) {
        CASE(n);
        say(fixture, n, NOW_S + 100);
    }
    for (int i = 0; i < MANY / BATCH; i++) {
        CASE(i);
        assert_true(flush(fixture, BATCH));
        assert_int_equal(unwritten(fixture, NOW_S + 100), MANY - (i + 1) * BATCH);
        for (uint8_t n = 1; n <= BATCH; n++) /* those behind them do not come in between */
        {
            CASE(n);
            say(fixture, n, NOW_S + 200);
        }
    }
    flush(fixture, BATCH);
    assert_int_equal(unwritten(fixture, NOW_S + 100), 0);
}

/* What a transaction took with it stays to be written. */
static void what_was_not_written_stays_dirty(void **state)
{
    struct fixture *fixture = *state;
    bool more;
    enrol(fixture, BATCH);
    while (flush(fixture, BATCH)) {
    }
    for (uint8_t n = 1; n <= BATCH; n++) {
        CASE(n);
        say(fixture, n, NOW_S + 100);
    }
    for (int i = 0; i < 3; i++) {
        fixture_begin(fixture);
        assert_int_equal(device_flush(&fixture->fleet, fixture->db, BATCH / 2, &more), GODWIT_OK);
        say(fixture, 1, NOW_S + 100); /* it is written, and has more to write */
        db_rollback(fixture->db);
        fleet_aborted(&fixture->fleet);
    }
    assert_int_equal(unwritten(fixture, NOW_S + 100), BATCH);
    while (flush(fixture, BATCH)) {
    }
    assert_int_equal(unwritten(fixture, NOW_S + 100), 0);
}

/* Memory is the database's again, but for what devices said meanwhile. */
static void reading_anew_keeps_unwritten_facts(void **state)
{
    struct fixture *fixture = *state;
    struct device *device;
    uint8_t id[16] = {0x7c, 0xdf, 0xa1, 0, 0, 3};
    enrol(fixture, 3);
    while (flush(fixture, 3)) {
    }
    fixture->fleet.catalogue.deploy_keys_count = 1;
    memset(fixture->fleet.catalogue.deploy_keys[0], 0xD1, 64);
    say(fixture, 1, NOW_S + 100);
    fixture_begin(fixture); /* one more joins, and a release goes out; then all of it is lost */
    const struct upload next = upload_of("2.0.0", 2);
    struct upload_verdict verdict;
    assert_int_equal(release_add(&fixture->fleet, fixture->db, &next, NOW_S, &verdict), GODWIT_OK);
    db_rollback(fixture->db);
    fleet_aborted(&fixture->fleet);
    assert_non_null(release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", "2.0.0"));
    assert_int_equal(fleet_load(&fixture->fleet, fixture->db), GODWIT_OK);
    assert_null(release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", "2.0.0"));
    assert_int_equal(fixture->fleet.devices_count, 3);
    assert_int_equal(fixture->fleet.catalogue.deploy_keys[0][0], 0xD1);
    device = fixture_device(fixture, id);
    assert_int_equal(device->facts.last_seen_s, NOW_S);
    id[5] = 1;
    device = fixture_device(fixture, id);
    assert_int_equal(device->facts.last_seen_s, NOW_S + 100);
    assert_true(device->is_dirty);
    while (flush(fixture, 3)) {
    }
    assert_int_equal(unwritten(fixture, NOW_S + 100), 2);
}

struct seen {
    size_t count;
    int64_t last_id;
};

static void see(void *ctx, struct device *device)
{
    struct seen *seen = ctx;
    assert_true(device->id > seen->last_id);
    seen->last_id = device->id;
    seen->count++;
}

static void a_walk_sees_each_device_once(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = {0};
    enrol(fixture, MANY);
    for (int round = 0; round < 2; round++) {
        seen = (struct seen){0};
        fleet_each_device(&fixture->fleet, see, &seen);
        assert_int_equal(seen.count, MANY);
        fixture_restart(fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_oldest_facts_are_written_first, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_was_not_written_stays_dirty, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(reading_anew_keeps_unwritten_facts, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_walk_sees_each_device_once, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
