/* I1 against bytes and a signature made by an independent program (Python: struct, hashlib,
 * cryptography); each fault refused; and the rule for policies without a deploy key. */
#include "base/text.h"
#include "case.h"
#include "formats/instruction.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char body_hex[] =
    "475749310106c000a0b1c2d3e4f500000000000000000000101112131415161718191a1b1c1d1e1f08070605"
    "040302017ba8da769b0100008051010056341200222222222222222222222222222222222222222222222222"
    "2222222222222222070000000300000005000000333333333333333333333333333333330600000044444444"
    "4444444444444444444444444444444444444444444444444444444489070000090000005555555555555555"
    "55555555555555550000000000000000";
static const char digest_hex[] = "46afe74354b2ba985055584d50b25785fbd50ff6cc8c3caf62e5d87cba878d20";
static const char signature_hex[] =
    "5ab83335b7e5804f3079e0efe0bd0fbaf46feb9c3719977b1b6acb7d38082e1e3e52231ed4aa1a95dc255d6c"
    "467d4bc5c0064547db0875cf79edf3d3988d235c";
static const char key_hex[] =
    "f9ebe464147cc102d92324d099d927c1a50e42d57a08a116ffec0a29819d8c6570baf7d12888902a6a0c1d67"
    "add103123c859ab69bf8e9431c9384930d4b7eee";
static const char other_key_hex[] =
    "27dc812de9374f35b5ff02901dd3f0225bddad4dafed3f1dfcc068c9e0f5ab7b8ed95e95d913435e93e5ac18"
    "196c1eb88df7156b3ed0f3cc7f9095857eb0ffde";

static struct godwit_instruction sample(void)
{
    struct godwit_instruction sample = {
        .flags = GODWIT_INSTRUCTION_INSTALL | GODWIT_INSTRUCTION_ALLOW_DOWNGRADE,
        .device_id = {0xA0, 0xB1, 0xC2, 0xD3, 0xE4, 0xF5},
        .sequence = 0x0102030405060708,
        .server_time_ms = 1767225600123,
        .valid_s = 86400,
        .file_size = 0x123456,
        .counter = 7,
        .secure_version = 3,
        .chip_id = 5,
        .delta_base_counter = 6,
        .patch_size = 0x789,
        .rollout_id = 9,
    };
    for (uint8_t i = 0; i < 16; i++)
        sample.nonce[i] = 0x10 + i;
    memset(sample.file_sha256, 0x22, 32);
    memset(sample.product_id, 0x33, 16);
    memset(sample.patch_sha256, 0x44, 32);
    memset(sample.checkpoint, 0x55, 16);
    return sample;
}

static void unhex(const char *text, uint8_t *out, size_t size)
{
    assert_int_equal(godwit_hex_decode(text, strlen(text), out, size), GODWIT_OK);
}

/* The body with its signature, and a policy that trusts the other key first, then the right one. */
static void signed_sample(uint8_t data[static GODWIT_INSTRUCTION_SIZE],
                          struct godwit_policy *policy)
{
    unhex(body_hex, data, GODWIT_INSTRUCTION_BODY_SIZE);
    unhex(signature_hex, data + GODWIT_INSTRUCTION_BODY_SIZE, 64);
    *policy = (struct godwit_policy){.deploy_keys_count = 2};
    unhex(other_key_hex, policy->deploy_keys[0], 64);
    unhex(key_hex, policy->deploy_keys[1], 64);
}

static void encodes_to_the_bytes_another_program_made(void **state)
{
    (void)state;
    uint8_t expected[GODWIT_INSTRUCTION_BODY_SIZE], data[GODWIT_INSTRUCTION_BODY_SIZE];
    struct godwit_instruction instruction = sample();
    unhex(body_hex, expected, sizeof expected);
    memset(data, 0xEE, sizeof data);
    godwit_instruction_encode(&instruction, data);
    assert_memory_equal(data, expected, sizeof data);
}

static void decodes_them_back(void **state)
{
    (void)state;
    uint8_t data[GODWIT_INSTRUCTION_BODY_SIZE];
    struct godwit_instruction instruction = sample(), back;
    unhex(body_hex, data, sizeof data);
    memset(&back, 0xEE, sizeof back);
    assert_int_equal(godwit_instruction_decode(data, &back), GODWIT_OK);
    uint8_t again[GODWIT_INSTRUCTION_BODY_SIZE];
    godwit_instruction_encode(&back, again);
    assert_memory_equal(again, data, sizeof data);
    assert_int_equal(back.flags, instruction.flags);
    assert_true(back.sequence == instruction.sequence);
    assert_true(back.server_time_ms == instruction.server_time_ms);
    assert_memory_equal(back.device_id, instruction.device_id, 16);
    assert_memory_equal(back.nonce, instruction.nonce, 16);
    assert_int_equal(back.file_size, instruction.file_size);
    assert_int_equal(back.chip_id, instruction.chip_id);
    assert_int_equal(back.rollout_id, instruction.rollout_id);
}

static void the_next_ca_stands_before_the_signature(void **state)
{
    (void)state;
    uint8_t data[GODWIT_INSTRUCTION_BODY_SIZE];
    struct godwit_instruction instruction = sample(), back;
    memcpy(instruction.next_ca, "next-ca!", 8);
    godwit_instruction_encode(&instruction, data);
    assert_memory_equal(data + 184, "next-ca!", 8);
    assert_int_equal(godwit_instruction_decode(data, &back), GODWIT_OK);
    assert_memory_equal(back.next_ca, "next-ca!", 8);
    assert_int_equal(back.flags, instruction.flags);
}

static void refuses_each_fault(void **state)
{
    (void)state;
    static const struct {
        const char *fault;
        size_t offset;
        uint8_t value;
    } rows[] = {
        {"magic", 0, 'X'},         {"magic", 3, '2'},         {"version 0", 4, 0},
        {"version 2", 4, 2},       {"no verb", 5, 4},         {"stay and install", 5, 3},
        {"unknown flag", 5, 0x22}, {"unknown flag", 5, 0x82}, {"length 193", 6, 193},
        {"length 448", 7, 1},      {"zero at 106", 106, 1},   {"zero at 107", 107, 1},
    };
    struct godwit_instruction back;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CASE(i);
        uint8_t data[GODWIT_INSTRUCTION_BODY_SIZE];
        unhex(body_hex, data, sizeof data);
        data[rows[i].offset] = rows[i].value;
        if (godwit_instruction_decode(data, &back) != GODWIT_ERR_FORMAT)
            fail_msg("accepted: %s at %zu", rows[i].fault, rows[i].offset);
        assert_int_equal(back.flags, 0);
    }
}

static void takes_each_single_verb(void **state)
{
    (void)state;
    uint8_t data[GODWIT_INSTRUCTION_BODY_SIZE];
    struct godwit_instruction back;
    unhex(body_hex, data, sizeof data);
    data[5] = GODWIT_INSTRUCTION_NO_UPDATE;
    assert_int_equal(godwit_instruction_decode(data, &back), GODWIT_OK);
    data[5] = 31 & ~GODWIT_INSTRUCTION_NO_UPDATE; /* install with every modifier */
    assert_int_equal(godwit_instruction_decode(data, &back), GODWIT_OK);
}

static void hashes_the_context_and_the_body(void **state)
{
    (void)state;
    uint8_t data[GODWIT_INSTRUCTION_BODY_SIZE], digest[32], expected[32];
    unhex(body_hex, data, sizeof data);
    unhex(digest_hex, expected, sizeof expected);
    assert_int_equal(godwit_instruction_digest(data, digest), GODWIT_OK);
    assert_memory_equal(digest, expected, sizeof digest);
}

static void verifies_by_any_deploy_key_and_says_which(void **state)
{
    (void)state;
    uint8_t data[GODWIT_INSTRUCTION_SIZE];
    struct godwit_policy policy;
    uint32_t key_index;
    signed_sample(data, &policy);
    assert_int_equal(godwit_instruction_verify(data, &policy, &key_index), GODWIT_OK);
    assert_int_equal(key_index, 1);

    memcpy(policy.deploy_keys[0], policy.deploy_keys[1], 64);
    assert_int_equal(godwit_instruction_verify(data, &policy, &key_index), GODWIT_OK);
    assert_int_equal(key_index, 0);

    /* The right key stands behind the count. */
    signed_sample(data, &policy);
    policy.deploy_keys_count = 1;
    assert_int_equal(godwit_instruction_verify(data, &policy, &key_index), GODWIT_ERR_TRUST);
}

static void refuses_a_flip_of_every_byte(void **state)
{
    (void)state;
    uint8_t data[GODWIT_INSTRUCTION_SIZE];
    struct godwit_policy policy;
    uint32_t key_index;
    signed_sample(data, &policy);
    for (size_t i = 0; i < sizeof data; i++) {
        CASE(i);
        data[i] ^= 0x01;
        assert_int_equal(godwit_instruction_verify(data, &policy, &key_index), GODWIT_ERR_TRUST);
        data[i] ^= 0x01;
    }
    assert_int_equal(godwit_instruction_verify(data, &policy, &key_index), GODWIT_OK);
}

static void without_deploy_keys_takes_only_an_empty_signature(void **state)
{
    (void)state;
    uint8_t data[GODWIT_INSTRUCTION_SIZE];
    struct godwit_policy policy;
    uint32_t key_index = 5;
    signed_sample(data, &policy);
    policy.deploy_keys_count = 0;
    assert_int_equal(godwit_instruction_verify(data, &policy, &key_index), GODWIT_ERR_TRUST);
    memset(data + GODWIT_INSTRUCTION_BODY_SIZE, 0, 64);
    assert_int_equal(godwit_instruction_verify(data, &policy, &key_index), GODWIT_OK);
    assert_int_equal(key_index, 0);
    data[GODWIT_INSTRUCTION_SIZE - 1] = 1;
    assert_int_equal(godwit_instruction_verify(data, &policy, &key_index), GODWIT_ERR_TRUST);

    /* With a deploy key, an empty signature is none. */
    signed_sample(data, &policy);
    memset(data + GODWIT_INSTRUCTION_BODY_SIZE, 0, 64);
    assert_int_equal(godwit_instruction_verify(data, &policy, &key_index), GODWIT_ERR_TRUST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_to_the_bytes_another_program_made),
        cmocka_unit_test(decodes_them_back),
        cmocka_unit_test(the_next_ca_stands_before_the_signature),
        cmocka_unit_test(refuses_each_fault),
        cmocka_unit_test(takes_each_single_verb),
        cmocka_unit_test(hashes_the_context_and_the_body),
        cmocka_unit_test(verifies_by_any_deploy_key_and_says_which),
        cmocka_unit_test(refuses_a_flip_of_every_byte),
        cmocka_unit_test(without_deploy_keys_takes_only_an_empty_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
