/* TRIAL and RETURN: self-test, contact, deadlines, and the fallback image. */
#include "case.h"
#include "fixture.h"

static struct fixture fixture;
static struct file file;
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
    file = fixture_file("1.1.0", kind, 0);
    fixture_begin(&fixture);
    peer_offer(&fixture.peer, file.data, file.size, 5);
    self_tests = 0;
}

static void end(void)
{
    free(file.data);
    fixture_end(&fixture);
}

static bool done_back(const struct fixture *at)
{
    return at->peer.outcomes > 0 && !strcmp(fixture_status(at).slot, "ota_0");
}

static bool done_left_trial(const struct fixture *at)
{
    return fixture_status(at).state != GODWIT_STATE_TRIAL;
}

static void assert_back(enum godwit_reason reason)
{
    assert_true(fixture_run(&fixture, done_back, 7200));
    assert_int_equal(fixture.peer.outcome.stage, GODWIT_STAGE_ROLLED_BACK);
    assert_string_equal(godwit_reason_id(fixture.peer.outcome.reason), godwit_reason_id(reason));
    assert_int_equal(fixture.peer.outcome.rollout_id, 5);
    fixture_run(&fixture, NULL, 600);
    assert_int_equal(fixture.peer.outcomes, 1);
    assert_int_equal(fixture.board.counters.boots, 3);
}

static void rolls_back_without_a_link_after_ten_minutes(void **state)
{
    (void)state;
    begin(BEHAVIOUR_NO_NETWORK);
    assert_true(fixture_run(&fixture, done_on_trial, 300));
    uint64_t start_ms = fixture.now_ms;
    assert_true(fixture_run(&fixture, done_left_trial, 7200));
    assert_in_range(fixture.now_ms - start_ms, 599000, 601000);
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
    assert_true(fixture_run(&fixture, done_on_trial, 300));
    uint64_t start_ms = fixture.now_ms;
    struct godwit_net good = fixture.board.options.net;
    fixture.board.options.net.read = broken_read;
    assert_true(fixture_run(&fixture, done_left_trial, 7200));
    assert_in_range(fixture.now_ms - start_ms, 3599000, 3601000);
    fixture.board.options.net = good;
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
        assert_true(fixture_run(&fixture, done_on_trial, 300));
        fixture.peer.status = statuses[i];
        fixture_run(&fixture, NULL, 60);
        assert_int_not_equal(fixture_status(&fixture).state, GODWIT_STATE_TRIAL);
        fixture.peer.status = 0;
        assert_true(fixture_run(&fixture, done_confirmed, 900));
        assert_string_equal(fixture_status(&fixture).slot, "ota_1");
        end();
    }
}

static void a_failed_self_test_rolls_back_at_once(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    fixture.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_IO;
    assert_true(fixture_run(&fixture, done_on_trial, 300));
    uint64_t start_ms = fixture.now_ms;
    assert_true(fixture_run(&fixture, done_left_trial, 60));
    assert_true(fixture.now_ms - start_ms < 1000);
    assert_back(GODWIT_REASON_TRIAL_SELF_TEST);
    end();
}

static void a_self_test_may_take_its_time_but_not_for_ever(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    fixture.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_true(fixture_run(&fixture, done_on_trial, 300));
    fixture_run(&fixture, NULL, 300);
    assert_int_equal(fixture_status(&fixture).state, GODWIT_STATE_TRIAL);
    self_test_says = GODWIT_OK;
    assert_true(fixture_run(&fixture, done_confirmed, 100));
    end();

    begin(BEHAVIOUR_HEALTHY);
    fixture.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_back(GODWIT_REASON_TRIAL_DEADLINE);
    end();
}

static void the_app_may_confirm_itself(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    fixture.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_true(fixture_run(&fixture, done_on_trial, 300));
    godwit_agent_confirm(&fixture.board.agent);
    assert_true(fixture_run(&fixture, done_confirmed, 100));
    end();
}

static void takes_no_update_while_on_trial(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    fixture.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_true(fixture_run(&fixture, done_on_trial, 300));
    struct file other = fixture_file("1.2.0", BEHAVIOUR_HEALTHY, 0);
    peer_offer(&fixture.peer, other.data, other.size, 6);
    uint32_t requests = fixture.peer.image_requests;
    fixture_run(&fixture, NULL, 500);
    assert_int_equal(fixture.peer.image_requests, requests);
    assert_true(fixture.peer.last.on_trial);
    assert_string_equal(fixture.peer.last.version, "1.1.0");
    assert_memory_equal(fixture.peer.last.image_sha256, file.data + IMAGE_SIZE - 4096 - 32, 32);
    free(other.data);
    end();
}

/* The old image no longer boots: better to stay and say so. */
static void stays_where_there_is_no_fallback(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    fixture.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_true(fixture_run(&fixture, done_on_trial, 300));
    const uint8_t zeros[64] = {0};
    const struct godwit_flash raw = flash_ram_port(&fixture.ram);
    uint32_t old = fixture.board.agent.slots.inactive.offset;
    assert_int_equal(raw.write(raw.ctx, old + 0x8000, zeros, sizeof zeros), GODWIT_OK);
    fixture.ram.violations = 0;
    assert_true(fixture_run(&fixture, done_outcome, 3600));
    assert_int_equal(fixture.peer.outcome.stage, GODWIT_STAGE_TRIAL);
    assert_int_equal(fixture.peer.outcome.reason, GODWIT_REASON_TRIAL_DEADLINE);
    assert_string_equal(fixture_status(&fixture).slot, "ota_1");
    assert_int_equal(fixture.board.counters.boots, 2);
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
    assert_true(fixture_run(&fixture, done_on_trial, 300));
    struct godwit_flash good = fixture.flash;
    fixture.flash.erase = refuses_to_erase;
    fixture_run(&fixture, NULL, 300);
    assert_true(fixture_status(&fixture).on_trial);
    assert_int_equal(fixture_status(&fixture).last_reason, GODWIT_REASON_FLASH);
    fixture.flash = good;
    assert_true(fixture_run(&fixture, done_confirmed, 300));
    end();
}

/* Somebody else has chosen the other slot meanwhile: that entry is not ours to bless. */
static void blesses_only_its_own_entry(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    fixture.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_true(fixture_run(&fixture, done_on_trial, 300));
    const struct godwit_flash raw = flash_ram_port(&fixture.ram);
    uint32_t offset = fixture.board.agent.slots.otadata.offset;
    struct godwit_ota_entry other = {.seq = 3, .state = GODWIT_OTA_NEW, .crc = godwit_ota_crc(3)};
    uint8_t before[GODWIT_OTA_ENTRY_SIZE], after[GODWIT_OTA_ENTRY_SIZE];
    godwit_ota_entry_store(&other, before);
    assert_int_equal(flash_put(&raw, offset, before, sizeof before), GODWIT_OK);
    self_test_says = GODWIT_OK;
    fixture_run(&fixture, NULL, 30);
    assert_int_equal(raw.read(raw.ctx, offset, after, sizeof after), GODWIT_OK);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(fixture.peer.outcome.stage, GODWIT_STAGE_CONFIRMED); /* proven all the same */
    end();
}

/* A bootloader that does not watch: an image that crashes on trial comes up again by itself. */
static void leaves_a_crashing_image_also_without_a_watching_bootloader(void **state)
{
    (void)state;
    file = fixture_file("1.1.0", BEHAVIOUR_HEALTHY, 0);
    fixture_init(&fixture, fixture_key(0));
    fixture.options.bootloader.has_rollback = false;
    fixture_start(&fixture);
    peer_offer(&fixture.peer, file.data, file.size, 5);
    assert_true(fixture_run(&fixture, done_on_trial, 300));
    board_power_off(&fixture.board);
    board_power_on(&fixture.board, GODWIT_RESET_PANIC);
    assert_true(fixture_run(&fixture, done_back, 300));
    assert_int_equal(fixture.peer.outcome.reason, GODWIT_REASON_TRIAL_PANIC);
    end();
}

/* Every write of the rollback is cut: it ends on the old image, with the reason or the power cut.
 */
static void rolls_back_over_every_cut(void **state)
{
    (void)state;
    uint32_t operations = 0;
    file = fixture_file("1.1.0", BEHAVIOUR_NO_NETWORK, 0);
    for (uint32_t cut_at = 0; cut_at <= operations; cut_at++) {
        CASE(cut_at);
        for (int kind = 0; kind < POWER_CUT_KINDS_COUNT; kind++) {
            CASE(kind);
            struct power_cut power_cut;
            fixture_init(&fixture, fixture_key(0));
            struct godwit_flash ram = fixture.flash;
            power_cut_init(&power_cut, &ram);
            fixture.flash = power_cut_port(&power_cut);
            fixture_start(&fixture);
            peer_offer(&fixture.peer, file.data, file.size, 5);
            assert_true(fixture_run(&fixture, done_on_trial, 600));
            if (cut_at) power_cut.cut_at = power_cut.operations + cut_at;
            power_cut.kind = (enum power_cut_kind)kind;
            uint32_t before = power_cut.operations;
            while (!done_back(&fixture) && fixture.now_ms < 20000000) {
                if (power_cut.is_off) {
                    board_power_off(&fixture.board);
                    power_cut_power_on(&power_cut);
                    board_power_on(&fixture.board, GODWIT_RESET_POWER_ON);
                }
                uint64_t next_ms = board_step(&fixture.board, fixture.now_ms);
                assert_false(fixture.board.is_bricked);
                fixture.now_ms = next_ms > fixture.now_ms ? next_ms : fixture.now_ms;
            }
            assert_true(done_back(&fixture));
            assert_int_equal(fixture.peer.outcome.stage, GODWIT_STAGE_ROLLED_BACK);
            if (cut_at == 0) operations = power_cut.operations - before;
            fixture_end(&fixture);
            if (cut_at == 0) break;
        }
    }
    free(file.data);
    assert_true(operations >= 4);
}

/* Contact comes at once; what crashes late shall have its time to do so. */
static void a_new_image_runs_for_a_while_first(void **state)
{
    static const uint32_t healths_s[] = {10, 60};
    (void)state;
    for (size_t i = 0; i < sizeof healths_s / sizeof *healths_s; i++) {
        CASE(i);
        begin(BEHAVIOUR_HEALTHY);
        assert_true(fixture_run(&fixture, done_on_trial, 300));
        if (i) fixture.board.agent.config.health_s = healths_s[i]; /* 10 without a word */
        uint64_t start_ms = fixture.now_ms;
        assert_true(fixture_run(&fixture, done_left_trial, 900));
        assert_in_range(fixture.now_ms - start_ms, healths_s[i] * 1000 - 1,
                        healths_s[i] * 1000 + 2000);
        assert_true(fixture_run(&fixture, done_confirmed, 60));
        end();
    }
    /* never so long that the deadline passes first */
    struct godwit_agent *agent = calloc(1, sizeof *agent);
    struct godwit_agent_config config = {.health_s = UINT32_MAX};
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
    fixture.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_true(fixture_run(&fixture, done_on_trial, 300));
    for (int leaps = 0; leaps < 5; leaps++) {
        fixture.now_ms += 20u * 60 * 1000;
        fixture_run(&fixture, NULL, 5);
        assert_int_equal(fixture_status(&fixture).state, GODWIT_STATE_TRIAL);
    }
    fixture.now_ms -= 60u * 60 * 1000;
    fixture_run(&fixture, NULL, 100);
    assert_int_equal(fixture_status(&fixture).state, GODWIT_STATE_TRIAL);
    self_test_says = GODWIT_OK;
    assert_true(fixture_run(&fixture, done_confirmed, 100));
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
