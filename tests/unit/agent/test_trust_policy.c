/* The policy that rules, and what may follow it. The device of most of these tests came with a P1:
 * release 5, rollback floor 3, one deploy key, one image key. */
#include "case.h"
#include "fixture.h"

/* ---- which policy rules ---- */

/* The device, on release 5, that has checked in once. */
static void begin(struct fixture *fixture)
{
    fixture_init(fixture, fixture_key(0));
    struct godwit_policy policy = fixture_policy(fixture, 5);
    policy.rollback_floor = 3;
    fixture_comes_with(fixture, fixture_file_with("5.0.0", &policy));
    fixture_start(fixture);
    assert_true(fixture_run(fixture, done_checked_in, 60));
}

/* What it makes of an offer; NONE when it runs and confirms it. */
static enum godwit_reason verdict_of(struct fixture *fixture, struct file file)
{
    fixture_run(fixture, NULL, 120); /* what is left of an earlier offer has been said by then */
    fixture->peer.outcomes = 0;
    peer_offer(&fixture->peer, file.data, file.size, 9);
    assert_true(fixture_run(fixture, done_outcome, 900));
    free(file.data);
    fixture->peer.file = NULL;
    return (enum godwit_reason)fixture->peer.outcome.reason;
}

static void the_policy_in_the_image_rules_and_not_the_initial_one(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    struct godwit_policy policy = fixture_policy(&fixture, 6), seed = policy;
    policy.rollback_floor = 3;
    seed.counter = seed.rollback_floor =
        8; /* now the initial policy says otherwise in everything */
    seed.image_keys[0][0] ^= 1;
    seed.deploy_keys[0][0] ^= 1;
    seed.product_id[0] ^= 1;
    peer_set_seed(&fixture.peer, &seed);
    assert_int_equal(verdict_of(&fixture, fixture_file_with("6.0.0", &policy)), GODWIT_REASON_NONE);
    fixture_end(&fixture);

    fixture_init(&fixture,
                 fixture_key(0)); /* and where the image has none, the initial policy does */
    fixture_start(&fixture);
    seed = peer_policy(&fixture.peer);
    seed.image_keys[0][0] ^= 1;
    peer_set_seed(&fixture.peer, &seed);
    assert_int_equal(verdict_of(&fixture, fixture_file("1.1.0", BEHAVIOUR_HEALTHY, 0)),
                     GODWIT_REASON_SIGNATURE_KEY);
    fixture_end(&fixture);
}

static void a_malformed_policy_lets_nothing_through(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    const uint8_t none[4] = {0}; /* version, threshold, counts: bits only fall in flash */
    struct godwit_flash raw = flash_ram_port(&fixture.ram);
    assert_int_equal(raw.write(raw.ctx, fixture.board.agent.slots.running.offset + 0x124, none, 4),
                     GODWIT_OK);
    fixture.ram.violations = 0;
    struct godwit_policy policy = fixture_policy(&fixture, 6);
    assert_int_equal(verdict_of(&fixture, fixture_file_with("6.0.0", &policy)),
                     GODWIT_REASON_POLICY_FORMAT);
    assert_int_equal(fixture.peer.image_requests, 0);
    assert_true(godwit_all(fixture.peer.last.deploy_keys, 16, 0));
    fixture_end(&fixture);
}

static void tells_what_it_goes_by(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    struct godwit_policy seed = peer_policy(&fixture.peer);
    const struct godwit_checkin *last = &fixture.peer.last;
    assert_int_equal(last->counter, 5);
    assert_int_equal(last->rollback_floor, 3);
    assert_memory_equal(last->deploy_keys, seed.deploy_keys[0], 8);
    assert_true(godwit_all(last->deploy_keys + 8, 8, 0));
    fixture.board.agent.journal.rollback_floor = 4;
    uint32_t checkins = fixture.peer.checkins;
    fixture_run(&fixture, NULL, 100);
    assert_true(fixture.peer.checkins > checkins);
    assert_int_equal(last->rollback_floor, 4);
    fixture_end(&fixture);
}

static void what_was_confirmed_is_remembered(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    struct godwit_journal *journal = &fixture.board.agent.journal;
    journal->rollback_floor = journal->flags = 0;
    assert_int_equal(godwit_policy_confirmed(&fixture.board.agent), GODWIT_OK);
    assert_int_equal(journal->rollback_floor, 3);
    assert_true(journal->flags & GODWIT_JOURNAL_HAS_POLICY);
    journal->rollback_floor = 4; /* it only rises */
    assert_int_equal(godwit_policy_confirmed(&fixture.board.agent), GODWIT_OK);
    assert_int_equal(journal->rollback_floor, 4);
    fixture_end(&fixture);

    fixture_begin(&fixture); /* an image without a policy leaves no trace */
    assert_true(fixture_run(&fixture, done_checked_in, 60));
    assert_int_equal(godwit_policy_confirmed(&fixture.board.agent), GODWIT_OK);
    assert_int_equal(journal->rollback_floor, 0);
    assert_int_equal(journal->flags & GODWIT_JOURNAL_HAS_POLICY, 0);
    fixture_end(&fixture);
}

/* The rollback floor in the journal outlives the image that set it, and no flag goes below it. */
static void nothing_goes_below_the_journals_rollback_floor(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    fixture.board.agent.journal.rollback_floor = 7;
    fixture.peer.allow_downgrade = fixture.peer.force_now = true;
    struct godwit_policy policy = fixture_policy(&fixture, 6);
    assert_int_equal(verdict_of(&fixture, fixture_file_with("6.0.0", &policy)),
                     GODWIT_REASON_BELOW_ROLLBACK_FLOOR);
    policy.counter = policy.rollback_floor = 7;
    assert_int_equal(verdict_of(&fixture, fixture_file_with("7.0.0", &policy)), GODWIT_REASON_NONE);
    fixture_end(&fixture);
}

/* Basic mode is left for good, even where an image without a policy runs again. */
static void there_is_no_fallback_to_images_without_a_policy(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_begin(&fixture);
    assert_true(fixture_run(&fixture, done_checked_in, 60));
    fixture.board.agent.journal.flags |= GODWIT_JOURNAL_HAS_POLICY;
    assert_int_equal(verdict_of(&fixture, fixture_file("1.1.0", BEHAVIOUR_HEALTHY, 0)),
                     GODWIT_REASON_POLICY_MISSING);
    struct godwit_policy policy = fixture_policy(&fixture, 1);
    assert_int_equal(verdict_of(&fixture, fixture_file_with("1.2.0", &policy)), GODWIT_REASON_NONE);
    fixture_end(&fixture);
}

/* ---- what may follow it ---- */

static enum godwit_reason verdict_of_next(void (*change)(struct godwit_policy *),
                                          void (*prepare)(struct fixture *))
{
    struct fixture fixture;
    begin(&fixture);
    if (prepare) prepare(&fixture);
    struct godwit_policy policy = fixture_policy(&fixture, 6);
    policy.rollback_floor = 3;
    change(&policy);
    enum godwit_reason reason = verdict_of(&fixture, fixture_file_with("6.0.0", &policy));
    fixture_end(&fixture);
    return reason;
}

static void replaces_keys(struct godwit_policy *policy)
{
    policy->image_keys[0][0] ^= 1;
}

static void breaks_cleanly(struct godwit_policy *policy)
{
    policy->image_keys[0][0] ^= 1;
    policy->flags |= GODWIT_POLICY_TRUST_RESET;
}

static void hands_on_keys(struct godwit_policy *policy)
{
    memcpy(policy->image_keys[1], policy->image_keys[0], 32);
    policy->image_keys[0][0] ^= 1;
    policy->image_keys_count = 2;
}

static void wants_secure_boot(struct godwit_policy *policy)
{
    policy->flags |= GODWIT_POLICY_REQUIRE_SECURE_BOOT;
}

static void is_an_undo(struct godwit_policy *policy)
{
    policy->counter = 4;
    policy->rollback_floor = 1;
}

static void has_secure_boot(struct fixture *fixture)
{
    fixture->board.agent.facts.has_secure_boot = true;
}

static void may_go_back(struct fixture *fixture)
{
    fixture->peer.allow_downgrade = true;
}

static void hands_trust_on(void **state)
{
    (void)state;
    assert_int_equal(verdict_of_next(replaces_keys, NULL), GODWIT_REASON_POLICY_KEYS);
    assert_int_equal(verdict_of_next(hands_on_keys, NULL), GODWIT_REASON_NONE);
    assert_int_equal(verdict_of_next(breaks_cleanly, NULL), GODWIT_REASON_NONE);
    assert_int_equal(verdict_of_next(wants_secure_boot, NULL), GODWIT_REASON_SECURE_BOOT);
    assert_int_equal(verdict_of_next(wants_secure_boot, has_secure_boot), GODWIT_REASON_NONE);
    /* The release that is gone back to had a lower rollback floor; the journal keeps the higher. */
    assert_int_equal(verdict_of_next(is_an_undo, NULL), GODWIT_REASON_DOWNGRADE);
    assert_int_equal(verdict_of_next(is_an_undo, may_go_back), GODWIT_REASON_NONE);
}

static void an_open_product_may_begin_to_trust(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, NULL);
    fixture_start(&fixture);
    struct godwit_policy policy = fixture_policy(&fixture, 1);
    policy.flags = 0;
    policy.threshold = policy.image_keys_count = 1;
    assert_int_equal(key_digest(fixture_key(1), policy.image_keys[0]), GODWIT_OK);
    assert_int_equal(verdict_of(&fixture, fixture_file_with("1.1.0", &policy)), GODWIT_REASON_NONE);
    assert_int_equal(verdict_of(&fixture, fixture_file("1.2.0", BEHAVIOUR_HEALTHY, 0)),
                     GODWIT_REASON_DOWNGRADE); /* without P1 it is release 0 */
    fixture_end(&fixture);
}

/* ---- asking again ---- */

/* The second instruction names the verified file, but another release counter. */
static void changes_its_mind(struct peer *peer, uint8_t *data)
{
    if (!(data[5] & GODWIT_INSTRUCTION_INSTALL) || peer->offers < 2) return;
    godwit_store32(data + 96, 8);
    fixture_sign_instruction(peer, data);
}

static void turns_to_another_device(struct peer *peer, uint8_t *data)
{
    if (!(data[5] & GODWIT_INSTRUCTION_INSTALL) || peer->offers < 2) return;
    data[8] ^= 1;
    fixture_sign_instruction(peer, data);
}

static void checks_the_second_instruction_as_the_first(void **state)
{
    (void)state;
    static const struct {
        void (*tamper)(struct peer *, uint8_t *);
        enum godwit_stage stage;
        enum godwit_reason reason;
    } lies[] = {
        {changes_its_mind, GODWIT_STAGE_VERIFY, GODWIT_REASON_COUNTER_DIFFERS},
        {turns_to_another_device, GODWIT_STAGE_CHECKIN, GODWIT_REASON_INSTRUCTION_DEVICE},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        CASE(i);
        struct fixture fixture;
        begin(&fixture);
        fixture.peer.tamper = lies[i].tamper;
        struct godwit_policy policy = fixture_policy(&fixture, 6);
        policy.rollback_floor = 3;
        assert_int_equal(verdict_of(&fixture, fixture_file_with("6.0.0", &policy)), lies[i].reason);
        assert_int_equal(fixture.peer.outcome.stage, lies[i].stage);
        assert_int_equal(fixture.board.counters.boots, 1);
        fixture_end(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_policy_in_the_image_rules_and_not_the_initial_one),
        cmocka_unit_test(a_malformed_policy_lets_nothing_through),
        cmocka_unit_test(tells_what_it_goes_by),
        cmocka_unit_test(what_was_confirmed_is_remembered),
        cmocka_unit_test(nothing_goes_below_the_journals_rollback_floor),
        cmocka_unit_test(there_is_no_fallback_to_images_without_a_policy),
        cmocka_unit_test(hands_trust_on),
        cmocka_unit_test(an_open_product_may_begin_to_trust),
        cmocka_unit_test(checks_the_second_instruction_as_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
