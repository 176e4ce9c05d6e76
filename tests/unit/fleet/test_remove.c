/* Which releases may go: none that a device stands on, waits for or could need to come over. */
#include "fixture.h"

#include <stdlib.h>

#include "fleet/remove.h"

enum { FIRST = 1, BRIDGE = 2, SPARE = 3, LAST = 4 };

/* 1.0.0 without a policy; 2.0.0 hands on from AA to BB; 2.1.0 is like it; 3.0.0 is by BB alone. */
static struct fixture *begin(void **state)
{
    struct fixture *fixture = *state;
    struct upload first = upload_of("1.0.0", FIRST), bridge = upload_of("2.0.0", BRIDGE),
                  spare = upload_of("2.1.0", SPARE), last = upload_of("3.0.0", LAST);
    struct upload *bridges[] = {&bridge, &spare};
    assert_int_equal(fixture_upload(fixture, &first), UPLOAD_ADDED);
    for (uint32_t i = 0; i < 2; i++) {
        upload_policy(bridges[i], 0xBB, 2 + i);
        bridges[i]->image.trust.policy.image_keys_count = 2;
        memset(bridges[i]->image.trust.policy.image_keys[1], 0xAA, 32);
        assert_int_equal(fixture_upload(fixture, bridges[i]), UPLOAD_ADDED);
    }
    fixture_allow(fixture, 2);
    struct godwit_checkin checkin = checkin_of(1, FIRST);
    struct device *device;
    assert_int_equal(fixture_claim(fixture, &checkin, 1, &device), CLAIM_ACCEPTED);
    fixture_checkin(fixture, &checkin);
    fixture_deploy(fixture, "1.0.0", NULL, 0);
    fixture_deploy(fixture, "2.0.0", NULL, 0);
    fixture_deploy(fixture, "2.1.0", NULL, 0);
    upload_policy(&last, 0xBB, 4);
    memset(last.image.trust.keys[0], 0xBB, 32);
    assert_int_equal(fixture_upload(fixture, &last), UPLOAD_ADDED);
    fixture_deploy(fixture, "3.0.0", NULL, 0);
    return fixture;
}

static enum remove_result take_away(struct fixture *fixture, const char *version,
                                    struct remove_verdict *verdict)
{
    fixture_begin(fixture);
    assert_int_equal(
        release_remove(&fixture->fleet, fixture->db,
                       release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", version),
                       verdict),
        GODWIT_OK);
    fixture_commit(fixture);
    free(verdict->files);
    return verdict->result;
}

static void what_devices_stand_on_stays(void **state)
{
    static struct product nobody;
    struct fixture *fixture = begin(state);
    struct remove_verdict verdict;
    assert_int_equal(take_away(fixture, "1.0.0", &verdict), REMOVE_IN_USE); /* it runs there */
    assert_int_equal(verdict.devices_count, 1);
    assert_int_equal(verdict.device_id[5], 1);
    assert_int_equal(take_away(fixture, "3.0.0", &verdict), REMOVE_IN_USE); /* it is told to it */
    struct godwit_checkin there = checkin_of(1, LAST);
    there.counter = 4;
    fixture_checkin(fixture, &there);
    fixture->fleet.devices[0]->product = &nobody; /* nobody left: only newcomers would get it */
    struct product *product = product_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat");
    assert_int_equal(take_away(fixture, "3.0.0", &verdict), REMOVE_IN_USE);
    assert_int_equal(verdict.devices_count, 0);
    fixture->fleet.devices[0]->product = product;
}

static void what_devices_come_over_stays(void **state)
{
    struct fixture *fixture = begin(state);
    struct remove_verdict verdict;
    /* either of the two leads from AA to BB: one is as good as two, the last one is needed; but
     * 2.0.0 is where trust changed, a device took it, and who slept is not known */
    struct device *device;
    struct godwit_checkin other = checkin_of(2, FIRST);
    assert_int_equal(fixture_claim(fixture, &other, 2, &device), CLAIM_ACCEPTED);
    for (uint8_t name = FIRST; name <= LAST; name++) {
        memset(other.image_sha256, name, 32);
        snprintf(other.version, sizeof other.version, name == BRIDGE ? "2.0.0" : "other");
        other.counter = name;
        fixture_checkin(fixture, &other);
    }
    assert_int_equal(take_away(fixture, "2.0.0", &verdict), REMOVE_CHANGED);
    assert_int_equal(take_away(fixture, "2.1.0", &verdict), REMOVE_DONE);
    assert_int_equal(verdict.files_count, 1);
    assert_int_equal(take_away(fixture, "2.0.0", &verdict), REMOVE_NEEDED);
    assert_int_equal(verdict.devices_count, 1);
    struct godwit_checkin there = checkin_of(1, LAST);
    there.counter = 4;
    fixture_checkin(fixture, &there);
    assert_int_equal(take_away(fixture, "2.0.0", &verdict), REMOVE_CHANGED);
}

static void what_goes_leaves_nothing(void **state)
{
    struct fixture *fixture = begin(state);
    struct remove_verdict verdict;
    uint8_t file[32], image[32];
    memset(file, SPARE + 100, 32);
    memset(image, SPARE, 32);
    struct device *device = fixture->fleet.devices[0];
    int64_t members = fixture_count(fixture, "select count(*) from members"),
            images = fixture_count(fixture, "select count(*) from images");
    assert_int_equal(take_away(fixture, "2.1.0", &verdict), REMOVE_DONE);
    for (int round = 0; round < 2; round++) {
        assert_null(release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", "2.1.0"));
        assert_null(file_find(&fixture->fleet.catalogue, FLEET_ORG, file));
        assert_null(index_find(&fixture->fleet.catalogue.images_by_digest, image));
        assert_null(rollout_find(&fixture->fleet.catalogue, 3));
        device = fixture->fleet.devices[0];
        for (const struct member *member = device->members; member; member = member->next)
            assert_string_not_equal(member->rollout->release->version, "2.1.0");
        assert_int_equal(decide(device, &fixture->fleet.catalogue).reason, DECISION_BRIDGE);
        fixture_restart(fixture);
    }
    assert_int_equal(fixture_count(fixture, "select count(*) from members"), members);
    assert_int_equal(fixture_count(fixture, "select count(*) from images"), images - 1);
    assert_int_equal(fixture_count(fixture, "select count(*) from files"), images - 1);
    assert_int_equal(fixture_count(fixture, "select count(*) from rollouts"), 3);
    /* the version may come again, with another image */
    struct upload again = upload_of("2.1.0", 9);
    upload_policy(&again, 0xBB, 3);
    memset(again.image.trust.keys[0], 0xBB, 32);
    assert_int_equal(fixture_upload(fixture, &again), UPLOAD_ADDED);
}

static void a_draft_goes(void **state)
{
    struct fixture *fixture = begin(state);
    struct remove_verdict verdict;
    struct upload draft = upload_of("4.0.0", 9);
    upload_policy(&draft, 0xCC, 9);
    draft.image.trust.policy.image_keys_count = 2;
    memset(draft.image.trust.policy.image_keys[1], 0xBB, 32);
    memset(draft.image.trust.keys[0], 0xBB, 32);
    assert_int_equal(fixture_upload(fixture, &draft), UPLOAD_ADDED);
    assert_int_equal(take_away(fixture, "4.0.0", &verdict), REMOVE_DONE);
    assert_null(release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", "4.0.0"));
}

/* Trust changed at 2.5.0, but nobody ever took it, and 2.0.0 leads everywhere that it leads. */
static void what_nobody_took_goes_unless_it_is_a_way(void **state)
{
    struct fixture *fixture = begin(state);
    struct remove_verdict verdict;
    struct upload odd = upload_of("2.5.0", 9);
    upload_policy(&odd, 0xCC, 3);
    odd.image.trust.policy.image_keys_count = 3;
    memset(odd.image.trust.policy.image_keys[1], 0xAA, 32);
    memset(odd.image.trust.policy.image_keys[2], 0xBB, 32);
    assert_int_equal(fixture_upload(fixture, &odd), UPLOAD_ADDED);
    struct device *device = fixture->fleet.devices[0];
    fixture_deploy(fixture, "2.5.0", &device, 1);
    fixture_deploy(fixture, "3.0.0", NULL, 0);
    assert_int_equal(take_away(fixture, "2.5.0", &verdict), REMOVE_DONE);

    /* 2.1.0 goes; then 2.0.0 is the only way for who joins with 1.0.0, taken by nobody or not */
    assert_int_equal(take_away(fixture, "2.1.0", &verdict), REMOVE_DONE);
    struct godwit_checkin there = checkin_of(1, LAST);
    there.counter = 4;
    fixture_checkin(fixture, &there);
    assert_int_equal(take_away(fixture, "2.0.0", &verdict), REMOVE_CHANGED);
}

/* Whoever was told and is silent since may stand on it. */
static void what_somebody_may_stand_on_stays(void **state)
{
    struct fixture *fixture = begin(state);
    struct remove_verdict verdict;
    struct upload odd = upload_of("2.5.0", 9);
    struct godwit_checkin checkin = checkin_of(1, FIRST);
    upload_policy(&odd, 0xCC, 3);
    odd.image.trust.policy.image_keys_count = 2; /* it leads nowhere */
    memset(odd.image.trust.policy.image_keys[1], 0xAA, 32);
    assert_int_equal(fixture_upload(fixture, &odd), UPLOAD_ADDED);
    fixture_deploy(fixture, "2.5.0", NULL, 0);
    assert_int_equal(fixture_checkin(fixture, &checkin).kind, DECIDE_INSTALL);
    fixture_deploy(fixture, "3.0.0", NULL, 0);
    assert_int_equal(take_away(fixture, "2.5.0", &verdict), REMOVE_CHANGED);
    fixture_checkin(fixture, &checkin); /* it runs the first one still, and is told the newest */
    assert_int_equal(take_away(fixture, "2.5.0", &verdict), REMOVE_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_devices_stand_on_stays, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_devices_come_over_stays, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_goes_leaves_nothing, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_draft_goes, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_nobody_took_goes_unless_it_is_a_way, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_somebody_may_stand_on_stays, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
