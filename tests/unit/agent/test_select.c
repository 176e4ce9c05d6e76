/* The boot choice written: what a flash that lies does to it, and that a cut leaves no entry
 * without its state. */
#include "case.h"
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
    return device_status(d).state == GODWIT_STATE_SWITCH;
}

static bool has_outcome(const struct device *d)
{
    return d->peer.outcomes > 0;
}

/* The entry's own write does nothing and says OK: noticed before the chip restarts on it. */
static void a_choice_that_was_not_written_is_noticed(void **state)
{
    (void)state;
    for (uint32_t write = 3; write <= 4;
         write++) { /* the entry's and its CRC's; the journal has two */
        struct fault fault;
        device_init(&device, &two, &first, NULL, 4);
        fault_init(&fault, &device.chip);
        device.power_cut.inner = fault_port(&fault);
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
        if (write == 3) end(state);
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
    device.power_cut.cut_at =
        device.power_cut.operations + 5; /* record: 3; otadata: erase, write */
    device.power_cut.kind = POWER_CUT_AFTER;
    while (device_step(&device))
        ;
    assert_true(device.power_cut.is_off);
    struct godwit_ota_entry entries[2];
    device_entries(&device, entries);
    assert_int_equal(entries[1].seq, 2);
    assert_int_equal(entries[1].state, GODWIT_OTA_NEW);
    assert_false(godwit_ota_is_valid(&entries[1]));
}

/* Runs until power is lost behind so many writes and erases from now. */
static void cut_after(uint32_t operations)
{
    device.power_cut.cut_at = device.power_cut.operations + operations;
    device.power_cut.kind = POWER_CUT_AFTER;
    while (device_step(&device))
        ;
    assert_true(device.power_cut.is_off);
}

/* Wherever the switch is cut, and no bootloader watches: an image that comes up is on trial. */
static void the_journal_comes_before_the_choice(void **state)
{
    uint32_t trials = 0;
    for (uint32_t operation = 1; operation <= 6; operation++) {
        CASE(operation);
        if (operation > 1) end(state);
        begin_with(&two, &first);
        device.board.options.bootloader.has_rollback = false;
        peer_offer(&device.peer, second.data, second.size, 1);
        assert_true(device_run(&device, is_switching, HOUR_S));
        cut_after(operation);
        device_power_on(&device, GODWIT_RESET_POWER_ON);
        while (!device.board.is_started || device_status(&device).state == GODWIT_STATE_BOOT)
            assert_true(device_step(&device));
        bool is_new = device_runs(&device, &second);
        assert_int_equal(device_status(&device).on_trial, is_new);
        trials += is_new;
    }
    assert_int_equal(trials, 1);
}

/* Both entries are damaged, so that the agent repairs both; cut after so many writes. Whether the
 * entry that is followed was erased just then. */
static bool cut_a_repair(int followed, uint32_t operations)
{
    struct godwit_ota_entry entries[2];
    begin_with(&two, &first);
    device_install(&device, &second, 1);               /* 1/VALID, 2/VALID */
    if (!followed) device_install(&device, &first, 2); /* 3/VALID, 2/VALID */
    device_entries(&device, entries);
    struct godwit_ota_entry noted = entries[!followed];
    entries[0].label[0] = entries[1].label[0] = 0;
    device_put_entries(&device, entries);
    board_power_off(&device.board);
    device_power_on(&device, GODWIT_RESET_POWER_ON);
    cut_after(operations);
    device_entries(&device, entries);
    if (!godwit_all((const uint8_t *)&entries[followed], sizeof *entries, 0xFF)) return false;
    assert_memory_equal(&entries[!followed], &noted, sizeof noted);
    return true;
}

/* While the entry that is to be followed is erased, the other one is as noted already. */
static void the_followed_entry_is_repaired_last(void **state)
{
    uint32_t erased = 0, cuts = 0;
    for (int followed = 0; followed < 2; followed++) {
        for (uint32_t operations = 1; operations <= 7; operations++) {
            CASE(operations);
            /* the boot's mark first */
            if (cuts++) end(state);
            erased += cut_a_repair(followed, operations);
        }
    }
    assert_int_equal(erased, 2);
}

/* A trial was won, and of both entries only the old image's reads well: ours is written beside it.
 * Where nothing was won, the same entry is one that was to run and did not. */
static void the_fallback_stays_until_ours_is_written(void **state)
{
    (void)state;
    begin_with(&two, &first);
    struct godwit_agent *agent = &device.board.agent;
    for (int is_won = 0; is_won < 2; is_won++) {
        struct godwit_ota_entry entries[2] = {entry(1, GODWIT_OTA_VALID), BLANK};
        agent->slots.running_index = 1;
        agent->journal.install_step = is_won ? GODWIT_STEP_CONFIRMED : GODWIT_STEP_NONE;
        godwit_otadata_plan(agent, entries, true);
        int own = godwit_ota_active(entries);
        assert_int_equal(godwit_ota_slot(entries[own].seq, 2), 1);
        assert_int_equal(entries[own].state, GODWIT_OTA_VALID);
        if (is_won) assert_int_equal(own, 1);
        if (is_won) assert_int_equal(entries[0].state, GODWIT_OTA_VALID);
        if (!is_won) assert_true(own == 0 || entries[0].state == GODWIT_OTA_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_choice_that_was_not_written_is_noticed, end),
        cmocka_unit_test_teardown(a_torn_entry_is_no_entry, end),
        cmocka_unit_test_teardown(the_journal_comes_before_the_choice, end),
        cmocka_unit_test_teardown(the_followed_entry_is_repaired_last, end),
        cmocka_unit_test_teardown(the_fallback_stays_until_ours_is_written, end),
    };
    return cmocka_run_group_tests(tests, make_files, free_files);
}
