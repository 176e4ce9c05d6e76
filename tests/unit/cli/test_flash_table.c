/* Where a dump has its partition table, when it hides it, and partitions that share bytes. */
#include "cli/flash_table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static uint8_t dump[0x20000], table[GODWIT_PTABLE_SIZE];

static void make_table(void)
{
    static const struct godwit_partition ROWS[] = {
        {.type = 1, .subtype = 2, .offset = 0x9000, .size = 0x5000, .label = "nvs"},
        {.type = 0, .subtype = 0x10, .offset = 0x10000, .size = 0x10000, .label = "ota_0"},
    };
    assert_int_equal(godwit_ptable_build(ROWS, 2, table), GODWIT_OK);
}

static void put_noise(size_t offset, size_t size)
{
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < size; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        dump[offset + i] = (uint8_t)(x >> 24);
    }
}

static void a_table_is_found_at_each_place(void **state)
{
    (void)state;
    make_table();
    for (uint32_t at = 0x8000; at <= 0xF000; at += 0x1000) {
        memset(dump, 0xFF, sizeof dump);
        put_noise(0, 0x7000); /* a bootloader */
        memcpy(dump + at, table, sizeof table);
        assert_int_equal(flash_table_find(dump, sizeof dump), at);
        assert_int_equal(flash_table_find(dump, at + sizeof table), at);
        assert_int_equal(flash_table_find(dump, at + sizeof table - 1), 0);
        assert_false(flash_is_encrypted(dump, sizeof dump));
    }
    memset(dump, 0xFF, sizeof dump);
    memcpy(dump + 0x9000, table, sizeof table);
    memcpy(dump + 0x8000, table, 32); /* a damaged one in front of a whole one is not it */
    dump[0x8021] = 0;
    assert_int_equal(flash_table_find(dump, sizeof dump), 0x9000);
    memset(dump + 0x9000, 0xFF, 0x1000);
    assert_int_equal(flash_table_find(dump, sizeof dump), 0x8000);
}

static void noise_is_taken_for_encryption(void **state)
{
    (void)state;
    make_table();
    memset(dump, 0xFF, sizeof dump);
    assert_false(flash_is_encrypted(dump, sizeof dump)); /* erased */
    put_noise(0xD000, GODWIT_PTABLE_SIZE);
    assert_true(flash_is_encrypted(dump, sizeof dump));
    memcpy(dump + 0x8000, table, sizeof table);
    assert_false(flash_is_encrypted(dump, sizeof dump)); /* noise in a partition is its own */
    memset(dump, 0, sizeof dump);
    assert_false(flash_is_encrypted(dump, sizeof dump));
}

static void overlaps_are_found_in_pairs(void **state)
{
    (void)state;
    static const struct godwit_partition ROWS[] = {
        {.offset = 0x9000, .size = 0x5000},  {.offset = 0xE000, .size = 0x2000},
        {.offset = 0xD000, .size = 0x2000},  {.offset = 0x10000, .size = 0x10000},
        {.offset = 0x1F000, .size = 0x1000}, {.offset = 0xFFFFF000, .size = 0x1000},
    };
    static const size_t PAIRS[][2] = {{0, 2}, {1, 2}, {3, 4}};
    size_t index = 0, first, second;
    for (size_t i = 0; i < 3; i++) {
        assert_true(flash_overlap_next(ROWS, 6, &index, &first, &second));
        assert_int_equal(first, PAIRS[i][0]);
        assert_int_equal(second, PAIRS[i][1]);
    }
    assert_false(flash_overlap_next(ROWS, 6, &index, &first, &second));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_found_at_each_place),
        cmocka_unit_test(noise_is_taken_for_encryption),
        cmocka_unit_test(overlaps_are_found_in_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
