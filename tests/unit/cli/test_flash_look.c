/* godwit flash: chip and revision, dumps that are short or nonsense, and the JSON that it promises.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "case.h"
#include "cli/flash_report.h"
#include "device.h"
#include "emu/pack.h"

#define DUMP_SIZE 0x100000u
#define SLOT_0 0x20000u

static uint8_t dump[DUMP_SIZE];
static struct flash_report report;

/* A fresh flash of 1 MiB with one image in ota_0. */
static void make_dump(const char *chip, uint16_t revision_min)
{
    const struct pack_options options = {.chip = godwit_chip_by_name(chip),
                                         .project = "kettle",
                                         .version = "2.0.1",
                                         .secure_version = 1,
                                         .revision_min = revision_min,
                                         .size = 0x3000};
    static const struct board_layout layout = {.slots = 2};
    struct flash_ram ram;
    uint8_t *image;
    size_t size;
    assert_int_equal(pack_image(&options, &image, &size), GODWIT_OK);
    assert_int_equal(flash_ram_init(&ram, DUMP_SIZE, 4, NULL), GODWIT_OK);
    struct godwit_flash flash = flash_ram_port(&ram);
    assert_int_equal(board_provision(&flash, options.chip, &layout, image, size), GODWIT_OK);
    assert_int_equal(flash.read(flash.ctx, 0, dump, DUMP_SIZE), GODWIT_OK);
    flash_ram_deinit(&ram);
    free(image);
}

static void erase_bootloader(const char *chip_name)
{
    memset(dump + godwit_chip_by_name(chip_name)->bootloader_offset, 0xFF, 0x1000);
}

/* A bootloader's header where this chip looks for it. */
static void add_bootloader(const char *chip_name, uint8_t flash_size_log2)
{
    const struct godwit_chip *chip = godwit_chip_by_name(chip_name);
    uint8_t *header = dump + chip->bootloader_offset;
    memset(header, 0, GODWIT_IMAGE_HEADER_SIZE);
    header[0] = 0xE9;
    header[1] = 3;
    header[3] = (uint8_t)(flash_size_log2 << 4);
    godwit_store16(header + 12, chip->id);
}

static godwit_err look(const struct flash_request *request, size_t size)
{
    return flash_look(request, "dump.bin", dump, size, &report);
}

static const struct flash_request PLAIN = {0};

static void says_what_boots_and_what_it_leaves(void **state)
{
    (void)state;
    make_dump("esp32c3", 0);
    assert_int_equal(look(&PLAIN, DUMP_SIZE), GODWIT_OK);
    json_t *json = flash_report_json(&report);
    assert_non_null(json);
    const json_t *boot = json_object_get(json, "boot");
    assert_string_equal(json_string_value(json_object_get(boot, "label")), "ota_0");
    assert_int_equal(json_integer_value(json_object_get(boot, "offset")), SLOT_0);
    assert_true(json_is_string(json_object_get(boot, "reason")));
    assert_int_equal(json_array_size(json_object_get(json, "partitions")), 5);
    const json_t *before = json_object_get(json, "otadata_before");
    const json_t *after = json_object_get(json, "otadata_after");
    assert_string_equal(json_string_value(json_array_get(before, 0)),
                        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff");
    assert_string_equal(json_string_value(json_array_get(after, 0)),
                        "01000000ffffffffffffffffffffffffffffffffffffffff020000009a984347");
    const json_t *slot = json_array_get(json_object_get(json, "partitions"), 3);
    const json_t *image = json_object_get(slot, "image");
    assert_string_equal(json_string_value(json_object_get(image, "project")), "kettle");
    assert_true(json_is_true(json_object_get(image, "bootable")));
    json_decref(json);
}

static void nothing_to_boot_is_a_result(void **state)
{
    (void)state;
    make_dump("esp32c3", 0);
    dump[SLOT_0] = 0;
    assert_int_equal(look(&PLAIN, DUMP_SIZE), GODWIT_OK);
    json_t *json = flash_report_json(&report);
    assert_true(json_is_null(json_object_get(json, "boot")));
    assert_true(json_is_array(json_object_get(json, "otadata_after")));
    json_decref(json);
    memset(dump, 0xA5, DUMP_SIZE); /* no partition table at all */
    assert_int_equal(look(&PLAIN, DUMP_SIZE), GODWIT_OK);
    json = flash_report_json(&report);
    assert_true(json_is_null(json_object_get(json, "boot")));
    assert_true(json_is_null(json_object_get(json, "otadata_before")));
    assert_int_equal(json_array_size(json_object_get(json, "partitions")), 0);
    json_decref(json);
}

static void short_dumps_are_erased_flash_behind(void **state)
{
    static const size_t sizes[] = {0, 1, 0x1001, 0x8001, 0x8C00, 0x20010, 0x23000};
    (void)state;
    make_dump("esp32c3", 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        CASE(i);
        assert_int_equal(look(&PLAIN, sizes[i]), GODWIT_OK);
        assert_int_equal(report.boot.boots, sizes[i] == 0x23000);
    }
}

/* What is not in the dump is not judged, and what rests on it neither. */
static void short_dumps_are_checked_by_what_they_hold(void **state)
{
    static const struct {
        size_t size;
        bool is_checked, knows_slot_0;
    } rows[] = {
        {DUMP_SIZE, true, true},         {0x8B00, false, false}, /* in the table */
        {0xF000, false, false},                                  /* in otadata */
        {0x12000, false, false},         /* the part in front of the slots */
        {0x20010, false, false},         /* in the image's header */
        {SLOT_0 + 0x1000, false, false}, /* in the image */
        {SLOT_0 + 0x3000, true, true},   {0xF0000, true, true},
    };
    (void)state;
    make_dump("esp32c3", 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        assert_int_equal(look(&PLAIN, rows[i].size), GODWIT_OK);
        assert_int_equal(report.is_checked, rows[i].is_checked);
        json_t *json = flash_report_json(&report);
        assert_int_equal(json_is_true(json_object_get(json, "judged")), rows[i].is_checked);
        assert_int_equal(json_is_object(json_object_get(json, "boot")), rows[i].is_checked);
        json_decref(json);
        if (rows[i].size < 0x9000) continue;
        assert_int_equal(report.rows[3].is_known, rows[i].knows_slot_0);
        assert_int_equal(report.rows[4].is_known, rows[i].size > report.rows[4].partition.offset);
    }
    dump[SLOT_0 + 0x800] ^= 1; /* refused: but is the other slot good? */
    assert_int_equal(look(&PLAIN, DUMP_SIZE), GODWIT_OK);
    assert_true(report.is_checked);
    assert_int_equal(look(&PLAIN, 0x80000), GODWIT_OK);
    assert_false(report.is_checked);
}

static void what_is_no_dump_is_named(void **state)
{
    static uint8_t bytes[0x20000];
    (void)state;
    make_dump("esp32c3", 0);
    assert_null(flash_not_a_dump(dump, DUMP_SIZE));
    assert_null(flash_not_a_dump(dump, 0x10000));             /* the first part */
    assert_non_null(flash_not_a_dump(dump + SLOT_0, 0x3000)); /* an application */
    assert_non_null(flash_not_a_dump(dump, 0x1000));          /* a bootloader */
    assert_non_null(flash_not_a_dump(dump + 0x8000, 0xC00));  /* a partition table */
    assert_non_null(flash_not_a_dump(dump, 0));
    assert_non_null(flash_not_a_dump((const uint8_t *)"-----BEGIN PUBLIC KEY-----", 26));
    dump[GODWIT_PTABLE_OFFSET] = 0; /* a damaged table, as a tool may leave it */
    assert_null(flash_not_a_dump(dump, DUMP_SIZE));
    assert_non_null(flash_not_a_dump(dump, 0x9001));
    assert_non_null(flash_not_a_dump(bytes, sizeof bytes)); /* zeros: a board that did not answer */
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 167 >> 3); /* encrypted */
    assert_null(flash_not_a_dump(bytes, sizeof bytes));
    memset(bytes, 0xFF, sizeof bytes);
    assert_null(flash_not_a_dump(bytes, sizeof bytes)); /* an erased chip */
    assert_non_null(flash_not_a_dump(bytes, 0x8000));
}

static void chip_comes_from_the_bootloader(void **state)
{
    struct flash_request request = {0};
    (void)state;
    make_dump("esp32", 0);
    erase_bootloader("esp32");
    assert_int_equal(look(&PLAIN, DUMP_SIZE), GODWIT_OK);
    assert_false(report.boot.boots); /* taken for a C3 */
    add_bootloader("esp32", 2);
    assert_int_equal(look(&PLAIN, DUMP_SIZE), GODWIT_OK);
    assert_string_equal(report.bootloader.chip->name, "esp32");
    assert_int_equal(report.flash_size, 4u << 20);
    assert_true(report.boot.boots);
    request.chip_name = "esp32s3";
    assert_int_equal(look(&request, DUMP_SIZE), GODWIT_OK);
    assert_false(report.boot.boots);
    request.chip_name = "esp8266";
    assert_int_equal(look(&request, DUMP_SIZE), GODWIT_ERR_MISSING);
}

/* A flash as `godwit device` lays it out says whose it is, and boots, also where no image does. */
static void emulated_flash_tells_its_chip(void **state)
{
    const struct godwit_chip *chip;
    (void)state;
    for (size_t i = 0; (chip = godwit_chip_at(i)); i++) {
        CASE(i);
        make_dump(chip->name, 0);
        for (int is_broken = 0; is_broken < 2; is_broken++) {
            if (is_broken) dump[SLOT_0] = 0;
            assert_int_equal(look(&PLAIN, DUMP_SIZE), GODWIT_OK);
            assert_true(report.has_bootloader);
            assert_ptr_equal(report.bootloader.chip, chip);
            assert_int_equal(report.flash_size, DUMP_SIZE);
            assert_int_equal(report.boot.boots, !is_broken);
        }
    }
}

/* v0.3 for a C3 that nobody speaks for; with its bootloader in the dump it is not checked. */
static void revision_has_its_default(void **state)
{
    struct flash_request request = {0};
    (void)state;
    make_dump("esp32c3", 4);
    erase_bootloader("esp32c3");
    assert_int_equal(look(&PLAIN, DUMP_SIZE), GODWIT_OK);
    assert_false(report.boot.boots);
    request.revision_text = "0.4";
    assert_int_equal(look(&request, DUMP_SIZE), GODWIT_OK);
    assert_true(report.boot.boots);
    add_bootloader("esp32c3", 2);
    assert_int_equal(look(&PLAIN, DUMP_SIZE), GODWIT_OK);
    assert_true(report.boot.boots);
    request.revision_text = "0.3";
    assert_int_equal(look(&request, DUMP_SIZE), GODWIT_OK);
    assert_false(report.boot.boots);
    static const char *const wrong[] = {"",     "3",    "0.",   ".3",   "0.100", "0.3x",
                                        "-1.0", "0.-1", " 0.3", "-0.3", "+0.3"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CASE(i);
        request.revision_text = wrong[i];
        assert_int_equal(look(&request, DUMP_SIZE), GODWIT_ERR_FORMAT);
    }
}

static void anti_rollback_counts(void **state)
{
    struct flash_request request = {.has_anti_rollback = true};
    (void)state;
    make_dump("esp32c3", 0);
    assert_int_equal(look(&request, DUMP_SIZE), GODWIT_OK);
    assert_true(report.boot.boots);
    assert_int_equal(report.efuses.secure_version, 1); /* programmed at the first boot */
    request.secure_version = 2;
    assert_int_equal(look(&request, DUMP_SIZE), GODWIT_OK);
    assert_false(report.boot.boots);
}

/* A table may put otadata anywhere; the emulator must not stumble over it. */
static void strange_otadata_offsets(void **state)
{
    static const uint32_t offsets[] = {0x1, 0xE010, 0xE002, 0x8000, 0xFE000, 0xFE001};
    struct godwit_partition rows[2] = {{0, 0x10, SLOT_0, 0x10000, "ota_0", 0},
                                       {1, 0, 0, 0x2000, "otadata", 0}};
    (void)state;
    make_dump("esp32c3", 0);
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        CASE(i);
        rows[1].offset = offsets[i];
        rows[1].size = offsets[i] > 0xFE000 ? DUMP_SIZE - offsets[i] : 0x2000;
        assert_int_equal(godwit_ptable_build(rows, 2, dump + GODWIT_PTABLE_OFFSET), GODWIT_OK);
        assert_int_equal(look(&PLAIN, DUMP_SIZE), GODWIT_OK);
        json_decref(flash_report_json(&report));
    }
}

static bool has_note(const char *words)
{
    char note[512];
    for (size_t i = 0; flash_note(&report, i, note); i++)
        if (strstr(note, words)) return true;
    return false;
}

static void explanation_has(const char *words)
{
    json_t *json = flash_report_json(&report);
    const char *text = json_string_value(json_object_get(json, "explanation"));
    if (!strstr(text, words)) print_error("'%s' is not in '%s'\n", words, text);
    assert_non_null(strstr(text, words));
    json_decref(json);
}

static void a_table_may_be_moved(void **state)
{
    (void)state;
    make_dump("esp32c3", 0);
    memmove(dump + 0xF000, dump + 0x8000, 0x1000); /* blank there */
    memset(dump + 0x8000, 0xFF, 0x1000);
    assert_int_equal(look(&PLAIN, DUMP_SIZE), GODWIT_OK);
    assert_int_equal(report.table_offset, 0xF000);
    assert_true(report.boot.boots);
    assert_true(has_note("CONFIG_PARTITION_TABLE_OFFSET=0xf000"));
    const struct flash_request elsewhere = {.table_offset = 0x9000};
    assert_int_equal(look(&elsewhere, DUMP_SIZE), GODWIT_OK);
    assert_false(report.boot.boots);
    const struct flash_request there = {.table_offset = 0xF000};
    assert_int_equal(look(&there, DUMP_SIZE), GODWIT_OK);
    assert_true(report.boot.boots);
}

static void a_header_that_is_too_small_stops_all(void **state)
{
    (void)state;
    make_dump("esp32c3", 0);
    add_bootloader("esp32c3", 0); /* 1 MB, as the dump is */
    assert_int_equal(look(&PLAIN, DUMP_SIZE), GODWIT_OK);
    assert_true(report.boot.boots);
    assert_false(has_note("header"));
    struct godwit_partition rows[8];
    size_t count = 0;
    while (!godwit_ptable_at(dump + 0x8000, count, &rows[count]))
        count++;
    rows[count++] = (struct godwit_partition){
        .type = 1, .subtype = 0x82, .offset = 0x100000, .size = 0x200000, .label = "storage"};
    assert_int_equal(godwit_ptable_build(rows, count, dump + 0x8000), GODWIT_OK);
    assert_int_equal(look(&PLAIN, DUMP_SIZE), GODWIT_OK);
    assert_false(report.boot.boots);
    assert_int_equal(report.rows_count, count);
    assert_true(has_note("says 1 MB of flash, and the partition table reaches to 0x300000"));
    assert_true(has_note("--flash-size 3MB") || has_note("--flash-size 4MB"));
    explanation_has("nothing boots");
    static uint8_t large[4 * DUMP_SIZE]; /* the flash is there; the bootloader does not know */
    memset(large, 0xFF, sizeof large);
    memcpy(large, dump, DUMP_SIZE);
    assert_int_equal(flash_look(&PLAIN, "dump.bin", large, sizeof large, &report), GODWIT_OK);
    assert_false(report.boot.boots);
    assert_true(has_note("says 1 MB of flash, and the dump holds 4096 KiB"));
    explanation_has("nothing boots");
    add_bootloader("esp32c3", 2); /* 4 MB: all fits, and the dump is short */
    assert_int_equal(look(&PLAIN, DUMP_SIZE), GODWIT_OK);
    assert_true(report.boot.boots);
    assert_true(has_note("the dump is short"));
    assert_true(has_note("or the header is wrong"));
}

static void an_encrypted_dump_is_not_judged(void **state)
{
    (void)state;
    make_dump("esp32c3", 0);
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < DUMP_SIZE; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        dump[i] = (uint8_t)(x >> 24);
    }
    assert_null(flash_not_a_dump(dump, DUMP_SIZE));
    assert_int_equal(look(&PLAIN, DUMP_SIZE), GODWIT_OK);
    assert_true(report.is_encrypted);
    assert_false(report.is_checked);
    explanation_has("can not be judged");
}

static void overlapping_partitions_are_named(void **state)
{
    (void)state;
    make_dump("esp32c3", 0);
    struct godwit_partition rows[8];
    size_t count = 0;
    while (!godwit_ptable_at(dump + 0x8000, count, &rows[count]))
        count++;
    rows[0].size = 0x8000;
    assert_int_equal(godwit_ptable_build(rows, count, dump + 0x8000), GODWIT_OK);
    assert_int_equal(look(&PLAIN, DUMP_SIZE), GODWIT_OK);
    assert_true(has_note("overlap"));
    assert_true(has_note(rows[0].label));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_may_be_moved),
        cmocka_unit_test(a_header_that_is_too_small_stops_all),
        cmocka_unit_test(an_encrypted_dump_is_not_judged),
        cmocka_unit_test(overlapping_partitions_are_named),
        cmocka_unit_test(says_what_boots_and_what_it_leaves),
        cmocka_unit_test(nothing_to_boot_is_a_result),
        cmocka_unit_test(short_dumps_are_erased_flash_behind),
        cmocka_unit_test(short_dumps_are_checked_by_what_they_hold),
        cmocka_unit_test(what_is_no_dump_is_named),
        cmocka_unit_test(chip_comes_from_the_bootloader),
        cmocka_unit_test(emulated_flash_tells_its_chip),
        cmocka_unit_test(revision_has_its_default),
        cmocka_unit_test(anti_rollback_counts),
        cmocka_unit_test(strange_otadata_offsets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
