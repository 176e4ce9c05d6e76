/* Rollouts that are paused, resumed and halted, by a person and by what their devices report. */
#include "fixture.h"
#include "fleet/finish.h"

enum { OLD = 1, NEXT = 2, OTHER = 3, DEVICES = 30 };

/* So many devices run 1.0.0; 2.0.0 and 3.0.0 are there. */
static void begin(struct fixture *fixture, uint8_t devices)
{
    const struct upload uploads[] = {upload_of("1.0.0", OLD), upload_of("2.0.0", NEXT),
                                     upload_of("3.0.0", OTHER)};
    for (size_t i = 0; i < sizeof uploads / sizeof *uploads; i++)
        assert_int_equal(fixture_upload(fixture, &uploads[i]), UPLOAD_ADDED);
    fixture_join(fixture, devices, OLD);
}

static void set_state(struct fixture *fixture, struct rollout *rollout, enum rollout_state wanted)
{
    fixture_begin(fixture);
    assert_int_equal(
        rollout_set_state(&fixture->fleet, fixture->db, rollout, wanted, "ada", NOW_S + 5),
        GODWIT_OK);
    fixture_commit(fixture);
}

static enum decision_reason say(struct fixture *fixture, uint8_t n)
{
    const struct godwit_checkin checkin = checkin_of(n, OLD);
    return fixture_checkin(fixture, &checkin).reason;
}

/* It is back in 1.0.0 with what the trial boot of 2.0.0 came to. */
static enum decision_reason fail_trial(struct fixture *fixture, uint8_t n, uint32_t rollout)
{
    struct godwit_checkin checkin = checkin_of(n, OLD);
    checkin.outcome = outcome_panicked(1, rollout, NEXT);
    return fixture_checkin(fixture, &checkin).reason;
}

static void confirm(struct fixture *fixture, uint8_t n)
{
    struct godwit_checkin checkin = checkin_of(n, NEXT);
    snprintf(checkin.version, sizeof checkin.version, "2.0.0");
    assert_int_equal(fixture_checkin(fixture, &checkin).reason, DECISION_UP_TO_DATE);
}

static bool may_download(struct fixture *fixture, uint8_t n)
{
    uint8_t file[32];
    memset(file, NEXT + 100, sizeof file);
    const struct godwit_checkin checkin = checkin_of(n, OLD);
    return device_may_download(&fixture->fleet, fixture_device(fixture, checkin.device_id), file);
}

static void paused_and_resumed(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 2);
    struct rollout *rollout = fixture_deploy(fixture, "2.0.0", NULL, 0);
    uint32_t id = rollout->id;
    assert_int_equal(say(fixture, 1), DECISION_OFFERED);
    assert_true(may_download(fixture, 1));
    set_state(fixture, rollout, ROLLOUT_PAUSED);
    for (int round = 0; round < 2; round++) { /* also after a restart */
        assert_int_equal(say(fixture, 1), DECISION_PAUSED);
        assert_int_equal(say(fixture, 2), DECISION_PAUSED);
        assert_false(may_download(fixture, 1));
        fixture_restart(fixture);
    }
    rollout = rollout_find(&fixture->fleet.catalogue, id);
    assert_int_equal(rollout->in_progress_count, 1); /* it keeps its place and its number */
    set_state(fixture, rollout, ROLLOUT_RUNNING);
    assert_int_equal(say(fixture, 1), DECISION_OFFERED);
    assert_int_equal(say(fixture, 2), DECISION_OFFERED);
    assert_true(may_download(fixture, 1));
    assert_int_equal(rollout->offered_count, 2);
}

static void halted_withdraws(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 4);
    struct rollout *rollout = fixture_deploy(fixture, "2.0.0", NULL, 0);
    uint32_t id = rollout->id;
    for (uint8_t n = 1; n <= 3; n++)
        assert_int_equal(say(fixture, n), DECISION_OFFERED);
    confirm(fixture, 3);
    set_state(fixture, rollout, ROLLOUT_HALTED);
    assert_false(may_download(fixture, 1));
    for (int round = 0; round < 2; round++) {
        assert_int_equal(say(fixture, 1), DECISION_HALTED);
        assert_int_equal(say(fixture, 4), DECISION_HALTED);
        fixture_restart(fixture);
    }
    rollout = rollout_find(&fixture->fleet.catalogue, id);
    assert_int_equal(rollout->state, ROLLOUT_HALTED);
    assert_int_equal(rollout->in_progress_count, 1); /* 2 was not heard of since */
    assert_int_equal(fixture_count(fixture, "select count(*) from events where kind = 21"), 1);
    confirm(fixture, 2); /* it had switched when the rollout was halted */
    assert_int_equal(rollout->succeeded_count, 2);
    assert_int_equal(rollout->in_progress_count, 0);
    fixture_deploy(fixture, "2.0.0", NULL, 0); /* a person may try again */
    assert_int_equal(say(fixture, 1), DECISION_OFFERED);
}

/* Five in a row are what no good release explains; the first of them is years old by then. */
static void failures_halt(void **state)
{
    struct fixture *fixture = *state;
    struct finish halt;
    begin(fixture, DEVICES);
    struct rollout *rollout = fixture_deploy(fixture, "2.0.0", NULL, 0);
    uint32_t id = rollout->id;
    for (uint8_t n = 1; n <= DEVICES; n++)
        assert_int_equal(say(fixture, n), n <= 10 ? DECISION_OFFERED : DECISION_QUEUED);
    for (uint8_t n = 1; n <= 4; n++)
        assert_int_equal(fail_trial(fixture, n, id), DECISION_FAILED_BEFORE);
    assert_int_equal(rollout->state, ROLLOUT_RUNNING);
    assert_int_equal(halt_take(fixture->db, &halt), GODWIT_ERR_MISSING);
    fixture_restart(fixture);
    rollout = rollout_find(&fixture->fleet.catalogue, id);
    assert_int_equal(rollout->brake.count, 4);
    assert_int_equal(fail_trial(fixture, 5, id), DECISION_FAILED_BEFORE);
    assert_int_equal(rollout->state, ROLLOUT_HALTED);
    assert_int_equal(say(fixture, 6), DECISION_HALTED);
    assert_int_equal(say(fixture, 11), DECISION_HALTED);
    assert_int_equal(halt_take(fixture->db, &halt), GODWIT_OK);
    assert_int_equal(halt.rollout, id);
    assert_int_equal(halt.failed, 5);
    assert_string_equal(halt.version, "2.0.0");
    assert_int_equal(halt_take(fixture->db, &halt), GODWIT_ERR_MISSING);
}

/* Failures far apart are chance; and one that comes good after all is none. */
static void successes_let_it_go_on(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, DEVICES);
    struct rollout *rollout = fixture_deploy(fixture, "2.0.0", NULL, 0);
    for (uint8_t n = 1; n <= 10; n++)
        assert_int_equal(say(fixture, n), DECISION_OFFERED);
    assert_int_equal(say(fixture, 11), DECISION_QUEUED);
    for (uint8_t n = 1; n <= 6; n++)
        confirm(fixture, n);
    assert_int_equal(rollout_pace(rollout), 18); /* it has proven itself on six */
    for (uint8_t n = 11; n <= 24; n++)
        assert_int_equal(say(fixture, n), DECISION_OFFERED);
    assert_int_equal(say(fixture, 25), DECISION_QUEUED);
    for (uint8_t n = 7; n <= 10; n++)
        fail_trial(fixture, n, rollout->id);
    confirm(fixture, 7);
    assert_int_equal(rollout->brake.count, 3);
    fail_trial(fixture, 11, rollout->id);
    assert_int_equal(rollout->state, ROLLOUT_RUNNING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(paused_and_resumed, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(halted_withdraws, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(failures_halt, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(successes_let_it_go_on, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
