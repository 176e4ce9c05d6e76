/* Where a boot finds itself: every kind of fly-back, and every place where power can be lost
 * between the choice and the proof. */
#include "world.h"

static bool done_on_first_again(const struct world *world)
{
    return world->peer.outcomes > 0 && !strcmp(world->peer.last.version, "1.0.0");
}

static struct world world;
static struct file file;

static void begin(enum behaviour_kind kind, uint32_t delay_s)
{
    file = world_file("1.1.0", kind, delay_s);
    world_begin(&world);
    peer_offer(&world.peer, file.data, file.size, 5);
}

static void end(void)
{
    free(file.data);
    world_end(&world);
}

static void assert_flown_back(enum godwit_reason reason)
{
    assert_int_equal(world.peer.outcome.stage, GODWIT_STAGE_FLOWN_BACK);
    assert_string_equal(godwit_reason_id(world.peer.outcome.reason), godwit_reason_id(reason));
    assert_int_equal(world.peer.outcome.rollout_id, 5);
    assert_memory_equal(world.peer.outcome.file_sha256, world.peer.file_sha256, 32);
    assert_string_equal(world.peer.last.version, "1.0.0");
    world_run(&world, NULL, 600);
    assert_int_equal(world.peer.outcomes, 1); /* said once, and never tried again by itself */
}

static uint32_t second_slot(void)
{
    const struct godwit_flash raw = flash_ram_port(&world.ram);
    struct godwit_partition slot;
    uint8_t table[GODWIT_PTABLE_SIZE];
    assert_int_equal(raw.read(raw.ctx, GODWIT_PTABLE_OFFSET, table, sizeof table), GODWIT_OK);
    assert_int_equal(godwit_ptable_find(table, GODWIT_PTYPE_APP, GODWIT_APP_OTA_0 + 1, NULL, &slot),
                     GODWIT_OK);
    return slot.offset;
}

static void tells_a_crash(void **state)
{
    (void)state;
    begin(BEHAVIOUR_CRASH_AT_BOOT, 0);
    assert_true(world_run(&world, done_on_first_again, 900));
    assert_flown_back(GODWIT_REASON_TRIAL_PANIC);
    end();
}

static void tells_a_hang(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HANG, 0);
    assert_true(world_run(&world, done_on_first_again, 900));
    assert_flown_back(GODWIT_REASON_TRIAL_WATCHDOG);
    end();
}

static void a_trial_cut_by_power_is_tried_again_without_a_download(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    assert_true(world_run(&world, done_on_trial, 300));
    world_power_cycle(&world);
    assert_true(world_run(&world, done_confirmed, 600));
    assert_int_equal(world.peer.outcomes, 1);
    assert_int_equal(world.peer.image_requests, 1);
    assert_int_equal(world.peer.outcome.stage, GODWIT_STAGE_CONFIRMED);
    end();
}

static void tells_a_reset_of_its_own(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    assert_true(world_run(&world, done_on_trial, 300));
    board_power_off(&world.board);
    board_power_on(&world.board, GODWIT_RESET_SOFTWARE);
    assert_true(world_run(&world, done_on_first_again, 300));
    assert_flown_back(GODWIT_REASON_TRIAL_RESET);
    end();
}

/* The bootloader refuses what the agent selected: the slot breaks after the agent's last look. */
static void tells_an_image_that_was_never_booted(void **state)
{
    (void)state;
    for (int rollback = 0; rollback < 2; rollback++) {
        file = world_file("1.1.0", BEHAVIOUR_HEALTHY, 0);
        world_init(&world, world_key(0));
        world.options.bootloader.has_rollback = rollback;
        world_start(&world);
        peer_offer(&world.peer, file.data, file.size, 5);
        assert_true(world_run(&world, done_verifying, 300));
        while (world.board.counters.restarts == 0)
            world.now_ms = board_step(&world.board, world.now_ms);
        uint32_t at = rollback ? 0x12000 : 0x12000;
        (void)at;
        uint8_t zeros[64] = {0}; /* the slot's image breaks behind the agent's back */
        const struct godwit_flash raw = flash_ram_port(&world.ram);
        struct godwit_partition slot;
        uint8_t table[GODWIT_PTABLE_SIZE];
        assert_int_equal(raw.read(raw.ctx, GODWIT_PTABLE_OFFSET, table, sizeof table), GODWIT_OK);
        assert_int_equal(
            godwit_ptable_find(table, GODWIT_PTYPE_APP, GODWIT_APP_OTA_0 + 1, NULL, &slot),
            GODWIT_OK);
        assert_int_equal(raw.write(raw.ctx, slot.offset + 0x8000, zeros, sizeof zeros), GODWIT_OK);
        world.ram.violations = 0;
        assert_true(world_run(&world, done_on_first_again, 300));
        assert_flown_back(GODWIT_REASON_TRIAL_NOT_BOOTED);
        end();
    }
}

/* Each write and erase from the offer to the confirmation is cut, before, torn and after: the
 * device ends on the new image, and only ever boots one of the two. */
static void survives_a_cut_anywhere(void **state)
{
    (void)state;
    uint32_t cases = 0, operations = 0;
    file = world_file("1.1.0", BEHAVIOUR_HEALTHY, 0);
    for (uint32_t cut_at = 0; cut_at <= operations; cut_at++) {
        for (int kind = 0; kind < SAW_KINDS_COUNT; kind++, cases++) {
            struct saw saw;
            world_init(&world, world_key(0));
            saw_init(&saw, &world.flash);
            struct godwit_flash port = saw_port(&saw);
            world.options.flash = &port;
            world_start(&world);
            peer_offer(&world.peer, file.data, file.size, 5);
            saw.cut_at = cut_at;
            saw.kind = (enum saw_kind)kind;
            uint32_t boots = 0;
            while (!done_confirmed(&world) && world.now_ms < 3600000) {
                if (saw.is_off) {
                    board_power_off(&world.board);
                    saw_power_on(&saw);
                    board_power_on(&world.board, GODWIT_RESET_POWER_ON);
                }
                uint64_t next_ms = board_step(&world.board, world.now_ms);
                assert_false(world.board.is_bricked);
                world.now_ms = next_ms > world.now_ms ? next_ms : world.now_ms;
                boots = world.board.counters.boots;
            }
            assert_true(done_confirmed(&world));
            assert_in_range(boots, 2, 6);
            if (cut_at == 0) operations = saw.operations;
            world_run(&world, NULL, 200);
            assert_string_equal(world.peer.last.slot, "ota_1");
            assert_int_equal(world.peer.outcome.stage, GODWIT_STAGE_CONFIRMED);
            world_end(&world);
            if (cut_at == 0) break;
        }
    }
    free(file.data);
    assert_true(operations > 30);
    print_message("%u operations, %u cases\n", operations, cases);
}

/* A saw round the device's flash; runs up to the switch. */
static void begin_before_switch(struct saw *saw, struct godwit_flash *port)
{
    file = world_file("1.1.0", BEHAVIOUR_HEALTHY, 0);
    world_init(&world, world_key(0));
    saw_init(saw, &world.flash);
    *port = saw_port(saw);
    world.options.flash = port;
    world_start(&world);
    peer_offer(&world.peer, file.data, file.size, 5);
    assert_true(world_run(&world, done_verifying, 300));
    while (world_status(&world).state != GODWIT_SWITCH)
        world.now_ms = board_step(&world.board, world.now_ms);
}

static void cut_and_power_on(struct saw *saw, uint32_t operation, enum saw_kind kind)
{
    saw->cut_at = saw->operations + operation;
    saw->kind = kind;
    while (!saw->is_off) {
        uint64_t next_ms = board_step(&world.board, world.now_ms);
        world.now_ms = next_ms > world.now_ms ? next_ms : world.now_ms;
    }
    board_power_off(&world.board);
    saw_power_on(saw);
    board_power_on(&world.board, GODWIT_RESET_POWER_ON);
}

/* Record: erase, write, seal; otadata: erase, write, write the CRC. Whichever is cut: if the new
 * image comes up, it knows that it is on trial. */
static void knows_of_a_trial_whatever_is_cut_at_the_switch(void **state)
{
    (void)state;
    uint32_t trials = 0;
    for (uint32_t operation = 1; operation <= 6; operation++) {
        for (int kind = 0; kind < SAW_KINDS_COUNT; kind++) {
            struct saw saw;
            struct godwit_flash port;
            begin_before_switch(&saw, &port);
            cut_and_power_on(&saw, operation, (enum saw_kind)kind);
            while (world_status(&world).state == GODWIT_BOOT)
                world.now_ms = board_step(&world.board, world.now_ms);
            bool runs_new = !strcmp(world_status(&world).slot, "ota_1");
            assert_int_equal(world_status(&world).on_trial, runs_new);
            trials += runs_new;
            end();
        }
    }
    /* Only the last write makes one: finished, or torn and yet complete. */
    assert_in_range(trials, 1, SAW_KINDS_COUNT - 1);
}

/* Cut after the record says "selected" and before otadata does: nothing failed, so nothing is
 * reported, and the verified slot is switched to without a second download. */
static void a_choice_that_never_reached_otadata_is_no_failure(void **state)
{
    (void)state;
    struct saw saw;
    struct godwit_flash port;
    begin_before_switch(&saw, &port);
    cut_and_power_on(&saw, 2, SAW_AFTER);
    world.peer.outcomes = 0;
    assert_true(world_run(&world, done_confirmed, 600));
    assert_int_equal(world.peer.outcomes, 1);
    assert_int_equal(world.peer.outcome.stage, GODWIT_STAGE_CONFIRMED);
    assert_int_equal(world.peer.image_requests, 1);
    end();
}

/* Confirming is a mark in the record, then the entry's erase and write. Power is lost behind each:
 * the new image comes back, with no server to ask and no second download. */
static void goes_back_to_what_was_confirmed_without_asking(void **state)
{
    (void)state;
    for (uint32_t operation = 1; operation <= 3; operation++) {
        begin(BEHAVIOUR_HEALTHY, 0);
        struct saw saw;
        struct godwit_flash ram = flash_ram_port(&world.ram);
        saw_init(&saw, &ram);
        world.flash = saw_port(&saw); /* the board reads its flash through this very struct */
        assert_true(world_run(&world, done_on_trial, 300));
        world.peer.status = 503; /* contact, but nothing that could be obeyed */
        cut_and_power_on(&saw, operation, SAW_AFTER);
        world.peer.status = 0;
        world.peer.is_silent = true;
        world_run(&world, NULL, 30);
        assert_string_equal(world_status(&world).slot, "ota_1");
        assert_false(world_status(&world).on_trial);
        world.peer.is_silent = false;
        assert_true(world_run(&world, done_outcome, 600));
        assert_int_equal(world.peer.outcome.stage, GODWIT_STAGE_CONFIRMED);
        assert_int_equal(world.peer.image_requests, 1);
        end();
    }
}

static void a_lost_record_is_made_anew_and_reported(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    assert_true(world_run(&world, done_confirmed, 600));
    uint8_t zeros[8] = {0};
    const struct godwit_flash raw = flash_ram_port(&world.ram);
    uint32_t record = world.board.agent.slots.record.offset;
    assert_int_equal(raw.write(raw.ctx, record, zeros, 8), GODWIT_OK);
    assert_int_equal(raw.write(raw.ctx, record + 4096, zeros, 8), GODWIT_OK);
    world.ram.violations = 0;
    world_power_cycle(&world);
    world_run(&world, NULL, 100);
    /* another token now: a person must accept it, so nothing was heard of it yet */
    assert_false(world_status(&world).enrolled);
    assert_int_equal(world_status(&world).last_reason, GODWIT_REASON_RECORD_LOST);
    assert_int_equal(world.board.agent.record.outcome_reason, GODWIT_REASON_RECORD_LOST);
    end();
}

static void an_image_flashed_by_cable_is_just_what_runs(void **state)
{
    (void)state;
    begin(BEHAVIOUR_HEALTHY, 0);
    assert_true(world_run(&world, done_confirmed, 600));
    world_run(&world, NULL, 100);
    board_power_off(&world.board);
    world.peer.file = NULL;
    struct file cable = world_file("3.0.0", BEHAVIOUR_HEALTHY, 0);
    const struct godwit_flash raw = flash_ram_port(&world.ram);
    assert_int_equal(flash_put(&raw, second_slot(), cable.data, cable.size), GODWIT_OK);
    board_power_on(&world.board, GODWIT_RESET_POWER_ON);
    uint32_t checkins = world.peer.checkins;
    world_run(&world, NULL, 100);
    assert_true(world.peer.checkins > checkins);
    assert_string_equal(world.peer.last.version, "3.0.0");
    assert_true(godwit_all(world.peer.last.file_sha256, 32, 0)); /* its file is not known */
    assert_int_equal(world.peer.outcomes, 1);
    free(cable.data);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_a_crash),
        cmocka_unit_test(tells_a_hang),
        cmocka_unit_test(a_trial_cut_by_power_is_tried_again_without_a_download),
        cmocka_unit_test(tells_a_reset_of_its_own),
        cmocka_unit_test(tells_an_image_that_was_never_booted),
        cmocka_unit_test(knows_of_a_trial_whatever_is_cut_at_the_switch),
        cmocka_unit_test(a_choice_that_never_reached_otadata_is_no_failure),
        cmocka_unit_test(goes_back_to_what_was_confirmed_without_asking),
        cmocka_unit_test(a_lost_record_is_made_anew_and_reported),
        cmocka_unit_test(an_image_flashed_by_cable_is_just_what_runs),
        cmocka_unit_test(survives_a_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
