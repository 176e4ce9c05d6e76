/* Facts looked up: whose policy a block is, and which version runs. */
#include "fixture.h"

#define RUNS 1

static struct device *join(struct fixture *fixture, struct godwit_checkin *checkin)
{
    struct upload upload = upload_of("1.0.0", RUNS);
    struct device *device;
    *checkin = checkin_of(1, RUNS);
    assert_int_equal(fixture_upload(fixture, &upload), UPLOAD_ADDED);
    fixture_allow(fixture, 1);
    assert_int_equal(fixture_claim(fixture, checkin, 1, &device), CLAIM_ACCEPTED);
    return device;
}

/* Firmware on a prebuilt core says the core's version; the upload was told the right one. */
static void what_runs_is_known_by_its_digest(void **state)
{
    struct fixture *fixture = *state;
    const struct catalogue *catalogue = &fixture->fleet.catalogue;
    struct godwit_checkin checkin;
    struct device *device = join(fixture, &checkin);
    snprintf(checkin.version, sizeof checkin.version, "esp-idf: v4.4.6");
    fixture_checkin(fixture, &checkin);
    assert_string_equal(device->facts.running->version, "esp-idf: v4.4.6");
    assert_string_equal(device_version(catalogue, device), "1.0.0");
    memset(checkin.image_sha256, 77, 32); /* flashed by cable */
    snprintf(checkin.version, sizeof checkin.version, "Ger\xC3\xA4t\x1b[2J");
    fixture_checkin(fixture, &checkin);
    assert_string_equal(device_version(catalogue, device), "Ger\xC3\xA4t?[2J");
}

static void a_policy_block_names_its_product(void **state)
{
    struct fixture *fixture = *state;
    const struct catalogue *catalogue = &fixture->fleet.catalogue;
    struct godwit_checkin checkin;
    const struct product *product = join(fixture, &checkin)->product;
    uint8_t other[16] = {0};
    assert_ptr_equal(product_find_by_id(catalogue, FLEET_ORG, product->product_id), product);
    assert_null(product_find_by_id(catalogue, FLEET_ORG, other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_runs_is_known_by_its_digest, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_policy_block_names_its_product, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
