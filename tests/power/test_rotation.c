/* A token changes while power is lost at any flash operation, replies get lost, or the server comes
 * back from an older backup: the device is always known by one of its tokens, without its claim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#include "device_test.h"

#define KINDS 3 /* before, torn, after */
#define HOUR_S 3600

static struct device device;

static bool is_known(const struct device *one)
{
    return one->peer.checkins > 0;
}

/* It has noted the server's yes in its flash. */
static bool is_at_rest(const struct device *one)
{
    const struct godwit_agent_status status = device_status(one);
    return status.enrolled && status.state == GODWIT_STATE_IDLE;
}

static bool has_rotated(const struct device *one)
{
    return one->peer.rotations > 0;
}

static void begin(void)
{
    device_begin(&device);
    assert_true(device_run(&device, is_at_rest, 60));
    assert_int_equal(device.peer.claims, 1);
    device.peer.rotates = true;
}

/* It checks in by what the server now holds for its token, and was never a stranger. */
static void expect_known(void)
{
    device.peer.checkins = 0;
    assert_true(device_run(&device, is_known, HOUR_S));
    assert_int_equal(device.peer.claims, 1);
    assert_int_equal(device.ram.violations, 0);
}

static uint32_t operations_uncut(void)
{
    begin();
    uint32_t before = device.power_cut.operations;
    assert_true(device_run(&device, has_rotated, HOUR_S));
    uint32_t operations = device.power_cut.operations - before;
    expect_known();
    assert_int_equal(device.peer.rotations, 1);
    device_end(&device);
    return operations;
}

static void power_lost_at_each_operation(void **state)
{
    (void)state;
    uint32_t operations = operations_uncut();
    assert_in_range(operations, 3, 10);
    for (uint32_t at = 1; at <= operations; at++)
        for (int kind = 0; kind < KINDS; kind++) {
            begin();
            device.power_cut.cut_at = device.power_cut.operations + at;
            device.power_cut.kind = (enum power_cut_kind)kind;
            device.power_cut.seed = at;
            device_run(&device, has_rotated, HOUR_S);
            if (device.power_cut.is_off) device_power_on(&device, GODWIT_RESET_POWER_ON);
            assert_true(device_run(&device, has_rotated, HOUR_S));
            expect_known();
            device_end(&device);
        }
}

/* Every check-in of the change that is not answered, or is answered and the reply is lost. */
static void replies_are_lost(void **state)
{
    (void)state;
    for (int silent = 1; silent <= 4; silent++) {
        begin();
        uint32_t checkins = device.peer.checkins;
        while (device.peer.checkins < checkins + (uint32_t)silent && !has_rotated(&device))
            assert_true(device_step(&device));
        device.peer.is_silent = true;
        device_run(&device, NULL, 300);
        device_power_cycle(&device);
        device_run(&device, NULL, 300);
        device.peer.is_silent = false;
        assert_true(device_run(&device, has_rotated, HOUR_S));
        expect_known();
        device_end(&device);
    }
}

static void the_server_comes_back_from_a_backup(void **state)
{
    (void)state;
    uint8_t old[32];
    begin();
    memcpy(old, device.peer.token, sizeof old);
    assert_true(device_run(&device, has_rotated, HOUR_S));
    expect_known();
    assert_memory_not_equal(device.peer.token, old, sizeof old);
    memcpy(device.peer.token, old, sizeof old);
    device.peer.rotations = 0;
    assert_true(device_run(&device, has_rotated, HOUR_S));
    expect_known();
    assert_memory_not_equal(device.peer.token, old, sizeof old);
    device_end(&device);
}

static godwit_err (*board_random)(void *ctx, uint8_t *out, size_t size);

/* Enough for a nonce, none for a token. */
static godwit_err random_of_no_token(void *ctx, uint8_t *out, size_t size)
{
    return size == GODWIT_TOKEN_SIZE ? GODWIT_ERR_IO : board_random(ctx, out, size);
}

static bool has_told(const struct device *one)
{
    return one->peer.outcome.reason != GODWIT_REASON_NONE;
}

static void without_random_numbers_the_token_stays_and_it_is_told(void **state)
{
    (void)state;
    begin();
    board_random = device.board.system.random;
    device.board.system.random = random_of_no_token;
    assert_true(device_run(&device, has_told, HOUR_S));
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_NO_RANDOM);
    assert_int_equal(device.peer.rotations, 0);
    expect_known();
    device.board.system.random = board_random;
    assert_true(device_run(&device, has_rotated, HOUR_S));
    device_end(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_lost_at_each_operation),
        cmocka_unit_test(replies_are_lost),
        cmocka_unit_test(the_server_comes_back_from_a_backup),
        cmocka_unit_test(without_random_numbers_the_token_stays_and_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
