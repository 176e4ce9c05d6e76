/* What an upload adds: products made by their first file, drafts that freeze, keys that are listed.
 */
#include "world.h"

static void the_first_signed_file_makes_the_product(void **state)
{
    struct world *world = *state;
    struct upload upload = upload_of("1.0.0", 1);
    upload.keys_count = 2;
    memset(upload.keys[1], 0xBB, 32);
    assert_int_equal(world_upload(world, &upload), UPLOAD_ADDED);
    for (int round = 0; round < 2; round++) {
        const struct product *product = product_find(&world->fleet, "thermostat");
        assert_false(product->open);
        assert_int_equal(product->image_keys_count, 2);
        assert_non_null(release_find(&world->fleet, "thermostat", "1.0.0"));
        assert_non_null(file_find(&world->fleet, upload.image.file_sha256));
        world_restart(world);
    }
}

static void unsigned_needs_an_open_product(void **state)
{
    struct world *world = *state;
    struct upload upload = upload_of("1.0.0", 1);
    upload.keys_count = 0;
    assert_int_equal(world_upload(world, &upload), UPLOAD_UNSIGNED);
    assert_null(product_find(&world->fleet, "thermostat"));
    upload.open = true;
    assert_int_equal(world_upload(world, &upload), UPLOAD_ADDED);
    assert_true(product_find(&world->fleet, "thermostat")->open);
    struct upload next = upload_of("1.1.0", 2);
    next.keys_count = 0;
    assert_int_equal(world_upload(world, &next), UPLOAD_ADDED);
}

/* open is a wish for a new product, never a way round the keys of one that is there. */
static void a_signed_product_stays_signed(void **state)
{
    struct world *world = *state;
    struct upload upload = upload_of("1.0.0", 1), next = upload_of("1.1.0", 2);
    assert_int_equal(world_upload(world, &upload), UPLOAD_ADDED);
    next.open = true;
    next.keys_count = 0;
    assert_int_equal(world_upload(world, &next), UPLOAD_UNSIGNED);
    next.keys_count = 1;
    memset(next.keys[0], 0xBB, 32);
    assert_int_equal(world_upload(world, &next), UPLOAD_KEY_UNKNOWN);
    assert_null(release_find(&world->fleet, "thermostat", "1.1.0"));
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
    const struct release *release = release_find(&world->fleet, "thermostat", "1.0.0");
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
    release = release_find(&world->fleet, "thermostat", "1.0.0");
    assert_int_equal(release->images_count, 2);
    assert_int_equal(release->images[0].file_sha256[0], 0x55);
}

static void the_highest_counter_of_a_version_wins(void **state)
{
    struct world *world = *state;
    struct upload low = upload_of("1.0.0", 1), high = upload_of("1.0.0", 2);
    high.counter = 7;
    assert_int_equal(world_upload(world, &high), UPLOAD_ADDED);
    assert_int_equal(world_upload(world, &low), UPLOAD_ADDED);
    assert_int_equal(release_find(&world->fleet, "thermostat", "1.0.0")->counter, 7);
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
        cmocka_unit_test_setup_teardown(the_highest_counter_of_a_version_wins, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_release_holds_so_many_images, world_setup,
                                        world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
