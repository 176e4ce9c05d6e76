/* What BOOT does when no trial goes on: a confirmed image that crashes again and again, an otadata
 * that is not as it was noted, an image that somebody else brought. The corners that the bootloader
 * itself makes are in test_surprises.c. */
#include "surprises.h"

static struct firmware first, second;

static int make_files(void **state)
{
    (void)state;
    first = make("1.0.0", BEHAVIOUR_HEALTHY, 0);
    second = make("2.0.0", BEHAVIOUR_HEALTHY, 0);
    return 0;
}

static int free_files(void **state)
{
    (void)state;
    free(first.data);
    free(second.data);
    return 0;
}

static void begin(const struct board_layout *layout)
{
    device_init(&device, layout, &first, NULL, 4);
    device_power_on(&device, GODWIT_RESET_POWER_ON);
    assert_true(device_run(&device, has_joined, HOUR_S));
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

static void three_crashes_in_the_first_hour_fly_back(void **state)
{
    (void)state;
    begin(&two);
    device_install(&device, &second, 1);
    crash_after(200, 2);
    assert_true(device_runs(&device, &second));
    crash_after(200, 1);
    assert_true(device_runs(&device, &first));
    assert_heard(GODWIT_STAGE_FLOWN_BACK, GODWIT_REASON_CRASH_LOOP);
    assert_entry(1, 2, GODWIT_OTA_INVALID);
    device.peer.offers_always = true;
    device.peer.is_confirmed = device.peer.gave_up = false;
    run_for(300);
    assert_heard(GODWIT_STAGE_ASK, GODWIT_REASON_SET_ASIDE);
}

/* Power is not the image's fault. */
static void power_cuts_are_no_crashes(void **state)
{
    (void)state;
    begin(&two);
    device_install(&device, &second, 1);
    for (int i = 0; i < 12; i++) {
        power_cycle();
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

#define SETTLE(test) cmocka_unit_test_teardown(test, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SETTLE(three_crashes_in_the_first_hour_fly_back),
        SETTLE(power_cuts_are_no_crashes),
        SETTLE(a_calm_hour_ends_the_count),
        SETTLE(a_factory_reset_is_followed),
    };
    return cmocka_run_group_tests(tests, make_files, free_files);
}
