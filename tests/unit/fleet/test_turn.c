/* The guards of a rollout, each closed and open again: on a real database, by check-ins. */
#include "case.h"
#include "fixture.h"
#include "fleet/guard_tags.h"
#include "fleet/site.h"
#include "fleet/standing.h"
#include "fleet/tags.h"
#include "fleet/turn.h"

enum { DEVICES = 4 };

/* So many devices that run 1.0.0, and 1.1.0 uploaded. */
static void join(struct fixture *fixture)
{
    const struct upload first = upload_of("1.0.0", 1), second = upload_of("1.1.0", 2);
    assert_int_equal(fixture_upload(fixture, &first), UPLOAD_ADDED);
    assert_int_equal(fixture_upload(fixture, &second), UPLOAD_ADDED);
    fixture_allow(fixture, DEVICES);
    for (uint8_t n = 1; n <= DEVICES; n++) {
        struct godwit_checkin checkin = checkin_of(n, 1);
        struct device *device;
        assert_int_equal(fixture_claim(fixture, &checkin, n, &device), CLAIM_ACCEPTED);
    }
    fixture->fleet.catalogue.now_s = NOW_S; /* Thursday, 00:00 UTC */
}

/* What it is told when it says so of itself. */
static enum decision_reason say(struct fixture *fixture, uint8_t n, const char *attributes)
{
    struct godwit_checkin checkin = checkin_of(n, 1);
    snprintf(checkin.attributes, sizeof checkin.attributes, "%s", attributes);
    return fixture_checkin(fixture, &checkin).reason;
}

static struct rollout *guarded(struct fixture *fixture, const struct rollout_guards *guards)
{
    return fixture_begin_rollout(fixture, "1.1.0", (struct rollout_request){.guards = *guards});
}

static struct rollout_guards with_window(const char *text)
{
    struct rollout_guards guards = {0};
    char note[200];
    assert_int_equal(window_parse(text, &guards, note, sizeof note), GODWIT_OK);
    return guards;
}

static const char *row_reason(struct fixture *fixture, uint8_t n)
{
    struct godwit_checkin checkin = checkin_of(n, 1);
    const struct device *device = fixture_device(fixture, checkin.device_id);
    return decision_reason_id(standing_of(device, &fixture->fleet.catalogue).reason);
}

static void a_closed_window_offers_nothing(void **state)
{
    struct fixture *fixture = *state;
    join(fixture);
    const struct rollout_guards guards = with_window("thu 02:00-05:00");
    guarded(fixture, &guards);
    assert_int_equal(say(fixture, 1, ""), DECISION_WINDOW);
    assert_string_equal(row_reason(fixture, 1), "queued"); /* true at every hour */
    assert_int_equal(say(fixture, 2, "tz=+02:00"), DECISION_OFFERED);
    fixture_restart(fixture);
    fixture->fleet.catalogue.now_s = NOW_S;
    assert_int_equal(say(fixture, 1, ""), DECISION_WINDOW);
    assert_int_equal(say(fixture, 2, "tz=+02:00"), DECISION_OFFERED);
    /* the hour passes: the one opens, the other closes and keeps its place */
    fixture->fleet.catalogue.now_s = NOW_S + 3 * 3600;
    assert_int_equal(say(fixture, 1, ""), DECISION_OFFERED);
    assert_int_equal(say(fixture, 2, "tz=+02:00"), DECISION_WINDOW);
    assert_string_equal(row_reason(fixture, 2), "offered");
    assert_int_equal(fixture->fleet.catalogue.rollouts->in_progress_count, 2);
}

static void a_device_in_progress_does_not_switch(void **state)
{
    struct fixture *fixture = *state;
    join(fixture);
    const struct rollout_guards guards = with_window("thu 00:00-01:00");
    guarded(fixture, &guards);
    assert_int_equal(say(fixture, 1, ""), DECISION_OFFERED);
    const struct godwit_checkin checkin = checkin_of(1, 1);
    const struct device *device = fixture_device(fixture, checkin.device_id);
    uint8_t file[32];
    memset(file, 102, sizeof file);
    assert_true(device_may_download(&fixture->fleet, device, file));
    fixture->fleet.catalogue.now_s = NOW_S + 3600;
    assert_false(device_may_download(&fixture->fleet, device, file));
    /* away meanwhile: it was never allowed to switch, so that its silence is no failure */
    silence_find(&fixture->fleet, 60, NOW_S + 36000);
    assert_int_equal(fixture->fleet.silent_count, 0);
    assert_int_equal(fixture->fleet.catalogue.rollouts->in_progress_count, 0);
    assert_int_equal(fixture->fleet.catalogue.rollouts->away_count, 1);
}

static void few_of_one_site_are_in_progress(void **state)
{
    struct fixture *fixture = *state;
    join(fixture);
    const struct rollout_guards guards = {.per_site = 1};
    guarded(fixture, &guards);
    assert_int_equal(say(fixture, 1, "site=Berlin"), DECISION_OFFERED);
    assert_int_equal(say(fixture, 2, "site=berlin"), DECISION_SITE);
    assert_string_equal(row_reason(fixture, 2), "queued");
    assert_int_equal(say(fixture, 3, "site=paris"), DECISION_OFFERED);
    assert_int_equal(say(fixture, 4, ""), DECISION_OFFERED); /* of no site */
    fixture_restart(fixture);
    assert_int_equal(say(fixture, 1, "site=Berlin"), DECISION_OFFERED); /* it is the one */
    assert_int_equal(say(fixture, 2, "site=berlin"), DECISION_SITE);
    /* the one has succeeded */
    struct godwit_checkin proof = checkin_of(1, 2);
    snprintf(proof.attributes, sizeof proof.attributes, "site=Berlin");
    fixture_checkin(fixture, &proof);
    assert_int_equal(say(fixture, 2, "site=berlin"), DECISION_OFFERED);
    assert_int_equal(fixture->fleet.catalogue.sites.count, 2);
}

static void a_site_that_a_device_leaves_is_free(void **state)
{
    struct fixture *fixture = *state;
    join(fixture);
    const struct rollout_guards guards = {.per_site = 1};
    guarded(fixture, &guards);
    assert_int_equal(say(fixture, 1, "site=berlin"), DECISION_OFFERED);
    assert_int_equal(say(fixture, 2, "site=berlin"), DECISION_SITE);
    assert_int_equal(say(fixture, 1, "site=paris"), DECISION_OFFERED);
    assert_int_equal(say(fixture, 2, "site=berlin"), DECISION_OFFERED);
    assert_int_equal(say(fixture, 3, "site=paris"), DECISION_SITE);
    silence_find(&fixture->fleet, 60, NOW_S + 36000); /* all are away before they could switch */
    assert_int_equal(fixture->fleet.catalogue.sites.count, 0);
}

static void consent_busy_and_battery(void **state)
{
    struct fixture *fixture = *state;
    join(fixture);
    const struct rollout_guards guards = {.needs_consent = true, .battery_min = 20};
    guarded(fixture, &guards);
    static const struct {
        const char *attributes;
        enum decision_reason reason;
    } CASES[] = {
        {"", DECISION_CONSENT},
        {"consent=no", DECISION_CONSENT},
        {"consent=yes busy=1", DECISION_BUSY},
        {"consent=yes battery=19", DECISION_BATTERY},
        {"consent=yes battery=0", DECISION_BATTERY},
        {"consent=yes battery=20", DECISION_OFFERED},
        {"consent=yes battery=none busy=0", DECISION_OFFERED},
        {"consent=yes battery=5", DECISION_BATTERY}, /* in progress: it does not switch */
        {"consent=no", DECISION_CONSENT},
        {"consent=1", DECISION_OFFERED},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        CASE(i);
        assert_int_equal(say(fixture, 1, CASES[i].attributes), CASES[i].reason);
    }
    assert_int_equal(say(fixture, 2, "busy=yes"), DECISION_CONSENT); /* the first closed one */
    assert_string_equal(row_reason(fixture, 2), "consent");
}

static void a_persons_tag_wins(void **state)
{
    struct fixture *fixture = *state;
    static const char *const TAGS[] = {"tz=+02:00", "site=paris"};
    const struct tag_change change = {.add = TAGS, .add_count = 2};
    const struct godwit_checkin checkin = checkin_of(1, 1);
    enum tag_result result;
    join(fixture);
    const struct rollout_guards guards = with_window("thu 02:00-05:00");
    guarded(fixture, &guards);
    assert_int_equal(say(fixture, 1, "tz=-05:00 site=berlin"), DECISION_WINDOW);
    struct device *device = fixture_device(fixture, checkin.device_id);
    fixture_begin(fixture);
    assert_int_equal(device_tag(fixture->db, device, &change, NOW_S, &result), GODWIT_OK);
    assert_int_equal(guard_tags_read(&fixture->fleet, fixture->db, device), GODWIT_OK);
    fixture_commit(fixture);
    assert_int_equal(say(fixture, 1, "tz=-05:00 site=rome"), DECISION_OFFERED);
    assert_int_equal(site_in_progress(&fixture->fleet.catalogue, device), 1);
    uint32_t site = device->site;
    fixture_restart(fixture);
    device = fixture_device(fixture, checkin.device_id);
    assert_int_equal(device->site, site);
    assert_int_equal(site_in_progress(&fixture->fleet.catalogue, device), 1);
}

static void guards_are_kept(void **state)
{
    struct fixture *fixture = *state;
    join(fixture);
    struct rollout_guards guards = with_window("mon-fri 02:00-05:00,sat 00:00-24:00");
    guards.per_site = 7;
    guards.battery_min = 35;
    guards.needs_consent = true;
    assert_int_equal(zone_parse("-03:30", &guards.zone), GODWIT_OK);
    guarded(fixture, &guards);
    fixture_restart(fixture);
    const struct rollout_guards *kept = &fixture->fleet.catalogue.rollouts->guards;
    char text[WINDOW_TEXT_MAX], back[WINDOW_TEXT_MAX];
    window_format(&guards, text);
    window_format(kept, back);
    assert_string_equal(back, text);
    assert_int_equal(kept->per_site, 7);
    assert_int_equal(kept->battery_min, 35);
    assert_int_equal(kept->zone, guards.zone);
    assert_true(kept->needs_consent);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_closed_window_offers_nothing),
        TEST(a_device_in_progress_does_not_switch),
        TEST(few_of_one_site_are_in_progress),
        TEST(a_site_that_a_device_leaves_is_free),
        TEST(consent_busy_and_battery),
        TEST(a_persons_tag_wins),
        TEST(guards_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
