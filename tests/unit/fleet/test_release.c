/* What an upload adds: products made by their first file, drafts that freeze, keys that are listed.
 */
#include "case.h"
#include "fixture.h"

static void the_first_signed_file_makes_the_product(void **state)
{
    struct fixture *fixture = *state;
    struct upload upload = upload_of("1.0.0", 1);
    upload.image.trust.keys_count = 2;
    memset(upload.image.trust.keys[1], 0xBB, 32);
    assert_int_equal(fixture_upload(fixture, &upload), UPLOAD_ADDED);
    for (int round = 0; round < 2; round++) {
        const struct product *product =
            product_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat");
        assert_false(product->open);
        assert_int_equal(product->initial_policy.image_keys_count, 2);
        assert_non_null(release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", "1.0.0"));
        assert_non_null(file_find(&fixture->fleet.catalogue, FLEET_ORG, upload.image.file_sha256));
        fixture_restart(fixture);
    }
}

static void unsigned_needs_an_open_product(void **state)
{
    struct fixture *fixture = *state;
    struct upload upload = upload_of("1.0.0", 1);
    upload.image.trust.keys_count = 0;
    struct upload_verdict verdict = fixture_check(fixture, &upload);
    assert_int_equal(verdict.result, UPLOAD_REFUSED);
    assert_int_equal(verdict.reason, GODWIT_REASON_UNSIGNED);
    assert_null(product_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat"));
    upload.open = true;
    assert_int_equal(fixture_upload(fixture, &upload), UPLOAD_ADDED);
    assert_true(product_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat")->open);
    struct upload next = upload_of("1.1.0", 2);
    next.image.trust.keys_count = 0;
    assert_int_equal(fixture_upload(fixture, &next), UPLOAD_ADDED);
}

/* open is a wish for a new product, never a way round the keys of one that is there. */
static void a_signed_product_stays_signed(void **state)
{
    struct fixture *fixture = *state;
    struct upload upload = upload_of("1.0.0", 1), next = upload_of("1.1.0", 2);
    assert_int_equal(fixture_upload(fixture, &upload), UPLOAD_ADDED);
    next.open = true;
    next.image.trust.keys_count = 0;
    assert_int_equal(fixture_check(fixture, &next).reason, GODWIT_REASON_UNSIGNED);
    next.image.trust.keys_count = 1;
    memset(next.image.trust.keys[0], 0xBB, 32);
    struct upload_verdict verdict = fixture_check(fixture, &next);
    assert_int_equal(verdict.result, UPLOAD_REFUSED);
    assert_int_equal(verdict.reason, GODWIT_REASON_SIGNATURE_KEY);
    assert_null(release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", "1.1.0"));
    assert_int_equal(fixture_count(fixture, "select count(*) from releases"), 1);
}

static void drafts_change_and_freeze(void **state)
{
    struct fixture *fixture = *state;
    struct upload upload = upload_of("1.0.0", 1), again = upload_of("1.0.0", 2),
                  other_chip = upload_of("1.0.0", 3), late = upload_of("1.0.0", 4);
    other_chip.image.chip_id = CHIP + 1;
    assert_int_equal(fixture_upload(fixture, &upload), UPLOAD_ADDED);
    assert_int_equal(fixture_upload(fixture, &upload), UPLOAD_EXISTED);
    assert_int_equal(fixture_upload(fixture, &again), UPLOAD_ADDED);
    assert_int_equal(fixture_upload(fixture, &other_chip), UPLOAD_ADDED);
    const struct release *release =
        release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", "1.0.0");
    assert_int_equal(release->images_count, 2);
    assert_int_equal(release->images[0].image_sha256[0], 2);
    fixture_deploy(fixture, "1.0.0", NULL, 0);
    assert_int_equal(fixture_upload(fixture, &late), UPLOAD_FROZEN);
    fixture_restart(fixture);
    assert_int_equal(fixture_upload(fixture, &late), UPLOAD_FROZEN);
    late.image.chip_id = CHIP + 2;
    assert_int_equal(fixture_upload(fixture, &late), UPLOAD_FROZEN);
    /* the same image signed anew is the same release with a new file, frozen or not */
    memset(again.image.file_sha256, 0x55, 32);
    assert_int_equal(fixture_upload(fixture, &again), UPLOAD_ADDED);
    release = release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", "1.0.0");
    assert_int_equal(release->images_count, 2);
    assert_int_equal(release->images[0].file_sha256[0], 0x55);
}

static bool has_file(struct fixture *fixture, uint8_t name)
{
    uint8_t file_sha256[32];
    memset(file_sha256, name, sizeof file_sha256);
    return file_find(&fixture->fleet.catalogue, FLEET_ORG, file_sha256);
}

/* Of a draft the present file is kept alone, and one that another release names too; of a release
 * that went out each, for devices may hold it. */
static void replaced_files_of_drafts_go(void **state)
{
    struct fixture *fixture = *state;
    struct upload first = upload_of("1.0.0", 1), draft = upload_of("1.1.0", 2),
                  same = upload_of("1.1.0", 1), last = upload_of("1.1.0", 3);
    assert_int_equal(fixture_upload(fixture, &first), UPLOAD_ADDED);
    fixture_deploy(fixture, "1.0.0", NULL, 0);
    assert_int_equal(fixture_upload(fixture, &draft), UPLOAD_ADDED);
    assert_int_equal(fixture_upload(fixture, &same), UPLOAD_ADDED);
    assert_false(has_file(fixture, 102));
    assert_int_equal(fixture_upload(fixture, &last), UPLOAD_ADDED);
    memset(first.image.file_sha256, 0x55, 32);
    assert_int_equal(fixture_upload(fixture, &first), UPLOAD_ADDED);
    for (int round = 0; round < 2; round++) {
        assert_true(has_file(fixture, 101));
        assert_false(has_file(fixture, 102));
        assert_true(has_file(fixture, 103));
        assert_true(has_file(fixture, 0x55));
        assert_int_equal(fixture_count(fixture, "select count(*) from files"), 3);
        fixture_restart(fixture);
    }
}

/* What a product takes is what some device of it could take: by the initial policy, or by a release
 * that went out. A draft has told nobody of its keys. */
static void keys_are_handed_on(void **state)
{
    struct fixture *fixture = *state;
    struct upload first = upload_of("1.0.0", 1), bridge = upload_of("2.0.0", 2),
                  next = upload_of("3.0.0", 3), stranger = upload_of("4.0.0", 4);
    assert_int_equal(fixture_upload(fixture, &first), UPLOAD_ADDED);
    upload_policy(&bridge, 0xBB, 2);
    struct upload_verdict verdict = fixture_check(fixture, &bridge);
    assert_int_equal(verdict.result, UPLOAD_REFUSED);
    assert_int_equal(verdict.reason,
                     GODWIT_REASON_POLICY_KEYS); /* shares no key with the initial policy */
    bridge.image.trust.policy.image_keys_count = 2;
    memset(bridge.image.trust.policy.image_keys[1], 0xAA, 32);
    assert_int_equal(fixture_upload(fixture, &bridge), UPLOAD_ADDED);
    upload_policy(&next, 0xBB, 3);
    memset(next.image.trust.keys[0], 0xBB, 32);
    assert_int_equal(fixture_check(fixture, &next).reason, GODWIT_REASON_SIGNATURE_KEY);
    fixture_deploy(fixture, "2.0.0", NULL, 0);
    fixture_restart(fixture);
    verdict = fixture_check(fixture, &next);
    assert_int_equal(verdict.result, UPLOAD_ADDED);
    assert_int_equal(verdict.reason, GODWIT_REASON_NONE);
    fixture_deploy(fixture, "3.0.0", NULL, 0);
    upload_policy(&stranger, 0xAA, 4); /* by the first key: only devices that sleep would take it */
    verdict = fixture_check(fixture, &stranger);
    assert_int_equal(verdict.result, UPLOAD_ADDED);
    assert_int_equal(verdict.reason, GODWIT_REASON_SIGNATURE_KEY);
    struct upload bare = upload_of("5.0.0", 5);
    assert_int_equal(fixture_check(fixture, &bare).result, UPLOAD_ADDED);
    memset(bare.image.trust.keys[0], 0xBB, 32);
    verdict = fixture_check(fixture, &bare);
    assert_int_equal(verdict.reason, GODWIT_REASON_POLICY_MISSING);
    assert_int_equal(verdict.result, UPLOAD_REFUSED);
}

/* P1 of the product's first file must share a key with its signers, or no device would take it. */
static void the_first_file_is_checked_by_its_own_signers(void **state)
{
    struct fixture *fixture = *state;
    struct upload upload = upload_of("1.0.0", 1);
    upload_policy(&upload, 0xBB, 1);
    assert_int_equal(fixture_check(fixture, &upload).reason, GODWIT_REASON_POLICY_KEYS);
    assert_null(product_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat"));
    upload.image.trust.policy.flags = GODWIT_POLICY_TRUST_RESET;
    assert_int_equal(fixture_upload(fixture, &upload), UPLOAD_ADDED);
}

/* The signature that goes away may be the only one that somebody trusts. */
static void a_frozen_release_keeps_its_signatures(void **state)
{
    struct fixture *fixture = *state;
    struct upload upload = upload_of("1.0.0", 1), again = upload_of("1.0.0", 1);
    upload.image.trust.keys_count = 2;
    memset(upload.image.trust.keys[1], 0xBB, 32);
    memset(again.image.file_sha256, 0x55, 32);
    assert_int_equal(fixture_upload(fixture, &upload), UPLOAD_ADDED);
    fixture_deploy(fixture, "1.0.0", NULL, 0);
    assert_int_equal(fixture_upload(fixture, &again), UPLOAD_FEWER_KEYS);
    again.image.trust.keys_count = 3;
    memset(again.image.trust.keys[1], 0xCC, 32);
    memset(again.image.trust.keys[2], 0xBB, 32);
    assert_int_equal(fixture_upload(fixture, &again), UPLOAD_ADDED);
    fixture_restart(fixture);
    const struct image *image =
        &release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", "1.0.0")->images[0];
    assert_true(image->trust.is_known);
    assert_int_equal(image->trust.keys_count, 3);
    assert_memory_equal(image->trust.keys, again.image.trust.keys, 96);
}

/* Who deploys by a version must get what he means. */
static void a_version_has_one_counter(void **state)
{
    struct fixture *fixture = *state;
    struct upload low = upload_of("1.0.0", 1), high = upload_of("1.0.0", 2);
    high.counter = 7;
    assert_int_equal(fixture_upload(fixture, &high), UPLOAD_ADDED);
    struct upload_verdict verdict = fixture_check(fixture, &low);
    assert_int_equal(verdict.result, UPLOAD_OTHER_COUNTER);
    assert_int_equal(verdict.counter, 7);
    assert_false(verdict.is_frozen);
    fixture_deploy(fixture, "1.0.0", NULL, 0);
    assert_true(fixture_check(fixture, &low).is_frozen);
    assert_int_equal(fixture_count(fixture, "select count(*) from releases"), 1);
    assert_int_equal(
        release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", "1.0.0")->counter, 7);
}

static void a_release_holds_so_many_images(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i <= FLEET_IMAGES_MAX; i++) {
        CASE(i);
        struct upload upload = upload_of("1.0.0", (uint8_t)i);
        upload.image.revision_min = (uint16_t)i;
        assert_int_equal(fixture_upload(fixture, &upload),
                         i < FLEET_IMAGES_MAX ? UPLOAD_ADDED : UPLOAD_FULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_signed_file_makes_the_product, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(unsigned_needs_an_open_product, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_signed_product_stays_signed, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(drafts_change_and_freeze, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(replaced_files_of_drafts_go, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(keys_are_handed_on, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(the_first_file_is_checked_by_its_own_signers, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_frozen_release_keeps_its_signatures, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_version_has_one_counter, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_release_holds_so_many_images, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
