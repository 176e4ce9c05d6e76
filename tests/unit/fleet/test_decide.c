/* decide over every small world: each gate open or closed, each standing of the device in its
 * rollout, each pace; against a second opinion written as a list of conditions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <stdio.h>

#include "case.h"
#include "exhaust.h"
#include "fleet/decide.h"

enum { NOT_A_MEMBER = MEMBER_STATE_COUNT };
enum { RUNNING = 77, KEY_OLD = 0x11, KEY_NEW = 0x22, KEY_ELSE = 0x55 };

/* What the server knows of the way from what runs to what is rolled out. */
enum way {
    WAY_UNKNOWN,
    WAY_NONE,
    WAY_BRIDGE,
    WAY_DEAF,
    WAY_BARE,           /* the release has no policy */
    WAY_UNSIGNED,       /* and no signature */
    WAY_FEW,            /* two keys are asked for, and one signed */
    WAY_ROLLBACK_FLOOR, /* its policy lowers the rollback floor */
    WAY_KEYS,           /* its policy lists another key */
    WAY_COUNT
};

struct fixture {
    struct catalogue catalogue;
    struct product product, other;
    struct release release, old_release, running, bridge;
    struct rollout rollout, old_rollout;
    struct device device;
    struct running_image runs;
    const uint8_t *failed_image;
    struct member member, old_member;
    unsigned standing; /* member_state or NOT_A_MEMBER */
    bool same_chip, revision_fits, hardware_fits;
    enum way way;
};

static void fill_image(struct release *release, size_t index, uint8_t name)
{
    struct image *image = &release->images[index];
    *image = (struct image){.id = name,
                            .release = release,
                            .chip_id = 5,
                            .revision_min = 3,
                            .revision_max = 199,
                            .hardware_mask = 0x2,
                            .secure_version = 1,
                            .file_size = 8192};
    memset(image->image_sha256, name, 32);
    memset(image->file_sha256, name + 100, 32);
}

static void pick_device(struct exhaust *walk, struct fixture *fixture)
{
    struct device_facts *facts = &fixture->device.facts;
    static const uint16_t REVISIONS[] = {2, 3, 199, 200};
    fixture->device.product = exhaust_pick(walk, 2) ? &fixture->other : &fixture->product;
    fixture->same_chip = exhaust_pick(walk, 2);
    unsigned revision = exhaust_pick(walk, 4);
    fixture->revision_fits = revision == 1 || revision == 2;
    fixture->hardware_fits = exhaust_pick(walk, 2);
    facts->chip_id = fixture->same_chip ? 5 : 9;
    facts->chip_revision = REVISIONS[revision];
    facts->hardware_revision = fixture->hardware_fits ? 1 : 0;
    facts->slot_size = 8191 + exhaust_pick(walk, 2);
    facts->secure_version = exhaust_pick(walk, 3);
    facts->counter = 6 + 2 * exhaust_pick(walk, 2);
    facts->rollback_floor = 7 + exhaust_pick(walk, 2);
    facts->on_trial = exhaust_pick(walk, 2);
    fixture->runs = (struct running_image){0};
    facts->running = &fixture->runs;
    memset(fixture->runs.image_sha256, exhaust_pick(walk, 2) ? 1 : 77, 32);
    if (exhaust_pick(walk, 2)) {
        fixture->device.failed_images_count = 1;
        fixture->failed_image = fixture->release.images[0].image_sha256;
        fixture->device.failed_images = &fixture->failed_image;
    }
}

/* Signed by one key, and its P1 lists one or two. */
static void trust_of(struct image *image, uint8_t by, uint8_t lists, uint8_t also)
{
    struct image_trust *trust = &image->trust;
    trust->is_known = trust->has_policy = true;
    trust->keys_count = 1;
    memset(trust->keys[0], by, 32);
    trust->policy = (struct godwit_policy){
        .threshold = 1, .image_keys_count = also ? 2 : 1, .counter = 7, .rollback_floor = 7};
    memset(trust->policy.image_keys[0], lists, 32);
    if (also) memset(trust->policy.image_keys[1], also, 32);
}

static void fill_releases(struct fixture *fixture)
{
    struct release *releases[] = {&fixture->release, &fixture->old_release, &fixture->bridge,
                                  &fixture->running};
    static const uint8_t NAMES[] = {1, 2, 3, RUNNING};
    for (size_t i = 0; i < 4; i++) {
        releases[i]->product = &fixture->product;
        releases[i]->images_count = 1;
        releases[i]->counter = i == 1 ? 9 : 7;
        fill_image(releases[i], 0, NAMES[i]);
    }
    trust_of(&fixture->bridge.images[0], KEY_OLD, KEY_OLD, KEY_NEW);
    fixture->release.next = &fixture->bridge;
    index_init(&fixture->catalogue.images_by_digest, offsetof(struct image, image_sha256), 32);
    index_add(&fixture->catalogue.images_by_digest, &fixture->running.images[0]);
}

/* Of both releases that are rolled out. */
static void fill_trust(struct fixture *fixture, struct image *image)
{
    struct image_trust *trust = &image->trust;
    *trust = (struct image_trust){0};
    trust_of(image, fixture->way < WAY_FEW ? KEY_NEW : KEY_OLD, KEY_NEW, 0);
    if (fixture->way == WAY_BARE || fixture->way == WAY_UNSIGNED) trust->has_policy = false;
    if (fixture->way == WAY_UNSIGNED) trust->keys_count = 0, trust->has_policy = true;
    if (fixture->way == WAY_ROLLBACK_FLOOR) trust->policy.rollback_floor = 6;
    if (fixture->way == WAY_KEYS) memset(trust->policy.image_keys[0], KEY_ELSE, 32);
}

static void pick_way(struct exhaust *walk, struct fixture *fixture)
{
    fixture->way = (enum way)exhaust_pick(walk, WAY_COUNT);
    trust_of(&fixture->running.images[0], KEY_OLD, KEY_OLD, fixture->way < WAY_FEW ? 0 : KEY_NEW);
    if (fixture->way == WAY_FEW) fixture->running.images[0].trust.policy.threshold = 2;
    fill_trust(fixture, &fixture->release.images[0]);
    fill_trust(fixture, &fixture->old_release.images[0]);
    fixture->bridge.frozen = fixture->way == WAY_BRIDGE;
    fixture->catalogue.deploy_keys_count = 1;
    memset(fixture->catalogue.deploy_keys[0], 0x33, 64);
    memset(fixture->runs.deploy_keys, fixture->way == WAY_DEAF ? 0x44 : 0x33, 16);
    fixture->running.product = fixture->way == WAY_UNKNOWN ? NULL : &fixture->product;
}

static void pick_fixture(struct exhaust *walk, struct fixture *fixture)
{
    fixture->device = (struct device){0};
    fixture->rollout = (struct rollout){.id = 2, .release = &fixture->release};
    fixture->old_rollout = (struct rollout){.id = 1, .release = &fixture->old_release};
    fixture->rollout.next = &fixture->old_rollout;
    fixture->rollout.is_targeted = exhaust_pick(walk, 2);
    fixture->rollout.allow_downgrade = exhaust_pick(walk, 2);
    fixture->rollout.in_progress_count = FLEET_IN_PROGRESS_MIN - 1 + exhaust_pick(walk, 2);
    fixture->rollout.state = (enum rollout_state)exhaust_pick(walk, ROLLOUT_UNDONE);
    fixture->catalogue.rollouts = &fixture->rollout;
    fixture->product.rollout =
        fixture->rollout.is_targeted ? &fixture->old_rollout : &fixture->rollout;
    fixture->catalogue.releases = &fixture->release;
    pick_device(walk, fixture);
    pick_way(walk, fixture);
    fixture->standing = exhaust_pick(walk, NOT_A_MEMBER + 1);
    if (fixture->standing != NOT_A_MEMBER) {
        fixture->member =
            (struct member){.rollout = &fixture->rollout, .state = (uint8_t)fixture->standing};
        fixture->device.members = &fixture->member;
    }
}

/* The second opinion: conditions in the order of the gates; the first that holds is the reason. */
struct gate {
    bool holds;
    enum decision_reason reason;
};

static enum decision_reason first_that_holds(const struct gate *gates, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (gates[i].holds) return gates[i].reason;
    return DECISION_REASON_COUNT;
}
#define FIRST_THAT_HOLDS(gates) first_that_holds(gates, sizeof(gates) / sizeof *(gates))

/* Why the device would refuse either release by what it obeys. */
static enum decision_reason refusal(const struct fixture *fixture)
{
    switch (fixture->way) {
    case WAY_NONE:
        return DECISION_NO_UPGRADE_PATH;
    case WAY_UNSIGNED:
        return DECISION_UNSIGNED;
    case WAY_FEW:
        return DECISION_SIGNATURE_THRESHOLD;
    case WAY_ROLLBACK_FLOOR: /* an undo may bring a lower one */
        return fixture->device.facts.counter < 7 ? DECISION_POLICY_ROLLBACK_FLOOR
                                                 : DECISION_OFFERED;
    case WAY_KEYS: /* the rollback floor is looked at first; only the older release gets that far
                      with it */
        return fixture->device.facts.rollback_floor > 7 && fixture->device.facts.counter < 7
                   ? DECISION_POLICY_ROLLBACK_FLOOR
                   : DECISION_POLICY_KEYS;
    default:
        return DECISION_OFFERED;
    }
}

/* Of the newer rollout: its counter is 7, that of the bridge too. */
static enum decision_reason expected_of_new(const struct fixture *fixture)
{
    const struct device_facts *facts = &fixture->device.facts;
    bool in_progress = fixture->standing == MEMBER_IN_PROGRESS;
    const struct gate gates[] = {
        {fixture->way == WAY_BARE, DECISION_POLICY_MISSING},
        {facts->rollback_floor > 7, DECISION_BELOW_ROLLBACK_FLOOR},
        {facts->counter > 7 && !fixture->rollout.allow_downgrade, DECISION_DOWNGRADE},
        {refusal(fixture) != DECISION_OFFERED, refusal(fixture)},
        {fixture->device.failed_images_count, DECISION_FAILED_BEFORE},
        {fixture->standing == MEMBER_FAILED, DECISION_FAILED_BEFORE},
        {fixture->rollout.state == ROLLOUT_HALTED, DECISION_HALTED},
        {fixture->rollout.state == ROLLOUT_PAUSED, DECISION_PAUSED},
        {!in_progress && fixture->rollout.in_progress_count >= 10, DECISION_QUEUED},
        {fixture->way == WAY_BRIDGE, DECISION_BRIDGE},
        {true, DECISION_OFFERED},
    };
    return FIRST_THAT_HOLDS(gates);
}

/* Of the older one, which takes all of the product, has counter 9 and allows no downgrade. */
static enum decision_reason expected_of_old(const struct fixture *fixture)
{
    const struct device_facts *facts = &fixture->device.facts;
    bool is_known = facts->running->image_sha256[0] == RUNNING;
    bool is_late = facts->counter > 7 || facts->rollback_floor > 7; /* for the bridge */
    const struct gate gates[] = {
        {!is_known || fixture->way == WAY_UNKNOWN, DECISION_OFFERED},
        {fixture->way == WAY_BARE, DECISION_POLICY_MISSING},
        {fixture->way == WAY_BRIDGE && is_late, DECISION_NO_UPGRADE_PATH},
        {fixture->way == WAY_BRIDGE, DECISION_BRIDGE},
        {true, refusal(fixture)},
    };
    return FIRST_THAT_HOLDS(gates);
}

static enum decision_reason expected(const struct fixture *fixture)
{
    const struct device_facts *facts = &fixture->device.facts;
    bool mine = fixture->device.product == &fixture->product;
    bool selected = mine && (!fixture->rollout.is_targeted || fixture->standing != NOT_A_MEMBER);
    const struct gate gates[] = {
        {facts->on_trial, DECISION_ON_TRIAL},
        {!mine, DECISION_NO_ROLLOUT},
        {selected && facts->running->image_sha256[0] == 1, DECISION_UP_TO_DATE},
        {fixture->way == WAY_DEAF, DECISION_DEPLOY_KEY},
        {!fixture->same_chip, DECISION_NO_IMAGE_FOR_CHIP},
        {!fixture->revision_fits, DECISION_CHIP_REVISION},
        {!fixture->hardware_fits, DECISION_HARDWARE},
        {facts->slot_size < 8192, DECISION_SLOT_SIZE},
        {facts->secure_version > 1, DECISION_SECURE_VERSION},
        {selected, expected_of_new(fixture)},
        {true, expected_of_old(fixture)},
    };
    return FIRST_THAT_HOLDS(gates);
}

static void every_small_fixture(void **state)
{
    (void)state;
    struct exhaust walk = {0};
    static struct fixture fixture;
    unsigned long fixtures = 0, installs = 0, seen[DECISION_REASON_COUNT] = {0};
    fill_releases(&fixture);
    while (exhaust_next(&walk)) {
        pick_fixture(&walk, &fixture);
        struct decision decision = decide(&fixture.device, &fixture.catalogue);
        bool over = expected(&fixture) == DECISION_BRIDGE;
        bool offered = over || expected(&fixture) == DECISION_OFFERED;
        assert_int_equal(decision.reason, expected(&fixture));
        assert_int_equal(decision.kind, offered ? DECIDE_INSTALL : DECIDE_NO_UPDATE);
        assert_int_equal(decision.image != NULL, offered);
        if (offered) assert_int_equal(decision.image == &fixture.bridge.images[0], over);
        bool by_new = decision.rollout == &fixture.rollout;
        if (offered)
            assert_int_equal(decision.must_offer,
                             !by_new || fixture.standing != MEMBER_IN_PROGRESS);
        /* a line in the history, once: not of what has failed in this very rollout */
        const char *standing = decision_reason_state(decision.reason);
        bool is_news = !strcmp(standing, "incompatible") ||
                       (!strcmp(standing, "failed") && fixture.standing != MEMBER_FAILED);
        assert_int_equal(decision.must_note, is_news);
        assert_int_equal(decision.must_withdraw, decision.reason == DECISION_HALTED &&
                                                     fixture.standing == MEMBER_IN_PROGRESS);
        fixture.device.not_offered_rollout = is_news ? decision.rollout->id : 0;
        assert_false(decide(&fixture.device, &fixture.catalogue).must_note);
        fixtures++;
        installs += offered;
        seen[decision.reason]++;
    }
    index_deinit(&fixture.catalogue.images_by_digest, false);
    print_message("%lu worlds, %lu installs\n", fixtures, installs);
    for (unsigned reason = 0; reason < DECISION_BLOCK_REVISION; reason++) {
        CASE(reason); /* those from there on are test_fit.c's */
        assert_true(seen[reason] > 0);
    }
    assert_true(seen[DECISION_PAUSED] > 0 && seen[DECISION_HALTED] > 0);
}

static void no_rollout_means_no_update(void **state)
{
    (void)state;
    static struct product product;
    static struct device device = {.product = &product};
    static struct catalogue catalogue;
    struct decision decision = decide(&device, &catalogue);
    assert_int_equal(decision.kind, DECIDE_NO_UPDATE);
    assert_int_equal(decision.reason, DECISION_NO_ROLLOUT);
    assert_null(decision.rollout);
}

/* Of several images the one for this chip and revision is taken; 0 and 65535 are no bound. */
static void the_right_image_of_several(void **state)
{
    (void)state;
    static struct product product;
    static struct release release;
    static const struct running_image runs;
    static struct device device = {.facts.running = &runs};
    struct rollout rollout = {.release = &release};
    struct catalogue catalogue = {.rollouts = &rollout};
    release.product = device.product = &product;
    product.rollout = &rollout;
    release.images_count = 3;
    const struct {
        uint16_t chip_id, revision_min, revision_max;
    } images[] = {{0, 0, 0}, {5, 0, 99}, {5, 100, 65535}};
    for (uint8_t i = 0; i < 3; i++) {
        fill_image(&release, i, (uint8_t)(i + 1));
        release.images[i].chip_id = images[i].chip_id;
        release.images[i].revision_min = images[i].revision_min;
        release.images[i].revision_max = images[i].revision_max;
    }
    device.facts.slot_size = 1 << 20;
    device.facts.hardware_revision = 1;
    const struct {
        uint16_t chip_id, revision;
        int64_t image;
    } cases[] = {{0, 300, 1}, {5, 0, 2}, {5, 99, 2}, {5, 100, 3}, {5, 300, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CASE(i);
        device.facts.chip_id = cases[i].chip_id;
        device.facts.chip_revision = cases[i].revision;
        struct decision decision = decide(&device, &catalogue);
        assert_int_equal(decision.kind, DECIDE_INSTALL);
        assert_int_equal(decision.image->id, cases[i].image);
    }
}

static void a_mask_without_bits_allows_every_board(void **state)
{
    (void)state;
    static struct product product;
    static struct release release;
    static const struct running_image runs;
    static struct device device = {.facts.running = &runs};
    struct rollout rollout = {.release = &release};
    struct catalogue catalogue = {.rollouts = &rollout};
    release.product = device.product = &product;
    product.rollout = &rollout;
    release.images_count = 1;
    fill_image(&release, 0, 1);
    device.facts.chip_id = 5;
    device.facts.chip_revision = 3;
    device.facts.slot_size = 1 << 20;
    device.facts.secure_version = 1;
    const struct {
        uint32_t mask, revision;
        enum decision_reason reason;
    } cases[] = {
        {0, 0, DECISION_OFFERED},           {0, 40, DECISION_OFFERED},
        {2, 1, DECISION_OFFERED},           {2, 0, DECISION_HARDWARE},
        {UINT32_MAX, 31, DECISION_OFFERED}, {UINT32_MAX, 32, DECISION_HARDWARE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CASE(i);
        release.images[0].hardware_mask = cases[i].mask;
        device.facts.hardware_revision = cases[i].revision;
        assert_int_equal(decide(&device, &catalogue).reason, cases[i].reason);
    }
}

#define REASON_NUMBER(name, number, id, sentence) GODWIT_REASON_##name,

/* Every reason at every stage, and what becomes of a device that reports it. */
static const uint32_t NOTHING[] = {0, 73, 76, 77, 78, 79};
static const uint32_t AGAIN[] = {1, 3, 4, 5, 6, 7, 11, 12, 34, 35, 70, 71, 72, 75, 80, 94};
static const uint32_t REFUSED[] = {2, 10, 13, 54, 55, 57, 58, 59, 60};
static const uint32_t FAILED[] = {14};
static const struct {
    const uint32_t *list;
    size_t count;
} LISTS[VERDICT_COUNT] = {{NOTHING, 6}, {AGAIN, 16}, {REFUSED, 9}, {FAILED, 1}};

static enum verdict verdict_expected(uint32_t reason, enum godwit_stage stage)
{
    enum verdict verdict = VERDICT_COUNT;
    for (size_t list = 0; list < VERDICT_COUNT; list++)
        for (size_t k = 0; k < LISTS[list].count; k++)
            if (LISTS[list].list[k] == reason) verdict = (enum verdict)list;
    if (stage == GODWIT_STAGE_DOWNLOAD && verdict != VERDICT_NOTHING) return VERDICT_AGAIN;
    if (verdict != VERDICT_COUNT) return verdict;
    return stage < GODWIT_STAGE_DOWNLOAD ? VERDICT_REFUSED : VERDICT_FAILED;
}

static void every_reason_has_its_verdict(void **state)
{
    (void)state;
    static const uint32_t ALL[] = {GODWIT_REASONS(REASON_NUMBER) 4242 /* of a newer agent */};
    for (size_t i = 0; i < sizeof ALL / sizeof *ALL; i++) {
        CASE(i);
        for (unsigned stage = 0; stage < GODWIT_STAGE_COUNT; stage++) {
            CASE(stage);
            const struct godwit_outcome outcome = {
                .id = 1, .reason = ALL[i], .stage = (enum godwit_stage)stage};
            enum verdict expected = verdict_expected(ALL[i], outcome.stage);
            if (decide_outcome(&outcome) != expected)
                fail_msg("reason %u at stage %u", (unsigned)ALL[i], stage);
            assert_int_equal(decide_is_notice(&outcome), expected == VERDICT_NOTHING && ALL[i]);
        }
    }
}

/* Of the reasons that speak of a file, none that was seen on its way only is the file's own. */
static void nothing_that_came_over_the_line_fails_a_release(void **state)
{
    (void)state;
    for (uint32_t reason = 1; reason < 100; reason++) {
        CASE(reason);
        const struct godwit_outcome outcome = {
            .id = 1, .reason = reason, .stage = GODWIT_STAGE_DOWNLOAD};
        assert_in_range(decide_outcome(&outcome), VERDICT_NOTHING, VERDICT_AGAIN);
    }
}

static void proof_is_the_digest_and_no_trial(void **state)
{
    (void)state;
    static struct release release;
    static struct running_image runs;
    static struct device device = {.facts.running = &runs};
    release.images_count = 2;
    fill_image(&release, 0, 1);
    fill_image(&release, 1, 2);
    for (unsigned name = 1; name <= 3; name++)
        for (unsigned trial = 0; trial < 2; trial++) {
            memset(runs.image_sha256, (int)name, 32);
            device.facts.on_trial = trial;
            assert_int_equal(decide_has_proven(&device, &release), name < 3 && !trial);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_small_fixture),
        cmocka_unit_test(no_rollout_means_no_update),
        cmocka_unit_test(the_right_image_of_several),
        cmocka_unit_test(a_mask_without_bits_allows_every_board),
        cmocka_unit_test(every_reason_has_its_verdict),
        cmocka_unit_test(nothing_that_came_over_the_line_fails_a_release),
        cmocka_unit_test(proof_is_the_digest_and_no_trial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
