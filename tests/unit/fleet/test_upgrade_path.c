/* The planner over every small world: four releases whose signers, lists of keys, threshold,
 * rollback floor and flags are any of a few, against a second opinion that walks every chain there
 * is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <stdlib.h>

#include "case.h"
#include "exhaust.h"
#include "fleet/upgrade_path.h"

#define RELEASES 4 /* the last is the target; the one before the first runs */
#define FAR 99u

struct fixture {
    struct catalogue catalogue;
    struct product product;
    struct release running, releases[RELEASES];
    struct device device;
    struct running_image runs;
    const uint8_t *failed_image;
};

static void put_keys(uint8_t (*keys)[32], unsigned set, uint8_t *count_out)
{
    *count_out = 0;
    for (unsigned i = 0; i < 4; i++)
        if (set >> i & 1U) memset(keys[(*count_out)++], (int)(0x10 + i), 32);
}

/* by, lists: sets of keys as bits. */
static void make_image(struct release *release, unsigned by, unsigned lists)
{
    struct image *image = &release->images[0];
    memset(image, 0, sizeof *image);
    image->id = release->id;
    image->release = release;
    image->chip_id = 5;
    image->file_size = 8192;
    memset(image->image_sha256, (int)release->id, 32);
    image->trust.is_known = true;
    put_keys(image->trust.keys, by, &image->trust.keys_count);
    image->trust.has_policy = lists != 0;
    image->trust.policy = (struct godwit_policy){.threshold = 1, .counter = release->counter};
    put_keys(image->trust.policy.image_keys, lists, &image->trust.policy.image_keys_count);
}

static void make_release(struct fixture *fixture, struct release *release, int64_t id, unsigned by,
                         unsigned lists)
{
    release->id = id;
    release->product = &fixture->product;
    release->counter = (uint32_t)id;
    release->frozen = true;
    release->images_count = 1;
    make_image(release, by, lists);
}

/* Runs release 1, whose P1 lists the first key alone; releases 2 … 5 stand in the list. */
static void open_fixture(struct fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    index_init(&fixture->catalogue.images_by_digest, offsetof(struct image, image_sha256), 32);
    fixture->device.product = &fixture->product;
    fixture->device.facts.chip_id = 5;
    fixture->device.facts.slot_size = 1 << 20;
    fixture->device.facts.counter = 1;
    fixture->device.facts.running = &fixture->runs;
    memset(fixture->runs.image_sha256, 1, 32);
    fixture->product.initial_policy = (struct godwit_policy){.threshold = 1, .image_keys_count = 1};
    memset(fixture->product.initial_policy.image_keys[0], 0x10, 32);
    make_release(fixture, &fixture->running, 1, 1, 1);
    index_add(&fixture->catalogue.images_by_digest, &fixture->running.images[0]);
    for (int i = 0; i < RELEASES; i++)
        fixture->releases[i].next = i ? &fixture->releases[i - 1] : NULL;
    fixture->catalogue.releases = &fixture->releases[RELEASES - 1];
}

static void close_fixture(struct fixture *fixture)
{
    index_deinit(&fixture->catalogue.images_by_digest, false);
}

static struct image *image_of(struct fixture *fixture, int release)
{
    return &fixture->releases[release].images[0];
}

static unsigned plan(struct fixture *fixture, const struct image **first_out)
{
    const struct upgrade_query query = {.device = &fixture->device,
                                        .target = image_of(fixture, RELEASES - 1)};
    return upgrade_plan(&fixture->catalogue, &query, first_out);
}

/* ---- the second opinion: from the words of the checks, on sets of keys ---- */

struct model {
    unsigned by, lists, rollback_floor, threshold;
    bool clean, frozen;
};

struct stand {
    unsigned lists, rollback_floor, threshold, counter;
};

static unsigned bits(unsigned set)
{
    return (set & 1U) + (set >> 1 & 1U) + (set >> 2 & 1U);
}

static bool takes(const struct stand *at, const struct model *next, unsigned counter)
{
    if (counter < at->rollback_floor || counter < at->counter) return false;
    if (bits(next->by & at->lists) < at->threshold) return false;
    if (!next->lists || next->rollback_floor < at->rollback_floor) return false;
    return next->clean || next->lists & at->lists;
}

/* Fewest installs from here to the last one, by trying all. */
static unsigned fewest(const struct model *models, struct stand at, unsigned used, int *first_out)
{
    unsigned best = FAR;
    for (int i = 0; i < RELEASES; i++) {
        const struct model *next = &models[i];
        bool is_target = i == RELEASES - 1;
        if (used >> i & 1U || (!next->frozen && !is_target)) continue;
        if (!takes(&at, next, (unsigned)i + 2)) continue;
        const struct stand there = {next->lists, next->rollback_floor, next->threshold,
                                    (unsigned)i + 2};
        unsigned rest = is_target ? 0 : fewest(models, there, used | 1U << i, NULL);
        if (rest + 1 > best || rest == FAR) continue;
        best = rest + 1; /* of equal ways the newest first stop: i grows */
        if (first_out) *first_out = i;
    }
    return best;
}

static void apply(struct fixture *fixture, int release, const struct model *model)
{
    make_release(fixture, &fixture->releases[release], release + 2, model->by, model->lists);
    struct godwit_policy *policy = &image_of(fixture, release)->trust.policy;
    policy->rollback_floor = model->rollback_floor;
    policy->threshold = (uint8_t)model->threshold;
    policy->flags = model->clean ? GODWIT_POLICY_TRUST_RESET : 0;
    fixture->releases[release].frozen = model->frozen;
}

static void compare(struct fixture *fixture, const struct model *models, unsigned long *seen)
{
    const struct stand here = {1, 0, 1, 1};
    const struct image *first;
    int expected = -1;
    unsigned installs = fewest(models, here, 0, &expected);
    if (installs == FAR) installs = 0;
    for (int i = 0; i < RELEASES; i++)
        apply(fixture, i, &models[i]);
    assert_int_equal(plan(fixture, &first), installs);
    assert_ptr_equal(first, installs ? image_of(fixture, expected) : NULL);
    seen[installs]++;
}

static const unsigned BY[] = {1, 2, 3, 4, 6}, LISTS[] = {1, 3, 2, 6, 4};

/* Every signer against every list, in all of the four. */
static void every_hand_over(void **state)
{
    (void)state;
    static struct fixture fixture;
    struct exhaust walk = {0};
    unsigned long seen[RELEASES + 1] = {0};
    open_fixture(&fixture);
    while (exhaust_next(&walk)) {
        struct model models[RELEASES];
        for (int i = 0; i < RELEASES; i++)
            models[i] = (struct model){.by = BY[exhaust_pick(&walk, 5)],
                                       .lists = LISTS[exhaust_pick(&walk, 5)],
                                       .threshold = 1,
                                       .frozen = true};
        compare(&fixture, models, seen);
    }
    print_message("chains of 1: %lu, 2: %lu, 3: %lu, none: %lu\n", seen[1], seen[2], seen[3],
                  seen[0]);
    for (int i = 0; i < RELEASES; i++) {
        CASE(i);
        assert_true(seen[i] > 0);
    }
    close_fixture(&fixture);
}

/* Two bridges and the target, with all else that closes a way. */
static void every_gate(void **state)
{
    (void)state;
    static struct fixture fixture;
    struct exhaust walk = {0};
    unsigned long seen[RELEASES + 1] = {0};
    static const unsigned KEYS[] = {1, 3, 2};
    open_fixture(&fixture);
    while (exhaust_next(&walk)) {
        struct model models[RELEASES] = {{.by = 4, .lists = 4, .threshold = 1, .frozen = true}};
        for (int i = 1; i < RELEASES; i++) {
            struct model *model = &models[i];
            model->by = KEYS[exhaust_pick(&walk, 3)];
            model->lists = KEYS[exhaust_pick(&walk, 3)];
            model->threshold = bits(model->lists) > 1 ? 1 + exhaust_pick(&walk, 2) : 1;
            model->rollback_floor = exhaust_pick(&walk, 2) ? (unsigned)i + 1 : 0;
            model->clean = i == 2 && exhaust_pick(&walk, 2);
            model->frozen = i == 1 ? exhaust_pick(&walk, 2) : 1;
        }
        compare(&fixture, models, seen);
    }
    for (int i = 0; i < RELEASES; i++) {
        CASE(i);
        assert_true(seen[i] > 0);
    }
    close_fixture(&fixture);
}

/* ---- single rules ---- */

/* K1 runs; 2 hands on to K2, 5 is signed by K2 alone; 3 and 4 are of no use. */
static void hand_over(struct fixture *fixture)
{
    open_fixture(fixture);
    const struct model models[RELEASES] = {
        {.by = 1, .lists = 3}, {.by = 4, .lists = 4}, {.by = 4, .lists = 4}, {.by = 2, .lists = 2}};
    for (int i = 0; i < RELEASES; i++) {
        struct model model = models[i];
        model.threshold = 1, model.frozen = true;
        apply(fixture, i, &model);
    }
}

static void fault_of_bridge(struct fixture *fixture, struct upgrade_query *query, unsigned fault)
{
    static struct product other;
    struct image *bridge = image_of(fixture, 0);
    struct device_facts *facts = &fixture->device.facts;
    switch (fault) {
    case 1:
        bridge->chip_id = 9;
        break;
    case 2:
        bridge->file_size = (1 << 20) + 1;
        break;
    case 3:
        bridge->hardware_mask = 2;
        break;
    case 4:
        facts->secure_version = image_of(fixture, 3)->secure_version = 1;
        break;
    case 5:
        fixture->releases[0].product = &other;
        break;
    case 6:
        query->without = &fixture->releases[0];
        break;
    case 7:
        facts->rollback_floor = 3;
        break;
    case 8:
        fixture->device.failed_images_count = 1;
        fixture->failed_image = image_of(fixture, 0)->image_sha256;
        fixture->device.failed_images = &fixture->failed_image;
        break;
    case 9:  /* the way down goes over it, */
    case 10: /* but not below the rollback floor */
        facts->counter = 3;
        query->allow_downgrade = true;
        if (fault == 10)
            facts->rollback_floor = image_of(fixture, 3)->trust.policy.rollback_floor = 3;
        break;
    default:
        break;
    }
}

static void what_takes_a_bridge_away(void **state)
{
    (void)state;
    static struct fixture fixture;
    const struct image *first;
    for (unsigned fault = 0; fault <= 10; fault++) {
        CASE(fault);
        hand_over(&fixture);
        struct upgrade_query query = {.device = &fixture.device, .target = image_of(&fixture, 3)};
        bool is_good = fault == 0 || fault == 9;
        fault_of_bridge(&fixture, &query, fault);
        assert_int_equal(upgrade_plan(&fixture.catalogue, &query, &first), is_good ? 2 : 0);
        assert_ptr_equal(first, is_good ? image_of(&fixture, 0) : NULL);
        close_fixture(&fixture);
    }
}

/* A stop whose P1 lists none of our deploy keys would be the last that the device ever obeys us. */
static void no_hop_out_of_reach(void **state)
{
    (void)state;
    static struct fixture fixture;
    const struct image *first;
    hand_over(&fixture);
    struct godwit_policy *policy = &image_of(&fixture, 0)->trust.policy;
    fixture.catalogue.deploy_keys_count = 2;
    memset(fixture.catalogue.deploy_keys[0], 0xD2, 64);
    memset(fixture.catalogue.deploy_keys[1], 0xD1, 64);
    policy->deploy_keys_count = 2;
    memset(policy->deploy_keys[0], 0xD9, 64);
    memset(policy->deploy_keys[1], 0xD8, 64);
    assert_int_equal(plan(&fixture, &first), 0);
    memset(policy->deploy_keys[1], 0xD1, 64);
    assert_int_equal(plan(&fixture, &first), 2);
    assert_int_equal(upgrade_policy_key(&fixture.catalogue, policy), 1);
    policy->deploy_keys_count = 0;
    assert_int_equal(upgrade_policy_key(&fixture.catalogue, policy), UPGRADE_KEY_UNSIGNED);
    close_fixture(&fixture);
}

/* The newest key that it says it obeys; where it says nothing, its image's, else the oldest. */
static void which_deploy_key(void **state)
{
    (void)state;
    static struct fixture fixture;
    hand_over(&fixture);
    uint8_t *said = fixture.runs.deploy_keys;
    struct godwit_policy *policy = &fixture.running.images[0].trust.policy;
    const struct catalogue *catalogue = &fixture.catalogue;
    fixture.catalogue.deploy_keys_count = 3;
    for (int i = 0; i < 3; i++)
        memset(fixture.catalogue.deploy_keys[i], 0xD3 - i, 64);
    policy->deploy_keys_count = 1;
    memset(policy->deploy_keys[0], 0xD2, 64);
    assert_int_equal(upgrade_deploy_key(&fixture.device, catalogue), 1);
    fixture.running.product = NULL; /* what runs is not known */
    assert_int_equal(upgrade_deploy_key(&fixture.device, catalogue), 2);
    memset(said, 0xD1, 8);
    assert_int_equal(upgrade_deploy_key(&fixture.device, catalogue), 2);
    memset(said + 8, 0xD3, 8);
    assert_int_equal(upgrade_deploy_key(&fixture.device, catalogue), 0);
    memset(said, 0xEE, 16);
    assert_int_equal(upgrade_deploy_key(&fixture.device, catalogue), UPGRADE_KEY_NONE);
    close_fixture(&fixture);
}

static void where_trust_changed(void **state)
{
    (void)state;
    static struct fixture fixture;
    hand_over(&fixture);
    fixture.releases[0].next = &fixture.running;
    assert_false(upgrade_changes_trust(&fixture.catalogue,
                                       &fixture.running)); /* as the initial policy says */
    make_image(&fixture.running, 1, 3);
    assert_true(upgrade_changes_trust(&fixture.catalogue, &fixture.running));
    make_image(&fixture.running, 2, 2);
    assert_true(upgrade_changes_trust(&fixture.catalogue, &fixture.running));
    make_image(&fixture.running, 1, 1);
    assert_true(upgrade_changes_trust(&fixture.catalogue, &fixture.releases[0]));
    assert_true(upgrade_changes_trust(&fixture.catalogue, &fixture.releases[1]));
    assert_false(upgrade_changes_trust(&fixture.catalogue, &fixture.releases[2]));
    assert_true(upgrade_changes_trust(&fixture.catalogue, &fixture.releases[3]));
    fixture.releases[3].frozen = false;
    assert_false(upgrade_changes_trust(&fixture.catalogue, &fixture.releases[3]));
    image_of(&fixture, 2)->trust.policy.deploy_keys_count = 1;
    image_of(&fixture, 2)->trust.policy.deploy_keys[0][0] = 1;
    assert_true(upgrade_changes_trust(&fixture.catalogue, &fixture.releases[2]));
    close_fixture(&fixture);
}

/* 5 asks the same as 3 and is found first; but only from 3, two installs away, can the device still
 * go to 4, which lists the signer of the last. */
static void a_hop_found_late_reaches_more(void **state)
{
    enum { FIVE = 5 };
    static const struct {
        unsigned by, lists;
    } ROWS[FIVE] = {{1, 5}, {4, 3}, {2, 10}, {1, 3}, {8, 8}};
    (void)state;
    static struct fixture fixture;
    static struct release list[FIVE];
    const struct image *first;
    open_fixture(&fixture);
    for (int i = 0; i < FIVE; i++) {
        make_release(&fixture, &list[i], i + 2, ROWS[i].by, ROWS[i].lists);
        list[i].next = i ? &list[i - 1] : NULL;
    }
    fixture.catalogue.releases = &list[FIVE - 1];
    const struct upgrade_query query = {.device = &fixture.device,
                                        .target = &list[FIVE - 1].images[0]};
    assert_int_equal(upgrade_plan(&fixture.catalogue, &query, &first), 4);
    assert_ptr_equal(first, &list[0].images[0]);
    close_fixture(&fixture);
}

/* A long history: the work grows with its length and not with its square. */
static void a_long_history(void **state)
{
    enum { LONG = 2000 };
    (void)state;
    static struct fixture fixture;
    struct release *list = calloc(LONG, sizeof *list);
    const struct image *first;
    assert_non_null(list);
    open_fixture(&fixture);
    for (int i = 0; i < LONG; i++) {
        unsigned key = 1U << (i * 3 / LONG), next = 1U << ((i + 1) * 3 / LONG);
        make_release(&fixture, &list[i], i + 2, key, key | (next & 7U));
        list[i].next = i ? &list[i - 1] : NULL;
    }
    fixture.catalogue.releases = &list[LONG - 1];
    const struct upgrade_query query = {.device = &fixture.device,
                                        .target = &list[LONG - 1].images[0]};
    assert_int_equal(upgrade_plan(&fixture.catalogue, &query, &first), 3);
    /* the newest of those that list the second key: the last one in front of the change */
    assert_true(
        godwit_policy_trusts(&first->trust.policy, fixture.product.initial_policy.image_keys[0]));
    assert_int_equal(first->trust.policy.image_keys_count, 2);
    close_fixture(&fixture);
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_hand_over),          cmocka_unit_test(every_gate),
        cmocka_unit_test(what_takes_a_bridge_away), cmocka_unit_test(no_hop_out_of_reach),
        cmocka_unit_test(which_deploy_key),         cmocka_unit_test(where_trust_changed),
        cmocka_unit_test(a_long_history),           cmocka_unit_test(a_hop_found_late_reaches_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
