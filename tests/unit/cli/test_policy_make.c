/* Wishes that become a policy, and wishes that can not. The sentences themselves are typed in
 * tests/system/test_files.sh. */
#include "cli/policy_make.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>

#include "case.h"
#include "support/temp_dir.h"

/* Most rows are about something else than deploy keys. */
#define NO_DEPLOY .no_deploy_key = true
#define NOT_GIVEN .rollback_floor = UINT32_MAX, .threshold = UINT32_MAX
#define DIGEST_A "1111111111111111111111111111111111111111111111111111111111111111"
#define DIGEST_B "2222222222222222222222222222222222222222222222222222222222222222"

static void test_boards(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_good;
        uint32_t mask;
    } ROWS[] = {
        {"any", true, 0},  {"0", true, 1},    {"0,2,5", true, 37}, {"31", true, 1u << 31},
        {"5,5", true, 32}, {"", false, 0},    {",", false, 0},     {"1,", false, 0},
        {"32", false, 0},  {"-1", false, 0},  {"1 ", false, 0},    {" 1", false, 0},
        {"0x1", false, 0}, {"1;2", false, 0}, {"any,1", false, 0}, {"4294967296", false, 0},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        CASE(i);
        uint32_t mask;
        assert_int_equal(hardware_parse(ROWS[i].text, &mask), ROWS[i].is_good);
        if (ROWS[i].is_good) assert_int_equal(mask, ROWS[i].mask);
    }
}

/* What comes out must be what a device takes. */
static void expect_sound(const struct policy_request *wanted, struct godwit_policy *policy)
{
    uint8_t bytes[GODWIT_POLICY_BYTES];
    struct godwit_policy decoded;
    assert_true(policy_make(wanted, "thermostat", policy));
    godwit_policy_encode(policy, bytes);
    assert_int_equal(godwit_policy_decode(bytes, false, &decoded), GODWIT_OK);
    assert_memory_equal(&decoded, policy, sizeof decoded);
}

static void test_wanted(void **state)
{
    (void)state;
    struct godwit_policy policy;
    struct policy_request wanted = {
        .path = "x.bin", .counter = 1, NOT_GIVEN, .keys = {{DIGEST_A}, 1}, NO_DEPLOY};
    uint8_t id[16];
    assert_int_equal(godwit_product_id("default", "thermostat", id), GODWIT_OK);
    expect_sound(&wanted, &policy);
    assert_memory_equal(policy.product_id, id, 16);
    assert_int_equal(policy.threshold, 1);
    assert_int_equal(policy.rollback_floor, 0);
    assert_int_equal(policy.hardware_mask, 0);
    assert_int_equal(policy.flags, 0);

    wanted = (struct policy_request){.path = "x.bin",
                                     .product = "thermostat",
                                     .hardware = "1,3",
                                     .counter = 9,
                                     .rollback_floor = 9,
                                     .threshold = 2,
                                     .keys = {{DIGEST_A, DIGEST_B}, 2},
                                     .allow_plain_hawkbit = true,
                                     .require_secure_boot = true,
                                     .allow_lan_push = true,
                                     .trust_reset = true,
                                     NO_DEPLOY};
    expect_sound(&wanted, &policy);
    assert_int_equal(policy.threshold, 2);
    assert_int_equal(policy.rollback_floor, 9);
    assert_int_equal(policy.hardware_mask, 10);
    assert_int_equal(policy.flags, 2 | 4 | 8 | 16);
    assert_int_equal(policy.image_keys[1][31], 0x22);
}

static void write_initial_policy(const char *path, const struct godwit_policy *seed)
{
    uint8_t bytes[GODWIT_POLICY_BYTES];
    godwit_policy_encode(seed, bytes);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, sizeof bytes, file), sizeof bytes);
    fclose(file);
}

/* Firmware on a prebuilt core, or on any project where the product's own policy is the beginning,
 * may be of a product that is called otherwise. */
static void a_product_may_be_called_otherwise(void **state)
{
    (void)state;
    struct policy_request wanted = {.path = "x.bin",
                                    .product = "My Lamp",
                                    .counter = 1,
                                    NOT_GIVEN,
                                    .keys = {{DIGEST_A}, 1},
                                    NO_DEPLOY};
    struct godwit_policy policy;
    uint8_t id[16];
    assert_int_equal(godwit_product_id("default", "My Lamp", id), GODWIT_OK);
    assert_true(policy_make(&wanted, "arduino-lib-builder", &policy));
    assert_memory_equal(policy.product_id, id, 16);
    assert_false(policy_make(&wanted, "thermostat", &policy)); /* nothing shows that it is meant */
    wanted.product = "a/b";
    assert_false(policy_make(&wanted, "arduino-lib-builder", &policy));
}

static void test_seeds(void **state)
{
    (void)state;
    char folder[64], path[128];
    temp_dir_make(folder);
    snprintf(path, sizeof path, "%s/seed", folder);
    struct godwit_policy seed = {.threshold = 1, .image_keys_count = 1, .deploy_keys_count = 1};
    struct godwit_policy policy;
    assert_int_equal(godwit_product_id("default", "thermostat", seed.product_id), GODWIT_OK);
    memset(seed.image_keys[0], 0x11, 32);
    memset(seed.deploy_keys[0], 0x33, 64);
    write_initial_policy(path, &seed);
    struct policy_request wanted = {
        .path = "x.bin", .initial_policy = path, .counter = 4, NOT_GIVEN};
    expect_sound(&wanted, &policy);
    assert_memory_equal(policy.image_keys, seed.image_keys, sizeof seed.image_keys);
    assert_memory_equal(policy.deploy_keys, seed.deploy_keys, sizeof seed.deploy_keys);

    wanted.keys = (struct option_list){{DIGEST_B}, 1};
    wanted.require_instruction = true;
    expect_sound(&wanted, &policy);
    assert_int_equal(policy.image_keys_count, 2);
    wanted.keys.items[0] = DIGEST_A; /* the initial policy's own: listed once */
    expect_sound(&wanted, &policy);
    assert_int_equal(policy.image_keys_count, 1);
    wanted.keys = (struct option_list){{DIGEST_A, DIGEST_A}, 2};
    assert_false(policy_make(&wanted, "thermostat", &policy));
    wanted.keys.count = 0;
    assert_false(policy_make(&wanted, "doorbell", &policy));

    seed = (struct godwit_policy){.flags = GODWIT_POLICY_OPEN, .deploy_keys_count = 0};
    assert_int_equal(godwit_product_id("default", "thermostat", seed.product_id), GODWIT_OK);
    write_initial_policy(path, &seed);
    wanted.require_instruction = false;
    assert_false(policy_make(&wanted, "thermostat", &policy));
    wanted.keys.count = 1;
    wanted.no_deploy_key = true;
    expect_sound(&wanted, &policy); /* never open itself */
    temp_dir_drop(folder);
}

static void test_unsound_requests(void **state)
{
    (void)state;
    static const struct policy_request ROWS[] = {
        {.counter = 1, NOT_GIVEN, NO_DEPLOY},
        {.counter = 0, NOT_GIVEN, .keys = {{DIGEST_A}, 1}, NO_DEPLOY},
        {.counter = 1, NOT_GIVEN, .keys = {{DIGEST_A, DIGEST_A}, 2}, NO_DEPLOY},
        {.counter = 1, NOT_GIVEN, .keys = {{DIGEST_A}, 1}, .product = "kettle", NO_DEPLOY},
        {.counter = 1, NOT_GIVEN, .keys = {{DIGEST_A}, 1}, .hardware = "x", NO_DEPLOY},
        {.counter = 1, NOT_GIVEN, .keys = {{DIGEST_A}, 1}, .require_instruction = true, NO_DEPLOY},
        {.counter = 1, NOT_GIVEN, .keys = {{"nowhere.pem"}, 1}, NO_DEPLOY},
        {.counter = 1,
         NOT_GIVEN,
         .keys = {{DIGEST_A}, 1},
         .deploy_keys = {{DIGEST_B}, 1},
         NO_DEPLOY},
        {.counter = 1, .rollback_floor = 2, .threshold = 1, .keys = {{DIGEST_A}, 1}, NO_DEPLOY},
        {.counter = 1, .rollback_floor = 0, .threshold = 0, .keys = {{DIGEST_A}, 1}, NO_DEPLOY},
        {.counter = 1, .rollback_floor = 0, .threshold = 2, .keys = {{DIGEST_A}, 1}, NO_DEPLOY},
        {.counter = 1, .rollback_floor = 0, .threshold = 257, .keys = {{DIGEST_A}, 1}, NO_DEPLOY},
    };
    struct godwit_policy policy;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        CASE(i);
        struct policy_request wanted = ROWS[i];
        wanted.path = "x.bin";
        assert_false(policy_make(&wanted, "thermostat", &policy));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boards),
        cmocka_unit_test(test_wanted),
        cmocka_unit_test(a_product_may_be_called_otherwise),
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_unsound_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
