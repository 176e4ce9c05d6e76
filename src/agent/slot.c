/* Slots: what the partition table offers, what lies in them, how bytes get into the inactive one.
 *
 * A sector is erased, written, and then marked in the journal; the next one is not touched before.
 * After a cut the marks alone say how far we came: blank flash tells nothing, for a half erased
 * sector can look blank, and behind flash encryption an erased one does not. */
#include "agent/internal.h"

#define CLEARED 2    /* of agent->clearing */
#define ENCRYPTED 1u /* a partition's flag: what is written after a journal could not be seen */

static struct godwit_region region_of(const struct godwit_partition *row)
{
    return (struct godwit_region){row->offset, row->size};
}

static godwit_err load_table(struct godwit_agent *agent)
{
    godwit_err err =
        godwit_flash_read(agent, GODWIT_PTABLE_OFFSET, agent->sector, GODWIT_PTABLE_SIZE);
    size_t count;
    return err ? err : godwit_ptable_check(agent->sector, agent->config.flash->size, &count);
}

/* The running partition among the rows of the table in the sector buffer. */
static void find_running(struct godwit_agent *agent, uint32_t offset)
{
    struct godwit_slots *slots = &agent->slots;
    struct godwit_partition row;
    for (size_t i = 0; godwit_ptable_at(agent->sector, i, &row) == GODWIT_OK; i++) {
        if (row.type != GODWIT_PTYPE_APP || row.offset != offset) continue;
        slots->running = region_of(&row);
        memcpy(slots->label, row.label, sizeof slots->label);
        if (row.subtype >= GODWIT_APP_OTA_0 && row.subtype < GODWIT_APP_OTA_0 + slots->count)
            slots->running_index = (int8_t)(row.subtype - GODWIT_APP_OTA_0);
    }
}

godwit_err godwit_slots_find(struct godwit_agent *agent)
{
    struct godwit_slots *slots = &agent->slots;
    *slots = (struct godwit_slots){.running_index = -1, .inactive_index = -1};
    godwit_err err = load_table(agent);
    if (err) return err;
    const uint8_t *table = agent->sector;
    struct godwit_partition row;
    while (slots->count < GODWIT_OTA_SLOTS_MAX &&
           godwit_ptable_find(table, GODWIT_PTYPE_APP, (uint8_t)(GODWIT_APP_OTA_0 + slots->count),
                              NULL, &row) == GODWIT_OK)
        slots->count++;
    find_running(agent, agent->facts.running_offset);
    if (!godwit_ptable_find(table, GODWIT_PTYPE_DATA, GODWIT_DATA_OTADATA, NULL, &row))
        slots->otadata = region_of(&row);
    err = godwit_ptable_find(table, GODWIT_PTYPE_DATA, GODWIT_DATA_UNDEFINED, "godwit", &row);
    if (err) return err;
    if (row.size < 2 * GODWIT_SECTOR_SIZE || row.flags & ENCRYPTED) return GODWIT_ERR_SPACE;
    slots->journal = region_of(&row);
    return GODWIT_OK;
}

godwit_err godwit_slots_choose_inactive(struct godwit_agent *agent)
{
    struct godwit_slots *slots = &agent->slots;
    const struct godwit_journal *journal = &agent->journal;
    godwit_err err = load_table(agent);
    if (err || slots->otadata.size < GODWIT_OTADATA_SIZE)
        return err; /* nowhere to write: check-ins go on, installs are refused */
    int best = -1, best_rank = -1;
    for (uint32_t n = 1; n <= slots->count; n++) {
        struct godwit_partition row;
        uint32_t i = (uint32_t)(slots->running_index + (int)n) % slots->count;
        if ((int)i == slots->running_index ||
            godwit_ptable_find(agent->sector, GODWIT_PTYPE_APP, (uint8_t)(GODWIT_APP_OTA_0 + i),
                               NULL, &row))
            continue;
        int rank = journal->install_step && row.offset == journal->install_slot ? 2
                   : row.offset != journal->running_slot                        ? 1
                                                                                : 0;
        if (rank <= best_rank) continue;
        best = (int)i;
        best_rank = rank;
        slots->inactive = region_of(&row);
    }
    slots->inactive_index = (int8_t)best;
    return GODWIT_OK;
}

godwit_err godwit_slot_region(struct godwit_agent *agent, int index,
                              struct godwit_region *region_out)
{
    struct godwit_partition row;
    godwit_err err = load_table(agent);
    if (err) return err;
    uint8_t subtype = index < 0 ? GODWIT_APP_FACTORY : (uint8_t)(GODWIT_APP_OTA_0 + index);
    err = godwit_ptable_find(agent->sector, GODWIT_PTYPE_APP, subtype, NULL, &row);
    if (!err) *region_out = region_of(&row);
    return err;
}

godwit_err godwit_slot_image(const struct godwit_agent *agent, const struct godwit_region *region,
                             uint32_t *size_out, uint8_t digest_out[static 32])
{
    uint8_t head[GODWIT_IMAGE_HEADER_SIZE];
    uint32_t segment[2]; /* load address, length */
    godwit_digest_clear(digest_out);
    godwit_err err = godwit_flash_read(agent, region->offset, head, sizeof head);
    if (err) return err;
    if (head[0] != GODWIT_IMAGE_MAGIC || head[1] > GODWIT_IMAGE_SEGMENTS_MAX)
        return GODWIT_ERR_FORMAT;
    uint32_t at = sizeof head;
    for (uint8_t i = 0; i < head[1]; i++) {
        if (at + sizeof segment > region->size) return GODWIT_ERR_FORMAT;
        err = godwit_flash_read(agent, region->offset + at, segment, sizeof segment);
        if (err) return err;
        if (segment[1] > GODWIT_IMAGE_SIZE_MAX) return GODWIT_ERR_FORMAT;
        at += (uint32_t)sizeof segment + segment[1];
    }
    at = (at + 16) & ~15u; /* padding, then the checksum byte */
    uint32_t digest_size = head[23] == 1 ? 32 : 0;
    *size_out = at + digest_size;
    if (*size_out > region->size) return GODWIT_ERR_FORMAT;
    return godwit_flash_read(agent, region->offset + at, digest_out, digest_size);
}

/* No step erases more than one sector; before the first goes, the journal forgets what the slot
 * held. */
static godwit_err clear_sector(struct godwit_agent *agent, uint32_t at)
{
    bool is_first = at == 0 && agent->clearing == 0;
    uint32_t offset = agent->slots.inactive.offset + at;
    godwit_err err = is_first ? godwit_journal_commit(agent)
                              : godwit_flash_erase(agent, offset, GODWIT_SECTOR_SIZE);
    if (err) return err;
    agent->clearing = is_first ? 1 : CLEARED;
    return GODWIT_ERR_BUSY;
}

godwit_err godwit_slot_append(struct godwit_agent *agent)
{
    assert(agent->offset > 0 && agent->slots.inactive.offset != agent->slots.running.offset);
    uint32_t at = (agent->offset - 1) / GODWIT_SECTOR_SIZE * GODWIT_SECTOR_SIZE;
    uint32_t size = agent->offset - at, unit = agent->config.flash->write_size;
    uint32_t padded = (size + unit - 1) & ~(unit - 1);
    if (agent->clearing != CLEARED) return clear_sector(agent, at);
    agent->clearing = 0;
    memset(agent->sector + size, 0xFF, padded - size);
    godwit_err err =
        godwit_flash_write(agent, agent->slots.inactive.offset + at, agent->sector, padded);
    if (err) return err;
    if (agent->offset == agent->journal.install.size)
        return godwit_journal_append(agent, GODWIT_ENTRY_STEP, GODWIT_STEP_FETCHED);
    return godwit_journal_append(agent, GODWIT_ENTRY_SECTORS, agent->offset / GODWIT_SECTOR_SIZE);
}

void godwit_slot_resume(struct godwit_agent *agent)
{
    agent->offset = agent->journal.install_sectors * GODWIT_SECTOR_SIZE;
    agent->clearing = 0;
}
