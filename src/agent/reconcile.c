/* What BOOT does once it knows its outcome, wherever no trial continues: it makes journal, otadata
 * and running image agree again.
 *
 * The journal is the truth about what was confirmed, the flash about what runs. Where otadata is
 * not as the journal noted it, it is written as noted; and where another image runs because of
 * that, the chip restarts, once: next time otadata is as noted, and an image that still does not
 * run is damaged. Each step commits what it is about to do first, so that a cut only repeats it. */
#include "agent/internal.h"

static bool is_previous(const struct godwit_agent *agent)
{
    const struct godwit_journal *journal = &agent->journal;
    return journal->install_slot == agent->slots.running.offset &&
           godwit_digest_is(journal->install.image_sha256, agent->work.digest);
}

/* A note beside the installs: not while an outcome of one waits to be heard. */
static enum godwit_state notice(struct godwit_agent *agent, enum godwit_reason reason)
{
    if (agent->journal.outcome_id && agent->journal.outcome_stage != GODWIT_STAGE_NONE)
        return GODWIT_STATE_IDLE;
    return godwit_fail_of(agent, GODWIT_STAGE_NONE, reason, agent->journal.running.file_sha256, 0);
}

/* Notes otadata as it should be, with the rest of the journal, and writes it so. */
static godwit_err align(struct godwit_agent *agent, bool is_confirmed, bool *was_changed_out)
{
    struct godwit_ota_entry entries[2];
    *was_changed_out = false;
    godwit_err err = godwit_otadata_load(agent, entries);
    bool has_otadata = err != GODWIT_ERR_MISSING;
    if (has_otadata && err) return err;
    if (has_otadata) {
        godwit_otadata_plan(agent, entries, is_confirmed);
        godwit_otadata_note(agent, entries);
    }
    err = godwit_journal_commit(agent);
    if (err || !has_otadata) return err;
    return godwit_otadata_restore(agent, was_changed_out);
}

/* An entry that names the running slot, and says that it must not run. */
static bool is_rejected(const struct godwit_agent *agent,
                        const struct godwit_ota_entry entries[static 2])
{
    for (int i = 0; i < 2; i++)
        if (godwit_otadata_names(agent, &entries[i], agent->slots.running_index) &&
            godwit_ota_is_unusable(&entries[i]))
            return true;
    return false;
}

/* What runs is the image of this device from now on, whoever brought it: a new device's first one,
 * one that came by cable, or all that still boots. */
static enum godwit_state take_over(struct godwit_agent *agent,
                                   const struct godwit_ota_entry entries[static 2],
                                   enum godwit_reason reason)
{
    struct godwit_journal *journal = &agent->journal;
    enum godwit_state next = GODWIT_STATE_IDLE;
    bool was_changed, was_rejected = is_rejected(agent, entries);
    if (was_rejected) reason = GODWIT_REASON_REJECTED_RUNS;
    if (reason) next = notice(agent, reason);
    if (is_previous(agent)) {
        godwit_swap_slots(journal);
    } else {
        memset(&journal->running, 0, sizeof journal->running);
        godwit_digest_copy(journal->running.image_sha256, agent->work.digest);
        journal->running_slot = agent->slots.running.offset;
    }
    journal->install_step = GODWIT_STEP_NONE; /* the other slot may hold anything */
    journal->flags |= GODWIT_JOURNAL_IS_CALM;
    if (!was_rejected && godwit_policy_confirmed(agent)) return godwit_boot_again(agent);
    if (align(agent, !was_rejected, &was_changed)) return godwit_boot_again(agent);
    agent->outcome_is_new = false;
    return next;
}

/* Both entries erased; where that leads to an OTA slot the bootloader has written its number and
 * VALID into the first by now. */
static bool is_erased(const struct godwit_agent *agent, const struct godwit_ota_entry entries[2])
{
    bool is_written = entries[0].seq == (uint32_t)agent->slots.running_index + 1 &&
                      entries[0].state == GODWIT_OTA_VALID;
    return (is_written || godwit_all((const uint8_t *)&entries[0], sizeof entries[0], 0xFF)) &&
           godwit_all((const uint8_t *)&entries[1], sizeof entries[1], 0xFF);
}

/* Another image runs than the one that was confirmed last. */
static enum godwit_state reconcile_other(struct godwit_agent *agent,
                                         const struct godwit_ota_entry entries[static 2])
{
    const struct godwit_journal *journal = &agent->journal;
    bool was_changed;
    bool has_note = journal->flags & GODWIT_JOURNAL_HAS_NOTE;
    if (!has_note || journal->running_slot == agent->slots.running.offset)
        return take_over(agent, entries, GODWIT_REASON_NONE);
    if (is_erased(agent, entries) && !is_previous(agent)) /* by cable, or a factory reset */
        return take_over(agent, entries, GODWIT_REASON_OTADATA_REPAIRED);
    godwit_err err = godwit_otadata_restore(agent, &was_changed);
    if (err == GODWIT_ERR_MISSING) return take_over(agent, entries, GODWIT_REASON_NONE);
    if (err) return godwit_boot_again(agent);
    if (!was_changed && agent->tries == 0)
        return take_over(agent, entries, GODWIT_REASON_IMAGE_DAMAGED);
    (void)notice(agent, GODWIT_REASON_OTADATA_REPAIRED);
    if (godwit_journal_commit(agent)) return godwit_boot_again(agent);
    return godwit_restart(agent);
}

/* A confirmed image that crashes again and again before its first calm hour rolls back after all,
 * while the one before it is still there and may still run. */
static bool must_roll_back(struct godwit_agent *agent)
{
    struct godwit_journal *journal = &agent->journal;
    if (journal->flags & GODWIT_JOURNAL_IS_CALM) return false;
    journal->crashes++;
    (void)!godwit_journal_append(agent, GODWIT_ENTRY_STEP, journal->install_step);
    return journal->crashes >= GODWIT_CRASHES_MAX && journal->install_step == GODWIT_STEP_FETCHED &&
           journal->install.counter >= journal->rollback_floor;
}

enum godwit_state godwit_reconcile(struct godwit_agent *agent,
                                   const struct godwit_ota_entry entries[static 2],
                                   bool has_crashed)
{
    const struct godwit_journal *journal = &agent->journal;
    bool was_changed;
    if (journal->running_slot != agent->slots.running.offset ||
        !godwit_digest_is(journal->running.image_sha256, agent->work.digest))
        return reconcile_other(agent, entries);
    godwit_err err = godwit_otadata_restore(agent, &was_changed);
    if (err && err != GODWIT_ERR_MISSING) return godwit_boot_again(agent);
    if (has_crashed && must_roll_back(agent)) {
        godwit_swap_slots(&agent->journal);
        agent->journal.install_step = GODWIT_STEP_TRIAL;
        agent->on_trial = true;
        agent->trial_reason = GODWIT_REASON_CRASH_LOOP;
        return godwit_roll_back(agent);
    }
    return was_changed ? notice(agent, GODWIT_REASON_OTADATA_REPAIRED) : GODWIT_STATE_IDLE;
}

enum godwit_state godwit_reconcile_retry(struct godwit_agent *agent)
{
    bool was_changed;
    agent->journal.install_step = GODWIT_STEP_FETCHED;
    if (align(agent, true, &was_changed)) return godwit_boot_again(agent);
    return GODWIT_STATE_VERIFY;
}

/* Whether the same file may be tried again: what is not the image's own fault counts once. */
static __attribute__((noinline)) bool is_final(uint32_t reason)
{
    return reason != GODWIT_REASON_TRIAL_NO_CONTACT && reason != GODWIT_REASON_TRIAL_NOT_BOOTED;
}

enum godwit_state godwit_reconcile_rollback(struct godwit_agent *agent, enum godwit_reason reason,
                                            bool is_noted)
{
    struct godwit_journal *journal = &agent->journal;
    bool was_changed;
    uint32_t said = is_noted ? journal->outcome_reason : reason;
    if (!is_noted) (void)godwit_fail(agent, GODWIT_STAGE_ROLLED_BACK, reason);
    agent->last_reason = said;
    godwit_attempts_add(journal, journal->install.file_sha256, said, is_final(said));
    /* Refused by the bootloader: what lies there is not what was verified. Else the file is good,
     * whatever it did. */
    journal->install_step =
        said == GODWIT_REASON_TRIAL_NOT_BOOTED ? GODWIT_STEP_NONE : GODWIT_STEP_FETCHED;
    journal->power_resets = 0;
    journal->flags |= GODWIT_JOURNAL_IS_CALM; /* what failed is no fallback image from here */
    if (align(agent, journal->running_slot == agent->slots.running.offset, &was_changed))
        return godwit_boot_again(agent);
    agent->outcome_is_new = false;
    /* Factory comes before the last good app where an image is refused: go on to that one. */
    bool is_home = journal->running_slot == agent->slots.running.offset;
    return was_changed && !is_home ? godwit_restart(agent) : GODWIT_STATE_REPORT;
}
