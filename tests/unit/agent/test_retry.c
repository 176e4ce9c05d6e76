/* Installs that end for no fault of the release: what is told, when the next try comes, and that no
 * line and no flash sets a good file aside. */
#include "device_test.h"
#include "wire.h"

static struct device device;
static struct wire wire;
static struct firmware file;

static int setup(void **state)
{
    (void)state;
    file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    device_prepare(&device, firmware_key(0));
    wire_init(&wire, &device.options.net, &device.now_ms);
    device.options.net = wire_port(&wire);
    device_start(&device);
    assert_true(device_run(&device, done_checked_in, 60));
    peer_offer(&device.peer, file.data, file.size, 5);
    device.peer.offers_always = true;
    godwit_agent_wake(&device.board.agent);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(file.data);
    device_end(&device);
    return 0;
}

static struct wire_turn *image(void)
{
    return &wire.turns[WIRE_IMAGE];
}

static const struct wire_turn LOGIN_PAGE = {.length = 18 - FIRMWARE_SIZE,
                                            .flip_every = 1,
                                            .flip_mask = 0xD5,
                                            .changes = {.content_type = "text/html"}};
static const struct wire_turn PACKED = {.hides_length = true,
                                        .changes = {.content_coding = "gzip"}};
static const struct wire_turn ALTERED = {.flip_at = 50000, .flip_every = 1000, .flip_mask = 1};

static void assert_told(enum godwit_stage stage, enum godwit_reason reason, const char *detail)
{
    assert_true(device_run(&device, done_outcome, 600));
    const struct godwit_outcome *outcome = &device.peer.outcome;
    assert_string_equal(godwit_reason_id(outcome->reason), godwit_reason_id(reason));
    assert_int_equal(outcome->stage, stage);
    assert_string_equal(outcome->detail, detail);
}

/* However often it failed: the file is not quarantined, and the line is sound again. */
static void assert_is_repaired(uint32_t within_s)
{
    assert_int_equal(godwit_attempts(&device.board.agent.journal, device.peer.file_sha256), 0);
    memset(image(), 0, sizeof *image());
    assert_true(device_run(&device, done_confirmed, within_s));
    assert_int_equal(device.board.agent.journal.retries, 0);
}

static void a_login_page_is_named(void **state)
{
    (void)state;
    *image() = LOGIN_PAGE;
    assert_told(GODWIT_STAGE_DOWNLOAD, GODWIT_REASON_BODY_DIFFERS, "text/html, 18 bytes");
    device_run(&device, NULL, 600);
    assert_is_repaired(1800);
}

static void a_login_page_without_a_length_is_named(void **state)
{
    (void)state;
    *image() = LOGIN_PAGE;
    image()->length = 0;
    image()->hides_length = true;
    assert_told(GODWIT_STAGE_DOWNLOAD, GODWIT_REASON_BODY_DIFFERS, "text/html");
    assert_is_repaired(600);
}

static void a_packed_body_is_named(void **state)
{
    (void)state;
    *image() = PACKED;
    assert_told(GODWIT_STAGE_DOWNLOAD, GODWIT_REASON_BODY_DIFFERS, "gzip");
    assert_int_equal(wire.received, 4096); /* its first piece at most, and no erase for it */
    assert_is_repaired(600);
}

static void a_packed_rest_is_not_joined(void **state)
{
    (void)state;
    *image() = PACKED;
    image()->skips = 1;
    device.link.is_cutting = true;
    device.link.drop_at = 20000;
    assert_told(GODWIT_STAGE_DOWNLOAD, GODWIT_REASON_BODY_DIFFERS, "gzip");
    assert_is_repaired(600);
    assert_int_equal(wire.requests[WIRE_IMAGE], 3);
}

static void a_forbidding_proxy_is_named(void **state)
{
    (void)state;
    *image() = (struct wire_turn){.status = 403};
    assert_told(GODWIT_STAGE_DOWNLOAD, GODWIT_REASON_DOWNLOAD_REFUSED, "status 403");
    assert_is_repaired(600);
}

static void altered_bytes_are_fetched_again_but_ever_later(void **state)
{
    (void)state;
    *image() = ALTERED;
    assert_told(GODWIT_STAGE_VERIFY, GODWIT_REASON_FILE_DIGEST, "at=65536");
    device_run(&device, NULL, 86400);
    assert_in_range(wire.requests[WIRE_IMAGE], 6, 16); /* whole downloads on the first day … */
    uint32_t first_day = wire.requests[WIRE_IMAGE];
    device_run(&device, NULL, 86400);
    assert_in_range(wire.requests[WIRE_IMAGE] - first_day, 5, 11); /* … and on each day after it */
    assert_is_repaired(5 * 3600);
}

/* It asks at its interval all the while, so that the server knows it is there. */
static void waiting_for_the_next_try_does_not_stop_check_ins(void **state)
{
    (void)state;
    *image() = ALTERED;
    device_run(&device, NULL, 86400);
    assert_true(device.peer.checkins > 86400 / 60 / 2);
    assert_string_equal(godwit_reason_id(device_status(&device).last_reason), "file-digest");
}

static void a_reset_begins_the_wait_again(void **state)
{
    (void)state;
    *image() = ALTERED;
    device_run(&device, NULL, 6 * 3600);
    uint32_t requests = wire.requests[WIRE_IMAGE];
    for (int i = 0; i < 3; i++) {
        device_power_cycle(&device);
        device_run(&device, NULL, 600);
    }
    assert_int_equal(wire.requests[WIRE_IMAGE], requests);
    assert_is_repaired(5 * 3600);
}

/* Awake for a minute, then off: no wait of hours is ever sat out. */
static void a_device_that_sleeps_tries_again_after_some_boots(void **state)
{
    (void)state;
    *image() = ALTERED;
    for (int i = 0; i < 100; i++) {
        device_run(&device, NULL, 60);
        device_power_cycle(&device);
    }
    assert_in_range(wire.requests[WIRE_IMAGE], 5, 20);
    memset(image(), 0, sizeof *image());
    for (int i = 0; i < 20 && !device.peer.is_confirmed; i++) {
        device_run(&device, NULL, 60);
        if (!device.peer.is_confirmed) device_power_cycle(&device);
    }
    assert_true(device.peer.is_confirmed);
}

static void drive_into_the_wait(void)
{
    *image() = ALTERED;
    device_run(&device, NULL, 86400);
    memset(image(), 0, sizeof *image());
    uint32_t requests = wire.requests[WIRE_IMAGE];
    device_run(&device, NULL, 120);
    assert_int_equal(wire.requests[WIRE_IMAGE], requests);
}

static void an_operator_who_insists_is_not_kept_waiting(void **state)
{
    (void)state;
    drive_into_the_wait();
    device.peer.force_now = true;
    assert_true(device_run(&device, done_confirmed, 300));
}

static void another_rollout_is_not_kept_waiting(void **state)
{
    (void)state;
    drive_into_the_wait();
    peer_offer(&device.peer, file.data, file.size, 6);
    assert_true(device_run(&device, done_confirmed, 300));
}

/* What a quarantine keeps out is let in by the same word. */
static void an_operator_who_insists_opens_the_quarantine(void **state)
{
    (void)state;
    godwit_attempts_add(&device.board.agent.journal, device.peer.file_sha256,
                        GODWIT_REASON_TRIAL_PANIC, true);
    assert_told(GODWIT_STAGE_CHECKIN, GODWIT_REASON_QUARANTINED, "");
    device.peer.force_now = true;
    assert_true(device_run(&device, done_confirmed, 900));
}

static bool has_panicked(const struct device *one)
{
    return one->board.counters.panics > 0;
}

/* A login page to check-ins, while a rollback waits to be heard. */
static void a_reply_that_is_not_believed_hides_no_rollback(void **state)
{
    (void)state;
    struct firmware bad = firmware_signed("1.2.0", BEHAVIOUR_CRASH_AT_BOOT, 0);
    peer_offer(&device.peer, bad.data, bad.size, 6);
    assert_true(device_run(&device, has_panicked, 600));
    wire.turns[WIRE_CHECKIN] = (struct wire_turn){.flip_every = 1, .flip_mask = 0xD5};
    device_run(&device, NULL, 1200);
    assert_int_equal(device_status(&device).last_reason, GODWIT_REASON_REPLY_MALFORMED);
    assert_int_equal(device.board.agent.journal.outcome_stage, GODWIT_STAGE_ROLLED_BACK);
    assert_int_equal(device.peer.outcomes, 1); /* it heard of nothing else */
    assert_told(GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_TRIAL_PANIC, "");
    free(bad.data);
}

/* ---- a flash that refuses ---- */

static struct godwit_flash inner, faulty;
static uint32_t fault_from, fault_to; /* reads or writes in here fail */
static bool fails_writes;

static godwit_err read_or_fail(void *ctx, uint32_t offset, uint8_t *data, size_t size)
{
    (void)ctx;
    if (!fails_writes && offset + size > fault_from && offset < fault_to) return GODWIT_ERR_IO;
    return inner.read(inner.ctx, offset, data, size);
}

static godwit_err write_or_fail(void *ctx, uint32_t offset, const uint8_t *data, size_t size)
{
    (void)ctx;
    if (fails_writes && offset + size > fault_from && offset < fault_to) return GODWIT_ERR_IO;
    return inner.write(inner.ctx, offset, data, size);
}

static void break_flash(uint32_t from, uint32_t size, bool at_writes)
{
    inner = device.flash;
    faulty = inner;
    faulty.read = read_or_fail;
    faulty.write = write_or_fail;
    fault_from = from;
    fault_to = from + size;
    fails_writes = at_writes;
    device.board.agent.config.flash = &faulty;
}

static void a_flash_that_refuses_sets_nothing_aside(void **state)
{
    (void)state;
    break_flash(0x20000 + DEVICE_SLOT_SIZE + 0x8000, 0x1000, true);
    assert_told(GODWIT_STAGE_DOWNLOAD, GODWIT_REASON_FLASH, "at=36864");
    device_run(&device, NULL, 86400);
    assert_in_range(wire.requests[WIRE_IMAGE], 8, 40);
    fault_to = fault_from;
    assert_is_repaired(5 * 3600);
}

static void a_flash_that_does_not_read_back_sets_nothing_aside(void **state)
{
    (void)state;
    break_flash(0x20000 + DEVICE_SLOT_SIZE + 0x8000, 0x1000, false);
    assert_told(GODWIT_STAGE_VERIFY, GODWIT_REASON_FLASH, "at=32768");
    device_run(&device, NULL, 86400);
    fault_to = fault_from;
    assert_is_repaired(5 * 3600);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_login_page_is_named),
        TEST(a_login_page_without_a_length_is_named),
        TEST(a_packed_body_is_named),
        TEST(a_packed_rest_is_not_joined),
        TEST(a_forbidding_proxy_is_named),
        TEST(altered_bytes_are_fetched_again_but_ever_later),
        TEST(waiting_for_the_next_try_does_not_stop_check_ins),
        TEST(a_reset_begins_the_wait_again),
        TEST(a_device_that_sleeps_tries_again_after_some_boots),
        TEST(an_operator_who_insists_is_not_kept_waiting),
        TEST(another_rollout_is_not_kept_waiting),
        TEST(an_operator_who_insists_opens_the_quarantine),
        TEST(a_reply_that_is_not_believed_hides_no_rollback),
        TEST(a_flash_that_refuses_sets_nothing_aside),
        TEST(a_flash_that_does_not_read_back_sets_nothing_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
