/* decide over every small world: each gate open or closed, each standing of the device in its
 * rollout, each pace; against a second opinion written as a list of conditions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <stdio.h>

#include "exhaust.h"
#include "fleet/decide.h"

enum { NOT_A_MEMBER = MEMBER_STATE_COUNT };

struct world {
    struct product product, other;
    struct release release, old_release;
    struct rollout rollout, old_rollout;
    struct device device;
    struct member member, old_member;
    unsigned standing; /* member_state or NOT_A_MEMBER */
    bool same_chip, revision_fits, hardware_fits;
};

static void fill_image(struct image *image, uint8_t name)
{
    *image = (struct image){.id = name,
                            .chip_id = 5,
                            .revision_min = 3,
                            .revision_max = 199,
                            .hardware_mask = 0x2,
                            .secure_version = 1,
                            .file_size = 8192};
    memset(image->image_sha256, name, 32);
    memset(image->file_sha256, name + 100, 32);
}

static void pick_device(struct exhaust *walk, struct world *world)
{
    struct device_facts *facts = &world->device.facts;
    static const uint16_t REVISIONS[] = {2, 3, 199, 200};
    world->device.product = exhaust_pick(walk, 2) ? &world->other : &world->product;
    world->same_chip = exhaust_pick(walk, 2);
    unsigned revision = exhaust_pick(walk, 4);
    world->revision_fits = revision == 1 || revision == 2;
    world->hardware_fits = exhaust_pick(walk, 2);
    facts->chip_id = world->same_chip ? 5 : 9;
    facts->chip_revision = REVISIONS[revision];
    facts->hardware_revision = world->hardware_fits ? 1 : 0;
    facts->slot_size = 8191 + exhaust_pick(walk, 2);
    facts->secure_version = exhaust_pick(walk, 3);
    facts->counter = 6 + exhaust_pick(walk, 3);
    facts->on_trial = exhaust_pick(walk, 2);
    memset(facts->image_sha256, exhaust_pick(walk, 2) ? 1 : 77, 32);
    if (exhaust_pick(walk, 2)) {
        world->device.failed_images_count = 1;
        memset(world->device.failed_images[0], 1, 32);
    }
}

static void pick_world(struct exhaust *walk, struct world *world)
{
    memset(world, 0, sizeof *world);
    fill_image(&world->release.images[0], 1);
    fill_image(&world->old_release.images[0], 2);
    world->release.product = world->old_release.product = &world->product;
    world->release.images_count = world->old_release.images_count = 1;
    world->release.counter = 7;
    world->old_release.counter = 9;
    world->rollout = (struct rollout){.id = 2, .release = &world->release};
    world->old_rollout = (struct rollout){.id = 1, .release = &world->old_release};
    world->rollout.next = &world->old_rollout;
    world->rollout.picks = exhaust_pick(walk, 2);
    world->rollout.undecided_count = FLEET_UNDECIDED_MAX - 1 + exhaust_pick(walk, 2);
    pick_device(walk, world);
    world->standing = exhaust_pick(walk, NOT_A_MEMBER + 1);
    if (world->standing != NOT_A_MEMBER) {
        world->member = (struct member){.rollout = &world->rollout,
                                        .state = (enum member_state)world->standing};
        world->device.members = &world->member;
    }
}

/* The second opinion: conditions in the order of the gates; the first that holds is the reason. */
static enum decision_reason expected(const struct world *world)
{
    const struct device_facts *facts = &world->device.facts;
    bool mine = world->device.product == &world->product;
    bool selected = mine && (!world->rollout.picks || world->standing != NOT_A_MEMBER);
    bool undecided = world->standing == MEMBER_UNDECIDED;
    bool speaks = selected || mine; /* the older rollout takes all of the product */
    uint8_t runs = facts->image_sha256[0];
    const struct {
        bool holds;
        enum decision_reason reason;
    } list[] = {
        {facts->on_trial, DECISION_ON_TRIAL},
        {!speaks, DECISION_NO_ROLLOUT},
        {selected && runs == 1, DECISION_CURRENT},
        {!world->same_chip, DECISION_NO_IMAGE_FOR_CHIP},
        {!world->revision_fits, DECISION_CHIP_REVISION},
        {!world->hardware_fits, DECISION_HARDWARE},
        {facts->slot_size < 8192, DECISION_SLOT_SIZE},
        {facts->secure_version > 1, DECISION_SECURE_VERSION},
        {selected && facts->counter > 7, DECISION_DOWNGRADE},
        {selected && world->device.failed_images_count, DECISION_FAILED_BEFORE},
        {selected && world->standing == MEMBER_FAILED, DECISION_FAILED_BEFORE},
        {selected && !undecided && world->rollout.undecided_count >= 10, DECISION_TURN},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (list[i].holds) return list[i].reason;
    return DECISION_OFFERED;
}

static void every_small_world(void **state)
{
    (void)state;
    struct exhaust walk = {0};
    static struct world world;
    unsigned long worlds = 0, installs = 0, seen[DECISION_REASON_COUNT] = {0};
    while (exhaust_next(&walk)) {
        pick_world(&walk, &world);
        struct decision decision = decide(&world.device, &world.rollout);
        bool offered = expected(&world) == DECISION_OFFERED;
        assert_int_equal(decision.reason, expected(&world));
        assert_int_equal(decision.kind, offered ? DECIDE_INSTALL : DECIDE_STAY);
        assert_int_equal(decision.image != NULL, offered);
        bool by_new = decision.rollout == &world.rollout;
        if (offered)
            assert_int_equal(decision.must_tell, !by_new || world.standing != MEMBER_UNDECIDED);
        worlds++;
        installs += offered;
        seen[decision.reason]++;
    }
    print_message("%lu worlds, %lu installs\n", worlds, installs);
    for (unsigned reason = 0; reason < DECISION_REASON_COUNT; reason++)
        assert_true(seen[reason] > 0);
}

static void no_rollout_means_stay(void **state)
{
    (void)state;
    static struct device device;
    struct decision decision = decide(&device, NULL);
    assert_int_equal(decision.kind, DECIDE_STAY);
    assert_int_equal(decision.reason, DECISION_NO_ROLLOUT);
    assert_null(decision.rollout);
}

/* Of several images the one for this chip and revision is taken; 0 and 65535 are no bound. */
static void the_right_image_of_several(void **state)
{
    (void)state;
    static struct product product;
    static struct release release;
    static struct device device;
    struct rollout rollout = {.release = &release};
    release.product = device.product = &product;
    release.images_count = 3;
    const struct {
        uint16_t chip_id, revision_min, revision_max;
    } images[] = {{0, 0, 0}, {5, 0, 99}, {5, 100, 65535}};
    for (uint8_t i = 0; i < 3; i++) {
        fill_image(&release.images[i], (uint8_t)(i + 1));
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
        device.facts.chip_id = cases[i].chip_id;
        device.facts.chip_revision = cases[i].revision;
        struct decision decision = decide(&device, &rollout);
        assert_int_equal(decision.kind, DECIDE_INSTALL);
        assert_int_equal(decision.image->id, cases[i].image);
    }
}

static void a_mask_without_bits_allows_every_board(void **state)
{
    (void)state;
    static struct product product;
    static struct release release;
    static struct device device;
    struct rollout rollout = {.release = &release};
    release.product = device.product = &product;
    release.images_count = 1;
    fill_image(&release.images[0], 1);
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
        release.images[0].hardware_mask = cases[i].mask;
        device.facts.hardware_revision = cases[i].revision;
        assert_int_equal(decide(&device, &rollout).reason, cases[i].reason);
    }
}

static void outcomes(void **state)
{
    (void)state;
    const struct {
        uint32_t reason;
        enum verdict verdict;
    } cases[] = {
        {GODWIT_REASON_NONE, VERDICT_NOTHING},
        {GODWIT_REASON_RECORD_LOST, VERDICT_NOTHING},
        {GODWIT_REASON_TRIAL_POWER, VERDICT_AGAIN},
        {GODWIT_REASON_NOT_NOW, VERDICT_AGAIN},
        {GODWIT_REASON_WITHDRAWN, VERDICT_AGAIN},
        {GODWIT_REASON_TRIAL_PANIC, VERDICT_FAILED},
        {GODWIT_REASON_TRIAL_WATCHDOG, VERDICT_FAILED},
        {GODWIT_REASON_TRIAL_NO_CONTACT, VERDICT_FAILED},
        {GODWIT_REASON_SIGNATURE_KEY, VERDICT_FAILED},
        {GODWIT_REASON_DOWNLOAD, VERDICT_FAILED},
        {4242, VERDICT_FAILED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct godwit_outcome outcome = {.id = 1, .reason = cases[i].reason};
        assert_int_equal(decide_outcome(&outcome), cases[i].verdict);
    }
}

static void proof_is_the_digest_and_no_trial(void **state)
{
    (void)state;
    static struct release release;
    static struct device device;
    release.images_count = 2;
    fill_image(&release.images[0], 1);
    fill_image(&release.images[1], 2);
    for (unsigned name = 1; name <= 3; name++)
        for (unsigned trial = 0; trial < 2; trial++) {
            memset(device.facts.image_sha256, (int)name, 32);
            device.facts.on_trial = trial;
            assert_int_equal(decide_has_proven(&device, &release), name < 3 && !trial);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_small_world),
        cmocka_unit_test(no_rollout_means_stay),
        cmocka_unit_test(the_right_image_of_several),
        cmocka_unit_test(a_mask_without_bits_allows_every_board),
        cmocka_unit_test(outcomes),
        cmocka_unit_test(proof_is_the_digest_and_no_trial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
