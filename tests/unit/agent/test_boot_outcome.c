/* Where a boot finds itself after power, crashes, another updater or a cable: what uses a trial up
 * and what does not, and whose image it is that runs. More in test_boot.c. */
#include "case.h"
#include "four_files.h"

static bool is_on_trial(const struct device *d)
{
    return d->board.is_started && device_status(d).state == GODWIT_STATE_TRIAL;
}

static bool has_outcome(const struct device *d)
{
    return d->peer.outcomes > 0;
}

static void restart_with(enum godwit_reset reset)
{
    board_power_off(&device.board);
    device_power_on(&device, reset);
}

/* An update whose trial is cut so many times. */
static void cut_trials(uint32_t times, bool is_unwatched)
{
    begin_with(&two, &first);
    device.board.options.bootloader.has_rollback = !is_unwatched;
    peer_offer(&device.peer, second.data, second.size, 1);
    while (times--) {
        assert_true(device_run(&device, is_on_trial, HOUR_S));
        assert_int_equal(device.peer.outcomes, 0);
        restart_with(times % 2 ? GODWIT_RESET_POWER_ON : GODWIT_RESET_BROWN_OUT);
    }
}

static void eight_power_cuts_use_no_trial_up(void **state)
{
    for (uint32_t cuts = 0; cuts <= GODWIT_POWER_RESETS_MAX; cuts++) {
        CASE(cuts);
        for (int is_unwatched = 0; is_unwatched < 2; is_unwatched++) {
            cut_trials(cuts, is_unwatched);
            assert_true(device_run(&device, device_is_done, HOUR_S));
            assert_true(device_runs(&device, &second));
            assert_heard(GODWIT_STAGE_CONFIRMED, GODWIT_REASON_NONE);
            assert_int_equal(device.peer.outcomes, 1);
            assert_int_equal(device.peer.image_requests, 1);
            assert_int_equal(device.board.agent.journal.power_resets, 0);
            end(state);
        }
    }
    begin_with(&two, &first); /* for the teardown */
}

/* The file is quarantined then; the operator may insist. */
static void the_ninth_power_cut_quarantines_the_file(void **state)
{
    for (int is_unwatched = 0; is_unwatched < 2; is_unwatched++) {
        if (is_unwatched) end(state);
        cut_trials(GODWIT_POWER_RESETS_MAX + 1, is_unwatched);
        assert_true(device_run(&device, has_outcome, HOUR_S));
        assert_heard(GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_TRIAL_POWER);
        run_for(100);
        assert_true(device_runs(&device, &first));
        uint32_t boots = device.board.counters.boots;
        device.peer.offers_always = true;
        run_for(600);
        assert_heard(GODWIT_STAGE_CHECKIN, GODWIT_REASON_QUARANTINED);
        assert_int_equal(device.board.counters.boots, boots);
        device.peer.force_now = true;
        assert_true(device_run(&device, device_is_done, HOUR_S));
        assert_true(device_runs(&device, &second));
        assert_int_equal(godwit_attempts(&device.board.agent.journal, device.peer.file_sha256), 0);
    }
}

/* An install that takes another's place does not inherit its cuts. */
static void each_install_has_its_own_power_cuts(void **state)
{
    (void)state;
    cut_trials(5, false);
    peer_offer(&device.peer, third.data, third.size, 2);
    for (int cuts = 0; cuts < 5; cuts++) {
        assert_true(device_run(&device, is_on_trial, HOUR_S));
        assert_true(device_runs(&device, &third));
        device_power_cycle(&device);
    }
    assert_true(device_run(&device, device_is_done, HOUR_S));
    assert_true(device_runs(&device, &third));
}

/* The agent alone watches: a crash ends the trial in the boot behind it, by the first step. */
static void an_unwatched_image_that_crashes_is_left_at_once(void **state)
{
    static const struct {
        enum godwit_reset reset;
        enum godwit_reason reason;
    } rows[] = {{GODWIT_RESET_PANIC, GODWIT_REASON_TRIAL_PANIC},
                {GODWIT_RESET_WATCHDOG, GODWIT_REASON_TRIAL_WATCHDOG}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        if (i) end(state);
        cut_trials(0, true);
        assert_true(device_run(&device, is_on_trial, HOUR_S));
        restart_with(rows[i].reset);
        uint32_t restarts = device.board.counters.restarts;
        assert_true(device_step(&device)); /* boots */
        assert_string_equal(device.board.running.label, "ota_1");
        for (int steps = 0; steps < 2 && device.board.counters.restarts == restarts; steps++) {
            CASE(steps);
            assert_true(device_step(&device));
        }
        assert_int_equal(device.board.counters.restarts, restarts + 1);
        assert_entry(1, 2, GODWIT_OTA_INVALID);
        run_for(100);
        assert_true(device_runs(&device, &first));
        assert_heard(GODWIT_STAGE_ROLLED_BACK, rows[i].reason);
        assert_true(device.peer.last.unwatched);
    }
}

/* Crashes before the agent's first step: it knows by the reset's cause that this is no first boot.
 */
static void an_unwatched_image_that_never_reached_the_agent_is_left(void **state)
{
    (void)state;
    begin_with(&two, &first);
    device.board.options.bootloader.has_rollback = false;
    switch_to(&second, 1);
    restart_with(GODWIT_RESET_PANIC);
    run_for(100);
    assert_true(device_runs(&device, &first));
    assert_heard(GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_TRIAL_PANIC);
}

/* An entry damaged at the switch: NEW still stands there, and it was not read as one. The image is
 * not to blame. */
static void a_choice_that_was_not_read_is_no_failure(void **state)
{
    (void)state;
    begin_with(&two, &first);
    switch_to(&second, 1);
    struct godwit_ota_entry wavering = entry(2, GODWIT_OTA_NEW);
    wavering.crc ^= 1;
    put(entry(1, GODWIT_OTA_VALID), wavering);
    restart_with(GODWIT_RESET_POWER_ON);
    while (!device.board.is_started)
        assert_true(device_step(&device));
    put(entry(1, GODWIT_OTA_VALID), entry(2, GODWIT_OTA_NEW)); /* and reads well again */
    assert_true(device_run(&device, device_is_done, HOUR_S));
    assert_true(device_runs(&device, &second));
    assert_int_equal(device.peer.outcomes, 1);
    assert_int_equal(device.peer.image_requests, 1);
}

/* The old image crashes between the journal's choice and otadata's: the new one never ran. */
static void a_choice_that_was_never_made_is_no_failure(void **state)
{
    (void)state;
    begin_with(&two, &first);
    peer_offer(&device.peer, second.data, second.size, 1);
    while (device_status(&device).state != GODWIT_STATE_SWITCH)
        assert_true(device_step(&device));
    device.power_cut.cut_at = device.power_cut.operations + 3; /* behind the journal */
    device.power_cut.kind = POWER_CUT_AFTER;
    while (device_step(&device))
        ;
    device_power_on(&device, GODWIT_RESET_PANIC);
    assert_true(device_run(&device, device_is_done, HOUR_S));
    assert_true(device_runs(&device, &second));
    assert_int_equal(device.peer.outcomes, 1);
}

/* The state of the entry was torn, its CRC does not cover it: the bootloader is told to watch. */
static void a_torn_state_is_watched_all_the_same(void **state)
{
    (void)state;
    begin_with(&two, &first);
    switch_to(&second, 1);
    put(entry(1, GODWIT_OTA_VALID), entry(2, 0x00FFFFFF));
    assert_true(device_run(&device, is_on_trial, HOUR_S));
    assert_entry(1, 2, GODWIT_OTA_PENDING);
    restart_with(GODWIT_RESET_PANIC);
    run_for(100);
    assert_true(device_runs(&device, &first));
    assert_heard(GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_TRIAL_PANIC);
}

/* A rollback cut behind each of its writes. Once the journal holds the reason there is no second
 * trial, and no fallback image is open before it does. */
static void the_reason_is_kept_before_the_way_is_open(void **state)
{
    uint32_t cases = 0;
    for (uint32_t operations = 1; operations <= 6; operations++) {
        CASE(operations);
        for (int is_unwatched = 0; is_unwatched < 2; is_unwatched++) {
            if (cases++) end(state);
            begin_with(&two, &first);
            device.board.options.bootloader.has_rollback = !is_unwatched;
            peer_offer(&device.peer, failing.data, failing.size, 1);
            assert_true(device_run(&device, is_on_trial, HOUR_S));
            device.power_cut.cut_at = device.power_cut.operations + operations;
            device.power_cut.kind = POWER_CUT_AFTER;
            while (device_step(&device))
                ;
            device_power_on(&device, GODWIT_RESET_POWER_ON);
            while (!has_outcome(&device)) {
                assert_true(device_step(&device));
                if (operations >= 3 && device.board.is_started) assert_false(is_on_trial(&device));
            }
            assert_heard(GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_TRIAL_SELF_TEST);
            run_for(100);
            assert_true(device_runs(&device, &first));
            assert_int_equal(godwit_attempts(&device.board.agent.journal, device.peer.file_sha256),
                             GODWIT_ATTEMPTS_MAX);
        }
    }
}

/* Another updater writes the inactive slot and chooses it. */
static void choose_by_other(uint8_t subtype, const struct firmware *file, uint32_t seq)
{
    struct godwit_ota_entry entries[2];
    assert_int_equal(flash_put(&device.bare, slot_offset(subtype), file->data, file->size),
                     GODWIT_OK);
    device_entries(&device, entries);
    entries[godwit_ota_active(entries) == 0] = entry(seq, GODWIT_OTA_NEW);
    put(entries[0], entries[1]);
}

/* Its choice during our trial is left alone. Its image has its own trial then, where the bootloader
 * watches, and is this device's; nothing of what was noted before is restored. */
static void another_updaters_choice_stands(void **state)
{
    for (int is_unwatched = 0; is_unwatched < 2; is_unwatched++) {
        if (is_unwatched) end(state);
        cut_trials(0, is_unwatched);
        assert_true(device_run(&device, is_on_trial, HOUR_S));
        choose_by_other(GODWIT_APP_OTA_0, &third, 3);
        run_for(100);
        assert_heard(GODWIT_STAGE_CONFIRMED, GODWIT_REASON_NONE);
        assert_entry(0, 3, GODWIT_OTA_NEW);
        device.peer.file = NULL;
        restart_with(GODWIT_RESET_SOFTWARE);
        if (!is_unwatched) assert_true(device_run(&device, is_on_trial, HOUR_S));
        run_for(100);
        assert_true(device_runs(&device, &third));
        assert_false(device_status(&device).on_trial);
        assert_entry(0, 3, GODWIT_OTA_VALID);
        device_power_cycle(&device);
        run_for(100);
        assert_true(device_runs(&device, &third));
        assert_heard(GODWIT_STAGE_CONFIRMED, GODWIT_REASON_NONE);
    }
}

/* And comes back like any other when it crashes on trial. */
static void another_updaters_image_rolls_back(void **state)
{
    struct firmware crashing = make("8.0.0", BEHAVIOUR_CRASH_AFTER_STEP, 0);
    (void)state;
    begin_with(&two, &first);
    device_install(&device, &second, 1); /* ota_1 */
    device.peer.file = NULL;
    choose_by_other(GODWIT_APP_OTA_0, &crashing, 3);
    restart_with(GODWIT_RESET_SOFTWARE);
    run_for(300);
    assert_true(device_runs(&device, &second));
    assert_heard(GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_TRIAL_PANIC);
    free(crashing.data);
}

/* The image that ran before is no stranger: an entry that puts it there is damage. */
static void the_image_before_is_known(void **state)
{
    (void)state;
    begin_with(&two, &first);
    device_install(&device, &second, 1);
    put(entry(3, GODWIT_OTA_NEW), entry(2, GODWIT_OTA_VALID));
    boot_only("ota_0");
    run_for(200);
    assert_true(device_runs(&device, &second));
    assert_entry(0, 1, GODWIT_OTA_VALID);
    assert_heard(GODWIT_STAGE_NONE, GODWIT_REASON_OTADATA_REPAIRED);
}

/* A cable brings an image and leaves otadata blank: that image is the device's now. Nothing is
 * "repaired" back to what was confirmed before. */
static void what_a_cable_brings_is_followed(void **state)
{
    (void)state;
    for (int is_running_slot = 0; is_running_slot < 2; is_running_slot++) {
        if (is_running_slot) end(state);
        begin_with(&two, &first);
        device_install(&device, &second, 1); /* ota_1; ota_0 holds the first */
        if (is_running_slot) device_install(&device, &first, 2);
        device.peer.file = NULL;
        board_power_off(&device.board);
        assert_int_equal(
            flash_put(&device.bare, slot_offset(GODWIT_APP_OTA_0), third.data, third.size),
            GODWIT_OK);
        put(BLANK, BLANK);
        uint32_t restarts = device.board.counters.restarts;
        device_power_on(&device, GODWIT_RESET_POWER_ON);
        run_for(200);
        assert_true(device_runs(&device, &third));
        assert_int_equal(device.board.counters.restarts, restarts);
        assert_string_equal(device.peer.last.version, "3.0.0");
        assert_entry(0, 1, GODWIT_OTA_VALID);
        device_power_cycle(&device);
        run_for(200);
        assert_true(device_runs(&device, &third));
        device_install(&device, &second, 3);
    }
}

/* The first key's image, one that hands on to the second key, one by that key alone. */
static struct firmware make_ruled(const char *version, uint32_t counter, struct key *const keys[2])
{
    struct godwit_policy policy;
    assert_int_equal(godwit_policy_decode(peer_seed(&device.peer), true, &policy), GODWIT_OK);
    policy.counter = counter;
    policy.image_keys_count = (uint8_t)(counter == 1 ? 2 : 1);
    for (uint32_t i = 0; i < policy.image_keys_count; i++) {
        CASE(i);
        assert_int_equal(key_digest(keys[1 - i], policy.image_keys[i]), GODWIT_OK);
    }
    return firmware_make_ruled(version, (struct behaviour){BEHAVIOUR_HEALTHY, 0}, FILE_SIZE,
                               keys[counter - 1], &policy);
}

/* Confirmed, and then otadata is lost: factory runs, which knows the first key alone. What was
 * proven comes back without a word to anybody. */
static void what_was_proven_needs_no_second_check(void **state)
{
    (void)state;
    struct key *const keys[] = {key_generate(GODWIT_SCHEME_ECDSA256),
                                key_generate(GODWIT_SCHEME_ECDSA256)};
    struct firmware old =
        firmware_make("1.0.0", (struct behaviour){BEHAVIOUR_HEALTHY, 0}, FILE_SIZE, keys[0]);
    device_open(&device, &(struct device_options){
                             .layout = factory, .first = old, .key = keys[0], .write_size = 4});
    struct firmware between = make_ruled("2.0.0", 1, keys), newest = make_ruled("3.0.0", 2, keys);
    device_power_on(&device, GODWIT_RESET_POWER_ON);
    device_install(&device, &between, 1);
    peer_offer(&device.peer, newest.data, newest.size, 2);
    assert_true(device_run(&device, is_on_trial, HOUR_S));
    device.power_cut.cut_at =
        device.power_cut.operations + 2; /* behind the mark, where otadata follows */
    while (device_step(&device))
        ;
    assert_true(device.power_cut.is_off);
    device.peer.is_silent = true;
    put(BLANK, BLANK);
    device_power_on(&device, GODWIT_RESET_POWER_ON);
    run_for(30);
    assert_true(device_runs(&device, &newest));
    assert_entry(0, 2, GODWIT_OTA_VALID);
    free(old.data), free(between.data), free(newest.data);
    key_close(keys[0]), key_close(keys[1]);
}

#define OUTCOME(test) cmocka_unit_test_teardown(test, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OUTCOME(eight_power_cuts_use_no_trial_up),
        OUTCOME(the_ninth_power_cut_quarantines_the_file),
        OUTCOME(each_install_has_its_own_power_cuts),
        OUTCOME(an_unwatched_image_that_crashes_is_left_at_once),
        OUTCOME(an_unwatched_image_that_never_reached_the_agent_is_left),
        OUTCOME(a_choice_that_was_not_read_is_no_failure),
        OUTCOME(a_choice_that_was_never_made_is_no_failure),
        OUTCOME(a_torn_state_is_watched_all_the_same),
        OUTCOME(the_reason_is_kept_before_the_way_is_open),
        OUTCOME(another_updaters_choice_stands),
        OUTCOME(another_updaters_image_rolls_back),
        OUTCOME(the_image_before_is_known),
        OUTCOME(what_a_cable_brings_is_followed),
        OUTCOME(what_was_proven_needs_no_second_check),
    };
    return cmocka_run_group_tests(tests, make_files, free_files);
}
