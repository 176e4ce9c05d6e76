/* Checks 1–6 on whole devices: each lie of a server is refused with its own reason, and nothing is
 * written to the slot. Instructions are signed by the real deploy key unless the test is about
 * that. */
#include "case.h"
#include "device_test.h"

static struct {
    uint32_t offset;
    uint8_t bytes[64];
    uint32_t size;
    bool sign;
} change;

static void tamper(struct peer *peer, uint8_t *data)
{
    memcpy(data + change.offset, change.bytes, change.size);
    if (change.sign) peer_sign(peer, data);
}

static uint8_t captured[GODWIT_INSTRUCTION_SIZE];
static bool has_captured;
/* Install instructions are kept back and the first is sent for ever. */
static void replay(struct peer *peer, uint8_t *data)
{
    (void)peer;
    if (!(data[5] & GODWIT_INSTRUCTION_INSTALL)) return;
    if (has_captured) memcpy(data, captured, sizeof captured);
    memcpy(captured, data, sizeof captured);
    has_captured = true;
}

/* The newest install but its sequence put back to one that was used. */
static void rewind_sequence(struct peer *peer, uint8_t *data)
{
    if (!(data[5] & GODWIT_INSTRUCTION_INSTALL)) return;
    if (has_captured) memcpy(data + 40, captured + 40, 8);
    memcpy(captured, data, sizeof captured);
    has_captured = true;
    peer_sign(peer, data);
}

static void sign_with_another_key(struct peer *peer, uint8_t *data)
{
    struct key *own = peer->deploy_key;
    peer->deploy_key = key_generate(GODWIT_SCHEME_ECDSA256);
    peer_sign(peer, data);
    key_close(peer->deploy_key);
    peer->deploy_key = own;
}

static void sends_zeros_for_a_signature(struct peer *peer, uint8_t *data)
{
    (void)peer;
    memset(data + 192, 0, 64);
}

/* Runs an offer until its outcome; the inactive slot must stay blank. */
static enum godwit_reason outcome_of(struct device *device, const struct firmware *file)
{
    uint8_t first[16];
    peer_offer(&device->peer, file->data, file->size, 5);
    assert_true(device_run(device, done_outcome, 300));
    assert_int_equal(device->peer.outcome.stage, GODWIT_STAGE_CHECKIN);
    assert_int_equal(device_status(device).last_reason, device->peer.outcome.reason);
    const struct godwit_flash *flash = &device->flash;
    assert_int_equal(flash->read(flash->ctx, device->board.agent.slots.inactive.offset, first, 16),
                     0);
    assert_true(godwit_all(first, 16, 0xFF));
    return (enum godwit_reason)device->peer.outcome.reason;
}

static enum godwit_reason outcome_of_tamper(void (*how)(struct peer *, uint8_t *))
{
    struct device device;
    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    has_captured = false;
    device_begin(&device);
    assert_true(device_run(&device, done_checked_in, 60));
    device.peer.tamper = how;
    enum godwit_reason reason = outcome_of(&device, &file);
    assert_int_equal(device.peer.image_requests, 0);
    free(file.data);
    device_end(&device);
    return reason;
}

static enum godwit_reason outcome_of_change(uint32_t offset, const void *bytes, uint32_t size)
{
    change.offset = offset;
    change.size = size;
    change.sign = true;
    memcpy(change.bytes, bytes, size);
    return outcome_of_tamper(tamper);
}

static void control_is_accepted(void **state)
{
    (void)state;
    struct device device;
    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    device_begin(&device);
    change.size = 0;
    change.sign = true;
    device.peer.tamper = tamper;
    peer_offer(&device.peer, file.data, file.size, 5);
    assert_true(device_run(&device, done_confirmed, 600));
    free(file.data);
    device_end(&device);
}

static void refuses_foreign_deploy_keys(void **state)
{
    (void)state;
    assert_int_equal(outcome_of_tamper(sign_with_another_key), GODWIT_REASON_INSTRUCTION_SIGNATURE);
    assert_int_equal(outcome_of_tamper(sends_zeros_for_a_signature),
                     GODWIT_REASON_INSTRUCTION_SIGNATURE);
}

static void refuses_what_is_not_an_instruction(void **state)
{
    (void)state;
    assert_int_equal(outcome_of_change(0, "GWI9", 4), GODWIT_REASON_INSTRUCTION_FORMAT);
    assert_int_equal(outcome_of_change(107, "x", 1), GODWIT_REASON_INSTRUCTION_FORMAT);
}

static void refuses_another_devices_instruction(void **state)
{
    (void)state;
    assert_int_equal(outcome_of_change(8, "\x7c\xdf\xa1\0\0\2", 6),
                     GODWIT_REASON_INSTRUCTION_DEVICE);
}

static void refuses_another_nonce(void **state)
{
    (void)state;
    assert_int_equal(outcome_of_change(24, "0123456789abcdef", 16),
                     GODWIT_REASON_INSTRUCTION_NONCE);
}

static void refuses_another_product_chip_or_size(void **state)
{
    (void)state;
    assert_int_equal(outcome_of_change(108, "another product!", 16), GODWIT_REASON_WRONG_PRODUCT);
    assert_int_equal(outcome_of_change(104, "\x09", 1), GODWIT_REASON_WRONG_CHIP);
    const uint8_t large[4] = {0x00, 0x10, 0x04, 0x00}; /* a sector more than the slot */
    assert_int_equal(outcome_of_change(60, large, 4), GODWIT_REASON_TOO_LARGE);
    const uint8_t odd[4] = {0x10, 0x10, 0x01, 0x00}; /* no room for a signature sector */
    assert_int_equal(outcome_of_change(60, odd, 4), GODWIT_REASON_UNSIGNED);
    const uint8_t one[4] = {0x00, 0x10, 0x00, 0x00};
    assert_int_equal(outcome_of_change(60, one, 4), GODWIT_REASON_UNSIGNED);
}

/* A whole update first; then the server plays the old instruction again: it must not be heard. */
static void refuses_a_replayed_instruction(void **state)
{
    (void)state;
    struct device device;
    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    has_captured = false;
    device_begin(&device);
    device.peer.tamper = replay;
    peer_offer(&device.peer, file.data, file.size, 5);
    assert_true(device_run(&device, done_outcome, 300)); /* the request before the switch */
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_INSTRUCTION_NONCE);
    assert_int_equal(device.board.counters.boots, 1);
    free(file.data);
    device_end(&device);
}

static void refuses_an_old_sequence(void **state)
{
    (void)state;
    struct device device;
    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    has_captured = false;
    device_begin(&device);
    device.peer.tamper = rewind_sequence;
    peer_offer(&device.peer, file.data, file.size, 5);
    assert_true(device_run(&device, done_outcome, 300));
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_INSTRUCTION_SEQUENCE);
    assert_int_equal(device.board.counters.boots, 1);
    /* and not after a reset either: the sequence is in the journal */
    device_power_cycle(&device);
    device.peer.outcomes = 0;
    device.peer.offers_always = true;
    assert_true(device_run(&device, done_outcome, 300));
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_INSTRUCTION_SEQUENCE);
    assert_int_equal(device.board.counters.boots, 2);
    free(file.data);
    device_end(&device);
}

static void refuses_versions_that_the_chip_or_policy_forbids(void **state)
{
    (void)state;
    struct device device;
    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    device_prepare(&device, firmware_key(0));
    device.options.efuses.secure_version = 2;
    device_start(&device);
    assert_int_equal(outcome_of(&device, &file), GODWIT_REASON_SECURE_VERSION);
    device_end(&device);

    struct godwit_policy policy;
    uint8_t seed[GODWIT_POLICY_BYTES];
    device_prepare(&device, firmware_key(0));
    assert_int_equal(godwit_policy_decode(peer_seed(&device.peer), true, &policy), GODWIT_OK);
    policy.rollback_floor = policy.counter = 3;
    godwit_policy_encode(&policy, seed);
    device.options.initial_policy = seed;
    device_start(&device);
    assert_int_equal(outcome_of(&device, &file), GODWIT_REASON_BELOW_ROLLBACK_FLOOR);
    device_end(&device);
    free(file.data);
}

static void goes_below_the_running_counter_only_when_allowed(void **state)
{
    (void)state;
    struct device device;
    device_begin(&device);
    struct godwit_policy policy = device_policy(&device, 7);
    struct firmware file = firmware_ruled("1.1.0", &policy);
    policy.counter = 6;
    struct firmware older = firmware_ruled("1.0.5", &policy);
    peer_offer(&device.peer, file.data, file.size, 1);
    assert_true(device_run(&device, done_confirmed, 600));
    device.peer.outcomes = 0;
    peer_offer(&device.peer, older.data, older.size, 2);
    assert_true(device_run(&device, done_outcome, 600));
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_DOWNGRADE);
    assert_int_equal(device.peer.outcome.rollout_id, 2);
    device.peer.allow_downgrade = true;
    peer_offer(&device.peer, older.data, older.size, 3);
    assert_true(device_run(&device, done_confirmed, 900));
    free(file.data);
    free(older.data);
    device_end(&device);
}

static bool is_allowed;
static bool may_update(void *ctx)
{
    (void)ctx;
    return is_allowed;
}

/* An install by this key with this sequence, refused or not; the peer's own counter stands still.
 */
static enum godwit_reason verdict_of_sequence(struct device *device, struct key *key,
                                              uint64_t sequence, const struct firmware *file)
{
    struct key *own = device->peer.deploy_key;
    device->peer.deploy_key = key;
    device->peer.sequence = sequence - 1;
    device->peer.outcomes = 0;
    peer_offer(&device->peer, file->data, file->size, 5);
    assert_true(device_run(device, done_outcome, 600));
    device->peer.file = NULL;
    device_run(device, NULL, 120); /* stay needs no sequence */
    device->peer.deploy_key = own;
    return (enum godwit_reason)device->peer.outcome.reason;
}

/* Each deploy key has its own numbers: one that was driven to the end is healed by the other. */
static void counts_sequences_for_each_deploy_key(void **state)
{
    (void)state;
    struct device device;
    struct godwit_public_key public;
    struct key *other = key_generate(GODWIT_SCHEME_ECDSA256);
    assert_non_null(other);
    device_prepare(&device, firmware_key(0));
    struct key *own = device.peer.deploy_key;
    struct godwit_policy policy = peer_policy(&device.peer);
    key_public(other, &public);
    memcpy(policy.deploy_keys[1], public.point, 64);
    policy.deploy_keys_count = 2;
    peer_set_seed(&device.peer, &policy);
    device_start(&device);
    struct godwit_journal *journal = &device.board.agent.journal;
    assert_true(device_run(&device, done_checked_in, 60));
    device.board.system.may_update = may_update;
    is_allowed = false;
    memset(journal->sequences[0].key, 0xAA, 8); /* of keys that the policy does not list any more */
    memset(journal->sequences[1].key, 0xBB, 8);
    journal->sequences[0].last = journal->sequences[1].last = UINT64_MAX;

    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    const uint64_t end = UINT64_MAX - 1000; /* the peer counts on while the device asks */
    static const struct {
        bool by_other;
        uint64_t sequence;
        bool is_old;
    } steps[] = {{false, 700, false}, {false, 600, true}, {true, 500, false}, {true, 400, true},
                 {false, 650, true},  {false, 0, false},  {false, 900, true}, {true, 1500, false}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        CASE(i);
        uint64_t sequence = steps[i].sequence ? steps[i].sequence : end;
        enum godwit_reason reason =
            verdict_of_sequence(&device, steps[i].by_other ? other : own, sequence, &file);
        assert_int_equal(reason, steps[i].is_old ? GODWIT_REASON_INSTRUCTION_SEQUENCE
                                                 : GODWIT_REASON_NOT_NOW);
    }
    free(file.data);
    key_close(other);
    device_end(&device);
}

static void waits_for_its_owner(void **state)
{
    (void)state;
    struct device device;
    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    device_begin(&device);
    device.board.system.may_update = may_update;
    is_allowed = false;
    assert_int_equal(outcome_of(&device, &file), GODWIT_REASON_NOT_NOW);
    is_allowed = true;
    peer_offer(&device.peer, file.data, file.size, 6);
    assert_true(device_run(&device, done_confirmed, 600));
    free(file.data);
    device_end(&device);
}

static uint32_t downgrade_rollback_floor;
static void goes_below_the_rollback_floor(struct peer *peer, uint8_t *data)
{
    if (!(data[5] & GODWIT_INSTRUCTION_INSTALL)) return;
    godwit_store32(data + 96, downgrade_rollback_floor - 1);
    peer_sign(peer, data);
}

/* Force-now overrules the owner and the list of failed files, and nothing else. */
static void force_now_overrules_two_checks(void **state)
{
    (void)state;
    struct device device;
    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    device_begin(&device);
    struct godwit_journal *journal = &device.board.agent.journal;
    assert_true(device_run(&device, done_checked_in, 60));
    device.board.system.may_update = may_update;
    is_allowed = false;
    peer_offer(&device.peer, file.data, file.size, 5);
    godwit_attempts_add(journal, device.peer.file_sha256, GODWIT_REASON_TRIAL_PANIC, true);
    device.peer.force_now = true;
    journal->rollback_floor = downgrade_rollback_floor = 1;
    device.peer.tamper = goes_below_the_rollback_floor;
    assert_int_equal(outcome_of(&device, &file), GODWIT_REASON_BELOW_ROLLBACK_FLOOR);
    journal->rollback_floor = 0;
    device.peer.tamper = NULL;
    peer_offer(&device.peer, file.data, file.size, 6);
    assert_true(device_run(&device, done_confirmed, 600));
    free(file.data);
    device_end(&device);
}

/* An initial policy without a deploy key takes unsigned instructions, and only those. */
static void takes_unsigned_instructions_where_no_key_is_pinned(void **state)
{
    (void)state;
    struct device device;
    struct godwit_policy policy;
    uint8_t seed[GODWIT_POLICY_BYTES];
    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    for (int round = 0; round < 2; round++) {
        device_prepare(&device, firmware_key(0));
        assert_int_equal(godwit_policy_decode(peer_seed(&device.peer), true, &policy), GODWIT_OK);
        policy.deploy_keys_count = 0;
        memset(policy.deploy_keys, 0, sizeof policy.deploy_keys);
        godwit_policy_encode(&policy, seed);
        device.options.initial_policy = seed;
        if (round == 0) device.peer.tamper = sends_zeros_for_a_signature;
        device_start(&device);
        peer_offer(&device.peer, file.data, file.size, 5);
        assert_int_equal(device_run(&device, done_confirmed, 600), round == 0);
        if (round == 1)
            assert_int_equal(device_status(&device).last_reason,
                             GODWIT_REASON_INSTRUCTION_SIGNATURE);
        device_end(&device);
    }
    free(file.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_is_accepted),
        cmocka_unit_test(refuses_foreign_deploy_keys),
        cmocka_unit_test(refuses_what_is_not_an_instruction),
        cmocka_unit_test(refuses_another_devices_instruction),
        cmocka_unit_test(refuses_another_nonce),
        cmocka_unit_test(refuses_another_product_chip_or_size),
        cmocka_unit_test(refuses_a_replayed_instruction),
        cmocka_unit_test(refuses_an_old_sequence),
        cmocka_unit_test(refuses_versions_that_the_chip_or_policy_forbids),
        cmocka_unit_test(goes_below_the_running_counter_only_when_allowed),
        cmocka_unit_test(counts_sequences_for_each_deploy_key),
        cmocka_unit_test(waits_for_its_owner),
        cmocka_unit_test(force_now_overrules_two_checks),
        cmocka_unit_test(takes_unsigned_instructions_where_no_key_is_pinned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
