/* What lists say and what is counted, held to decide and to the rows after random histories. */
#include "fleet/listing.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "fixture.h"
#include "fleet/counts.h"
#include "fleet/remove.h"

enum { DEVICES = 24, STEPS = 400, ROUNDS = 6 };

static uint32_t seed;

static uint32_t pick(uint32_t below)
{
    seed = seed * 1664525U + 1013904223U;
    return (seed >> 8) % below;
}

static void text_of(struct fixture *fixture, int64_t id, const char *sql, char out[static 64])
{
    struct db_rows rows;
    assert_int_equal(db_query(fixture->db, &rows, sql, DB_ARGS(db_int(id))), GODWIT_OK);
    assert_int_equal(db_next(&rows), GODWIT_OK);
    db_column_text(&rows, 0, out, 64);
    db_rows_close(&rows);
}

static void settle(struct fixture *fixture)
{
    bool more = true;
    fixture_begin(fixture);
    assert_int_equal(device_flush(&fixture->fleet, fixture->db, SIZE_MAX, &more), GODWIT_OK);
    assert_int_equal(listing_sweep(&fixture->fleet, fixture->db, SIZE_MAX, &more), GODWIT_OK);
    fixture_commit(fixture);
    assert_true(listing_is_settled(&fixture->fleet));
}

static void check_row(struct fixture *fixture, const struct device *device)
{
    char text[64];
    const struct standing standing = standing_of(device, &fixture->fleet.catalogue);
    const struct decision decision = decide(device, &fixture->fleet.catalogue);
    text_of(fixture, device->id, "select state from devices where id = $1", text);
    assert_string_equal(text, standing.state);
    text_of(fixture, device->id, "select reason from devices where id = $1", text);
    assert_string_equal(
        text, decision_reason_id(decision.must_offer && decision.reason == DECISION_OFFERED
                                     ? DECISION_QUEUED
                                     : decision.reason));
    text_of(fixture, device->id, "select rollout from devices where id = $1", text);
    assert_int_equal(strtoul(text, NULL, 10), decision.rollout ? decision.rollout->id : 0);
    text_of(fixture, device->id, "select rollout_state from devices where id = $1", text);
    assert_string_equal(text, standing.rollout_state);
    text_of(fixture, device->id, "select presence from devices where id = $1", text);
    assert_string_equal(text, standing.presence);
    text_of(fixture, device->id, "select cause from devices where id = $1", text);
    assert_string_equal(text, standing.cause ? godwit_reason_id(standing.cause) : "");
    text_of(fixture, device->id, "select shown_version from devices where id = $1", text);
    assert_string_equal(text, device_version(&fixture->fleet.catalogue, device));
    text_of(fixture, device->id, "select slot from devices where id = $1", text);
    assert_string_equal(text, device->facts.running->slot);
    text_of(fixture, device->id, "select on_trial from devices where id = $1", text);
    assert_int_equal(strtoul(text, NULL, 10), device->facts.on_trial);
}

/* Groups whose kept count is not what is counted, in both directions. */
static int64_t wrong_counts(struct fixture *fixture)
{
    return fixture_count(
        fixture,
        "select count(*) from (select product_name, rollout, rollout_state, state, reason,"
        " presence, image, deploy_key, sum(n) from (select product_name, rollout, rollout_state,"
        " state, reason, presence, image, deploy_key, count as n from device_counts union all"
        " select product_name, rollout, rollout_state, state, reason, presence, image, deploy_key,"
        " -1 from devices where state <> '') group by product_name, rollout, rollout_state, state,"
        " reason, presence, image, deploy_key having sum(n) <> 0)");
}

static int64_t wrong_members(struct fixture *fixture)
{
    return fixture_count(
        fixture,
        "select count(*) from rollouts r where"
        " members <> (select count(*) from members m where m.rollout = r.id)"
        " or succeeded <> (select count(*) from members m where m.rollout = r.id and m.state = 2)"
        " or failed <> (select count(*) from members m where m.rollout = r.id and m.state = 3)"
        " or in_progress <> (select count(*) from members m where m.rollout = r.id"
        " and m.state = 1)");
}

static void check_all(struct fixture *fixture)
{
    int64_t counted;
    assert_int_equal(counts_devices(fixture->db, &counted), GODWIT_OK);
    assert_int_equal(counted,
                     fixture_count(fixture, "select count(*) from devices where retired = 0"));
    for (size_t i = 0; i < fixture->fleet.devices_count; i++)
        check_row(fixture, fixture->fleet.devices[i]);
    assert_int_equal(wrong_counts(fixture), 0);
    assert_int_equal(wrong_members(fixture), 0);
}

/* ---- histories ---- */

static void step_checkin(struct fixture *fixture)
{
    struct godwit_checkin checkin =
        checkin_of((uint8_t)(1 + pick(DEVICES)), (uint8_t)(1 + pick(5)));
    checkin.on_trial = pick(8) == 0;
    checkin.slot_size = pick(10) ? 1 << 20 : 4096;
    if (pick(3) == 0) {
        checkin.outcome.id = 1 + pick(1000);
        checkin.outcome.stage = pick(2) ? GODWIT_STAGE_TRIAL : GODWIT_STAGE_DOWNLOAD;
        checkin.outcome.reason = pick(2) ? GODWIT_REASON_TRIAL_PANIC : GODWIT_REASON_BODY_DIFFERS;
        const struct rollout *rollout = fixture->fleet.catalogue.rollouts;
        checkin.outcome.rollout_id = rollout ? rollout->id : 0;
        memset(checkin.outcome.file_sha256, (int)(101 + pick(5)), 32);
    }
    snprintf(checkin.slot, sizeof checkin.slot, "ota_%u", pick(2));
    if (device_find(&fixture->fleet, FLEET_ORG, checkin.device_id))
        fixture_checkin(fixture, &checkin);
}

static void step_deploy(struct fixture *fixture)
{
    struct device *devices[4];
    char version[8];
    size_t count = pick(2) ? pick(4) : 0;
    for (size_t i = 0; i < count; i++)
        devices[i] = fixture->fleet.devices[pick((uint32_t)fixture->fleet.devices_count)];
    snprintf(version, sizeof version, "1.%u.0", pick(5));
    if (release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", version))
        fixture_roll_out(fixture, version, count ? devices : NULL, count, pick(2));
}

static void step_upload(struct fixture *fixture)
{
    uint8_t name = (uint8_t)pick(5);
    char version[8];
    snprintf(version, sizeof version, "1.%u.0", name);
    const struct upload upload = upload_of(version, (uint8_t)(1 + name));
    fixture_upload(fixture, &upload);
}

static void step_remove(struct fixture *fixture)
{
    struct remove_verdict verdict;
    char version[8];
    snprintf(version, sizeof version, "1.%u.0", pick(5));
    struct release *release =
        release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", version);
    if (!release) return;
    fixture_begin(fixture);
    assert_int_equal(release_remove(&fixture->fleet, fixture->db, release, &verdict), GODWIT_OK);
    fixture_commit(fixture);
    free(verdict.files);
}

static void step_missed(struct fixture *fixture)
{
    listing_find_missed(&fixture->fleet, 60, NOW_S + (pick(2) ? 0 : 4000));
}

static void step_settle(struct fixture *fixture)
{
    settle(fixture);
    check_all(fixture);
}

static void step_restart(struct fixture *fixture)
{
    settle(fixture); /* facts that nobody wrote are lost with the program */
    fixture_restart(fixture);
    fixture_begin(fixture);
    assert_int_equal(listing_open(&fixture->fleet, fixture->db), GODWIT_OK);
    fixture_commit(fixture);
    listing_find_missed(&fixture->fleet, 60, NOW_S + 4000); /* as the first tick does */
}

static void (*const STEP[])(struct fixture *) = {
    step_checkin, step_checkin, step_checkin, step_checkin, step_checkin, step_deploy,
    step_upload,  step_remove,  step_missed,  step_settle,  step_restart,
};

static void rows_say_what_decide_says(void **state)
{
    struct fixture *fixture = *state;
    const struct upload first = upload_of("1.0.0", 1);
    fixture_upload(fixture, &first);
    fixture_allow(fixture, DEVICES);
    for (uint8_t n = 1; n <= DEVICES; n++) {
        struct device *device;
        const struct godwit_checkin checkin = checkin_of(n, 1);
        fixture_claim(fixture, &checkin, n, &device);
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        seed = 7 + round;
        for (size_t i = 0; i < STEPS; i++)
            STEP[pick(sizeof STEP / sizeof *STEP)](fixture);
        settle(fixture);
        check_all(fixture);
    }
}

/* ---- single cases ---- */

static struct device *one_device(struct fixture *fixture)
{
    struct device *device;
    const struct upload old = upload_of("1.0.0", 1), new = upload_of("1.1.0", 2);
    const struct godwit_checkin checkin = checkin_of(1, 1);
    fixture_upload(fixture, &old);
    fixture_upload(fixture, &new);
    fixture_allow(fixture, 5);
    fixture_claim(fixture, &checkin, 1, &device);
    fixture_checkin(fixture, &checkin);
    settle(fixture);
    return device;
}

static void who_is_switched_off_is_queued(void **state)
{
    struct fixture *fixture = *state;
    char text[64];
    struct device *device = one_device(fixture);
    fixture_deploy(fixture, "1.1.0", NULL, 0);
    settle(fixture);
    text_of(fixture, device->id, "select state from devices where id = $1", text);
    assert_string_equal(text, "queued");
    text_of(fixture, device->id, "select presence from devices where id = $1", text);
    assert_string_equal(text, "unseen");
    listing_find_missed(&fixture->fleet, 60, NOW_S + 4000);
    settle(fixture);
    text_of(fixture, device->id, "select presence from devices where id = $1", text);
    assert_string_equal(text, "missed");
    const struct godwit_checkin checkin = checkin_of(1, 1);
    fixture_checkin(fixture, &checkin);
    text_of(fixture, device->id, "select state from devices where id = $1", text);
    assert_string_equal(text, "in-progress"); /* with the offer, in the same transaction */
    assert_int_equal(wrong_counts(fixture), 0);
}

static void a_sweep_that_was_cut_off_is_made_again(void **state)
{
    struct fixture *fixture = *state;
    char text[64];
    struct device *device = one_device(fixture);
    fixture_deploy(fixture, "1.1.0", NULL, 0);
    fixture_restart(fixture); /* killed before the first piece of the sweep */
    fixture_begin(fixture);
    assert_int_equal(listing_open(&fixture->fleet, fixture->db), GODWIT_OK);
    fixture_commit(fixture);
    device = fixture->fleet.devices[0];
    assert_false(listing_is_settled(&fixture->fleet));
    settle(fixture);
    text_of(fixture, device->id, "select state from devices where id = $1", text);
    assert_string_equal(text, "queued");
    fixture_restart(fixture);
    fixture_begin(fixture);
    assert_int_equal(listing_open(&fixture->fleet, fixture->db), GODWIT_OK);
    fixture_commit(fixture);
    assert_true(listing_is_settled(&fixture->fleet)); /* nothing to do at the next start */
}

static void an_aborted_sweep_is_made_again(void **state)
{
    struct fixture *fixture = *state;
    bool more;
    one_device(fixture);
    fixture_deploy(fixture, "1.1.0", NULL, 0);
    fixture_begin(fixture);
    assert_int_equal(listing_sweep(&fixture->fleet, fixture->db, SIZE_MAX, &more), GODWIT_OK);
    db_rollback(fixture->db);
    fleet_aborted(&fixture->fleet);
    assert_false(listing_is_settled(&fixture->fleet));
    settle(fixture);
    check_all(fixture);
}

static void wrong_counts_are_counted_anew(void **state)
{
    struct fixture *fixture = *state;
    one_device(fixture);
    assert_int_equal(db_script(fixture->db, "update device_counts set count = 77"), GODWIT_OK);
    assert_int_not_equal(wrong_counts(fixture), 0);
    assert_int_equal(db_script(fixture->db, "update sweeps set stamp = 'count'"), GODWIT_OK);
    fixture_restart(fixture);
    fixture_begin(fixture);
    assert_int_equal(listing_open(&fixture->fleet, fixture->db), GODWIT_OK);
    fixture_commit(fixture);
    assert_int_equal(wrong_counts(fixture), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_say_what_decide_says, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(who_is_switched_off_is_queued, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_sweep_that_was_cut_off_is_made_again, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(an_aborted_sweep_is_made_again, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(wrong_counts_are_counted_anew, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
