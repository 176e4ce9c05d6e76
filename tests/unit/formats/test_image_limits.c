/* What no chip can meet, what an eFuse lifts, and what a header says of the flash. */
#include "image_file.h"

/* What no chip of the kind can meet is refused before one is known; a maker's slip, mostly. */
static void test_revisions_that_no_chip_has(void **state)
{
    (void)state;
    static const struct {
        const char *chip;
        uint8_t legacy;
        uint16_t min, max, block_min, block_max;
        bool is_possible;
    } ROWS[] = {
        {"esp32c3", 0, 315, 0, 0, 0, true},        {"esp32c3", 0, 316, 0, 0, 0, false},
        {"esp32c3", 0, 4, 3, 0, 0, false},         {"esp32c3", 0, 3, 3, 0, 0, true},
        {"esp32c3", 255, 0, 0, 0, 0, true},        {"esp32", 3, 0, 0, 0, 0, true},
        {"esp32", 4, 0, 0, 0, 0, false},           {"esp32", 3, 0, 299, 0, 0, false},
        {"esp32c3", 0, 0, 0, 307, 0, true},        {"esp32c3", 0, 0, 0, 308, 0, false},
        {"esp32s3", 0, 0, 99, 25185, 0xFF, false}, {"esp32c3", 0, 0, 0, 5, 4, false},
        {"esp32c3", 0, 0, 0, 65535, 0, true},      {"esp32", 0, 0, 0, 308, 0, true},
        {"esp32p4", 0, 301, 399, 0, 0, true},      {"esp32e22", 0, 9000, 0, 9000, 0, true},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        uint8_t file[PACKED_SIZE];
        make_packed(file, ROWS[i].chip);
        file[14] = ROWS[i].legacy;
        godwit_store16(file + 15, ROWS[i].min);
        godwit_store16(file + 17, ROWS[i].max);
        godwit_store16(file + 208, ROWS[i].block_min);
        godwit_store16(file + 210, ROWS[i].block_max);
        refit(file, sizeof file);
        enum godwit_reason want =
            ROWS[i].is_possible ? GODWIT_REASON_NONE : GODWIT_REASON_NO_SUCH_REVISION;
        enum godwit_reason got = check(&STRICT, file, sizeof file);
        if (got != want) fail_msg("row %zu: %s", i, godwit_reason_id(got));
    }
}

/* Two eFuses say that the highest is not asked; the lowest always is. */
static void test_no_max_by_efuse(void **state)
{
    (void)state;
    uint8_t file[PACKED_SIZE];
    make_packed(file, "esp32c3");
    godwit_store16(file + 17, 99);
    godwit_store16(file + 210, 99);
    refit(file, sizeof file);
    struct godwit_image_expect expect = {.check_revision = true, .revision = 101};
    assert_int_equal(check(&expect, file, sizeof file), GODWIT_REASON_CHIP_REVISION);
    expect.no_max_revision = true;
    assert_int_equal(check(&expect, file, sizeof file), GODWIT_REASON_NONE);
    expect.block_revision = 100;
    assert_int_equal(check(&expect, file, sizeof file), GODWIT_REASON_BLOCK_REVISION);
    expect.no_max_block_revision = true;
    assert_int_equal(check(&expect, file, sizeof file), GODWIT_REASON_NONE);
    godwit_store16(file + 15, 102);
    godwit_store16(file + 17, 0);
    refit(file, sizeof file);
    assert_int_equal(check(&expect, file, sizeof file), GODWIT_REASON_CHIP_REVISION);
    make_packed(file, "esp32"); /* has no eFuse for the block, so none is asked */
    godwit_store16(file + 208, 101);
    refit(file, sizeof file);
    assert_int_equal(check(&expect, file, sizeof file), GODWIT_REASON_NONE);
}

static void test_what_a_header_says_of_flash(void **state)
{
    (void)state;
    uint8_t file[PACKED_SIZE];
    struct godwit_image image;
    make_packed(file, "esp32c3");
    file[2] = 1, file[3] = 0x4F, file[14] = 3, file[32 + 181] = 2;
    refit(file, sizeof file);
    assert_int_equal(parse(&image, &STRICT, file, sizeof file, 100, NULL), GODWIT_REASON_NONE);
    assert_int_equal(godwit_image_flash_size(&image.info), 16 << 20);
    assert_string_equal(godwit_flash_mode_name(image.info.flash_mode), "QOUT");
    assert_string_equal(godwit_flash_mode_name((uint8_t)(image.info.app_flash_mode - 1)), "QOUT");
    assert_string_equal(godwit_flash_mode_name(7), "unknown");
    assert_int_equal(godwit_image_revision_min(&image.info), 3); /* a minor number on the C3 */
    image.info.chip_id = 0;
    assert_int_equal(godwit_image_revision_min(&image.info), 300);
    image.info.revision_min = 301;
    assert_int_equal(godwit_image_revision_min(&image.info), 301);
    image.info.flash_config = 0x80;
    assert_int_equal(godwit_image_flash_size(&image.info), 0);
    image.info.flash_config = 0x70;
    assert_int_equal(godwit_image_flash_size(&image.info), 128 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_revisions_that_no_chip_has),
        cmocka_unit_test(test_no_max_by_efuse),
        cmocka_unit_test(test_what_a_header_says_of_flash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
