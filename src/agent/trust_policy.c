/* The policy that rules: P1 of the running image, else the initial policy of the agent's build; and
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
    bool is_initial = !godwit_policy_is_present(data);
    if (godwit_policy_decode(is_initial ? agent->config.initial_policy : data, is_initial, out))
        return GODWIT_REASON_POLICY_FORMAT;
    if (is_initial) out->counter = 0;
    if (out->rollback_floor < agent->journal.rollback_floor)
        out->rollback_floor = agent->journal.rollback_floor;
    return GODWIT_REASON_NONE;
}

godwit_err godwit_policy_confirmed(struct godwit_agent *agent)
{
    struct godwit_policy policy;
    enum godwit_reason reason = godwit_policy_running(agent, &policy);
    if (reason == GODWIT_REASON_FLASH) return GODWIT_ERR_IO;
    if (reason || policy.is_initial) return GODWIT_OK;
    agent->journal.rollback_floor = policy.rollback_floor;
    agent->journal.flags |= GODWIT_JOURNAL_HAS_POLICY;
    return GODWIT_OK;
}

/* An undo brings the rollback floor that its release had; the journal keeps the higher one. */
static enum godwit_reason check_next(const struct godwit_agent *agent,
                                     const struct godwit_policy *ruling,
                                     const struct godwit_policy *next)
{
    bool is_undo = next->counter < ruling->counter;
    if (next->rollback_floor < ruling->rollback_floor && !is_undo)
        return GODWIT_REASON_POLICY_ROLLBACK_FLOOR;
    bool shares_key = (next->flags & GODWIT_POLICY_TRUST_RESET) || ruling->image_keys_count == 0;
    for (size_t i = 0; i < next->image_keys_count; i++)
        shares_key |= godwit_policy_trusts(ruling, next->image_keys[i]);
    if (!shares_key) return GODWIT_REASON_POLICY_KEYS;
    if (next->flags & GODWIT_POLICY_REQUIRE_SECURE_BOOT && !agent->facts.has_secure_boot)
        return GODWIT_REASON_SECURE_BOOT;
    return GODWIT_REASON_NONE;
}

__attribute__((noinline)) enum godwit_reason godwit_check_image(const struct godwit_agent *agent,
                                                                bool is_proven)
{
    const struct godwit_image_info *info = &agent->work.image.info;
    const struct godwit_journal *journal = &agent->journal;
    struct godwit_policy ruling, next;
    if (info->secure_version < agent->facts.secure_version) return GODWIT_REASON_SECURE_VERSION;
    enum godwit_reason reason = godwit_policy_running(agent, &ruling);
    if (reason) return reason;
    if (!info->has_policy) {
        if (!ruling.is_initial || journal->flags & GODWIT_JOURNAL_HAS_POLICY)
            return GODWIT_REASON_POLICY_MISSING;
        return journal->install.counter ? GODWIT_REASON_COUNTER_DIFFERS : GODWIT_REASON_NONE;
    }
    if (godwit_policy_decode(info->policy, false, &next)) return GODWIT_REASON_POLICY_FORMAT;
    if (memcmp(next.product_id, ruling.product_id, sizeof next.product_id) != 0)
        return GODWIT_REASON_WRONG_PRODUCT;
    uint32_t board = agent->facts.hardware_revision;
    if (next.hardware_mask && (board > 31 || !(next.hardware_mask >> board & 1u)))
        return GODWIT_REASON_HARDWARE;
    if (next.counter != journal->install.counter) return GODWIT_REASON_COUNTER_DIFFERS;
    return is_proven ? check_next(agent, &ruling, &next) : GODWIT_REASON_NONE;
}
