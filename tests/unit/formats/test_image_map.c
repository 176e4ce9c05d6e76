/* Which segments the bootloader can start, on each chip; and what the parser makes of it. */
#include "image_file.h"

/* One image, its two segments loaded elsewhere; the entry follows the code. */
static void load_at(uint8_t file[PACKED_SIZE], uint32_t constants, uint32_t code)
{
    godwit_store32(file + 24, constants);
    godwit_store32(file + 4, code);
    godwit_store32(file + CODE_AT - 8, code);
    refit(file, PACKED_SIZE);
}

/* Strict and as the bootloader does; the latter always loads, and starts or not. */
static void assert_starts(const uint8_t *file, const char *chip, const char *what, bool strict,
                          bool bootloader)
{
    const struct godwit_image_expect lax = {.as_bootloader_does = true};
    struct godwit_image image;
    enum godwit_reason want = strict ? GODWIT_REASON_NONE : GODWIT_REASON_FLASH_SEGMENTS;
    enum godwit_reason got = parse(&image, &STRICT, file, PACKED_SIZE, 1000, NULL);
    if (got != want) fail_msg("%s, %s: %s", chip, what, godwit_reason_id(got));
    got = parse(&image, &lax, file, PACKED_SIZE, 1000, NULL);
    if (got) fail_msg("%s, %s, bootloader: %s", chip, what, godwit_reason_id(got));
    if (image.can_start != bootloader) fail_msg("%s, %s: can_start", chip, what);
}

/* The bootloader's MMU set-up wants code and constants in flash, in MMU entries of their own. */
static void test_flash_segments(void **state)
{
    (void)state;
    const uint32_t ram = 0x20000000 + CODE_AT; /* mapped by no chip */
    for (size_t i = 0; godwit_chip_at(i); i++) {
        const struct godwit_chip *chip = godwit_chip_at(i);
        bool any = chip->mmu == GODWIT_MMU_UNKNOWN, one = chip->mmu == GODWIT_MMU_ONE_RANGE;
        bool own = any || chip->mmu == GODWIT_MMU_APART;
        uint32_t first = chip->mapped[0].from, last = chip->mapped[0].to;
        uint32_t code = (one || any ? first : chip->mapped[1].from) + CODE_AT;
        uint8_t file[PACKED_SIZE];
        make_packed(file, chip->name);
        assert_starts(file, chip->name, "as packed", true, true);
        load_at(file, first + 0x10020, ram);
        assert_starts(file, chip->name, "code in RAM", any, any);
        load_at(file, ram - CODE_AT + 32, code);
        assert_starts(file, chip->name, "constants in RAM", any, any);
        load_at(file, first + 0x20, code);
        assert_starts(file, chip->name, "one page", own, own);
        load_at(file, first + 0x10020, first + CODE_AT);
        assert_starts(file, chip->name, "code among constants", any || one, any || one);
        load_at(file, last - 0x10000 + 0x20, code);
        assert_starts(file, chip->name, "constants in the last page", true, true);
        godwit_store32(file + 28, 0); /* nothing of the constants is left */
        file[1] = 3;
        assert_int_not_equal(check(&STRICT, file, PACKED_SIZE), GODWIT_REASON_NONE);
    }
}

/* Before anything is erased: one segment can not be both. */
static void one_segment_is_refused_with_the_head(void **state)
{
    (void)state;
    uint8_t file[PACKED_SIZE];
    struct godwit_image image;
    make_packed(file, "esp32c3");
    file[1] = 1;
    godwit_image_init_any(&image, &STRICT, NULL);
    assert_int_equal(godwit_sink_write(&image.sink, file, 288), GODWIT_ERR_FORMAT);
    assert_int_equal(image.reason, GODWIT_REASON_FLASH_SEGMENTS);
}

/* A third has no place. */
static void test_three_flash_segments(void **state)
{
    (void)state;
    for (size_t i = 0; godwit_chip_at(i); i++) {
        const struct godwit_chip *chip = godwit_chip_at(i);
        bool any = chip->mmu == GODWIT_MMU_UNKNOWN;
        uint8_t file[PACKED_SIZE];
        const uint32_t at = 4096; /* in the noise of the constants */
        make_packed(file, chip->name);
        file[1] = 3;
        godwit_store32(file + at, chip->mapped[0].from + 0x20000 + at + 8);
        godwit_store32(file + at + 4, PACKED_SIZE - 48 - at - 8);
        godwit_store32(file + 28, at - 32);
        refit(file, sizeof file);
        assert_starts(file, chip->name, "three", any, any);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flash_segments),
        cmocka_unit_test(one_segment_is_refused_with_the_head),
        cmocka_unit_test(test_three_flash_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
