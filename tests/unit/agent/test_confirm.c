/* TRIAL and RETURN: self-test, contact, deadlines, and the fallback image. */
#include "case.h"
#include "device_test.h"

static struct device device;
static struct firmware file;
static godwit_err self_test_says;
static uint32_t self_tests;

static godwit_err self_test(void *ctx)
{
    (void)ctx;
    self_tests++;
    return self_test_says;
}

static void begin(enum behaviour_kind kind)
{
    file = firmware_signed("1.1.0", kind, 0);
    device_begin(&device);
    peer_offer(&device.peer, file.data, file.size, 5);
    self_tests = 0;
}

static void end(void)
{
    free(file.data);
    device_end(&device);
}

static bool done_back(const struct device *at)
{
    return at->peer.outcomes > 0 && !strcmp(device_status(at).slot, "ota_0");
}

static bool done_left_trial(const struct device *at)
{
    return device_status(at).state != GODWIT_STATE_TRIAL;
}

static void assert_back(enum godwit_reason reason)
{
    assert_true(device_run(&device, done_back, 7200));
    assert_int_equal(device.peer.outcome.stage, GODWIT_STAGE_ROLLED_BACK);
    assert_string_equal(godwit_reason_id(device.peer.outcome.reason), godwit_reason_id(reason));
    assert_int_equal(device.peer.outcome.rollout_id, 5);
    device_run(&device, NULL, 600);
    assert_int_equal(device.peer.outcomes, 1);
    assert_int_equal(device.board.counters.boots, 3);
}

static void rolls_back_without_a_link_after_ten_minutes(void **state)
{
    (void)state;
    begin(BEHAVIOUR_NO_NETWORK);
    assert_true(device_run(&device, done_on_trial, 300));
    uint64_t start_ms = device.now_ms;
    assert_true(device_run(&device, done_left_trial, 7200));
    assert_in_range(device.now_ms - start_ms, 599000, 601000);
    assert_back(GODWIT_REASON_TRIAL_NO_CONTACT);
    end();
}

/* Every reply breaks, though requests can begin: the server may be down, so an hour is given. */
static godwit_err broken_read(void *ctx, uint8_t *data, size_t size_max, size_t *size_out,
                              struct godwit_reply *reply)
{
    (void)ctx, (void)data, (void)size_max, (void)reply;
    *size_out = 0;
    return GODWIT_ERR_NET;
}

static void waits_an_hour_for_an_unreachable_server(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    assert_true(device_run(&device, done_on_trial, 300));
    uint64_t start_ms = device.now_ms;
    struct godwit_net good = device.board.options.net;
    device.board.options.net.read = broken_read;
    assert_true(device_run(&device, done_left_trial, 7200));
    assert_in_range(device.now_ms - start_ms, 3599000, 3601000);
    device.board.options.net = good;
    assert_back(GODWIT_REASON_TRIAL_NO_CONTACT);
    end();
}

/* An outage of the server is no fault of the image. */
static void any_http_status_is_contact(void **state)
{
    (void)state;
    static const int statuses[] = {503, 401, 500, 404};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        CASE(i);
        begin(BEHAVIOUR_HEALTHY);
        assert_true(device_run(&device, done_on_trial, 300));
        device.peer.status = statuses[i];
        device_run(&device, NULL, 60);
        assert_int_not_equal(device_status(&device).state, GODWIT_STATE_TRIAL);
        device.peer.status = 0;
        assert_true(device_run(&device, done_confirmed, 900));
        assert_string_equal(device_status(&device).slot, "ota_1");
        end();
    }
}

static void a_failed_self_test_rolls_back_at_once(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    device.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_IO;
    assert_true(device_run(&device, done_on_trial, 300));
    uint64_t start_ms = device.now_ms;
    assert_true(device_run(&device, done_left_trial, 60));
    assert_true(device.now_ms - start_ms < 1000);
    assert_back(GODWIT_REASON_TRIAL_SELF_TEST);
    end();
}

static void a_self_test_may_take_its_time_but_not_for_ever(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    device.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_true(device_run(&device, done_on_trial, 300));
    device_run(&device, NULL, 300);
    assert_int_equal(device_status(&device).state, GODWIT_STATE_TRIAL);
    self_test_says = GODWIT_OK;
    assert_true(device_run(&device, done_confirmed, 100));
    end();

    begin(BEHAVIOUR_HEALTHY);
    device.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_back(GODWIT_REASON_TRIAL_DEADLINE);
    end();
}

static void the_app_may_confirm_itself(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    device.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_true(device_run(&device, done_on_trial, 300));
    godwit_agent_confirm(&device.board.agent);
    assert_true(device_run(&device, done_confirmed, 100));
    end();
}

static void takes_no_update_while_on_trial(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    device.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_true(device_run(&device, done_on_trial, 300));
    struct firmware other = firmware_signed("1.2.0", BEHAVIOUR_HEALTHY, 0);
    peer_offer(&device.peer, other.data, other.size, 6);
    uint32_t requests = device.peer.image_requests;
    device_run(&device, NULL, 500);
    assert_int_equal(device.peer.image_requests, requests);
    assert_true(device.peer.last.on_trial);
    assert_string_equal(device.peer.last.version, "1.1.0");
    assert_memory_equal(device.peer.last.image_sha256, file.data + FIRMWARE_SIZE - 4096 - 32, 32);
    free(other.data);
    end();
}

/* The old image no longer boots: better to stay and say so. */
static void stays_where_there_is_no_fallback(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    device.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_true(device_run(&device, done_on_trial, 300));
    const uint8_t zeros[64] = {0};
    const struct godwit_flash raw = flash_ram_port(&device.ram);
    uint32_t old = device.board.agent.slots.inactive.offset;
    assert_int_equal(raw.write(raw.ctx, old + 0x8000, zeros, sizeof zeros), GODWIT_OK);
    device.ram.violations = 0;
    assert_true(device_run(&device, done_outcome, 3600));
    assert_int_equal(device.peer.outcome.stage, GODWIT_STAGE_TRIAL);
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_TRIAL_DEADLINE);
    assert_string_equal(device_status(&device).slot, "ota_1");
    assert_int_equal(device.board.counters.boots, 2);
    end();
}

/* No write succeeds any more: the trial goes on, and the other slot is not touched. */
static godwit_err refuses_to_erase(void *ctx, uint32_t offset, size_t size)
{
    (void)ctx, (void)offset, (void)size;
    return GODWIT_ERR_IO;
}

static void a_refusing_flash_keeps_the_trial_open(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    assert_true(device_run(&device, done_on_trial, 300));
    struct godwit_flash good = device.flash;
    device.flash.erase = refuses_to_erase;
    device_run(&device, NULL, 300);
    assert_true(device_status(&device).on_trial);
    assert_int_equal(device_status(&device).last_reason, GODWIT_REASON_FLASH);
    device.flash = good;
    assert_true(device_run(&device, done_confirmed, 300));
    end();
}

/* Somebody else has chosen the other slot meanwhile: that entry is not ours to bless. */
static void blesses_only_its_own_entry(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    device.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_true(device_run(&device, done_on_trial, 300));
    const struct godwit_flash raw = flash_ram_port(&device.ram);
    uint32_t offset = device.board.agent.slots.otadata.offset;
    struct godwit_ota_entry other = {.seq = 3, .state = GODWIT_OTA_NEW, .crc = godwit_ota_crc(3)};
    uint8_t before[GODWIT_OTA_ENTRY_SIZE], after[GODWIT_OTA_ENTRY_SIZE];
    godwit_ota_entry_store(&other, before);
    assert_int_equal(flash_put(&raw, offset, before, sizeof before), GODWIT_OK);
    self_test_says = GODWIT_OK;
    device_run(&device, NULL, 30);
    assert_int_equal(raw.read(raw.ctx, offset, after, sizeof after), GODWIT_OK);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(device.peer.outcome.stage, GODWIT_STAGE_CONFIRMED); /* proven all the same */
    end();
}

/* A bootloader that does not watch: an image that crashes on trial comes up again by itself. */
static void leaves_a_crashing_image_also_without_a_watching_bootloader(void **state)
{
    (void)state;
    file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    device_prepare(&device, firmware_key(0));
    device.options.bootloader.has_rollback = false;
    device_start(&device);
    peer_offer(&device.peer, file.data, file.size, 5);
    assert_true(device_run(&device, done_on_trial, 300));
    board_power_off(&device.board);
    board_power_on(&device.board, GODWIT_RESET_PANIC);
    assert_true(device_run(&device, done_back, 300));
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_TRIAL_PANIC);
    end();
}

/* Every write of the rollback is cut: it ends on the old image, with the reason or the power cut.
 */
static void rolls_back_over_every_cut(void **state)
{
    (void)state;
    uint32_t operations = 0;
    file = firmware_signed("1.1.0", BEHAVIOUR_NO_NETWORK, 0);
    for (uint32_t cut_at = 0; cut_at <= operations; cut_at++) {
        CASE(cut_at);
        for (int kind = 0; kind < POWER_CUT_KINDS_COUNT; kind++) {
            CASE(kind);
            struct power_cut *power_cut = &device.power_cut;
            device_begin(&device);
            peer_offer(&device.peer, file.data, file.size, 5);
            assert_true(device_run(&device, done_on_trial, 600));
            if (cut_at) power_cut->cut_at = power_cut->operations + cut_at;
            power_cut->kind = (enum power_cut_kind)kind;
            uint32_t before = power_cut->operations;
            while (!done_back(&device) && device.now_ms < 20000000) {
                if (power_cut->is_off) device_power_cycle(&device);
                uint64_t next_ms = board_step(&device.board, device.now_ms);
                assert_false(device.board.is_bricked);
                device.now_ms = next_ms > device.now_ms ? next_ms : device.now_ms;
            }
            assert_true(done_back(&device));
            assert_int_equal(device.peer.outcome.stage, GODWIT_STAGE_ROLLED_BACK);
            if (cut_at == 0) operations = power_cut->operations - before;
            device_end(&device);
            if (cut_at == 0) break;
        }
    }
    free(file.data);
    assert_true(operations >= 4);
}

/* Contact comes at once; what crashes late shall have its time to do so. */
static void a_new_image_runs_for_a_while_first(void **state)
{
    static const uint16_t healths_s[] = {10, 60};
    (void)state;
    for (size_t i = 0; i < sizeof healths_s / sizeof *healths_s; i++) {
        CASE(i);
        begin(BEHAVIOUR_HEALTHY);
        assert_true(device_run(&device, done_on_trial, 300));
        if (i) device.board.agent.config.health_s = healths_s[i]; /* 10 without a word */
        uint64_t start_ms = device.now_ms;
        assert_true(device_run(&device, done_left_trial, 900));
        assert_in_range(device.now_ms - start_ms, healths_s[i] * 1000u - 1,
                        healths_s[i] * 1000u + 2000);
        assert_true(device_run(&device, done_confirmed, 60));
        end();
    }
    /* never so long that the deadline passes first */
    struct godwit_agent *agent = calloc(1, sizeof *agent);
    struct godwit_agent_config config = {.health_s = UINT16_MAX};
    assert_non_null(agent);
    godwit_agent_setup(agent, &config);
    assert_int_equal(agent->config.health_s, 300);
    free(agent);
}

/* A clock that is set is no time that the image had: no deadline passes, and no health is gained.
 */
static void a_leap_of_the_clock_ends_no_trial(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    device.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_true(device_run(&device, done_on_trial, 300));
    for (int leaps = 0; leaps < 5; leaps++) {
        device.now_ms += 20u * 60 * 1000;
        device_run(&device, NULL, 5);
        assert_int_equal(device_status(&device).state, GODWIT_STATE_TRIAL);
    }
    device.now_ms -= 60u * 60 * 1000;
    device_run(&device, NULL, 100);
    assert_int_equal(device_status(&device).state, GODWIT_STATE_TRIAL);
    self_test_says = GODWIT_OK;
    assert_true(device_run(&device, done_confirmed, 100));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rolls_back_without_a_link_after_ten_minutes),
        cmocka_unit_test(waits_an_hour_for_an_unreachable_server),
        cmocka_unit_test(any_http_status_is_contact),
        cmocka_unit_test(a_failed_self_test_rolls_back_at_once),
        cmocka_unit_test(a_self_test_may_take_its_time_but_not_for_ever),
        cmocka_unit_test(the_app_may_confirm_itself),
        cmocka_unit_test(takes_no_update_while_on_trial),
        cmocka_unit_test(stays_where_there_is_no_fallback),
        cmocka_unit_test(a_refusing_flash_keeps_the_trial_open),
        cmocka_unit_test(blesses_only_its_own_entry),
        cmocka_unit_test(leaves_a_crashing_image_also_without_a_watching_bootloader),
        cmocka_unit_test(rolls_back_over_every_cut),
        cmocka_unit_test(a_new_image_runs_for_a_while_first),
        cmocka_unit_test(a_leap_of_the_clock_ends_no_trial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
