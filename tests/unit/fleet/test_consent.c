/* What a policy does that must be meant, against all that went out before. */
#include "fleet/consent.h"

#include "world.h"

/* A release with one image key and so many deploy keys, or with none at all (key 0); frozen. */
static const struct image *release(struct world *world, uint32_t counter, uint8_t key,
                                   uint8_t deploy_keys)
{
    char version[16];
    snprintf(version, sizeof version, "%u.0.0", counter);
    struct upload upload = upload_of(version, (uint8_t)counter);
    if (key) upload_policy(&upload, key, counter);
    upload.counter = counter;
    upload.image.trust.policy.flags = key ? GODWIT_POLICY_CLEAN_BREAK : 0;
    upload.image.trust.policy.deploy_keys_count = deploy_keys;
    for (uint8_t i = 0; i < 3; i++)
        memset(upload.image.trust.keys[i], 0xAA + 0x11 * i, 32);
    upload.image.trust.keys_count = counter == 1 ? 1 : 3;
    assert_int_equal(world_upload(world, &upload), UPLOAD_ADDED);
    struct release *made = release_find(&world->fleet.catalogue, "thermostat", version);
    made->frozen = true;
    return &made->images[0];
}

static bool asks(struct world *world, const struct image *image, enum consent consent)
{
    return consents_of(&world->fleet, image).asks[consent];
}

static void a_deploy_key_that_goes(void **state)
{
    struct world *world = *state;
    assert_true(asks(world, release(world, 1, 0xAA, 0), CONSENT_NO_DEPLOY_KEY));
    assert_false(asks(world, release(world, 2, 0xAA, 0), CONSENT_NO_DEPLOY_KEY));
    assert_false(asks(world, release(world, 3, 0xAA, 1), CONSENT_NO_DEPLOY_KEY));
    assert_false(asks(world, release(world, 4, 0, 0), CONSENT_NO_DEPLOY_KEY)); /* obeys what is */
    const struct image *image = release(world, 5, 0xAA, 0);
    assert_true(asks(world, image, CONSENT_NO_DEPLOY_KEY));
    assert_true(asks(world, image, CONSENT_CLEAN_BREAK));
}

static void a_dropped_key_that_comes_back(void **state)
{
    struct world *world = *state;
    assert_false(asks(world, release(world, 1, 0, 0), CONSENT_RELISTED_KEY)); /* seed: AA */
    assert_false(asks(world, release(world, 2, 0xBB, 1), CONSENT_RELISTED_KEY));
    assert_false(asks(world, release(world, 3, 0, 0), CONSENT_RELISTED_KEY));
    const struct image *image = release(world, 4, 0xAA, 1);
    struct consents consents = consents_of(&world->fleet, image);
    assert_true(consents.asks[CONSENT_RELISTED_KEY]);
    assert_string_equal(consents.dropped_by->version, "2.0.0");
    assert_int_equal(consents.relisted_key[0], 0xAA);
    assert_false(asks(world, release(world, 5, 0xAA, 1), CONSENT_RELISTED_KEY)); /* was agreed */
    assert_false(asks(world, release(world, 6, 0xCC, 1), CONSENT_RELISTED_KEY)); /* is new */
    consents = consents_of(&world->fleet, release(world, 7, 0xBB, 1));
    assert_string_equal(consents.dropped_by->version, "4.0.0");
}

/* A word for one device, on a release that others never ran, is none for those. */
static void devices_that_were_not_asked(void **state)
{
    struct world *world = *state;
    struct godwit_checkin checkin = checkin_of(1, 2);
    struct device *device;
    release(world, 1, 0xAA, 1);
    release(world, 2, 0xBB, 1); /* drops AA; the device stays here */
    world_allow(world, 1);
    assert_int_equal(world_claim(world, &checkin, 1, &device), CLAIM_ACCEPTED);
    world_say(world, &checkin);
    release(world, 3, 0xAA, 0);
    const struct image *image = release(world, 4, 0xAA, 0);
    struct consents consents = consents_of(&world->fleet, image);
    assert_true(consents.asks[CONSENT_RELISTED_KEY]);
    assert_string_equal(consents.dropped_by->version, "2.0.0");
    assert_false(consents.asks[CONSENT_NO_DEPLOY_KEY]); /* it says of none that it obeys it */
    checkin.deploy_keys[0] = 1;
    world_say(world, &checkin);
    assert_true(asks(world, image, CONSENT_NO_DEPLOY_KEY));
    memset(checkin.image_sha256, 3, 32);
    memset(checkin.deploy_keys, 0, sizeof checkin.deploy_keys);
    world_say(world, &checkin);
    assert_false(asks(world, image, CONSENT_NO_DEPLOY_KEY));
    assert_false(asks(world, image, CONSENT_RELISTED_KEY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_deploy_key_that_goes, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_dropped_key_that_comes_back, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(devices_that_were_not_asked, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
