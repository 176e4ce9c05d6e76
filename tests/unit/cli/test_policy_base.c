/* Policies that go on from the release that is out, and what can be left out of them. */
#include "cli/policy_base.h"
#include "cli/policy_make.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "case.h"
#include "emu/pack.h"
#include "support/temp_dir.h"

#define NOT_GIVEN .rollback_floor = UINT32_MAX, .threshold = UINT32_MAX
#define KEYS_MAX 3

static char folder[64], out_path[128], key_paths[KEYS_MAX][128];
static char digests[KEYS_MAX][65], point[129];
static struct key *keys[KEYS_MAX];

static void write_file(const char *path, const uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

static int setup(void **state)
{
    (void)state;
    temp_dir_make(folder);
    snprintf(out_path, sizeof out_path, "%s/out.bin", folder);
    for (size_t i = 0; i < KEYS_MAX; i++) {
        uint8_t digest[32];
        struct godwit_public_key public;
        keys[i] = key_generate(GODWIT_SCHEME_ECDSA256);
        snprintf(key_paths[i], sizeof key_paths[i], "%s/%zu.pem", folder, i);
        if (!keys[i] || key_save(keys[i], key_paths[i]) || key_digest(keys[i], digest)) return -1;
        godwit_hex_encode(digest, 32, digests[i]);
        key_public(keys[i], &public);
        if (i == 2) godwit_hex_encode(public.point, 64, point);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS_MAX; i++)
        key_close(keys[i]);
    temp_dir_drop(folder);
    return 0;
}

/* The release that is out: keys 0 and 1 may sign, key 2 deploys; signed by key 0 where asked. */
static struct godwit_policy former(void)
{
    struct godwit_policy policy = {.hardware_mask = 6,
                                   .counter = 7,
                                   .rollback_floor = 3,
                                   .flags =
                                       GODWIT_POLICY_ALLOW_LAN_PUSH | GODWIT_POLICY_TRUST_RESET,
                                   .threshold = 2,
                                   .image_keys_count = 2,
                                   .deploy_keys_count = 1};
    assert_int_equal(godwit_product_id("default", "thermostat", policy.product_id), GODWIT_OK);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(godwit_hex_decode(digests[i], 64, policy.image_keys[i], 32), GODWIT_OK);
    assert_int_equal(godwit_hex_decode(point, 128, policy.deploy_keys[0], 64), GODWIT_OK);
    return policy;
}

static void write_release(const struct godwit_policy *policy, bool is_signed, bool is_spoilt)
{
    const struct pack_options options = {.chip = godwit_chip_by_name("esp32c3"),
                                         .project = "thermostat",
                                         .version = "1.0.0",
                                         .size = 8192};
    uint8_t bytes[GODWIT_POLICY_BYTES], *data, *signed_data = NULL;
    enum godwit_reason reason;
    size_t size;
    assert_int_equal(pack_image(&options, &data, &size), GODWIT_OK);
    if (policy) {
        godwit_policy_encode(policy, bytes);
        assert_int_equal(image_put_policy(bytes, data, size, &reason), GODWIT_OK);
    }
    if (is_signed) {
        size_t signed_size;
        assert_int_equal(image_sign(keys[0], data, size, &signed_data, &signed_size, &reason),
                         GODWIT_OK);
        if (is_spoilt) signed_data[3000] ^= 1;
        write_file(out_path, signed_data, signed_size);
    } else {
        write_file(out_path, data, size);
    }
    free(signed_data);
    free(data);
}

static struct policy_request next_wanted(void)
{
    return (struct policy_request){.path = "x.bin", .image = out_path, .counter = 8, NOT_GIVEN};
}

static void all_goes_on_from_the_image(void **state)
{
    (void)state;
    struct godwit_policy old = former(), policy;
    write_release(&old, true, false);
    struct policy_request wanted = next_wanted();
    assert_true(policy_make(&wanted, "thermostat", &policy));
    struct godwit_policy want = old;
    want.counter = 8;
    want.flags = GODWIT_POLICY_ALLOW_LAN_PUSH; /* a trust reset is of one release */
    assert_memory_equal(&policy, &want, sizeof want);

    wanted.keys = (struct option_list){{key_paths[0], key_paths[2]}, 2}; /* the first is listed */
    wanted.deploy_keys = (struct option_list){{key_paths[2], key_paths[1]}, 2};
    wanted.hardware = "any", wanted.threshold = 1, wanted.rollback_floor = 8;
    assert_true(policy_make(&wanted, "thermostat", &policy));
    assert_int_equal(policy.image_keys_count, 3);
    assert_int_equal(policy.deploy_keys_count, 2);
    assert_int_equal(policy.hardware_mask, 0);
    assert_int_equal(policy.threshold, 1);
    assert_int_equal(policy.rollback_floor, 8);
}

static void what_is_dropped_is_gone(void **state)
{
    (void)state;
    struct godwit_policy old = former(), policy;
    write_release(&old, true, false);
    const char *const names[] = {key_paths[0], digests[0]};
    for (size_t i = 0; i < 2; i++) {
        struct policy_request wanted = next_wanted();
        wanted.threshold = 1;
        wanted.drops = (struct option_list){{names[i], "allow-lan-push"}, 2};
        assert_true(policy_make(&wanted, "thermostat", &policy));
        assert_int_equal(policy.image_keys_count, 1);
        assert_memory_equal(policy.image_keys[0], old.image_keys[1], 32);
        assert_true(godwit_all(policy.image_keys[1], 32, 0));
        assert_int_equal(policy.flags, 0);
    }
    char part[20];
    snprintf(part, sizeof part, "%.16s…", point); /* as `godwit policy` shows a deploy key */
    const char *const deploy_names[] = {key_paths[2], point, part};
    for (size_t i = 0; i < 3; i++) {
        struct policy_request wanted = next_wanted();
        wanted.drops = (struct option_list){{deploy_names[i]}, 1};
        assert_false(policy_make(&wanted, "thermostat", &policy)); /* none is left */
        wanted.deploy_keys = (struct option_list){{key_paths[1]}, 1};
        assert_true(policy_make(&wanted, "thermostat", &policy));
        assert_int_equal(policy.deploy_keys_count, 1);
        assert_memory_not_equal(policy.deploy_keys[0], old.deploy_keys[0], 64);
    }
}

static void drops_that_can_not_be(void **state)
{
    (void)state;
    struct godwit_policy old = former(), policy;
    write_release(&old, true, false);
    static const char *const strangers[] = {"nowhere.pem", "abcd", "require-secure-boot", "",
                                            "00112233445566778899aabbccddeeff"};
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        CASE(i);
        struct policy_request wanted = next_wanted();
        wanted.drops = (struct option_list){{strangers[i]}, 1};
        assert_false(policy_make(&wanted, "thermostat", &policy));
    }
    struct policy_request wanted = next_wanted();
    wanted.threshold = 1;
    wanted.drops = (struct option_list){{key_paths[0], key_paths[1]}, 2};
    assert_false(policy_make(&wanted, "thermostat", &policy)); /* no key is left */
    wanted.drops.count = 1;
    assert_true(policy_make(&wanted, "thermostat", &policy));
    wanted.keys = (struct option_list){{key_paths[0]}, 1};
    assert_false(policy_make(&wanted, "thermostat", &policy)); /* out and in */
    wanted.keys.count = 0, wanted.threshold = UINT32_MAX;
    assert_false(policy_make(&wanted, "thermostat", &policy)); /* 2 of 1 */
}

static void an_image_that_was_not_out(void **state)
{
    (void)state;
    struct godwit_policy old = former(), policy;
    struct policy_request wanted = next_wanted();
    write_release(&old, false, false);
    assert_false(policy_make(&wanted, "thermostat", &policy)); /* not signed */
    write_release(NULL, true, false);
    assert_false(policy_make(&wanted, "thermostat", &policy)); /* no policy */
    write_release(&old, true, true);
    assert_false(policy_make(&wanted, "thermostat", &policy)); /* damaged */
    write_file(out_path, (const uint8_t *)"x", 1);
    assert_false(policy_make(&wanted, "thermostat", &policy));
    wanted.image = "/nowhere/at/all.bin";
    assert_false(policy_make(&wanted, "thermostat", &policy));
    wanted.image = out_path;
    write_release(&old, true, false);
    assert_true(policy_make(&wanted, "thermostat", &policy));
    memset(old.product_id, 0, sizeof old.product_id);
    write_release(&old, true, false);
    assert_false(policy_make(&wanted, "thermostat", &policy)); /* of another product */
}

static void what_devices_would_refuse(void **state)
{
    (void)state;
    struct godwit_policy old = former(), policy;
    write_release(&old, true, false);
    struct policy_request wanted = next_wanted();
    wanted.counter = 7;
    assert_false(policy_make(&wanted, "thermostat", &policy));
    wanted.counter = 8, wanted.rollback_floor = 2;
    assert_false(policy_make(&wanted, "thermostat", &policy));
    wanted.rollback_floor = UINT32_MAX, wanted.threshold = 1;
    wanted.drops = (struct option_list){{key_paths[0], key_paths[1]}, 2};
    wanted.keys = (struct option_list){{key_paths[2]}, 1};
    assert_false(policy_make(&wanted, "thermostat", &policy)); /* nothing in common */
    wanted.trust_reset = true;
    assert_true(policy_make(&wanted, "thermostat", &policy));
}

static void a_policy_without_deploy_key_needs_an_override(void **state)
{
    (void)state;
    struct godwit_policy policy;
    struct policy_request wanted = {
        .path = "x.bin", .counter = 1, NOT_GIVEN, .keys = {{digests[0]}, 1}};
    assert_false(policy_make(&wanted, "thermostat", &policy));
    wanted.no_deploy_key = true;
    assert_true(policy_make(&wanted, "thermostat", &policy));
    wanted.deploy_keys = (struct option_list){{key_paths[2]}, 1};
    assert_false(policy_make(&wanted, "thermostat", &policy)); /* one and none */
    struct godwit_policy old = former();
    write_release(&old, true, false);
    wanted = next_wanted();
    wanted.no_deploy_key = true;
    assert_true(policy_make(&wanted, "thermostat", &policy));
    assert_int_equal(policy.deploy_keys_count, 0);
    assert_true(godwit_all(policy.deploy_keys[0], 64, 0));
}

/* The same name is another product in another organisation. */
static void whose_the_product_is(void **state)
{
    struct policy_request wanted = {
        .path = "x.bin", .org = "acme", .counter = 1, .no_deploy_key = true, NOT_GIVEN};
    struct godwit_policy policy, former;
    uint8_t acme[16], first[16];
    (void)state;
    assert_int_equal(godwit_product_id("acme", "thermostat", acme), GODWIT_OK);
    assert_int_equal(godwit_product_id(GODWIT_ORG, "thermostat", first), GODWIT_OK);
    assert_true(policy_base(&wanted, "thermostat", &policy, &former));
    assert_memory_equal(policy.product_id, acme, 16);
    wanted.org = NULL;
    assert_true(policy_base(&wanted, "thermostat", &policy, &former));
    assert_memory_equal(policy.product_id, first, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_goes_on_from_the_image),
        cmocka_unit_test(what_is_dropped_is_gone),
        cmocka_unit_test(drops_that_can_not_be),
        cmocka_unit_test(an_image_that_was_not_out),
        cmocka_unit_test(what_devices_would_refuse),
        cmocka_unit_test(a_policy_without_deploy_key_needs_an_override),
        cmocka_unit_test(whose_the_product_is),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
