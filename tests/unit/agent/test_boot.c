/* Where a boot finds itself: every kind of rollback, and every place where power can be lost
 * between the choice and the proof. */
#include "case.h"
#include "device_test.h"

static bool done_on_first_again(const struct device *device)
{
    return device->peer.outcomes > 0 && !strcmp(device->peer.last.version, "1.0.0");
}

static struct device device;
static struct firmware file;

static void begin(enum behaviour_kind kind, uint32_t delay_s)
{
    file = firmware_signed("1.1.0", kind, delay_s);
    device_begin(&device);
    peer_offer(&device.peer, file.data, file.size, 5);
}

static void end(void)
{
    free(file.data);
    device_end(&device);
}

static void assert_rolled_back(enum godwit_reason reason)
{
    assert_int_equal(device.peer.outcome.stage, GODWIT_STAGE_ROLLED_BACK);
    assert_string_equal(godwit_reason_id(device.peer.outcome.reason), godwit_reason_id(reason));
    assert_int_equal(device.peer.outcome.rollout_id, 5);
    assert_memory_equal(device.peer.outcome.file_sha256, device.peer.file_sha256, 32);
    assert_string_equal(device.peer.last.version, "1.0.0");
    device_run(&device, NULL, 600);
    assert_int_equal(device.peer.outcomes, 1); /* said once, and never tried again by itself */
}

static uint32_t second_slot(void)
{
    const struct godwit_flash raw = flash_ram_port(&device.ram);
    struct godwit_partition slot;
    uint8_t table[GODWIT_PTABLE_SIZE];
    assert_int_equal(raw.read(raw.ctx, GODWIT_PTABLE_OFFSET, table, sizeof table), GODWIT_OK);
    assert_int_equal(godwit_ptable_find(table, GODWIT_PTYPE_APP, GODWIT_APP_OTA_0 + 1, NULL, &slot),
                     GODWIT_OK);
    return slot.offset;
}

static void tells_a_crash(void **state)
{
    (void)state;
    begin(BEHAVIOUR_CRASH_AT_BOOT, 0);
    assert_true(device_run(&device, done_on_first_again, 900));
    assert_rolled_back(GODWIT_REASON_TRIAL_PANIC);
    end();
}

static void tells_a_hang(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HANG, 0);
    assert_true(device_run(&device, done_on_first_again, 900));
    assert_rolled_back(GODWIT_REASON_TRIAL_WATCHDOG);
    end();
}

static void a_trial_cut_by_power_is_tried_again_without_a_download(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    assert_true(device_run(&device, done_on_trial, 300));
    device_power_cycle(&device);
    assert_true(device_run(&device, done_confirmed, 600));
    assert_int_equal(device.peer.outcomes, 1);
    assert_int_equal(device.peer.image_requests, 1);
    assert_int_equal(device.peer.outcome.stage, GODWIT_STAGE_CONFIRMED);
    end();
}

static void tells_a_reset_of_its_own(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    assert_true(device_run(&device, done_on_trial, 300));
    board_power_off(&device.board);
    board_power_on(&device.board, GODWIT_RESET_SOFTWARE);
    assert_true(device_run(&device, done_on_first_again, 300));
    assert_rolled_back(GODWIT_REASON_TRIAL_RESET);
    end();
}

/* The bootloader refuses what the agent selected: the slot breaks after the agent's last look. */
static void tells_an_image_that_was_never_booted(void **state)
{
    (void)state;
    for (int rollback = 0; rollback < 2; rollback++) {
        file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
        device_prepare(&device, firmware_key(0));
        device.options.bootloader.has_rollback = rollback;
        device_start(&device);
        peer_offer(&device.peer, file.data, file.size, 5);
        assert_true(device_run(&device, done_verifying, 300));
        while (device.board.counters.restarts == 0)
            device.now_ms = board_step(&device.board, device.now_ms);
        uint32_t at = rollback ? 0x12000 : 0x12000;
        (void)at;
        uint8_t zeros[64] = {0}; /* the slot's image breaks behind the agent's back */
        const struct godwit_flash raw = flash_ram_port(&device.ram);
        struct godwit_partition slot;
        uint8_t table[GODWIT_PTABLE_SIZE];
        assert_int_equal(raw.read(raw.ctx, GODWIT_PTABLE_OFFSET, table, sizeof table), GODWIT_OK);
        assert_int_equal(
            godwit_ptable_find(table, GODWIT_PTYPE_APP, GODWIT_APP_OTA_0 + 1, NULL, &slot),
            GODWIT_OK);
        assert_int_equal(raw.write(raw.ctx, slot.offset + 0x8000, zeros, sizeof zeros), GODWIT_OK);
        device.ram.violations = 0;
        assert_true(device_run(&device, done_on_first_again, 300));
        assert_rolled_back(GODWIT_REASON_TRIAL_NOT_BOOTED);
        end();
    }
}

/* Each write and erase from the offer to the confirmation is cut, before, torn and after: the
 * device ends on the new image, and only ever boots one of the two. */
static void survives_a_cut_anywhere(void **state)
{
    (void)state;
    uint32_t cases = 0, operations = 0;
    file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    for (uint32_t cut_at = 0; cut_at <= operations; cut_at++) {
        CASE(cut_at);
        for (int kind = 0; kind < POWER_CUT_KINDS_COUNT; kind++, cases++) {
            CASE(kind);
            device_begin(&device);
            peer_offer(&device.peer, file.data, file.size, 5);
            device.power_cut.cut_at = cut_at;
            device.power_cut.kind = (enum power_cut_kind)kind;
            uint32_t boots = 0;
            while (!done_confirmed(&device) && device.now_ms < 3600000) {
                if (device.power_cut.is_off) device_power_cycle(&device);
                uint64_t next_ms = board_step(&device.board, device.now_ms);
                assert_false(device.board.is_bricked);
                device.now_ms = next_ms > device.now_ms ? next_ms : device.now_ms;
                boots = device.board.counters.boots;
            }
            assert_true(done_confirmed(&device));
            assert_in_range(boots, 2, 6);
            if (cut_at == 0) operations = device.power_cut.operations;
            device_run(&device, NULL, 200);
            assert_string_equal(device.peer.last.slot, "ota_1");
            assert_int_equal(device.peer.outcome.stage, GODWIT_STAGE_CONFIRMED);
            device_end(&device);
            if (cut_at == 0) break;
        }
    }
    free(file.data);
    assert_true(operations > 30);
    print_message("%u operations, %u cases\n", operations, cases);
}

/* Runs up to the switch. */
static void begin_before_switch(void)
{
    file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    device_begin(&device);
    peer_offer(&device.peer, file.data, file.size, 5);
    assert_true(device_run(&device, done_verifying, 300));
    while (device_status(&device).state != GODWIT_STATE_SWITCH)
        device.now_ms = board_step(&device.board, device.now_ms);
}

static void cut_and_power_on(uint32_t operation, enum power_cut_kind kind)
{
    device.power_cut.cut_at = device.power_cut.operations + operation;
    device.power_cut.kind = kind;
    while (!device.power_cut.is_off) {
        uint64_t next_ms = board_step(&device.board, device.now_ms);
        device.now_ms = next_ms > device.now_ms ? next_ms : device.now_ms;
    }
    device_power_cycle(&device);
}

/* Record: erase, write, seal; otadata: erase, write, write the CRC. Whichever is cut: if the new
 * image comes up, it knows that it is on trial. */
static void knows_of_a_trial_whatever_is_cut_at_the_switch(void **state)
{
    (void)state;
    uint32_t trials = 0;
    for (uint32_t operation = 1; operation <= 6; operation++) {
        CASE(operation);
        for (int kind = 0; kind < POWER_CUT_KINDS_COUNT; kind++) {
            CASE(kind);
            begin_before_switch();
            cut_and_power_on(operation, (enum power_cut_kind)kind);
            while (device_status(&device).state == GODWIT_STATE_BOOT)
                device.now_ms = board_step(&device.board, device.now_ms);
            bool runs_new = !strcmp(device_status(&device).slot, "ota_1");
            assert_int_equal(device_status(&device).on_trial, runs_new);
            trials += runs_new;
            end();
        }
    }
    /* Only the last write makes one: finished, or torn and yet complete. */
    assert_in_range(trials, 1, POWER_CUT_KINDS_COUNT - 1);
}

/* Cut after the journal says "selected" and before otadata does: nothing failed, so nothing is
 * reported, and the verified slot is switched to without a second download. */
static void a_choice_that_never_reached_otadata_is_no_failure(void **state)
{
    (void)state;
    begin_before_switch();
    cut_and_power_on(2, POWER_CUT_AFTER);
    device.peer.outcomes = 0;
    assert_true(device_run(&device, done_confirmed, 600));
    assert_int_equal(device.peer.outcomes, 1);
    assert_int_equal(device.peer.outcome.stage, GODWIT_STAGE_CONFIRMED);
    assert_int_equal(device.peer.image_requests, 1);
    end();
}

/* Confirming is a mark in the journal, then the entry's erase and write. Power is lost behind each:
 * the new image comes back, with no server to ask and no second download. */
static void goes_back_to_what_was_confirmed_without_a_check_in(void **state)
{
    (void)state;
    for (uint32_t operation = 1; operation <= 3; operation++) {
        begin(BEHAVIOUR_HEALTHY, 0);
        assert_true(device_run(&device, done_on_trial, 300));
        device.peer.status = 503; /* contact, but nothing that could be obeyed */
        cut_and_power_on(operation, POWER_CUT_AFTER);
        device.peer.status = 0;
        device.peer.is_silent = true;
        device_run(&device, NULL, 30);
        assert_string_equal(device_status(&device).slot, "ota_1");
        assert_false(device_status(&device).on_trial);
        device.peer.is_silent = false;
        assert_true(device_run(&device, done_outcome, 600));
        assert_int_equal(device.peer.outcome.stage, GODWIT_STAGE_CONFIRMED);
        assert_int_equal(device.peer.image_requests, 1);
        end();
    }
}

static void a_lost_journal_is_made_anew_and_reported(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    assert_true(device_run(&device, done_confirmed, 600));
    uint8_t zeros[8] = {0};
    const struct godwit_flash raw = flash_ram_port(&device.ram);
    uint32_t journal = device.board.agent.slots.journal.offset;
    assert_int_equal(raw.write(raw.ctx, journal, zeros, 8), GODWIT_OK);
    assert_int_equal(raw.write(raw.ctx, journal + 4096, zeros, 8), GODWIT_OK);
    device.ram.violations = 0;
    device_power_cycle(&device);
    device_run(&device, NULL, 100);
    /* another token now: a person must accept it, so nothing was heard of it yet */
    assert_false(device_status(&device).enrolled);
    assert_int_equal(device_status(&device).last_reason, GODWIT_REASON_JOURNAL_LOST);
    assert_int_equal(device.board.agent.journal.outcome_reason, GODWIT_REASON_JOURNAL_LOST);
    end();
}

static void an_image_flashed_by_cable_is_just_what_runs(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    assert_true(device_run(&device, done_confirmed, 600));
    device_run(&device, NULL, 100);
    board_power_off(&device.board);
    device.peer.file = NULL;
    struct firmware cable = firmware_signed("3.0.0", BEHAVIOUR_HEALTHY, 0);
    const struct godwit_flash raw = flash_ram_port(&device.ram);
    assert_int_equal(flash_put(&raw, second_slot(), cable.data, cable.size), GODWIT_OK);
    board_power_on(&device.board, GODWIT_RESET_POWER_ON);
    uint32_t checkins = device.peer.checkins;
    device_run(&device, NULL, 100);
    assert_true(device.peer.checkins > checkins);
    assert_string_equal(device.peer.last.version, "3.0.0");
    assert_true(godwit_all(device.peer.last.file_sha256, 32, 0)); /* its file is not known */
    assert_int_equal(device.peer.outcomes, 1);
    free(cable.data);
    end();
}

/* A flash that refuses reads from `unread` on, 8 KiB of them; the bootloader has still read it. */
static uint32_t unread;
static godwit_err read_or_fail(void *ctx, uint32_t offset, uint8_t *data, size_t size)
{
    if (unread && offset + size > unread && offset < unread + 0x2000) return GODWIT_ERR_IO;
    return device.flash.read(ctx, offset, data, size);
}

static void boot_and_refuse_reads(uint32_t from)
{
    static struct godwit_flash faulty;
    faulty = device.flash;
    faulty.read = read_or_fail;
    unread = from;
    device_power_cycle(&device);
    device.now_ms = board_step(&device.board, device.now_ms);
    device.board.agent.config.flash = &faulty;
}

/* A boot choice that can not be read for hours: the device is known and says so, nothing is written
 * over what may be the good image, and it goes on by itself when the flash comes round. */
static void a_boot_choice_that_is_unreadable_for_hours(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    device.peer.file = NULL;
    assert_true(device_run(&device, done_checked_in, 600));
    boot_and_refuse_reads(0xE000);
    device.peer.file = file.data;
    device.peer.offers_always = true;
    uint32_t claims = device.peer.claims, checkins = device.peer.checkins;
    device_run(&device, NULL, 3 * 3600);
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_FLASH);
    assert_int_equal(device.peer.outcomes, 1);
    assert_in_range(device.peer.checkins - checkins, 100, 150); /* the third hour's */
    assert_int_equal(device.peer.image_requests, 0);
    assert_int_equal(device.peer.claims, claims); /* its token is as it was */
    assert_int_equal(device_status(&device).boots, 2);
    unread = 0;
    assert_true(device_run(&device, done_confirmed, 900));
    end();
}

/* Without its journal it says nothing at all, and claims nothing anew. */
static void a_journal_that_is_unreadable_for_hours(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    device.peer.file = NULL;
    assert_true(device_run(&device, done_checked_in, 600));
    boot_and_refuse_reads(0x10000);
    device.peer.file = file.data;
    uint32_t claims = device.peer.claims, checkins = device.peer.checkins;
    device_run(&device, NULL, 3 * 3600);
    assert_int_equal(device.peer.checkins, checkins);
    unread = 0;
    assert_true(device_run(&device, done_confirmed, 900));
    assert_int_equal(device.peer.claims, claims);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_a_crash),
        cmocka_unit_test(tells_a_hang),
        cmocka_unit_test(a_trial_cut_by_power_is_tried_again_without_a_download),
        cmocka_unit_test(tells_a_reset_of_its_own),
        cmocka_unit_test(tells_an_image_that_was_never_booted),
        cmocka_unit_test(knows_of_a_trial_whatever_is_cut_at_the_switch),
        cmocka_unit_test(a_choice_that_never_reached_otadata_is_no_failure),
        cmocka_unit_test(goes_back_to_what_was_confirmed_without_a_check_in),
        cmocka_unit_test(a_lost_journal_is_made_anew_and_reported),
        cmocka_unit_test(an_image_flashed_by_cable_is_just_what_runs),
        cmocka_unit_test(a_boot_choice_that_is_unreadable_for_hours),
        cmocka_unit_test(a_journal_that_is_unreadable_for_hours),
        cmocka_unit_test(survives_a_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
