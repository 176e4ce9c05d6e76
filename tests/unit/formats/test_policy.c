/* P1: the offsets of the trust chapter, what a round trip keeps, and each single thing that makes
 * a policy refused. */
#include "case.h"
#include "formats/policy.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct godwit_policy sample(void)
{
    struct godwit_policy policy = {
        .threshold = 2,
        .image_keys_count = 3,
        .deploy_keys_count = 2,
        .hardware_mask = 0x11223344,
        .counter = 0x55667788,
        .rollback_floor = 0x15667788,
        .flags = GODWIT_POLICY_REQUIRE_INSTRUCTION | GODWIT_POLICY_TRUST_RESET,
    };
    memset(policy.product_id, 0xA1, sizeof policy.product_id);
    for (uint8_t i = 0; i < 3; i++)
        memset(policy.image_keys[i], 0xB0 + i, 32);
    for (uint8_t i = 0; i < 2; i++)
        memset(policy.deploy_keys[i], 0xC0 + i, 64);
    return policy;
}

static void lies_in_the_block_as_the_format_says(void **state)
{
    (void)state;
    struct godwit_policy policy = sample();
    uint8_t data[GODWIT_POLICY_BYTES];
    godwit_policy_encode(&policy, data);
    assert_memory_equal(data, "GWP1\x01\x02\x03\x02", 8);
    assert_true(godwit_all(data + 8, 16, 0xA1));
    assert_memory_equal(data + 24, "\x44\x33\x22\x11\x88\x77\x66\x55\x88\x77\x66\x15\x11\0\0\0",
                        16);
    assert_true(godwit_all(data + 40, 32, 0xB0));
    assert_true(godwit_all(data + 72, 32, 0xB1));
    assert_true(godwit_all(data + 104, 32, 0xB2));
    assert_true(godwit_all(data + 136, 64, 0));
    assert_true(godwit_all(data + 200, 64, 0xC0));
    assert_true(godwit_all(data + 264, 64, 0xC1));
    assert_true(godwit_policy_is_present(data));
}

static void comes_back_as_it_went(void **state)
{
    (void)state;
    struct godwit_policy policy = sample(), back;
    uint8_t data[GODWIT_POLICY_BYTES];
    godwit_policy_encode(&policy, data);
    assert_int_equal(godwit_policy_decode(data, false, &back), GODWIT_OK);
    assert_memory_equal(&back, &policy, sizeof policy);
    assert_int_equal(godwit_policy_decode(data, true, &back), GODWIT_OK);
}

/* A good policy with one byte changed; each row must be refused, as an initial policy and in an
 * image. */
static void refuses_each_fault(void **state)
{
    (void)state;
    static const struct {
        const char *fault;
        size_t offset;
        uint8_t value;
    } rows[] = {
        {"magic", 0, 'X'},
        {"magic", 3, '2'},
        {"version 0", 4, 0},
        {"version 2", 4, 2},
        {"threshold 0", 5, 0},
        {"threshold over keys", 5, 4},
        {"no keys", 6, 0},
        {"six image keys", 6, 6},
        {"key behind the count", 6, 2},
        {"three deploy keys", 7, 3},
        {"deploy key behind the count", 7, 1},
        {"rollback floor over counter", 35, 0x56},
        {"unknown flag 64", 36, 64},
        {"unknown flag 2^31", 39, 128},
        {"unused image key space", 199, 1},
    };
    struct godwit_policy policy = sample(), back;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CASE(i);
        uint8_t data[GODWIT_POLICY_BYTES];
        godwit_policy_encode(&policy, data);
        data[rows[i].offset] = rows[i].value;
        if (godwit_policy_decode(data, false, &back) != GODWIT_ERR_FORMAT ||
            godwit_policy_decode(data, true, &back) != GODWIT_ERR_FORMAT)
            fail_msg("accepted: %s", rows[i].fault);
        assert_int_equal(back.image_keys_count, 0);
    }
}

static void refuses_the_same_key_twice(void **state)
{
    (void)state;
    struct godwit_policy policy = sample(), back;
    uint8_t data[GODWIT_POLICY_BYTES];
    memcpy(policy.image_keys[2], policy.image_keys[0], 32);
    godwit_policy_encode(&policy, data);
    assert_int_equal(godwit_policy_decode(data, false, &back), GODWIT_ERR_FORMAT);
    policy = sample();
    memcpy(policy.deploy_keys[1], policy.deploy_keys[0], 64);
    godwit_policy_encode(&policy, data);
    assert_int_equal(godwit_policy_decode(data, false, &back), GODWIT_ERR_FORMAT);
}

static void takes_an_open_policy_as_initial_only(void **state)
{
    (void)state;
    struct godwit_policy open = {.flags = GODWIT_POLICY_OPEN, .deploy_keys_count = 1}, back;
    uint8_t data[GODWIT_POLICY_BYTES];
    memset(open.deploy_keys[0], 7, 64);
    godwit_policy_encode(&open, data);
    assert_int_equal(godwit_policy_decode(data, true, &back), GODWIT_OK);
    assert_int_equal(godwit_policy_decode(data, false, &back), GODWIT_ERR_FORMAT);

    /* Open and a key list contradict each other. */
    open.image_keys_count = 1;
    open.image_keys[0][0] = 1;
    godwit_policy_encode(&open, data);
    assert_int_equal(godwit_policy_decode(data, true, &back), GODWIT_ERR_FORMAT);
    open.threshold = 1;
    godwit_policy_encode(&open, data);
    assert_int_equal(godwit_policy_decode(data, true, &back), GODWIT_ERR_FORMAT);

    /* Without the flag, no keys means nothing at all is trusted, not everything. */
    struct godwit_policy none = {0};
    godwit_policy_encode(&none, data);
    assert_int_equal(godwit_policy_decode(data, true, &back), GODWIT_ERR_FORMAT);
}

static void trusts_its_keys_and_no_other(void **state)
{
    (void)state;
    struct godwit_policy policy = sample();
    uint8_t digest[32];
    for (uint8_t i = 0; i < 3; i++) {
        memset(digest, 0xB0 + i, sizeof digest);
        assert_true(godwit_policy_trusts(&policy, digest));
    }
    digest[31] ^= 1;
    assert_false(godwit_policy_trusts(&policy, digest));
    memset(digest, 0, sizeof digest); /* the unused places are zero */
    assert_false(godwit_policy_trusts(&policy, digest));
    memset(digest, 0xB2, sizeof digest);
    policy.image_keys_count = 2;
    assert_false(godwit_policy_trusts(&policy, digest));
}

/* printf 'godwit-product:default/thermostat' | sha256sum | cut -c1-32 */
static void names_a_product_by_its_hash(void **state)
{
    (void)state;
    static const uint8_t expected[16] = {0x97, 0x94, 0xe7, 0x6b, 0x13, 0x27, 0x3b, 0x30,
                                         0xd1, 0x57, 0x59, 0x5e, 0x56, 0x49, 0xdc, 0xd6};
    uint8_t id[16];
    assert_int_equal(godwit_product_id("default", "thermostat", id), GODWIT_OK);
    assert_memory_equal(id, expected, sizeof id);
    assert_int_equal(godwit_product_id("default", "thermostat2", id), GODWIT_OK);
    assert_memory_not_equal(id, expected, sizeof id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lies_in_the_block_as_the_format_says),
        cmocka_unit_test(comes_back_as_it_went),
        cmocka_unit_test(refuses_each_fault),
        cmocka_unit_test(refuses_the_same_key_twice),
        cmocka_unit_test(takes_an_open_policy_as_initial_only),
        cmocka_unit_test(trusts_its_keys_and_no_other),
        cmocka_unit_test(names_a_product_by_its_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
