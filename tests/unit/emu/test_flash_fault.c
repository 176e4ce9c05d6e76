/* The failing flash: what it counts, when it fails and how, and that rot changes what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "case.h"
#include "emu/emu.h"

#define SIZE 0x4000u
#define SECTORS (SIZE / FLASH_ERASE_SIZE)

static struct flash_ram ram;
static struct godwit_flash bare, flash;
static struct fault fault;

static int setup(void **state)
{
    (void)state;
    if (flash_ram_init(&ram, SIZE, 4, NULL)) return -1;
    bare = flash_ram_port(&ram);
    fault_init(&fault, &bare);
    flash = fault_port(&fault);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    flash_ram_deinit(&ram);
    return 0;
}

static uint32_t word_at(uint32_t offset)
{
    uint8_t data[4];
    assert_int_equal(bare.read(bare.ctx, offset, data, 4), GODWIT_OK);
    return godwit_load32(data);
}

static const uint8_t zeros[4];

static void passes_all_on_until_told(void **state)
{
    uint8_t data[4];
    (void)state;
    assert_int_equal(flash.write(flash.ctx, 8, zeros, 4), GODWIT_OK);
    assert_int_equal(flash.read(flash.ctx, 8, data, 4), GODWIT_OK);
    assert_int_equal(godwit_load32(data), 0);
    assert_int_equal(flash.erase(flash.ctx, 0, FLASH_ERASE_SIZE), GODWIT_OK);
    assert_int_equal(word_at(8), 0xFFFFFFFF);
    assert_int_equal(fault.operations, 3);
    assert_int_equal(fault.fails, 0);
}

static void fails_once_or_always_from_the_nth(void **state)
{
    (void)state;
    fault.fail_at = 2;
    for (int lasts = 0; lasts < 2; lasts++) {
        fault.lasts = lasts;
        fault.operations = 0;
        for (uint32_t i = 1; i <= 4; i++) {
            bool fails = lasts ? i >= 2 : i == 2;
            uint32_t at = 16 * i + 256 * (uint32_t)lasts;
            assert_int_equal(flash.write(flash.ctx, at, zeros, 4),
                             fails ? GODWIT_ERR_IO : GODWIT_OK);
            assert_int_equal(word_at(at), fails ? 0xFFFFFFFF : 0);
        }
    }
    assert_int_equal(fault.fails, 4);
    fault_clear(&fault);
    assert_int_equal(flash.write(flash.ctx, 0x800, zeros, 4), GODWIT_OK);
}

static void counts_only_the_sorts_that_it_is_told(void **state)
{
    uint8_t data[4];
    (void)state;
    fault.sorts = FAULT_ERASE;
    fault.fail_at = 1;
    assert_int_equal(flash.write(flash.ctx, 0, zeros, 4), GODWIT_OK);
    assert_int_equal(flash.read(flash.ctx, 0, data, 4), GODWIT_OK);
    assert_int_equal(fault.operations, 0);
    assert_int_equal(flash.erase(flash.ctx, 0, FLASH_ERASE_SIZE), GODWIT_ERR_IO);
    assert_int_equal(word_at(0), 0);
}

static void does_nothing_in_silence(void **state)
{
    uint8_t data[4] = {1, 2, 3, 4};
    (void)state;
    fault.is_silent = fault.lasts = true;
    fault.fail_at = 1;
    assert_int_equal(flash.write(flash.ctx, 0, zeros, 4), GODWIT_OK);
    assert_int_equal(word_at(0), 0xFFFFFFFF);
    assert_int_equal(bare.write(bare.ctx, 0, zeros, 4), GODWIT_OK);
    assert_int_equal(flash.erase(flash.ctx, 0, FLASH_ERASE_SIZE), GODWIT_OK);
    assert_int_equal(word_at(0), 0);
    assert_int_equal(flash.read(flash.ctx, 0, data, 4), GODWIT_OK);
    assert_int_equal(godwit_load32(data), 0xFFFFFFFF);
}

static void counts_erases_of_each_sector(void **state)
{
    uint32_t erases[SECTORS] = {0};
    (void)state;
    fault.erases = erases;
    assert_int_equal(flash.erase(flash.ctx, FLASH_ERASE_SIZE, 2 * FLASH_ERASE_SIZE), GODWIT_OK);
    assert_int_equal(flash.erase(flash.ctx, 2 * FLASH_ERASE_SIZE, FLASH_ERASE_SIZE), GODWIT_OK);
    const uint32_t want[SECTORS] = {0, 1, 2, 0};
    assert_memory_equal(erases, want, sizeof want);
}

static void rot_flips_so_many_bits(void **state)
{
    uint8_t sector[FLASH_ERASE_SIZE];
    (void)state;
    for (uint32_t bits = 1; bits <= 4096; bits *= 8) {
        CASE(bits);
        uint32_t flipped = 0;
        assert_int_equal(bare.erase(bare.ctx, 0, SIZE), GODWIT_OK);
        assert_int_equal(flash_rot(&bare, FLASH_ERASE_SIZE, bits, bits), GODWIT_OK);
        assert_int_equal(bare.read(bare.ctx, FLASH_ERASE_SIZE, sector, sizeof sector), GODWIT_OK);
        for (size_t i = 0; i < sizeof sector; i++)
            flipped += (uint32_t)__builtin_popcount((uint8_t)~sector[i]);
        assert_int_equal(flipped, bits);
        assert_int_equal(word_at(0), 0xFFFFFFFF); /* and no other sector's */
        assert_int_equal(flash_rot(&bare, FLASH_ERASE_SIZE, bits, bits), GODWIT_OK);
        assert_int_equal(bare.read(bare.ctx, FLASH_ERASE_SIZE, sector, sizeof sector), GODWIT_OK);
        assert_true(godwit_all(sector, sizeof sector, 0xFF)); /* the same bits, so up as well */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(passes_all_on_until_told, setup, teardown),
        cmocka_unit_test_setup_teardown(fails_once_or_always_from_the_nth, setup, teardown),
        cmocka_unit_test_setup_teardown(counts_only_the_sorts_that_it_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(does_nothing_in_silence, setup, teardown),
        cmocka_unit_test_setup_teardown(counts_erases_of_each_sector, setup, teardown),
        cmocka_unit_test_setup_teardown(rot_flips_so_many_bits, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
