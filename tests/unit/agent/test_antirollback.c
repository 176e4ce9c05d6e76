/* What surprises people in ESP-IDF's bootloader when anti-rollback is compiled in, one test for
 * each: first what the bootloader does, as the real one was seen to, then what the agent makes of
 * it. The chip's counter is raised by the bootloader alone, and never falls. */
#include "surprises.h"

static struct firmware old0, old1, new1, failing1;

static int make_files(void **state)
{
    (void)state;
    old0 = make("1.0.0", BEHAVIOUR_HEALTHY, 0);
    old1 = make("2.0.0", BEHAVIOUR_HEALTHY, 1);
    new1 = make("3.0.0", BEHAVIOUR_HEALTHY, 1);
    failing1 = make("9.0.0", BEHAVIOUR_WRONG_CONFIG, 1);
    return 0;
}

static int free_files(void **state)
{
    (void)state;
    free(old0.data);
    free(old1.data);
    free(new1.data);
    free(failing1.data);
    return 0;
}

static void begin(const struct firmware *file)
{
    device_init(&device, &two, file, NULL, 4);
    device.board.options.bootloader.has_anti_rollback = true;
    device_power_on(&device, GODWIT_RESET_POWER_ON);
    assert_true(device_run(&device, has_joined, HOUR_S));
}

/* a: an image below the counter is no image to the bootloader, and its entry no entry. The agent
 * refuses it before a byte is fetched, and where the server keeps quiet about it, before a sector
 * is erased. */
static void surprise_a_an_image_below_the_counter_is_no_image(void **state)
{
    (void)state;
    begin(&old1);
    assert_int_equal(device.board.efuses.secure_version, 1); /* first boot raises it at once */
    assert_int_equal(
        flash_put(&device.bare, slot_offset(GODWIT_APP_OTA_0 + 1), old0.data, old0.size),
        GODWIT_OK);
    put(entry(1, GODWIT_OTA_VALID), entry(2, GODWIT_OTA_VALID));
    boot_only("ota_0"); /* though entry 1 has the larger number */
    run_for(100);
    peer_offer(&device.peer, old0.data, old0.size, 1);
    run_for(300);
    assert_heard(GODWIT_STAGE_CHECKIN, GODWIT_REASON_SECURE_VERSION);
    assert_int_equal(device.peer.image_requests, 0);
    peer_offer(&device.peer, old0.data, old0.size, 2);
    device.peer.secure_version = 1; /* a lie */
    run_for(300);
    assert_heard(GODWIT_STAGE_DOWNLOAD, GODWIT_REASON_SECURE_VERSION);
    assert_true(device_runs(&device, &old1));
}

/* b: only a VALID entry raises the counter: a trial leaves the door open, a confirmation closes it
 * at the boot behind it. The agent never confirms what has not proven itself, and always writes
 * VALID for what has. */
static void surprise_b_only_a_confirmed_image_raises_the_counter(void **state)
{
    (void)state;
    begin(&old0);
    switch_to(&failing1, 1);
    run_for(900);
    assert_heard(GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_TRIAL_SELF_TEST);
    assert_int_equal(device.board.efuses.secure_version, 0);
    device_install(&device, &old1, 2);
    assert_int_equal(device.board.efuses.secure_version, 0);
    device_power_cycle(&device);
    run_for(100);
    assert_int_equal(device.board.efuses.secure_version, 1);
    assert_true(device_runs(&device, &old1));
}

/* c: a fallback image that is too old is none: the image that failed runs on, rejected and
 * unwatched. The agent looks before it leaves, stays, says so; and a good release ends it. */
static void surprise_c_a_fallback_that_is_too_old_is_none(void **state)
{
    (void)state;
    begin(&old0);
    switch_to(&failing1, 1);
    device.board.efuses.secure_version = 1; /* raised by somebody else, meanwhile */
    uint32_t restarts = device.board.counters.restarts;
    run_for(1200);
    assert_true(device_runs(&device, &failing1));
    assert_int_equal(device.board.counters.restarts, restarts); /* it did not even try */
    assert_heard(GODWIT_STAGE_TRIAL, GODWIT_REASON_TRIAL_SELF_TEST);
    device_power_cycle(&device);
    run_for(300);
    assert_true(device_runs(&device, &failing1)); /* lives, and asks */
    device_install(&device, &new1, 2);
    assert_true(device_runs(&device, &new1));
}

/* c, by a crash: the bootloader writes ABORTED and boots the same image all the same. */
static void surprise_c_an_aborted_image_runs_again(void **state)
{
    (void)state;
    begin(&old0);
    switch_to(&new1, 1);
    assert_true(device_step(&device));
    device.board.efuses.secure_version = 1;
    board_power_off(&device.board);
    device_power_on(&device, GODWIT_RESET_PANIC);
    assert_true(device_step(&device));
    assert_string_equal(device.board.running.label, "ota_1");
    assert_entry(1, 2, GODWIT_OTA_ABORTED);
    run_for(1200);
    assert_true(device_runs(&device, &new1));
    assert_true(device.peer.outcomes > 0 && device.peer.outcome.reason != GODWIT_REASON_NONE);
    device_install(&device, &old1, 2);
    assert_true(device_runs(&device, &old1));
}

/* d: both too old, and the chip resets for ever: no agent runs. So the agent takes care that the
 * image it runs is never the one that goes: what it confirms is what raises the counter. With blank
 * otadata and slot 0 too old slot 1 boots, and is taken over. */
static void surprise_d_two_images_too_old_boot_nothing(void **state)
{
    (void)state;
    begin(&old0);
    device.board.efuses.secure_version = 1;
    board_power_off(&device.board);
    device_power_on(&device, GODWIT_RESET_POWER_ON);
    assert_false(device_step(&device));
    assert_true(device.board.is_bricked);
    end(state);

    begin(&old0);
    device_install(&device, &old1, 1);
    device_power_cycle(&device);
    run_for(100);
    assert_int_equal(device.board.efuses.secure_version, 1);
    put(BLANK, BLANK);
    boot_only("ota_1");
    assert_entry(0, 2, GODWIT_OTA_VALID);
    run_for(100);
    assert_true(device_runs(&device, &old1));
    assert_entry(1, 2, GODWIT_OTA_VALID); /* as it was noted */
}

/* e: an image that has become too old by the time it should boot is passed over, and its entry
 * stays NEW for ever: otadata never tells that it failed. The agent does. */
static void surprise_e_an_entry_that_stays_new(void **state)
{
    (void)state;
    begin(&old1);
    device.board.agent.facts.secure_version = 0; /* the counter was raised after its last look */
    switch_to(&old0, 1);
    assert_true(device_step(&device));
    assert_string_equal(device.board.running.label, "ota_0");
    assert_entry(1, 2, GODWIT_OTA_NEW);
    run_for(300);
    assert_heard(GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_TRIAL_NOT_BOOTED);
    assert_true(device_runs(&device, &old1));
    struct godwit_ota_entry entries[2];
    device_entries(&device, entries);
    assert_int_not_equal(entries[1].state, GODWIT_OTA_NEW);
}

#define SURPRISE(test) cmocka_unit_test_teardown(test, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SURPRISE(surprise_a_an_image_below_the_counter_is_no_image),
        SURPRISE(surprise_b_only_a_confirmed_image_raises_the_counter),
        SURPRISE(surprise_c_a_fallback_that_is_too_old_is_none),
        SURPRISE(surprise_c_an_aborted_image_runs_again),
        SURPRISE(surprise_d_two_images_too_old_boot_nothing),
        SURPRISE(surprise_e_an_entry_that_stays_new),
    };
    return cmocka_run_group_tests(tests, make_files, free_files);
}
