/* What surprises people in ESP-IDF's own bootloader and OTA code, one test for each: the bootloader
 * does what the real one was seen to do (its flaws are kept, see emu/bootloader.c), and then what
 * the agent makes of it. Where no agent can do anything, the test shows that it survives or says
 * so. Numbers as in docs/decisions and the golden rows: those with
 * anti-rollback are in test_antirollback.c. */
#include "case.h"
#include "four_files.h"
#include "wear.h"

static void begin(const struct board_layout *layout)
{
    begin_with(layout, &first);
}

/* ---- the bootloader without anti-rollback ---- */

/* 1: an image in slot 0 that fails its check boots factory, though slot 1 holds the last good one.
 * The agent in factory sees it, says so, and goes on to the last good image. */
static void surprise_1_factory_beats_the_previous_good_app(void **state)
{
    (void)state;
    begin(&factory);
    device_install(&device, &second, 1); /* ota_0 */
    device_install(&device, &third, 2);  /* ota_1 */
    switch_to(&failing, 3);              /* ota_0 */
    damage(GODWIT_APP_OTA_0);
    assert_true(device_step(&device));
    assert_string_equal(device.board.running.label, "factory");
    run_for(300);
    assert_string_equal(device.board.running.label, "ota_1");
    assert_true(device_runs(&device, &third));
    assert_heard(GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_TRIAL_NOT_BOOTED);
    device_power_cycle(&device);
    run_for(100);
    assert_string_equal(device.board.running.label, "ota_1"); /* for good */
}

/* 2: a rejected image runs again, unwatched, when the good one is damaged. It is noticed, said, and
 * the next good release heals it. */
static void surprise_2_a_rejected_image_runs_again(void **state)
{
    (void)state;
    begin(&two);
    peer_offer(&device.peer, failing.data, failing.size, 1);
    run_for(900);
    assert_heard(GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_TRIAL_SELF_TEST);
    damage(GODWIT_APP_OTA_0);
    device_power_cycle(&device);
    run_for(300);
    assert_string_equal(device.board.running.label, "ota_1");
    assert_heard(GODWIT_STAGE_NONE, GODWIT_REASON_REJECTED_RUNS);
    device_power_cycle(&device);
    run_for(300); /* every boot again; said once */
    assert_string_equal(device.board.running.label, "ota_1");
    device_install(&device, &third, 2);
    assert_true(device_runs(&device, &third));
}

/* 3: a lone PENDING entry becomes ABORTED, and the same image boots, unwatched for ever; two of
 * them, and slot 0 boots, whichever was newer. The journal knows what was confirmed. */
static void surprise_3_pending_entries_are_aborted_and_run(void **state)
{
    (void)state;
    begin(&two);
    put(entry(1, GODWIT_OTA_PENDING), BLANK);
    boot_only("ota_0");
    assert_entry(0, 1, GODWIT_OTA_ABORTED);
    run_for(100);
    assert_entry(0, 1, GODWIT_OTA_VALID);
    assert_heard(GODWIT_STAGE_NONE, GODWIT_REASON_OTADATA_REPAIRED);

    device_install(&device, &second, 1);
    put(entry(1, GODWIT_OTA_PENDING), entry(2, GODWIT_OTA_PENDING));
    boot_only("ota_0"); /* though ota_1 was confirmed */
    run_for(100);
    assert_string_equal(device.board.running.label, "ota_1");
    assert_entry(0, 1, GODWIT_OTA_VALID);
    assert_entry(1, 2, GODWIT_OTA_VALID);
}

/* 4: NEW becomes PENDING before the image is looked at; the old one runs while the entry of the
 * broken one is the active one. ESP-IDF's mark_app_valid would bless the broken slot now. The agent
 * confirms nothing that does not run. */
static void surprise_4_a_broken_slot_is_not_blessed(void **state)
{
    (void)state;
    begin(&two);
    switch_to(&second, 1);
    damage(GODWIT_APP_OTA_0 + 1);
    assert_true(device_step(&device));
    assert_string_equal(device.board.running.label, "ota_0");
    assert_entry(1, 2, GODWIT_OTA_PENDING); /* active, and not what runs */
    godwit_agent_confirm(&device.board.agent);
    run_for(300);
    struct godwit_ota_entry entries[2];
    device_entries(&device, entries);
    assert_int_not_equal(entries[1].state, GODWIT_OTA_VALID);
    assert_entry(0, 1, GODWIT_OTA_VALID);
    assert_heard(GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_TRIAL_NOT_BOOTED);
    uint32_t boots = device.board.counters.boots;
    boot_only("ota_0");
    assert_int_equal(device.board.counters.boots, boots + 1); /* the broken one is not tried */
    assert_int_equal(godwit_ota_active(entries), 0);
}

/* The table anew: `from` renamed to `to`, or (to 0) left out; otadata of this size. */
static void edit_table(uint8_t from, uint8_t to, uint32_t otadata_size)
{
    uint8_t table[GODWIT_PTABLE_SIZE];
    struct godwit_partition rows[GODWIT_PTABLE_ROWS_MAX], row;
    size_t count = 0;
    const struct godwit_flash *flash = &device.bare;
    assert_int_equal(flash->read(flash->ctx, GODWIT_PTABLE_OFFSET, table, sizeof table), GODWIT_OK);
    for (size_t i = 0; !godwit_ptable_at(table, i, &row); i++) {
        bool is_otadata = row.type == GODWIT_PTYPE_DATA && row.subtype == GODWIT_DATA_OTADATA;
        if (is_otadata) row.size = otadata_size;
        if (row.type == GODWIT_PTYPE_APP && from && row.subtype == from) row.subtype = to;
        if (row.size) rows[count++] = row;
    }
    assert_int_equal(godwit_ptable_build(rows, count, table), GODWIT_OK);
    assert_int_equal(flash_put(flash, GODWIT_PTABLE_OFFSET, table, sizeof table), GODWIT_OK);
}

/* 5: with ota_0 and ota_2 alone the second can not be reached. The agent writes to no slot that
 * never boots: it refuses, by name. */
static void surprise_5_a_gap_in_the_table_hides_a_slot(void **state)
{
    (void)state;
    begin(&two);
    edit_table(GODWIT_APP_OTA_0 + 1, GODWIT_APP_OTA_0 + 2, GODWIT_OTADATA_SIZE);
    put(entry(1, GODWIT_OTA_VALID), entry(2, GODWIT_OTA_NEW));
    boot_only("ota_0");
    assert_entry(1, 2, GODWIT_OTA_PENDING);
    run_for(100);
    peer_offer(&device.peer, second.data, second.size, 1);
    run_for(300);
    assert_string_equal(device.board.running.label, "ota_0");
    assert_heard(GODWIT_STAGE_CHECKIN, GODWIT_REASON_NO_SLOT);
    assert_int_equal(device.peer.image_requests, 0);
}

/* 6: an otadata partition of 0x1000 boots nothing, and no agent ever runs: nothing can be done but
 * to flash the right table, after which all is as before. Without the partition factory runs: the
 * agent goes on asking and refuses to install what would never boot. */
static void surprise_6_a_small_otadata_partition_boots_nothing(void **state)
{
    (void)state;
    begin(&factory);
    device_install(&device, &second, 1);
    edit_table(0, 0, 0x1000);
    board_power_off(&device.board);
    device_power_on(&device, GODWIT_RESET_POWER_ON);
    assert_false(device_step(&device));
    assert_true(device.board.is_bricked);
    edit_table(0, 0, GODWIT_OTADATA_SIZE);
    boot_only("ota_0");
    run_for(100);
    assert_int_equal(device.peer.outcomes, 1); /* nothing happened that is worth a word */

    edit_table(0, 0, 0);
    boot_only("factory");
    uint32_t checkins = device.peer.checkins;
    peer_offer(&device.peer, third.data, third.size, 2);
    run_for(300);
    assert_true(device.peer.checkins > checkins);
    assert_heard(GODWIT_STAGE_CHECKIN, GODWIT_REASON_NO_SLOT);
}

/* 7: number 0 is a valid number and names the last slot; all-zero sectors are not. Repaired. */
static void surprise_7_number_zero_names_the_last_slot(void **state)
{
    (void)state;
    begin(&two);
    device_install(&device, &second, 1);
    device_install(&device, &third, 2); /* ota_0: 3/VALID, 2/VALID */
    put(entry(0, GODWIT_OTA_NEW), BLANK);
    boot_only("ota_1");
    assert_entry(0, 0, GODWIT_OTA_PENDING);
    run_for(200);
    assert_true(device_runs(&device, &third));
    assert_entry(0, 3, GODWIT_OTA_VALID);
    assert_entry(1, 2, GODWIT_OTA_VALID);
    struct godwit_ota_entry zeros[2];
    memset(zeros, 0, sizeof zeros);
    device_put_entries(&device, zeros);
    boot_only("ota_0");
    run_for(200);
    assert_entry(0, 3, GODWIT_OTA_VALID);
    assert_entry(1, 2, GODWIT_OTA_VALID);
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_OTADATA_REPAIRED);
}

/* 8: 0xFFFFFFFE beats 1, without wrap, and 0xFFFFFFFF is empty even with its right CRC. As damage
 * it is repaired. As the truth of a device that nobody updated before, no update can be chosen any
 * more: that is said, and the device lives on. */
static void surprise_8_numbers_do_not_wrap(void **state)
{
    (void)state;
    begin(&two);
    device_install(&device, &second, 1); /* ota_1: 1/VALID, 2/VALID */
    put(entry(1, GODWIT_OTA_VALID), entry(UINT32_MAX - 2, GODWIT_OTA_VALID));
    boot_only("ota_0");
    run_for(200);
    assert_true(device_runs(&device, &second));
    assert_entry(1, 2, GODWIT_OTA_VALID);
    struct godwit_ota_entry empty[2] = {entry(1, GODWIT_OTA_VALID), entry(2, GODWIT_OTA_VALID)};
    empty[1].seq = UINT32_MAX;
    empty[1].crc = godwit_ota_crc(UINT32_MAX);
    device_put_entries(&device, empty);
    boot_only("ota_0");
    run_for(200);
    assert_true(device_runs(&device, &second));
    assert_entry(1, 2, GODWIT_OTA_VALID);
    end(state);

    device_init(&device, &two, &first, NULL, 4);
    put(entry(UINT32_MAX - 2, GODWIT_OTA_VALID), entry(UINT32_MAX - 1, GODWIT_OTA_VALID));
    assert_int_equal(
        flash_put(&device.bare, slot_offset(GODWIT_APP_OTA_0 + 1), second.data, second.size),
        GODWIT_OK);
    device_power_on(&device, GODWIT_RESET_POWER_ON);
    assert_true(device_run(&device, has_joined, HOUR_S));
    assert_true(device_runs(&device, &second));
    peer_offer(&device.peer, third.data, third.size, 1);
    run_for(DAY_S);
    assert_true(device_runs(&device, &second));
    assert_heard(GODWIT_STAGE_SWITCH, GODWIT_REASON_FLASH);
    assert_int_equal(device.board.counters.restarts, 0);
}

/* 9: unknown states boot and are left as they are. The journal knows the state that was meant. */
static void surprise_9_unknown_states_boot(void **state)
{
    static const uint32_t states[] = {5, 0x80000000, 0x12345678, GODWIT_OTA_UNDEFINED};
    (void)state;
    begin(&two);
    device_install(&device, &second, 1);
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        CASE(i);
        put(entry(1, GODWIT_OTA_VALID), entry(2, states[i]));
        boot_only("ota_1");
        assert_entry(1, 2, states[i]);
        run_for(100);
        assert_entry(1, 2, GODWIT_OTA_VALID);
    }
}

/* 10: with blank otadata and slot 0 damaged ota_1 boots, and 2/VALID stands in entry 0. The agent
 * there knows that another image was confirmed, and says that it is damaged. */
static void surprise_10_blank_otadata_takes_what_boots(void **state)
{
    (void)state;
    begin(&two);
    device_install(&device, &second, 1);
    device_install(&device, &third, 2); /* ota_0 */
    put(BLANK, BLANK);
    damage(GODWIT_APP_OTA_0);
    boot_only("ota_1");
    assert_entry(0, 2, GODWIT_OTA_VALID);
    run_for(300);
    assert_true(device_runs(&device, &second));
    assert_heard(GODWIT_STAGE_NONE, GODWIT_REASON_IMAGE_DAMAGED);
    device_install(&device, &third, 3); /* healed by another download */
    end(state);

    begin(&factory);
    device_install(&device, &second, 1);
    put(BLANK, BLANK);
    damage(GODWIT_APP_FACTORY);
    boot_only("ota_0");
    assert_entry(0, UINT32_MAX, GODWIT_OTA_UNDEFINED);
    run_for(100);
    assert_entry(0, 1, GODWIT_OTA_VALID);
}

/* 11: a bootloader without rollback leaves NEW as it is and boots PENDING. The agent notices on the
 * first boot, tells the server, and counts crashes itself. */
static void surprise_11_without_rollback_new_stays_new(void **state)
{
    struct firmware crashing = make("8.0.0", BEHAVIOUR_CRASH_AFTER_STEP, 0);
    (void)state;
    begin(&two);
    device.board.options.bootloader.has_rollback = false;
    switch_to(&second, 1);
    assert_true(device_step(&device));
    assert_entry(1, 2, GODWIT_OTA_NEW);
    assert_true(device_run(&device, device_is_done, HOUR_S));
    assert_true(device.peer.last.unwatched);
    assert_entry(1, 2, GODWIT_OTA_VALID);
    peer_offer(&device.peer, crashing.data, crashing.size, 2);
    run_for(600);
    assert_true(device_runs(&device, &second));
    assert_heard(GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_TRIAL_PANIC);
    free(crashing.data);
}

/* ---- the download ---- */

/* Power is lost in the middle of a download, and the server has another file by then: the journal
 * holds the digest with the offset, so nothing of the first is joined to the second. */
static void surprise_12_a_resume_never_stitches_two_images(void **state)
{
    (void)state;
    begin(&two);
    struct godwit_ota_entry before[2], after[2];
    device_entries(&device, before);
    device.link.piece_max = 1024;
    peer_offer(&device.peer, second.data, second.size, 1);
    assert_true(device_run(&device, device_is_downloading, HOUR_S));
    device_power_cycle(&device);
    device_entries(&device, after);
    assert_memory_equal(before, after, sizeof before); /* a download is no choice */
    device_install(&device, &third, 2);
    assert_true(device_runs(&device, &third));
    assert_int_equal(device.peer.outcomes, 1); /* no failed verification on the way */
    assert_int_equal(device.link.received - third.size < second.size, true);
}

/* The same file again goes on where it was. */
static void surprise_12_a_resume_goes_on_at_its_sector(void **state)
{
    (void)state;
    begin(&two);
    device.link.piece_max = 1024;
    peer_offer(&device.peer, second.data, second.size, 1);
    assert_true(device_run(&device, device_is_downloading, HOUR_S));
    device_power_cycle(&device);
    assert_true(device_run(&device, device_is_done, HOUR_S));
    assert_in_range(device.link.received, second.size, second.size + 2 * 4096);
}

/* esp_ota_begin erases the entry of the image that failed, and with it all that is known of it. The
 * record keeps it: the failed file is not tried again, whatever came in between. */
static void surprise_13_a_failed_version_is_remembered(void **state)
{
    (void)state;
    begin(&two);
    peer_offer(&device.peer, failing.data, failing.size, 1);
    run_for(900);
    assert_heard(GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_TRIAL_SELF_TEST);
    device_install(&device, &second, 2);
    device_install(&device, &third, 3);
    uint32_t restarts = device.board.counters.restarts, requests = device.peer.image_requests;
    peer_offer(&device.peer, failing.data, failing.size, 4);
    run_for(900);
    assert_heard(GODWIT_STAGE_CHECKIN, GODWIT_REASON_QUARANTINED);
    assert_int_equal(device.board.counters.restarts, restarts);
    assert_int_equal(device.peer.image_requests, requests);
}

#define SURPRISE(test) cmocka_unit_test_teardown(test, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SURPRISE(surprise_1_factory_beats_the_previous_good_app),
        SURPRISE(surprise_2_a_rejected_image_runs_again),
        SURPRISE(surprise_3_pending_entries_are_aborted_and_run),
        SURPRISE(surprise_4_a_broken_slot_is_not_blessed),
        SURPRISE(surprise_5_a_gap_in_the_table_hides_a_slot),
        SURPRISE(surprise_6_a_small_otadata_partition_boots_nothing),
        SURPRISE(surprise_7_number_zero_names_the_last_slot),
        SURPRISE(surprise_8_numbers_do_not_wrap),
        SURPRISE(surprise_9_unknown_states_boot),
        SURPRISE(surprise_10_blank_otadata_takes_what_boots),
        SURPRISE(surprise_11_without_rollback_new_stays_new),
        SURPRISE(surprise_12_a_resume_never_stitches_two_images),
        SURPRISE(surprise_12_a_resume_goes_on_at_its_sector),
        SURPRISE(surprise_13_a_failed_version_is_remembered),
    };
    return cmocka_run_group_tests(tests, make_files, free_files);
}
