/* Strata: what fails on devices of one board alone stops there, on a real database. */
#include "fleet/strata.h"

#include <math.h>

#include "case.h"
#include "fixture.h"
#include "fleet/prune.h"
#include "fleet/strata_rows.h"
#include "fleet/why.h"

enum { OLD = 1, NEXT = 2, OTHER = 3, DEVICES = 40 };

/* Every fourth has board 7. */
static uint32_t board_of(uint8_t n)
{
    return n % 4 == 0 ? 7 : 3;
}

static struct godwit_checkin said(uint8_t n, uint8_t image)
{
    struct godwit_checkin checkin = checkin_of(n, image);
    checkin.hardware_revision = board_of(n);
    return checkin;
}

static enum decision_reason say(struct fixture *fixture, uint8_t n)
{
    const struct godwit_checkin checkin = said(n, OLD);
    return fixture_checkin(fixture, &checkin).reason;
}

static enum decision_reason fail_trial(struct fixture *fixture, uint8_t n, uint32_t rollout)
{
    struct godwit_checkin checkin = said(n, OLD);
    checkin.outcome = outcome_panicked(1, rollout, NEXT);
    return fixture_checkin(fixture, &checkin).reason;
}

static void confirm(struct fixture *fixture, uint8_t n)
{
    struct godwit_checkin checkin = said(n, NEXT);
    snprintf(checkin.version, sizeof checkin.version, "2.0.0");
    assert_int_equal(fixture_checkin(fixture, &checkin).reason, DECISION_UP_TO_DATE);
}

static struct rollout *begin(struct fixture *fixture)
{
    const struct upload uploads[] = {upload_of("1.0.0", OLD), upload_of("2.0.0", NEXT)};
    for (size_t i = 0; i < sizeof uploads / sizeof *uploads; i++)
        assert_int_equal(fixture_upload(fixture, &uploads[i]), UPLOAD_ADDED);
    fixture_join(fixture, DEVICES, OLD);
    for (uint8_t n = 1; n <= DEVICES; n++)
        say(fixture, n);
    return fixture_deploy(fixture, "2.0.0", NULL, 0);
}

static struct stratum *find(struct rollout *rollout, enum stratum_kind kind, uint32_t value)
{
    struct stratum *stratum = strata_find(&rollout->strata, kind, value);
    assert_non_null(stratum);
    return stratum;
}

/* Offers it to the next of them until `count` of board 7 have failed; those of board 3 confirm. */
static uint8_t fail_board(struct fixture *fixture, uint32_t rollout, int count)
{
    for (uint8_t n = 1; n <= DEVICES; n++) {
        if (say(fixture, n) != DECISION_OFFERED) continue;
        if (board_of(n) == 3)
            confirm(fixture, n);
        else if (fail_trial(fixture, n, rollout) == DECISION_FAILED_BEFORE && --count == 0)
            return n;
    }
    return 0;
}

static void one_board_stops_and_the_others_go_on(void **state)
{
    struct fixture *fixture = *state;
    struct finish halt;
    char devices[STRATUM_TEXT_MAX];
    struct rollout *rollout = begin(fixture);
    uint32_t id = rollout->id;
    assert_int_equal(fail_board(fixture, id, 4), 16);
    fixture_restart(fixture);
    rollout = rollout_find(&fixture->fleet.catalogue, id);
    assert_int_equal(find(rollout, STRATUM_HARDWARE, 7)->offered, 4);
    assert_int_equal(find(rollout, STRATUM_HARDWARE, 7)->failed.count, 4);
    assert_int_equal(find(rollout, STRATUM_HARDWARE, 3)->offered, 12);
    assert_int_equal(find(rollout, STRATUM_CHIP, CHIP)->failed.count, 4);
    assert_int_equal(strata_take_halt(fixture->db, &fixture->fleet.catalogue, &halt, devices),
                     GODWIT_ERR_MISSING);
    assert_int_equal(say(fixture, 20), DECISION_OFFERED);
    assert_int_equal(say(fixture, 24), DECISION_OFFERED);
    assert_int_equal(fail_trial(fixture, 20, id), DECISION_FAILED_BEFORE);
    assert_int_equal(rollout->state, ROLLOUT_RUNNING);
    for (int round = 0; round < 2; round++) { /* also after a restart */
        assert_int_not_equal(find(rollout, STRATUM_HARDWARE, 7)->halted_s, 0);
        assert_int_equal(find(rollout, STRATUM_CHIP, CHIP)->failed.count, 0);
        assert_int_equal(find(rollout, STRATUM_CHIP, CHIP)->halted_s, 0);
        assert_int_equal(rollout->brake.count, 0);
        assert_int_equal(rollout->doubt.count, 0);
        assert_int_equal(say(fixture, 24), DECISION_STRATUM); /* withdrawn */
        assert_int_equal(say(fixture, 28), DECISION_STRATUM);
        assert_int_equal(say(fixture, 21), DECISION_OFFERED);
        fixture_restart(fixture);
        rollout = rollout_find(&fixture->fleet.catalogue, id);
    }
    assert_int_equal(fixture_count(fixture, "select count(*) from events where kind = 21"), 1);
    assert_int_equal(strata_take_halt(fixture->db, &fixture->fleet.catalogue, &halt, devices),
                     GODWIT_OK);
    assert_int_equal(halt.rollout, id);
    assert_int_equal(halt.selected, 6);
    assert_int_equal(halt.failed, 5);
    assert_string_equal(devices, "hardware revision 7");
    assert_int_equal(strata_take_halt(fixture->db, &fixture->fleet.catalogue, &halt, devices),
                     GODWIT_ERR_MISSING);
    for (uint8_t n = 21; n < 24; n++) { /* nothing of the board weighs on the others */
        say(fixture, n);
        confirm(fixture, n);
    }
    assert_int_equal(rollout->succeeded_count, 15);
}

/* One of them that was on its trial then counts where it belongs, and one that comes good as well.
 */
static void a_halted_board_keeps_its_failures_to_itself(void **state)
{
    struct fixture *fixture = *state;
    struct rollout *rollout = begin(fixture);
    uint32_t id = rollout->id;
    fail_board(fixture, id, 4);
    for (uint8_t n = 20; n <= 28; n += 4)
        assert_int_equal(say(fixture, n), DECISION_OFFERED);
    fail_trial(fixture, 20, id);
    fail_trial(fixture, 24, id);
    const struct stratum *board = find(rollout, STRATUM_HARDWARE, 7);
    assert_int_equal(board->failed.count, 6);
    assert_int_equal(rollout->brake.count, 0);
    assert_int_equal(rollout->failed_count, 6);
    fixture_restart(fixture);
    rollout = rollout_find(&fixture->fleet.catalogue, id);
    assert_int_equal(find(rollout, STRATUM_HARDWARE, 7)->failed.count, 6);
    assert_int_equal(rollout->brake.count, 0);
    confirm(fixture, 24);
    assert_int_equal(find(rollout, STRATUM_HARDWARE, 7)->failed.count, 5);
}

/* Where all fail alike nothing stands apart: the rollout halts as a whole. */
static void a_release_that_fails_everywhere_halts_whole(void **state)
{
    struct fixture *fixture = *state;
    struct rollout *rollout = begin(fixture);
    uint32_t id = rollout->id;
    for (uint8_t n = 1; n <= 10; n++)
        assert_int_equal(say(fixture, n), DECISION_OFFERED);
    for (uint8_t n = 1; n <= 5; n++)
        fail_trial(fixture, n, id);
    assert_int_equal(rollout->state, ROLLOUT_HALTED);
    assert_int_equal(rollout->strata.closed_count, 0);
}

static void overdue_devices_of_one_board_hold_up_that_alone(void **state)
{
    struct fixture *fixture = *state;
    struct rollout *rollout = begin(fixture);
    fixture->fleet.listened_s = fixture->fleet.listening_s = NOW_S;
    for (uint8_t n = 1; n <= 20; n++) {
        if (say(fixture, n) != DECISION_OFFERED) continue;
        if (board_of(n) == 3) confirm(fixture, n);
    }
    assert_int_equal(rollout->in_progress_count, 5);
    for (uint8_t n = 4; n <= 20; n += 4) { /* they have verified it, and may switch */
        struct godwit_checkin checkin = said(n, OLD);
        memset(checkin.staged_file_sha256, NEXT + 100, 32);
        fixture_checkin(fixture, &checkin);
    }
    for (int64_t later_s = 0; later_s <= 400; later_s += 100)
        assert_false(silence_find(&fixture->fleet, 600, NOW_S + later_s));
    assert_true(find(rollout, STRATUM_HARDWARE, 7)->is_doubtful);
    assert_false(find(rollout, STRATUM_CHIP, CHIP)->is_doubtful);
    assert_false(rollout->is_doubtful);
    assert_int_equal(say(fixture, 24), DECISION_OVERDUE);
    assert_int_equal(say(fixture, 25), DECISION_OFFERED);
    confirm(fixture, 4); /* one of them is heard of */
    assert_true(silence_find(&fixture->fleet, 600, NOW_S + 500));
    assert_false(find(rollout, STRATUM_HARDWARE, 7)->is_doubtful);
    assert_int_equal(say(fixture, 24), DECISION_OFFERED);
}

static void their_rows_go_with_the_rollout(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    say(fixture, 1);
    assert_int_equal(fixture_count(fixture, "select count(*) from strata"), 4);
    fixture_deploy(fixture, "1.0.0", NULL, 0);
    for (int i = 0; i < ROLLOUTS_KEPT + 1; i++)
        fixture_deploy(fixture, "2.0.0", NULL, 0);
    for (uint8_t n = 1; n <= DEVICES; n++)
        say(fixture, n);
    bool more = true;
    while (more) {
        fixture_begin(fixture);
        assert_int_equal(rollouts_prune(&fixture->fleet, fixture->db, 1000, &more), GODWIT_OK);
        fixture_commit(fixture);
    }
    assert_int_equal(fixture_count(fixture, "select count(*) from strata s where not exists"
                                            " (select 1 from rollouts r where r.id = s.rollout)"),
                     0);
    assert_int_equal(fixture_count(fixture, "select count(*) from strata where rollout = 1"), 0);
}

/* ---- the judgement alone ---- */

static void stands_apart_from_the_rest_alone(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t offered, failed, whole_offered, whole_failed, in_progress;
        bool is_apart;
    } CASES[] = {
        {"five of five, and none of twenty", 5, 5, 25, 5, 0, true},
        {"five of eight, three in progress", 8, 5, 28, 5, 3, true},
        {"four of four", 4, 4, 24, 4, 0, false},
        {"all of all", 10, 10, 10, 10, 0, false},
        {"five of five, and nothing of the rest", 5, 5, 5, 5, 0, false},
        {"as many as of the rest", 50, 20, 100, 40, 0, false},
        {"fewer than of the rest", 50, 8, 60, 18, 0, false},
        {"one in five, and one in five hundred", 100, 20, 600, 21, 0, true},
        {"one in ten, and one in twelve", 100, 10, 220, 20, 0, false},
        {"many of many", 4000, 400, 100000, 600, 0, true},
        {"one in fifty of a good release", 500, 10, 5000, 20, 0, false},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        CASE(CASES[i].name);
        struct stratum stratum = {.offered = CASES[i].offered,
                                  .confirmed =
                                      CASES[i].offered - CASES[i].failed - CASES[i].in_progress};
        for (uint32_t n = 1; n <= CASES[i].failed; n++)
            brake_add(&stratum.failed, n);
        const struct strata_whole whole = {CASES[i].whole_offered,
                                           CASES[i].whole_offered - CASES[i].whole_failed -
                                               CASES[i].in_progress,
                                           CASES[i].whole_failed, 0.01};
        const struct stratum_view view = stratum_look(&stratum, &whole);
        assert_true(isfinite(view.weight) && isfinite(view.apart));
        assert_int_equal(stratum_is_apart(&view), CASES[i].is_apart);
        brake_free(&stratum.failed);
    }
}

/* Devices choose what they say of themselves. */
static void no_more_than_so_many(void **state)
{
    (void)state;
    struct strata strata = {0};
    for (uint32_t i = 0; i < 1000; i++) {
        const struct strata_key key = {{CHIP, 300, i, 1}};
        strata_offer(&strata, &key);
        assert_true(strata_fail(&strata, &key, i + 1));
        strata_take_back(&strata, i + 1);
    }
    assert_int_equal(strata.count, STRATA_MAX);
    for (size_t i = 0; i < strata.count; i++)
        assert_int_equal(strata.rows[i].failed.count + strata.rows[i].doubt.count, 0);
    strata_free(&strata);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ON_DATABASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
        ON_DATABASE(one_board_stops_and_the_others_go_on),
        ON_DATABASE(a_halted_board_keeps_its_failures_to_itself),
        ON_DATABASE(a_release_that_fails_everywhere_halts_whole),
        ON_DATABASE(overdue_devices_of_one_board_hold_up_that_alone),
        ON_DATABASE(their_rows_go_with_the_rollout),
        cmocka_unit_test(stands_apart_from_the_rest_alone),
        cmocka_unit_test(no_more_than_so_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
