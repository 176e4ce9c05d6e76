/* The boot choice: the two otadata entries, and SWITCH, which lets the idle slot be the next. */
#include "agent/internal.h"

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

godwit_err godwit_otadata_store(const struct godwit_agent *agent, int sector,
                                const struct godwit_ota_entry *entry)
{
    uint32_t offset = agent->slots.otadata.offset + (uint32_t)sector * GODWIT_SECTOR_SIZE;
    struct godwit_ota_entry back;
    godwit_err err = godwit_flash_erase(agent, offset, GODWIT_SECTOR_SIZE);
    if (!err) err = godwit_flash_write(agent, offset, entry, sizeof *entry);
    if (!err) err = godwit_flash_read(agent, offset, &back, sizeof back);
    if (err) return err;
    return memcmp(entry, &back, sizeof back) == 0 ? GODWIT_OK : GODWIT_ERR_IO;
}

/* Record first, then otadata: so no image ever runs on trial without the record knowing it. A cut
 * between the two boots the old image, whose BOOT sees that the choice never reached otadata. */
static godwit_err select_idle(struct godwit_agent *agent)
{
    struct godwit_ota_entry entries[2], entry;
    int sector;
    godwit_err err = godwit_otadata_load(agent, entries);
    if (err) return err;
    if (agent->record.install_step != GODWIT_STEP_CONFIRMED) {
        agent->record.install_step = GODWIT_STEP_SELECTED;
        agent->record.outcome_id = 0; /* of an earlier try: the server has offered anew since */
        err = godwit_record_commit(agent);
        if (err) return err;
    }
    godwit_ota_select(entries, (uint32_t)agent->slots.idle_index, agent->slots.count,
                      GODWIT_OTA_NEW, &sector, &entry);
    return godwit_otadata_store(agent, sector, &entry);
}

enum godwit_state godwit_state_switch(struct godwit_agent *agent)
{
    assert(agent->is_verified && !agent->on_trial);
    godwit_err err = select_idle(agent);
    if (err) {
        agent->record.install_step = GODWIT_STEP_FETCHED;
        return godwit_fail(agent, GODWIT_STAGE_SWITCH, GODWIT_REASON_FLASH, NULL, 0);
    }
    LOG(INFO, "switch", "slot=%d", agent->slots.idle_index);
    agent->config.system->restart(agent->config.system->ctx);
    return GODWIT_BOOT;
}
