/* The boot choice written: what a flash that lies does to it, and that a cut leaves no entry
 * without its state. */
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

static bool is_switching(const struct device *d)
{
    return device_status(d).state == GODWIT_SWITCH;
}

static bool has_outcome(const struct device *d)
{
    return d->peer.outcomes > 0;
}

/* The entry's own write does nothing and says OK: noticed before the chip restarts on it. */
static void a_choice_that_was_not_written_is_noticed(void **state)
{
    (void)state;
    for (uint32_t write = 2; write <= 3; write++) { /* the record's, the entry's, its CRC's */
        struct fault fault;
        device_init(&device, &two, &first, NULL, 4);
        fault_init(&fault, &device.bare);
        device.saw.inner = fault_port(&fault);
        device_power_on(&device, GODWIT_RESET_POWER_ON);
        assert_true(device_run(&device, has_joined, HOUR_S));
        peer_offer(&device.peer, second.data, second.size, 1);
        assert_true(device_run(&device, is_switching, HOUR_S));
        fault.sorts = FAULT_WRITE;
        fault.operations = 0;
        fault.is_silent = true;
        fault.fail_at = write;
        assert_true(device_run(&device, has_outcome, HOUR_S));
        assert_int_equal(fault.fails, 1);
        assert_heard(GODWIT_STAGE_SWITCH, GODWIT_REASON_FLASH);
        assert_int_equal(device.board.counters.restarts, 0);
        device_install(&device, &second, 2);
        assert_true(device_runs(&device, &second));
        if (write == 2) end(state);
    }
}

/* With words of 4 bytes the CRC is written last: whatever was written before, it is no entry. */
static void a_torn_entry_is_no_entry(void **state)
{
    (void)state;
    device_init(&device, &two, &first, NULL, 4);
    device_power_on(&device, GODWIT_RESET_POWER_ON);
    assert_true(device_run(&device, has_joined, HOUR_S));
    peer_offer(&device.peer, second.data, second.size, 1);
    assert_true(device_run(&device, is_switching, HOUR_S));
    device.saw.cut_at = device.saw.operations + 4; /* record: 2; otadata: erase, write */
    device.saw.kind = SAW_AFTER;
    while (device_step(&device))
        ;
    assert_true(device.saw.is_off);
    struct godwit_ota_entry entries[2];
    device_entries(&device, entries);
    assert_int_equal(entries[1].seq, 2);
    assert_int_equal(entries[1].state, GODWIT_OTA_NEW);
    assert_false(godwit_ota_is_valid(&entries[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_choice_that_was_not_written_is_noticed, end),
        cmocka_unit_test_teardown(a_torn_entry_is_no_entry, end),
    };
    return cmocka_run_group_tests(tests, make_files, free_files);
}
