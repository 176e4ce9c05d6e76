/* Whose turn is next: by name, then by a hash, over those that are there. */
#include "fleet/order.h"

#include "fixture.h"

enum { OLD = 1, NEXT = 2, DEVICES = 200 };

static struct rollout *begin(struct fixture *fixture, uint8_t devices)
{
    const struct upload uploads[] = {upload_of("1.0.0", OLD), upload_of("2.0.0", NEXT)};
    for (size_t i = 0; i < sizeof uploads / sizeof *uploads; i++)
        assert_int_equal(fixture_upload(fixture, &uploads[i]), UPLOAD_ADDED);
    fixture_join(fixture, devices, OLD);
    return NULL;
}

static enum decision_reason say(struct fixture *fixture, uint8_t n)
{
    const struct godwit_checkin checkin = checkin_of(n, OLD);
    return fixture_checkin(fixture, &checkin).reason;
}

static void confirm(struct fixture *fixture, uint8_t n)
{
    struct godwit_checkin checkin = checkin_of(n, NEXT);
    snprintf(checkin.version, sizeof checkin.version, "2.0.0");
    assert_int_equal(fixture_checkin(fixture, &checkin).reason, DECISION_UP_TO_DATE);
}

static struct rollout *deploy(struct fixture *fixture, const uint8_t *first, size_t count)
{
    uint32_t id;
    struct device *devices[8];
    for (size_t i = 0; i < count; i++) {
        const struct godwit_checkin checkin = checkin_of(first[i], OLD);
        devices[i] = fixture_device(fixture, checkin.device_id);
    }
    const struct rollout_request wanted = {
        .release = release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", "2.0.0"),
        .first = devices,
        .first_count = count};
    fixture_begin(fixture);
    assert_int_equal(rollout_create(&fixture->fleet, fixture->db, &wanted, NOW_S, &id), GODWIT_OK);
    fixture_commit(fixture);
    return rollout_find(&fixture->fleet.catalogue, id);
}

/* How many would be offered it if there were places for all, and how far their places reach. */
static uint32_t count_near(struct fixture *fixture, const struct rollout *rollout)
{
    uint32_t count = 0;
    for (uint8_t n = 1; n <= DEVICES; n++) {
        const struct godwit_checkin checkin = checkin_of(n, OLD);
        const struct device *device = fixture_device(fixture, checkin.device_id);
        count += !order_is_later(rollout, device, device_member(device, rollout));
    }
    return count;
}

static void look(struct fixture *fixture, int64_t now_s)
{
    (void)silence_find(&fixture->fleet, 600, now_s);
}

static void named_devices_come_first(void **state)
{
    struct fixture *fixture = *state;
    static const uint8_t FIRST[] = {7, 19};
    begin(fixture, 20);
    struct rollout *rollout = deploy(fixture, FIRST, 2);
    uint32_t id = rollout->id;
    for (int round = 0; round < 3; round++) { /* at once, as a walk finds it, after a restart */
        assert_int_equal(say(fixture, 1), DECISION_QUEUED);
        assert_int_equal(say(fixture, 20), DECISION_QUEUED);
        if (round == 0) look(fixture, NOW_S + 10);
        if (round == 1) fixture_restart(fixture);
    }
    rollout = rollout_find(&fixture->fleet.catalogue, id);
    assert_int_equal(say(fixture, 7), DECISION_OFFERED);
    look(fixture, NOW_S + 20);
    assert_int_equal(say(fixture, 1), DECISION_QUEUED); /* one of them is awaited */
    assert_int_equal(say(fixture, 19), DECISION_OFFERED);
    assert_true(silence_find(&fixture->fleet, 600, NOW_S + 30)); /* who waits has to hear */
    assert_int_equal(say(fixture, 1), DECISION_OFFERED);
    assert_int_equal(rollout_selected(rollout), 20);
}

/* One that is dark keeps its turn, and holds nobody up. */
static void a_dark_one_is_passed_over(void **state)
{
    struct fixture *fixture = *state;
    static const uint8_t FIRST[] = {7};
    begin(fixture, 20);
    deploy(fixture, FIRST, 1);
    assert_int_equal(say(fixture, 1), DECISION_QUEUED);
    for (uint8_t n = 1; n <= 20; n++) {
        const struct godwit_checkin checkin = checkin_of(n, OLD);
        fixture_device(fixture, checkin.device_id)->facts.last_seen_s = NOW_S + (n == 7 ? 0 : 5000);
    }
    assert_true(silence_find(&fixture->fleet, 600, NOW_S + 5000));
    assert_int_equal(say(fixture, 1), DECISION_OFFERED);
    assert_int_equal(say(fixture, 7), DECISION_OFFERED);
}

static void the_others_follow_by_their_hash(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, DEVICES);
    struct rollout *rollout = deploy(fixture, NULL, 0);
    uint32_t near = count_near(fixture, rollout);
    assert_int_equal(near, DEVICES); /* before any walk */
    look(fixture, NOW_S + 10);
    near = count_near(fixture, rollout);
    assert_in_range(near, 40, 50);
    uint32_t offered = 0;
    for (uint8_t n = 1; n <= DEVICES; n++) /* whoever asks, those that are far wait */
        offered += say(fixture, n) == DECISION_OFFERED;
    assert_int_equal(offered, 10);
    for (uint8_t n = 1; n <= DEVICES; n++) {
        const struct godwit_checkin checkin = checkin_of(n, OLD);
        const struct device *device = fixture_device(fixture, checkin.device_id);
        const struct member *member = device_member(device, rollout);
        if (member && member->state == MEMBER_IN_PROGRESS) confirm(fixture, n);
    }
    look(fixture, NOW_S + 20);
    assert_in_range(count_near(fixture, rollout), 10 + 120, 10 + 140);
    rollout->is_skipped = true;
    assert_int_equal(count_near(fixture, rollout), DEVICES);
}

/* Another rollout, another order; the same one has it after a restart too. */
static void each_rollout_has_its_own(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, DEVICES);
    const struct rollout one = {.id = 1}, same = {.id = 1}, other = {.id = 2};
    uint32_t both = 0;
    for (uint8_t n = 1; n <= DEVICES; n++) {
        const struct godwit_checkin checkin = checkin_of(n, OLD);
        const struct device *device = fixture_device(fixture, checkin.device_id);
        assert_int_equal(order_of(&one, device, NULL), order_of(&same, device, NULL));
        both += (order_of(&one, device, NULL) < UINT32_MAX / 2) ==
                (order_of(&other, device, NULL) < UINT32_MAX / 2);
    }
    assert_in_range(both, DEVICES / 2 - 30, DEVICES / 2 + 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ON_DATABASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
        ON_DATABASE(named_devices_come_first),
        ON_DATABASE(a_dark_one_is_passed_over),
        ON_DATABASE(the_others_follow_by_their_hash),
        ON_DATABASE(each_rollout_has_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
