/* The order of the checks, over all files that make them. The device of these tests came with a P1:
 * release 5, rollback floor 3, one deploy key, one image key; it is offered release 6.
 *
 * The table has a row for each way to fail a check. Every row alone gives its own reason, and of
 * every two rows of different checks the earlier one's, so nothing later is believed before. */
#include "case.h"
#include "device_test.h"

enum wrong {
    REPLY_CUT,
    OTHER_DEPLOY_KEY,
    NO_INSTRUCTION,
    OTHER_DEVICE,
    OTHER_NONCE,
    OLD_SEQUENCE,
    DURING_TRIAL,
    OWNER_SAYS_NO,
    OTHER_CHIP,
    OTHER_PRODUCT,
    TOO_LARGE,
    ODD_SIZE,
    LOW_SECURE_VERSION,
    LOW_ROLLBACK_FLOOR,
    LOW_COUNTER,
    FAILED_BEFORE,
    WANTS_DELTA,
    HEAD_IS_TEXT,
    HEAD_CHIP,
    HEAD_NO_POLICY,
    HEAD_BAD_POLICY,
    HEAD_PRODUCT,
    HEAD_HARDWARE,
    HEAD_COUNTER,
    OTHER_FILE,
    NO_SIGNATURE,
    OTHER_IMAGE_KEY,
    SIGNED_OTHER_BYTES,
    BAD_CHECKSUM,
    ROLLBACK_FLOOR_SINKS,
    NO_COMMON_KEY,
    WANTS_SECURE_BOOT,
    IS_WITHDRAWN,
    FAULTS_COUNT
};

/* In the order in which they are made; deltas are refused with the instruction that asks for one.
 */
static const struct {
    int check;
    enum godwit_stage stage;
    enum godwit_reason reason;
} rows[FAULTS_COUNT] = {
    [REPLY_CUT] = {1, GODWIT_STAGE_CHECKIN, GODWIT_REASON_REPLY_MALFORMED},
    [OTHER_DEPLOY_KEY] = {2, GODWIT_STAGE_CHECKIN, GODWIT_REASON_INSTRUCTION_SIGNATURE},
    [NO_INSTRUCTION] = {3, GODWIT_STAGE_CHECKIN, GODWIT_REASON_INSTRUCTION_FORMAT},
    [OTHER_DEVICE] = {3, GODWIT_STAGE_CHECKIN, GODWIT_REASON_INSTRUCTION_DEVICE},
    [OTHER_NONCE] = {3, GODWIT_STAGE_CHECKIN, GODWIT_REASON_INSTRUCTION_NONCE},
    [OLD_SEQUENCE] = {3, GODWIT_STAGE_CHECKIN, GODWIT_REASON_INSTRUCTION_SEQUENCE},
    [DURING_TRIAL] = {5, GODWIT_STAGE_CHECKIN, GODWIT_REASON_ON_TRIAL},
    [OWNER_SAYS_NO] = {5, GODWIT_STAGE_CHECKIN, GODWIT_REASON_NOT_NOW},
    [OTHER_CHIP] = {6, GODWIT_STAGE_CHECKIN, GODWIT_REASON_WRONG_CHIP},
    [OTHER_PRODUCT] = {6, GODWIT_STAGE_CHECKIN, GODWIT_REASON_WRONG_PRODUCT},
    [TOO_LARGE] = {6, GODWIT_STAGE_CHECKIN, GODWIT_REASON_TOO_LARGE},
    [ODD_SIZE] = {6, GODWIT_STAGE_CHECKIN, GODWIT_REASON_UNSIGNED},
    [LOW_SECURE_VERSION] = {6, GODWIT_STAGE_CHECKIN, GODWIT_REASON_SECURE_VERSION},
    [LOW_ROLLBACK_FLOOR] = {6, GODWIT_STAGE_CHECKIN, GODWIT_REASON_BELOW_ROLLBACK_FLOOR},
    [LOW_COUNTER] = {6, GODWIT_STAGE_CHECKIN, GODWIT_REASON_DOWNGRADE},
    [FAILED_BEFORE] = {7, GODWIT_STAGE_CHECKIN, GODWIT_REASON_QUARANTINED},
    [WANTS_DELTA] = {9, GODWIT_STAGE_CHECKIN, GODWIT_REASON_DELTA},
    [HEAD_IS_TEXT] = {8, GODWIT_STAGE_DOWNLOAD, GODWIT_REASON_BODY_DIFFERS},
    [HEAD_CHIP] = {8, GODWIT_STAGE_DOWNLOAD, GODWIT_REASON_WRONG_CHIP},
    [HEAD_NO_POLICY] = {8, GODWIT_STAGE_DOWNLOAD, GODWIT_REASON_POLICY_MISSING},
    [HEAD_BAD_POLICY] = {8, GODWIT_STAGE_DOWNLOAD, GODWIT_REASON_POLICY_FORMAT},
    [HEAD_PRODUCT] = {8, GODWIT_STAGE_DOWNLOAD, GODWIT_REASON_WRONG_PRODUCT},
    [HEAD_HARDWARE] = {8, GODWIT_STAGE_DOWNLOAD, GODWIT_REASON_HARDWARE},
    [HEAD_COUNTER] = {8, GODWIT_STAGE_DOWNLOAD, GODWIT_REASON_COUNTER_DIFFERS},
    [OTHER_FILE] = {10, GODWIT_STAGE_VERIFY, GODWIT_REASON_FILE_DIGEST},
    [NO_SIGNATURE] = {11, GODWIT_STAGE_VERIFY, GODWIT_REASON_UNSIGNED},
    [OTHER_IMAGE_KEY] = {11, GODWIT_STAGE_VERIFY, GODWIT_REASON_SIGNATURE_KEY},
    [SIGNED_OTHER_BYTES] = {11, GODWIT_STAGE_VERIFY, GODWIT_REASON_SIGNATURE_DIGEST},
    [BAD_CHECKSUM] = {12, GODWIT_STAGE_VERIFY, GODWIT_REASON_CHECKSUM},
    [ROLLBACK_FLOOR_SINKS] = {13, GODWIT_STAGE_VERIFY, GODWIT_REASON_POLICY_ROLLBACK_FLOOR},
    [NO_COMMON_KEY] = {13, GODWIT_STAGE_VERIFY, GODWIT_REASON_POLICY_KEYS},
    [WANTS_SECURE_BOOT] = {13, GODWIT_STAGE_VERIFY, GODWIT_REASON_SECURE_BOOT},
    [IS_WITHDRAWN] = {14, GODWIT_STAGE_SWITCH, GODWIT_REASON_WITHDRAWN},
};

static uint64_t faults; /* a bit for each fault of the present scene */

static bool has(enum wrong wrong)
{
    return faults >> wrong & 1u;
}

static bool owner_says(void *ctx)
{
    (void)ctx;
    return !has(OWNER_SAYS_NO);
}

static void tamper(struct peer *peer, uint8_t *data)
{
    if (!(data[5] & GODWIT_INSTRUCTION_INSTALL)) return;
    if (has(WANTS_DELTA)) data[5] |= GODWIT_INSTRUCTION_DELTA;
    if (has(NO_INSTRUCTION)) data[0] ^= 1;
    if (has(OTHER_DEVICE)) data[8] ^= 1;
    if (has(OTHER_NONCE)) data[24] ^= 1;
    if (has(OLD_SEQUENCE)) memset(data + 40, 0, 8);
    if (has(ODD_SIZE)) godwit_store32(data + 60, FIRMWARE_SIZE - 16);
    if (has(TOO_LARGE)) godwit_store32(data + 60, DEVICE_SLOT_SIZE + 4096);
    if (has(LOW_COUNTER)) godwit_store32(data + 96, 4);
    if (has(LOW_ROLLBACK_FLOOR)) godwit_store32(data + 96, 2);
    if (has(LOW_SECURE_VERSION)) godwit_store32(data + 100, 0);
    if (has(OTHER_CHIP)) data[104] ^= 1;
    if (has(OTHER_PRODUCT)) data[108] ^= 1;
    peer_sign(peer, data);
    if (has(OTHER_DEPLOY_KEY)) data[192 + 63] ^= 1;
}

static struct godwit_policy offered_policy(const struct device *device)
{
    struct godwit_policy policy = device_policy(device, has(HEAD_COUNTER) ? 7 : 6);
    policy.rollback_floor = has(ROLLBACK_FLOOR_SINKS) ? 2 : 3;
    if (has(HEAD_PRODUCT)) policy.product_id[0] ^= 1;
    if (has(HEAD_HARDWARE)) policy.hardware_mask = 2; /* the board is revision 0 */
    if (has(NO_COMMON_KEY)) policy.image_keys[0][0] ^= 1;
    if (has(WANTS_SECURE_BOOT)) policy.flags |= GODWIT_POLICY_REQUIRE_SECURE_BOOT;
    return policy;
}

static struct firmware offered_file(const struct device *device)
{
    uint8_t bytes[GODWIT_POLICY_BYTES];
    struct godwit_policy policy = offered_policy(device);
    struct pack_options options = firmware_options("6.0.0");
    godwit_policy_encode(&policy, bytes);
    if (has(HEAD_BAD_POLICY)) bytes[4] = 9;
    if (!has(HEAD_NO_POLICY)) options.policy = bytes;
    options.secure_version = 1;
    struct firmware file = firmware_pack(&options);
    if (has(HEAD_CHIP)) file.data[12] = 9;
    if (has(HEAD_IS_TEXT)) file.data[0] = 'A';
    if (has(BAD_CHECKSUM)) file.data[file.size - 33] ^= 1;
    file = firmware_sign_any(file, has(OTHER_IMAGE_KEY) ? 1 : 0);
    if (has(NO_SIGNATURE)) memset(file.data + file.size - 4096, 0xFF, 4096);
    if (has(SIGNED_OTHER_BYTES)) file.data[BEHAVIOUR_OFFSET + 64] ^= 1;
    return file;
}

/* The device, on release 5, that has checked in once. */
static void begin(struct device *device)
{
    device_prepare(device, firmware_key(0));
    struct godwit_policy policy = device_policy(device, 5);
    policy.rollback_floor = 3;
    device_comes_with(device, firmware_ruled("5.0.0", &policy));
    device_start(device);
    device->board.system.may_update = owner_says;
    assert_true(device_run(device, done_checked_in, 60));
}

static void offer(struct device *device, const struct firmware *file)
{
    struct peer *peer = &device->peer;
    peer_offer(peer, file->data, file->size, 9);
    peer->chip_id = 5; /* the server's word is good where no fault says else */
    peer->counter = 6;
    peer->secure_version = 1;
    if (has(OTHER_FILE)) peer->file_sha256[0] ^= 1;
    peer->tamper = tamper;
    peer->is_garbled = has(REPLY_CUT);
    peer->withdraws = has(IS_WITHDRAWN);
    struct godwit_agent *agent = &device->board.agent;
    agent->on_trial = has(DURING_TRIAL);
    if (has(LOW_SECURE_VERSION)) agent->facts.secure_version = 1;
    if (has(FAILED_BEFORE))
        godwit_attempts_add(&agent->journal, peer->file_sha256, GODWIT_REASON_TRIAL_PANIC, true);
}

static bool slot_is_blank(const struct device *device)
{
    uint8_t first[4096];
    const struct godwit_flash *flash = &device->flash;
    uint32_t offset = device->board.agent.slots.inactive.offset;
    assert_int_equal(flash->read(flash->ctx, offset, first, sizeof first), GODWIT_OK);
    return godwit_all(first, sizeof first, 0xFF);
}

/* Runs the scene that `faults` describes; the first of `expected` must be what comes of it. */
static void assert_outcome(enum wrong expected)
{
    struct device device;
    begin(&device);
    struct firmware file = offered_file(&device);
    offer(&device, &file);
    assert_true(device_run(&device, done_outcome, 300));
    const struct godwit_outcome *outcome = &device.peer.outcome;
    if (outcome->reason != rows[expected].reason || outcome->stage != rows[expected].stage)
        print_error("faults=0x%llx: %s, not %s\n", (unsigned long long)faults,
                    godwit_reason_id(outcome->reason), godwit_reason_id(rows[expected].reason));
    assert_string_equal(godwit_reason_id(outcome->reason), godwit_reason_id(rows[expected].reason));
    assert_int_equal(outcome->stage, rows[expected].stage);
    assert_int_equal(device.board.counters.boots, 1);
    if (outcome->stage <= GODWIT_STAGE_DOWNLOAD) assert_true(slot_is_blank(&device));
    if (outcome->stage == GODWIT_STAGE_CHECKIN) assert_int_equal(device.peer.image_requests, 0);
    free(file.data);
    device_end(&device);
}

static void takes_what_is_right(void **state)
{
    (void)state;
    struct device device;
    faults = 0;
    begin(&device);
    struct firmware file = offered_file(&device);
    offer(&device, &file);
    assert_true(device_run(&device, done_confirmed, 600));
    assert_int_equal(device.peer.last.counter, 6);
    assert_int_equal(device.peer.last.rollback_floor, 3);
    assert_int_equal(device.board.agent.journal.rollback_floor, 3);
    assert_true(device.board.agent.journal.flags & GODWIT_JOURNAL_HAS_POLICY);
    free(file.data);
    device_end(&device);
}

static void names_each_fault(void **state)
{
    (void)state;
    for (enum wrong i = 0; i < FAULTS_COUNT; i++) {
        CASE(i);
        faults = UINT64_C(1) << i;
        assert_outcome(i);
    }
}

static void names_the_earlier_of_two_faults(void **state)
{
    (void)state;
    for (enum wrong i = 0; i < FAULTS_COUNT; i++) {
        CASE(i);
        for (enum wrong k = i + 1; k < FAULTS_COUNT; k++) {
            CASE(k);
            if (rows[i].check == rows[k].check) continue;
            faults = UINT64_C(1) << i | UINT64_C(1) << k;
            assert_outcome(i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_is_right),
        cmocka_unit_test(names_each_fault),
        cmocka_unit_test(names_the_earlier_of_two_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
