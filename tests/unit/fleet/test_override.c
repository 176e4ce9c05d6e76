/* What a policy does that must be meant, against all that went out before. */
#include "fleet/override.h"

#include "fixture.h"

/* A release with one image key and so many deploy keys, or with none at all (key 0); frozen. */
static const struct image *release(struct fixture *fixture, uint32_t counter, uint8_t key,
                                   uint8_t deploy_keys)
{
    char version[16];
    snprintf(version, sizeof version, "%u.0.0", counter);
    struct upload upload = upload_of(version, (uint8_t)counter);
    if (key) upload_policy(&upload, key, counter);
    upload.counter = counter;
    upload.image.trust.policy.flags = key ? GODWIT_POLICY_TRUST_RESET : 0;
    upload.image.trust.policy.deploy_keys_count = deploy_keys;
    for (uint8_t i = 0; i < 3; i++)
        memset(upload.image.trust.keys[i], 0xAA + 0x11 * i, 32);
    upload.image.trust.keys_count = counter == 1 ? 1 : 3;
    assert_int_equal(fixture_upload(fixture, &upload), UPLOAD_ADDED);
    struct release *made =
        release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", version);
    made->frozen = true;
    return &made->images[0];
}

static bool needs(struct fixture *fixture, const struct image *image, enum override override)
{
    return overrides_of(&fixture->fleet, fixture->db, image).needs[override];
}

static void a_deploy_key_that_goes(void **state)
{
    struct fixture *fixture = *state;
    assert_true(needs(fixture, release(fixture, 1, 0xAA, 0), OVERRIDE_NO_DEPLOY_KEY));
    assert_false(needs(fixture, release(fixture, 2, 0xAA, 0), OVERRIDE_NO_DEPLOY_KEY));
    assert_false(needs(fixture, release(fixture, 3, 0xAA, 1), OVERRIDE_NO_DEPLOY_KEY));
    assert_false(
        needs(fixture, release(fixture, 4, 0, 0), OVERRIDE_NO_DEPLOY_KEY)); /* obeys what is */
    const struct image *image = release(fixture, 5, 0xAA, 0);
    assert_true(needs(fixture, image, OVERRIDE_NO_DEPLOY_KEY));
    assert_true(needs(fixture, image, OVERRIDE_TRUST_RESET));
}

static void a_dropped_key_that_comes_back(void **state)
{
    struct fixture *fixture = *state;
    assert_false(needs(fixture, release(fixture, 1, 0, 0), OVERRIDE_RETRUSTED_KEY)); /* seed: AA */
    assert_false(needs(fixture, release(fixture, 2, 0xBB, 1), OVERRIDE_RETRUSTED_KEY));
    assert_false(needs(fixture, release(fixture, 3, 0, 0), OVERRIDE_RETRUSTED_KEY));
    const struct image *image = release(fixture, 4, 0xAA, 1);
    struct overrides overrides = overrides_of(&fixture->fleet, fixture->db, image);
    assert_true(overrides.needs[OVERRIDE_RETRUSTED_KEY]);
    assert_string_equal(overrides.dropped_by->version, "2.0.0");
    assert_int_equal(overrides.retrusted_key[0], 0xAA);
    assert_false(
        needs(fixture, release(fixture, 5, 0xAA, 1), OVERRIDE_RETRUSTED_KEY)); /* was agreed */
    assert_false(needs(fixture, release(fixture, 6, 0xCC, 1), OVERRIDE_RETRUSTED_KEY)); /* is new */
    overrides = overrides_of(&fixture->fleet, fixture->db, release(fixture, 7, 0xBB, 1));
    assert_string_equal(overrides.dropped_by->version, "4.0.0");
}

/* A word for one device, on a release that others never ran, is none for those. */
static void devices_that_did_not_check_in(void **state)
{
    struct fixture *fixture = *state;
    struct godwit_checkin checkin = checkin_of(1, 2);
    struct device *device;
    release(fixture, 1, 0xAA, 1);
    release(fixture, 2, 0xBB, 1); /* drops AA; the device stays here */
    fixture_allow(fixture, 1);
    assert_int_equal(fixture_claim(fixture, &checkin, 1, &device), CLAIM_ACCEPTED);
    fixture_checkin(fixture, &checkin);
    release(fixture, 3, 0xAA, 0);
    const struct image *image = release(fixture, 4, 0xAA, 0);
    struct overrides overrides = overrides_of(&fixture->fleet, fixture->db, image);
    assert_true(overrides.needs[OVERRIDE_RETRUSTED_KEY]);
    assert_string_equal(overrides.dropped_by->version, "2.0.0");
    assert_false(overrides.needs[OVERRIDE_NO_DEPLOY_KEY]); /* it says of none that it obeys it */
    checkin.deploy_keys[0] = 1;
    fixture_checkin(fixture, &checkin);
    assert_true(needs(fixture, image, OVERRIDE_NO_DEPLOY_KEY));
    memset(checkin.image_sha256, 3, 32);
    memset(checkin.deploy_keys, 0, sizeof checkin.deploy_keys);
    fixture_checkin(fixture, &checkin);
    assert_false(needs(fixture, image, OVERRIDE_NO_DEPLOY_KEY));
    assert_false(needs(fixture, image, OVERRIDE_RETRUSTED_KEY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_deploy_key_that_goes, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_dropped_key_that_comes_back, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(devices_that_did_not_check_in, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
