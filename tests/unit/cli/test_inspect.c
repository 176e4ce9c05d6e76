/* What `inspect` finds, on files of others and on files broken in more than one place. */
#include "cli/inspect.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/text.h"
#include "case.h"
#include "emu/pack.h"
#include "formats/chip.h"
#include "formats/name.h"
#include "support/golden.h"

static struct inspection inspection;

static bool has_problem(enum godwit_reason reason)
{
    for (size_t i = 0; i < inspection.check.problems_count; i++)
        if (inspection.check.problems[i].reason == reason) return true;
    return false;
}

static void look(const uint8_t *data, size_t size)
{
    assert_int_equal(inspect(&inspection, "file", data, size), GODWIT_OK);
}

static const char *member(json_t *json, const char *name)
{
    return json_string_value(json_object_get(json, name));
}

static void test_signed_file_of_espsecure(void **state)
{
    (void)state;
    static const char *const SCHEMES[] = {"rsa3072", "ecdsa256", "ecdsa384"};
    size_t size;
    uint8_t *data = golden_read("images/minimal-three.bin", &size);
    char *digests = (char *)golden_read("images/key-digests.txt", &(size_t){0});
    look(data, size);
    json_t *json = inspection_json(&inspection), *list = json_object_get(json, "signatures");
    assert_string_equal(member(json, "kind"), "app");
    assert_string_equal(member(json, "chip"), "esp32c3");
    assert_string_equal(member(json, "project"), "minimal");
    assert_string_equal(member(json, "version"), "1.0.0");
    assert_int_equal(json_integer_value(json_object_get(json, "chip_id")), 5);
    assert_int_equal(json_integer_value(json_object_get(json, "size")), 8192);
    assert_int_equal(json_array_size(json_object_get(json, "problems")), 0);
    assert_int_equal(json_array_size(list), 3);
    for (size_t i = 0; i < 3; i++) {
        json_t *block = json_array_get(list, i);
        assert_string_equal(member(block, "scheme"), SCHEMES[i]);
        assert_true(json_is_true(json_object_get(block, "good")));
        const char *row = strstr(digests, SCHEMES[i]) + strlen(SCHEMES[i]) + 1;
        assert_memory_equal(member(block, "key_digest"), row, 64);
    }
    json_decref(json);
    free(data), free(digests);
}

static void test_every_problem_is_reported(void **state)
{
    (void)state;
    size_t size;
    uint8_t *data = golden_read("images/minimal-three.bin", &size);
    data[700] ^= 1;           /* in a segment */
    data[4096 + 1196] ^= 1;   /* CRC of the first block */
    data[4096 + 4000] = 0x00; /* behind the blocks */
    look(data, size);
    assert_true(has_problem(GODWIT_REASON_CHECKSUM));
    assert_true(has_problem(GODWIT_REASON_IMAGE_DIGEST));
    assert_true(has_problem(GODWIT_REASON_SIGNATURE_FORMAT));
    assert_true(has_problem(GODWIT_REASON_SIGNATURE_DIGEST));
    assert_int_equal(inspection.check.problems_count, 6); /* two blocks are of other bytes */
    assert_int_equal(inspection.check.signatures_count, 3);
    assert_string_equal(inspection.check.image.info.version, "1.0.0");
    free(data);
}

static void test_what_is_no_app(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *kind;
    } ROWS[] = {{"", "empty"},
                {"\x7f"
                 "ELF....",
                 "elf"},
                {"<!DOCTYPE html>", "html"}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        CASE(i);
        look((const uint8_t *)ROWS[i].bytes, strlen(ROWS[i].bytes));
        json_t *json = inspection_json(&inspection);
        assert_string_equal(member(json, "kind"), ROWS[i].kind);
        assert_true(json_is_null(json_object_get(json, "chip")));
        assert_true(json_is_null(json_object_get(json, "image_sha256")));
        assert_true(has_problem(GODWIT_REASON_NOT_AN_IMAGE));
        json_decref(json);
    }
}

static void test_secure_boot_v1_has_its_own_words(void **state)
{
    (void)state;
    size_t size;
    uint8_t *data = golden_read("images/minimal.bin", &size);
    uint8_t *file = calloc(1, size + 68);
    memcpy(file, data, size);
    memset(file + size + 4, 0x5A, 64);
    look(file, size + 68);
    assert_int_equal(inspection.check.problems_count, 1);
    assert_int_equal(inspection.check.problems[0].reason, GODWIT_REASON_TRAILING_DATA);
    assert_non_null(strstr(inspection.check.problems[0].message, "Secure Boot v1"));
    file[size] = 1; /* not version 0: just bytes */
    look(file, size + 68);
    assert_null(strstr(inspection.check.problems[0].message, "Secure Boot v1"));
    free(file), free(data);
}

static void test_policy(void **state)
{
    (void)state;
    struct godwit_policy policy = {.threshold = 1,
                                   .image_keys_count = 1,
                                   .counter = UINT32_MAX,
                                   .rollback_floor = 2,
                                   .flags = GODWIT_POLICY_TRUST_RESET};
    uint8_t bytes[GODWIT_POLICY_SIZE], *data;
    size_t size;
    memset(policy.image_keys[0], 0x11, 32);
    godwit_policy_encode(&policy, bytes);
    struct pack_options options = {
        .chip = godwit_chip_by_name("esp32"), .project = "p", .version = "1", .policy = bytes};
    assert_int_equal(pack_image(&options, &data, &size), GODWIT_OK);
    look(data, size);
    free(data);
    assert_int_equal(inspection.check.problems_count, 0);
    json_t *json = inspection_json(&inspection), *shown = json_object_get(json, "policy");
    assert_int_equal(json_integer_value(json_object_get(shown, "counter")), UINT32_MAX);
    assert_int_equal(json_array_size(json_object_get(shown, "flags")), 1);
    assert_int_equal(json_array_size(json_object_get(shown, "boards")), 0);
    assert_int_equal(json_array_size(json_object_get(shown, "signed_by")), 0);
    assert_true(json_is_null(json_object_get(shown, "product"))); /* of no project */
    assert_string_equal(member(json, "policy_place"), "policy");
    json_decref(json);

    bytes[5] = 9; /* threshold over the key count */
    assert_int_equal(pack_image(&options, &data, &size), GODWIT_OK);
    look(data, size);
    free(data);
    assert_true(has_problem(GODWIT_REASON_POLICY_FORMAT));
}

/* Product by name, board revisions one by one, and the listed key that signed. */
static void test_policy_of_a_signed_file(void **state)
{
    (void)state;
    struct key *key = key_generate(GODWIT_SCHEME_ECDSA256);
    assert_non_null(key);
    struct godwit_policy policy = {
        .threshold = 1, .image_keys_count = 2, .counter = 1, .hardware_mask = 1u << 31 | 1};
    memset(policy.image_keys[0], 0x11, 32);
    assert_int_equal(key_digest(key, policy.image_keys[1]), GODWIT_OK);
    assert_int_equal(godwit_product_id("default", "kettle", policy.product_id), GODWIT_OK);
    uint8_t bytes[GODWIT_POLICY_SIZE], *plain, *data;
    size_t plain_size, size;
    enum godwit_reason reason;
    godwit_policy_encode(&policy, bytes);
    struct pack_options options = {
        .chip = godwit_chip_by_name("esp32"), .project = "kettle", .version = "1"};
    assert_int_equal(pack_image(&options, &plain, &plain_size), GODWIT_OK);
    look(plain, plain_size);
    json_t *json = inspection_json(&inspection);
    assert_string_equal(member(json, "policy_place"), "placeholder");
    json_decref(json);
    assert_int_equal(image_put_policy(bytes, plain, plain_size, &reason), GODWIT_OK);
    assert_int_equal(image_sign(key, plain, plain_size, &data, &size, &reason), GODWIT_OK);
    look(data, size);
    json = inspection_json(&inspection);
    json_t *shown = json_object_get(json, "policy"), *boards = json_object_get(shown, "boards");
    json_t *signers = json_object_get(shown, "signed_by"), *block;
    assert_string_equal(member(shown, "product"), "kettle");
    assert_int_equal(json_array_size(boards), 2);
    assert_int_equal(json_integer_value(json_array_get(boards, 1)), 31);
    assert_int_equal(json_array_size(signers), 1);
    block = json_array_get(json_object_get(json, "signatures"), 0);
    assert_string_equal(json_string_value(json_array_get(signers, 0)), member(block, "key_digest"));
    json_decref(json);

    data[700] ^= 1; /* the signature is of other bytes: nobody has signed these */
    look(data, size);
    assert_false(inspection_is_signed_by(&inspection, policy.image_keys[1]));
    free(plain), free(data);
    key_close(key);
}

static void test_texts_can_not_harm(void **state)
{
    (void)state;
    static const char *const ROWS[][2] = {
        {"1.0.0", "1.0.0"},
        {"\x1b[31mred\n", "?[31mred?"},
        {"Caf\xc3\xa9", "Caf\xc3\xa9"},
        {"Caf\xe9", "Caf?"},
        {"\x7f", "?"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        CASE(i);
        char out[64];
        assert_string_equal(godwit_text_clean(ROWS[i][0], out), ROWS[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signed_file_of_espsecure),
        cmocka_unit_test(test_every_problem_is_reported),
        cmocka_unit_test(test_what_is_no_app),
        cmocka_unit_test(test_secure_boot_v1_has_its_own_words),
        cmocka_unit_test(test_policy),
        cmocka_unit_test(test_policy_of_a_signed_file),
        cmocka_unit_test(test_texts_can_not_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
