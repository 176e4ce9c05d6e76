/* The boot choice: what the two otadata entries say, what they should say, and SWITCH, which lets
 * the inactive slot be the next.
 *
 * The journal notes both entries as they should be while nothing is on trial: their CRC covers the
 * number alone, so only a note tells a damaged entry from one that somebody meant. Noted are number
 * and state; the label is never used and stays blank, a number with a wrong CRC is no entry. */
#include "agent/internal.h"

#define STATE_UNDEFINED 0xFFu
#define CRC_OFFSET 28u
#define READS 8
#define WRITE_SIZE_SMALL 4u

godwit_err godwit_otadata_load(const struct godwit_agent *agent,
                               struct godwit_ota_entry entries_out[static 2])
{
    uint32_t offset = agent->slots.otadata.offset;
    if (agent->slots.otadata.size < GODWIT_OTADATA_SIZE) return GODWIT_ERR_MISSING;
    godwit_err err = godwit_flash_read(agent, offset, &entries_out[0], GODWIT_OTA_ENTRY_SIZE);
    if (err) return err;
    offset += GODWIT_SECTOR_SIZE;
    return godwit_flash_read(agent, offset, &entries_out[1], GODWIT_OTA_ENTRY_SIZE);
}

/* Where the flash takes single words the CRC comes last: power lost in between leaves no entry, and
 * never one without its state, which would boot unwatched. */
static godwit_err write_entry(const struct godwit_agent *agent, uint32_t offset,
                              const struct godwit_ota_entry *entry)
{
    uint32_t head = GODWIT_OTA_ENTRY_SIZE;
    if (agent->config.flash->write_size == WRITE_SIZE_SMALL) head = CRC_OFFSET;
    godwit_err err = godwit_flash_write(agent, offset, entry, head);
    if (err || head == GODWIT_OTA_ENTRY_SIZE) return err;
    return godwit_flash_write(agent, offset + head, &entry->crc, sizeof entry->crc);
}

godwit_err godwit_otadata_store(const struct godwit_agent *agent, int sector,
                                const struct godwit_ota_entry *entry)
{
    uint32_t offset = agent->slots.otadata.offset + (uint32_t)sector * GODWIT_SECTOR_SIZE;
    struct godwit_ota_entry back;
    godwit_err err = godwit_flash_erase(agent, offset, GODWIT_SECTOR_SIZE);
    if (!err) err = write_entry(agent, offset, entry);
    if (!err) err = godwit_flash_read(agent, offset, &back, sizeof back);
    if (err) return err;
    return memcmp(entry, &back, sizeof back) == 0 ? GODWIT_OK : GODWIT_ERR_IO;
}

static struct godwit_ota_entry make_entry(uint32_t seq, uint32_t state)
{
    struct godwit_ota_entry entry;
    memset(&entry, 0xFF, sizeof entry);
    if (seq == UINT32_MAX) return entry;
    entry.seq = seq;
    entry.state = state;
    entry.crc = godwit_ota_crc(seq);
    return entry;
}

bool godwit_otadata_names(const struct godwit_agent *agent, const struct godwit_ota_entry *entry,
                          int slot)
{
    return !godwit_ota_is_blank(entry) && slot >= 0 &&
           (int)godwit_ota_slot(entry->seq, agent->slots.count) == slot;
}

void godwit_otadata_plan(const struct godwit_agent *agent,
                         struct godwit_ota_entry entries[static 2], bool is_confirmed)
{
    for (int i = 0; i < 2; i++)
        entries[i] = make_entry(godwit_ota_is_blank(&entries[i]) ? UINT32_MAX : entries[i].seq,
                                entries[i].state);
    int running = agent->slots.running_index, active = godwit_ota_active(entries), sector;
    /* Where a trial was won and the entry before ours is the one that reads well, a cut has left
     * ours half written: until it is written anew the other is the only way to a good image. */
    bool is_fallback = active >= 0 && entries[active].state == GODWIT_OTA_VALID &&
                       agent->journal.install_step == GODWIT_STEP_CONFIRMED;
    if (active >= 0 && !is_fallback && !godwit_otadata_names(agent, &entries[active], running)) {
        entries[active].state = GODWIT_OTA_INVALID; /* it was to run, and did not */
        active = godwit_ota_active(entries);
    }
    if (!is_confirmed || running < 0) return;
    if (active >= 0 && godwit_otadata_names(agent, &entries[active], running)) {
        entries[active].state = GODWIT_OTA_VALID;
        return;
    }
    struct godwit_ota_entry own;
    godwit_ota_select(entries, (uint32_t)running, agent->slots.count, GODWIT_OTA_VALID, &sector,
                      &own);
    entries[sector] = own;
}

void godwit_otadata_note(struct godwit_agent *agent,
                         const struct godwit_ota_entry entries[static 2])
{
    struct godwit_journal *journal = &agent->journal;
    for (int i = 0; i < 2; i++) {
        journal->ota_seq[i] = entries[i].seq;
        journal->ota_state[i] =
            entries[i].state > GODWIT_OTA_ABORTED ? STATE_UNDEFINED : (uint8_t)entries[i].state;
    }
    journal->flags |= GODWIT_JOURNAL_HAS_NOTE;
}

/* Read a few times: an entry that a cut left half programmed is as noted only now and then. */
static godwit_err is_as_noted(const struct godwit_agent *agent, int sector,
                              const struct godwit_ota_entry *noted, bool *is_out)
{
    uint32_t offset = agent->slots.otadata.offset + (uint32_t)sector * GODWIT_SECTOR_SIZE;
    struct godwit_ota_entry entry;
    godwit_err err = GODWIT_OK;
    *is_out = true;
    for (int i = 0; i < READS && *is_out && !err; i++) {
        err = godwit_flash_read(agent, offset, &entry, sizeof entry);
        *is_out = memcmp(noted, &entry, sizeof entry) == 0;
    }
    return err;
}

godwit_err godwit_otadata_restore(const struct godwit_agent *agent, bool *was_changed_out)
{
    const struct godwit_journal *journal = &agent->journal;
    struct godwit_ota_entry noted[2];
    *was_changed_out = false;
    if (agent->slots.otadata.size < GODWIT_OTADATA_SIZE) return GODWIT_ERR_MISSING;
    if (!(journal->flags & GODWIT_JOURNAL_HAS_NOTE)) return GODWIT_OK;
    for (int i = 0; i < 2; i++)
        noted[i] = make_entry(journal->ota_seq[i], journal->ota_state[i] == STATE_UNDEFINED
                                                       ? GODWIT_OTA_UNDEFINED
                                                       : journal->ota_state[i]);
    /* The entry that is to be followed comes last: until then the other one, or none, decides. */
    int last = godwit_ota_active(noted) == 0 ? 0 : 1;
    for (int n = 0; n < 2; n++) {
        int i = n == 0 ? !last : last;
        bool is_noted;
        godwit_err err = is_as_noted(agent, i, &noted[i], &is_noted);
        if (!err && is_noted) continue;
        *was_changed_out = true;
        if (!err) err = godwit_otadata_store(agent, i, &noted[i]);
        if (err) return err;
    }
    return GODWIT_OK;
}

int godwit_own_entry(const struct godwit_agent *agent,
                     const struct godwit_ota_entry entries[static 2])
{
    int active = godwit_ota_active(entries);
    bool is_own =
        active >= 0 && godwit_otadata_names(agent, &entries[active], agent->slots.running_index);
    return is_own ? active : -1;
}

godwit_err godwit_otadata_choose(const struct godwit_agent *agent, int slot, uint32_t state)
{
    struct godwit_ota_entry entries[2], entry;
    int sector;
    godwit_err err = godwit_otadata_load(agent, entries);
    if (err) return err;
    godwit_ota_select(entries, (uint32_t)slot, agent->slots.count, state, &sector, &entry);
    if (entry.seq == UINT32_MAX) return GODWIT_ERR_SPACE; /* no number is left */
    entry = make_entry(entry.seq, state);
    return godwit_otadata_store(agent, sector, &entry);
}

/* Record first, then otadata: so no image ever runs on trial without the journal knowing it. A cut
 * between the two boots the old image, whose BOOT sees that the choice never reached otadata. A
 * confirmed image needs no second trial. */
static godwit_err select_inactive(struct godwit_agent *agent)
{
    uint32_t state = GODWIT_OTA_VALID;
    if (agent->journal.install_step != GODWIT_STEP_CONFIRMED) {
        state = GODWIT_OTA_NEW;
        agent->journal.install_step = GODWIT_STEP_SELECTED;
        agent->journal.outcome_id = 0; /* of an earlier try: the server has offered anew since */
        godwit_err err = godwit_journal_commit(agent);
        if (err) return err;
    }
    return godwit_otadata_choose(agent, agent->slots.inactive_index, state);
}

enum godwit_state godwit_state_switch(struct godwit_agent *agent)
{
    assert(agent->is_verified && !agent->on_trial);
    godwit_err err = select_inactive(agent);
    if (err) {
        agent->journal.install_step = GODWIT_STEP_FETCHED;
        godwit_retry_later(agent, 1);
        return godwit_fail(agent, GODWIT_STAGE_SWITCH, GODWIT_REASON_FLASH);
    }
    GODWIT_LOG(INFO, "switch", "slot=%d", agent->slots.inactive_index);
    return godwit_restart(agent);
}
