/* A retired device: void token, no rollout, no count; and the ways back, which an operator alone
 * has. */
#include "fixture.h"

#include <string.h>

#include "fleet/pending.h"
#include "fleet/retire.h"

static struct device *device;
static struct godwit_checkin checkin;
static uint8_t token[32];

/* One device that runs what was rolled out to all. */
static int setup(void **state)
{
    fixture_setup(state);
    struct fixture *fixture = *state;
    struct upload upload = upload_of("1.0.0", 1);
    fixture_upload(fixture, &upload);
    upload.product = "door";
    upload = upload_of("1.0.0", 7);
    upload.product = "door";
    fixture_upload(fixture, &upload);
    fixture_allow(fixture, 10);
    checkin = checkin_of(1, 1);
    memset(token, 1, sizeof token);
    fixture_claim(fixture, &checkin, 1, &device);
    fixture_deploy(fixture, "1.0.0", NULL, 0);
    upload = upload_of("1.1.0", 2);
    fixture_upload(fixture, &upload);
    fixture_deploy(fixture, "1.1.0", NULL, 0);
    fixture_checkin(fixture, &checkin);
    return 0;
}

static enum leave_result retire(struct fixture *fixture)
{
    enum leave_result result;
    fixture_begin(fixture);
    assert_int_equal(device_retire(&fixture->fleet, fixture->db, device, NOW_S, &result),
                     GODWIT_OK);
    fixture_commit(fixture);
    return result;
}

static void check_gone(struct fixture *fixture)
{
    const struct product *product =
        product_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat");
    assert_null(device_find_by_token(&fixture->fleet, token));
    assert_non_null(device_find(&fixture->fleet, FLEET_ORG, checkin.device_id));
    assert_int_equal(product->devices_count, 0);
    assert_null(device->members);
    for (const struct rollout *rollout = fixture->fleet.catalogue.rollouts; rollout;
         rollout = rollout->next)
        assert_int_equal(
            rollout->in_progress_count + rollout->members_count + rollout->succeeded_count, 0);
    const struct decision decision = decide(device, &fixture->fleet.catalogue);
    assert_int_equal(decision.kind, DECIDE_NO_UPDATE);
    assert_int_equal(decision.reason, DECISION_RETIRED);
    assert_false(decision.must_note || decision.must_offer);
}

static void a_retired_device_is_nobody(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(device->members->state, MEMBER_IN_PROGRESS);
    assert_int_equal(retire(fixture), LEAVE_DONE);
    check_gone(fixture);
    assert_int_equal(fixture_count(fixture, "select count(*) from devices where state = 'retired'"),
                     1);
    assert_int_equal(retire(fixture), LEAVE_NOTHING);
    fixture_restart(fixture);
    device = fixture_device(fixture, checkin.device_id);
    check_gone(fixture);
    assert_int_equal(fixture_count(fixture, "select count(*) from members"), 0);
    assert_int_equal(fixture_count(fixture, "select count(*) from events where kind = 15"), 1);
    assert_int_equal(EVENT_RETIRED, 15);
}

/* What is in the flash of a board that was stolen does not bring it back. */
static void a_claim_brings_nobody_back(void **state)
{
    struct fixture *fixture = *state;
    struct device *found;
    retire(fixture);
    assert_int_equal(fixture_claim(fixture, &checkin, 1, &found), CLAIM_REJECTED);
    assert_null(found);
    assert_int_equal(fixture_claim(fixture, &checkin, 9, &found), CLAIM_PENDING);
    check_gone(fixture);
    struct godwit_checkin clone = checkin_of(2, 1);
    assert_int_equal(fixture_claim(fixture, &clone, 1, &found), CLAIM_TOKEN_TAKEN);
    /* Until an operator accepts it. */
    uint8_t mark[PENDING_MARK_SIZE];
    enum pending_result result;
    memset(mark, 9, sizeof mark);
    fixture_begin(fixture);
    assert_int_equal(pending_accept(&fixture->fleet, fixture->db, device, mark, NOW_S, &result),
                     GODWIT_OK);
    fixture_commit(fixture);
    assert_int_equal(result, PENDING_DONE);
    memset(token, 9, sizeof token);
    assert_ptr_equal(device_find_by_token(&fixture->fleet, token), device);
    assert_int_equal(device->product->devices_count, 1);
    fixture_restart(fixture);
    assert_non_null(device_find_by_token(&fixture->fleet, token));
}

static void an_operator_takes_it_back(void **state)
{
    struct fixture *fixture = *state;
    enum leave_result result;
    retire(fixture);
    for (int i = 0; i < 2; i++) {
        fixture_begin(fixture);
        assert_int_equal(device_reinstate(&fixture->fleet, fixture->db, device, NOW_S, &result),
                         GODWIT_OK);
        fixture_commit(fixture);
        assert_int_equal(result, i ? LEAVE_NOTHING : LEAVE_DONE);
    }
    assert_ptr_equal(device_find_by_token(&fixture->fleet, token), device);
    assert_int_equal(device->product->devices_count, 1);
    assert_int_equal(fixture_checkin(fixture, &checkin).kind, DECIDE_INSTALL);
    fixture_restart(fixture);
    assert_non_null(device_find_by_token(&fixture->fleet, token));
}

static void a_transfer_changes_whose_rollouts_speak(void **state)
{
    struct fixture *fixture = *state;
    enum leave_result result;
    struct product *thermostat = device->product;
    struct product *door = product_find(&fixture->fleet.catalogue, FLEET_ORG, "door");
    assert_non_null(door);
    fixture_begin(fixture);
    assert_int_equal(device_transfer(&fixture->fleet, fixture->db, device, door, NOW_S, &result),
                     GODWIT_OK);
    fixture_commit(fixture);
    assert_int_equal(result, LEAVE_DONE);
    assert_int_equal(thermostat->devices_count, 0);
    assert_int_equal(door->devices_count, 1);
    assert_int_equal(thermostat->rollout->in_progress_count, 0);
    assert_int_equal(fixture_checkin(fixture, &checkin).reason, DECISION_NO_ROLLOUT);
    assert_ptr_equal(device_find_by_token(&fixture->fleet, token), device);
    fixture_restart(fixture);
    device = fixture_device(fixture, checkin.device_id);
    assert_string_equal(device->product->name, "door");
    assert_int_equal(
        fixture_count(fixture,
                      "select count(*) from events where kind = 17 and detail = 'from thermostat'"),
        1);
    assert_int_equal(EVENT_TRANSFERRED, 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_retired_device_is_nobody, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_claim_brings_nobody_back, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(an_operator_takes_it_back, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_transfer_changes_whose_rollouts_speak, setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
