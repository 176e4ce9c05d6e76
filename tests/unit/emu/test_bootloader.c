/* The bootloader's choice: every golden row of the real one, the walk over images, and the faults
 * of a table that its rows do not show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "case.h"
#include "emu/emu.h"
#include "truth.h"

static struct flash_ram ram;
static struct godwit_flash flash;

static int setup(void **state)
{
    (void)state;
    assert_int_equal(flash_ram_init(&ram, TRUTH_FLASH_SIZE, 32, NULL), GODWIT_OK);
    flash = flash_ram_port(&ram);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    flash_ram_deinit(&ram);
    return 0;
}

static void entry_hex(int entry, char hex[static 65])
{
    uint8_t bytes[32];
    assert_int_equal(flash.read(flash.ctx, TRUTH_OTADATA + (uint32_t)entry * 0x1000, bytes, 32),
                     GODWIT_OK);
    godwit_hex_encode(bytes, 32, hex);
}

/* The whole chip with the two entries taken out. */
static uint8_t *rest_of_flash(void)
{
    uint8_t *bytes = malloc(TRUTH_FLASH_SIZE);
    assert_non_null(bytes);
    assert_int_equal(flash.read(flash.ctx, 0, bytes, TRUTH_FLASH_SIZE), GODWIT_OK);
    memset(bytes + TRUTH_OTADATA, 0, 32);
    memset(bytes + TRUTH_OTADATA + 0x1000, 0, 32);
    return bytes;
}

static void check_row(const struct truth_row *row, const char *name)
{
    struct bootloader bootloader = truth_bootloader(row);
    struct efuses efuses = {.secure_version = row->fuse_before};
    struct boot boot;
    char hex[65];
    assert_int_equal(flash.erase(flash.ctx, 0, TRUTH_FLASH_SIZE), GODWIT_OK);
    truth_build(row, &flash);
    uint8_t *before = rest_of_flash();
    assert_int_equal(bootloader_run(&bootloader, &flash, &efuses, &boot), GODWIT_OK);
    uint8_t *after = rest_of_flash();
    if (strcmp(boot.boots ? boot.partition.label : "none", row->booted) != 0)
        fail_msg("%s: booted %s", name, boot.boots ? boot.partition.label : "none");
    for (int i = 0; i < 2; i++) {
        entry_hex(i, hex);
        if (strcmp(hex, row->out[i]) != 0) fail_msg("%s: entry %d is %s", name, i, hex);
    }
    if (efuses.secure_version != row->fuse_after) fail_msg("%s: eFuse", name);
    assert_memory_equal(before, after, TRUTH_FLASH_SIZE);
    assert_int_equal(ram.violations, 0);
    free(before);
    free(after);
}

static void golden_rows(void **state)
{
    FILE *file = fopen(GODWIT_SOURCE_DIR "/" TRUTH_PATH, "r");
    struct truth_row row;
    char name[160];
    size_t rows = 0;
    (void)state;
    assert_non_null(file);
    for (; truth_next(file, &row); rows++) {
        snprintf(name, sizeof name, "row %zu: %s %s %s", rows + 2, row.mode, row.table, row.images);
        check_row(&row, name);
    }
    fclose(file);
    assert_int_equal(rows, 666);
}

#define BLANK "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define VALID_1 "01000000ffffffffffffffffffffffffffffffffffffffff020000009a984347"
#define NEW_2 "02000000ffffffffffffffffffffffffffffffffffffffff000000007437f655"
#define PENDING_2 "02000000ffffffffffffffffffffffffffffffffffffffff010000007437f655"
#define ABORTED_2 "02000000ffffffffffffffffffffffffffffffffffffffff040000007437f655"
#define UNDEFINED_2 "02000000ffffffffffffffffffffffffffffffffffffffffffffffff7437f655"

/* Told in the reference in words only. */
static const struct truth_row RULES[] = {
    /* factory beats the previous good app when the bad image is in slot 0 … */
    {"rollback",
     "fac",
     "ota_0=data/ota_1=ok/factory=ok",
     false,
     0,
     0,
     "factory",
     {"03000000ffffffffffffffffffffffffffffffffffffffff0000000011504aed",
      "02000000ffffffffffffffffffffffffffffffffffffffff020000007437f655"},
     {"03000000ffffffffffffffffffffffffffffffffffffffff0100000011504aed",
      "02000000ffffffffffffffffffffffffffffffffffffffff020000007437f655"}},
    /* … and loses when it is in slot 1 */
    {"rollback",
     "fac",
     "ota_0=ok/ota_1=data/factory=ok",
     false,
     0,
     0,
     "ota_0",
     {VALID_1, NEW_2},
     {VALID_1, PENDING_2}},
    /* a rejected image runs again when nothing else does */
    {"rollback",
     "two",
     "ota_0=data/ota_1=ok",
     false,
     0,
     0,
     "ota_1",
     {VALID_1, ABORTED_2},
     {VALID_1, ABORTED_2}},
    /* blank, slot 0 damaged: the slot that boots is written into entry 0 */
    {"rollback",
     "two",
     "ota_0=sha/ota_1=ok",
     false,
     0,
     0,
     "ota_1",
     {BLANK, BLANK},
     {"02000000ffffffffffffffffffffffffffffffffffffffff020000007437f655", BLANK}},
    /* a torn selection without its state boots unmonitored */
    {"rollback",
     "two",
     "ota_0=ok/ota_1=ok",
     false,
     0,
     0,
     "ota_1",
     {VALID_1, UNDEFINED_2},
     {VALID_1, UNDEFINED_2}},
    /* PENDING without CRC becomes ABORTED all the same */
    {"rollback",
     "two",
     "ota_0=ok/ota_1=ok",
     false,
     0,
     0,
     "ota_0",
     {VALID_1, "02000000ffffffffffffffffffffffffffffffffffffffff01000000ffffffff"},
     {VALID_1, "02000000ffffffffffffffffffffffffffffffffffffffff04000000ffffffff"}},
    /* a fallback image that is too old is none */
    {"antirollback",
     "two",
     "ota_0=ok:sv0/ota_1=ok:sv1",
     true,
     1,
     1,
     "ota_1",
     {VALID_1, PENDING_2},
     {VALID_1, ABORTED_2}},
    /* the first boot on blank otadata raises the eFuse at once */
    {"antirollback",
     "two",
     "ota_0=ok:sv2/ota_1=ok:sv0",
     true,
     0,
     2,
     "ota_0",
     {BLANK, BLANK},
     {VALID_1, BLANK}},
    /* what has no code in flash is loaded, recorded, and does not start: 480 of 480 boots */
    {"rollback",
     "two",
     "ota_0=ok/ota_1=nocode",
     false,
     0,
     0,
     "none",
     {VALID_1, NEW_2},
     {VALID_1, PENDING_2}},
    {"rollback",
     "two",
     "ota_0=nocode/ota_1=ok",
     false,
     0,
     0,
     "none",
     {BLANK, BLANK},
     {VALID_1, BLANK}},
};

static void rules_in_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++) {
        CASE(i);
        char name[32];
        snprintf(name, sizeof name, "rule %zu", i);
        check_row(&RULES[i], name);
    }
}

/* Loaded and started are two things: what aborts has been chosen, and the next reset chooses again.
 */
static void what_aborts_is_chosen_until_it_is_not(void **state)
{
    (void)state;
    static const struct {
        const char *mode, *images, *in[2], *label;
        unsigned resets;
        bool boots;
    } ROWS[] = {
        {"rollback", "ota_0=ok/ota_1=ok", {VALID_1, NEW_2}, "ota_1", 0, true},
        {"rollback", "ota_0=ok/ota_1=nocode", {VALID_1, NEW_2}, "ota_0", 1, true},
        {"rollback", "ota_0=ok/ota_1=nocode", {VALID_1, UNDEFINED_2}, "ota_1", 4, false},
        {"plain", "ota_0=ok/ota_1=nocode", {VALID_1, NEW_2}, "ota_1", 4, false},
        {"rollback", "ota_0=data/ota_1=nocode", {BLANK, BLANK}, "ota_1", 4, false},
        {"rollback", "ota_0=data/ota_1=data", {VALID_1, NEW_2}, "", 0, false},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct truth_row row = {.table = "two"};
        snprintf(row.mode, sizeof row.mode, "%s", ROWS[i].mode);
        snprintf(row.images, sizeof row.images, "%s", ROWS[i].images);
        for (int e = 0; e < 2; e++)
            snprintf(row.in[e], sizeof row.in[e], "%s", ROWS[i].in[e]);
        struct bootloader bootloader = truth_bootloader(&row);
        struct efuses efuses = {0};
        struct boot boot;
        unsigned resets;
        assert_int_equal(flash.erase(flash.ctx, 0, TRUTH_FLASH_SIZE), GODWIT_OK);
        truth_build(&row, &flash);
        assert_int_equal(bootloader_run_on(&bootloader, &flash, &efuses, &boot, &resets),
                         GODWIT_OK);
        if (boot.boots != ROWS[i].boots || resets != ROWS[i].resets ||
            strcmp(boot.partition.label, ROWS[i].label) != 0)
            fail_msg("row %zu: %s after %u resets", i, boot.partition.label, resets);
        assert_int_equal(boot.loaded, *ROWS[i].label != 0);
    }
}

static void damaged_tables(void **state)
{
    struct bootloader bootloader = {.chip = godwit_chip_by_name("esp32c3"), .has_rollback = true};
    struct efuses efuses = {0};
    struct boot boot;
    uint8_t table[GODWIT_PTABLE_SIZE];
    (void)state;
    assert_int_equal(flash.erase(flash.ctx, 0, TRUTH_FLASH_SIZE), GODWIT_OK);
    assert_int_equal(bootloader_run(&bootloader, &flash, &efuses, &boot), GODWIT_OK);
    assert_false(boot.boots);
    assert_int_equal(boot.choice, BOOT_BAD_TABLE);
    /* ninety slots of one name: more than the bootloader has room for */
    struct godwit_partition rows[90];
    for (uint32_t i = 0; i < 90; i++)
        rows[i] = (struct godwit_partition){0, 0x10, 0x10000, 0x10000, "ota_0", 0};
    rows[89] = (struct godwit_partition){1, 0, TRUTH_OTADATA, 0x2000, "otadata", 0};
    assert_int_equal(godwit_ptable_build(rows, 90, table), GODWIT_OK);
    assert_int_equal(flash_put(&flash, GODWIT_PTABLE_OFFSET, table, sizeof table), GODWIT_OK);
    struct godwit_ota_entry entry = {80, {0}, GODWIT_OTA_VALID, godwit_ota_crc(80)};
    uint8_t bytes[32];
    godwit_ota_entry_store(&entry, bytes);
    assert_int_equal(flash_put(&flash, TRUTH_OTADATA, bytes, 32), GODWIT_OK);
    assert_int_equal(bootloader_run(&bootloader, &flash, &efuses, &boot), GODWIT_OK);
    assert_false(boot.boots);
    assert_int_equal(boot.slot, 79);
    assert_int_equal(boot.tries_count, 1); /* slot 0, erased */
    bootloader.has_anti_rollback = true;
    assert_int_equal(bootloader_run(&bootloader, &flash, &efuses, &boot), GODWIT_OK);
    assert_false(boot.boots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(golden_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(rules_in_words, setup, teardown),
        cmocka_unit_test_setup_teardown(what_aborts_is_chosen_until_it_is_not, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_tables, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
