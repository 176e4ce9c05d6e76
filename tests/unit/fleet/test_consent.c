/* A person's consent: for one device in one rollout, kept over a restart. */
#include "fixture.h"
#include "fleet/consent.h"

static enum consent_result give(struct fixture *fixture, uint8_t n)
{
    enum consent_result result;
    uint32_t rollout;
    const struct godwit_checkin checkin = checkin_of(n, 1);
    fixture_begin(fixture);
    assert_int_equal(consent_give(&fixture->fleet, fixture->db,
                                  fixture_device(fixture, checkin.device_id), &result, &rollout),
                     GODWIT_OK);
    fixture_commit(fixture);
    return result;
}

static enum decision_reason check_in(struct fixture *fixture, uint8_t n)
{
    const struct godwit_checkin checkin = checkin_of(n, 1);
    return fixture_checkin(fixture, &checkin).reason;
}

static void deploy(struct fixture *fixture, bool needs_consent)
{
    const struct rollout_request wanted = {.guards = {.needs_consent = needs_consent}};
    fixture_begin_rollout(fixture, "1.1.0", wanted);
}

static void join(struct fixture *fixture)
{
    const struct upload first = upload_of("1.0.0", 1), second = upload_of("1.1.0", 2);
    assert_int_equal(fixture_upload(fixture, &first), UPLOAD_ADDED);
    assert_int_equal(fixture_upload(fixture, &second), UPLOAD_ADDED);
    fixture_allow(fixture, 2);
    for (uint8_t n = 1; n <= 2; n++) {
        const struct godwit_checkin checkin = checkin_of(n, 1);
        struct device *device;
        assert_int_equal(fixture_claim(fixture, &checkin, n, &device), CLAIM_ACCEPTED);
    }
}

static void it_is_given_where_it_is_asked_for(void **state)
{
    struct fixture *fixture = *state;
    join(fixture);
    assert_int_equal(give(fixture, 1), CONSENT_NO_ROLLOUT);
    deploy(fixture, false);
    assert_int_equal(give(fixture, 1), CONSENT_NOT_ASKED);
    deploy(fixture, true);
    assert_int_equal(check_in(fixture, 1), DECISION_CONSENT);
    assert_int_equal(give(fixture, 1), CONSENT_GIVEN);
    assert_int_equal(give(fixture, 1), CONSENT_KNOWN);
    fixture_restart(fixture);
    assert_int_equal(check_in(fixture, 2), DECISION_CONSENT);
    assert_int_equal(check_in(fixture, 1), DECISION_OFFERED);
    assert_int_equal(check_in(fixture, 1), DECISION_OFFERED); /* in progress now */
    fixture_restart(fixture);
    assert_int_equal(check_in(fixture, 1), DECISION_OFFERED);
    assert_int_equal(give(fixture, 1), CONSENT_KNOWN);
    deploy(fixture, true); /* another one asks again */
    assert_int_equal(check_in(fixture, 1), DECISION_CONSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(
        it_is_given_where_it_is_asked_for, fixture_setup, fixture_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
