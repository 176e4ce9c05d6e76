/* What a person decides for one device, and which rollout speaks to it. */
#include "fleet/hold.h"

#include "fixture.h"

enum { OLD = 1, NEXT = 2 };

static void begin(struct fixture *fixture)
{
    const struct upload uploads[] = {upload_of("1.0.0", OLD), upload_of("2.0.0", NEXT)};
    for (size_t i = 0; i < sizeof uploads / sizeof *uploads; i++)
        assert_int_equal(fixture_upload(fixture, &uploads[i]), UPLOAD_ADDED);
    fixture_join(fixture, 3, OLD);
}

static struct device *device_of(struct fixture *fixture, uint8_t n)
{
    const struct godwit_checkin checkin = checkin_of(n, OLD);
    return fixture_device(fixture, checkin.device_id);
}

static enum decision_reason say(struct fixture *fixture, uint8_t n, uint8_t image)
{
    const struct godwit_checkin checkin = checkin_of(n, image);
    return fixture_checkin(fixture, &checkin).reason;
}

static struct rollout *deploy(struct fixture *fixture, const char *version,
                              enum rollout_priority priority, struct device **devices)
{
    uint32_t id;
    const struct rollout_request wanted = {
        .release = release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", version),
        .devices = devices,
        .devices_count = devices ? 1 : 0,
        .allow_downgrade = true,
        .priority = priority};
    fixture_begin(fixture);
    assert_int_equal(rollout_create(&fixture->fleet, fixture->db, &wanted, NOW_S, &id), GODWIT_OK);
    fixture_commit(fixture);
    return rollout_find(&fixture->fleet.catalogue, id);
}

static enum device_verb_result hold(struct fixture *fixture, uint8_t n, bool is_held)
{
    enum device_verb_result result;
    fixture_begin(fixture);
    assert_int_equal(
        device_set_held(&fixture->fleet, fixture->db, device_of(fixture, n), is_held, &result),
        GODWIT_OK);
    fixture_commit(fixture);
    return result;
}

static void a_held_device_is_told_to_stay(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    deploy(fixture, "2.0.0", ROLLOUT_NORMAL, NULL);
    assert_int_equal(say(fixture, 1, OLD), DECISION_OFFERED);
    assert_int_equal(hold(fixture, 1, true), VERB_DONE);
    assert_int_equal(hold(fixture, 1, true), VERB_DONE_BEFORE);
    for (int round = 0; round < 2; round++) { /* also after a restart */
        assert_int_equal(say(fixture, 1, OLD), DECISION_HELD);
        fixture_restart(fixture);
    }
    assert_int_equal(hold(fixture, 1, false), VERB_DONE);
    assert_int_equal(say(fixture, 1, OLD), DECISION_OFFERED);
}

static void the_highest_speaks_and_of_several_the_newest(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    struct rollout *high = deploy(fixture, "2.0.0", ROLLOUT_HIGH, NULL);
    struct rollout *newer = deploy(fixture, "1.0.0", ROLLOUT_NORMAL, NULL);
    const struct device *device = device_of(fixture, 1);
    assert_ptr_equal(device_rollout(device), high);
    fixture_begin(fixture);
    assert_int_equal(rollout_set_priority(&fixture->fleet, fixture->db, high, ROLLOUT_NORMAL),
                     GODWIT_OK);
    assert_ptr_equal(device_rollout(device), newer);
    assert_int_equal(rollout_set_priority(&fixture->fleet, fixture->db, high, ROLLOUT_HIGH),
                     GODWIT_OK);
    assert_ptr_equal(device_rollout(device), high);
    assert_int_equal(
        rollout_set_state(&fixture->fleet, fixture->db, high, ROLLOUT_HALTED, "ada", NOW_S),
        GODWIT_OK);
    assert_ptr_equal(device_rollout(device), newer); /* it keeps nobody away */
    fixture_commit(fixture);
}

static void a_pin_is_above_all_until_it_is_removed(void **state)
{
    struct fixture *fixture = *state;
    enum device_verb_result result;
    begin(fixture);
    struct device *devices[] = {device_of(fixture, 1)};
    deploy(fixture, "1.0.0", ROLLOUT_PIN, devices);
    struct rollout *high = deploy(fixture, "2.0.0", ROLLOUT_HIGH, NULL);
    assert_int_equal(say(fixture, 1, OLD), DECISION_PINNED);
    assert_int_equal(say(fixture, 2, OLD), DECISION_OFFERED);
    fixture_begin(fixture);
    assert_int_equal(device_unpin(&fixture->fleet, fixture->db, device_of(fixture, 1), &result),
                     GODWIT_OK);
    fixture_commit(fixture);
    assert_int_equal(result, VERB_DONE);
    assert_ptr_equal(device_rollout(device_of(fixture, 1)), high);
    assert_int_equal(say(fixture, 1, OLD), DECISION_OFFERED);
}

static void one_device_is_sent_back(void **state)
{
    struct fixture *fixture = *state;
    enum device_verb_result result;
    uint32_t id;
    begin(fixture);
    struct rollout *rollout = deploy(fixture, "2.0.0", ROLLOUT_NORMAL, NULL);
    for (uint8_t n = 1; n <= 2; n++) {
        assert_int_equal(say(fixture, n, OLD), DECISION_OFFERED);
        assert_int_equal(say(fixture, n, NEXT), DECISION_UP_TO_DATE);
    }
    fixture_begin(fixture);
    assert_int_equal(
        device_send_back(&fixture->fleet, fixture->db, device_of(fixture, 3), &result, &id),
        GODWIT_OK);
    assert_int_equal(result, VERB_NOT_CONFIRMED);
    assert_int_equal(
        device_send_back(&fixture->fleet, fixture->db, device_of(fixture, 1), &result, &id),
        GODWIT_OK);
    fixture_commit(fixture);
    assert_int_equal(result, VERB_DONE);
    assert_int_equal(id, rollout->id);
    fixture_restart(fixture);
    assert_int_equal(say(fixture, 1, NEXT), DECISION_UNDO);
    assert_int_equal(say(fixture, 2, NEXT), DECISION_UP_TO_DATE);
    assert_int_equal(say(fixture, 1, OLD), DECISION_UNDONE);
    assert_int_equal(say(fixture, 1, OLD), DECISION_UNDONE); /* and is not offered it again */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ON_DATABASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
        ON_DATABASE(a_held_device_is_told_to_stay),
        ON_DATABASE(the_highest_speaks_and_of_several_the_newest),
        ON_DATABASE(a_pin_is_above_all_until_it_is_removed),
        ON_DATABASE(one_device_is_sent_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
