/* TRIAL and RETURN: self-test, contact, deadlines, and the way back. */
#include "world.h"

static struct world world;
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
    file = world_file("1.1.0", kind, 0);
    world_begin(&world);
    peer_offer(&world.peer, file.data, file.size, 5);
    self_tests = 0;
}

static void end(void)
{
    free(file.data);
    world_end(&world);
}

static bool done_back(const struct world *at)
{
    return at->peer.outcomes > 0 && !strcmp(world_status(at).slot, "ota_0");
}

static bool done_left_trial(const struct world *at)
{
    return world_status(at).state != GODWIT_TRIAL;
}

static void assert_back(enum godwit_reason reason)
{
    assert_true(world_run(&world, done_back, 7200));
    assert_int_equal(world.peer.outcome.stage, GODWIT_STAGE_FLOWN_BACK);
    assert_string_equal(godwit_reason_id(world.peer.outcome.reason), godwit_reason_id(reason));
    assert_int_equal(world.peer.outcome.rollout_id, 5);
    world_run(&world, NULL, 600);
    assert_int_equal(world.peer.outcomes, 1);
    assert_int_equal(world.board.counters.boots, 3);
}

static void flies_back_without_a_link_after_ten_minutes(void **state)
{
    (void)state;
    begin(BEHAVIOUR_NO_NETWORK);
    assert_true(world_run(&world, done_on_trial, 300));
    uint64_t start_ms = world.now_ms;
    assert_true(world_run(&world, done_left_trial, 7200));
    assert_in_range(world.now_ms - start_ms, 599000, 601000);
    assert_back(GODWIT_REASON_TRIAL_NO_CONTACT);
    end();
}

/* Every answer breaks, though requests can begin: the server may be down, so an hour is given. */
static godwit_err broken_read(void *ctx, uint8_t *data, size_t size_max, size_t *size_out,
                              struct godwit_answer *answer)
{
    (void)ctx, (void)data, (void)size_max, (void)answer;
    *size_out = 0;
    return GODWIT_ERR_NET;
}

static void waits_an_hour_for_an_unreachable_server(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    assert_true(world_run(&world, done_on_trial, 300));
    uint64_t start_ms = world.now_ms;
    struct godwit_net good = world.board.options.net;
    world.board.options.net.read = broken_read;
    assert_true(world_run(&world, done_left_trial, 7200));
    assert_in_range(world.now_ms - start_ms, 3599000, 3601000);
    world.board.options.net = good;
    assert_back(GODWIT_REASON_TRIAL_NO_CONTACT);
    end();
}

/* An outage of the server is no fault of the image. */
static void any_http_status_is_contact(void **state)
{
    (void)state;
    static const int statuses[] = {503, 401, 500, 404};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        begin(BEHAVIOUR_HEALTHY);
        assert_true(world_run(&world, done_on_trial, 300));
        world.peer.status = statuses[i];
        world_run(&world, NULL, 60);
        assert_int_not_equal(world_status(&world).state, GODWIT_TRIAL);
        world.peer.status = 0;
        assert_true(world_run(&world, done_confirmed, 900));
        assert_string_equal(world_status(&world).slot, "ota_1");
        end();
    }
}

static void a_failed_self_test_flies_back_at_once(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    world.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_IO;
    assert_true(world_run(&world, done_on_trial, 300));
    uint64_t start_ms = world.now_ms;
    assert_true(world_run(&world, done_left_trial, 60));
    assert_true(world.now_ms - start_ms < 1000);
    assert_back(GODWIT_REASON_TRIAL_SELF_TEST);
    end();
}

static void a_self_test_may_take_its_time_but_not_for_ever(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    world.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_true(world_run(&world, done_on_trial, 300));
    world_run(&world, NULL, 300);
    assert_int_equal(world_status(&world).state, GODWIT_TRIAL);
    self_test_says = GODWIT_OK;
    assert_true(world_run(&world, done_confirmed, 100));
    end();

    begin(BEHAVIOUR_HEALTHY);
    world.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_back(GODWIT_REASON_TRIAL_DEADLINE);
    end();
}

static void the_app_may_vouch_for_itself(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    world.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_true(world_run(&world, done_on_trial, 300));
    godwit_agent_confirm(&world.board.agent);
    assert_true(world_run(&world, done_confirmed, 100));
    end();
}

static void takes_no_update_while_on_trial(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    world.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_true(world_run(&world, done_on_trial, 300));
    struct file other = world_file("1.2.0", BEHAVIOUR_HEALTHY, 0);
    peer_offer(&world.peer, other.data, other.size, 6);
    uint32_t requests = world.peer.image_requests;
    world_run(&world, NULL, 500);
    assert_int_equal(world.peer.image_requests, requests);
    assert_true(world.peer.last.on_trial);
    assert_string_equal(world.peer.last.version, "1.1.0");
    assert_memory_equal(world.peer.last.image_sha256, file.data + IMAGE_SIZE - 4096 - 32, 32);
    free(other.data);
    end();
}

/* The old image no longer boots: better to stay and say so. */
static void stays_where_there_is_no_way_back(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    world.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_true(world_run(&world, done_on_trial, 300));
    const uint8_t zeros[64] = {0};
    const struct godwit_flash raw = flash_ram_port(&world.ram);
    uint32_t old = world.board.agent.slots.idle.offset;
    assert_int_equal(raw.write(raw.ctx, old + 0x8000, zeros, sizeof zeros), GODWIT_OK);
    world.ram.violations = 0;
    assert_true(world_run(&world, done_outcome, 3600));
    assert_int_equal(world.peer.outcome.stage, GODWIT_STAGE_TRIAL);
    assert_int_equal(world.peer.outcome.reason, GODWIT_REASON_TRIAL_DEADLINE);
    assert_string_equal(world_status(&world).slot, "ota_1");
    assert_int_equal(world.board.counters.boots, 2);
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
    assert_true(world_run(&world, done_on_trial, 300));
    struct godwit_flash good = world.flash;
    world.flash.erase = refuses_to_erase;
    world_run(&world, NULL, 300);
    assert_true(world_status(&world).on_trial);
    assert_int_equal(world_status(&world).last_reason, GODWIT_REASON_FLASH);
    world.flash = good;
    assert_true(world_run(&world, done_confirmed, 300));
    end();
}

/* Somebody else has chosen the other slot meanwhile: that entry is not ours to bless. */
static void blesses_only_its_own_entry(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    world.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_true(world_run(&world, done_on_trial, 300));
    const struct godwit_flash raw = flash_ram_port(&world.ram);
    uint32_t offset = world.board.agent.slots.otadata.offset;
    struct godwit_ota_entry other = {.seq = 3, .state = GODWIT_OTA_NEW, .crc = godwit_ota_crc(3)};
    uint8_t before[GODWIT_OTA_ENTRY_SIZE], after[GODWIT_OTA_ENTRY_SIZE];
    godwit_ota_entry_store(&other, before);
    assert_int_equal(flash_put(&raw, offset, before, sizeof before), GODWIT_OK);
    self_test_says = GODWIT_OK;
    world_run(&world, NULL, 30);
    assert_int_equal(raw.read(raw.ctx, offset, after, sizeof after), GODWIT_OK);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(world.peer.outcome.stage, GODWIT_STAGE_CONFIRMED); /* proven all the same */
    end();
}

/* A bootloader that does not watch: an image that crashes on trial comes up again by itself. */
static void leaves_a_crashing_image_also_without_a_watching_bootloader(void **state)
{
    (void)state;
    file = world_file("1.1.0", BEHAVIOUR_HEALTHY, 0);
    world_init(&world, world_key(0));
    world.options.bootloader.has_rollback = false;
    world_start(&world);
    peer_offer(&world.peer, file.data, file.size, 5);
    assert_true(world_run(&world, done_on_trial, 300));
    board_power_off(&world.board);
    board_power_on(&world.board, GODWIT_RESET_PANIC);
    assert_true(world_run(&world, done_back, 300));
    assert_int_equal(world.peer.outcome.reason, GODWIT_REASON_TRIAL_PANIC);
    end();
}

/* Every write of the fly-back is cut: it ends on the old image, with the reason or the power cut.
 */
static void flies_back_over_every_cut(void **state)
{
    (void)state;
    uint32_t operations = 0;
    file = world_file("1.1.0", BEHAVIOUR_NO_NETWORK, 0);
    for (uint32_t cut_at = 0; cut_at <= operations; cut_at++) {
        for (int kind = 0; kind < SAW_KINDS_COUNT; kind++) {
            struct saw saw;
            world_init(&world, world_key(0));
            struct godwit_flash ram = world.flash;
            saw_init(&saw, &ram);
            world.flash = saw_port(&saw);
            world_start(&world);
            peer_offer(&world.peer, file.data, file.size, 5);
            assert_true(world_run(&world, done_on_trial, 600));
            if (cut_at) saw.cut_at = saw.operations + cut_at;
            saw.kind = (enum saw_kind)kind;
            uint32_t before = saw.operations;
            while (!done_back(&world) && world.now_ms < 20000000) {
                if (saw.is_off) {
                    board_power_off(&world.board);
                    saw_power_on(&saw);
                    board_power_on(&world.board, GODWIT_RESET_POWER_ON);
                }
                uint64_t next_ms = board_step(&world.board, world.now_ms);
                assert_false(world.board.is_bricked);
                world.now_ms = next_ms > world.now_ms ? next_ms : world.now_ms;
            }
            assert_true(done_back(&world));
            assert_int_equal(world.peer.outcome.stage, GODWIT_STAGE_FLOWN_BACK);
            if (cut_at == 0) operations = saw.operations - before;
            world_end(&world);
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
        begin(BEHAVIOUR_HEALTHY);
        assert_true(world_run(&world, done_on_trial, 300));
        if (i) world.board.agent.config.health_s = healths_s[i]; /* 10 without a word */
        uint64_t start_ms = world.now_ms;
        assert_true(world_run(&world, done_left_trial, 900));
        assert_in_range(world.now_ms - start_ms, healths_s[i] * 1000 - 1,
                        healths_s[i] * 1000 + 2000);
        assert_true(world_run(&world, done_confirmed, 60));
        end();
    }
    /* never so long that the deadline passes first */
    struct godwit_agent *agent = calloc(1, sizeof *agent);
    struct godwit_agent_config config = {.health_s = UINT32_MAX};
    assert_non_null(agent);
    godwit_agent_init(agent, &config);
    assert_int_equal(agent->config.health_s, 300);
    free(agent);
}

/* A clock that is set is no time that the image had: no deadline passes, and no health is gained.
 */
static void a_leap_of_the_clock_ends_no_trial(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY);
    world.board.system.self_test = self_test;
    self_test_says = GODWIT_ERR_BUSY;
    assert_true(world_run(&world, done_on_trial, 300));
    for (int leaps = 0; leaps < 5; leaps++) {
        world.now_ms += 20u * 60 * 1000;
        world_run(&world, NULL, 5);
        assert_int_equal(world_status(&world).state, GODWIT_TRIAL);
    }
    world.now_ms -= 60u * 60 * 1000;
    world_run(&world, NULL, 100);
    assert_int_equal(world_status(&world).state, GODWIT_TRIAL);
    self_test_says = GODWIT_OK;
    assert_true(world_run(&world, done_confirmed, 100));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flies_back_without_a_link_after_ten_minutes),
        cmocka_unit_test(waits_an_hour_for_an_unreachable_server),
        cmocka_unit_test(any_http_status_is_contact),
        cmocka_unit_test(a_failed_self_test_flies_back_at_once),
        cmocka_unit_test(a_self_test_may_take_its_time_but_not_for_ever),
        cmocka_unit_test(the_app_may_vouch_for_itself),
        cmocka_unit_test(takes_no_update_while_on_trial),
        cmocka_unit_test(stays_where_there_is_no_way_back),
        cmocka_unit_test(a_refusing_flash_keeps_the_trial_open),
        cmocka_unit_test(blesses_only_its_own_entry),
        cmocka_unit_test(leaves_a_crashing_image_also_without_a_watching_bootloader),
        cmocka_unit_test(flies_back_over_every_cut),
        cmocka_unit_test(a_new_image_runs_for_a_while_first),
        cmocka_unit_test(a_leap_of_the_clock_ends_no_trial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
