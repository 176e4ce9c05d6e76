/* What BOOT does when no trial goes on: a confirmed image that crashes again and again, an otadata
 * that is not as it was noted, an image that somebody else brought. The corners that the bootloader
 * itself makes are in test_surprises.c. */
#include "case.h"
#include "four_files.h"
#include "wear.h"

static void begin(const struct board_layout *layout)
{
    begin_with(layout, &first);
}

/* The confirmed image panics or hangs so many seconds after each start. */
static void crash_after(uint32_t seconds, uint32_t times)
{
    while (times--) {
        run_for(seconds);
        board_power_off(&device.board);
        device_power_on(&device, times % 2 ? GODWIT_RESET_PANIC : GODWIT_RESET_WATCHDOG);
    }
    run_for(300);
}

static void three_crashes_in_the_first_hour_roll_back(void **state)
{
    (void)state;
    begin(&two);
    device_install(&device, &second, 1);
    crash_after(200, 2);
    assert_true(device_runs(&device, &second));
    crash_after(200, 1);
    assert_true(device_runs(&device, &first));
    assert_heard(GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_CRASH_LOOP);
    assert_entry(1, 2, GODWIT_OTA_INVALID);
    device.peer.offers_always = true;
    device.peer.is_confirmed = device.peer.gave_up = false;
    run_for(300);
    assert_heard(GODWIT_STAGE_CHECKIN, GODWIT_REASON_QUARANTINED);
}

/* Power is not the image's fault. */
static void power_cuts_are_no_crashes(void **state)
{
    (void)state;
    begin(&two);
    device_install(&device, &second, 1);
    for (int i = 0; i < 12; i++) {
        device_power_cycle(&device);
        run_for(60);
    }
    assert_true(device_runs(&device, &second));
}

static void a_calm_hour_ends_the_count(void **state)
{
    (void)state;
    begin(&two);
    device_install(&device, &second, 1);
    crash_after(200, 2);
    crash_after(3700, 3);
    assert_true(device_runs(&device, &second));
}

static void each_image_has_its_own_crashes(void **state)
{
    (void)state;
    begin(&two);
    device_install(&device, &second, 1);
    crash_after(200, 2);
    device_install(&device, &third, 2);
    crash_after(200, 1);
    assert_true(device_runs(&device, &third));
    crash_after(200, 1);
    assert_true(device_runs(&device, &third));
}

/* Whatever the old image does now, the one that crashed is no place to go. */
static void a_crash_loop_does_not_swing(void **state)
{
    (void)state;
    begin(&two);
    device_install(&device, &second, 1);
    device_install(&device, &third, 2);
    crash_after(200, 3);
    for (int crashes = 0; crashes < 4; crashes++) {
        assert_true(device_runs(&device, &second));
        crash_after(200, 1);
    }
    assert_true(device_runs(&device, &second));
}

static bool has_withdrawn(const struct device *d)
{
    return d->board.agent.journal.install_step == GODWIT_STEP_FETCHED && device_is_idle(d) &&
           d->peer.image_requests == 2;
}

/* The other slot holds a file that never ran, nor was chosen: no crash leads there. */
static void a_crash_loop_leads_to_nothing_unproven(void **state)
{
    (void)state;
    begin(&two);
    device_install(&device, &second, 1);
    device.peer.withdraws = true;
    peer_offer(&device.peer, third.data, third.size, 2);
    assert_true(device_run(&device, has_withdrawn, HOUR_S));
    for (int crashes = 0; crashes < 4; crashes++) {
        crash_after(200, 1);
        assert_true(device_runs(&device, &second));
    }
}

/* Not to what is too old by now, nor to what is no longer whole. */
static void a_crash_loop_needs_a_fallback(void **state)
{
    (void)state;
    for (int is_half = 0; is_half < 2; is_half++) {
        if (is_half) end(state);
        begin(&two);
        device_install(&device, &second, 1);
        if (is_half) {
            device.link.piece_max = 1024;
            peer_offer(&device.peer, third.data, third.size, 2);
            assert_true(device_run(&device, device_is_downloading, HOUR_S));
            device.peer.is_silent = true;
        } else {
            device.board.agent.journal.rollback_floor = 1; /* above the first image's counter */
            assert_int_equal(godwit_journal_commit(&device.board.agent), GODWIT_OK);
        }
        uint32_t restarts = device.board.counters.restarts;
        crash_after(0, 1); /* an open reply ends */
        crash_after(200, 3);
        assert_int_equal(device.board.counters.restarts, restarts);
        assert_true(device_runs(&device, &second));
        assert_entry(1, 2, GODWIT_OTA_VALID);
    }
}

/* A server that answers with errors is contact enough to confirm, and hears of nothing: crashes
 * count all the same. */
static void a_confirmation_that_nobody_heard_counts(void **state)
{
    (void)state;
    begin(&two);
    switch_to(&second, 1);
    device.peer.status = 503;
    crash_after(200, 3);
    assert_true(device_runs(&device, &first));
    device.peer.status = 0;
    run_for(900);
    assert_heard(GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_CRASH_LOOP);
}

/* A bit flips while nothing is going on: both entries are again as they were, bit for bit, it is
 * told, and the chip restarts once where another image ran because of it. */
static void damaged_otadata_is_rewritten(void **state)
{
    static const struct {
        int index;
        uint32_t byte;
        bool runs_other;
    } rows[] = {{0, 0, false}, {0, 4, false}, {0, 24, false}, {0, 28, false}, {1, 0, true},
                {1, 4, false}, {1, 24, true}, {1, 26, false}, {1, 28, true}};
    (void)state;
    begin(&two);
    device_install(&device, &second, 1);
    struct godwit_ota_entry before[2], damaged[2], after[2];
    device_entries(&device, before);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        memcpy(damaged, before, sizeof damaged);
        ((uint8_t *)&damaged[rows[i].index])[rows[i].byte] ^= 1; /* VALID → INVALID in byte 24 */
        device_put_entries(&device, damaged);
        memset(&device.peer.outcome, 0, sizeof device.peer.outcome);
        uint32_t restarts = device.board.counters.restarts;
        boot_only(rows[i].runs_other ? "ota_0" : "ota_1");
        run_for(200);
        device_entries(&device, after);
        assert_memory_equal(before, after, sizeof before);
        assert_true(device_runs(&device, &second));
        assert_int_equal(device.board.counters.restarts - restarts, rows[i].runs_other);
        assert_heard(GODWIT_STAGE_NONE, GODWIT_REASON_OTADATA_REPAIRED);
    }
}

/* The older one runs, the rotten one's entry says so, and the next offer heals it. */
static void a_rotten_image_gives_way_to_the_older(void **state)
{
    (void)state;
    begin(&two);
    device_install(&device, &second, 1);
    device.peer.file = NULL;
    damage(GODWIT_APP_OTA_0 + 1);
    boot_only("ota_0");
    run_for(200);
    assert_true(device_runs(&device, &first));
    assert_heard(GODWIT_STAGE_NONE, GODWIT_REASON_IMAGE_DAMAGED);
    assert_entry(1, 2, GODWIT_OTA_INVALID);
    uint32_t outcomes = device.peer.outcomes, requests = device.peer.image_requests;
    device_power_cycle(&device);
    run_for(200);
    assert_true(device_runs(&device, &first));
    assert_int_equal(device.peer.outcomes, outcomes); /* said once */
    device_install(&device, &second, 2);
    assert_true(device_runs(&device, &second));
    assert_true(device.peer.image_requests > requests);
}

/* It runs because nothing else does; that makes it no better. */
static void a_rejected_image_is_not_blessed(void **state)
{
    (void)state;
    begin(&two);
    peer_offer(&device.peer, failing.data, failing.size, 1);
    run_for(900);
    assert_heard(GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_TRIAL_SELF_TEST);
    damage(GODWIT_APP_OTA_0);
    device_power_cycle(&device);
    run_for(300);
    assert_true(device_runs(&device, &failing));
    assert_heard(GODWIT_STAGE_NONE, GODWIT_REASON_REJECTED_RUNS);
    struct godwit_ota_entry entries[2];
    device_entries(&device, entries);
    assert_int_equal(godwit_ota_active(entries), -1);
}

/* What rotted between the verification and the boot is not the file's fault. */
static void what_was_not_booted_may_be_tried_again(void **state)
{
    (void)state;
    begin(&two);
    switch_to(&second, 1);
    damage(GODWIT_APP_OTA_0 + 1);
    run_for(300);
    assert_heard(GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_TRIAL_NOT_BOOTED);
    device_install(&device, &second, 2);
    assert_true(device_runs(&device, &second));
}

/* Both entries erased and factory running is a factory reset: followed, and told. Not while factory
 * is the image before the confirmed one, to which a cut may lead as well. */
static void a_factory_reset_is_followed(void **state)
{
    (void)state;
    begin(&factory);
    device_install(&device, &second, 1);
    put(BLANK, BLANK);
    boot_only("factory");
    run_for(200);
    assert_string_equal(device.board.running.label, "ota_0");
    assert_heard(GODWIT_STAGE_NONE, GODWIT_REASON_OTADATA_REPAIRED);
    device_install(&device, &first, 2);
    device.peer.outcome.reason = GODWIT_REASON_NONE;
    put(BLANK, BLANK);
    boot_only("factory");
    run_for(200);
    assert_string_equal(device.board.running.label, "factory");
    assert_heard(GODWIT_STAGE_NONE, GODWIT_REASON_OTADATA_REPAIRED);
    device_install(&device, &second, 3);
}

#define RECONCILE(test) cmocka_unit_test_teardown(test, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RECONCILE(three_crashes_in_the_first_hour_roll_back),
        RECONCILE(power_cuts_are_no_crashes),
        RECONCILE(a_calm_hour_ends_the_count),
        RECONCILE(each_image_has_its_own_crashes),
        RECONCILE(a_crash_loop_does_not_swing),
        RECONCILE(a_crash_loop_leads_to_nothing_unproven),
        RECONCILE(a_crash_loop_needs_a_fallback),
        RECONCILE(a_confirmation_that_nobody_heard_counts),
        RECONCILE(damaged_otadata_is_rewritten),
        RECONCILE(a_rotten_image_gives_way_to_the_older),
        RECONCILE(a_rejected_image_is_not_blessed),
        RECONCILE(what_was_not_booted_may_be_tried_again),
        RECONCILE(a_factory_reset_is_followed),
    };
    return cmocka_run_group_tests(tests, make_files, free_files);
}
