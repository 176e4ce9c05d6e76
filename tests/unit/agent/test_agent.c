/* The whole table from outside: a device that joins, updates, proves itself and goes back. */
#include "case.h"
#include "fixture.h"

static void joins_and_rests(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_begin(&fixture);
    assert_true(fixture_run(&fixture, done_checked_in, 60));
    assert_int_equal(fixture.peer.claims, 1);
    assert_string_equal(fixture.peer.last.version, "1.0.0");
    assert_string_equal(fixture.peer.last.project, PEER_PRODUCT);
    assert_string_equal(fixture.peer.last.slot, "ota_0");
    assert_int_equal(fixture.peer.last.slot_size, SLOT_SIZE);
    assert_memory_equal(fixture.peer.last.image_sha256, fixture.first.data + IMAGE_SIZE - 4096 - 32,
                        32);
    assert_true(fixture_status(&fixture).enrolled);
    uint32_t checkins = fixture.peer.checkins;
    fixture_run(&fixture, NULL, 600);
    assert_in_range(fixture.peer.checkins - checkins, 9, 11); /* a tenth of jitter */
    assert_int_equal(fixture.peer.claims, 1);
    fixture_end(&fixture);
}

static void writes_nothing_while_idle(void **state)
{
    (void)state;
    struct fixture fixture;
    struct power_cut power_cut;
    fixture_init(&fixture, fixture_key(0));
    power_cut_init(&power_cut, &fixture.flash);
    struct godwit_flash counted = power_cut_port(&power_cut);
    fixture.options.flash = &counted;
    fixture_start(&fixture);
    assert_true(fixture_run(&fixture, done_checked_in, 60));
    uint32_t operations = power_cut.operations;
    fixture_run(&fixture, NULL, 3600);
    assert_int_equal(power_cut.operations, operations);
    fixture_end(&fixture);
}

static void updates_and_confirms(void **state)
{
    (void)state;
    struct fixture fixture;
    struct file file = fixture_file("1.1.0", BEHAVIOUR_HEALTHY, 0);
    fixture_begin(&fixture);
    peer_offer(&fixture.peer, file.data, file.size, 5);
    assert_true(fixture_run(&fixture, done_confirmed, 600));
    assert_int_equal(fixture.peer.outcomes, 1);
    assert_int_equal(fixture.peer.outcome.stage, GODWIT_STAGE_CONFIRMED);
    assert_int_equal(fixture.peer.outcome.reason, GODWIT_REASON_NONE);
    assert_int_equal(fixture.peer.outcome.rollout_id, 5);
    assert_memory_equal(fixture.peer.outcome.file_sha256, fixture.peer.file_sha256, 32);
    assert_memory_equal(fixture.peer.last.file_sha256, fixture.peer.file_sha256, 32);
    assert_string_equal(fixture.peer.last.version, "1.1.0");
    assert_string_equal(fixture.peer.last.slot, "ota_1");
    assert_int_equal(fixture.peer.image_requests, 1);
    assert_int_equal(fixture.board.counters.boots, 2);
    /* the outcome was acknowledged and is said no more */
    fixture_run(&fixture, NULL, 200);
    assert_int_equal(fixture.peer.outcomes, 1);
    assert_int_equal(fixture.peer.last.outcome.id, 0);
    /* it keeps running over any reset: the entry is VALID */
    fixture_power_cycle(&fixture);
    fixture_run(&fixture, NULL, 100);
    assert_string_equal(fixture.peer.last.version, "1.1.0");
    free(file.data);
    fixture_end(&fixture);
}

static void goes_there_and_back_without_a_second_download(void **state)
{
    (void)state;
    struct fixture fixture;
    struct file file = fixture_file("1.1.0", BEHAVIOUR_HEALTHY, 0);
    struct file third = fixture_file("1.2.0", BEHAVIOUR_HEALTHY, 0);
    fixture_begin(&fixture);
    peer_offer(&fixture.peer, file.data, file.size, 1);
    assert_true(fixture_run(&fixture, done_confirmed, 600));
    peer_offer(&fixture.peer, third.data, third.size, 2);
    assert_true(fixture_run(&fixture, done_confirmed, 600));
    assert_int_equal(fixture.peer.image_requests, 2);
    peer_offer(&fixture.peer, file.data, file.size, 3); /* what the other slot still holds */
    assert_true(fixture_run(&fixture, done_confirmed, 600));
    assert_string_equal(fixture.peer.last.version, "1.1.0");
    assert_int_equal(fixture.peer.image_requests, 2);
    free(file.data);
    free(third.data);
    fixture_end(&fixture);
}

static void works_without_rollback_in_the_bootloader(void **state)
{
    (void)state;
    struct fixture fixture;
    struct file file = fixture_file("1.1.0", BEHAVIOUR_HEALTHY, 0);
    fixture_init(&fixture, fixture_key(0));
    fixture.options.bootloader.has_rollback = false;
    fixture_start(&fixture);
    peer_offer(&fixture.peer, file.data, file.size, 5);
    assert_true(fixture_run(&fixture, done_confirmed, 600));
    assert_int_equal(fixture.peer.outcome.stage, GODWIT_STAGE_CONFIRMED);
    free(file.data);
    fixture_end(&fixture);
}

static void works_with_every_write_unit(void **state)
{
    (void)state;
    static const uint32_t units[] = {4, 16, 32};
    struct pack_options options = fixture_pack("1.1.0");
    options.size = 70000; /* neither a sector nor a unit: the last write is padded */
    struct file file = fixture_image(&options);
    for (size_t i = 0; i < 3; i++) {
        struct fixture fixture;
        fixture_init(&fixture, NULL); /* an open product takes it unsigned */
        flash_ram_deinit(&fixture.ram);
        assert_int_equal(flash_ram_init(&fixture.ram, FLASH_SIZE, units[i], NULL), GODWIT_OK);
        fixture.flash = flash_ram_port(&fixture.ram);
        const struct board_layout layout = {.slot_size = SLOT_SIZE, .has_factory = true};
        assert_int_equal(board_provision(&fixture.flash, options.chip, &layout, fixture.first.data,
                                         fixture.first.size),
                         GODWIT_OK);
        fixture_start(&fixture);
        peer_offer(&fixture.peer, file.data, file.size, 5);
        assert_true(fixture_run(&fixture, done_confirmed, 600));
        assert_string_equal(fixture.peer.last.slot, "ota_0"); /* from factory into the first */
        fixture_end(&fixture);
    }
    free(file.data);
}

static void keeps_a_tight_rein_on_a_server_that_offers_a_bad_file_for_ever(void **state)
{
    (void)state;
    struct fixture fixture;
    struct pack_options options = fixture_pack("1.1.0");
    struct file file = fixture_sign(fixture_image(&options), 1); /* a key that is not trusted */
    fixture_begin(&fixture);
    fixture.peer.offers_always = true;
    peer_offer(&fixture.peer, file.data, file.size, 5);
    fixture_run(&fixture, NULL, 3600);
    assert_int_equal(fixture.peer.image_requests, GODWIT_ATTEMPTS_MAX);
    assert_int_equal(fixture.peer.outcome.reason, GODWIT_REASON_QUARANTINED);
    assert_in_range(fixture.peer.checkins, 10, 100); /* back-off grows to five minutes */
    free(file.data);
    fixture_end(&fixture);
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
    struct fixture fixture;
    fixture_begin(&fixture);
    assert_true(fixture_run(&fixture, done_checked_in, 60));
    uint32_t checkins = fixture.peer.checkins;
    godwit_agent_wake(&fixture.board.agent);
    fixture_run(&fixture, NULL, 1);
    assert_int_equal(fixture.peer.checkins, checkins + 1);
    fixture_end(&fixture);
}

/* The clock is set back at each step, or forward by days: it asks its server all the same, no more
 * often than it should. */
static void leaps_of_the_clock_do_not_stop_it(void **state)
{
    static const int64_t leaps_ms[] = {-100000, 3 * 86400000ll};
    (void)state;
    for (size_t i = 0; i < sizeof leaps_ms / sizeof *leaps_ms; i++) {
        CASE(i);
        struct fixture fixture;
        fixture_begin(&fixture);
        assert_true(fixture_run(&fixture, done_checked_in, 60));
        fixture.now_ms += 100 * 100000;
        uint64_t lived_ms = 0;
        uint32_t checkins = fixture.peer.checkins;
        while (lived_ms < 3600000) {
            uint64_t next_ms = board_step(&fixture.board, fixture.now_ms);
            uint64_t passed_ms = next_ms > fixture.now_ms ? next_ms - fixture.now_ms : 0;
            lived_ms += passed_ms;
            fixture.now_ms += passed_ms;
            if (passed_ms > 1000) fixture.now_ms += (uint64_t)leaps_ms[i];
        }
        assert_in_range(fixture.peer.checkins - checkins, 50, 70);
        fixture_end(&fixture);
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
