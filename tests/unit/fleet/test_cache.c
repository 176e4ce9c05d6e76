/* Two fleets live through the same random histories: one keeps every device in memory, the other
 * two of them. Each decision and each row must be the same. */
#include "fixture.h"

#include "case.h"
#include "fleet/cache.h"
#include "fleet/listing.h"
#include "fleet/memory.h"
#include "fleet/pending.h"
#include "fleet/prune.h"
#include "fleet/retire.h"

enum { FULL, SMALL, FLEETS };
enum { DEVICES = 9, IMAGES = 6, STEPS = 400, SEEDS = 4, IN_MEMORY = 2 };
#define INTERVAL_S 100000 /* beyond what is learnt of a device, which goes with it from memory */

static struct fixture full, small;
static struct fixture *const fleets[FLEETS] = {&full, &small};
static int64_t now_s;
static uint64_t chance_state;

static unsigned chance(unsigned below)
{
    chance_state = chance_state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(chance_state >> 33) % below;
}

static int setup(void **state)
{
    (void)state;
    for (int i = 0; i < FLEETS; i++) {
        struct fixture *fixture = fleets[i];
        memset(fixture, 0, sizeof *fixture);
        fixture->devices_max = i == SMALL ? IN_MEMORY : 0;
        temp_dir_make(fixture->dir);
        snprintf(fixture->path, sizeof fixture->path, "%.63s/godwit.db", fixture->dir);
        fixture_open(fixture);
        assert_int_equal(db_script(fixture->db, "pragma synchronous = off"), GODWIT_OK);
        for (uint8_t name = 1; name <= IMAGES; name++) {
            char version[16];
            snprintf(version, sizeof version, "1.%u.0", (unsigned)name);
            const struct upload upload = upload_of(version, name);
            assert_int_equal(fixture_upload(fixture, &upload), UPLOAD_ADDED);
        }
        fixture_allow(fixture, 1000);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < FLEETS; i++) {
        fixture_close(fleets[i]);
        temp_dir_drop(fleets[i]->dir);
    }
    return 0;
}

/* ---- steps: each with the same choices on both ---- */

struct choice {
    uint8_t device, other, image, outcome, token;
    bool is_trial;
};

static struct choice choose(void)
{
    return (struct choice){.device = (uint8_t)(1 + chance(DEVICES)),
                           .other = (uint8_t)(1 + chance(DEVICES)),
                           .image = (uint8_t)(1 + chance(IMAGES)),
                           .outcome = (uint8_t)chance(4),
                           .token = (uint8_t)(chance(8) ? 0 : 100),
                           .is_trial = chance(6) == 0};
}

static struct godwit_checkin says(const struct choice *choice)
{
    struct godwit_checkin checkin = checkin_of(choice->device, choice->image);
    checkin.on_trial = choice->is_trial;
    checkin.checkins = (uint32_t)now_s;
    if (choice->outcome != 3) return checkin;
    checkin.outcome.id = 1 + choice->other;
    checkin.outcome.stage = GODWIT_STAGE_ROLLED_BACK;
    checkin.outcome.reason = GODWIT_REASON_TRIAL_PANIC;
    memset(checkin.outcome.file_sha256, choice->image + 100, 32);
    return checkin;
}

static struct device *fetch(struct fixture *fixture, uint8_t number)
{
    struct device *device;
    const struct godwit_checkin checkin = checkin_of(number, 1);
    assert_int_equal(
        device_fetch(&fixture->fleet, fixture->db, FLEET_ORG, checkin.device_id, &device),
        GODWIT_OK);
    return device;
}

static void end(struct fixture *fixture)
{
    assert_int_equal(listing_commit(&fixture->fleet, fixture->db), GODWIT_OK);
    fixture_commit(fixture);
}

/* What it comes to, in one number. */
static int64_t step_check_in(struct fixture *fixture, const struct choice *choice)
{
    const struct godwit_checkin checkin = says(choice);
    fixture_begin(fixture);
    struct device *device = fetch(fixture, choice->device);
    if (device && !device->is_retired) {
        fleet_lock(&fixture->fleet);
        enum take_result taken = device_take(&fixture->fleet, device, &checkin, now_s);
        fleet_unlock(&fixture->fleet);
        if (taken == TAKE_RECORD)
            assert_int_equal(device_record(&fixture->fleet, fixture->db, device, &checkin, now_s),
                             GODWIT_OK);
    }
    end(fixture);
    if (!device) return -1;
    const struct decision decision = decide(device, &fixture->fleet.catalogue);
    return decision.reason * 1000 + (decision.rollout ? decision.rollout->id : 0);
}

static int64_t step_claim(struct fixture *fixture, const struct choice *choice)
{
    const struct godwit_checkin checkin = says(choice);
    struct device *device;
    return fixture_claim(fixture, &checkin, (uint8_t)(choice->device + choice->token), &device);
}

static int64_t step_deploy(struct fixture *fixture, const struct choice *choice)
{
    char version[16];
    uint32_t id = 0;
    snprintf(version, sizeof version, "1.%u.0", (unsigned)choice->image);
    fixture_begin(fixture);
    struct device *targets[] = {fetch(fixture, choice->device), fetch(fixture, choice->other)};
    const struct rollout_request wanted = {
        .release = release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", version),
        .devices = choice->outcome ? NULL : targets,
        .devices_count = choice->outcome ? 0 : 2};
    if (choice->outcome || (targets[0] && targets[1]))
        assert_int_equal(rollout_create(&fixture->fleet, fixture->db, &wanted, now_s, &id),
                         GODWIT_OK);
    end(fixture);
    return id;
}

static int64_t step_let_in(struct fixture *fixture, const struct choice *choice)
{
    enum pending_result result = PENDING_NONE;
    fixture_begin(fixture);
    struct device *device = fetch(fixture, choice->device);
    const struct pending_token *token = device ? pending_newest(device) : NULL;
    if (token)
        assert_int_equal(pending_accept(&fixture->fleet, fixture->db, device, token->token_sha256,
                                        now_s, &result),
                         GODWIT_OK);
    end(fixture);
    return result;
}

static int64_t step_retire(struct fixture *fixture, const struct choice *choice)
{
    enum leave_result result = LEAVE_NOTHING;
    fixture_begin(fixture);
    struct device *device = fetch(fixture, choice->device);
    if (device)
        assert_int_equal((choice->outcome ? device_reinstate : device_retire)(
                             &fixture->fleet, fixture->db, device, now_s, &result),
                         GODWIT_OK);
    end(fixture);
    return result;
}

static int64_t step_sweep(struct fixture *fixture, const struct choice *choice)
{
    struct fleet *fleet = &fixture->fleet;
    bool more;
    fixture_begin(fixture);
    assert_int_equal(rollout_note_incompatible(fleet, fixture->db, choice->other, now_s, &more),
                     GODWIT_OK);
    if (rollouts_are_unpruned(fleet))
        assert_int_equal(rollouts_prune(fleet, fixture->db, choice->other, &more), GODWIT_OK);
    assert_int_equal(listing_sweep(fleet, fixture->db, choice->other, &more), GODWIT_OK);
    end(fixture);
    silence_find(fleet, INTERVAL_S, now_s);
    return 0;
}

/* What is not committed is read anew; facts that were not written stay. */
static int64_t step_fail(struct fixture *fixture, const struct choice *choice)
{
    const struct godwit_checkin checkin = says(choice);
    fixture_begin(fixture);
    struct device *device = fetch(fixture, choice->device);
    if (device)
        assert_int_equal(device_record(&fixture->fleet, fixture->db, device, &checkin, now_s),
                         GODWIT_OK);
    db_rollback(fixture->db);
    fleet_aborted(&fixture->fleet);
    assert_int_equal(fleet_load(&fixture->fleet, fixture->db), GODWIT_OK);
    return 0;
}

static void flush(struct fixture *fixture)
{
    bool more;
    fixture_begin(fixture);
    assert_int_equal(device_flush(&fixture->fleet, fixture->db, SIZE_MAX, &more), GODWIT_OK);
    end(fixture);
}

static int64_t step_restart(struct fixture *fixture, const struct choice *choice)
{
    (void)choice;
    flush(fixture);
    fixture_restart(fixture);
    assert_int_equal(db_script(fixture->db, "pragma synchronous = off"), GODWIT_OK);
    return 0;
}

static const struct {
    int64_t (*run)(struct fixture *fixture, const struct choice *choice);
    unsigned weight;
} ACTS[] = {{step_check_in, 30}, {step_claim, 10}, {step_deploy, 3}, {step_let_in, 2},
            {step_retire, 2},    {step_sweep, 5},  {step_fail, 1},   {step_restart, 1}};

static size_t choose_act(void)
{
    unsigned left = chance(54);
    size_t act = 0;
    while (left >= ACTS[act].weight)
        left -= ACTS[act++].weight;
    return act;
}

/* ---- comparing ---- */

static void expect_same_rows(const char *sql, int columns)
{
    struct db_rows rows[FLEETS];
    char text[FLEETS][128];
    godwit_err err[FLEETS];
    for (int i = 0; i < FLEETS; i++)
        assert_int_equal(db_query(fleets[i]->db, &rows[i], sql, NULL, 0), GODWIT_OK);
    do {
        for (int i = 0; i < FLEETS; i++)
            err[i] = db_next(&rows[i]);
        assert_int_equal(err[FULL], err[SMALL]);
        for (int column = 0; !err[FULL] && column < columns; column++) {
            CASE(column);
            for (int i = 0; i < FLEETS; i++)
                db_column_text(&rows[i], column, text[i], sizeof text[i]);
            assert_string_equal(text[SMALL], text[FULL]);
        }
    } while (!err[FULL]);
    for (int i = 0; i < FLEETS; i++)
        db_rows_close(&rows[i]);
}

static void compare(void)
{
    for (int i = 0; i < FLEETS; i++)
        flush(fleets[i]);
    expect_same_rows("select id, hex(token_sha256), last_seen, outcome_id, hex(known_image),"
                     " checkins, state, reason, rollout, not_offered_rollout, retired,"
                     " hex(image_sha256) from devices order by id",
                     12);
    expect_same_rows("select rollout, device, offer_number, state, reason from members"
                     " order by rollout, device",
                     5);
    expect_same_rows("select id, members, offered, succeeded, failed, in_progress from rollouts"
                     " order by id",
                     6);
    expect_same_rows("select device, time, kind, reason, version, detail from events order by id",
                     6);
    expect_same_rows("select device, hex(image_sha256) from failed_images order by id", 2);
    expect_same_rows("select device, hex(token_sha256), is_rejected from pending_tokens"
                     " order by id",
                     3);
    const struct rollout *rollout = full.fleet.catalogue.rollouts,
                         *same = small.fleet.catalogue.rollouts;
    for (; rollout && same; rollout = rollout->next, same = same->next) {
        assert_int_equal(same->in_progress_count, rollout->in_progress_count);
        assert_int_equal(same->away_count, rollout->away_count);
    }
    assert_ptr_equal(rollout, same);
    const struct product *product[FLEETS];
    for (int i = 0; i < FLEETS; i++)
        product[i] = product_find(&fleets[i]->fleet.catalogue, FLEET_ORG, "thermostat");
    assert_int_equal(product[SMALL]->devices_count, product[FULL]->devices_count);
}

/* Those that must stay are more than two at times; the rest of the fleet is not there. */
static void expect_small(size_t *evicted)
{
    struct fleet *fleet = &fleets[SMALL]->fleet;
    *evicted += fleets[FULL]->fleet.devices_count - fleet->devices_count;
    assert_int_equal(fleet->devices_by_id.count, fleet->devices_count);
    assert_int_equal(fleet->devices_by_token.count, fleet->devices_count);
    assert_int_equal(fleet->device_cells.used_count, fleet->devices_count);
}

static void a_small_memory_changes_nothing(void **state)
{
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        size_t evicted = 0;
        setup(state);
        chance_state = seed;
        now_s = NOW_S;
        for (unsigned step = 0; step < STEPS; step++) {
            CASE(step);
            const struct choice choice = choose();
            size_t act = choose_act();
            int64_t result[FLEETS];
            now_s += chance(20) ? 10 : 4 * INTERVAL_S;
            for (int i = 0; i < FLEETS; i++)
                result[i] = ACTS[act].run(fleets[i], &choice);
            assert_int_equal(result[SMALL], result[FULL]);
            expect_small(&evicted);
            if (step % 20 == 19) compare();
        }
        assert_true(evicted > STEPS);
        teardown(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
