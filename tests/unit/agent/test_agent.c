/* The whole table from outside: a device that joins, updates, proves itself and goes back. */
#include "world.h"

static void joins_and_rests(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world);
    assert_true(world_run(&world, done_checked_in, 60));
    assert_int_equal(world.peer.claims, 1);
    assert_string_equal(world.peer.last.version, "1.0.0");
    assert_string_equal(world.peer.last.project, PEER_PRODUCT);
    assert_string_equal(world.peer.last.slot, "ota_0");
    assert_int_equal(world.peer.last.slot_size, SLOT_SIZE);
    assert_memory_equal(world.peer.last.image_sha256, world.first.data + IMAGE_SIZE - 4096 - 32,
                        32);
    assert_true(world_status(&world).enrolled);
    uint32_t checkins = world.peer.checkins;
    world_run(&world, NULL, 600);
    assert_in_range(world.peer.checkins - checkins, 9, 11); /* a tenth of jitter */
    assert_int_equal(world.peer.claims, 1);
    world_end(&world);
}

static void writes_nothing_while_idle(void **state)
{
    (void)state;
    struct world world;
    struct saw saw;
    world_init(&world, world_key(0));
    saw_init(&saw, &world.flash);
    struct godwit_flash counted = saw_port(&saw);
    world.options.flash = &counted;
    world_start(&world);
    assert_true(world_run(&world, done_checked_in, 60));
    uint32_t operations = saw.operations;
    world_run(&world, NULL, 3600);
    assert_int_equal(saw.operations, operations);
    world_end(&world);
}

static void updates_and_confirms(void **state)
{
    (void)state;
    struct world world;
    struct file file = world_file("1.1.0", BEHAVIOUR_HEALTHY, 0);
    world_begin(&world);
    peer_offer(&world.peer, file.data, file.size, 5);
    assert_true(world_run(&world, done_confirmed, 600));
    assert_int_equal(world.peer.outcomes, 1);
    assert_int_equal(world.peer.outcome.stage, GODWIT_STAGE_CONFIRMED);
    assert_int_equal(world.peer.outcome.reason, GODWIT_REASON_NONE);
    assert_int_equal(world.peer.outcome.rollout_id, 5);
    assert_memory_equal(world.peer.outcome.file_sha256, world.peer.file_sha256, 32);
    assert_memory_equal(world.peer.last.file_sha256, world.peer.file_sha256, 32);
    assert_string_equal(world.peer.last.version, "1.1.0");
    assert_string_equal(world.peer.last.slot, "ota_1");
    assert_int_equal(world.peer.image_requests, 1);
    assert_int_equal(world.board.counters.boots, 2);
    /* the outcome was acknowledged and is said no more */
    world_run(&world, NULL, 200);
    assert_int_equal(world.peer.outcomes, 1);
    assert_int_equal(world.peer.last.outcome.id, 0);
    /* it keeps running over any reset: the entry is VALID */
    world_power_cycle(&world);
    world_run(&world, NULL, 100);
    assert_string_equal(world.peer.last.version, "1.1.0");
    free(file.data);
    world_end(&world);
}

static void goes_there_and_back_without_a_second_download(void **state)
{
    (void)state;
    struct world world;
    struct file file = world_file("1.1.0", BEHAVIOUR_HEALTHY, 0);
    struct file third = world_file("1.2.0", BEHAVIOUR_HEALTHY, 0);
    world_begin(&world);
    peer_offer(&world.peer, file.data, file.size, 1);
    assert_true(world_run(&world, done_confirmed, 600));
    peer_offer(&world.peer, third.data, third.size, 2);
    assert_true(world_run(&world, done_confirmed, 600));
    assert_int_equal(world.peer.image_requests, 2);
    peer_offer(&world.peer, file.data, file.size, 3); /* what the other slot still holds */
    assert_true(world_run(&world, done_confirmed, 600));
    assert_string_equal(world.peer.last.version, "1.1.0");
    assert_int_equal(world.peer.image_requests, 2);
    free(file.data);
    free(third.data);
    world_end(&world);
}

static void works_without_rollback_in_the_bootloader(void **state)
{
    (void)state;
    struct world world;
    struct file file = world_file("1.1.0", BEHAVIOUR_HEALTHY, 0);
    world_init(&world, world_key(0));
    world.options.bootloader.has_rollback = false;
    world_start(&world);
    peer_offer(&world.peer, file.data, file.size, 5);
    assert_true(world_run(&world, done_confirmed, 600));
    assert_int_equal(world.peer.outcome.stage, GODWIT_STAGE_CONFIRMED);
    free(file.data);
    world_end(&world);
}

static void works_with_every_write_unit(void **state)
{
    (void)state;
    static const uint32_t units[] = {4, 16, 32};
    struct pack_options options = world_pack("1.1.0");
    options.size = 70000; /* neither a sector nor a unit: the last write is padded */
    struct file file = world_image(&options);
    for (size_t i = 0; i < 3; i++) {
        struct world world;
        world_init(&world, NULL); /* an open product takes it unsigned */
        flash_ram_deinit(&world.ram);
        assert_int_equal(flash_ram_init(&world.ram, FLASH_SIZE, units[i], NULL), GODWIT_OK);
        world.flash = flash_ram_port(&world.ram);
        const struct board_layout layout = {.slot_size = SLOT_SIZE, .has_factory = true};
        assert_int_equal(board_provision(&world.flash, options.chip, &layout, world.first.data,
                                         world.first.size),
                         GODWIT_OK);
        world_start(&world);
        peer_offer(&world.peer, file.data, file.size, 5);
        assert_true(world_run(&world, done_confirmed, 600));
        assert_string_equal(world.peer.last.slot, "ota_0"); /* from factory into the first */
        world_end(&world);
    }
    free(file.data);
}

static void keeps_a_tight_rein_on_a_server_that_offers_a_bad_file_for_ever(void **state)
{
    (void)state;
    struct world world;
    struct pack_options options = world_pack("1.1.0");
    struct file file = world_sign(world_image(&options), 1); /* a key that is not trusted */
    world_begin(&world);
    world.peer.offers_always = true;
    peer_offer(&world.peer, file.data, file.size, 5);
    world_run(&world, NULL, 3600);
    assert_int_equal(world.peer.image_requests, GODWIT_ATTEMPTS_MAX);
    assert_int_equal(world.peer.outcome.reason, GODWIT_REASON_SET_ASIDE);
    assert_in_range(world.peer.checkins, 10, 100); /* back-off grows to five minutes */
    free(file.data);
    world_end(&world);
}

static void names_its_states(void **state)
{
    (void)state;
    assert_string_equal(godwit_state_name(GODWIT_BOOT), "boot");
    assert_string_equal(godwit_state_name(GODWIT_REPORT), "report");
    assert_string_equal(godwit_state_name(GODWIT_STATE_COUNT), "?");
}

static void a_nudge_asks_at_once(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world);
    assert_true(world_run(&world, done_checked_in, 60));
    uint32_t checkins = world.peer.checkins;
    godwit_agent_nudge(&world.board.agent);
    world_run(&world, NULL, 1);
    assert_int_equal(world.peer.checkins, checkins + 1);
    world_end(&world);
}

/* The clock is set back at each step, or forward by days: it asks its server all the same, no more
 * often than it should. */
static void leaps_of_the_clock_do_not_stop_it(void **state)
{
    static const int64_t leaps_ms[] = {-100000, 3 * 86400000ll};
    (void)state;
    for (size_t i = 0; i < sizeof leaps_ms / sizeof *leaps_ms; i++) {
        struct world world;
        world_begin(&world);
        assert_true(world_run(&world, done_checked_in, 60));
        world.now_ms += 100 * 100000;
        uint64_t lived_ms = 0;
        uint32_t checkins = world.peer.checkins;
        while (lived_ms < 3600000) {
            uint64_t next_ms = board_step(&world.board, world.now_ms);
            uint64_t passed_ms = next_ms > world.now_ms ? next_ms - world.now_ms : 0;
            lived_ms += passed_ms;
            world.now_ms += passed_ms;
            if (passed_ms > 1000) world.now_ms += (uint64_t)leaps_ms[i];
        }
        assert_in_range(world.peer.checkins - checkins, 50, 70);
        world_end(&world);
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
        cmocka_unit_test(a_nudge_asks_at_once),
        cmocka_unit_test(leaps_of_the_clock_do_not_stop_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
