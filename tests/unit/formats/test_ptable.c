/* Partition table: byte for byte what gen_esp32part writes for two stock tables, and each rule by
 * which the bootloader refuses one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/text.h"
#include "case.h"
#include "formats/ptable.h"

#define FLASH_SIZE 0x400000u

static const struct godwit_partition TWO_OTA_LARGE[] = {
    {1, 2, 0x9000, 0x6000, "nvs", 0},          {1, 0, 0xF000, 0x2000, "otadata", 0},
    {1, 1, 0x11000, 0x1000, "phy_init", 0},    {0, 0x10, 0x20000, 0x1A9000, "ota_0", 0},
    {0, 0x11, 0x1D0000, 0x1A9000, "ota_1", 0},
};
static const struct godwit_partition TWO_OTA[] = {
    {1, 2, 0x9000, 0x4000, "nvs", 0},          {1, 0, 0xD000, 0x2000, "otadata", 0},
    {1, 1, 0xF000, 0x1000, "phy_init", 0},     {0, 0, 0x10000, 0x100000, "factory", 0},
    {0, 0x10, 0x110000, 0x100000, "ota_0", 0}, {0, 0x11, 0x210000, 0x100000, "ota_1", 0},
};

static uint8_t table[GODWIT_PTABLE_SIZE];

static void build(void)
{
    assert_int_equal(godwit_ptable_build(TWO_OTA_LARGE, 5, table), GODWIT_OK);
}

static void expect_md5(const uint8_t *data, size_t size, const char *want)
{
    uint8_t digest[16];
    char hex[33];
    godwit_md5(data, size, digest);
    godwit_hex_encode(digest, 16, hex);
    assert_string_equal(hex, want);
}

static void same_bytes_as_gen_esp32part(void **state)
{
    static const uint8_t otadata_row[] = {0xAA, 0x50, 1,   0,   0,   0xF0, 0,   0,   0,  0x20,
                                          0,    0,    'o', 't', 'a', 'd',  'a', 't', 'a'};
    char hex[33];
    (void)state;
    build();
    godwit_hex_encode(table + 160 + 16, 16, hex);
    assert_string_equal(hex, "37f38b32a34f7412f158930062441178");
    expect_md5(table, sizeof table, "f6dec7bfda2f3dee587657b4e8863c55");
    assert_memory_equal(table + 32, otadata_row, sizeof otadata_row);
    assert_int_equal(godwit_ptable_build(TWO_OTA, 6, table), GODWIT_OK);
    expect_md5(table, sizeof table, "9f94bf1e89f37d80f4310d5af19a6e59");
}

static void rows_come_back(void **state)
{
    struct godwit_partition row;
    size_t count;
    (void)state;
    build();
    assert_int_equal(godwit_ptable_check(table, FLASH_SIZE, &count), GODWIT_OK);
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++) {
        CASE(i);
        assert_int_equal(godwit_ptable_at(table, i, &row), GODWIT_OK);
        assert_string_equal(row.label, TWO_OTA_LARGE[i].label);
        assert_int_equal(row.offset, TWO_OTA_LARGE[i].offset);
        assert_int_equal(row.size, TWO_OTA_LARGE[i].size);
    }
    assert_int_equal(godwit_ptable_at(table, count, &row), GODWIT_ERR_MISSING);
    assert_int_equal(godwit_ptable_find(table, 0, 0x11, NULL, &row), GODWIT_OK);
    assert_int_equal(row.offset, 0x1D0000);
    assert_int_equal(godwit_ptable_find(table, 1, 0, "otadata", &row), GODWIT_OK);
    assert_int_equal(godwit_ptable_find(table, 1, 0, "other", &row), GODWIT_ERR_MISSING);
    assert_int_equal(godwit_ptable_find(table, 0, 0, NULL, &row), GODWIT_ERR_MISSING);
}

static void label_may_fill_its_field(void **state)
{
    const struct godwit_partition row = {1, 6, 0x9000, 0x1000, "sixteen-letters!", 3};
    struct godwit_partition back;
    (void)state;
    assert_int_equal(godwit_ptable_build(&row, 1, table), GODWIT_OK);
    assert_int_equal(godwit_ptable_at(table, 0, &back), GODWIT_OK);
    assert_string_equal(back.label, "sixteen-letters!");
    assert_int_equal(back.flags, 3);
}

static godwit_err check(void)
{
    size_t count;
    return godwit_ptable_check(table, FLASH_SIZE, &count);
}

static void bootloader_refuses(void **state)
{
    (void)state;
    build();
    table[0xA0 + 20] ^= 1; /* MD5 */
    assert_int_equal(check(), GODWIT_ERR_FORMAT);
    build();
    table[4] ^= 1; /* a row under the MD5 */
    assert_int_equal(check(), GODWIT_ERR_FORMAT);
    build();
    memset(table, 0xFF, 32); /* end record first */
    assert_int_equal(check(), GODWIT_ERR_FORMAT);
    build();
    memcpy(table + 192, table + 160, 32); /* a second MD5 record, right as it is */
    godwit_md5(table, 192, table + 192 + 16);
    assert_int_equal(check(), GODWIT_ERR_FORMAT);
    build();
    table[192] = 0; /* unknown magic where the end should be */
    assert_int_equal(check(), GODWIT_ERR_FORMAT);
    build();
    table[194] = 0; /* end magic without end type */
    assert_int_equal(check(), GODWIT_ERR_FORMAT);
    build();
    for (size_t i = 6; i < GODWIT_PTABLE_ROWS_MAX; i++) /* no end record at all */
        memcpy(table + i * 32, table, 32);
    assert_int_equal(check(), GODWIT_ERR_FORMAT);
}

static void bounds_against_the_chip(void **state)
{
    size_t count;
    (void)state;
    build();
    uint32_t end = 0x1D0000 + 0x1A9000;
    assert_int_equal(godwit_ptable_check(table, end, &count), GODWIT_OK);
    assert_int_equal(godwit_ptable_check(table, end - 1, &count), GODWIT_ERR_FORMAT);
    assert_int_equal(godwit_ptable_check(table, 0x10000, &count), GODWIT_ERR_FORMAT);
    const struct godwit_partition row = {0, 0x10, 0x20000, 0xFFFF0000, "wraps", 0};
    assert_int_equal(godwit_ptable_build(&row, 1, table), GODWIT_OK);
    assert_int_equal(godwit_ptable_check(table, end, &count), GODWIT_ERR_FORMAT);
}

/* The bootloader takes a table without MD5, and rows behind the MD5 record. */
static void md5_is_optional(void **state)
{
    struct godwit_partition row;
    size_t count;
    (void)state;
    build();
    memset(table + 160, 0xFF, 32);
    assert_int_equal(check(), GODWIT_OK);
    build();
    memcpy(table + 192, table, 32);
    assert_int_equal(godwit_ptable_check(table, FLASH_SIZE, &count), GODWIT_OK);
    assert_int_equal(count, 6);
    assert_int_equal(godwit_ptable_at(table, 5, &row), GODWIT_OK);
    assert_string_equal(row.label, "nvs");
}

static void too_many_rows(void **state)
{
    static struct godwit_partition rows[95];
    (void)state;
    assert_int_equal(godwit_ptable_build(rows, 95, table), GODWIT_ERR_SPACE);
    assert_int_equal(godwit_ptable_build(rows, 94, table), GODWIT_OK);
    assert_int_equal(check(), GODWIT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bytes_as_gen_esp32part),
        cmocka_unit_test(rows_come_back),
        cmocka_unit_test(label_may_fill_its_field),
        cmocka_unit_test(bootloader_refuses),
        cmocka_unit_test(bounds_against_the_chip),
        cmocka_unit_test(md5_is_optional),
        cmocka_unit_test(too_many_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
