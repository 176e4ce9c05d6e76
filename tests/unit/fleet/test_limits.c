/* What one device, or ten of them, can not do to the others: stop a rollout by silence, fill
 * history and database. And what a person can do for a device: offer it an image again that failed
 * on it. */
#include "case.h"
#include "fixture.h"
#include "fleet/remove.h"
#include "fleet/reply.h"

enum { OLD = 1, NEW = 2, DEVICES = 13, INTERVAL_S = 60 };

static struct fixture *begin(void **state, uint8_t devices)
{
    struct fixture *fixture = *state;
    struct upload first = upload_of("1.0.0", OLD), second = upload_of("1.1.0", NEW);
    assert_int_equal(fixture_upload(fixture, &first), UPLOAD_ADDED);
    assert_int_equal(fixture_upload(fixture, &second), UPLOAD_ADDED);
    fixture_join(fixture, devices, OLD);
    return fixture;
}

static enum take_result take(struct fixture *fixture, const struct godwit_checkin *checkin,
                             int64_t now_s)
{
    struct device *device = fixture_device(fixture, checkin->device_id);
    enum take_result taken = device_take(&fixture->fleet, device, checkin, now_s);
    if (taken != TAKE_RECORD) return taken;
    fixture_begin(fixture);
    assert_int_equal(device_record(&fixture->fleet, fixture->db, device, checkin, now_s),
                     GODWIT_OK);
    fixture_commit(fixture);
    return taken;
}

static enum decision_reason reason_of(struct fixture *fixture, uint8_t n)
{
    const struct godwit_checkin checkin = checkin_of(n, OLD);
    struct device *device = fixture_device(fixture, checkin.device_id);
    return decide(device, &fixture->fleet.catalogue).reason;
}

/* Ten are offered the release and fall silent; three more go on to check in. */
static struct rollout *ten_fall_silent(struct fixture *fixture, bool have_verified)
{
    struct rollout *rollout = fixture_deploy(fixture, "1.1.0", NULL, 0);
    for (uint8_t n = 1; n <= DEVICES; n++) {
        struct godwit_checkin checkin = checkin_of(n, OLD);
        take(fixture, &checkin, NOW_S + 1);
        if (have_verified && n <= 10) memset(checkin.staged_file_sha256, NEW + 100, 32);
        take(fixture, &checkin, NOW_S + 2);
    }
    assert_int_equal(rollout->in_progress_count, 10);
    for (int i = 1; i <= 4; i++) {
        for (uint8_t n = 11; n <= DEVICES; n++) {
            struct godwit_checkin checkin = checkin_of(n, OLD);
            take(fixture, &checkin, NOW_S + i * INTERVAL_S);
        }
        silence_find(&fixture->fleet, INTERVAL_S, NOW_S + i * INTERVAL_S);
        if (i <= 3) assert_int_equal(reason_of(fixture, 11), DECISION_QUEUED);
    }
    return rollout;
}

/* A clock that jumps makes nobody silent: what counts is the silence since. */
static void a_jump_of_the_clock_makes_nobody_silent(void **state)
{
    static const int64_t JUMPS_S[] = {86400, 10LL * 366 * 86400, -86400};
    for (size_t i = 0; i < sizeof JUMPS_S / sizeof *JUMPS_S; i++) {
        CASE(i);
        if (i) fixture_teardown(state), fixture_setup(state);
        struct fixture *fixture = begin(state, DEVICES);
        struct rollout *rollout = fixture_deploy(fixture, "1.1.0", NULL, 0);
        for (uint8_t n = 1; n <= DEVICES; n++) {
            struct godwit_checkin checkin = checkin_of(n, OLD);
            take(fixture, &checkin, NOW_S + 1);
        }
        int64_t now_s = NOW_S + JUMPS_S[i];
        fixture->fleet.clock_jumped_s = now_s;
        silence_find(&fixture->fleet, INTERVAL_S, now_s + INTERVAL_S);
        assert_int_equal(rollout->in_progress_count, 10);
        struct godwit_checkin alive = checkin_of(1, OLD);
        take(fixture, &alive, now_s + INTERVAL_S);
        take(fixture, &alive, now_s + 3600);
        silence_find(&fixture->fleet, INTERVAL_S, now_s + 3600);
        assert_int_equal(rollout->away_count, 9);
        struct device *device = fixture_device(fixture, alive.device_id);
        assert_int_equal(device->facts.last_seen_s, now_s + 3600);
    }
}

/* A device seen in a future that was none is seen now. */
static void who_was_seen_in_the_future_is_seen_now(void **state)
{
    struct fixture *fixture = begin(state, 1);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    struct device *device = fixture_device(fixture, checkin.device_id);
    fleet_lock(&fixture->fleet);
    device->facts.last_seen_s = NOW_S + 86400;
    device_is_seen(&fixture->fleet, device, NOW_S);
    assert_int_equal(device->facts.last_seen_s, NOW_S);
    device_is_seen(&fixture->fleet, device, NOW_S - 5);
    assert_int_equal(device->facts.last_seen_s, NOW_S);
    fleet_unlock(&fixture->fleet);
}

static void silent_devices_give_their_place_back(void **state)
{
    struct fixture *fixture = begin(state, DEVICES);
    struct rollout *rollout = ten_fall_silent(fixture, false);
    assert_int_equal(rollout->in_progress_count, 0);
    assert_int_equal(rollout->away_count, 10);
    for (uint8_t n = 11; n <= DEVICES; n++) {
        struct godwit_checkin checkin = checkin_of(n, OLD);
        take(fixture, &checkin, NOW_S + 5 * INTERVAL_S);
        assert_int_equal(reason_of(fixture, n), DECISION_OFFERED);
    }
    assert_int_equal(rollout->in_progress_count, 3);
    /* one comes back: it is in progress as before, and has its place again */
    struct godwit_checkin back = checkin_of(4, OLD);
    assert_int_equal(take(fixture, &back, NOW_S + 900), TAKE_DONE);
    assert_int_equal(reason_of(fixture, 4), DECISION_OFFERED);
    assert_int_equal(rollout->in_progress_count, 4);
    assert_int_equal(rollout->away_count, 9);
    memset(back.image_sha256, NEW, 32);
    take(fixture, &back, NOW_S + 960);
    assert_int_equal(rollout->succeeded_count, 1);
    assert_int_equal(rollout->in_progress_count, 3);
    /* one that is away and reports its failure straight away leaves no count behind */
    struct godwit_checkin failed = checkin_of(5, OLD);
    failed.outcome = outcome_panicked(1, rollout->id, NEW);
    take(fixture, &failed, NOW_S + 960);
    assert_int_equal(rollout->failed_count, 1);
    assert_int_equal(rollout->in_progress_count, 3);
    assert_int_equal(rollout->away_count, 8);
}

static struct godwit_checkin spoilt(uint8_t n, const struct rollout *rollout,
                                    enum godwit_stage stage, enum godwit_reason reason)
{
    struct godwit_checkin checkin = checkin_of(n, OLD);
    checkin.outcome = (struct godwit_outcome){
        .id = 1, .rollout_id = rollout->id, .stage = stage, .reason = reason};
    memset(checkin.outcome.file_sha256, NEW + 100, 32);
    return checkin;
}

/* Ten devices behind a captive portal, which check in as ever: the others do not wait for them. */
static void devices_held_up_by_their_line_give_their_place_back(void **state)
{
    struct fixture *fixture = begin(state, DEVICES);
    struct rollout *rollout = fixture_deploy(fixture, "1.1.0", NULL, 0);
    for (uint8_t n = 1; n <= 10; n++) {
        struct godwit_checkin checkin = checkin_of(n, OLD);
        take(fixture, &checkin, NOW_S + 1);
        checkin = spoilt(n, rollout, GODWIT_STAGE_DOWNLOAD, GODWIT_REASON_BODY_DIFFERS);
        take(fixture, &checkin, NOW_S + 60);
        assert_int_equal(take(fixture, &checkin, NOW_S + 120), TAKE_DONE);
    }
    assert_int_equal(rollout->in_progress_count, 0);
    assert_int_equal(rollout->failed_count, 0);
    assert_int_equal(reason_of(fixture, 1), DECISION_OFFERED);
    assert_int_equal(reason_of(fixture, 11), DECISION_OFFERED);
    /* the line is repaired: what it holds now may be switched to, and counts */
    struct godwit_checkin verified = checkin_of(1, OLD);
    memset(verified.staged_file_sha256, NEW + 100, 32);
    take(fixture, &verified, NOW_S + 180);
    assert_int_equal(rollout->in_progress_count, 1);
}

/* … but one that had no contact in its trial, and comes late, keeps its place: whether the image or
 * the line was at fault, nobody knows. */
static void a_trial_without_contact_keeps_its_place(void **state)
{
    struct fixture *fixture = begin(state, DEVICES);
    struct rollout *rollout = fixture_deploy(fixture, "1.1.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    take(fixture, &checkin, NOW_S + 1);
    checkin = spoilt(1, rollout, GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_TRIAL_NO_CONTACT);
    take(fixture, &checkin, NOW_S + 3600);
    take(fixture, &checkin, NOW_S + 3660);
    assert_int_equal(rollout->in_progress_count, 1);
    assert_int_equal(rollout->failed_count, 0);
}

/* … and one whose image before reaches us at once has lost the contact to the release. */
static void a_release_that_loses_the_contact_fails(void **state)
{
    struct fixture *fixture = begin(state, DEVICES);
    struct rollout *rollout = fixture_deploy(fixture, "1.1.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    take(fixture, &checkin, NOW_S + 1);
    checkin = spoilt(1, rollout, GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_TRIAL_NO_CONTACT);
    take(fixture, &checkin, NOW_S + 700);
    assert_int_equal(rollout->failed_count, 1);
    assert_int_equal(fixture_count(fixture, "select count(*) from failed_images"), 0);
}

/* It may be on its way into the new image, or stuck in it: that holds the rollout. */
static void silence_after_the_switch_was_allowed_counts(void **state)
{
    struct fixture *fixture = begin(state, DEVICES);
    struct rollout *rollout = ten_fall_silent(fixture, true);
    assert_int_equal(rollout->in_progress_count, 10);
    assert_int_equal(rollout->away_count, 0);
    assert_int_equal(reason_of(fixture, 11), DECISION_QUEUED);
}

/* A device that checks in once a day by itself is not silent for an hour. */
static void its_own_interval_counts(void **state)
{
    struct fixture *fixture = begin(state, 1);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    struct device *device = fixture_device(fixture, checkin.device_id);
    for (int day = 1; day <= 20; day++)
        take(fixture, &checkin, NOW_S + day * 86400);
    assert_false(device_is_silent(device, INTERVAL_S, NOW_S + 21 * 86400));
    assert_true(device_is_silent(device, INTERVAL_S, NOW_S + 24 * 86400));
}

static void one_device_is_recorded_so_often_a_minute(void **state)
{
    struct fixture *fixture = begin(state, 2);
    struct godwit_checkin checkin = checkin_of(1, OLD), other = checkin_of(2, OLD);
    int64_t minute_s = NOW_S / 60 * 60 + 60;
    unsigned recorded = 0;
    for (unsigned i = 0; i < 1000; i++) {
        memset(checkin.image_sha256, (int)(3 + i % 2), 32);
        checkin.outcome = (struct godwit_outcome){
            .id = i + 1, .stage = GODWIT_STAGE_DOWNLOAD, .reason = GODWIT_REASON_DOWNLOAD};
        recorded += take(fixture, &checkin, minute_s + i % 60) == TAKE_RECORD;
    }
    assert_int_equal(recorded, DEVICE_RECORDS_MAX);
    memset(other.image_sha256, 4, 32);
    assert_int_equal(take(fixture, &other, minute_s + 59), TAKE_RECORD);
    assert_int_equal(take(fixture, &checkin, minute_s + 60), TAKE_RECORD);
}

static void the_newest_lines_are_kept(void **state)
{
    struct fixture *fixture = begin(state, 1);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    struct device *device = fixture_device(fixture, checkin.device_id);
    int64_t total;
    assert_int_equal(event_total(fixture->db, device->id, &total), GODWIT_OK);
    int64_t before = total;
    for (int i = 0; i < EVENTS_KEPT + 50; i++) {
        struct event event = {.time_s = NOW_S + i, .kind = EVENT_CHANGED};
        assert_int_equal(event_add(fixture->db, device->id, device->device_id, &event), GODWIT_OK);
    }
    assert_int_equal(fixture_count(fixture, "select count(*) from events"), EVENTS_KEPT);
    assert_int_equal(fixture_count(fixture, "select max(time) from events"),
                     NOW_S + EVENTS_KEPT + 49);
    assert_int_equal(event_total(fixture->db, device->id, &total), GODWIT_OK);
    assert_int_equal(total, before + EVENTS_KEPT + 50);
}

/* For the devices of that rollout, and once: what fails again stays failed. */
static void a_failed_image_is_offered_again_when_asked(void **state)
{
    struct fixture *fixture = begin(state, 2);
    struct device_reply reply;
    struct rollout *rollout = fixture_deploy(fixture, "1.1.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD), other = checkin_of(2, OLD);
    fixture_checkin(fixture, &checkin);
    checkin.outcome = outcome_panicked(1, rollout->id, NEW);
    assert_int_equal(fixture_checkin(fixture, &checkin).reason, DECISION_FAILED_BEFORE);
    fixture_deploy(fixture, "1.1.0", NULL, 0);
    assert_int_equal(fixture_checkin(fixture, &checkin).reason, DECISION_FAILED_BEFORE);
    uint32_t id = fixture_roll_out(fixture, "1.1.0", NULL, 0, true)->id;
    fixture_restart(fixture);
    rollout = rollout_find(&fixture->fleet.catalogue, id);
    assert_true(rollout->again);
    assert_int_equal(fixture_checkin(fixture, &checkin).reason, DECISION_OFFERED);
    assert_int_equal(fixture_checkin(fixture, &other).reason, DECISION_OFFERED);
    fixture->fleet.sequence_mark = fixture->fleet.sequence_next_mark = UINT64_MAX;
    const uint32_t flags[] = {GODWIT_INSTRUCTION_INSTALL | GODWIT_INSTRUCTION_FORCE_NOW,
                              GODWIT_INSTRUCTION_INSTALL};
    for (size_t i = 0; i < 2; i++) {
        const struct godwit_checkin *asks = i ? &other : &checkin;
        struct device *device = fixture_device(fixture, asks->device_id);
        assert_true(device_reply_compose(&fixture->fleet, device, asks, 1234567, &reply));
        assert_int_equal(reply.instruction.flags, flags[i]);
    }
    checkin.outcome.id = 2;
    checkin.outcome.rollout_id = rollout->id;
    assert_int_equal(fixture_checkin(fixture, &checkin).reason, DECISION_FAILED_BEFORE);
    struct device *device = fixture_device(fixture, checkin.device_id);
    fixture_roll_out(fixture, "1.1.0", &device, 1, true); /* and for one alone */
    assert_int_equal(fixture_checkin(fixture, &checkin).reason, DECISION_OFFERED);
}

/* Devices and people remember numbers of rollouts. */
static void a_number_is_never_given_twice(void **state)
{
    struct fixture *fixture = begin(state, 1);
    struct remove_verdict verdict;
    uint32_t first = fixture_deploy(fixture, "1.1.0", NULL, 0)->id;
    fixture_deploy(fixture, "1.0.0", NULL, 0);
    fixture_begin(fixture);
    struct release *gone =
        release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", "1.1.0");
    assert_int_equal(release_remove(&fixture->fleet, fixture->db, gone, &verdict), GODWIT_OK);
    fixture_commit(fixture);
    assert_int_equal(verdict.result, REMOVE_DONE);
    free(verdict.files);
    assert_null(rollout_find(&fixture->fleet.catalogue, first));
    assert_int_equal(db_script(fixture->db, "delete from rollouts"), GODWIT_OK);
    fixture_restart(fixture);
    assert_int_equal(fixture_deploy(fixture, "1.0.0", NULL, 0)->id, first + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(devices_held_up_by_their_line_give_their_place_back,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_trial_without_contact_keeps_its_place, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_jump_of_the_clock_makes_nobody_silent, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(who_was_seen_in_the_future_is_seen_now, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(silent_devices_give_their_place_back, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_release_that_loses_the_contact_fails, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(silence_after_the_switch_was_allowed_counts, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(its_own_interval_counts, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(one_device_is_recorded_so_often_a_minute, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(the_newest_lines_are_kept, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_failed_image_is_offered_again_when_asked, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_number_is_never_given_twice, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
