/* How a rollout grows on proof: soak, crashes, silence, gates, the careful start of a small one,
 * and what a person can do beside it: skip, retry, undo. */
#include "fixture.h"

enum { OLD = 1, NEXT = 2, DEVICES = 40, SOAK_S = 600, INTERVAL_S = 60 };

static void begin(struct fixture *fixture, uint8_t devices)
{
    const struct upload uploads[] = {upload_of("1.0.0", OLD), upload_of("2.0.0", NEXT)};
    for (size_t i = 0; i < sizeof uploads / sizeof *uploads; i++)
        assert_int_equal(fixture_upload(fixture, &uploads[i]), UPLOAD_ADDED);
    fixture_join(fixture, devices, OLD);
}

static struct rollout *deploy(struct fixture *fixture, struct proof_plan plan)
{
    return fixture_begin_rollout(fixture, "2.0.0", (struct rollout_request){.plan = plan});
}

static struct proof_plan plan_of(uint32_t soak_s, const char *gates)
{
    char note[160];
    struct proof_plan plan = {.soak_s = soak_s};
    assert_int_equal(gates_parse(gates, &plan, note, sizeof note), GODWIT_OK);
    return plan;
}

/* What it says while it runs that image. */
static enum decision_reason say(struct fixture *fixture, uint8_t n, uint8_t image, int64_t now_s)
{
    struct godwit_checkin checkin = checkin_of(n, image);
    checkin.boots = 3;
    return fixture_checkin_at(fixture, &checkin, now_s).reason;
}

static void crash(struct fixture *fixture, uint8_t n, int64_t now_s)
{
    struct godwit_checkin checkin = checkin_of(n, NEXT);
    checkin.boots = 4;
    checkin.reset = GODWIT_RESET_PANIC;
    fixture_checkin_at(fixture, &checkin, now_s);
}

static struct member *member_of(struct fixture *fixture, uint8_t n, const struct rollout *rollout)
{
    const struct godwit_checkin checkin = checkin_of(n, OLD);
    return device_member(fixture_device(fixture, checkin.device_id), rollout);
}

static void a_device_soaks_before_it_has_succeeded(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 2);
    struct rollout *rollout = deploy(fixture, plan_of(SOAK_S, ""));
    uint32_t id = rollout->id;
    assert_int_equal(say(fixture, 1, OLD, NOW_S + 1), DECISION_OFFERED);
    assert_int_equal(say(fixture, 1, NEXT, NOW_S + 10), DECISION_UP_TO_DATE);
    for (int round = 0; round < 2; round++) { /* also after a restart */
        assert_int_equal(rollout->soaking_count, 1);
        assert_int_equal(rollout->succeeded_count, 0);
        say(fixture, 1, NEXT, NOW_S + 9 + SOAK_S);
        assert_int_equal(rollout->soaking_count, 1);
        fixture_restart(fixture);
        rollout = rollout_find(&fixture->fleet.catalogue, id);
    }
    say(fixture, 1, NEXT, NOW_S + 10 + SOAK_S);
    assert_int_equal(rollout->soaking_count, 0);
    assert_int_equal(rollout->succeeded_count, 1);
    assert_int_equal(fixture_count(fixture, "select count(*) from events where kind in (2, 22)"),
                     2);
}

static void a_crash_fails_it_for_seven_days(void **state)
{
    static const struct {
        int64_t after_s;
        enum member_state state;
    } CASES[] = {{100, MEMBER_FAILED},
                 {SOAK_S + 100, MEMBER_FAILED},
                 {7 * 86400 - 1, MEMBER_FAILED},
                 {7 * 86400 + 1, MEMBER_SUCCEEDED}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        if (i) fixture_teardown(state), fixture_setup(state);
        struct fixture *fixture = *state;
        begin(fixture, 2);
        struct rollout *rollout = deploy(fixture, plan_of(SOAK_S, ""));
        say(fixture, 1, OLD, NOW_S);
        say(fixture, 1, NEXT, NOW_S);
        if (CASES[i].after_s > SOAK_S) say(fixture, 1, NEXT, NOW_S + SOAK_S);
        crash(fixture, 1, NOW_S + CASES[i].after_s);
        assert_int_equal(member_of(fixture, 1, rollout)->state, CASES[i].state);
        say(fixture, 1, NEXT,
            NOW_S + CASES[i].after_s + SOAK_S); /* that it goes on excuses nothing */
        assert_int_equal(member_of(fixture, 1, rollout)->state, CASES[i].state);
    }
}

/* The others go on to check in; minutes pass. */
static void time_passes(struct fixture *fixture, uint8_t from, int64_t *now_s, int minutes)
{
    for (int i = 0; i < minutes; i++) {
        *now_s += INTERVAL_S;
        for (uint8_t n = from; n <= DEVICES; n++)
            say(fixture, n, OLD, *now_s);
        silence_find(&fixture->fleet, INTERVAL_S, *now_s);
        bool has_any;
        fixture_begin(fixture);
        assert_int_equal(silence_record(&fixture->fleet, fixture->db, INTERVAL_S, *now_s, &has_any),
                         GODWIT_OK);
        fixture_commit(fixture);
    }
}

static void silence_is_a_failure_once_it_could_switch(void **state)
{
    struct fixture *fixture = *state;
    int64_t now_s = NOW_S;
    begin(fixture, DEVICES);
    struct rollout *rollout = deploy(fixture, plan_of(SOAK_S, ""));
    silence_find(&fixture->fleet, INTERVAL_S, now_s);
    say(fixture, 1, OLD, now_s);
    say(fixture, 2, OLD, now_s);
    struct godwit_checkin verified = checkin_of(2, OLD);
    memset(verified.staged_file_sha256, NEXT + 100, 32);
    fixture_checkin_at(fixture, &verified, now_s);
    time_passes(fixture, 3, &now_s, 17);
    assert_int_equal(rollout->failed_count, 0);
    time_passes(fixture, 3, &now_s, 3);
    assert_int_equal(rollout->failed_count, 1);
    assert_int_equal(member_of(fixture, 1, rollout)->is_away, true); /* it never could */
    assert_int_equal(member_of(fixture, 2, rollout)->reason, GODWIT_REASON_SILENT);
    /* back as it was, it waits for a place like others; confirmed, it is no failure */
    assert_int_equal(say(fixture, 2, OLD, now_s), DECISION_QUEUED);
    say(fixture, 2, NEXT, now_s);
    assert_int_equal(rollout->failed_count, 0);
    assert_int_equal(member_of(fixture, 2, rollout)->state, MEMBER_SOAKING);
}

/* Of one that had not verified the image: nobody allowed it to switch. One that had may be at it.
 */
static void silence_under_a_pause_or_halt_is_no_failure(void **state)
{
    static const enum rollout_state STATES[] = {ROLLOUT_PAUSED, ROLLOUT_HALTED};
    for (size_t i = 0; i < 2; i++) {
        if (i) fixture_teardown(state), fixture_setup(state);
        struct fixture *fixture = *state;
        int64_t now_s = NOW_S;
        begin(fixture, DEVICES);
        struct rollout *rollout = deploy(fixture, plan_of(SOAK_S, ""));
        silence_find(&fixture->fleet, INTERVAL_S, now_s);
        say(fixture, 1, OLD, now_s);
        struct godwit_checkin verified = checkin_of(2, OLD);
        fixture_checkin_at(fixture, &verified, now_s);
        memset(verified.staged_file_sha256, NEXT + 100, 32);
        fixture_checkin_at(fixture, &verified, now_s);
        fixture_begin(fixture);
        assert_int_equal(
            rollout_set_state(&fixture->fleet, fixture->db, rollout, STATES[i], "ann", now_s), 0);
        fixture_commit(fixture);
        time_passes(fixture, 3, &now_s, 20);
        assert_int_equal(rollout->failed_count, 1);
        assert_true(member_of(fixture, 1, rollout)->is_away);
        assert_int_equal(member_of(fixture, 2, rollout)->reason, GODWIT_REASON_SILENT);
    }
}

/* Long before silence is a failure, growth waits for those of which nothing is heard. */
static void growth_waits_for_overdue_devices(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, DEVICES);
    struct rollout *rollout = deploy(fixture, plan_of(0, ""));
    silence_find(&fixture->fleet, INTERVAL_S, NOW_S);
    for (uint8_t n = 1; n <= 5; n++) {
        struct godwit_checkin checkin = checkin_of(n, OLD);
        fixture_checkin(fixture, &checkin);
        memset(checkin.staged_file_sha256, NEXT + 100, 32);
        fixture_checkin(fixture, &checkin);
    }
    int64_t now_s = NOW_S;
    for (; now_s <= NOW_S + 300; now_s += 100)
        silence_find(&fixture->fleet, INTERVAL_S, now_s);
    assert_int_equal(say(fixture, 20, OLD, now_s), DECISION_OFFERED);
    silence_find(&fixture->fleet, INTERVAL_S, now_s);
    assert_int_equal(say(fixture, 21, OLD, now_s), DECISION_OVERDUE);
    assert_int_equal(say(fixture, 20, OLD, now_s), DECISION_OFFERED); /* it has its place */
    assert_int_equal(rollout->failed_count, 0);
    say(fixture, 1, NEXT, now_s);
    assert_true(silence_find(&fixture->fleet, INTERVAL_S, now_s));
    assert_int_equal(say(fixture, 21, OLD, now_s), DECISION_OFFERED);
}

/* What nobody was there to hear is no silence. */
static void the_services_own_absence_fails_nobody(void **state)
{
    struct fixture *fixture = *state;
    int64_t now_s = NOW_S;
    begin(fixture, DEVICES);
    struct rollout *rollout = deploy(fixture, plan_of(SOAK_S, ""));
    silence_find(&fixture->fleet, INTERVAL_S, now_s);
    say(fixture, 1, OLD, now_s);
    say(fixture, 1, NEXT, now_s);
    now_s += 7200;
    time_passes(fixture, 3, &now_s, 10);
    assert_int_equal(rollout->failed_count, 0);
    time_passes(fixture, 3, &now_s, 10);
    assert_int_equal(rollout->failed_count, 1);
}

static bool step(struct fixture *fixture, struct rollout *rollout, int64_t now_s)
{
    bool is_open;
    fixture_begin(fixture);
    assert_int_equal(rollout_step(&fixture->fleet, fixture->db, rollout, now_s, &is_open),
                     GODWIT_OK);
    fixture_commit(fixture);
    return is_open;
}

static void a_gate_waits_for_proof(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, DEVICES);
    struct rollout *rollout = deploy(fixture, plan_of(60, "3:30m"));
    for (uint8_t n = 1; n <= 3; n++)
        assert_int_equal(say(fixture, n, OLD, NOW_S), DECISION_OFFERED);
    assert_int_equal(say(fixture, 4, OLD, NOW_S), DECISION_GATE);
    for (uint8_t n = 1; n <= 3; n++) {
        assert_false(step(fixture, rollout, NOW_S + 7200));
        say(fixture, n, NEXT, NOW_S + 100);
        say(fixture, n, NEXT, NOW_S + 160);
    }
    assert_false(step(fixture, rollout, NOW_S + 100 + 1799));
    assert_int_equal(say(fixture, 4, OLD, NOW_S + 100 + 1799), DECISION_GATE);
    assert_true(step(fixture, rollout, NOW_S + 100 + 1800));
    assert_int_equal(say(fixture, 4, OLD, NOW_S + 1901), DECISION_OFFERED);
    uint32_t id = rollout->id;
    fixture_restart(fixture);
    rollout = rollout_find(&fixture->fleet.catalogue, id);
    assert_int_equal(rollout->gates_open, 1);
    assert_int_equal(rollout->plan.soak_s, 60);
    assert_int_equal(rollout->confirmed_s, NOW_S + 100);
}

static void skip_ahead(struct fixture *fixture, struct rollout *rollout)
{
    fixture_begin(fixture);
    assert_int_equal(rollout_skip(&fixture->fleet, fixture->db, rollout), GODWIT_OK);
    fixture_commit(fixture);
}

static void a_person_need_not_wait(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, DEVICES);
    struct rollout *rollout = deploy(fixture, plan_of(60, "3:30m"));
    for (uint8_t n = 1; n <= 3; n++)
        say(fixture, n, OLD, NOW_S);
    skip_ahead(fixture, rollout);
    for (uint8_t n = 4; n <= DEVICES; n++)
        assert_int_equal(say(fixture, n, OLD, NOW_S), DECISION_OFFERED);
}

static void fail_trial(struct fixture *fixture, uint8_t n, uint32_t outcome, uint32_t rollout)
{
    struct godwit_checkin checkin = checkin_of(n, OLD);
    checkin.outcome = outcome_panicked(outcome, rollout, NEXT);
    fixture_checkin(fixture, &checkin);
}

static void resume(struct fixture *fixture, struct rollout *rollout, enum rollout_state wanted)
{
    fixture_begin(fixture);
    assert_int_equal(rollout_set_state(&fixture->fleet, fixture->db, rollout, wanted, "ada", NOW_S),
                     GODWIT_OK);
    fixture_commit(fixture);
}

static void a_careful_one_begins_with_one_and_pauses_at_a_failure(void **state)
{
    struct fixture *fixture = *state;
    struct proof_plan plan = plan_of(0, "");
    plan.is_careful = true;
    begin(fixture, 12);
    struct rollout *rollout = deploy(fixture, plan);
    for (uint8_t n = 1, places = 1; n <= 3; n++, places = (uint8_t)(2 * (n - 1))) {
        for (uint8_t m = n; m < n + places; m++)
            assert_int_equal(say(fixture, m, OLD, NOW_S), DECISION_OFFERED);
        assert_int_equal(say(fixture, (uint8_t)(n + places), OLD, NOW_S), DECISION_QUEUED);
        say(fixture, n, NEXT, NOW_S);
    }
    fail_trial(fixture, 4, 1, rollout->id);
    assert_int_equal(rollout->state, ROLLOUT_PAUSED);
    assert_int_equal(say(fixture, 5, OLD, NOW_S), DECISION_PAUSED);
    resume(fixture, rollout, ROLLOUT_RUNNING);
    assert_int_equal(say(fixture, 5, OLD, NOW_S), DECISION_OFFERED);
}

static void a_person_lets_one_try_again(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 3);
    struct rollout *rollout = deploy(fixture, plan_of(0, ""));
    say(fixture, 1, OLD, NOW_S);
    fail_trial(fixture, 1, 1, rollout->id);
    assert_int_equal(say(fixture, 1, OLD, NOW_S), DECISION_FAILED_BEFORE);
    const struct godwit_checkin checkin = checkin_of(1, OLD);
    struct device *device = fixture_device(fixture, checkin.device_id);
    fixture_begin(fixture);
    assert_int_equal(rollout_retry(&fixture->fleet, fixture->db, rollout, device), GODWIT_OK);
    fixture_commit(fixture);
    assert_int_equal(rollout->brake.count, 0);
    assert_int_equal(say(fixture, 1, OLD, NOW_S), DECISION_OFFERED);
    fail_trial(fixture, 1, 2, rollout->id); /* once */
    assert_int_equal(say(fixture, 1, OLD, NOW_S), DECISION_FAILED_BEFORE);
}

static void undone_it_sends_back_who_confirmed(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 4);
    struct rollout *rollout = deploy(fixture, plan_of(0, ""));
    uint32_t id = rollout->id;
    for (uint8_t n = 1; n <= 3; n++)
        say(fixture, n, OLD, NOW_S);
    say(fixture, 1, NEXT, NOW_S);
    struct godwit_checkin on_trial = checkin_of(2, NEXT);
    on_trial.on_trial = true;
    fixture_checkin(fixture, &on_trial);
    resume(fixture, rollout, ROLLOUT_UNDONE);
    fixture_restart(fixture);
    rollout = rollout_find(&fixture->fleet.catalogue, id);
    assert_int_equal(fixture_checkin(fixture, &on_trial).reason, DECISION_ON_TRIAL);
    assert_int_equal(say(fixture, 3, OLD, NOW_S), DECISION_HALTED);
    assert_int_equal(say(fixture, 4, OLD, NOW_S), DECISION_HALTED);
    assert_int_equal(member_of(fixture, 3, rollout)->state, MEMBER_SELECTED);
    for (uint8_t n = 1; n <= 2; n++) { /* also the one that confirms now */
        struct godwit_checkin checkin = checkin_of(n, NEXT);
        const struct decision decision = fixture_checkin(fixture, &checkin);
        assert_int_equal(decision.reason, DECISION_UNDO);
        assert_int_equal(decision.kind, DECIDE_INSTALL);
        assert_string_equal(decision.image->release->version, "1.0.0");
        assert_int_equal(member_of(fixture, n, rollout)->state, MEMBER_UNDOING);
        assert_int_equal(say(fixture, n, OLD, NOW_S), DECISION_UNDONE);
    }
    assert_int_equal(rollout->undone_count, 2);
    assert_int_equal(rollout->undoing_count, 0);
}

/* Below a rollback floor that has risen nothing leads. */
static void nobody_is_sent_where_it_can_not_go(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 1);
    struct rollout *rollout = deploy(fixture, plan_of(0, ""));
    say(fixture, 1, OLD, NOW_S);
    struct godwit_checkin checkin = checkin_of(1, NEXT);
    checkin.secure_version = 1;
    fixture_checkin(fixture, &checkin);
    resume(fixture, rollout, ROLLOUT_UNDONE);
    assert_int_equal(fixture_checkin(fixture, &checkin).reason, DECISION_NO_RETURN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_device_soaks_before_it_has_succeeded),
        TEST(a_crash_fails_it_for_seven_days),
        TEST(silence_is_a_failure_once_it_could_switch),
        TEST(silence_under_a_pause_or_halt_is_no_failure),
        TEST(growth_waits_for_overdue_devices),
        TEST(the_services_own_absence_fails_nobody),
        TEST(a_gate_waits_for_proof),
        TEST(a_person_need_not_wait),
        TEST(a_careful_one_begins_with_one_and_pauses_at_a_failure),
        TEST(a_person_lets_one_try_again),
        TEST(undone_it_sends_back_who_confirmed),
        TEST(nobody_is_sent_where_it_can_not_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
