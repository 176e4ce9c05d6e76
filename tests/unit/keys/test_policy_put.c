/* A policy put into images: what is read afterwards, and what must not be touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "case.h"
#include "emu/pack.h"
#include "formats/image.h"
#include "formats/policy.h"
#include "keys/keys.h"
#include "support/golden.h"

static void make_policy(uint32_t counter, uint8_t out[static 328])
{
    struct godwit_policy policy = {.threshold = 1, .image_keys_count = 1, .counter = counter};
    memset(policy.image_keys[0], 0x37, 32);
    godwit_policy_encode(&policy, out);
}

static uint8_t *packed(const uint8_t *policy, size_t *size)
{
    const struct pack_options options = {.chip = godwit_chip_by_name("esp32c3"),
                                         .project = "thermostat",
                                         .version = "1.0.0",
                                         .size = 8000,
                                         .seed = 5,
                                         .policy = policy};
    uint8_t *data;
    assert_int_equal(pack_image(&options, &data, size), GODWIT_OK);
    return data;
}

static void put(const uint8_t *policy, uint8_t *data, size_t size, godwit_err wanted,
                enum godwit_reason wanted_reason)
{
    enum godwit_reason reason;
    uint8_t *before = malloc(size);
    memcpy(before, data, size);
    assert_int_equal(image_put_policy(policy, data, size, &reason), wanted);
    assert_int_equal(reason, wanted_reason);
    if (wanted) assert_memory_equal(data, before, size);
    free(before);
}

/* The packer writes the same image at once: both ways must agree in every byte. */
static void test_fills_the_placeholder(void **state)
{
    (void)state;
    uint8_t policy[328];
    size_t size, same_size;
    make_policy(7, policy);
    uint8_t *data = packed(NULL, &size), *same = packed(policy, &same_size);
    assert_int_equal(policy_place(data, size), POLICY_PLACE_EMPTY);
    put(policy, data, size, GODWIT_OK, GODWIT_REASON_NONE);
    assert_int_equal(policy_place(data, size), POLICY_PLACE_FILLED);
    assert_int_equal(size, same_size);
    assert_memory_equal(data, same, size);
    free(data), free(same);
}

static void test_replaces_an_older_policy(void **state)
{
    (void)state;
    uint8_t older[328], newer[328];
    size_t size;
    make_policy(7, older);
    make_policy(8, newer);
    older[5] = 9; /* malformed, and a policy all the same */
    uint8_t *data = packed(older, &size), *same = packed(newer, &size);
    put(newer, data, size, GODWIT_OK, GODWIT_REASON_NONE);
    assert_memory_equal(data, same, size);
    free(data), free(same);
}

/* Padding behind the image, as `elf2image --secure-pad-v2` leaves it, stays as it is. */
static void test_keeps_what_stands_behind(void **state)
{
    (void)state;
    uint8_t policy[328], *padded = malloc(8192);
    size_t size;
    make_policy(7, policy);
    uint8_t *data = packed(NULL, &size), *same = packed(policy, &size);
    memset(padded, 0xFF, 8192);
    memcpy(padded, data, size);
    put(policy, padded, 8192, GODWIT_OK, GODWIT_REASON_NONE);
    assert_memory_equal(padded, same, size);
    for (size_t i = size; i < 8192; i++) {
        CASE(i);
        assert_int_equal(padded[i], 0xFF);
    }
    free(data), free(same), free(padded);
}

static void test_refuses_a_signed_file(void **state)
{
    (void)state;
    uint8_t policy[328];
    size_t size;
    make_policy(7, policy);
    uint8_t *data = golden_read("images/minimal-ecdsa256.bin", &size);
    put(policy, data, size, GODWIT_ERR_BUSY, GODWIT_REASON_NONE);
    free(data);
}

static void test_refuses_other_bytes(void **state)
{
    (void)state;
    uint8_t policy[328], other[328] = {0};
    size_t size;
    make_policy(7, policy);
    static const size_t PLACES[] = {0, 4, 200, 327};
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++) {
        CASE(i);
        other[PLACES[i]] = 1;
        uint8_t *data = packed(other, &size);
        assert_int_equal(policy_place(data, size), POLICY_PLACE_OTHER);
        put(policy, data, size, GODWIT_ERR_MISSING, GODWIT_REASON_NONE);
        free(data);
        other[PLACES[i]] = 0;
    }
}

/* Segment 0 is made four bytes too short: the rest becomes a second segment. */
static void test_refuses_a_short_segment(void **state)
{
    (void)state;
    uint8_t policy[328];
    size_t size;
    make_policy(7, policy);
    uint8_t *data = packed(NULL, &size);
    assert_int_equal(policy_place(data, 615), POLICY_PLACE_SHORT);
    assert_int_equal(policy_place(data, 616), POLICY_PLACE_EMPTY);
    godwit_store32(data + 28, 256 + 324);
    assert_int_equal(policy_place(data, size), POLICY_PLACE_SHORT);
    godwit_store32(data + 28, 256 + 328);
    assert_int_equal(policy_place(data, size), POLICY_PLACE_EMPTY);
    free(data);

    /* a sound image, two segments: the descriptor and half a placeholder in the first */
    static uint8_t file[32 + 256 + 100 + 8 + 800 + 64];
    size_t first = 32 + 256 + 100, at = first + 8 + 800;
    uint8_t *whole = packed(NULL, &size), checksum = 0xEF;
    memcpy(file, whole, first);
    free(whole);
    file[1] = 2;
    godwit_store32(file + 28, 256 + 100);
    godwit_store32(file + 4, 0x42000000 + (uint32_t)first + 8);
    godwit_store32(file + first, 0x42000000 + (uint32_t)first + 8); /* code */
    godwit_store32(file + first + 4, 800);
    for (size_t i = 32; i < at; i++)
        if (i < first || i >= first + 8) checksum ^= file[i];
    at += 15 - at % 16;
    file[at++] = checksum;
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, file, at);
    assert_int_equal(godwit_hash_peek(&hash, file + at), GODWIT_OK);
    put(policy, file, at + 32, GODWIT_ERR_MISSING, GODWIT_REASON_NONE);
}

static void test_refuses_what_is_no_sound_image(void **state)
{
    (void)state;
    uint8_t policy[328];
    size_t size;
    make_policy(7, policy);
    uint8_t *data = packed(NULL, &size);
    put(policy, data, 20, GODWIT_ERR_FORMAT, GODWIT_REASON_TRUNCATED);
    data[700] ^= 1;
    put(policy, data, size, GODWIT_ERR_FORMAT, GODWIT_REASON_CHECKSUM);
    data[700] ^= 1;
    data[size - 1] ^= 1;
    put(policy, data, size, GODWIT_ERR_FORMAT, GODWIT_REASON_IMAGE_DIGEST);
    data[size - 1] ^= 1;
    data[23] = 0;
    put(policy, data, size - 32, GODWIT_ERR_FORMAT, GODWIT_REASON_NO_DIGEST);
    data[0] = 0;
    put(policy, data, size, GODWIT_ERR_FORMAT, GODWIT_REASON_NOT_AN_IMAGE);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fills_the_placeholder),
        cmocka_unit_test(test_replaces_an_older_policy),
        cmocka_unit_test(test_keeps_what_stands_behind),
        cmocka_unit_test(test_refuses_a_signed_file),
        cmocka_unit_test(test_refuses_other_bytes),
        cmocka_unit_test(test_refuses_a_short_segment),
        cmocka_unit_test(test_refuses_what_is_no_sound_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
