/* The policy that rules, and what may follow it. The device of most of these tests came with a P1:
 * release 5, rollback floor 3, one deploy key, one image key. */
#include "case.h"
#include "device_test.h"

/* ---- which policy rules ---- */

/* The device, on release 5, that has checked in once. */
static void begin(struct device *device)
{
    device_prepare(device, firmware_key(0));
    struct godwit_policy policy = device_policy(device, 5);
    policy.rollback_floor = 3;
    device_comes_with(device, firmware_ruled("5.0.0", &policy));
    device_start(device);
    assert_true(device_run(device, done_checked_in, 60));
}

/* What it makes of an offer; NONE when it runs and confirms it. */
static enum godwit_reason verdict_of(struct device *device, struct firmware file)
{
    device_run(device, NULL, 120); /* what is left of an earlier offer has been said by then */
    device->peer.outcomes = 0;
    peer_offer(&device->peer, file.data, file.size, 9);
    assert_true(device_run(device, done_outcome, 900));
    free(file.data);
    device->peer.file = NULL;
    return (enum godwit_reason)device->peer.outcome.reason;
}

static void the_policy_in_the_image_rules_and_not_the_initial_one(void **state)
{
    (void)state;
    struct device device;
    begin(&device);
    struct godwit_policy policy = device_policy(&device, 6), seed = policy;
    policy.rollback_floor = 3;
    seed.counter = seed.rollback_floor =
        8; /* now the initial policy says otherwise in everything */
    seed.image_keys[0][0] ^= 1;
    seed.deploy_keys[0][0] ^= 1;
    seed.product_id[0] ^= 1;
    peer_set_seed(&device.peer, &seed);
    assert_int_equal(verdict_of(&device, firmware_ruled("6.0.0", &policy)), GODWIT_REASON_NONE);
    device_end(&device);

    device_prepare(&device,
                   firmware_key(0)); /* and where the image has none, the initial policy does */
    device_start(&device);
    seed = peer_policy(&device.peer);
    seed.image_keys[0][0] ^= 1;
    peer_set_seed(&device.peer, &seed);
    assert_int_equal(verdict_of(&device, firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0)),
                     GODWIT_REASON_SIGNATURE_KEY);
    device_end(&device);
}

static void a_malformed_policy_lets_nothing_through(void **state)
{
    (void)state;
    struct device device;
    begin(&device);
    const uint8_t none[4] = {0}; /* version, threshold, counts: bits only fall in flash */
    struct godwit_flash raw = flash_ram_port(&device.ram);
    assert_int_equal(raw.write(raw.ctx, device.board.agent.slots.running.offset + 0x124, none, 4),
                     GODWIT_OK);
    device.ram.violations = 0;
    struct godwit_policy policy = device_policy(&device, 6);
    assert_int_equal(verdict_of(&device, firmware_ruled("6.0.0", &policy)),
                     GODWIT_REASON_POLICY_FORMAT);
    assert_int_equal(device.peer.image_requests, 0);
    assert_true(godwit_all(device.peer.last.deploy_keys, 16, 0));
    device_end(&device);
}

static void tells_what_it_goes_by(void **state)
{
    (void)state;
    struct device device;
    begin(&device);
    struct godwit_policy seed = peer_policy(&device.peer);
    const struct godwit_checkin *last = &device.peer.last;
    assert_int_equal(last->counter, 5);
    assert_int_equal(last->rollback_floor, 3);
    assert_memory_equal(last->deploy_keys, seed.deploy_keys[0], 8);
    assert_true(godwit_all(last->deploy_keys + 8, 8, 0));
    device.board.agent.journal.rollback_floor = 4;
    uint32_t checkins = device.peer.checkins;
    device_run(&device, NULL, 100);
    assert_true(device.peer.checkins > checkins);
    assert_int_equal(last->rollback_floor, 4);
    device_end(&device);
}

static void what_was_confirmed_is_remembered(void **state)
{
    (void)state;
    struct device device;
    begin(&device);
    struct godwit_journal *journal = &device.board.agent.journal;
    journal->rollback_floor = journal->flags = 0;
    assert_int_equal(godwit_policy_confirmed(&device.board.agent), GODWIT_OK);
    assert_int_equal(journal->rollback_floor, 3);
    assert_true(journal->flags & GODWIT_JOURNAL_HAS_POLICY);
    journal->rollback_floor = 4; /* it only rises */
    assert_int_equal(godwit_policy_confirmed(&device.board.agent), GODWIT_OK);
    assert_int_equal(journal->rollback_floor, 4);
    device_end(&device);

    device_begin(&device); /* an image without a policy leaves no trace */
    assert_true(device_run(&device, done_checked_in, 60));
    assert_int_equal(godwit_policy_confirmed(&device.board.agent), GODWIT_OK);
    assert_int_equal(journal->rollback_floor, 0);
    assert_int_equal(journal->flags & GODWIT_JOURNAL_HAS_POLICY, 0);
    device_end(&device);
}

/* The rollback floor in the journal outlives the image that set it, and no flag goes below it. */
static void nothing_goes_below_the_journals_rollback_floor(void **state)
{
    (void)state;
    struct device device;
    begin(&device);
    device.board.agent.journal.rollback_floor = 7;
    device.peer.allow_downgrade = device.peer.force_now = true;
    struct godwit_policy policy = device_policy(&device, 6);
    assert_int_equal(verdict_of(&device, firmware_ruled("6.0.0", &policy)),
                     GODWIT_REASON_BELOW_ROLLBACK_FLOOR);
    policy.counter = policy.rollback_floor = 7;
    assert_int_equal(verdict_of(&device, firmware_ruled("7.0.0", &policy)), GODWIT_REASON_NONE);
    device_end(&device);
}

/* Basic mode is left for good, even where an image without a policy runs again. */
static void there_is_no_fallback_to_images_without_a_policy(void **state)
{
    (void)state;
    struct device device;
    device_begin(&device);
    assert_true(device_run(&device, done_checked_in, 60));
    device.board.agent.journal.flags |= GODWIT_JOURNAL_HAS_POLICY;
    assert_int_equal(verdict_of(&device, firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0)),
                     GODWIT_REASON_POLICY_MISSING);
    struct godwit_policy policy = device_policy(&device, 1);
    assert_int_equal(verdict_of(&device, firmware_ruled("1.2.0", &policy)), GODWIT_REASON_NONE);
    device_end(&device);
}

/* ---- what may follow it ---- */

static enum godwit_reason verdict_of_next(void (*change)(struct godwit_policy *),
                                          void (*prepare)(struct device *))
{
    struct device device;
    begin(&device);
    if (prepare) prepare(&device);
    struct godwit_policy policy = device_policy(&device, 6);
    policy.rollback_floor = 3;
    change(&policy);
    enum godwit_reason reason = verdict_of(&device, firmware_ruled("6.0.0", &policy));
    device_end(&device);
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

static void has_secure_boot(struct device *device)
{
    device->board.agent.facts.has_secure_boot = true;
}

static void may_go_back(struct device *device)
{
    device->peer.allow_downgrade = true;
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
    struct device device;
    device_prepare(&device, NULL);
    device_start(&device);
    struct godwit_policy policy = device_policy(&device, 1);
    policy.flags = 0;
    policy.threshold = policy.image_keys_count = 1;
    assert_int_equal(key_digest(firmware_key(1), policy.image_keys[0]), GODWIT_OK);
    assert_int_equal(verdict_of(&device, firmware_ruled("1.1.0", &policy)), GODWIT_REASON_NONE);
    assert_int_equal(verdict_of(&device, firmware_signed("1.2.0", BEHAVIOUR_HEALTHY, 0)),
                     GODWIT_REASON_DOWNGRADE); /* without P1 it is release 0 */
    device_end(&device);
}

/* ---- asking again ---- */

/* The second instruction names the verified file, but another release counter. */
static void changes_its_mind(struct peer *peer, uint8_t *data)
{
    if (!(data[5] & GODWIT_INSTRUCTION_INSTALL) || peer->offers < 2) return;
    godwit_store32(data + 96, 8);
    peer_sign(peer, data);
}

static void turns_to_another_device(struct peer *peer, uint8_t *data)
{
    if (!(data[5] & GODWIT_INSTRUCTION_INSTALL) || peer->offers < 2) return;
    data[8] ^= 1;
    peer_sign(peer, data);
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
        struct device device;
        begin(&device);
        device.peer.tamper = lies[i].tamper;
        struct godwit_policy policy = device_policy(&device, 6);
        policy.rollback_floor = 3;
        assert_int_equal(verdict_of(&device, firmware_ruled("6.0.0", &policy)), lies[i].reason);
        assert_int_equal(device.peer.outcome.stage, lies[i].stage);
        assert_int_equal(device.board.counters.boots, 1);
        device_end(&device);
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
