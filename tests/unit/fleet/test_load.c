/* Soft facts on their way to the database, and memory that is read anew after a change that failed.
 */
#include "world.h"

enum { MANY = 70, BATCH = 16 };

static void enrol(struct world *world, uint8_t count)
{
    const struct upload upload = upload_of("1.0.0", 1);
    assert_int_equal(world_upload(world, &upload), UPLOAD_ADDED);
    world_allow(world, count);
    for (uint8_t n = 1; n <= count; n++) {
        struct device *device;
        const struct godwit_checkin checkin = checkin_of(n, 1);
        assert_int_equal(world_claim(world, &checkin, n, &device), CLAIM_ACCEPTED);
        world_say(world, &checkin);
    }
}

static bool flush(struct world *world, size_t count_max)
{
    bool more;
    world_begin(world);
    assert_int_equal(device_flush(&world->fleet, world->db, count_max, &more), GODWIT_OK);
    world_commit(world);
    return more;
}

static void say(struct world *world, uint8_t n, int64_t now_s)
{
    const struct godwit_checkin checkin = checkin_of(n, 1);
    struct device *device = device_find(&world->fleet, checkin.device_id);
    assert_non_null(device);
    fleet_lock(&world->fleet);
    (void)device_take(&world->fleet, device, &checkin, now_s);
    fleet_unlock(&world->fleet);
}

static int64_t unwritten(struct world *world, int64_t since_s)
{
    int64_t count = 0;
    assert_int_equal(db_run_returning(world->db,
                                      "select count(*) from devices where last_seen < $1",
                                      DB_ARGS(db_int(since_s)), &count),
                     GODWIT_OK);
    return count;
}

/* The first to be marked is the first to be written, also while others come in all the time. */
static void the_oldest_facts_are_written_first(void **state)
{
    struct world *world = *state;
    enrol(world, MANY);
    while (flush(world, MANY)) {
    }
    for (uint8_t n = 1; n <= MANY; n++)
        say(world, n, NOW_S + 100);
    for (int i = 0; i < MANY / BATCH; i++) {
        assert_true(flush(world, BATCH));
        assert_int_equal(unwritten(world, NOW_S + 100), MANY - (i + 1) * BATCH);
        for (uint8_t n = 1; n <= BATCH; n++) /* those behind them do not come in between */
            say(world, n, NOW_S + 200);
    }
    flush(world, BATCH);
    assert_int_equal(unwritten(world, NOW_S + 100), 0);
}

/* What a transaction took with it stays to be written. */
static void what_was_not_written_stays_dirty(void **state)
{
    struct world *world = *state;
    bool more;
    enrol(world, BATCH);
    while (flush(world, BATCH)) {
    }
    for (uint8_t n = 1; n <= BATCH; n++)
        say(world, n, NOW_S + 100);
    for (int i = 0; i < 3; i++) {
        world_begin(world);
        assert_int_equal(device_flush(&world->fleet, world->db, BATCH / 2, &more), GODWIT_OK);
        say(world, 1, NOW_S + 100); /* it is written, and has more to write */
        db_rollback(world->db);
        fleet_aborted(&world->fleet);
    }
    assert_int_equal(unwritten(world, NOW_S + 100), BATCH);
    while (flush(world, BATCH)) {
    }
    assert_int_equal(unwritten(world, NOW_S + 100), 0);
}

/* Memory is the database's again, but for what devices said meanwhile. */
static void reading_anew_keeps_unwritten_facts(void **state)
{
    struct world *world = *state;
    struct device *device;
    uint8_t id[16] = {0x7c, 0xdf, 0xa1, 0, 0, 3};
    enrol(world, 3);
    while (flush(world, 3)) {
    }
    world->fleet.catalogue.deploy_keys_count = 1;
    memset(world->fleet.catalogue.deploy_keys[0], 0xD1, 64);
    say(world, 1, NOW_S + 100);
    world_begin(world); /* one more joins, and a release goes out; then all of it is lost */
    const struct upload next = upload_of("2.0.0", 2);
    struct upload_verdict verdict;
    assert_int_equal(release_add(&world->fleet, world->db, &next, NOW_S, &verdict), GODWIT_OK);
    db_rollback(world->db);
    fleet_aborted(&world->fleet);
    assert_non_null(release_find(&world->fleet.catalogue, "thermostat", "2.0.0"));
    assert_int_equal(fleet_load(&world->fleet, world->db), GODWIT_OK);
    assert_null(release_find(&world->fleet.catalogue, "thermostat", "2.0.0"));
    assert_int_equal(world->fleet.devices_count, 3);
    assert_int_equal(world->fleet.catalogue.deploy_keys[0][0], 0xD1);
    device = device_find(&world->fleet, id);
    assert_int_equal(device->facts.last_seen_s, NOW_S);
    id[5] = 1;
    device = device_find(&world->fleet, id);
    assert_int_equal(device->facts.last_seen_s, NOW_S + 100);
    assert_true(device->is_dirty);
    while (flush(world, 3)) {
    }
    assert_int_equal(unwritten(world, NOW_S + 100), 2);
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
    struct world *world = *state;
    struct seen seen = {0};
    enrol(world, MANY);
    for (int round = 0; round < 2; round++) {
        seen = (struct seen){0};
        fleet_each_device(&world->fleet, see, &seen);
        assert_int_equal(seen.count, MANY);
        world_restart(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_oldest_facts_are_written_first, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(what_was_not_written_stays_dirty, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(reading_anew_keeps_unwritten_facts, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_walk_sees_each_device_once, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
