/* TRIAL and RETURN: the new image proves itself or rolls back.
 *
 * Confirming: the journal first, then otadata. A cut between the two, or while the entry is being
 * rewritten, may boot the old image once; its BOOT sees "confirmed" and switches again.
 * Rolling back: the reason into the journal first, then our own entry INVALID, and before either
 * the other image is read through as the bootloader will: one that would not boot is no fallback
 * image.
 */
#include "agent/internal.h"

#define DEADLINE_MS (10u * 60 * 1000)
#define DEADLINE_LINK_MS (60u * 60 * 1000) /* while the link is up and the server unreachable */
#define RETRY_MS_MAX 30000u
#define RETRY_MS 1000u

enum trial_phase { TRIAL_REQUEST, TRIAL_REPLY, TRIAL_CONTACT };
enum return_phase { RETURN_ENTER, RETURN_READ, RETURN_LEAVE };

/* What ran before is what the other slot holds, ready for an undo. */
static void close_install(struct godwit_agent *agent)
{
    struct godwit_journal *journal = &agent->journal;
    (void)godwit_fail(agent, GODWIT_STAGE_CONFIRMED, GODWIT_REASON_NONE);
    godwit_attempts_forget(journal, journal->install.file_sha256);
    godwit_swap_slots(journal);
    bool is_known = !godwit_all(journal->install.image_sha256, 32, 0);
    journal->install_step = is_known ? GODWIT_STEP_FETCHED : GODWIT_STEP_NONE;
    journal->power_resets = journal->crashes = 0;
    journal->flags &= (uint8_t)~GODWIT_JOURNAL_IS_CALM;
}

/* Somebody else chose the other slot since this boot: not ours to change. */
static bool is_meant_otherwise(const struct godwit_agent *agent,
                               const struct godwit_ota_entry entries[static 2])
{
    int active = godwit_ota_active(entries);
    return active >= 0 && entries[active].state == GODWIT_OTA_NEW &&
           godwit_own_entry(agent, entries) < 0;
}

/* Until otadata is written this stays a trial: nothing may touch the other slot before. Without an
 * otadata partition there is nothing to write, and the proof counts all the same. */
enum godwit_state godwit_trial_finish(struct godwit_agent *agent)
{
    struct godwit_ota_entry entries[2];
    bool was_changed;
    godwit_err err = godwit_otadata_load(agent, entries);
    agent->journal.flags &= (uint8_t)~GODWIT_JOURNAL_HAS_NOTE;
    if (!err && !is_meant_otherwise(agent, entries)) {
        godwit_otadata_plan(agent, entries, true);
        godwit_otadata_note(agent, entries);
        err = godwit_otadata_restore(agent, &was_changed);
    }
    if (!err || err == GODWIT_ERR_MISSING) err = godwit_policy_confirmed(agent);
    agent->on_trial = err != GODWIT_OK;
    if (agent->on_trial) {
        agent->last_reason = GODWIT_REASON_FLASH;
        godwit_agent_wait(agent, RETRY_MS, 0);
        return GODWIT_STATE_TRIAL;
    }
    close_install(agent);
    agent->outcome_is_new = godwit_journal_commit(agent) != GODWIT_OK; /* REPORT tries again */
    return GODWIT_STATE_REPORT;
}

/* The journal first; a flash that refuses is tried again. */
static enum godwit_state confirm(struct godwit_agent *agent)
{
    GODWIT_LOG(INFO, "confirm", "slot=%s", agent->slots.label);
    if (!godwit_journal_append(agent, GODWIT_ENTRY_STEP, GODWIT_STEP_CONFIRMED))
        return godwit_trial_finish(agent);
    agent->last_reason = GODWIT_REASON_FLASH;
    agent->journal.install_step = GODWIT_STEP_TRIAL;
    godwit_agent_wait(agent, RETRY_MS, 0);
    return GODWIT_STATE_TRIAL;
}

static enum godwit_state give_up(struct godwit_agent *agent, enum godwit_reason reason)
{
    godwit_net_close(agent);
    agent->tries = 0;
    agent->trial_reason = (uint8_t)reason;
    return GODWIT_STATE_ROLLBACK;
}

/* One step towards contact: TLS to the trusted server and any HTTP status at all, so that an
 * outage of the server does not fly healthy devices back. The reply itself is not obeyed. */
static void seek_contact(struct godwit_agent *agent)
{
    int status = 0;
    uint32_t retry_after_s;
    godwit_err err;
    if (agent->phase == TRIAL_REQUEST) {
        err = godwit_request_begin(agent);
        agent->phase = TRIAL_REPLY;
    } else {
        err = godwit_request_read(agent, &status, &retry_after_s);
    }
    if (status > 0) {
        agent->phase = TRIAL_CONTACT;
        agent->nonce_is_open = false;
        agent->failures = 0;
        godwit_net_close(agent);
    } else if (err) {
        godwit_net_close(agent);
        agent->phase = TRIAL_REQUEST;
        uint32_t wait_ms = godwit_agent_backoff(agent, agent->failures);
        if (agent->failures < UINT8_MAX) agent->failures++;
        godwit_agent_wait(agent, wait_ms < RETRY_MS_MAX ? wait_ms : RETRY_MS_MAX, 0);
    }
}

/* OK passed, BUSY not yet; a healthy image has also run for its time. */
static godwit_err test_self(const struct godwit_agent *agent)
{
    const struct godwit_system *system = agent->config.system;
    godwit_err err = GODWIT_OK;
    if (atomic_load_explicit(&agent->is_app_confirmed, memory_order_acquire)) return GODWIT_OK;
    if (system->self_test) err = system->self_test(system->ctx);
    uint32_t healthy_ms = agent->start_ms + agent->config.health_s * 1000;
    return err || godwit_agent_is_past(agent, healthy_ms) ? err : GODWIT_ERR_BUSY;
}

enum godwit_state godwit_state_trial(struct godwit_agent *agent)
{
    if (agent->journal.install_step == GODWIT_STEP_CONFIRMED) return godwit_trial_finish(agent);
    godwit_err test = test_self(agent);
    if (test && test != GODWIT_ERR_BUSY) return give_up(agent, GODWIT_REASON_TRIAL_SELF_TEST);
    bool has_contact = agent->phase == TRIAL_CONTACT;
    if (has_contact && !test) return confirm(agent);
    uint32_t deadline = agent->start_ms;
    deadline += !has_contact && agent->link_is_up ? DEADLINE_LINK_MS : DEADLINE_MS;
    if (godwit_agent_is_past(agent, deadline))
        return give_up(agent,
                       has_contact ? GODWIT_REASON_TRIAL_DEADLINE : GODWIT_REASON_TRIAL_NO_CONTACT);
    if (has_contact)
        godwit_agent_wait(agent, RETRY_MS, 0);
    else
        seek_contact(agent);
    if ((int32_t)(agent->wake_ms - deadline) > 0) agent->wake_ms = deadline;
    return GODWIT_STATE_TRIAL;
}

/* Whom the bootloader will choose once our own entry is INVALID. */
static godwit_err find_fallback(struct godwit_agent *agent, struct godwit_region *region_out)
{
    struct godwit_ota_entry entries[2];
    godwit_err err = godwit_otadata_load(agent, entries);
    if (err) return err;
    int own = godwit_own_entry(agent, entries);
    /* After a try that failed half way, our own entry may be erased already. */
    if (own < 0 && agent->tries > 0) own = godwit_ota_active(entries) == 0 ? 1 : 0;
    if (own < 0) return GODWIT_ERR_MISSING;
    const struct godwit_ota_entry *other = &entries[1 - own];
    int index = -1; /* factory */
    if (godwit_ota_is_valid(other)) index = (int)godwit_ota_slot(other->seq, agent->slots.count);
    err = godwit_slot_region(agent, index, region_out);
    if (err == GODWIT_ERR_MISSING && index < 0) err = godwit_slot_region(agent, 0, region_out);
    if (!err && region_out->offset == agent->slots.running.offset) err = GODWIT_ERR_MISSING;
    return err;
}

/* Nowhere to go: better a running image that failed its trial than none. One that was confirmed
 * before stays so, and is asked no more. */
static enum godwit_state stay_here(struct godwit_agent *agent)
{
    struct godwit_journal *journal = &agent->journal;
    bool was_confirmed = agent->trial_reason == GODWIT_REASON_CRASH_LOOP;
    agent->on_trial = false;
    (void)godwit_fail(agent, GODWIT_STAGE_TRIAL, agent->trial_reason);
    godwit_swap_slots(journal);
    journal->install_step = GODWIT_STEP_NONE;
    if (was_confirmed)
        journal->flags |= GODWIT_JOURNAL_IS_CALM;
    else
        journal->flags &= (uint8_t)~GODWIT_JOURNAL_HAS_NOTE;
    return GODWIT_STATE_REPORT;
}

/* It is the flash or the engine that failed, and not the fallback image: tried again for a while.
 */
static enum godwit_state try_again(struct godwit_agent *agent)
{
    agent->phase = RETURN_ENTER;
    return godwit_boot_again(agent) == GODWIT_STATE_BOOT ? GODWIT_STATE_ROLLBACK : stay_here(agent);
}

enum godwit_state godwit_roll_back(struct godwit_agent *agent)
{
    /* The step stays "selected": the boot after this one closes the scenario. */
    (void)godwit_fail(agent, GODWIT_STAGE_ROLLED_BACK, agent->trial_reason);
    godwit_err err = godwit_journal_commit(agent);
    if (!err) err = godwit_otadata_choose(agent, agent->slots.running_index, GODWIT_OTA_INVALID);
    if (err) return try_again(agent);
    GODWIT_LOG(WARN, "roll_back", "reason=%u", (unsigned)agent->trial_reason);
    agent->outcome_is_new = false;
    return godwit_restart(agent);
}

enum godwit_state godwit_state_rollback(struct godwit_agent *agent)
{
    struct godwit_region *back = &agent->fallback;
    uint8_t digest[32];
    if (agent->phase == RETURN_ENTER) {
        godwit_err err = find_fallback(agent, back);
        if (!err) err = godwit_slot_image(agent, back, &agent->slot_size, digest);
        if (err) return err == GODWIT_ERR_IO ? try_again(agent) : stay_here(agent);
        agent->offset = 0;
        godwit_image_begin(agent, back, true);
        agent->phase = RETURN_READ;
        return GODWIT_STATE_ROLLBACK;
    }
    if (agent->phase == RETURN_READ) {
        godwit_err err = godwit_image_read_back(agent, back, agent->slot_size);
        if (err == GODWIT_OK) return GODWIT_STATE_ROLLBACK;
        bool is_engine = err == GODWIT_ERR_FORMAT && !agent->work.image.reason;
        if (err == GODWIT_ERR_IO || is_engine) return try_again(agent);
        bool is_too_old = agent->work.image.info.secure_version < agent->facts.secure_version;
        bool can_run = agent->work.image.can_start && !is_too_old;
        if (err != GODWIT_ERR_END || !can_run) return stay_here(agent);
        agent->phase = RETURN_LEAVE;
        return GODWIT_STATE_ROLLBACK;
    }
    return godwit_roll_back(agent);
}
