/* What we pack, our own parser takes; esptool's opinion is asked in figure interop. */
#include "emu/pack.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>

#include "case.h"
#include "formats/image.h"

static struct pack_options options_for(const struct godwit_chip *chip)
{
    return (struct pack_options){.chip = chip, .project = "thermostat", .version = "1.0.0"};
}

static void check(const uint8_t *data, size_t size, struct godwit_image *image)
{
    static const struct godwit_image_expect ANY = {0};
    godwit_image_init_any(image, &ANY, NULL);
    assert_int_equal(godwit_sink_write(&image->sink, data, size), GODWIT_OK);
    assert_int_equal(godwit_sink_finish(&image->sink), GODWIT_OK);
}

static void test_sizes(void **state)
{
    (void)state;
    static const uint32_t ROWS[][2] = {
        {0, 688},       {1, 688},       {688, 688},     {689, 704},
        {65536, 65536}, {65535, 65536}, {69632, 69632}, {0x7F0000, 0x7F0000}};
    struct pack_options options = options_for(godwit_chip_by_name("esp32c3"));
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        CASE(i);
        struct godwit_image image;
        uint8_t *data;
        size_t size;
        options.size = ROWS[i][0];
        assert_int_equal(pack_image(&options, &data, &size), GODWIT_OK);
        assert_int_equal(size, ROWS[i][1]);
        check(data, size, &image);
        assert_int_equal(image.info.image_size, size);
        free(data);
    }
}

/* Of any size, for any chip: ESP-IDF's bootloader can map it, code one page below the constants. */
static void test_all_can_start(void **state)
{
    (void)state;
    for (size_t i = 0; godwit_chip_at(i); i++)
        for (uint32_t size = PACK_SIZE_MIN; size < 3 << 16; size += 65536 - 16) {
            struct pack_options options = options_for(godwit_chip_at(i));
            struct godwit_image image;
            uint8_t *data;
            size_t whole;
            options.size = size;
            assert_int_equal(pack_image(&options, &data, &whole), GODWIT_OK);
            check(data, whole, &image);
            assert_true(image.can_start);
            uint32_t code = image.info.entry, constants = godwit_load32(data + 24);
            assert_int_equal(constants % 65536, 0x20);
            assert_int_equal(code % 65536, (whole - 40) % 65536);
            assert_int_equal(constants / 65536 % 16, 1);
            free(data);
        }
}

static void test_fields_arrive(void **state)
{
    (void)state;
    uint8_t policy[GODWIT_POLICY_SIZE] = {'G', 'W', 'P', '1', 1, 1}, *data;
    struct godwit_image image;
    size_t size;
    struct pack_options options = options_for(godwit_chip_by_name("esp32s3"));
    options.secure_version = 9;
    options.revision_min = 2;
    options.revision_max = 199;
    options.block_revision_min = 1;
    options.block_revision_max = 102;
    options.behaviour = (struct behaviour){BEHAVIOUR_CRASH_AT_BOOT, 5};
    options.policy = policy;
    assert_int_equal(pack_image(&options, &data, &size), GODWIT_OK);
    check(data, size, &image);
    assert_int_equal(image.info.chip_id, 9);
    assert_int_equal(image.info.secure_version, 9);
    assert_int_equal(image.info.revision_min, 2);
    assert_int_equal(image.info.revision_max, 199);
    assert_int_equal(image.info.block_revision_min, 1);
    assert_int_equal(image.info.block_revision_max, 102);
    assert_string_equal(image.info.project, "thermostat");
    assert_string_equal(image.info.version, "1.0.0");
    assert_memory_equal(image.info.policy, policy, sizeof policy);
    assert_int_equal(behaviour_decode(data + BEHAVIOUR_OFFSET).kind, BEHAVIOUR_CRASH_AT_BOOT);
    assert_int_equal(behaviour_decode(data + BEHAVIOUR_OFFSET).delay_s, 5);
    free(data);
}

static void test_seed_decides(void **state)
{
    (void)state;
    uint8_t *a, *b, *c;
    size_t size;
    struct pack_options options = options_for(godwit_chip_by_name("esp32"));
    options.size = 4096;
    assert_int_equal(pack_image(&options, &a, &size), GODWIT_OK);
    assert_int_equal(pack_image(&options, &b, &size), GODWIT_OK);
    options.seed = 1;
    assert_int_equal(pack_image(&options, &c, &size), GODWIT_OK);
    assert_memory_equal(a, b, size);
    assert_memory_not_equal(a + 1000, c + 1000, 64);
    free(a), free(b), free(c);
}

static void test_refusals(void **state)
{
    (void)state;
    uint8_t *data;
    size_t size;
    struct pack_options options = options_for(NULL);
    assert_int_equal(pack_image(&options, &data, &size), GODWIT_ERR_FORMAT);
    options = options_for(godwit_chip_by_name("esp32"));
    options.version = "";
    assert_int_equal(pack_image(&options, &data, &size), GODWIT_ERR_FORMAT);
    options.version = "12345678901234567890123456789012"; /* 32 bytes */
    assert_int_equal(pack_image(&options, &data, &size), GODWIT_ERR_FORMAT);
    options.version = "1";
    for (size_t i = 0; godwit_chip_at(i); i++) {
        options.chip = godwit_chip_at(i);
        options.size = pack_size_max(options.chip) + 1;
        assert_int_equal(pack_image(&options, &data, &size), GODWIT_ERR_SPACE);
        assert_null(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),         cmocka_unit_test(test_all_can_start),
        cmocka_unit_test(test_fields_arrive), cmocka_unit_test(test_seed_decides),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
