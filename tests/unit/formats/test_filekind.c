/* Each kind from a file made here, each near miss, and the rule that nothing beyond the given bytes
 * is looked at. */
#include "case.h"
#include "formats/chip.h"
#include "formats/filekind.h"
#include "formats/otadata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define APP_DESC_MAGIC 0xABCD5432u

static uint8_t file[GODWIT_FILE_HEAD_SIZE];

/* In memory of exactly that size, so that the sanitizer sees a read behind it. */
static enum godwit_file_kind kind_of(size_t size, uint64_t file_size)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, file, size);
    enum godwit_file_kind kind = godwit_file_kind(copy, size, file_size);
    free(copy);
    return kind;
}

static void assert_kind(size_t size, enum godwit_file_kind kind)
{
    assert_string_equal(godwit_file_kind_id(kind_of(size, size)), godwit_file_kind_id(kind));
}

static void put(size_t offset, const void *data, size_t size)
{
    memset(file, 0x11, sizeof file);
    memcpy(file + offset, data, size);
}

/* An image header of one segment, for chip, that loads to address. */
static void put_image(size_t offset, uint16_t chip_id, uint32_t address)
{
    uint8_t *at = file + offset;
    memset(at, 0, 24);
    at[0] = 0xE9;
    at[1] = 1;
    godwit_store16(at + 12, chip_id);
    godwit_store32(at + 24, address);
    godwit_store32(at + 28, 0x1000);
}

static void knows_each_magic(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        enum godwit_file_kind kind;
    } rows[] = {
        {"\x7F"
         "ELF",
         4, GODWIT_FILE_ELF},
        {"\x7F"
         "ELG",
         4, GODWIT_FILE_UNKNOWN},
        {"UF2\n\x57\x51\x5D\x9E", 8, GODWIT_FILE_UF2},
        {"UF2\n\x57\x51\x5D\x9F", 8, GODWIT_FILE_UNKNOWN},
        {"\xCF\xB6\x88\x07", 4, GODWIT_FILE_ENCRYPTED},
        {"\x10\xDE\xCD\xFC", 4, GODWIT_FILE_DELTA},
        {"\x1F\x8B", 2, GODWIT_FILE_GZIP},
        {"PK\x03\x04", 4, GODWIT_FILE_ZIP},
        {"PK\x05\x06", 4, GODWIT_FILE_ZIP},
        {"\x1E\xF1\xEE\x1B", 4, GODWIT_FILE_MATTER},
        {"\x1E\xF1\xEE\x0B", 4, GODWIT_FILE_ZIGBEE},
        {"\x1E\xF1\xEE\x2B", 4, GODWIT_FILE_UNKNOWN},
        {"\x3D\xB8\xF3\x96", 4, GODWIT_FILE_MCUBOOT},
        {"\x3C\xB8\xF3\x96", 4, GODWIT_FILE_MCUBOOT},
        {"DfuSe\x01", 6, GODWIT_FILE_DFU},
        {"!<arch>\n", 8, GODWIT_FILE_LIBRARY},
        {"MZ\x90\0", 4, GODWIT_FILE_PROGRAM},
        {"\xFD"
         "7zXZ\0",
         6, GODWIT_FILE_ARCHIVE},
        {"7z\xBC\xAF\x27\x1C", 6, GODWIT_FILE_ARCHIVE},
        {"\x28\xB5\x2F\xFD", 4, GODWIT_FILE_ARCHIVE},
        {"BZh9", 4, GODWIT_FILE_ARCHIVE},
        {"\xC3\xA9\x02\x02", 4, GODWIT_FILE_MANGLED},
        {"\xEF\xBF\xBD\x06\x02", 5, GODWIT_FILE_MANGLED},
        {"\xE9\x06\x02\x20", 4, GODWIT_FILE_MANGLED}, /* no zero byte follows */
        {"\xAA\x50\x01\x02", 4, GODWIT_FILE_PTABLE},
        {"\xAA\x51\x01\x02", 4, GODWIT_FILE_UNKNOWN},
        {"\xE9", 1, GODWIT_FILE_UNKNOWN}, /* 0x11 segments */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CASE(i);
        put(0, rows[i].bytes, rows[i].size);
        assert_kind(600, rows[i].kind);
    }
    put(0, "\xAA\x50\x01\x02", 4);
    assert_kind(31, GODWIT_FILE_UNKNOWN);
}

static void knows_text_and_blanks(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum godwit_file_kind kind;
    } rows[] = {
        {"<!DOCTYPE html><html>", GODWIT_FILE_HTML},
        {" \r\n\t<html><head><title>404</title>", GODWIT_FILE_HTML},
        {"\xEF\xBB\xBF<html>", GODWIT_FILE_HTML},
        {"{\"error\": \"not found\"}", GODWIT_FILE_JSON},
        {"[1, 2]", GODWIT_FILE_JSON},
        {"<\x01 binary", GODWIT_FILE_UNKNOWN},
        {"{\x7F binary", GODWIT_FILE_UNKNOWN},
        {"plain words", GODWIT_FILE_TEXT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CASE(i);
        put(0, rows[i].text, strlen(rows[i].text));
        assert_kind(strlen(rows[i].text), rows[i].kind);
    }
    memset(file, 0xFF, sizeof file);
    assert_kind(1, GODWIT_FILE_BLANK_FF);
    assert_kind(sizeof file, GODWIT_FILE_BLANK_FF);
    file[sizeof file - 1] = 0xFE;
    assert_kind(sizeof file, GODWIT_FILE_UNKNOWN);
    memset(file, 0, sizeof file);
    assert_kind(1, GODWIT_FILE_BLANK_00);
    assert_kind(sizeof file, GODWIT_FILE_BLANK_00);
    assert_int_equal(kind_of(0, 0), GODWIT_FILE_EMPTY);
    assert_int_equal(kind_of(0, 5), GODWIT_FILE_UNKNOWN);
}

static void tells_images_apart(void **state)
{
    (void)state;
    memset(file, 0x11, sizeof file);

    put_image(0, 5, 0x3C000020); /* an application of the C3, with and without a descriptor */
    godwit_store32(file + 32, APP_DESC_MAGIC);
    assert_kind(0x5000, GODWIT_FILE_APP);
    assert_kind(36, GODWIT_FILE_APP);
    godwit_store32(file + 32, 0);
    assert_kind(0x5000, GODWIT_FILE_APP);
    assert_kind(30, GODWIT_FILE_APP);
    assert_kind(2, GODWIT_FILE_APP);
    assert_kind(1, GODWIT_FILE_UNKNOWN);

    /* The same in RAM: old bootloader, or too large for one. Addresses are the chip's: what is RAM
     * of the C3 is flash of the ESP32-P4. */
    put_image(0, 5, 0x4038C000);
    assert_kind(0x5000, GODWIT_FILE_BOOTLOADER);
    assert_int_equal(kind_of(0x5000, 0xF000), GODWIT_FILE_BOOTLOADER);
    assert_int_equal(kind_of(0x5000, 0xF001), GODWIT_FILE_RAM_APP);
    put_image(0, 18, 0x4038C000);
    assert_kind(0x5000, GODWIT_FILE_APP);
    put_image(0, 0x7777, 0x4038C000);
    assert_kind(0x5000, GODWIT_FILE_APP);

    /* A second segment decides, where it can be seen. */
    put_image(0, 5, 0x4038C000);
    file[1] = 2;
    godwit_store32(file + 32 + 0x1000, 0x42000020);
    godwit_store32(file + 36 + 0x1000, 0x100);
    assert_kind(0x5000, GODWIT_FILE_APP);
    assert_kind(0x1000, GODWIT_FILE_BOOTLOADER);

    put_image(0, 5, 0x4038C000);
    godwit_store32(file + 28, 0x1000001); /* a segment that no flash holds */
    assert_kind(0x5000, GODWIT_FILE_UNKNOWN);
    put_image(0, 5, 0x4038C000);
    file[1] = 0;
    assert_kind(0x5000, GODWIT_FILE_UNKNOWN);
    file[1] = 17;
    assert_kind(0x5000, GODWIT_FILE_UNKNOWN);
}

static void knows_a_bootloader_by_its_descriptor(void **state)
{
    (void)state;
    memset(file, 0, sizeof file);
    put_image(0, 5, 0x42000000); /* so that only the descriptor can tell */
    file[32] = 0x50;
    memcpy(file + 40, "v5.2.1", 7);
    assert_kind(0x5000, GODWIT_FILE_BOOTLOADER);
    file[32] = 0x51;
    assert_kind(0x5000, GODWIT_FILE_APP);
    file[32] = 0x50;
    file[42] = 0x07; /* no version text */
    assert_kind(0x5000, GODWIT_FILE_APP);
    memset(file + 40, 'x', 32); /* no end */
    assert_kind(0x5000, GODWIT_FILE_APP);
}

static void knows_a_merged_file_at_every_place(void **state)
{
    (void)state;
    const struct godwit_chip *chip;
    for (size_t i = 0; (chip = godwit_chip_at(i)) != NULL; i++) {
        CASE(i);
        for (size_t table = 0x8000; table <= 0xF000; table += 0x1000) {
            CASE(table);
            memset(file, 0xFF, sizeof file);
            put_image(chip->bootloader_offset, chip->id, 0x4038C000);
            memcpy(file + table, "\xAA\x50\x01\x02", 4);
            assert_kind(table + 32, GODWIT_FILE_MERGED);
            assert_true(kind_of(table + 31, table + 31) != GODWIT_FILE_MERGED);
        }
        memset(file, 0xFF, sizeof file);
        put_image(chip->bootloader_offset, chip->id, 0x4038C000);
        assert_true(kind_of(sizeof file, sizeof file) != GODWIT_FILE_MERGED);
    }
    /* A table without a bootloader is no whole flash; an application stays one. */
    memset(file, 0xFF, sizeof file);
    memcpy(file + 0x8000, "\xAA\x50\x01\x02", 4);
    assert_kind(sizeof file, GODWIT_FILE_UNKNOWN);
    put_image(0, 5, 0x3C000020);
    godwit_store32(file + 32, APP_DESC_MAGIC);
    assert_kind(sizeof file, GODWIT_FILE_APP);
}

/* First bytes as Arduino's eboot has them: header of 8 bytes, then the first segment. */
static void knows_the_older_chip(void **state)
{
    (void)state;
    static const uint8_t second[16] = {0xEA, 4, 0, 0x20, 4, 0, 0x10, 0x40, 0, 0, 0, 0, 0x10};
    put(0, second, sizeof second);
    assert_kind(64, GODWIT_FILE_ESP8266);
    file[7] = 0x50; /* no entry of that chip */
    assert_int_not_equal(kind_of(64, 64), GODWIT_FILE_ESP8266);
    static const uint8_t head[16] = {0xE9, 2,    3,    0x40, 0x80, 0xF4, 0x10, 0x40,
                                     0x00, 0xF0, 0x10, 0x40, 0x60, 0x0D, 0x00, 0x00};
    put(0, head, sizeof head);
    assert_kind(64, GODWIT_FILE_ESP8266);
    godwit_store32(file + 8, 0x3FFE8000); /* its data first */
    assert_kind(64, GODWIT_FILE_ESP8266);
    file[11] = 0; /* loads elsewhere */
    assert_int_not_equal(kind_of(64, 64), GODWIT_FILE_ESP8266);
    put_image(0, 0, 0x400D0020); /* an ESP32 with default pins, entry in RAM */
    godwit_store32(file + 4, 0x40101000);
    file[8] = 0xEE;
    assert_kind(64, GODWIT_FILE_APP);
}

static void knows_otadata(void **state)
{
    (void)state;
    struct godwit_ota_entry entry = {.seq = 1, .state = 2, .crc = godwit_ota_crc(1)};
    memset(file, 0xFF, sizeof file);
    godwit_ota_entry_store(&entry, file + 0x1000);
    assert_kind(0x2000, GODWIT_FILE_OTADATA);
    assert_int_not_equal(kind_of(0x2000, 0x3000), GODWIT_FILE_OTADATA);
    file[0x1FFF] = 0;
    assert_int_not_equal(kind_of(0x2000, 0x2000), GODWIT_FILE_OTADATA);
    file[0x1FFF] = 0xFF;
    file[0x1000 + 28] ^= 1; /* CRC */
    assert_int_not_equal(kind_of(0x2000, 0x2000), GODWIT_FILE_OTADATA);
}

static void knows_what_partitions_hold(void **state)
{
    (void)state;
    memset(file, 0xFF, sizeof file);
    memcpy(file + 8, "littlefs", 8);
    assert_kind(0x4000, GODWIT_FILE_LITTLEFS);
    memset(file, 0, sizeof file);
    memcpy(file + 54, "FAT16   ", 8);
    assert_kind(0x4000, GODWIT_FILE_FAT);
    memset(file, 0xFF, sizeof file);
    memcpy(file + 0x1000 + 54, "FAT12   ", 8);
    assert_kind(0x4000, GODWIT_FILE_FAT);
    memset(file, 0x22, sizeof file);
    memcpy(file + 257, "ustar", 5);
    assert_kind(0x4000, GODWIT_FILE_TAR);
    memset(file, 0x22, sizeof file);
    memcpy(file, "070701", 6);
    assert_kind(0x4000, GODWIT_FILE_ARCHIVE);
    memcpy(file + 110, "dfuinfo0.dat", 12);
    assert_kind(0x4000, GODWIT_FILE_DFU);

    memset(file, 0xFF, sizeof file); /* NVS: state, sequence, version, then what stays erased */
    godwit_store32(file, 0xFFFFFFFE);
    godwit_store32(file + 4, 0);
    file[8] = 0xFE;
    godwit_store32(file + 28, 0x12345678);
    assert_kind(0x3000, GODWIT_FILE_NVS);
    file[20] = 0;
    assert_kind(0x3000, GODWIT_FILE_UNKNOWN);

    memset(file, 0xFF, sizeof file); /* SPIFFS of 8 blocks, with and without the count mixed in */
    for (uint16_t left = 8; left > 6; left--)
        godwit_store16(file + (8 - left) * 0x1000 + 252, 0x0429 ^ left);
    assert_kind(0x8000, GODWIT_FILE_SPIFFS);
    assert_kind(0x7000, GODWIT_FILE_UNKNOWN);
    godwit_store16(file + 252, 0x0429);
    godwit_store16(file + 0x1000 + 252, 0x0429);
    assert_kind(0x7000, GODWIT_FILE_SPIFFS);
}

static void finds_an_image_inside(void **state)
{
    (void)state;
    memset(file, 0x11, sizeof file);
    assert_int_equal(godwit_file_find_app(file, sizeof file), sizeof file);
    put_image(100, 5, 0x3C000020);
    godwit_store32(file + 132, APP_DESC_MAGIC);
    assert_kind(0x2000, GODWIT_FILE_WRAPPED);
    assert_int_equal(godwit_file_find_app(file, 0x2000), 100);
    assert_int_equal(godwit_file_find_app(file, 136), 100);
    assert_int_equal(godwit_file_find_app(file, 135), 135);
    file[101] = 17; /* segments */
    assert_kind(0x2000, GODWIT_FILE_UNKNOWN);
}

static void knows_noise(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < sizeof file; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        file[i] = (uint8_t)(x >> 24);
    }
    file[0] = 0x55;
    assert_kind(1024, GODWIT_FILE_NOISE);
    assert_kind(sizeof file, GODWIT_FILE_NOISE);
    assert_kind(1023, GODWIT_FILE_UNKNOWN);
    memset(file + 0x8000, 0xFF, 0x1000);
    assert_kind(sizeof file, GODWIT_FILE_UNKNOWN);
}

static void every_kind_has_words(void **state)
{
    (void)state;
    for (int i = 0; i <= GODWIT_FILE_KIND_COUNT; i++) {
        CASE(i);
        assert_true(strlen(godwit_file_kind_id((enum godwit_file_kind)i)) > 0);
        assert_true(strlen(godwit_file_kind_sentence((enum godwit_file_kind)i)) > 0);
        bool is_app = i == GODWIT_FILE_APP;
        assert_true(is_app == !*godwit_file_kind_advice((enum godwit_file_kind)i));
    }
    assert_string_equal(godwit_file_kind_id(GODWIT_FILE_APP), "app");
    assert_string_equal(godwit_file_kind_id(GODWIT_FILE_KIND_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_each_magic),
        cmocka_unit_test(knows_text_and_blanks),
        cmocka_unit_test(tells_images_apart),
        cmocka_unit_test(knows_a_bootloader_by_its_descriptor),
        cmocka_unit_test(knows_a_merged_file_at_every_place),
        cmocka_unit_test(knows_the_older_chip),
        cmocka_unit_test(knows_otadata),
        cmocka_unit_test(knows_what_partitions_hold),
        cmocka_unit_test(finds_an_image_inside),
        cmocka_unit_test(knows_noise),
        cmocka_unit_test(every_kind_has_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
