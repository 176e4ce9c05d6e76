/* Error returns of the agent that no other story reaches: tables without what it needs, boot
 * choices that others made, files that end too early, an engine that fails. make figure-nth lists
 * those that are still missing. */
#include "device_test.h"

#include "case.h"
#include "crypto_wrap.h"

#define OTADATA_OFFSET 0xE000u
#define SLOT_0 0x20000u
#define SLOT_1 (SLOT_0 + DEVICE_SLOT_SIZE)

static struct device device;
static struct firmware file;

static void begin(enum behaviour_kind kind, uint32_t delay_s)
{
    file = firmware_signed("1.1.0", kind, delay_s);
    device_prepare(&device, firmware_key(0));
    peer_offer(&device.peer, file.data, file.size, 5);
}

static void end(void)
{
    free(file.data);
    device_end(&device);
}

static bool done_requested_and_refused(const struct device *one)
{
    return one->peer.outcomes > 0 && device_status(one).state == GODWIT_STATE_IDLE;
}

static void assert_refused(enum godwit_reason reason)
{
    assert_true(device_run(&device, done_requested_and_refused, 3600));
    assert_string_equal(godwit_reason_id(device.peer.outcome.reason), godwit_reason_id(reason));
    assert_int_equal(device.board.counters.boots, 1);
}

/* ---- partition tables ---- */

static void write_table(const struct godwit_partition *rows, size_t count)
{
    uint8_t table[GODWIT_PTABLE_SIZE];
    assert_int_equal(godwit_ptable_build(rows, count, table), GODWIT_OK);
    assert_int_equal(flash_put(&device.flash, GODWIT_PTABLE_OFFSET, table, sizeof table),
                     GODWIT_OK);
}

static const struct godwit_partition OTADATA = {
    GODWIT_PTYPE_DATA, GODWIT_DATA_OTADATA, OTADATA_OFFSET, GODWIT_OTADATA_SIZE, "otadata", 0};
static const struct godwit_partition RECORD = {
    GODWIT_PTYPE_DATA, GODWIT_DATA_UNDEFINED, 0x10000, 0x2000, "godwit", 0};
static const struct godwit_partition FIRST = {GODWIT_PTYPE_APP, GODWIT_APP_OTA_0, SLOT_0,
                                              DEVICE_SLOT_SIZE, "ota_0",          0};
static const struct godwit_partition SECOND = {
    GODWIT_PTYPE_APP, GODWIT_APP_OTA_0 + 1, SLOT_1, DEVICE_SLOT_SIZE, "ota_1", 0};

/* Without its journal an agent touches nothing, and goes on looking. */
static void no_place_for_the_journal(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    const struct godwit_partition rows[] = {OTADATA, FIRST, SECOND};
    write_table(rows, 3);
    device_start(&device);
    device_run(&device, NULL, 600);
    assert_int_equal(device_status(&device).state, GODWIT_STATE_BOOT);
    assert_int_equal(device_status(&device).last_reason, GODWIT_REASON_NO_SLOT);
    assert_int_equal(device.peer.checkins, 0);
    end();
}

static void no_second_slot(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    const struct godwit_partition rows[] = {OTADATA, RECORD, FIRST};
    write_table(rows, 3);
    device_start(&device);
    assert_refused(GODWIT_REASON_NO_SLOT);
    end();
}

/* A bootloader finds no boot choice then and starts factory; there is nothing to switch. */
static void no_otadata(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    struct godwit_partition factory = FIRST;
    factory.subtype = GODWIT_APP_FACTORY;
    const struct godwit_partition rows[] = {RECORD, factory, SECOND};
    struct godwit_ota_entry entries[2];
    write_table(rows, 3);
    device_start(&device);
    assert_refused(GODWIT_REASON_NO_SLOT);
    assert_int_equal(godwit_otadata_load(&device.board.agent, entries), GODWIT_ERR_MISSING);
    end();
}

/* ---- the boot choice ---- */

/* Somebody else has chosen another image while this one is on trial: no fallback image is ours to
 * take, and the image stays until a restart. */
static void no_fallback_by_anothers_choice(void **state)
{
    (void)state;
    begin(BEHAVIOUR_WRONG_CONFIG, 60);
    device_start(&device);
    assert_true(device_run(&device, done_on_trial, 900));
    struct godwit_ota_entry entries[2], entry;
    int sector;
    const struct godwit_flash *flash = &device.flash;
    assert_int_equal(godwit_otadata_load(&device.board.agent, entries), GODWIT_OK);
    godwit_ota_select(entries, 0, 2, GODWIT_OTA_NEW, &sector, &entry);
    assert_int_equal(flash_put(flash, OTADATA_OFFSET + (uint32_t)sector * 4096,
                               (const uint8_t *)&entry, sizeof entry),
                     GODWIT_OK);
    assert_true(device_run(&device, done_outcome, 900));
    assert_int_equal(device.peer.outcome.stage, GODWIT_STAGE_TRIAL);
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_TRIAL_SELF_TEST);
    end();
}

/* ---- trials ---- */

/* A flash that can not be read for hours: the image that failed stays, and says so when it can. */
static void no_fallback_over_a_dead_flash(void **state)
{
    (void)state;
    struct fault fault;
    begin(BEHAVIOUR_WRONG_CONFIG, 60);
    fault_init(&fault, &device.flash);
    struct godwit_flash failing = fault_port(&fault);
    device.options.flash = &failing;
    device_start(&device);
    assert_true(device_run(&device, done_on_trial, 900));
    fault.sorts = FAULT_READ;
    fault.fail_at = fault.operations + 1;
    fault.lasts = true;
    device_run(&device, NULL, 3 * 3600);
    fault_clear(&fault);
    assert_true(device_run(&device, done_outcome, 900));
    assert_int_equal(device.peer.outcome.stage, GODWIT_STAGE_TRIAL);
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_TRIAL_SELF_TEST);
    end();
}

/* Eight power cuts say nothing about an image; the ninth ends it. */
static void nine_power_cuts_on_trial(void **state)
{
    (void)state;
    begin(BEHAVIOUR_NEVER_CONFIRM, 0);
    device_start(&device);
    for (int cuts = 0; cuts < 9; cuts++) {
        CASE(cuts);
        assert_true(device_run(&device, done_on_trial, 3600));
        assert_int_equal(device.peer.outcomes, 0);
        device_power_cycle(&device);
    }
    assert_true(device_run(&device, done_outcome, 900));
    assert_int_equal(device.peer.outcome.stage, GODWIT_STAGE_ROLLED_BACK);
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_TRIAL_POWER);
    assert_string_equal(device.peer.last.version, "1.0.0");
    end();
}

/* Where no bootloader watches, an image whose failure was noted already is left at the next boot.
 */
static void leaves_what_has_failed_before(void **state)
{
    (void)state;
    for (uint32_t cut = 1; cut <= 6; cut++) {
        CASE(cut);
        struct power_cut *power_cut = &device.power_cut;
        begin(BEHAVIOUR_WRONG_CONFIG, 1);
        device.options.bootloader.has_rollback = false;
        device_start(&device);
        assert_true(device_run(&device, done_on_trial, 900));
        power_cut->kind = POWER_CUT_AFTER;
        power_cut->cut_at = power_cut->operations + cut;
        for (int i = 0; i < 20000 && !power_cut->is_off && !device.peer.outcomes; i++) {
            uint64_t next_ms = board_step(&device.board, device.now_ms);
            if (next_ms > device.now_ms && next_ms != UINT64_MAX) device.now_ms = next_ms;
        }
        device_power_cycle(&device);
        assert_true(device_run(&device, done_outcome, 3600));
        assert_true(device_run(&device, done_checked_in, 3600));
        assert_string_equal(device.peer.last.version, "1.0.0");
        end();
    }
}

/* The confirmed image rots: the one before it runs, and the operator hears why. */
static void a_confirmed_image_rots(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    device_start(&device);
    assert_true(device_run(&device, done_confirmed, 900));
    device.peer.file = NULL;
    assert_true(device_run(&device, done_checked_in, 900));
    uint32_t outcomes = device.peer.outcomes;
    assert_int_equal(device.flash.erase(device.flash.ctx, SLOT_1 + 4096, 4096), GODWIT_OK);
    device_power_cycle(&device);
    for (int i = 0; i < 100 && device.peer.outcomes == outcomes; i++)
        device_run(&device, NULL, 10);
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_IMAGE_DAMAGED);
    assert_string_equal(device.peer.last.version, "1.0.0");
    end();
}

/* ---- files ---- */

static void an_image_larger_than_its_place(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    device.peer.file = NULL;
    device_start(&device);
    assert_true(device_run(&device, done_checked_in, 60));
    struct godwit_agent *agent = &device.board.agent;
    struct godwit_region place = {SLOT_0, DEVICE_SLOT_SIZE};
    uint8_t digest[32];
    uint32_t size;
    assert_int_equal(godwit_slot_image(agent, &place, &size, digest), GODWIT_OK);
    place.size = 24 + 7; /* not even a segment's header */
    assert_int_equal(godwit_slot_image(agent, &place, &size, digest), GODWIT_ERR_FORMAT);
    place.size = FIRMWARE_SIZE - 4096 - 1; /* all but the last byte of the digest */
    assert_int_equal(godwit_slot_image(agent, &place, &size, digest), GODWIT_ERR_FORMAT);

    /* no segments and no digest: a header, and a checksum byte at its end */
    static const uint8_t bare[32] = {0xE9};
    assert_int_equal(flash_put(&device.flash, SLOT_1, bare, sizeof bare), GODWIT_OK);
    place = (struct godwit_region){SLOT_1, sizeof bare - 1};
    assert_int_equal(godwit_slot_image(agent, &place, &size, digest), GODWIT_ERR_FORMAT);
    place.size = sizeof bare;
    assert_int_equal(godwit_slot_image(agent, &place, &size, digest), GODWIT_OK);
    assert_int_equal(size, sizeof bare);
    end();
}

/* An open product takes small files; one that ends within its head is none. */
static void open_product_with(uint32_t size)
{
    struct pack_options options = firmware_options("1.1.0");
    options.size = 0; /* the smallest */
    file = firmware_pack(&options);
    device_prepare(&device, NULL);
    peer_offer(&device.peer, file.data, size ? size : file.size, 5);
    device.peer.chip_id = 5;
    device_start(&device);
}

static void a_file_that_ends_in_its_head(void **state)
{
    (void)state;
    open_product_with(400);
    assert_refused(GODWIT_REASON_BODY_DIFFERS);
    end();
}

static bool done_requested(const struct device *one)
{
    return one->peer.image_requests > 0;
}

static void an_engine_that_fails_over_the_head(void **state)
{
    (void)state;
    open_product_with(0);
    assert_true(device_run(&device, done_requested, 600));
    crypto_fault_at(CRYPTO_HASH, 1);
    assert_refused(GODWIT_REASON_BODY_DIFFERS);
    crypto_fault_at(CRYPTO_HASH, 0);
    end();
}

/* The server's word is within bounds, the image is not. */
static void an_image_other_than_its_instruction(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    device.options.efuses.secure_version = 1;
    struct pack_options options = firmware_options("1.0.0");
    options.secure_version = 1;
    device_comes_with(&device, firmware_sign(firmware_pack(&options), 0));
    device.peer.secure_version = 1; /* the image has 0 */
    device_start(&device);
    assert_refused(GODWIT_REASON_SECURE_VERSION);
    end();

    begin(BEHAVIOUR_HEALTHY, 0);
    device.peer.counter = 7; /* the image has no policy, so no counter */
    device_start(&device);
    assert_refused(GODWIT_REASON_COUNTER_DIFFERS);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_place_for_the_journal),
        cmocka_unit_test(no_second_slot),
        cmocka_unit_test(no_otadata),
        cmocka_unit_test(no_fallback_by_anothers_choice),
        cmocka_unit_test(no_fallback_over_a_dead_flash),
        cmocka_unit_test(nine_power_cuts_on_trial),
        cmocka_unit_test(leaves_what_has_failed_before),
        cmocka_unit_test(a_confirmed_image_rots),
        cmocka_unit_test(an_image_larger_than_its_place),
        cmocka_unit_test(a_file_that_ends_in_its_head),
        cmocka_unit_test(an_engine_that_fails_over_the_head),
        cmocka_unit_test(an_image_other_than_its_instruction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
