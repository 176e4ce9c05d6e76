/* The chip table against what the field's tools say of each chip, and its own consistency. */
#include "case.h"
#include "formats/chip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void holds_every_chip_once(void **state)
{
    (void)state;
    /* Ids and bootloader offsets as esptool 5.6.0 prints them. */
    static const struct {
        const char *name;
        uint16_t id;
        uint32_t bootloader_offset;
    } expected[] = {
        {"esp32", 0x00, 0x1000},   {"esp32s2", 0x02, 0x1000},  {"esp32c3", 0x05, 0},
        {"esp32s3", 0x09, 0},      {"esp32c2", 0x0C, 0},       {"esp32c6", 0x0D, 0},
        {"esp32h2", 0x10, 0},      {"esp32p4", 0x12, 0x2000},  {"esp32c61", 0x14, 0},
        {"esp32c5", 0x17, 0x2000}, {"esp32h21", 0x19, 0},      {"esp32h4", 0x1C, 0x2000},
        {"esp32e22", 0x1F, 0},     {"esp32s31", 0x20, 0x2000},
    };
    const size_t count = sizeof expected / sizeof expected[0];
    for (size_t i = 0; i < count; i++) {
        CASE(i);
        const struct godwit_chip *chip = godwit_chip_by_id(expected[i].id);
        assert_non_null(chip);
        assert_string_equal(chip->name, expected[i].name);
        assert_int_equal(chip->bootloader_offset, expected[i].bootloader_offset);
        assert_ptr_equal(godwit_chip_by_name(expected[i].name), chip);
        assert_ptr_equal(godwit_chip_by_name(chip->title), chip);
        assert_ptr_equal(godwit_chip_at(i), chip);
    }
    assert_null(godwit_chip_at(count));
    assert_null(godwit_chip_by_id(0xFFFF));
    assert_null(godwit_chip_by_id(1));
    assert_null(godwit_chip_by_name("esp8266"));
    const struct godwit_chip *c3 = godwit_chip_by_name("esp32c3");
    static const char *const same[] = {"ESP32C3", "ESP32-C3", "esp32-c3", "Esp32-c3"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        CASE(i);
        assert_ptr_equal(godwit_chip_by_name(same[i]), c3);
    }
    static const char *const others[] = {"", "esp32-", "esp32-c", "esp32-c33", "esp32c3 ", "-c3"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        CASE(i);
        assert_null(godwit_chip_by_name(others[i]));
    }
}

static void titles_are_names_as_people_write_them(void **state)
{
    (void)state;
    const struct godwit_chip *chip;
    for (size_t i = 0; (chip = godwit_chip_at(i)) != NULL; i++) {
        CASE(i);
        assert_memory_equal(chip->title, "ESP32", 5);
        assert_true(strlen(chip->title) == strlen(chip->name) + (chip->id != 0));
        assert_true((chip->schemes == 0) == (chip->key_count == 0));
        assert_true(chip->mapped[0].from < chip->mapped[0].to);
    }
}

static void knows_flash_addresses(void **state)
{
    (void)state;
    static const struct {
        uint16_t id;
        uint32_t address;
        bool is_mapped;
    } rows[] = {
        {0x00, 0x3F400020, true},  {0x00, 0x400D0020, true},  {0x00, 0x403FFFFF, true},
        {0x00, 0x40400000, false}, {0x00, 0x40080000, false}, {0x00, 0x3FFB0000, false},
        {0x02, 0x3F000020, true},  {0x02, 0x40080020, true},  {0x02, 0x40800000, false},
        {0x05, 0x3C000000, true},  {0x05, 0x3BFFFFFF, false}, {0x05, 0x42000020, true},
        {0x05, 0x427FFFFF, true},  {0x05, 0x42800000, false}, {0x05, 0x4037C000, false},
        {0x05, 0x3FC80000, false}, {0x09, 0x43FFFFFF, true},  {0x0C, 0x42400000, false},
        {0x0D, 0x42800020, true},  {0x0D, 0x43000000, false}, {0x0D, 0x40800000, false},
        {0x12, 0x40000020, true},  {0x12, 0x48000000, true},  {0x12, 0x4FF00000, false},
        {0x20, 0x50000000, true},  {0x20, 0x44000000, false}, {0x05, 0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CASE(i);
        assert_true(godwit_chip_is_mapped(godwit_chip_by_id(rows[i].id), rows[i].address) ==
                    rows[i].is_mapped);
    }
}

static void knows_what_secure_boot_takes(void **state)
{
    (void)state;
    assert_int_equal(godwit_chip_by_name("esp32")->key_count, 1);
    assert_int_equal(godwit_chip_by_name("esp32c3")->schemes, GODWIT_TAKES_RSA);
    assert_int_equal(godwit_chip_by_name("esp32c3")->key_count, 3);
    assert_int_equal(godwit_chip_by_name("esp32c2")->schemes, GODWIT_TAKES_P256);
    assert_int_equal(godwit_chip_by_name("esp32c6")->schemes, GODWIT_TAKES_RSA | GODWIT_TAKES_P256);
    assert_int_equal(godwit_chip_by_name("esp32p4")->schemes,
                     GODWIT_TAKES_RSA | GODWIT_TAKES_P256 | GODWIT_TAKES_P384);
    assert_int_equal(godwit_chip_by_name("esp32c61")->schemes, GODWIT_TAKES_P256);
    assert_int_equal(godwit_chip_by_name("esp32h4")->schemes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_every_chip_once),
        cmocka_unit_test(titles_are_names_as_people_write_them),
        cmocka_unit_test(knows_flash_addresses),
        cmocka_unit_test(knows_what_secure_boot_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
