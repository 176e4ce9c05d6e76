/* Fresh flash: every layout boots its first image, and one that does not fit is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

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
    return board_provision(&flash, layout, file.data, file.size);
}

static void every_layout_boots(void **state)
{
    const struct bootloader bootloader = {.chip = godwit_chip_by_name("esp32c3"),
                                          .has_rollback = true};
    (void)state;
    for (uint32_t slots = 1; slots <= 16; slots++)
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
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
