/* What is said of a rollout before it happens, against what happens then: on a real database, by
 * check-ins. */
#include "fixture.h"
#include "fleet/outlook.h"

enum { OLD = 1, NEXT = 2, DEVICES = 30 };

static void begin(struct fixture *fixture)
{
    const struct upload uploads[] = {upload_of("1.0.0", OLD), upload_of("2.0.0", NEXT)};
    for (size_t i = 0; i < sizeof uploads / sizeof *uploads; i++)
        assert_int_equal(fixture_upload(fixture, &uploads[i]), UPLOAD_ADDED);
    fixture_allow(fixture, DEVICES);
    for (uint8_t n = 1; n <= DEVICES; n++) {
        struct godwit_checkin checkin = checkin_of(n, OLD);
        struct device *device;
        assert_int_equal(fixture_claim(fixture, &checkin, n, &device), CLAIM_ACCEPTED);
    }
    fixture->fleet.catalogue.now_s = NOW_S;
}

static enum decision_reason say(struct fixture *fixture, uint8_t n)
{
    const struct godwit_checkin checkin = checkin_of(n, OLD);
    return fixture_checkin(fixture, &checkin).reason;
}

static void confirm(struct fixture *fixture, uint8_t n)
{
    const struct godwit_checkin checkin = checkin_of(n, NEXT);
    assert_int_equal(fixture_checkin(fixture, &checkin).reason, DECISION_UP_TO_DATE);
}

static void fail_trial(struct fixture *fixture, uint8_t n, uint32_t rollout)
{
    struct godwit_checkin checkin = checkin_of(n, OLD);
    checkin.outcome = outcome_panicked(1, rollout, NEXT);
    assert_int_equal(fixture_checkin(fixture, &checkin).reason, DECISION_FAILED_BEFORE);
}

/* So many more failures in a row halt it, and not one fewer; whatever happened before. */
static void it_halts_after_as_many_failures_as_it_says(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    struct rollout *rollout = fixture_deploy(fixture, "2.0.0", NULL, 0);
    uint8_t n = 1;
    for (; n <= 3; n++) {
        assert_int_equal(say(fixture, n), DECISION_OFFERED);
        confirm(fixture, n);
    }
    assert_int_equal(say(fixture, n), DECISION_OFFERED);
    fail_trial(fixture, n++, rollout->id);
    uint32_t left = outlook_of(rollout).brake.failures_left;
    assert_int_equal(left, 4);
    for (; left > 0; left--) {
        assert_int_equal(rollout->state, ROLLOUT_RUNNING);
        assert_int_equal(outlook_of(rollout).brake.failures_left, left);
        assert_int_equal(say(fixture, n), DECISION_OFFERED);
        fail_trial(fixture, n++, rollout->id);
    }
    assert_int_equal(rollout->state, ROLLOUT_HALTED);
    const struct outlook halted = outlook_of(rollout);
    assert_int_equal(halted.brake.failures_left, 0);
    assert_true(halted.brake.weight >= halted.brake.bound);
    assert_int_equal(halted.waits_for, DECISION_HALTED);
}

/* A small one pauses as it says, and once somebody has skipped ahead does not. */
static void it_pauses_at_a_failure_if_it_says_so(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    struct rollout *rollout = fixture_begin_rollout(
        fixture, "2.0.0", (struct rollout_request){.plan = {.is_careful = true}});
    assert_true(outlook_of(rollout).pauses_at_failure);
    assert_int_equal(say(fixture, 1), DECISION_OFFERED);
    fail_trial(fixture, 1, rollout->id);
    assert_int_equal(outlook_of(rollout).waits_for, DECISION_PAUSED);
    fixture_begin(fixture);
    assert_int_equal(rollout_skip(&fixture->fleet, fixture->db, rollout), GODWIT_OK);
    assert_int_equal(
        rollout_set_state(&fixture->fleet, fixture->db, rollout, ROLLOUT_RUNNING, "ada", NOW_S),
        GODWIT_OK);
    fixture_commit(fixture);
    assert_false(outlook_of(rollout).pauses_at_failure);
    assert_int_equal(say(fixture, 2), DECISION_OFFERED);
    fail_trial(fixture, 2, rollout->id);
    assert_int_equal(rollout->state, ROLLOUT_RUNNING);
}

/* What the whole rollout waits for is what its next device is told. */
static void it_waits_for_what_its_next_device_is_told(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    struct rollout *rollout = fixture_begin_rollout(
        fixture, "2.0.0",
        (struct rollout_request){
            .plan = {.gates_count = 1, .gates = {{.devices = 11, .soak_s = 60}}}});
    for (uint8_t n = 1; n <= 10; n++) {
        assert_int_equal(outlook_of(rollout).waits_for, DECISION_OFFERED);
        assert_int_equal(outlook_of(rollout).places_in_use, n - 1);
        assert_int_equal(say(fixture, n), DECISION_OFFERED);
    }
    struct outlook outlook = outlook_of(rollout);
    assert_int_equal(outlook.places, 10);
    assert_int_equal(outlook.places_in_use, 10);
    assert_int_equal(outlook.waits_for, DECISION_QUEUED);
    assert_int_equal(say(fixture, 11), DECISION_QUEUED);
    confirm(fixture, 1);
    assert_int_equal(outlook_of(rollout).waits_for, DECISION_OFFERED);
    assert_int_equal(say(fixture, 11), DECISION_OFFERED);
    outlook = outlook_of(rollout);
    assert_int_equal(outlook.waits_for, DECISION_GATE);
    assert_int_equal(outlook.gate_devices, 11);
    assert_int_equal(outlook.gate_soak_s, 60);
    assert_int_equal(say(fixture, 12), DECISION_GATE);
    rollout->gates_open = 1;
    outlook = outlook_of(rollout);
    assert_int_equal(outlook.gate_devices, 0);
    assert_int_equal(outlook.waits_for, DECISION_QUEUED);
    rollout->is_skipped = true;
    outlook = outlook_of(rollout);
    assert_int_equal(outlook.waits_for, DECISION_OFFERED);
    assert_int_equal(outlook.places, UINT32_MAX);
}

/* A gate of the device alone is none of the rollout's. */
static void a_guard_of_one_device_holds_up_no_rollout(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    struct rollout *rollout = fixture_begin_rollout(
        fixture, "2.0.0",
        (struct rollout_request){.guards = {.needs_consent = true, .battery_min = 20}});
    assert_int_equal(say(fixture, 1), DECISION_CONSENT);
    assert_int_equal(outlook_of(rollout).waits_for, DECISION_OFFERED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_halts_after_as_many_failures_as_it_says),
        TEST(it_pauses_at_a_failure_if_it_says_so),
        TEST(it_waits_for_what_its_next_device_is_told),
        TEST(a_guard_of_one_device_holds_up_no_rollout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
