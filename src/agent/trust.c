/* The policy that rules: P1 of the running image, else the seed policy of the agent's build; and
 * what may come after it. It is read from flash each time it is asked for: 328 bytes of RAM for
 * good would cost more than a read, and what runs now is what counts, not what was remembered. */
#include "agent/internal.h"

enum godwit_reason godwit_policy_running(const struct godwit_agent *agent,
                                         struct godwit_policy *out)
{
    uint8_t data[GODWIT_POLICY_BYTES];
    uint32_t offset = agent->slots.running.offset + GODWIT_POLICY_OFFSET;
    if (godwit_flash_read(agent, offset, data, sizeof data)) return GODWIT_REASON_FLASH;
    /* A P1 that is there and malformed rules all the same: it lets nothing through. */
    bool is_seed = !godwit_policy_is_present(data);
    if (godwit_policy_decode(is_seed ? agent->config.seed_policy : data, is_seed, out))
        return GODWIT_REASON_POLICY_FORMAT;
    if (is_seed) out->counter = 0;
    if (out->floor < agent->record.floor) out->floor = agent->record.floor;
    return GODWIT_REASON_NONE;
}

godwit_err godwit_policy_confirmed(struct godwit_agent *agent)
{
    struct godwit_policy policy;
    enum godwit_reason reason = godwit_policy_running(agent, &policy);
    if (reason == GODWIT_REASON_FLASH) return GODWIT_ERR_IO;
    if (reason || policy.is_seed) return GODWIT_OK;
    agent->record.floor = policy.floor;
    agent->record.flags |= GODWIT_RECORD_HAS_POLICY;
    return GODWIT_OK;
}

enum godwit_reason godwit_judge_head(const struct godwit_agent *agent)
{
    const struct godwit_image_info *info = &agent->work.image.info;
    const struct godwit_record *record = &agent->record;
    if (info->secure_version < agent->facts.secure_version) return GODWIT_REASON_SECURE_VERSION;
    struct godwit_policy policy;
    enum godwit_reason reason = godwit_policy_running(agent, &policy);
    if (reason) return reason;
    if (!info->has_policy) {
        if (!policy.is_seed || record->flags & GODWIT_RECORD_HAS_POLICY)
            return GODWIT_REASON_POLICY_MISSING;
        return record->install.counter ? GODWIT_REASON_COUNTER_DIFFERS : GODWIT_REASON_NONE;
    }
    uint8_t product_id[sizeof policy.product_id];
    memcpy(product_id, policy.product_id, sizeof product_id);
    if (godwit_policy_decode(info->policy, false, &policy)) return GODWIT_REASON_POLICY_FORMAT;
    if (memcmp(policy.product_id, product_id, sizeof product_id) != 0)
        return GODWIT_REASON_WRONG_PRODUCT;
    uint32_t board = agent->facts.hardware_revision;
    if (policy.hardware_mask && (board > 31 || !(policy.hardware_mask >> board & 1u)))
        return GODWIT_REASON_HARDWARE;
    if (policy.counter != record->install.counter) return GODWIT_REASON_COUNTER_DIFFERS;
    return GODWIT_REASON_NONE;
}

/* An undo brings the floor that its release had; the record keeps the higher one. */
enum godwit_reason godwit_judge_next_policy(const struct godwit_agent *agent)
{
    const struct godwit_image_info *info = &agent->work.image.info;
    if (!info->has_policy) return GODWIT_REASON_NONE;
    struct godwit_policy ruling, next;
    enum godwit_reason reason = godwit_policy_running(agent, &ruling);
    if (reason) return reason;
    if (godwit_policy_decode(info->policy, false, &next)) return GODWIT_REASON_POLICY_FORMAT;
    bool is_undo = next.counter < ruling.counter;
    if (next.floor < ruling.floor && !is_undo) return GODWIT_REASON_POLICY_FLOOR;
    bool shares_key = (next.flags & GODWIT_POLICY_CLEAN_BREAK) || ruling.image_keys_count == 0;
    for (size_t i = 0; i < next.image_keys_count; i++)
        shares_key |= godwit_policy_trusts(&ruling, next.image_keys[i]);
    if (!shares_key) return GODWIT_REASON_POLICY_KEYS;
    if (next.flags & GODWIT_POLICY_REQUIRE_SECURE_BOOT && !agent->facts.has_secure_boot)
        return GODWIT_REASON_SECURE_BOOT;
    return GODWIT_REASON_NONE;
}
