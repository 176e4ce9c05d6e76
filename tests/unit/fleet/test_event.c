/* What a device reports counts once, in whatever order its copies arrive. */
#include "fixture.h"

#define OLD 1
#define NEW 2

static struct godwit_checkin rolled_back(uint32_t rollout, uint32_t id)
{
    struct godwit_checkin checkin = checkin_of(1, OLD);
    checkin.outcome = outcome_panicked(id, rollout, NEW);
    return checkin;
}

static struct rollout *begin(struct fixture *fixture)
{
    struct upload first = upload_of("1.0.0", OLD), second = upload_of("1.1.0", NEW);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    struct device *device;
    assert_int_equal(fixture_upload(fixture, &first), UPLOAD_ADDED);
    assert_int_equal(fixture_upload(fixture, &second), UPLOAD_ADDED);
    fixture_allow(fixture, 1);
    assert_int_equal(fixture_claim(fixture, &checkin, 1, &device), CLAIM_ACCEPTED);
    struct rollout *rollout = fixture_deploy(fixture, "1.1.0", NULL, 0);
    assert_int_equal(fixture_checkin(fixture, &checkin).reason, DECISION_OFFERED);
    return rollout;
}

static int64_t failures(struct fixture *fixture)
{
    return fixture_count(fixture, "select count(*) from events where reason > 0");
}

/* A proxy held one back; it arrives after the next one, and then the device says that again. */
static void a_late_copy_counts_no_second_time(void **state)
{
    struct fixture *fixture = *state;
    struct rollout *rollout = begin(fixture);
    struct godwit_checkin first = rolled_back(rollout->id, 1), second = rolled_back(rollout->id, 2);
    fixture_checkin(fixture, &first);
    fixture_checkin(fixture, &second);
    fixture_checkin(fixture, &first);
    fixture_checkin(fixture, &second);
    assert_int_equal(rollout->failed_count, 1);
    fixture_restart(fixture);
    fixture_checkin(fixture, &first);
    assert_int_equal(failures(fixture), 2);
    assert_int_equal(fixture_count(fixture, "select outcome_id from devices"), 2);
}

/* An hour later the same words are those of a device that counts anew. */
static void an_hour_later_it_is_another(void **state)
{
    struct fixture *fixture = *state;
    struct rollout *rollout = begin(fixture);
    struct godwit_checkin first = rolled_back(rollout->id, 1), second = rolled_back(rollout->id, 2);
    fixture_checkin(fixture, &first);
    fixture_checkin(fixture, &second);
    assert_int_equal(db_run(fixture->db, "update events set time = time - 3601", NULL, 0),
                     GODWIT_OK);
    fixture_checkin(fixture, &first);
    assert_int_equal(failures(fixture), 3);
}

/* Oldest first, a few at a time; how many there ever were is still told. */
static void what_is_old_goes_and_its_count_stays(void **state)
{
    struct fixture *fixture = *state;
    bool more;
    begin(fixture);
    int64_t lines = fixture_count(fixture, "select count(*) from events");
    assert_true(lines >= 2);
    assert_int_equal(db_script(fixture->db, "update events set time = id"), GODWIT_OK);
    int64_t first = fixture_count(fixture, "select min(id) from events"),
            last = fixture_count(fixture, "select max(id) from events");
    assert_int_equal(events_prune(fixture->db, first, 10, &more), GODWIT_OK);
    assert_int_equal(fixture_count(fixture, "select count(*) from events"), lines);
    assert_false(more);
    assert_int_equal(events_prune(fixture->db, last, 1, &more), GODWIT_OK);
    assert_true(more);
    assert_true(fixture_count(fixture, "select min(id) from events") > first);
    assert_int_equal(events_prune(fixture->db, last, 10, &more), GODWIT_OK);
    assert_false(more);
    assert_int_equal(fixture_count(fixture, "select min(id) from events"), last);
    assert_int_equal(fixture_count(fixture, "select events_total from devices"), lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_late_copy_counts_no_second_time, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(an_hour_later_it_is_another, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_is_old_goes_and_its_count_stays, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
