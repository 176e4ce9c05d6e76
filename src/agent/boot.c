/* BOOT: where did we land? Running slot, otadata, the record and the reset's cause are compared in
 * one pure function; no network. The record is made here on a new device, with the token that is
 * stored before it is ever sent. */
#include "agent/internal.h"
#include "base/text.h"

#define RETRY_MS 60000u

/* What this boot turns out to be. */
enum landing {
    LANDING_PLAIN,  /* nothing was under way */
    LANDING_TRIAL,  /* runs what was selected, unconfirmed */
    LANDING_FINISH, /* runs what was confirmed; otadata may not say so yet */
    LANDING_AGAIN, /* confirmed, but the old image runs: the entry was cut while it was rewritten */
    LANDING_LOST,  /* the choice was cut before it stood in otadata: as if never selected */
    LANDING_BACK,  /* the old image runs because the new one failed */
    LANDING_LEAVE, /* runs on trial, but has failed already: fly back */
};

/* The entry that names the install's slot. */
enum entry { ENTRY_NONE, ENTRY_REJECTED, ENTRY_PENDING, ENTRY_OTHER };

struct traces {
    enum godwit_step step;
    bool runs_install; /* slot and digest are those of the install */
    bool is_active;    /* the bootloader was told to run the install's slot */
    bool has_failed;   /* the record holds its fly-back already */
    enum entry entry;
    enum godwit_reset reset;
};

static bool has_crashed(enum godwit_reset reset)
{
    return reset == GODWIT_RESET_PANIC || reset == GODWIT_RESET_WATCHDOG;
}

static enum godwit_reason reason_of(enum godwit_reset reset)
{
    switch (reset) {
    case GODWIT_RESET_PANIC:
        return GODWIT_REASON_TRIAL_PANIC;
    case GODWIT_RESET_WATCHDOG:
        return GODWIT_REASON_TRIAL_WATCHDOG;
    case GODWIT_RESET_POWER_ON:
    case GODWIT_RESET_BROWN_OUT:
        return GODWIT_REASON_TRIAL_POWER;
    default:
        return GODWIT_REASON_TRIAL_RESET;
    }
}

static enum landing judge_trial(const struct traces *traces)
{
    if (traces->step == GODWIT_STEP_CONFIRMED) return LANDING_FINISH;
    if (traces->has_failed) return LANDING_LEAVE;
    /* A bootloader that watches never comes here after a crash; one that does not, does. */
    return traces->entry != ENTRY_PENDING && has_crashed(traces->reset) ? LANDING_LEAVE
                                                                        : LANDING_TRIAL;
}

static enum landing judge_traces(const struct traces *traces, enum godwit_reason *reason_out)
{
    *reason_out = reason_of(traces->reset);
    if (traces->step < GODWIT_STEP_SELECTED) return LANDING_PLAIN;
    if (traces->runs_install) return judge_trial(traces);
    if (traces->is_active) { /* chosen, and yet another runs: it was refused before it started */
        *reason_out = GODWIT_REASON_TRIAL_NOT_BOOTED;
        return LANDING_BACK;
    }
    if (has_crashed(traces->reset) || traces->has_failed) return LANDING_BACK;
    if (traces->step == GODWIT_STEP_CONFIRMED) return LANDING_AGAIN;
    return traces->entry == ENTRY_REJECTED ? LANDING_BACK : LANDING_LOST;
}

static void read_otadata(const struct godwit_agent *agent, struct traces *traces)
{
    struct godwit_ota_entry entries[2];
    if (agent->slots.idle_index < 0 || godwit_otadata_load(agent, entries)) return;
    int slot = traces->runs_install ? agent->slots.running_index : agent->slots.idle_index;
    int active = godwit_ota_active(entries);
    for (int i = 0; i < 2; i++) {
        const struct godwit_ota_entry *entry = &entries[i];
        if (entry->seq == UINT32_MAX || entry->crc != godwit_ota_crc(entry->seq) ||
            (int)godwit_ota_slot(entry->seq, agent->slots.count) != slot)
            continue;
        traces->entry = ENTRY_OTHER;
        if (entry->state == GODWIT_OTA_PENDING) traces->entry = ENTRY_PENDING;
        if (entry->state == GODWIT_OTA_INVALID || entry->state == GODWIT_OTA_ABORTED)
            traces->entry = ENTRY_REJECTED;
        traces->is_active |= active == i;
    }
}

/* An image on trial that another updater selected is watched all the same: the record takes it in.
 */
static void adopt_stranger(struct godwit_agent *agent)
{
    struct godwit_ota_entry entries[2];
    struct godwit_record *record = &agent->record;
    if (record->install_step >= GODWIT_STEP_SELECTED || agent->slots.running_index < 0 ||
        godwit_otadata_load(agent, entries))
        return;
    int active = godwit_ota_active(entries);
    if (active < 0 || entries[active].state != GODWIT_OTA_PENDING ||
        (int)godwit_ota_slot(entries[active].seq, agent->slots.count) != agent->slots.running_index)
        return;
    record->install = record->running;
    record->install_slot = agent->slots.running.offset;
    record->install_rollout = 0;
    record->install_step = GODWIT_STEP_SELECTED;
}

static bool runs_install(const struct godwit_agent *agent, const uint8_t digest[static 32])
{
    return agent->record.install_slot == agent->slots.running.offset &&
           memcmp(agent->record.install.image_sha256, digest, 32) == 0;
}

static struct traces gather(struct godwit_agent *agent, const uint8_t running_digest[static 32])
{
    const struct godwit_record *record = &agent->record;
    struct traces traces = {
        .step = (enum godwit_step)record->install_step,
        .runs_install = runs_install(agent, running_digest),
        .has_failed = record->outcome_id && record->outcome_stage == GODWIT_STAGE_FLOWN_BACK &&
                      memcmp(record->outcome_file, record->install.file_sha256, 32) == 0,
        .reset = agent->facts.reset,
    };
    read_otadata(agent, &traces);
    return traces;
}

static enum godwit_state fly_back_seen(struct godwit_agent *agent, const struct traces *traces,
                                       enum godwit_reason reason)
{
    agent->record.install_step = GODWIT_STEP_FETCHED; /* the file is good, whatever it did */
    if (!traces->has_failed) return godwit_fail(agent, GODWIT_STAGE_FLOWN_BACK, reason, NULL, 0);
    agent->outcome_is_new = true; /* RETURN has noted why; now the step is written with it */
    agent->last_reason = agent->record.outcome_reason;
    return GODWIT_REPORT;
}

static enum godwit_state land(struct godwit_agent *agent, const uint8_t running_digest[static 32])
{
    enum godwit_reason reason;
    struct traces traces = gather(agent, running_digest);
    enum landing landing = judge_traces(&traces, &reason);
    LOG(INFO, "boot", "landing=%d reset=%d", (int)landing, (int)traces.reset);
    switch (landing) {
    case LANDING_TRIAL:
        agent->on_trial = true;
        return GODWIT_TRIAL;
    case LANDING_LEAVE:
        agent->on_trial = true;
        agent->trial_reason =
            (uint8_t)(traces.has_failed ? agent->record.outcome_reason : (uint32_t)reason);
        return GODWIT_RETURN;
    case LANDING_FINISH:
        return godwit_trial_finish(agent);
    case LANDING_AGAIN:
        return GODWIT_VERIFY;
    case LANDING_BACK:
        return fly_back_seen(agent, &traces, reason);
    case LANDING_LOST:
        agent->record.install_step = GODWIT_STEP_FETCHED;
        if (godwit_record_mark(agent, GODWIT_MARK_STEP, GODWIT_STEP_FETCHED)) break;
        return GODWIT_IDLE;
    case LANDING_PLAIN:
        break;
    }
    return GODWIT_IDLE;
}

/* An unreadable record is made anew and the operator hears of it. */
static godwit_err make_record(struct godwit_agent *agent, bool was_lost)
{
    struct godwit_record *record = &agent->record;
    godwit_err err = godwit_random(agent, record->token, sizeof record->token);
    if (err) return err;
    record->boots = 1;
    if (was_lost) (void)godwit_fail(agent, GODWIT_STAGE_NONE, GODWIT_REASON_RECORD_LOST, NULL, 0);
    agent->outcome_is_new = false;
    return godwit_record_commit(agent);
}

static godwit_err open_record(struct godwit_agent *agent)
{
    godwit_err err = godwit_record_load(agent);
    if (err == GODWIT_ERR_MISSING || err == GODWIT_ERR_FORMAT)
        return make_record(agent, err == GODWIT_ERR_FORMAT);
    if (err) return err;
    return godwit_record_mark(agent, GODWIT_MARK_BOOTS, agent->record.boots + 1);
}

/* What runs may have come by cable since: then all we know of it is its digest. */
static void recognise(struct godwit_agent *agent, const uint8_t digest[static 32])
{
    struct godwit_record *record = &agent->record;
    struct godwit_held *running = &record->running;
    if (record->install_step >= GODWIT_STEP_SELECTED) {
        if (runs_install(agent, digest)) return; /* "running" is still the one it replaces */
        if (record->install_slot != agent->slots.idle.offset)
            record->install_step = GODWIT_STEP_NONE; /* flashed anew: the story is void */
    }
    if (record->running_slot == agent->slots.running.offset &&
        memcmp(running->image_sha256, digest, 32) == 0)
        return;
    record->running_slot = agent->slots.running.offset;
    memset(running, 0, sizeof *running);
    memcpy(running->image_sha256, digest, 32);
}

enum godwit_state godwit_state_boot(struct godwit_agent *agent)
{
    agent->start_ms = agent->now_ms;
    agent->fresh_s = agent->now_s;
    godwit_agent_wait(agent, RETRY_MS, 0);
    agent->config.system->facts(agent->config.system->ctx, &agent->facts);
    godwit_err err = godwit_slots_find(agent);
    if (err || (err = open_record(agent))) {
        agent->last_reason = err == GODWIT_ERR_IO ? GODWIT_REASON_FLASH : GODWIT_REASON_NO_SLOT;
        return GODWIT_BOOT; /* without its record an agent must not touch anything */
    }
    godwit_ca_load(agent);
    uint8_t digest[32];
    uint32_t size;
    if (godwit_slot_image(agent, &agent->slots.running, &size, digest)) memset(digest, 0, 32);
    recognise(agent, digest);
    adopt_stranger(agent);
    if (agent->record.install_step == GODWIT_STEP_FETCHING && !godwit_slot_resume(agent))
        agent->best_offset = agent->offset;
    agent->is_ready = true;
    godwit_hex_encode(agent->record.token, 32, agent->strings.bearer);
    agent->wake_ms = agent->now_ms;
    return land(agent, digest);
}
