/* Checks 2 to 7 and 9: may this reply move this device? Nothing of the instruction is interpreted
 * before its signature holds; what is interpreted is bound to this device and this request. */
#include "agent/internal.h"

_Static_assert(GODWIT_POLICY_DEPLOY_KEYS_MAX == 2, "one key and the other");

/* Where the journal keeps a deploy key's sequence. A new key never takes the place of the other
 * that the policy lists, only of one that went. A policy without keys has zeros for one. */
static uint32_t find_sequence(struct godwit_journal *journal, const struct godwit_policy *policy,
                              uint32_t key_index)
{
    struct godwit_sequence *rows = journal->sequences;
    const uint8_t *key = policy->deploy_keys[key_index], *other = policy->deploy_keys[!key_index];
    for (uint32_t i = 0; i < GODWIT_POLICY_DEPLOY_KEYS_MAX; i++)
        if (memcmp(rows[i].key, key, sizeof rows[i].key) == 0) return i;
    uint32_t i = memcmp(rows[0].key, other, sizeof rows[0].key) == 0;
    memcpy(rows[i].key, key, sizeof rows[i].key);
    rows[i].last = 0;
    return i;
}

/* Check 2; a policy is too large to stand on the stack beside the rest. */
static __attribute__((noinline)) enum godwit_reason
check_signature(struct godwit_agent *agent, const uint8_t data[static GODWIT_INSTRUCTION_SIZE],
                uint32_t *sequence_out)
{
    struct godwit_policy policy;
    uint32_t key_index;
    enum godwit_reason reason = godwit_policy_running(agent, &policy);
    if (reason) return reason;
    if (godwit_instruction_verify(data, &policy, &key_index))
        return GODWIT_REASON_INSTRUCTION_SIGNATURE;
    *sequence_out = find_sequence(&agent->journal, &policy, key_index);
    return GODWIT_REASON_NONE;
}

enum godwit_reason godwit_check_instruction(struct godwit_agent *agent,
                                            const uint8_t data[static GODWIT_INSTRUCTION_SIZE],
                                            struct godwit_instruction *out, uint32_t *sequence_out)
{
    bool was_open = agent->nonce_is_open;
    agent->nonce_is_open = false; /* used up, whatever comes of it */
    enum godwit_reason reason = check_signature(agent, data, sequence_out);
    if (reason) return reason;
    if (godwit_instruction_decode(data, out)) return GODWIT_REASON_INSTRUCTION_FORMAT;
    if (memcmp(out->device_id, agent->facts.device_id, sizeof out->device_id) != 0)
        return GODWIT_REASON_INSTRUCTION_DEVICE;
    if (!was_open || memcmp(out->nonce, agent->nonce, sizeof out->nonce) != 0)
        return GODWIT_REASON_INSTRUCTION_NONCE;
    if (out->flags & GODWIT_INSTRUCTION_INSTALL &&
        out->sequence <= agent->journal.sequences[*sequence_out].last)
        return GODWIT_REASON_INSTRUCTION_SEQUENCE;
    return GODWIT_REASON_NONE;
}

/* Check 6: what is announced fits this chip, this product and this slot, and is not too old. */
static __attribute__((noinline)) enum godwit_reason
check_fit(const struct godwit_agent *agent, const struct godwit_instruction *install)
{
    const struct godwit_device_facts *facts = &agent->facts;
    struct godwit_policy policy;
    enum godwit_reason reason = godwit_policy_running(agent, &policy);
    if (reason) return reason;
    if (install->chip_id != facts->chip->id) return GODWIT_REASON_WRONG_CHIP;
    if (memcmp(install->product_id, policy.product_id, sizeof policy.product_id) != 0)
        return GODWIT_REASON_WRONG_PRODUCT;
    if (agent->slots.inactive_index < 0) return GODWIT_REASON_NO_SLOT;
    if (install->file_size == 0 || install->file_size > agent->slots.inactive.size)
        return GODWIT_REASON_TOO_LARGE;
    bool is_signed_size = install->file_size % GODWIT_SECTOR_SIZE == 0 &&
                          install->file_size >= 2 * GODWIT_SECTOR_SIZE;
    if (!(policy.flags & GODWIT_POLICY_OPEN) && !is_signed_size) return GODWIT_REASON_UNSIGNED;
    if (install->secure_version < facts->secure_version) return GODWIT_REASON_SECURE_VERSION;
    if (install->counter < policy.rollback_floor) return GODWIT_REASON_BELOW_ROLLBACK_FLOOR;
    if (install->counter < policy.counter && !(install->flags & GODWIT_INSTRUCTION_ALLOW_DOWNGRADE))
        return GODWIT_REASON_DOWNGRADE;
    return GODWIT_REASON_NONE;
}

enum godwit_reason godwit_check_install(struct godwit_agent *agent,
                                        const struct godwit_instruction *install, uint32_t sequence)
{
    const struct godwit_system *system = agent->config.system;
    bool is_forced = install->flags & GODWIT_INSTRUCTION_FORCE_NOW;
    agent->journal.sequences[sequence].last = install->sequence;
    if (agent->on_trial) return GODWIT_REASON_ON_TRIAL;
    if (!is_forced && system->may_update && !system->may_update(system->ctx))
        return GODWIT_REASON_NOT_NOW;
    enum godwit_reason reason = check_fit(agent, install);
    if (reason) return reason;
    if (!is_forced && godwit_attempts(&agent->journal, install->file_sha256) >= GODWIT_ATTEMPTS_MAX)
        return GODWIT_REASON_QUARANTINED;
    /* Check 9: nothing that a delta names is fetched at all. */
    return install->flags & GODWIT_INSTRUCTION_DELTA ? GODWIT_REASON_DELTA : GODWIT_REASON_NONE;
}
