/* Fresh flash: every layout boots its first image, and one that does not fit is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "case.h"
#include "device.h"

static struct flash_ram ram;
static struct godwit_flash flash;
static struct firmware file;

static int setup(void **state)
{
    (void)state;
    file = firmware_make("1.0.0", (struct behaviour){BEHAVIOUR_HEALTHY, 0}, 0x3000, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(file.data);
    return 0;
}

static godwit_err provision(uint32_t flash_size, const struct board_layout *layout)
{
    assert_int_equal(flash_ram_init(&ram, flash_size, 32, NULL), GODWIT_OK);
    flash = flash_ram_port(&ram);
    return board_provision(&flash, godwit_chip_by_name("esp32c3"), layout, file.data, file.size);
}

static void every_layout_boots(void **state)
{
    const struct bootloader bootloader = {.chip = godwit_chip_by_name("esp32c3"),
                                          .has_rollback = true};
    (void)state;
    for (uint32_t slots = 1; slots <= 16; slots++) {
        CASE(slots);
        for (int factory = 0; factory < 2; factory++) {
            const struct board_layout layout = {.slots = slots, .has_factory = factory};
            struct efuses efuses = {0};
            struct boot boot;
            uint8_t table[GODWIT_PTABLE_SIZE];
            size_t count;
            assert_int_equal(provision(4u << 20, &layout), GODWIT_OK);
            assert_int_equal(flash.read(flash.ctx, 0x8000, table, sizeof table), GODWIT_OK);
            assert_int_equal(godwit_ptable_check(table, flash.size, &count), GODWIT_OK);
            assert_int_equal(count, 3 + slots + (uint32_t)factory);
            assert_int_equal(bootloader_run(&bootloader, &flash, &efuses, &boot), GODWIT_OK);
            assert_true(boot.boots);
            assert_string_equal(boot.partition.label, factory ? "factory" : "ota_0");
            flash_ram_deinit(&ram);
        }
    }
}

static void two_digit_slots_are_named(void **state)
{
    const struct board_layout layout = {.slots = 16};
    struct godwit_partition row;
    uint8_t table[GODWIT_PTABLE_SIZE];
    (void)state;
    assert_int_equal(provision(4u << 20, &layout), GODWIT_OK);
    assert_int_equal(flash.read(flash.ctx, 0x8000, table, sizeof table), GODWIT_OK);
    assert_int_equal(godwit_ptable_find(table, 0, 0x1F, "ota_15", &row), GODWIT_OK);
    assert_int_equal(godwit_ptable_find(table, 1, 6, "godwit", &row), GODWIT_OK);
    assert_int_equal(row.size, 0x2000);
    flash_ram_deinit(&ram);
}

/* The bootloader in front of the table passes the checks that an image passes, as its own chip. */
static void bootloader_is_a_sound_image(void **state)
{
    static const uint32_t flash_sizes[] = {1u << 20, 3u << 20, 16u << 20};
    static const uint8_t nibbles[] = {0, 1, 4};
    const struct board_layout layout = {0};
    const struct godwit_chip *chip;
    (void)state;
    for (size_t i = 0; (chip = godwit_chip_at(i)); i++) {
        CASE(i);
        const struct godwit_partition room = {0, 0, chip->bootloader_offset, 0x6000, "", 0};
        const struct bootloader bootloader = {.chip = chip};
        struct efuses efuses = {0};
        struct godwit_image_info info;
        enum godwit_reason reason;
        uint8_t byte;
        assert_int_equal(flash_ram_init(&ram, flash_sizes[i % 3], 32, NULL), GODWIT_OK);
        flash = flash_ram_port(&ram);
        assert_int_equal(board_provision(&flash, chip, &layout, NULL, 0), GODWIT_OK);
        assert_int_equal(bootloader_verify(&bootloader, &flash, &efuses, &room, &info, &reason),
                         GODWIT_OK);
        bool any = chip->mmu == GODWIT_MMU_UNKNOWN; /* all but: sound, and no application */
        assert_int_equal(reason, any ? GODWIT_REASON_NONE : GODWIT_REASON_FLASH_SEGMENTS);
        assert_int_equal(info.chip_id, chip->id);
        assert_int_equal(flash.read(flash.ctx, room.offset + 3, &byte, 1), GODWIT_OK);
        assert_int_equal(byte >> 4, nibbles[i % 3]);
        assert_int_equal(flash.read(flash.ctx, room.offset + 23, &byte, 1), GODWIT_OK);
        assert_int_equal(byte, 1); /* the digest is looked at */
        flash_ram_deinit(&ram);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    static const struct board_layout bad[] = {
        {.slots = 17},
        {.slot_size = 0x18000},             /* not whole 64 KiB */
        {.slots = 2, .slot_size = 0x80000}, /* no room in 1 MiB of flash */
    };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(provision(1u << 20, &bad[i]), GODWIT_ERR_SPACE);
        flash_ram_deinit(&ram);
    }
    const struct board_layout small = {.slot_size = 0x10000};
    file.size = 0x10001;
    assert_int_equal(provision(1u << 20, &small), GODWIT_ERR_SPACE);
    file.size = 0x3000;
    flash_ram_deinit(&ram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout_boots),
        cmocka_unit_test(two_digit_slots_are_named),
        cmocka_unit_test(bootloader_is_a_sound_image),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
