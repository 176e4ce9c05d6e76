/* Old rollouts go, and nothing that is decided or said of a device changes by it. */
#include "fixture.h"

#include <stdlib.h>

#include "fleet/prune.h"
#include "fleet/remove.h"

enum { OLD = 1, NEW = 2, DEVICES = 14, DEPLOYS = 300, ROWS = 7 };

static struct device *device_of(struct fixture *fixture, uint8_t n)
{
    const struct godwit_checkin checkin = checkin_of(n, OLD);
    return fixture_device(fixture, checkin.device_id);
}

/* Both releases are rolled out to devices that run the first one. */
static struct fixture *begin(void **state)
{
    struct fixture *fixture = *state;
    struct upload first = upload_of("1.0.0", OLD), second = upload_of("1.1.0", NEW);
    assert_int_equal(db_script(fixture->db, "pragma synchronous = off"), GODWIT_OK); /* quick */
    assert_int_equal(fixture_upload(fixture, &first), UPLOAD_ADDED);
    assert_int_equal(fixture_upload(fixture, &second), UPLOAD_ADDED);
    fixture_allow(fixture, DEVICES);
    for (uint8_t n = 1; n <= DEVICES; n++) {
        struct godwit_checkin checkin = checkin_of(n, OLD);
        struct device *device;
        assert_int_equal(fixture_claim(fixture, &checkin, n, &device), CLAIM_ACCEPTED);
        fixture_checkin(fixture, &checkin);
    }
    return fixture;
}

/* Turn and turn about for all of the product, so that each one has members: who checks in is
 * offered every second one. */
static void deploy_often(struct fixture *fixture, unsigned count, uint8_t devices)
{
    for (unsigned i = 0; i < count; i++) {
        fixture_deploy(fixture, i % 2 ? "1.0.0" : "1.1.0", NULL, 0);
        for (uint8_t n = 1; n <= devices; n++) {
            const struct godwit_checkin checkin = checkin_of(n, OLD);
            fixture_checkin(fixture, &checkin);
        }
    }
}

static bool prune_some(struct fixture *fixture)
{
    bool more = false;
    fixture_begin(fixture);
    assert_int_equal(rollouts_prune(&fixture->fleet, fixture->db, ROWS, &more), GODWIT_OK);
    fixture_commit(fixture);
    return more;
}

static void prune(struct fixture *fixture)
{
    for (unsigned i = 0; prune_some(fixture); i++)
        assert_true(i < 100000);
    assert_false(rollouts_are_unpruned(&fixture->fleet));
}

static size_t rollouts(const struct fixture *fixture)
{
    size_t count = 0;
    for (const struct rollout *at = fixture->fleet.catalogue.rollouts; at; at = at->next)
        count++;
    return count;
}

static bool is_there(struct fixture *fixture, uint32_t id)
{
    const struct rollout *rollout = rollout_find(&fixture->fleet.catalogue, id);
    assert_true(!rollout || rollout->id == id);
    return rollout;
}

/* What a device is told, by values: pointers do not outlive a restart. */
struct told {
    enum decision_kind kind;
    enum decision_reason reason;
    uint32_t rollout;
    uint8_t file[32];
    bool must_offer, must_note;
};

static void all_told(const struct fixture *fixture, struct told out[static DEVICES])
{
    memset(out, 0, DEVICES * sizeof *out);
    for (size_t i = 0; i < fixture->fleet.devices_count; i++) {
        const struct decision decision =
            decide(fixture->fleet.devices[i], &fixture->fleet.catalogue);
        out[i].kind = decision.kind;
        out[i].reason = decision.reason;
        out[i].rollout = decision.rollout ? decision.rollout->id : 0;
        if (decision.image) memcpy(out[i].file, decision.image->file_sha256, 32);
        out[i].must_offer = decision.must_offer;
        out[i].must_note = decision.must_note;
    }
}

/* All of rollouts and members in memory, in their order, as one row of numbers. */
static size_t all_kept(const struct fixture *fixture, uint32_t *out, size_t out_max)
{
    size_t count = 0;
    for (const struct rollout *at = fixture->fleet.catalogue.rollouts; at; at = at->next) {
        const uint32_t numbers[] = {at->id,
                                    at->is_targeted,
                                    at->members_count,
                                    at->offered_count,
                                    at->succeeded_count,
                                    at->failed_count,
                                    at->in_progress_count};
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers && count < out_max; i++)
            out[count++] = numbers[i];
    }
    for (size_t i = 0; i < fixture->fleet.devices_count; i++)
        for (const struct member *at = fixture->fleet.devices[i]->members; at; at = at->next) {
            const uint32_t numbers[] = {(uint32_t)i, at->rollout->id, at->offer_number, at->state,
                                        at->reason};
            for (size_t k = 0; k < sizeof numbers / sizeof *numbers && count < out_max; k++)
                out[count++] = numbers[k];
        }
    return count;
}

static void assert_restart_changes_nothing(struct fixture *fixture)
{
    static uint32_t before[65536], after[65536];
    size_t count = all_kept(fixture, before, 65536);
    assert_in_range(count, 1, 65535);
    fixture_restart(fixture);
    assert_int_equal(all_kept(fixture, after, 65536), count);
    assert_memory_equal(before, after, count * sizeof *before);
}

static void the_newest_are_kept(void **state)
{
    struct fixture *fixture = begin(state);
    struct told before[DEVICES], after[DEVICES];
    deploy_often(fixture, DEPLOYS, DEVICES);
    assert_int_equal(rollouts(fixture), DEPLOYS);
    all_told(fixture, before);
    prune(fixture);
    all_told(fixture, after);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(rollouts(fixture), ROLLOUTS_KEPT);
    assert_false(is_there(fixture, DEPLOYS - ROLLOUTS_KEPT));
    assert_true(is_there(fixture, DEPLOYS - ROLLOUTS_KEPT + 1));
    assert_int_equal(fixture_count(fixture, "select count(*) from rollouts"), ROLLOUTS_KEPT);
    assert_int_equal(fixture_count(fixture, "select min(rollout) from members"),
                     DEPLOYS - ROLLOUTS_KEPT + 1);
    assert_restart_changes_nothing(fixture);
    prune(fixture); /* nothing is left to do, and a new deploy takes one more away */
    assert_int_equal(rollouts(fixture), ROLLOUTS_KEPT);
    assert_int_equal(fixture_deploy(fixture, "1.1.0", NULL, 0)->id, DEPLOYS + 1);
    assert_true(rollouts_are_unpruned(&fixture->fleet));
    prune(fixture);
    assert_int_equal(rollouts(fixture), ROLLOUTS_KEPT);
    assert_false(is_there(fixture, DEPLOYS - ROLLOUTS_KEPT + 1));
}

/* Device 3 is in progress in rollout 1, and nothing newer reaches it: it is switched off. */
static void one_in_progress_stays(void **state)
{
    struct fixture *fixture = begin(state);
    struct godwit_checkin last = checkin_of(3, OLD);
    fixture_deploy(fixture, "1.1.0", NULL, 0);
    fixture_checkin(fixture, &last);
    deploy_often(fixture, DEPLOYS, 2);
    prune(fixture);
    assert_true(is_there(fixture, 1));
    assert_int_equal(rollouts(fixture), ROLLOUTS_KEPT + 1);
    assert_restart_changes_nothing(fixture);
    /* it comes back with what it was offered, and is a success of that rollout */
    memset(last.image_sha256, NEW, 32);
    fixture_checkin(fixture, &last);
    assert_int_equal(rollout_find(&fixture->fleet.catalogue, 1)->succeeded_count, 1);
    fixture_deploy(fixture, "1.1.0", NULL, 0);
    prune(fixture);
    assert_false(is_there(fixture, 1));
    assert_int_equal(rollouts(fixture), ROLLOUTS_KEPT);
}

/* One for all and one for device 1 alone, which is not asked since; then others are meant. */
static void what_speaks_to_a_device_stays(void **state)
{
    struct fixture *fixture = begin(state);
    struct told before[DEVICES], after[DEVICES];
    struct device *one = device_of(fixture, 1), *two = device_of(fixture, 2);
    fixture_deploy(fixture, "1.0.0", NULL, 0);
    fixture_deploy(fixture, "1.0.0", NULL, 0);
    fixture_deploy(fixture, "1.1.0", &one, 1);
    fixture_deploy(fixture, "1.1.0", &one, 1);
    for (unsigned i = 0; i < DEPLOYS; i++)
        fixture_deploy(fixture, "1.1.0", &two, 1);
    all_told(fixture, before);
    prune(fixture);
    all_told(fixture, after);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(after[0].rollout, 4);
    assert_int_equal(after[2].rollout, 2); /* and so for devices that join */
    assert_int_equal(rollouts(fixture), ROLLOUTS_KEPT + 2);
    assert_restart_changes_nothing(fixture);
}

/* Each product has its own newest ones, and nobody's are counted with another's. */
static void each_product_has_its_own(void **state)
{
    struct fixture *fixture = begin(state);
    struct upload other = upload_of("1.0.0", 9);
    uint32_t id;
    other.product = "lamp";
    assert_int_equal(fixture_upload(fixture, &other), UPLOAD_ADDED);
    const struct rollout_request wanted = {
        .release = release_find(&fixture->fleet.catalogue, FLEET_ORG, "lamp", "1.0.0")};
    for (unsigned i = 0; i < 2; i++) {
        fixture_begin(fixture);
        assert_int_equal(rollout_create(&fixture->fleet, fixture->db, &wanted, NOW_S, &id),
                         GODWIT_OK);
        fixture_commit(fixture);
    }
    deploy_often(fixture, DEPLOYS, 0);
    prune(fixture);
    assert_true(is_there(fixture, 1));
    assert_true(is_there(fixture, 2));
    assert_false(is_there(fixture, 3));
    assert_int_equal(rollouts(fixture), ROLLOUTS_KEPT + 2);
}

/* `godwit devices` says why the image is not offered again: by the member that failed last. */
static void the_cause_of_a_failure_stays(void **state)
{
    struct fixture *fixture = begin(state);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    struct device *two = device_of(fixture, 2);
    struct rollout *rollout = fixture_deploy(fixture, "1.1.0", NULL, 0);
    fixture_checkin(fixture, &checkin);
    checkin.outcome = outcome_panicked(1, rollout->id, NEW);
    fixture_checkin(fixture, &checkin);
    fixture_deploy(fixture, "1.0.0", NULL, 0);
    fixture_deploy(fixture, "1.1.0", NULL, 0);
    for (unsigned i = 0; i < DEPLOYS; i++)
        fixture_deploy(fixture, "1.1.0", &two, 1);
    prune(fixture);
    assert_true(is_there(fixture, 1));
    assert_false(is_there(fixture, 2));
    assert_true(is_there(fixture, 3));
    assert_int_equal(decide(device_of(fixture, 1), &fixture->fleet.catalogue).reason,
                     DECISION_FAILED_BEFORE);
    /* once something else is rolled out to it, nobody asks */
    fixture_deploy(fixture, "1.0.0", NULL, 0);
    prune(fixture);
    assert_false(is_there(fixture, 1));
}

/* Any number of pieces, then the power goes: the database is whole, and the rest goes later. */
static void a_cut_in_the_middle_leaves_all_whole(void **state)
{
    struct fixture *fixture = begin(state);
    struct told before[DEVICES], after[DEVICES];
    deploy_often(fixture, ROLLOUTS_KEPT + 20, DEVICES);
    all_told(fixture, before);
    unsigned cuts = 0;
    for (bool more = true; more; cuts++) {
        for (unsigned i = 0; i <= cuts && more; i++)
            more = prune_some(fixture);
        /* and one that was not committed */
        bool any;
        fixture_begin(fixture);
        assert_int_equal(rollouts_prune(&fixture->fleet, fixture->db, ROWS, &any), GODWIT_OK);
        db_rollback(fixture->db);
        fleet_aborted(&fixture->fleet);
        if (cuts % 2)
            fixture_restart(fixture);
        else
            assert_int_equal(fleet_load(&fixture->fleet, fixture->db), GODWIT_OK);
        all_told(fixture, after);
        assert_memory_equal(before, after, sizeof before);
        assert_int_equal(fixture_count(fixture, "select count(*) from members where rollout not in"
                                                " (select id from rollouts)"),
                         0);
    }
    assert_true(cuts > 3);
    prune(fixture);
    assert_int_equal(rollouts(fixture), ROLLOUTS_KEPT);
    assert_restart_changes_nothing(fixture);
}

/* While it goes, a deploy comes between: the members of all devices are looked at again. */
static void a_deploy_between_two_pieces(void **state)
{
    struct fixture *fixture = begin(state);
    deploy_often(fixture, ROLLOUTS_KEPT + 5, DEVICES);
    for (unsigned i = 0; i < 1000 && rollouts_are_unpruned(&fixture->fleet); i++) {
        prune_some(fixture);
        if (i < 5) deploy_often(fixture, 1, DEVICES);
    }
    assert_int_equal(rollouts(fixture), ROLLOUTS_KEPT);
    assert_restart_changes_nothing(fixture);
}

/* That somebody stood on a release at which trust changed is not forgotten with the member. */
static void who_took_a_release_is_not_forgotten(void **state)
{
    struct fixture *fixture = begin(state);
    struct remove_verdict verdict;
    struct upload odd = upload_of("2.0.0", 5);
    struct device *one = device_of(fixture, 1);
    upload_policy(&odd, 0xAA, 3);
    odd.image.trust.policy.image_keys_count = 2; /* it leads nowhere */
    memset(odd.image.trust.policy.image_keys[1], 0xCC, 32);
    assert_int_equal(fixture_upload(fixture, &odd), UPLOAD_ADDED);
    fixture_deploy(fixture, "2.0.0", &one, 1);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    fixture_checkin(fixture, &checkin);
    memset(checkin.image_sha256, 5, 32);
    checkin.counter = 3;
    fixture_checkin(fixture, &checkin);
    deploy_often(fixture, ROLLOUTS_KEPT, 0);
    checkin = checkin_of(1, OLD);
    fixture_checkin(fixture, &checkin);
    prune(fixture);
    assert_false(is_there(fixture, 1));
    assert_int_equal(db_script(fixture->db, "delete from events"), GODWIT_OK); /* long ago */
    for (int round = 0; round < 2; round++) {
        struct release *release =
            release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", "2.0.0");
        fixture_begin(fixture);
        assert_int_equal(release_remove(&fixture->fleet, fixture->db, release, &verdict),
                         GODWIT_OK);
        fixture_commit(fixture);
        assert_int_equal(verdict.result, REMOVE_CHANGED);
        fixture_restart(fixture);
    }
}

/* The last device was moved to another product. While old rollouts of the former one go, a release
 * goes too, and with it the one that would speak to the device if it came back: so the one before
 * it is needed now. */
static void a_release_goes_between_two_pieces(void **state)
{
    struct fixture *fixture = begin(state);
    struct remove_verdict verdict;
    static struct product other;
    struct upload third = upload_of("1.2.0", 5);
    struct device *two = device_of(fixture, 2), *last = device_of(fixture, DEVICES);
    struct product *product = last->product;
    assert_int_equal(fixture_upload(fixture, &third), UPLOAD_ADDED);
    fixture_deploy(fixture, "1.1.0", &last, 1);
    fixture_deploy(fixture, "1.2.0", &last, 1);
    for (unsigned i = 0; i < ROLLOUTS_KEPT + 2 * ROWS; i++)
        fixture_deploy(fixture, "1.1.0", &two, 1);
    last->product = &other;
    assert_true(prune_some(fixture));
    fixture_begin(fixture);
    struct release *release =
        release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", "1.2.0");
    assert_int_equal(release_remove(&fixture->fleet, fixture->db, release, &verdict), GODWIT_OK);
    fixture_commit(fixture);
    assert_int_equal(verdict.result, REMOVE_DONE);
    free(verdict.files);
    prune(fixture);
    last->product = product;
    assert_int_equal(decide(last, &fixture->fleet.catalogue).rollout->id, 1);
    assert_int_equal(rollouts(fixture), ROLLOUTS_KEPT + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_newest_are_kept),
        TEST(one_in_progress_stays),
        TEST(what_speaks_to_a_device_stays),
        TEST(each_product_has_its_own),
        TEST(the_cause_of_a_failure_stays),
        TEST(a_cut_in_the_middle_leaves_all_whole),
        TEST(a_deploy_between_two_pieces),
        TEST(a_release_goes_between_two_pieces),
        TEST(who_took_a_release_is_not_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
