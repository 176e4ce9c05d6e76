/* Flash in memory: the rules of NOR, sectors that cost nothing while erased, and sharing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "emu/emu.h"

#define SIZE 0x10000u

static struct flash_ram ram;
static struct godwit_flash flash;

static int setup(void **state)
{
    (void)state;
    assert_int_equal(flash_ram_init(&ram, SIZE, 4, NULL), GODWIT_OK);
    flash = flash_ram_port(&ram);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    flash_ram_deinit(&ram);
    flash_ram_deinit(&ram); /* twice does no harm */
    return 0;
}

static void expect(const struct godwit_flash *f, uint32_t offset, const char *bytes, size_t size)
{
    uint8_t got[64];
    assert_true(size <= sizeof got);
    assert_int_equal(f->read(f->ctx, offset, got, size), GODWIT_OK);
    assert_memory_equal(got, bytes, size);
}

static void put(const struct godwit_flash *f, uint32_t offset, const char *bytes, size_t size)
{
    assert_int_equal(f->write(f->ctx, offset, (const uint8_t *)bytes, size), GODWIT_OK);
}

static void starts_erased(void **state)
{
    (void)state;
    expect(&flash, SIZE - 4, "\xFF\xFF\xFF\xFF", 4);
    assert_int_equal(flash.size, SIZE);
    assert_int_equal(flash.erase_size, 4096);
    assert_int_equal(flash.write_size, 4);
}

static void writes_only_clear_bits(void **state)
{
    (void)state;
    put(&flash, 8, "\xF0\x0F\xFF\x00", 4);
    expect(&flash, 8, "\xF0\x0F\xFF\x00", 4);
    assert_int_equal(ram.violations, 0);
    put(&flash, 8, "\x3C\xFF\x11\xFF", 4);
    expect(&flash, 8, "\x30\x0F\x11\x00", 4);
    assert_int_equal(ram.violations, 1);
}

static void writes_cross_sectors(void **state)
{
    (void)state;
    put(&flash, 4092, "abcdefgh", 8);
    expect(&flash, 4092, "abcdefgh", 8);
    assert_int_equal(ram.violations, 0);
}

static void erases_whole_sectors_only(void **state)
{
    (void)state;
    put(&flash, 4092, "abcdefgh", 8);
    assert_int_equal(flash.erase(flash.ctx, 4096, 4096), GODWIT_OK);
    expect(&flash, 4092, "abcd\xFF\xFF\xFF\xFF", 8);
    put(&flash, 4096, "new!", 4);
    expect(&flash, 4096, "new!", 4);
    assert_int_equal(ram.violations, 0);
}

static void clones_part_when_one_writes(void **state)
{
    struct flash_ram copy;
    (void)state;
    put(&flash, 0, "same", 4);
    assert_int_equal(flash_ram_clone(&ram, &copy), GODWIT_OK);
    struct godwit_flash other = flash_ram_port(&copy);
    put(&other, 4, "mine", 4);
    expect(&other, 0, "samemine", 8);
    expect(&flash, 0, "same\xFF\xFF\xFF\xFF", 8);
    assert_int_equal(other.erase(other.ctx, 0, 4096), GODWIT_OK);
    expect(&flash, 0, "same", 4);
    flash_ram_deinit(&copy);
}

static void equal_sectors_are_kept_once(void **state)
{
    struct flash_pool pool = {0};
    struct flash_ram chips[4];
    struct godwit_flash ports[4];
    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(flash_ram_init(&chips[i], SIZE, 4, &pool), GODWIT_OK);
        ports[i] = flash_ram_port(&chips[i]);
        put(&ports[i], 0, "image", 4);
        put(&ports[i], 4096, "more of it", 8);
        put(&ports[i], 8192, "open", 4); /* finishes the one before */
    }
    assert_int_equal(pool.sectors_count, 2);
    put(&ports[1], 4, "own", 4); /* parts from the others */
    put(&ports[1], 8196, "next", 4);
    assert_int_equal(pool.sectors_count, 3); /* "image", "more …", "imagown" */
    expect(&ports[0], 0, "imag\xFF\xFF\xFF\xFF", 8);
    expect(&ports[1], 0, "imagown\0", 8);
    for (int i = 0; i < 4; i++)
        flash_ram_deinit(&chips[i]);
    assert_int_equal(pool.sectors_count, 0);
    flash_pool_deinit(&pool);
}

static void lays_bytes_into_a_used_chip(void **state)
{
    (void)state;
    put(&flash, 4096, "old old old old ", 16);
    assert_int_equal(flash_put(&flash, 4096, (const uint8_t *)"new", 3), GODWIT_OK);
    expect(&flash, 4096, "new\xFF\xFF\xFF\xFF\xFF", 8);
    assert_int_equal(ram.violations, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(starts_erased, setup, teardown),
        cmocka_unit_test_setup_teardown(writes_only_clear_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(writes_cross_sectors, setup, teardown),
        cmocka_unit_test_setup_teardown(erases_whole_sectors_only, setup, teardown),
        cmocka_unit_test_setup_teardown(clones_part_when_one_writes, setup, teardown),
        cmocka_unit_test(equal_sectors_are_kept_once),
        cmocka_unit_test_setup_teardown(lays_bytes_into_a_used_chip, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
