/* A rollout that some of its devices can not take: each is told why in its history, once. */
#include "world.h"

enum { OLD = 1, BARE = 2, NEXT = 3 };

static struct device *join(struct world *world, uint8_t n)
{
    struct godwit_checkin checkin = checkin_of(n, OLD);
    struct device *device;
    checkin.counter = 5;
    assert_int_equal(world_claim(world, &checkin, n, &device), CLAIM_ACCEPTED);
    world_say(world, &checkin);
    return device;
}

/* 1.0.0 has a policy and two devices run it; 2.0.0 has none; 3.0.0 has one. */
static void begin(struct world *world)
{
    struct upload first = upload_of("1.0.0", OLD), bare = upload_of("2.0.0", BARE),
                  next = upload_of("3.0.0", NEXT);
    upload_policy(&first, 0xAA, 5);
    upload_policy(&next, 0xAA, 6);
    assert_int_equal(world_upload(world, &first), UPLOAD_ADDED);
    assert_int_equal(world_upload(world, &bare), UPLOAD_ADDED);
    assert_int_equal(world_upload(world, &next), UPLOAD_ADDED);
    world_allow(world, 3);
    join(world, 1);
    join(world, 2);
}

static int64_t lines(struct world *world)
{
    char sql[80];
    snprintf(sql, sizeof sql, "select count(*) from events where kind = %d", EVENT_NOT_TOLD);
    return world_count(world, sql);
}

static void last_line(struct world *world, struct device *device, struct event *out)
{
    size_t count;
    assert_int_equal(event_list(world->db, device->id, out, 1, &count), GODWIT_OK);
    assert_int_equal(count, 1);
}

static void each_unfit_device_is_told_why_once(void **state)
{
    struct world *world = *state;
    struct event event;
    begin(world);
    struct godwit_checkin checkin = checkin_of(1, OLD), other = checkin_of(2, OLD);
    checkin.counter = other.counter = 5;
    world_deploy(world, "2.0.0", NULL, 0);
    assert_int_equal(lines(world), 2); /* also of those that are switched off */
    struct device *device = device_find(&world->fleet, checkin.device_id);
    last_line(world, device, &event);
    assert_string_equal(event_reason_id(&event), "policy-missing");
    assert_non_null(strstr(event_sentence(&event), "godwit policy"));
    assert_string_equal(event_detail(&event), "");
    assert_string_equal(event.version, "2.0.0");
    for (int round = 0; round < 3; round++) {
        assert_int_equal(world_say(world, &checkin).reason, DECISION_POLICY_MISSING);
        world_restart(world);
        assert_int_equal(lines(world), 2);
    }
    /* who joins later hears it with its first question; a newer rollout is another matter */
    device = join(world, 3);
    assert_int_equal(lines(world), 3);
    world_deploy(world, "2.0.0", &device, 1);
    assert_int_equal(lines(world), 4);
    world_deploy(world, "3.0.0", NULL, 0);
    assert_int_equal(world_say(world, &other).reason, DECISION_OFFERED);
    assert_int_equal(lines(world), 4);
}

/* What failed in an earlier rollout is not offered again, and the new one's history says so. */
static void a_failure_is_told_again_by_another_rollout_only(void **state)
{
    struct world *world = *state;
    begin(world);
    struct rollout *rollout = world_deploy(world, "3.0.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    checkin.counter = 5;
    world_say(world, &checkin);
    checkin.outcome = (struct godwit_outcome){.id = 1,
                                              .rollout_id = rollout->id,
                                              .stage = GODWIT_STAGE_FLOWN_BACK,
                                              .reason = GODWIT_REASON_TRIAL_PANIC};
    memset(checkin.outcome.file_sha256, NEXT + 100, 32);
    assert_int_equal(world_say(world, &checkin).reason, DECISION_FAILED_BEFORE);
    assert_int_equal(lines(world), 0);
    world_deploy(world, "3.0.0", NULL, 0);
    assert_int_equal(lines(world), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_unfit_device_is_told_why_once, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_failure_is_told_again_by_another_rollout_only,
                                        world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
