/* What an upload adds: products made by their first file, drafts that freeze, keys that are listed.
 */
#include "world.h"

static void the_first_signed_file_makes_the_product(void **state)
{
    struct world *world = *state;
    struct upload upload = upload_of("1.0.0", 1);
    upload.image.trust.keys_count = 2;
    memset(upload.image.trust.keys[1], 0xBB, 32);
    assert_int_equal(world_upload(world, &upload), UPLOAD_ADDED);
    for (int round = 0; round < 2; round++) {
        const struct product *product = product_find(&world->fleet.catalogue, "thermostat");
        assert_false(product->open);
        assert_int_equal(product->seed.image_keys_count, 2);
        assert_non_null(release_find(&world->fleet.catalogue, "thermostat", "1.0.0"));
        assert_non_null(file_find(&world->fleet.catalogue, upload.image.file_sha256));
        world_restart(world);
    }
}

static void unsigned_needs_an_open_product(void **state)
{
    struct world *world = *state;
    struct upload upload = upload_of("1.0.0", 1);
    upload.image.trust.keys_count = 0;
    struct upload_verdict verdict = world_judge(world, &upload);
    assert_int_equal(verdict.result, UPLOAD_REFUSED);
    assert_int_equal(verdict.reason, GODWIT_REASON_UNSIGNED);
    assert_null(product_find(&world->fleet.catalogue, "thermostat"));
    upload.open = true;
    assert_int_equal(world_upload(world, &upload), UPLOAD_ADDED);
    assert_true(product_find(&world->fleet.catalogue, "thermostat")->open);
    struct upload next = upload_of("1.1.0", 2);
    next.image.trust.keys_count = 0;
    assert_int_equal(world_upload(world, &next), UPLOAD_ADDED);
}

/* open is a wish for a new product, never a way round the keys of one that is there. */
static void a_signed_product_stays_signed(void **state)
{
    struct world *world = *state;
    struct upload upload = upload_of("1.0.0", 1), next = upload_of("1.1.0", 2);
    assert_int_equal(world_upload(world, &upload), UPLOAD_ADDED);
    next.open = true;
    next.image.trust.keys_count = 0;
    assert_int_equal(world_judge(world, &next).reason, GODWIT_REASON_UNSIGNED);
    next.image.trust.keys_count = 1;
    memset(next.image.trust.keys[0], 0xBB, 32);
    struct upload_verdict verdict = world_judge(world, &next);
    assert_int_equal(verdict.result, UPLOAD_REFUSED);
    assert_int_equal(verdict.reason, GODWIT_REASON_SIGNATURE_KEY);
    assert_null(release_find(&world->fleet.catalogue, "thermostat", "1.1.0"));
    assert_int_equal(world_count(world, "select count(*) from releases"), 1);
}

static void drafts_change_and_freeze(void **state)
{
    struct world *world = *state;
    struct upload upload = upload_of("1.0.0", 1), again = upload_of("1.0.0", 2),
                  other_chip = upload_of("1.0.0", 3), late = upload_of("1.0.0", 4);
    other_chip.image.chip_id = CHIP + 1;
    assert_int_equal(world_upload(world, &upload), UPLOAD_ADDED);
    assert_int_equal(world_upload(world, &upload), UPLOAD_ALREADY);
    assert_int_equal(world_upload(world, &again), UPLOAD_ADDED);
    assert_int_equal(world_upload(world, &other_chip), UPLOAD_ADDED);
    const struct release *release = release_find(&world->fleet.catalogue, "thermostat", "1.0.0");
    assert_int_equal(release->images_count, 2);
    assert_int_equal(release->images[0].image_sha256[0], 2);
    world_deploy(world, "1.0.0", NULL, 0);
    assert_int_equal(world_upload(world, &late), UPLOAD_FROZEN);
    world_restart(world);
    assert_int_equal(world_upload(world, &late), UPLOAD_FROZEN);
    late.image.chip_id = CHIP + 2;
    assert_int_equal(world_upload(world, &late), UPLOAD_FROZEN);
    /* the same image signed anew is the same release with a new file, frozen or not */
    memset(again.image.file_sha256, 0x55, 32);
    assert_int_equal(world_upload(world, &again), UPLOAD_ADDED);
    release = release_find(&world->fleet.catalogue, "thermostat", "1.0.0");
    assert_int_equal(release->images_count, 2);
    assert_int_equal(release->images[0].file_sha256[0], 0x55);
}

/* What a product takes is what some device of it could take: by the seed, or by a release that went
 * out. A draft has told nobody of its keys. */
static void keys_are_handed_on(void **state)
{
    struct world *world = *state;
    struct upload first = upload_of("1.0.0", 1), bridge = upload_of("2.0.0", 2),
                  next = upload_of("3.0.0", 3), stranger = upload_of("4.0.0", 4);
    assert_int_equal(world_upload(world, &first), UPLOAD_ADDED);
    upload_policy(&bridge, 0xBB, 2);
    struct upload_verdict verdict = world_judge(world, &bridge);
    assert_int_equal(verdict.result, UPLOAD_REFUSED);
    assert_int_equal(verdict.reason, GODWIT_REASON_POLICY_KEYS); /* shares no key with the seed */
    bridge.image.trust.policy.image_keys_count = 2;
    memset(bridge.image.trust.policy.image_keys[1], 0xAA, 32);
    assert_int_equal(world_upload(world, &bridge), UPLOAD_ADDED);
    upload_policy(&next, 0xBB, 3);
    memset(next.image.trust.keys[0], 0xBB, 32);
    assert_int_equal(world_judge(world, &next).reason, GODWIT_REASON_SIGNATURE_KEY);
    world_deploy(world, "2.0.0", NULL, 0);
    world_restart(world);
    verdict = world_judge(world, &next);
    assert_int_equal(verdict.result, UPLOAD_ADDED);
    assert_int_equal(verdict.reason, GODWIT_REASON_NONE);
    world_deploy(world, "3.0.0", NULL, 0);
    upload_policy(&stranger, 0xAA, 4); /* by the first key: only devices that sleep would take it */
    verdict = world_judge(world, &stranger);
    assert_int_equal(verdict.result, UPLOAD_ADDED);
    assert_int_equal(verdict.reason, GODWIT_REASON_SIGNATURE_KEY);
    struct upload bare = upload_of("5.0.0", 5);
    assert_int_equal(world_judge(world, &bare).result, UPLOAD_ADDED);
    memset(bare.image.trust.keys[0], 0xBB, 32);
    verdict = world_judge(world, &bare);
    assert_int_equal(verdict.reason, GODWIT_REASON_POLICY_MISSING);
    assert_int_equal(verdict.result, UPLOAD_REFUSED);
}

/* P1 of the product's first file must share a key with its signers, or no device would take it. */
static void the_first_file_is_judged_by_its_own_signers(void **state)
{
    struct world *world = *state;
    struct upload upload = upload_of("1.0.0", 1);
    upload_policy(&upload, 0xBB, 1);
    assert_int_equal(world_judge(world, &upload).reason, GODWIT_REASON_POLICY_KEYS);
    assert_null(product_find(&world->fleet.catalogue, "thermostat"));
    upload.image.trust.policy.flags = GODWIT_POLICY_CLEAN_BREAK;
    assert_int_equal(world_upload(world, &upload), UPLOAD_ADDED);
}

/* The signature that goes away may be the only one that somebody trusts. */
static void a_frozen_release_keeps_its_signatures(void **state)
{
    struct world *world = *state;
    struct upload upload = upload_of("1.0.0", 1), again = upload_of("1.0.0", 1);
    upload.image.trust.keys_count = 2;
    memset(upload.image.trust.keys[1], 0xBB, 32);
    memset(again.image.file_sha256, 0x55, 32);
    assert_int_equal(world_upload(world, &upload), UPLOAD_ADDED);
    world_deploy(world, "1.0.0", NULL, 0);
    assert_int_equal(world_upload(world, &again), UPLOAD_FEWER_KEYS);
    again.image.trust.keys_count = 3;
    memset(again.image.trust.keys[1], 0xCC, 32);
    memset(again.image.trust.keys[2], 0xBB, 32);
    assert_int_equal(world_upload(world, &again), UPLOAD_ADDED);
    world_restart(world);
    const struct image *image =
        &release_find(&world->fleet.catalogue, "thermostat", "1.0.0")->images[0];
    assert_true(image->trust.is_known);
    assert_int_equal(image->trust.keys_count, 3);
    assert_memory_equal(image->trust.keys, again.image.trust.keys, 96);
}

/* Who deploys by a version must get what he means. */
static void a_version_has_one_counter(void **state)
{
    struct world *world = *state;
    struct upload low = upload_of("1.0.0", 1), high = upload_of("1.0.0", 2);
    high.counter = 7;
    assert_int_equal(world_upload(world, &high), UPLOAD_ADDED);
    struct upload_verdict verdict = world_judge(world, &low);
    assert_int_equal(verdict.result, UPLOAD_OTHER_COUNTER);
    assert_int_equal(verdict.counter, 7);
    assert_false(verdict.is_frozen);
    world_deploy(world, "1.0.0", NULL, 0);
    assert_true(world_judge(world, &low).is_frozen);
    assert_int_equal(world_count(world, "select count(*) from releases"), 1);
    assert_int_equal(release_find(&world->fleet.catalogue, "thermostat", "1.0.0")->counter, 7);
}

static void a_release_holds_so_many_images(void **state)
{
    struct world *world = *state;
    for (int i = 0; i <= FLEET_IMAGES_MAX; i++) {
        struct upload upload = upload_of("1.0.0", (uint8_t)i);
        upload.image.revision_min = (uint16_t)i;
        assert_int_equal(world_upload(world, &upload),
                         i < FLEET_IMAGES_MAX ? UPLOAD_ADDED : UPLOAD_FULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_signed_file_makes_the_product, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(unsigned_needs_an_open_product, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_signed_product_stays_signed, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(drafts_change_and_freeze, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(keys_are_handed_on, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_first_file_is_judged_by_its_own_signers, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_frozen_release_keeps_its_signatures, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_version_has_one_counter, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_release_holds_so_many_images, world_setup,
                                        world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
