/* The board around the agent: each behaviour of an image, reset causes, power, chance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "device.h"

#define FILE_SIZE 0x4000u

static struct device device;
static struct firmware file;

/* A device whose only image behaves like this, powered on. */
static void begin(enum behaviour_kind kind, uint32_t delay_s)
{
    file = firmware_make("1.0.0", (struct behaviour){kind, delay_s}, FILE_SIZE, NULL);
    device_init(&device, NULL, &file, NULL, 4);
    device_power_on(&device, GODWIT_RESET_POWER_ON);
}

static int end(void **state)
{
    (void)state;
    device_deinit(&device);
    free(file.data);
    file.data = NULL;
    return 0;
}

static void run_for(uint64_t ms)
{
    uint64_t end_ms = device.now_ms + ms;
    while (device.now_ms < end_ms && device_step(&device))
        ;
}

static void boots_and_joins(void **state)
{
    struct godwit_agent_status status;
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    assert_int_equal(device.board.counters.boots, 0);
    run_for(30000);
    assert_int_equal(device.board.counters.boots, 1);
    assert_string_equal(device.board.running.label, "ota_0");
    assert_int_equal(device.peer.claims, 1);
    assert_int_equal(device.peer.last.reset, GODWIT_RESET_POWER_ON);
    assert_int_equal(device.peer.last.chip_id, 5);
    assert_int_equal(device.peer.last.chip_revision, 3);
    assert_memory_equal(device.peer.last.device_id, "\x7C\xDF\xA1\0\0\1\0\0\0\0\0\0\0\0\0\0", 16);
    board_status(&device.board, &status);
    assert_int_equal(status.state, GODWIT_STATE_IDLE);
    assert_true(status.enrolled);
}

static void panics_at_boot(void **state)
{
    (void)state;
    begin(BEHAVIOUR_CRASH_AT_BOOT, 0);
    run_for(3000);
    assert_in_range(device.board.counters.panics, 9, 11); /* every 300 ms */
    assert_int_equal(device.board.reset, GODWIT_RESET_PANIC);
    assert_int_equal(device.peer.claims, 0); /* the agent never came to run */
}

static void panics_after_its_delay(void **state)
{
    (void)state;
    begin(BEHAVIOUR_CRASH_AT_BOOT, 5);
    run_for(4900);
    assert_int_equal(device.board.counters.panics, 0);
    assert_int_equal(device.peer.claims, 1);
    run_for(400);
    assert_int_equal(device.board.counters.panics, 1);
    run_for(2000);
    assert_int_equal(device.peer.last.reset, GODWIT_RESET_PANIC);
}

static void hangs_until_the_watchdog(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HANG, 0);
    run_for(1200);
    assert_int_equal(device.board.counters.watchdogs, 1);
    assert_int_equal(device.board.reset, GODWIT_RESET_WATCHDOG);
    assert_int_equal(device.peer.claims, 0);
}

static void has_no_network(void **state)
{
    (void)state;
    begin(BEHAVIOUR_NO_NETWORK, 0);
    run_for(60000);
    assert_int_equal(device.board.counters.boots, 1);
    assert_int_equal(device.link.starts, 0);
}

static void crashes_once_confirmed(void **state)
{
    (void)state;
    begin(BEHAVIOUR_CRASH_AFTER_CONFIRM, 10);
    run_for(9900);
    assert_int_equal(device.board.counters.panics, 0);
    run_for(500);
    assert_int_equal(device.board.counters.panics, 1); /* what runs without trial is confirmed */
}

static void crashes_after_the_first_step(void **state)
{
    (void)state;
    begin(BEHAVIOUR_CRASH_AFTER_STEP, 0);
    run_for(2000);
    assert_true(device.board.counters.panics > 4);
    device_power_on(&device, GODWIT_RESET_POWER_ON);
    end(state);
    begin(BEHAVIOUR_CRASH_AFTER_STEP, 3);
    run_for(2900);
    assert_int_equal(device.board.counters.panics, 0);
    run_for(200);
    assert_int_equal(device.board.counters.panics, 1);
    assert_int_equal(device.peer.claims, 1); /* the agent's step has counted */
}

static void stands_still_after_contact(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HANG_AFTER_CONTACT, 4);
    run_for(3500);
    assert_int_equal(device.peer.claims, 1);
    assert_int_equal(device.board.counters.watchdogs, 0);
    uint32_t starts = device.link.starts;
    while (!device.board.counters.watchdogs)
        assert_true(device_step(&device));
    assert_int_equal(device.link.starts, starts); /* no step since */
    assert_in_range(device.now_ms, 4300, 4400);
    assert_int_equal(device.board.reset, GODWIT_RESET_WATCHDOG);
}

static void deadlocks_after_its_delay(void **state)
{
    (void)state;
    begin(BEHAVIOUR_DEADLOCK, 70);
    run_for(69900);
    uint32_t checkins = device.peer.checkins;
    assert_true(checkins >= 2);
    run_for(5000);
    assert_int_equal(device.board.counters.watchdogs, 0);
    run_for(150);
    assert_int_equal(device.board.counters.watchdogs, 1);
    assert_int_equal(device.peer.checkins, checkins);
}

static void overflows_at_the_first_request(void **state)
{
    (void)state;
    begin(BEHAVIOUR_STACK_OVERFLOW, 0);
    device.peer.is_silent = true;
    run_for(1000);
    assert_true(device.board.counters.panics > 0);
    assert_true(device.link.starts > 0);
}

static void leaks_until_it_panics(void **state)
{
    (void)state;
    begin(BEHAVIOUR_LEAK, 200);
    run_for(1000);
    uint32_t heap = device.peer.last.free_heap;
    while (device.peer.checkins < 3)
        assert_true(device_step(&device));
    assert_true(device.peer.last.free_heap < heap / 2);
    assert_int_equal(device.board.counters.panics, 0);
    while (device.board.counters.panics < 2) /* again at each boot */
        assert_true(device_step(&device));
    assert_in_range(device.now_ms, 400000, 402000);
}

static void replies_the_self_test(void **state)
{
    const struct godwit_system *system = &device.board.system;
    (void)state;
    begin(BEHAVIOUR_WRONG_CONFIG, 5);
    run_for(4000);
    assert_int_equal(system->self_test(system->ctx), GODWIT_ERR_BUSY);
    device.board.now_ms = 5000;
    assert_int_equal(system->self_test(system->ctx), GODWIT_ERR_FORMAT);
    end(state);
    begin(BEHAVIOUR_NEVER_CONFIRM, 0);
    run_for(900000);
    assert_int_equal(system->self_test(system->ctx), GODWIT_ERR_BUSY);
    end(state);
    begin(BEHAVIOUR_HEALTHY, 0);
    run_for(1000);
    assert_int_equal(system->self_test(system->ctx), GODWIT_OK);
}

static void resets_itself_until_confirmed(void **state)
{
    (void)state;
    begin(BEHAVIOUR_SELF_RESET, 0);
    run_for(900);
    assert_int_equal(device.board.counters.restarts, 3); /* before its first step */
    assert_int_equal(device.board.reset, GODWIT_RESET_SOFTWARE);
    end(state);
    begin(BEHAVIOUR_SELF_RESET, 5);
    run_for(20000);
    assert_int_equal(device.board.counters.restarts, 0); /* what runs without trial is confirmed */
}

static void begins_requests_that_nobody_replies(void **state)
{
    (void)state;
    begin(BEHAVIOUR_NO_REPLY, 0);
    run_for(120000);
    assert_int_equal(device.peer.claims, 0);
    assert_int_equal(device.board.counters.boots, 1);
    assert_true(device.board.request_ms < 1000);
    assert_true(device.board.contact_ms == UINT64_MAX);
}

static void the_agents_clock_is_its_own(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    device.board.clock_ahead_ms = (uint64_t)-3000; /* it wraps round, three seconds from now */
    run_for(200000);
    assert_in_range(device.now_ms, 200000, 300000);
    assert_in_range(device.peer.checkins, 3, 5);
}

static void power_is_lost_and_returns(void **state)
{
    struct godwit_agent_status status;
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    run_for(5000);
    board_power_off(&device.board);
    assert_int_equal(board_step(&device.board, device.now_ms), UINT64_MAX);
    board_status(&device.board, &status);
    assert_int_equal(status.boots, 0);
    uint32_t checkins = device.peer.checkins;
    device_power_on(&device, GODWIT_RESET_BROWN_OUT);
    run_for(5000);
    assert_true(device.peer.checkins > checkins);
    assert_int_equal(device.peer.claims, 1); /* the journal outlived it */
    assert_int_equal(device.peer.last.reset, GODWIT_RESET_BROWN_OUT);
    assert_int_equal(device.peer.last.boots, 2);
}

/* Puts the image into ota_1 with its code outside of flash, and an entry that selects it. */
static void select_what_can_not_start(uint32_t state)
{
    const struct godwit_flash *flash = &device.bare;
    struct firmware bad =
        firmware_make("2.0.0", (struct behaviour){BEHAVIOUR_HEALTHY, 0}, FILE_SIZE, NULL);
    uint8_t table[GODWIT_PTABLE_SIZE], bytes[32];
    struct godwit_partition slot, otadata;
    assert_int_equal(flash->read(flash->ctx, GODWIT_PTABLE_OFFSET, table, sizeof table), GODWIT_OK);
    assert_int_equal(godwit_ptable_find(table, GODWIT_PTYPE_APP, GODWIT_APP_OTA_0 + 1, NULL, &slot),
                     GODWIT_OK);
    assert_int_equal(
        godwit_ptable_find(table, GODWIT_PTYPE_DATA, GODWIT_DATA_OTADATA, NULL, &otadata),
        GODWIT_OK);
    godwit_store32(bad.data + bad.size - 48, 0x40380000);
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, bad.data, bad.size - 32);
    assert_int_equal(godwit_hash_peek(&hash, bad.data + bad.size - 32), GODWIT_OK);
    assert_int_equal(flash_put(flash, slot.offset, bad.data, bad.size), GODWIT_OK);
    free(bad.data);
    struct godwit_ota_entry entries[2] = {{1, {0}, GODWIT_OTA_VALID, godwit_ota_crc(1)},
                                          {2, {0}, state, godwit_ota_crc(2)}};
    for (uint32_t i = 0; i < 2; i++) {
        godwit_ota_entry_store(&entries[i], bytes);
        assert_int_equal(flash_put(flash, otadata.offset + i * 0x1000, bytes, 32), GODWIT_OK);
    }
}

/* The bootloader loads it, its MMU set-up aborts, and the next boot takes the other. */
static void what_can_not_start_is_rolled_back(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    select_what_can_not_start(GODWIT_OTA_NEW);
    run_for(30000);
    assert_int_equal(device.board.counters.boots, 2);
    assert_int_equal(device.board.counters.panics, 1);
    assert_string_equal(device.board.running.label, "ota_0");
    assert_int_equal(device.peer.last.reset, GODWIT_RESET_PANIC);
    end(state);
    begin(BEHAVIOUR_HEALTHY, 0); /* chosen for good: no reset chooses another */
    select_what_can_not_start(GODWIT_OTA_VALID);
    run_for(30000);
    assert_true(device.board.is_bricked);
}

static void nothing_to_boot_is_a_brick(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    assert_int_equal(device.bare.erase(device.bare.ctx, 0x20000, 0x1000), GODWIT_OK);
    assert_false(device_step(&device));
    assert_true(device.board.is_bricked);
    assert_int_equal(board_step(&device.board, device.now_ms), UINT64_MAX);
}

static void chance_is_by_seed_and_mac(void **state)
{
    struct board boards[3];
    struct board_options options = {.random_seed = 5, .mac = {1}};
    uint8_t out[3][16], again[16];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        options.mac[5] = i == 2; /* the third is another device */
        board_init(&boards[i], &options);
        assert_int_equal(boards[i].system.random(boards[i].system.ctx, out[i], 16), GODWIT_OK);
    }
    assert_memory_equal(out[0], out[1], 16);
    assert_memory_not_equal(out[0], out[2], 16);
    assert_int_equal(boards[0].system.random(boards[0].system.ctx, again, 16), GODWIT_OK);
    assert_memory_not_equal(out[0], again, 16);
    options.has_true_random = true;
    for (size_t i = 0; i < 2; i++) {
        board_init(&boards[i], &options);
        assert_int_equal(boards[i].system.random(boards[i].system.ctx, out[i], 16), GODWIT_OK);
    }
    assert_memory_not_equal(out[0], out[1], 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(boots_and_joins, end),
        cmocka_unit_test_teardown(panics_at_boot, end),
        cmocka_unit_test_teardown(panics_after_its_delay, end),
        cmocka_unit_test_teardown(hangs_until_the_watchdog, end),
        cmocka_unit_test_teardown(has_no_network, end),
        cmocka_unit_test_teardown(crashes_once_confirmed, end),
        cmocka_unit_test_teardown(crashes_after_the_first_step, end),
        cmocka_unit_test_teardown(stands_still_after_contact, end),
        cmocka_unit_test_teardown(deadlocks_after_its_delay, end),
        cmocka_unit_test_teardown(overflows_at_the_first_request, end),
        cmocka_unit_test_teardown(leaks_until_it_panics, end),
        cmocka_unit_test_teardown(replies_the_self_test, end),
        cmocka_unit_test_teardown(resets_itself_until_confirmed, end),
        cmocka_unit_test_teardown(begins_requests_that_nobody_replies, end),
        cmocka_unit_test_teardown(the_agents_clock_is_its_own, end),
        cmocka_unit_test_teardown(power_is_lost_and_returns, end),
        cmocka_unit_test_teardown(what_can_not_start_is_rolled_back, end),
        cmocka_unit_test_teardown(nothing_to_boot_is_a_brick, end),
        cmocka_unit_test(chance_is_by_seed_and_mac),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
