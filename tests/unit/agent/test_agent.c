/* The whole table from outside: a device that joins, updates, proves itself and goes back. */
#include "case.h"
#include "device_test.h"

static void joins_and_rests(void **state)
{
    (void)state;
    struct device device;
    device_begin(&device);
    assert_true(device_run(&device, done_checked_in, 60));
    assert_int_equal(device.peer.claims, 1);
    assert_string_equal(device.peer.last.version, "1.0.0");
    assert_string_equal(device.peer.last.project, PEER_PRODUCT);
    assert_string_equal(device.peer.last.slot, "ota_0");
    assert_int_equal(device.peer.last.slot_size, DEVICE_SLOT_SIZE);
    assert_memory_equal(device.peer.last.image_sha256,
                        device.first.data + FIRMWARE_SIZE - 4096 - 32, 32);
    assert_true(device_status(&device).enrolled);
    uint32_t checkins = device.peer.checkins;
    device_run(&device, NULL, 600);
    assert_in_range(device.peer.checkins - checkins, 9, 11); /* a tenth of jitter */
    assert_int_equal(device.peer.claims, 1);
    device_end(&device);
}

static void writes_nothing_while_idle(void **state)
{
    (void)state;
    struct device device;
    device_begin(&device);
    assert_true(device_run(&device, done_checked_in, 60));
    uint32_t operations = device.power_cut.operations;
    device_run(&device, NULL, 3600);
    assert_int_equal(device.power_cut.operations, operations);
    device_end(&device);
}

static void updates_and_confirms(void **state)
{
    (void)state;
    struct device device;
    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    device_begin(&device);
    peer_offer(&device.peer, file.data, file.size, 5);
    assert_true(device_run(&device, done_confirmed, 600));
    assert_int_equal(device.peer.outcomes, 1);
    assert_int_equal(device.peer.outcome.stage, GODWIT_STAGE_CONFIRMED);
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_NONE);
    assert_int_equal(device.peer.outcome.rollout_id, 5);
    assert_memory_equal(device.peer.outcome.file_sha256, device.peer.file_sha256, 32);
    assert_memory_equal(device.peer.last.file_sha256, device.peer.file_sha256, 32);
    assert_string_equal(device.peer.last.version, "1.1.0");
    assert_string_equal(device.peer.last.slot, "ota_1");
    assert_int_equal(device.peer.image_requests, 1);
    assert_int_equal(device.board.counters.boots, 2);
    /* the outcome was acknowledged and is said no more */
    device_run(&device, NULL, 200);
    assert_int_equal(device.peer.outcomes, 1);
    assert_int_equal(device.peer.last.outcome.id, 0);
    /* it keeps running over any reset: the entry is VALID */
    device_power_cycle(&device);
    device_run(&device, NULL, 100);
    assert_string_equal(device.peer.last.version, "1.1.0");
    free(file.data);
    device_end(&device);
}

static void goes_there_and_back_without_a_second_download(void **state)
{
    (void)state;
    struct device device;
    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    struct firmware third = firmware_signed("1.2.0", BEHAVIOUR_HEALTHY, 0);
    device_begin(&device);
    peer_offer(&device.peer, file.data, file.size, 1);
    assert_true(device_run(&device, done_confirmed, 600));
    peer_offer(&device.peer, third.data, third.size, 2);
    assert_true(device_run(&device, done_confirmed, 600));
    assert_int_equal(device.peer.image_requests, 2);
    peer_offer(&device.peer, file.data, file.size, 3); /* what the other slot still holds */
    assert_true(device_run(&device, done_confirmed, 600));
    assert_string_equal(device.peer.last.version, "1.1.0");
    assert_int_equal(device.peer.image_requests, 2);
    free(file.data);
    free(third.data);
    device_end(&device);
}

static void works_without_rollback_in_the_bootloader(void **state)
{
    (void)state;
    struct device device;
    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    device_prepare(&device, firmware_key(0));
    device.options.bootloader.has_rollback = false;
    device_start(&device);
    peer_offer(&device.peer, file.data, file.size, 5);
    assert_true(device_run(&device, done_confirmed, 600));
    assert_int_equal(device.peer.outcome.stage, GODWIT_STAGE_CONFIRMED);
    free(file.data);
    device_end(&device);
}

static void works_with_every_write_unit(void **state)
{
    (void)state;
    static const uint32_t units[] = {4, 16, 32};
    struct pack_options options = firmware_options("1.1.0");
    options.size = 70000; /* neither a sector nor a unit: the last write is padded */
    struct firmware file = firmware_pack(&options);
    struct firmware first = firmware_signed("1.0.0", BEHAVIOUR_HEALTHY, 0);
    for (size_t i = 0; i < 3; i++) {
        struct device device;
        device_open(&device, &(struct device_options){
                                 .layout = {.slot_size = DEVICE_SLOT_SIZE, .has_factory = true},
                                 .first = first,
                                 .key = NULL, /* an open product takes it unsigned */
                                 .write_size = units[i]});
        device_start(&device);
        peer_offer(&device.peer, file.data, file.size, 5);
        assert_true(device_run(&device, done_confirmed, 600));
        assert_string_equal(device.peer.last.slot, "ota_0"); /* from factory into the first */
        device_end(&device);
    }
    free(first.data);
    free(file.data);
}

static void keeps_a_tight_rein_on_a_server_that_offers_a_bad_file_for_ever(void **state)
{
    (void)state;
    struct device device;
    struct pack_options options = firmware_options("1.1.0");
    struct firmware file =
        firmware_sign(firmware_pack(&options), 1); /* a key that is not trusted */
    device_begin(&device);
    device.peer.offers_always = true;
    peer_offer(&device.peer, file.data, file.size, 5);
    device_run(&device, NULL, 3600);
    assert_int_equal(device.peer.image_requests, GODWIT_ATTEMPTS_MAX);
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_QUARANTINED);
    assert_in_range(device.peer.checkins, 10, 100); /* back-off grows to five minutes */
    free(file.data);
    device_end(&device);
}

static void names_its_states(void **state)
{
    (void)state;
    assert_string_equal(godwit_state_name(GODWIT_STATE_BOOT), "boot");
    assert_string_equal(godwit_state_name(GODWIT_STATE_REPORT), "report");
    assert_string_equal(godwit_state_name(GODWIT_STATE_COUNT), "?");
}

static void a_wake_checks_in_at_once(void **state)
{
    (void)state;
    struct device device;
    device_begin(&device);
    assert_true(device_run(&device, done_checked_in, 60));
    uint32_t checkins = device.peer.checkins;
    godwit_agent_wake(&device.board.agent);
    device_run(&device, NULL, 1);
    assert_int_equal(device.peer.checkins, checkins + 1);
    device_end(&device);
}

/* The clock is set back at each step, or forward by days: it asks its server all the same, no more
 * often than it should. */
static void leaps_of_the_clock_do_not_stop_it(void **state)
{
    static const int64_t leaps_ms[] = {-100000, 3 * 86400000ll};
    (void)state;
    for (size_t i = 0; i < sizeof leaps_ms / sizeof *leaps_ms; i++) {
        CASE(i);
        struct device device;
        device_begin(&device);
        assert_true(device_run(&device, done_checked_in, 60));
        device.now_ms += 100 * 100000;
        uint64_t lived_ms = 0;
        uint32_t checkins = device.peer.checkins;
        while (lived_ms < 3600000) {
            uint64_t next_ms = board_step(&device.board, device.now_ms);
            uint64_t passed_ms = next_ms > device.now_ms ? next_ms - device.now_ms : 0;
            lived_ms += passed_ms;
            device.now_ms += passed_ms;
            if (passed_ms > 1000) device.now_ms += (uint64_t)leaps_ms[i];
        }
        assert_in_range(device.peer.checkins - checkins, 50, 70);
        device_end(&device);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_and_rests),
        cmocka_unit_test(writes_nothing_while_idle),
        cmocka_unit_test(updates_and_confirms),
        cmocka_unit_test(goes_there_and_back_without_a_second_download),
        cmocka_unit_test(works_without_rollback_in_the_bootloader),
        cmocka_unit_test(works_with_every_write_unit),
        cmocka_unit_test(keeps_a_tight_rein_on_a_server_that_offers_a_bad_file_for_ever),
        cmocka_unit_test(names_its_states),
        cmocka_unit_test(a_wake_checks_in_at_once),
        cmocka_unit_test(leaps_of_the_clock_do_not_stop_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
