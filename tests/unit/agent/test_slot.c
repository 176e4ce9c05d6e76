/* Which slot is idle, by the partition table; what an image in it says of itself; otadata. */
#include "case.h"
#include "device_test.h"

static struct flash_ram ram;
static struct godwit_flash flash;
static struct godwit_agent agent;
static int setup(void **state)
{
    (void)state;
    memset(&agent, 0, sizeof agent);
    assert_int_equal(flash_ram_init(&ram, 4u << 20, 4, NULL), GODWIT_OK);
    flash = flash_ram_port(&ram);
    agent.config.flash = &flash;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    flash_ram_deinit(&ram);
    return 0;
}

static struct godwit_partition app(uint8_t subtype, uint32_t at)
{
    struct godwit_partition row = {
        .type = GODWIT_PTYPE_APP, .subtype = subtype, .offset = at, .size = 0x40000};
    snprintf(row.label, sizeof row.label, "app_%x", subtype);
    return row;
}

#define OTADATA                                                                      \
    {                                                                                \
        .type = GODWIT_PTYPE_DATA, .subtype = GODWIT_DATA_OTADATA, .offset = 0xA000, \
        .size = 0x2000, .label = "otadata"                                           \
    }
#define RECORD                                                                         \
    {                                                                                  \
        .type = GODWIT_PTYPE_DATA, .subtype = GODWIT_DATA_UNDEFINED, .offset = 0xC000, \
        .size = 0x2000, .label = "godwit"                                              \
    }

static void write_table(const struct godwit_partition *rows, size_t count)
{
    uint8_t table[GODWIT_PTABLE_SIZE];
    assert_int_equal(godwit_ptable_build(rows, count, table), GODWIT_OK);
    assert_int_equal(flash_put(&flash, GODWIT_PTABLE_OFFSET, table, sizeof table), GODWIT_OK);
}

static void the_next_slot_is_inactive_and_never_the_running_one(void **state)
{
    (void)state;
    static const struct {
        uint8_t subtypes[4]; /* in slots of 256 KiB from 0x20000 on; 0xFF: none */
        int running;         /* which of them */
        int inactive_index;
        uint32_t inactive_offset;
    } rows[] = {
        {{0x10, 0x11, 0xFF}, 0, 1, 0x60000},
        {{0x10, 0x11, 0xFF}, 1, 0, 0x20000},
        {{0x00, 0x10, 0x11, 0xFF}, 0, 0, 0x60000}, /* from factory into the first */
        {{0x00, 0x10, 0x11, 0xFF}, 2, 0, 0x60000},
        {{0x10, 0x11, 0x12, 0xFF}, 1, 2, 0xA0000},
        {{0x10, 0x11, 0x12, 0xFF}, 2, 0, 0x20000},
        {{0x00, 0x10, 0xFF}, 0, 0, 0x60000},
        {{0x00, 0x10, 0xFF}, 1, -1, 0}, /* the only slot runs: nowhere to write */
        {{0x10, 0xFF}, 0, -1, 0},
        {{0x10, 0x12, 0xFF}, 0, -1, 0}, /* behind a gap the bootloader finds nothing */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        struct godwit_partition table[6] = {OTADATA, RECORD};
        size_t count = 2;
        for (size_t k = 0; k < 4 && rows[i].subtypes[k] != 0xFF; k++)
            table[count++] = app(rows[i].subtypes[k], 0x20000 + (uint32_t)k * 0x40000);
        write_table(table, count);
        agent.facts.running_offset = table[2 + rows[i].running].offset;
        assert_int_equal(godwit_slots_find(&agent), GODWIT_OK);
        assert_int_equal(godwit_slots_choose_inactive(&agent), GODWIT_OK);
        assert_int_equal(agent.slots.running.offset, agent.facts.running_offset);
        assert_string_equal(agent.slots.label, table[2 + rows[i].running].label);
        assert_int_equal(agent.slots.inactive_index, rows[i].inactive_index);
        assert_int_equal(agent.slots.inactive.offset, rows[i].inactive_offset);
        assert_int_equal(agent.slots.journal.offset, 0xC000);
    }
}

static void a_table_without_journal_is_refused_and_without_otadata_only_watched(void **state)
{
    (void)state;
    struct godwit_partition without_journal[] = {OTADATA, app(0x10, 0x20000), app(0x11, 0x60000)};
    write_table(without_journal, 3);
    agent.facts.running_offset = 0x20000;
    assert_int_equal(godwit_slots_find(&agent), GODWIT_ERR_MISSING);
    struct godwit_partition without_otadata[] = {RECORD, app(0x10, 0x20000), app(0x11, 0x60000)};
    write_table(without_otadata, 3);
    assert_int_equal(godwit_slots_find(&agent), GODWIT_OK);
    assert_int_equal(agent.slots.inactive_index, -1);
    struct godwit_partition small[] = {RECORD, OTADATA, app(0x10, 0x20000), app(0x11, 0x60000)};
    small[0].size = 0x1000;
    write_table(small, 4);
    assert_int_equal(godwit_slots_find(&agent), GODWIT_ERR_SPACE);
    small[0].size = 0x2000;
    small[0].flags = 1; /* encrypted */
    write_table(small, 4);
    assert_int_equal(godwit_slots_find(&agent), GODWIT_ERR_SPACE);
    assert_int_equal(flash_put(&flash, GODWIT_PTABLE_OFFSET, (const uint8_t *)"junk", 4),
                     GODWIT_OK);
    assert_int_equal(godwit_slots_find(&agent), GODWIT_ERR_FORMAT);
}

static void an_image_is_measured_by_its_segments(void **state)
{
    (void)state;
    const struct pack_options options = firmware_options("1.0.0");
    struct firmware file = firmware_pack(&options);
    const struct godwit_region region = {0x20000, 0x40000};
    uint32_t size;
    uint8_t digest[32];
    assert_int_equal(godwit_slot_image(&agent, &region, &size, digest), GODWIT_ERR_FORMAT);
    assert_true(godwit_all(digest, 32, 0));
    assert_int_equal(flash_put(&flash, region.offset, file.data, file.size), GODWIT_OK);
    assert_int_equal(godwit_slot_image(&agent, &region, &size, digest), GODWIT_OK);
    assert_int_equal(size, file.size);
    assert_memory_equal(digest, file.data + file.size - 32, 32);
    /* a slot too small for what the headers claim, and lengths that lead nowhere */
    const struct godwit_region small = {0x20000, (uint32_t)file.size - 16};
    assert_int_equal(godwit_slot_image(&agent, &small, &size, digest), GODWIT_ERR_FORMAT);
    godwit_store32(file.data + 28, 0xFFFFFFF0u);
    assert_int_equal(flash_put(&flash, region.offset, file.data, file.size), GODWIT_OK);
    assert_int_equal(godwit_slot_image(&agent, &region, &size, digest), GODWIT_ERR_FORMAT);
    free(file.data);
}

/* Flash that loses what it was told to keep. */
static godwit_err writes_nothing(void *ctx, uint32_t offset, const uint8_t *data, size_t size)
{
    (void)ctx, (void)offset, (void)data, (void)size;
    return GODWIT_OK;
}

static void an_entry_is_read_back(void **state)
{
    (void)state;
    struct godwit_partition rows[] = {OTADATA, RECORD, app(0x10, 0x20000), app(0x11, 0x60000)};
    write_table(rows, 4);
    agent.facts.running_offset = 0x20000;
    assert_int_equal(godwit_slots_find(&agent), GODWIT_OK);
    struct godwit_ota_entry entry = {.seq = 2, .state = 0, .crc = godwit_ota_crc(2)}, entries[2];
    assert_int_equal(godwit_otadata_store(&agent, 1, &entry), GODWIT_OK);
    assert_int_equal(godwit_otadata_load(&agent, entries), GODWIT_OK);
    assert_int_equal(godwit_ota_active(entries), 1);
    flash.write = writes_nothing;
    assert_int_equal(godwit_otadata_store(&agent, 0, &entry), GODWIT_ERR_IO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_next_slot_is_inactive_and_never_the_running_one),
        TEST(a_table_without_journal_is_refused_and_without_otadata_only_watched),
        TEST(an_image_is_measured_by_its_segments),
        TEST(an_entry_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
