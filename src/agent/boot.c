/* BOOT: where did we land? Running slot, otadata, the journal and the reset's cause are compared in
 * one pure function; no network. The journal is made here on a new device, with the token that is
 * stored before it is ever sent. */
#include "agent/internal.h"
#include "base/text.h"

/* What this boot turns out to be. */
enum outcome {
    OUTCOME_PLAIN,  /* nothing was under way */
    OUTCOME_TRIAL,  /* runs what was selected, unconfirmed */
    OUTCOME_FINISH, /* runs what was confirmed; otadata may not say so yet */
    OUTCOME_AGAIN,  /* confirmed, but another runs: power was cut while otadata was rewritten */
    OUTCOME_RETRY,  /* the trial was cut by power, or never began: verify, ask, switch */
    OUTCOME_ROLLED_BACK, /* another image runs because the new one failed */
    OUTCOME_LEAVE,       /* runs on trial, but has failed already: roll back */
};

/* The entry that names the install's slot. */
enum entry { ENTRY_NONE, ENTRY_REJECTED, ENTRY_PENDING, ENTRY_OTHER };

struct traces {
    enum godwit_step step;
    bool runs_install; /* slot and digest are those of the install */
    bool is_active;    /* the bootloader was told to run the install's slot */
    bool has_failed;   /* the journal holds its rollback already */
    enum entry entry;
    uint32_t state; /* of that entry, as it stands; UNDEFINED without one */
    enum godwit_reset reset;
    uint8_t power_resets; /* before this one */
};

struct verdict {       /* in bytes: it goes through one register */
    uint8_t outcome;   /* enum landing */
    uint8_t reason;    /* LEAVE, BACK: why */
    bool counts_power; /* one more of the few power resets that an install may have */
};

static bool has_crashed(enum godwit_reset reset)
{
    return reset == GODWIT_RESET_PANIC || reset == GODWIT_RESET_WATCHDOG;
}

/* What uses no trial up; whoever pulls the plug says nothing about the image. */
static bool is_power(enum godwit_reset reset)
{
    return reset == GODWIT_RESET_POWER_ON || reset == GODWIT_RESET_BROWN_OUT;
}

static uint8_t reason_of(enum godwit_reset reset)
{
    if (reset == GODWIT_RESET_PANIC) return GODWIT_REASON_TRIAL_PANIC;
    if (reset == GODWIT_RESET_WATCHDOG) return GODWIT_REASON_TRIAL_WATCHDOG;
    return is_power(reset) ? GODWIT_REASON_TRIAL_POWER : GODWIT_REASON_TRIAL_RESET;
}

/* Goes on after a cut, or gives up: `lenient` while power may be blamed. */
static struct verdict count_power(const struct traces *traces, uint8_t lenient, uint8_t strict)
{
    if (traces->power_resets < GODWIT_POWER_RESETS_MAX)
        return (struct verdict){lenient, GODWIT_REASON_NONE, true};
    return (struct verdict){strict, GODWIT_REASON_TRIAL_POWER, false};
}

/* The new image runs. A bootloader that watches never starts it a second time by itself; one that
 * does not watch does, and so does one that finds no other image. */
static struct verdict check_trial(const struct traces *traces)
{
    uint8_t reason = reason_of(traces->reset);
    bool is_second = traces->step == GODWIT_STEP_TRIAL;
    if (traces->step == GODWIT_STEP_CONFIRMED) return (struct verdict){.outcome = OUTCOME_FINISH};
    if (traces->has_failed) return (struct verdict){OUTCOME_LEAVE, reason, false};
    if (is_second && is_power(traces->reset))
        return count_power(traces, OUTCOME_TRIAL, OUTCOME_LEAVE);
    if (is_second || (traces->entry != ENTRY_PENDING && has_crashed(traces->reset)))
        return (struct verdict){OUTCOME_LEAVE, reason, false};
    return (struct verdict){.outcome = OUTCOME_TRIAL};
}

/* Another image runs than the one that was selected. */
static struct verdict check_other(const struct traces *traces)
{
    uint8_t reason = reason_of(traces->reset);
    bool is_confirmed = traces->step == GODWIT_STEP_CONFIRMED;
    /* Chosen, and yet another runs: it was refused before it started. Not so after a power loss: an
     * entry half programmed may be read one way by the bootloader and another way here. */
    if (traces->is_active && !is_power(traces->reset))
        return (struct verdict){OUTCOME_ROLLED_BACK, GODWIT_REASON_TRIAL_NOT_BOOTED, false};
    if (traces->has_failed) return (struct verdict){OUTCOME_ROLLED_BACK, reason, false};
    bool never_chosen = traces->step == GODWIT_STEP_SELECTED && traces->entry != ENTRY_REJECTED;
    if (is_confirmed || never_chosen || is_power(traces->reset))
        return count_power(traces, is_confirmed ? OUTCOME_AGAIN : OUTCOME_RETRY,
                           OUTCOME_ROLLED_BACK);
    return (struct verdict){OUTCOME_ROLLED_BACK, reason, false};
}

static struct verdict check_traces(const struct traces *traces)
{
    if (traces->step < GODWIT_STEP_SELECTED) return (struct verdict){.outcome = OUTCOME_PLAIN};
    return traces->runs_install ? check_trial(traces) : check_other(traces);
}

static void read_otadata(const struct godwit_agent *agent,
                         const struct godwit_ota_entry entries[static 2], struct traces *traces)
{
    int slot = traces->runs_install ? agent->slots.running_index : agent->slots.inactive_index;
    int active = godwit_ota_active(entries);
    for (int i = 0; i < 2; i++) {
        const struct godwit_ota_entry *entry = &entries[i];
        if (!godwit_otadata_names(agent, entry, slot)) continue;
        traces->entry = ENTRY_OTHER;
        traces->state = entry->state;
        if (entry->state == GODWIT_OTA_PENDING) traces->entry = ENTRY_PENDING;
        if (godwit_ota_is_unusable(entry)) traces->entry = ENTRY_REJECTED;
        traces->is_active |= active == i;
    }
}

static __attribute__((noinline)) bool runs_install(const struct godwit_agent *agent)
{
    return agent->journal.install_slot == agent->slots.running.offset &&
           godwit_digest_is(agent->journal.install.image_sha256, agent->work.digest);
}

/* An image on trial that another updater selected is watched all the same: the journal takes it in.
 * The one that ran before is not adopted: it is known, and only damage can have put it there. */
static void adopt_sideloaded(struct godwit_agent *agent,
                             const struct godwit_ota_entry entries[static 2])
{
    struct godwit_journal *journal = &agent->journal;
    int active = godwit_ota_active(entries);
    if (journal->install_step >= GODWIT_STEP_SELECTED || runs_install(agent) || active < 0 ||
        entries[active].state != GODWIT_OTA_PENDING ||
        !godwit_otadata_names(agent, &entries[active], agent->slots.running_index))
        return;
    memset(&journal->install, 0, sizeof journal->install);
    godwit_digest_copy(journal->install.image_sha256, agent->work.digest);
    journal->install_slot = agent->slots.running.offset;
    journal->install_rollout = 0;
    journal->install_step = GODWIT_STEP_SELECTED;
    journal->power_resets = 0;
}

static struct traces gather(struct godwit_agent *agent,
                            const struct godwit_ota_entry entries[static 2])
{
    struct godwit_journal *journal = &agent->journal;
    struct traces traces = {.runs_install = runs_install(agent),
                            .state = GODWIT_OTA_UNDEFINED,
                            .reset = agent->facts.reset};
    if (!traces.runs_install && journal->install_slot == agent->slots.running.offset)
        journal->install_step = GODWIT_STEP_NONE; /* flashed over by cable: the scenario is void */
    traces.step = (enum godwit_step)journal->install_step;
    traces.power_resets = journal->power_resets;
    traces.has_failed = journal->outcome_id && journal->outcome_stage == GODWIT_STAGE_ROLLED_BACK &&
                        godwit_digest_is(journal->outcome_file, journal->install.file_sha256);
    read_otadata(agent, entries, &traces);
    return traces;
}

/* On trial. A bootloader with rollback has made NEW into PENDING; where it is still NEW there is no
 * rollback, and the agent alone counts. An entry in any other state was torn, and one that a power
 * loss may have left half programmed may be unstable from now on: it is written anew, and the
 * bootloader watches. */
static enum godwit_state begin_trial(struct godwit_agent *agent, const struct traces *traces)
{
    struct godwit_journal *journal = &agent->journal;
    bool is_new = traces->state == GODWIT_OTA_NEW;
    bool was_torn = traces->entry == ENTRY_OTHER && traces->is_active && !is_new;
    agent->on_trial = true;
    journal->flags &= (uint8_t)~GODWIT_JOURNAL_IS_UNWATCHED;
    if (is_new) journal->flags |= GODWIT_JOURNAL_IS_UNWATCHED;
    (void)!godwit_journal_append(agent, GODWIT_ENTRY_STEP, GODWIT_STEP_TRIAL);
    if (agent->slots.running_index >= 0 && (was_torn || is_power(traces->reset)))
        (void)!godwit_otadata_choose(agent, agent->slots.running_index,
                                     is_new ? GODWIT_OTA_NEW : GODWIT_OTA_PENDING);
    return GODWIT_STATE_TRIAL;
}

/* It was about to leave when power was cut: its entry may say INVALID already and waver, so that
 * the bootloader reads it as good. Once more; the fallback image was looked at before. */
static enum godwit_state leave(struct godwit_agent *agent, const struct traces *traces,
                               enum godwit_reason reason)
{
    agent->on_trial = true;
    if (traces->state == GODWIT_OTA_NEW) agent->journal.flags |= GODWIT_JOURNAL_IS_UNWATCHED;
    agent->trial_reason = (uint8_t)(traces->has_failed ? agent->journal.outcome_reason : reason);
    if (has_crashed(traces->reset)) return godwit_roll_back(agent);
    if (traces->has_failed && is_power(traces->reset) &&
        !godwit_otadata_choose(agent, agent->slots.running_index, GODWIT_OTA_INVALID))
        return godwit_restart(agent);
    return GODWIT_STATE_ROLLBACK;
}

static enum godwit_state land(struct godwit_agent *agent,
                              const struct godwit_ota_entry entries[static 2])
{
    struct traces traces = gather(agent, entries);
    struct verdict verdict = check_traces(&traces);
    GODWIT_LOG(INFO, "boot", "landing=%d reset=%d", (int)verdict.outcome, (int)traces.reset);
    if (verdict.counts_power) agent->journal.power_resets++;
    switch ((enum outcome)verdict.outcome) {
    case OUTCOME_TRIAL:
        return begin_trial(agent, &traces);
    case OUTCOME_LEAVE:
        return leave(agent, &traces, verdict.reason);
    case OUTCOME_FINISH:
        return godwit_trial_finish(agent);
    case OUTCOME_AGAIN:
        if (godwit_journal_append(agent, GODWIT_ENTRY_STEP, GODWIT_STEP_CONFIRMED))
            return godwit_boot_again(agent);
        return GODWIT_STATE_VERIFY;
    case OUTCOME_RETRY:
        return godwit_reconcile_retry(agent);
    case OUTCOME_ROLLED_BACK:
        return godwit_reconcile_rollback(agent, verdict.reason, traces.has_failed);
    case OUTCOME_PLAIN:
        return godwit_reconcile(agent, entries, has_crashed(traces.reset));
    }
    return GODWIT_STATE_IDLE;
}

/* An unreadable journal is made anew and the operator hears of it. */
static godwit_err make_journal(struct godwit_agent *agent, bool was_lost)
{
    struct godwit_journal *journal = &agent->journal;
    godwit_err err = godwit_random(agent, journal->tokens[0], sizeof journal->tokens[0]);
    if (err) return err;
    journal->boots = 1;
    if (was_lost) (void)godwit_fail(agent, GODWIT_STAGE_NONE, GODWIT_REASON_JOURNAL_LOST);
    agent->outcome_is_new = false;
    return godwit_journal_commit(agent);
}

static godwit_err open_journal(struct godwit_agent *agent)
{
    godwit_err err = godwit_journal_load(agent);
    if (err == GODWIT_ERR_MISSING || err == GODWIT_ERR_FORMAT)
        return make_journal(agent, err == GODWIT_ERR_FORMAT);
    if (err) return err;
    /* The same boot, tried again, is no other one. */
    return agent->tries
               ? GODWIT_OK
               : godwit_journal_append(agent, GODWIT_ENTRY_BOOTS, agent->journal.boots + 1);
}

/* A flash that answers no read of what runs, or of the boot choice. After an hour the operator is
 * told, once; nothing is installed, and the boot is tried again before each check-in. */
static enum godwit_state wait_for_flash(struct godwit_agent *agent)
{
    if (godwit_boot_again(agent) == GODWIT_STATE_BOOT) return GODWIT_STATE_BOOT;
    agent->wake_ms = agent->now_ms;
    if (agent->tries > GODWIT_BOOT_TRIES_MAX) return GODWIT_STATE_CHECKIN; /* it was told */
    agent->tries++;
    (void)godwit_fail_of(agent, GODWIT_STAGE_NONE, GODWIT_REASON_FLASH,
                         agent->journal.running.file_sha256, 0);
    return GODWIT_STATE_CHECKIN;
}

enum godwit_state godwit_state_boot(struct godwit_agent *agent)
{
    struct godwit_ota_entry entries[2];
    uint32_t size;
    agent->start_ms = agent->now_ms;
    agent->fresh_s = agent->now_s;
    godwit_agent_wait(agent, GODWIT_BOOT_RETRY_MS, 0);
    agent->config.system->facts(agent->config.system->ctx, &agent->facts);
    godwit_err err = godwit_slots_find(agent);
    if (!err) err = open_journal(agent);
    if (!err) err = godwit_slots_choose_inactive(agent);
    if (err) {
        agent->last_reason = err == GODWIT_ERR_IO ? GODWIT_REASON_FLASH : GODWIT_REASON_NO_SLOT;
        return GODWIT_STATE_BOOT; /* without its journal an agent must not touch anything */
    }
    godwit_ca_load(agent);
    godwit_bearer_set(agent);
    memset(entries, 0xFF, sizeof entries);
    err = godwit_otadata_load(agent, entries);
    if (err != GODWIT_ERR_IO)
        err = godwit_slot_image(agent, &agent->slots.running, &size, agent->work.digest);
    if (err == GODWIT_ERR_IO) return wait_for_flash(agent);
    if (err) memset(agent->work.digest, 0, sizeof agent->work.digest);
    adopt_sideloaded(agent, entries);
    godwit_slot_resume(agent);
    agent->best_offset = agent->offset;
    agent->is_ready = true;
    godwit_retry_wait(agent);
    agent->wake_ms = agent->now_ms;
    return land(agent, entries);
}
