/* A rollout that some of its devices can not take: each is told why in its history, once. */
#include "fixture.h"

enum { OLD = 1, BARE = 2, NEXT = 3 };

static struct device *join(struct fixture *fixture, uint8_t n)
{
    struct godwit_checkin checkin = checkin_of(n, OLD);
    struct device *device;
    checkin.counter = 5;
    assert_int_equal(fixture_claim(fixture, &checkin, n, &device), CLAIM_ACCEPTED);
    fixture_checkin(fixture, &checkin);
    return device;
}

/* 1.0.0 has a policy and two devices run it; 2.0.0 has none; 3.0.0 has one. */
static void begin(struct fixture *fixture)
{
    struct upload first = upload_of("1.0.0", OLD), bare = upload_of("2.0.0", BARE),
                  next = upload_of("3.0.0", NEXT);
    upload_policy(&first, 0xAA, 5);
    upload_policy(&next, 0xAA, 6);
    assert_int_equal(fixture_upload(fixture, &first), UPLOAD_ADDED);
    assert_int_equal(fixture_upload(fixture, &bare), UPLOAD_ADDED);
    assert_int_equal(fixture_upload(fixture, &next), UPLOAD_ADDED);
    fixture_allow(fixture, 3);
    join(fixture, 1);
    join(fixture, 2);
}

static int64_t lines(struct fixture *fixture)
{
    char sql[80];
    snprintf(sql, sizeof sql, "select count(*) from events where kind = %d", EVENT_NOT_OFFERED);
    return fixture_count(fixture, sql);
}

static void last_line(struct fixture *fixture, struct device *device, struct event *out)
{
    size_t count;
    assert_int_equal(event_list(fixture->db, device->id, INT64_MAX, out, 1, &count), GODWIT_OK);
    assert_int_equal(count, 1);
}

static void each_incompatible_device_is_reported_once(void **state)
{
    struct fixture *fixture = *state;
    struct event event;
    begin(fixture);
    struct godwit_checkin checkin = checkin_of(1, OLD), other = checkin_of(2, OLD);
    checkin.counter = other.counter = 5;
    fixture_deploy(fixture, "2.0.0", NULL, 0);
    assert_int_equal(lines(fixture), 2); /* also of those that are switched off */
    struct device *device = fixture_device(fixture, checkin.device_id);
    last_line(fixture, device, &event);
    assert_string_equal(event_reason_id(&event), "policy-missing");
    assert_non_null(strstr(event_sentence(&event), "godwit policy"));
    assert_string_equal(event_detail(&event), "");
    assert_string_equal(event.version, "2.0.0");
    for (int round = 0; round < 3; round++) {
        assert_int_equal(fixture_checkin(fixture, &checkin).reason, DECISION_POLICY_MISSING);
        fixture_restart(fixture);
        assert_int_equal(lines(fixture), 2);
    }
    /* who joins later hears it with its first request; a newer rollout is another matter */
    device = join(fixture, 3);
    assert_int_equal(lines(fixture), 3);
    fixture_deploy(fixture, "2.0.0", &device, 1);
    assert_int_equal(lines(fixture), 4);
    fixture_deploy(fixture, "3.0.0", NULL, 0);
    assert_int_equal(fixture_checkin(fixture, &other).reason, DECISION_OFFERED);
    assert_int_equal(lines(fixture), 4);
}

/* What failed in an earlier rollout is not offered again, and the new one's history says so. */
static void a_failure_is_reported_again_by_another_rollout_only(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    struct rollout *rollout = fixture_deploy(fixture, "3.0.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    checkin.counter = 5;
    fixture_checkin(fixture, &checkin);
    checkin.outcome = outcome_panicked(1, rollout->id, NEXT);
    assert_int_equal(fixture_checkin(fixture, &checkin).reason, DECISION_FAILED_BEFORE);
    assert_int_equal(lines(fixture), 0);
    fixture_deploy(fixture, "3.0.0", NULL, 0);
    assert_int_equal(lines(fixture), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_incompatible_device_is_reported_once, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_failure_is_reported_again_by_another_rollout_only,
                                        fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
