/* The policy that rules, and what may follow it. The device of most of these tests came with a P1:
 * release 5, floor 3, one deploy key, one image key. */
#include "world.h"

/* ---- which policy rules ---- */

/* The device, on release 5, that has checked in once. */
static void begin(struct world *world)
{
    world_init(world, world_key(0));
    struct godwit_policy policy = world_policy(world, 5);
    policy.floor = 3;
    world_comes_with(world, world_file_with("5.0.0", &policy));
    world_start(world);
    assert_true(world_run(world, done_checked_in, 60));
}

/* What it makes of an offer; NONE when it runs and confirms it. */
static enum godwit_reason verdict_of(struct world *world, struct file file)
{
    world_run(world, NULL, 120); /* what is left of an earlier offer has been said by then */
    world->peer.outcomes = 0;
    peer_offer(&world->peer, file.data, file.size, 9);
    assert_true(world_run(world, done_outcome, 900));
    free(file.data);
    world->peer.file = NULL;
    return (enum godwit_reason)world->peer.outcome.reason;
}

static void the_policy_in_the_image_rules_and_not_the_seed(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    struct godwit_policy policy = world_policy(&world, 6), seed = policy;
    policy.floor = 3;
    seed.counter = seed.floor = 8; /* now the seed says otherwise in everything */
    seed.image_keys[0][0] ^= 1;
    seed.deploy_keys[0][0] ^= 1;
    seed.product_id[0] ^= 1;
    peer_set_seed(&world.peer, &seed);
    assert_int_equal(verdict_of(&world, world_file_with("6.0.0", &policy)), GODWIT_REASON_NONE);
    world_end(&world);

    world_init(&world, world_key(0)); /* and where the image has none, the seed does */
    world_start(&world);
    seed = peer_policy(&world.peer);
    seed.image_keys[0][0] ^= 1;
    peer_set_seed(&world.peer, &seed);
    assert_int_equal(verdict_of(&world, world_file("1.1.0", BEHAVIOUR_HEALTHY, 0)),
                     GODWIT_REASON_SIGNATURE_KEY);
    world_end(&world);
}

static void a_malformed_policy_lets_nothing_through(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    const uint8_t none[4] = {0}; /* version, threshold, counts: bits only fall in flash */
    struct godwit_flash raw = flash_ram_port(&world.ram);
    assert_int_equal(raw.write(raw.ctx, world.board.agent.slots.running.offset + 0x124, none, 4),
                     GODWIT_OK);
    world.ram.violations = 0;
    struct godwit_policy policy = world_policy(&world, 6);
    assert_int_equal(verdict_of(&world, world_file_with("6.0.0", &policy)),
                     GODWIT_REASON_POLICY_FORMAT);
    assert_int_equal(world.peer.image_requests, 0);
    assert_true(godwit_all(world.peer.last.deploy_keys, 16, 0));
    world_end(&world);
}

static void tells_what_it_goes_by(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    struct godwit_policy seed = peer_policy(&world.peer);
    const struct godwit_checkin *last = &world.peer.last;
    assert_int_equal(last->counter, 5);
    assert_int_equal(last->floor, 3);
    assert_memory_equal(last->deploy_keys, seed.deploy_keys[0], 8);
    assert_true(godwit_all(last->deploy_keys + 8, 8, 0));
    world.board.agent.record.floor = 4;
    uint32_t checkins = world.peer.checkins;
    world_run(&world, NULL, 100);
    assert_true(world.peer.checkins > checkins);
    assert_int_equal(last->floor, 4);
    world_end(&world);
}

static void what_was_confirmed_is_remembered(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    struct godwit_record *record = &world.board.agent.record;
    record->floor = record->flags = 0;
    assert_int_equal(godwit_policy_confirmed(&world.board.agent), GODWIT_OK);
    assert_int_equal(record->floor, 3);
    assert_true(record->flags & GODWIT_RECORD_HAS_POLICY);
    record->floor = 4; /* it only rises */
    assert_int_equal(godwit_policy_confirmed(&world.board.agent), GODWIT_OK);
    assert_int_equal(record->floor, 4);
    world_end(&world);

    world_begin(&world); /* an image without a policy leaves no trace */
    assert_true(world_run(&world, done_checked_in, 60));
    assert_int_equal(godwit_policy_confirmed(&world.board.agent), GODWIT_OK);
    assert_int_equal(record->floor, 0);
    assert_int_equal(record->flags & GODWIT_RECORD_HAS_POLICY, 0);
    world_end(&world);
}

/* The floor in the record outlives the image that set it, and no flag goes below it. */
static void nothing_goes_below_the_records_floor(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    world.board.agent.record.floor = 7;
    world.peer.allow_downgrade = world.peer.force_now = true;
    struct godwit_policy policy = world_policy(&world, 6);
    assert_int_equal(verdict_of(&world, world_file_with("6.0.0", &policy)),
                     GODWIT_REASON_BELOW_FLOOR);
    policy.counter = policy.floor = 7;
    assert_int_equal(verdict_of(&world, world_file_with("7.0.0", &policy)), GODWIT_REASON_NONE);
    world_end(&world);
}

/* Basic mode is left for good, even where an image without a policy runs again. */
static void there_is_no_way_back_to_images_without_a_policy(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world);
    assert_true(world_run(&world, done_checked_in, 60));
    world.board.agent.record.flags |= GODWIT_RECORD_HAS_POLICY;
    assert_int_equal(verdict_of(&world, world_file("1.1.0", BEHAVIOUR_HEALTHY, 0)),
                     GODWIT_REASON_POLICY_MISSING);
    struct godwit_policy policy = world_policy(&world, 1);
    assert_int_equal(verdict_of(&world, world_file_with("1.2.0", &policy)), GODWIT_REASON_NONE);
    world_end(&world);
}

/* ---- what may follow it ---- */

static enum godwit_reason verdict_of_next(void (*change)(struct godwit_policy *),
                                          void (*prepare)(struct world *))
{
    struct world world;
    begin(&world);
    if (prepare) prepare(&world);
    struct godwit_policy policy = world_policy(&world, 6);
    policy.floor = 3;
    change(&policy);
    enum godwit_reason reason = verdict_of(&world, world_file_with("6.0.0", &policy));
    world_end(&world);
    return reason;
}

static void replaces_keys(struct godwit_policy *policy)
{
    policy->image_keys[0][0] ^= 1;
}

static void breaks_cleanly(struct godwit_policy *policy)
{
    policy->image_keys[0][0] ^= 1;
    policy->flags |= GODWIT_POLICY_CLEAN_BREAK;
}

static void hands_on_keys(struct godwit_policy *policy)
{
    memcpy(policy->image_keys[1], policy->image_keys[0], 32);
    policy->image_keys[0][0] ^= 1;
    policy->image_keys_count = 2;
}

static void asks_for_secure_boot(struct godwit_policy *policy)
{
    policy->flags |= GODWIT_POLICY_REQUIRE_SECURE_BOOT;
}

static void is_an_undo(struct godwit_policy *policy)
{
    policy->counter = 4;
    policy->floor = 1;
}

static void has_secure_boot(struct world *world)
{
    world->board.agent.facts.has_secure_boot = true;
}

static void may_go_back(struct world *world)
{
    world->peer.allow_downgrade = true;
}

static void hands_trust_on(void **state)
{
    (void)state;
    assert_int_equal(verdict_of_next(replaces_keys, NULL), GODWIT_REASON_POLICY_KEYS);
    assert_int_equal(verdict_of_next(hands_on_keys, NULL), GODWIT_REASON_NONE);
    assert_int_equal(verdict_of_next(breaks_cleanly, NULL), GODWIT_REASON_NONE);
    assert_int_equal(verdict_of_next(asks_for_secure_boot, NULL), GODWIT_REASON_SECURE_BOOT);
    assert_int_equal(verdict_of_next(asks_for_secure_boot, has_secure_boot), GODWIT_REASON_NONE);
    /* The release that is gone back to had a lower floor; the record keeps the higher. */
    assert_int_equal(verdict_of_next(is_an_undo, NULL), GODWIT_REASON_DOWNGRADE);
    assert_int_equal(verdict_of_next(is_an_undo, may_go_back), GODWIT_REASON_NONE);
}

static void an_open_product_may_begin_to_trust(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, NULL);
    world_start(&world);
    struct godwit_policy policy = world_policy(&world, 1);
    policy.flags = 0;
    policy.threshold = policy.image_keys_count = 1;
    assert_int_equal(key_digest(world_key(1), policy.image_keys[0]), GODWIT_OK);
    assert_int_equal(verdict_of(&world, world_file_with("1.1.0", &policy)), GODWIT_REASON_NONE);
    assert_int_equal(verdict_of(&world, world_file("1.2.0", BEHAVIOUR_HEALTHY, 0)),
                     GODWIT_REASON_DOWNGRADE); /* without P1 it is release 0 */
    world_end(&world);
}

/* ---- asking again ---- */

/* The second instruction names the verified file, but another release counter. */
static void changes_its_mind(struct peer *peer, uint8_t *data)
{
    if (!(data[5] & GODWIT_INSTRUCTION_INSTALL) || peer->offers < 2) return;
    godwit_store32(data + 96, 8);
    world_sign_instruction(peer, data);
}

static void turns_to_another_device(struct peer *peer, uint8_t *data)
{
    if (!(data[5] & GODWIT_INSTRUCTION_INSTALL) || peer->offers < 2) return;
    data[8] ^= 1;
    world_sign_instruction(peer, data);
}

static void judges_the_second_instruction_as_the_first(void **state)
{
    (void)state;
    static const struct {
        void (*tamper)(struct peer *, uint8_t *);
        enum godwit_stage stage;
        enum godwit_reason reason;
    } lies[] = {
        {changes_its_mind, GODWIT_STAGE_VERIFY, GODWIT_REASON_COUNTER_DIFFERS},
        {turns_to_another_device, GODWIT_STAGE_ASK, GODWIT_REASON_INSTRUCTION_DEVICE},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct world world;
        begin(&world);
        world.peer.tamper = lies[i].tamper;
        struct godwit_policy policy = world_policy(&world, 6);
        policy.floor = 3;
        assert_int_equal(verdict_of(&world, world_file_with("6.0.0", &policy)), lies[i].reason);
        assert_int_equal(world.peer.outcome.stage, lies[i].stage);
        assert_int_equal(world.board.counters.boots, 1);
        world_end(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_policy_in_the_image_rules_and_not_the_seed),
        cmocka_unit_test(a_malformed_policy_lets_nothing_through),
        cmocka_unit_test(tells_what_it_goes_by),
        cmocka_unit_test(what_was_confirmed_is_remembered),
        cmocka_unit_test(nothing_goes_below_the_records_floor),
        cmocka_unit_test(there_is_no_way_back_to_images_without_a_policy),
        cmocka_unit_test(hands_trust_on),
        cmocka_unit_test(an_open_product_may_begin_to_trust),
        cmocka_unit_test(judges_the_second_instruction_as_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
