/* Negative signatures, the policy's part: P1 changed behind the signature's back, and policies that
 * no key can make good; signatures of instructions. */
#include "sim/attack_rows.h"

#define FIRST KEY_BIT(KEY_FIRST)
#define DEPLOY KEY_BIT(KEY_DEPLOY)

/* Offsets in P1, docs/FORMATS.md. */
enum {
    AT_MAGIC = 0,
    AT_VERSION = 4,
    AT_THRESHOLD = 5,
    AT_IMAGE_KEYS = 6,
    AT_DEPLOY_KEYS = 7,
    AT_PRODUCT = 8,
    AT_COUNTER = 28,
    AT_ROLLBACK_FLOOR = 32,
    AT_FLAGS = 36,
    AT_KEY_1 = 40,
    AT_KEY_3 = 104,
    AT_DEPLOY_KEY_1 = 200,
};

/* param: offset and the value of one byte; the file's digests follow, its signature does not. */
#define PUT(at, value) .param = (at) | (uint32_t)(value) << 16
static void put_in_policy(struct attack *attack, struct attack_file *file)
{
    uint32_t param = attack->row->param;
    file->data[GODWIT_POLICY_OFFSET + (param & 0xFFFF)] = (uint8_t)(param >> 16);
    attack_file_repair(file);
}

static void add_own_key(struct attack *attack, struct attack_file *file)
{
    uint8_t *policy = file->data + GODWIT_POLICY_OFFSET;
    memcpy(policy + AT_KEY_3, attack->fixture->digests[KEY_THIEF], 32);
    policy[AT_IMAGE_KEYS] = 3;
    attack_file_repair(file);
    if (attack->row->param) attack_file_sign(attack->fixture, file, 0, KEY_THIEF);
}

static void own_deploy_key(struct attack *attack, struct attack_file *file)
{
    memcpy(file->data + GODWIT_POLICY_OFFSET + AT_DEPLOY_KEY_1,
           attack->fixture->points[KEY_THIEF_DEPLOY], 64);
    attack_file_repair(file);
}

/* Threshold 1 in a product of 2, and only one block left. */
static void lower_threshold(struct attack *attack, struct attack_file *file)
{
    file->data[GODWIT_POLICY_OFFSET + AT_THRESHOLD] = 1;
    attack_file_repair(file);
    memset(attack_file_block(file, 1), 0xFF, GODWIT_SIGBLOCK_SIZE);
    if (attack->row->param) attack_file_sign(attack->fixture, file, 0, KEY_FIRST);
}

/* The same policies, signed by a stolen image key: what must not be, no key can allow. */
static void put_and_sign(struct attack *attack, struct attack_file *file)
{
    attack_must(attack->row->holds & FIRST, "signing without the key");
    put_in_policy(attack, file);
    attack_file_sign(attack->fixture, file, 0, KEY_FIRST);
}

static void only_own_keys(struct attack *attack, struct attack_file *file)
{
    uint8_t *policy = file->data + GODWIT_POLICY_OFFSET;
    memcpy(policy + AT_KEY_1, attack->fixture->digests[KEY_THIEF], 32);
    memcpy(policy + AT_KEY_1 + 32, attack->fixture->digests[KEY_THIEF_OTHER], 32);
    attack_file_repair(file);
    attack_file_sign(attack->fixture, file, 0, attack->row->param ? KEY_THIEF : KEY_FIRST);
}

/* ---- instructions ---- */

/* n − s, big-endian as I1 has it: the other signature that ECDSA takes for the same message. */
static void negate_s(uint8_t *s)
{
    static const uint8_t order[32] = {0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00,
                                      0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                      0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84,
                                      0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51};
    int borrow = 0;
    for (int i = 31; i >= 0; i--) {
        int digit = order[i] - s[i] - borrow;
        borrow = digit < 0;
        s[i] = (uint8_t)(digit + 256 * borrow);
    }
}

static void twin(struct attack *attack, struct godwit_checkin_reply *reply)
{
    (void)attack;
    negate_s(reply->instruction + GODWIT_INSTRUCTION_BODY_SIZE + 32);
}

/* The first instruction as it is; then its twin, for ever. */
static void twin_of_first(struct attack *attack, struct godwit_checkin_reply *reply)
{
    uint8_t *kept = (uint8_t *)attack->recording[ATTACK_RECORDING_MAX - 1].text;
    if (attack->memory++ == 0) {
        memcpy(kept, reply->instruction, GODWIT_INSTRUCTION_SIZE);
        negate_s(kept + GODWIT_INSTRUCTION_BODY_SIZE + 32);
        return;
    }
    memcpy(reply->instruction, kept, GODWIT_INSTRUCTION_SIZE);
}

static void fill_signature(struct attack *attack, struct godwit_checkin_reply *reply)
{
    memset(reply->instruction + GODWIT_INSTRUCTION_BODY_SIZE + (attack->row->param & 0xFF), 0,
           attack->row->param >> 8);
}

/* An instruction that half a version later might mean something: signed, but not understood. */
static void strange_body(struct attack *attack, struct godwit_checkin_reply *reply)
{
    uint8_t *data = reply->instruction, digest[32];
    size_t size;
    data[attack->row->param & 0xFF] = (uint8_t)(attack->row->param >> 8);
    attack_must(!godwit_instruction_digest(data, digest) &&
                    !key_sign(attack->fixture->keys[KEY_DEPLOY], digest, 32,
                              data + GODWIT_INSTRUCTION_BODY_SIZE, &size),
                "signing an instruction");
}

static void delta(struct attack *attack, struct godwit_instruction *instruction)
{
    (void)attack;
    instruction->flags |= GODWIT_INSTRUCTION_DELTA;
    instruction->patch_size = 4096;
}

#define UNSIGNED_CHANGE 0, "S", .spoil = put_in_policy, SERVER
#define SIGNED_CHANGE 0, "SK", .spoil = put_and_sign, .holds = DEPLOY | FIRST
#define NAME(text, what) .name = (text), .sentence = (what)
#define CHANGED REFUSED(R(SIGNATURE_DIGEST))

/* clang-format off */
const struct attack_case ATTACK_POLICIES[] = {
    {0, "S", NAME("policy-threshold", "two signatures asked: the threshold lowered, one left"),
     .base = BASE_TWO, .spoil = lower_threshold, SERVER,
     REFUSED(R(SIGNATURE_DIGEST), R(SIGNATURE_THRESHOLD))},
    {0, "SK", NAME("policy-threshold-signed", "… and signed by one stolen key"), .base = BASE_TWO,
     .spoil = lower_threshold, .holds = DEPLOY | FIRST, .param = 1,
     REFUSED(R(SIGNATURE_THRESHOLD))},
    {0, "S", NAME("policy-key-added", "the thief's key added to the list"), .spoil = add_own_key,
     SERVER, CHANGED},
    {0, "S", NAME("policy-key-own", "… and signed with it"), .spoil = add_own_key, SERVER,
     .param = 1, REFUSED(R(SIGNATURE_KEY))},
    {0, "S", NAME("policy-deploy-key", "the thief's deploy key in the list"),
     .spoil = own_deploy_key, SERVER, CHANGED},
    {UNSIGNED_CHANGE, NAME("policy-rollback-floor", "the rollback floor lowered"),
     PUT(AT_ROLLBACK_FLOOR, 1), REFUSED(R(SIGNATURE_DIGEST), R(POLICY_ROLLBACK_FLOOR))},
    {UNSIGNED_CHANGE, NAME("policy-trust-reset", "the trust reset set"), PUT(AT_FLAGS, 0x11),
     CHANGED},
    {UNSIGNED_CHANGE, NAME("policy-no-instruction", "no instruction required any more"),
     PUT(AT_FLAGS, 0), CHANGED},
    {UNSIGNED_CHANGE, NAME("policy-hawkbit", "plain hawkBit mode allowed"), PUT(AT_FLAGS, 3),
     CHANGED},
    {UNSIGNED_CHANGE, NAME("policy-open", "the seed's open flag smuggled in"), PUT(AT_FLAGS, 0x21),
     REFUSED(R(POLICY_FORMAT))},
    {UNSIGNED_CHANGE, NAME("policy-unknown-flag", "a flag that does not exist"),
     PUT(AT_FLAGS, 0x81), REFUSED(R(POLICY_FORMAT))},
    {UNSIGNED_CHANGE, NAME("policy-counter", "the release counter raised"), PUT(AT_COUNTER, 200),
     REFUSED(R(COUNTER_DIFFERS), R(BODY_DIFFERS), R(SIGNATURE_DIGEST))},
    {UNSIGNED_CHANGE, NAME("policy-missing", "the policy's magic gone"), PUT(AT_MAGIC, 0),
     REFUSED(R(POLICY_MISSING), R(SIGNATURE_DIGEST))},
    {UNSIGNED_CHANGE, NAME("policy-product", "another product"), PUT(AT_PRODUCT, 0x77),
     REFUSED(R(WRONG_PRODUCT))},
    {UNSIGNED_CHANGE, NAME("policy-no-keys", "an empty key list"), PUT(AT_IMAGE_KEYS, 0),
     REFUSED(R(POLICY_FORMAT))},
    {UNSIGNED_CHANGE, NAME("policy-threshold-0", "threshold 0"), PUT(AT_THRESHOLD, 0),
     REFUSED(R(POLICY_FORMAT))},
    {UNSIGNED_CHANGE, NAME("policy-threshold-9", "a threshold over the count of keys"),
     PUT(AT_THRESHOLD, 9), REFUSED(R(POLICY_FORMAT))},
    {UNSIGNED_CHANGE, NAME("policy-version", "version 2"), PUT(AT_VERSION, 2),
     REFUSED(R(POLICY_FORMAT))},
    {UNSIGNED_CHANGE, NAME("policy-six-keys", "six image keys"), PUT(AT_IMAGE_KEYS, 6),
     REFUSED(R(POLICY_FORMAT))},
    {UNSIGNED_CHANGE, NAME("policy-three-deploy", "three deploy keys"), PUT(AT_DEPLOY_KEYS, 3),
     REFUSED(R(POLICY_FORMAT))},
    {UNSIGNED_CHANGE, NAME("policy-key-space", "a byte in the room of a key that is not there"),
     PUT(AT_KEY_3 + 5, 1), REFUSED(R(POLICY_FORMAT))},
    {UNSIGNED_CHANGE, NAME("policy-rollback-floor-over", "a rollback floor above its own counter"),
     PUT(AT_ROLLBACK_FLOOR, 250), REFUSED(R(POLICY_FORMAT))},
    {SIGNED_CHANGE, NAME("signed-open", "the open flag, signed by a stolen key"),
     PUT(AT_FLAGS, 0x21), REFUSED(R(POLICY_FORMAT))},
    {SIGNED_CHANGE, NAME("signed-no-keys", "an empty key list, signed"), PUT(AT_IMAGE_KEYS, 0),
     REFUSED(R(POLICY_FORMAT))},
    {SIGNED_CHANGE, NAME("signed-threshold-0", "threshold 0, signed"), PUT(AT_THRESHOLD, 0),
     REFUSED(R(POLICY_FORMAT))},
    {SIGNED_CHANGE, NAME("signed-floor", "a lower rollback floor, signed"),
     PUT(AT_ROLLBACK_FLOOR, 1), REFUSED(R(POLICY_ROLLBACK_FLOOR))},
    {SIGNED_CHANGE, NAME("signed-product", "another product, signed"), PUT(AT_PRODUCT, 0x77),
     REFUSED(R(WRONG_PRODUCT))},
    {SIGNED_CHANGE, NAME("signed-missing", "no policy, signed"), PUT(AT_MAGIC, 0),
     REFUSED(R(POLICY_MISSING))},
    {SIGNED_CHANGE, NAME("signed-secure-boot", "hardware Secure Boot asked of a chip without it"),
     PUT(AT_FLAGS, 5), REFUSED(R(SECURE_BOOT))},
    {0, "SK", NAME("signed-takeover", "none of the old keys in the list, signed by one of them"),
     .spoil = only_own_keys, .holds = DEPLOY | FIRST, REFUSED(R(POLICY_KEYS))},
    {0, "S", NAME("own-takeover", "… signed by one of the new ones"), .spoil = only_own_keys,
     SERVER, .param = 1, REFUSED(R(SIGNATURE_KEY))},

    {0, "-", CONTROL, INSTALLED, .begin = attack_offer_next, .reply = twin,
     NAME("instruction-twin", "n - s is the same instruction: installed once, its nonce is spent")},
    {0, "N", REFUSED(R(INSTRUCTION_NONCE)), .reply = twin_of_first,
     NAME("instruction-twin-again", "… so a used instruction's twin is as used as itself")},
    {0, "N", REFUSED(R(INSTRUCTION_SIGNATURE)), .reply = fill_signature, .param = 32 << 8,
     NAME("instruction-r-0", "r = 0 in an instruction's signature")},
    {0, "N", REFUSED(R(INSTRUCTION_SIGNATURE)), .reply = fill_signature, .param = 32 << 8 | 32,
     NAME("instruction-s-0", "s = 0 in it")},
    {0, "N", REFUSED(R(INSTRUCTION_SIGNATURE)), .reply = fill_signature, .param = 64 << 8,
     NAME("instruction-both-0", "both of them")},
    {0, "S", SERVER, REFUSED(R(INSTRUCTION_FORMAT)), .begin = attack_offer_next,
     .reply = strange_body, .param = 4 | 2 << 8,
     NAME("instruction-version", "a signed instruction of version 2")},
    {0, "S", SERVER, REFUSED(R(INSTRUCTION_FORMAT)), .begin = attack_offer_next,
     .reply = strange_body, .param = 5 | 3 << 8,
     NAME("instruction-both-verbs", "stay and install in one")},
    {0, "S", SERVER, REFUSED(R(INSTRUCTION_FORMAT)), .begin = attack_offer_next,
     .reply = strange_body, .param = 5, NAME("instruction-no-verb", "neither stay nor install")},
    {0, "S", SERVER, REFUSED(R(INSTRUCTION_FORMAT)), .begin = attack_offer_next,
     .reply = strange_body, .param = 5 | 0x82 << 8,
     NAME("instruction-flag", "a flag that does not exist")},
    {0, "S", SERVER, REFUSED(R(INSTRUCTION_FORMAT)), .begin = attack_offer_next,
     .reply = strange_body, .param = 106 | 1 << 8,
     NAME("instruction-reserved", "a reserved byte that is not zero")},
    {0, "S", SERVER, REFUSED(R(INSTRUCTION_FORMAT)), .begin = attack_offer_next,
     .reply = strange_body, .param = 6 | 1 << 8, NAME("instruction-length", "another length")},
    {0, "S", SERVER, REFUSED(R(DELTA)), .begin = attack_offer_next, .instruct = delta,
     NAME("instruction-delta", "a delta, which this agent does not take")},
    {0}};
/* clang-format on */
