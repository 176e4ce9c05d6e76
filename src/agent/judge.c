/* Checks 2, 3 and 6: may this answer move this device? Nothing of the instruction is interpreted
 * before its signature holds; what is interpreted is bound to this device and this question. */
#include "agent/internal.h"

/* Check 2; a policy is too large to stand on the stack beside the rest. */
static __attribute__((noinline)) enum godwit_reason
judge_signature(const struct godwit_agent *agent,
                const uint8_t data[static GODWIT_INSTRUCTION_SIZE], uint32_t *key_index_out)
{
    struct godwit_policy policy;
    if (godwit_policy_decode(agent->config.seed_policy, true, &policy))
        return GODWIT_REASON_POLICY_FORMAT;
    if (godwit_instruction_verify(data, &policy, key_index_out))
        return GODWIT_REASON_INSTRUCTION_SIGNATURE;
    assert(*key_index_out < GODWIT_POLICY_DEPLOY_KEYS_MAX);
    return GODWIT_REASON_NONE;
}

enum godwit_reason godwit_judge_answer(struct godwit_agent *agent,
                                       const uint8_t data[static GODWIT_INSTRUCTION_SIZE],
                                       struct godwit_instruction *out, uint32_t *key_index_out)
{
    bool was_open = agent->nonce_is_open;
    agent->nonce_is_open = false; /* burnt, whatever comes of it */
    enum godwit_reason reason = judge_signature(agent, data, key_index_out);
    if (reason) return reason;
    if (godwit_instruction_decode(data, out)) return GODWIT_REASON_INSTRUCTION_FORMAT;
    if (memcmp(out->device_id, agent->facts.device_id, sizeof out->device_id) != 0)
        return GODWIT_REASON_INSTRUCTION_DEVICE;
    if (!was_open || memcmp(out->nonce, agent->nonce, sizeof out->nonce) != 0)
        return GODWIT_REASON_INSTRUCTION_NONCE;
    if (out->flags & GODWIT_INSTRUCTION_INSTALL &&
        out->sequence <= agent->record.sequences[*key_index_out].last)
        return GODWIT_REASON_INSTRUCTION_SEQUENCE;
    return GODWIT_REASON_NONE;
}

/* The part of check 6 that the seed policy decides. */
static __attribute__((noinline)) enum godwit_reason
judge_policy(const struct godwit_agent *agent, const struct godwit_instruction *install)
{
    struct godwit_policy policy;
    if (godwit_policy_decode(agent->config.seed_policy, true, &policy))
        return GODWIT_REASON_POLICY_FORMAT;
    if (memcmp(install->product_id, policy.product_id, sizeof policy.product_id) != 0)
        return GODWIT_REASON_WRONG_PRODUCT;
    bool is_signed_size = install->file_size % GODWIT_SECTOR_SIZE == 0 &&
                          install->file_size >= 2 * GODWIT_SECTOR_SIZE;
    if (!(policy.flags & GODWIT_POLICY_OPEN) && !is_signed_size) return GODWIT_REASON_UNSIGNED;
    if (install->counter < policy.floor) return GODWIT_REASON_DOWNGRADE;
    return GODWIT_REASON_NONE;
}

enum godwit_reason godwit_judge_install(struct godwit_agent *agent,
                                        const struct godwit_instruction *install,
                                        uint32_t key_index)
{
    const struct godwit_system *system = agent->config.system;
    const struct godwit_device_facts *facts = &agent->facts;
    agent->record.sequences[key_index].last = install->sequence;
    if (system->may_update && !system->may_update(system->ctx)) return GODWIT_REASON_NOT_NOW;
    if (install->chip_id != facts->chip->id) return GODWIT_REASON_WRONG_CHIP;
    if (agent->slots.idle_index < 0) return GODWIT_REASON_NO_SLOT;
    if (install->file_size == 0 || install->file_size > agent->slots.idle.size)
        return GODWIT_REASON_TOO_LARGE;
    if (install->secure_version < facts->secure_version) return GODWIT_REASON_SECURE_VERSION;
    if (install->counter < agent->record.running.counter &&
        !(install->flags & GODWIT_INSTRUCTION_ALLOW_DOWNGRADE))
        return GODWIT_REASON_DOWNGRADE;
    return judge_policy(agent, install);
}
