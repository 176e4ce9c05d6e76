/* The journal: what survives a reset, in the two sectors of the partition "godwit".
 *
 *     0    512  struct godwit_journal, CRC-32 over everything after the CRC field
 *     512   32  the commit marker: the journal's first bytes once more, written after it
 *     544   32  an entry: CRC-32, the journal's number, kind, value, 0xFF …   (111 of them)
 *
 * A journal is written whole into the sector that does not hold the newest one, so a power loss
 * leaves the older one; its number says which is newer. What changes often (a sector of the
 * download, a boot, a step) is an entry after the newest journal: 32 bytes of flash, no erase.
 * Entries and journal are multiples of 32 bytes, the largest write unit, and a torn one fails its
 * CRC. A power loss during a write may leave unstable bits: a journal counts once something is
 * written after it, because its own write had ended then; and where only one sector counts, the
 * next change overwrites the other.
 * Rejected: a log over both sectors (needs a walk and a copy at its end, for a few erases less). */
#include "agent/internal.h"
#include "base/crc.h"

#define JOURNAL_MAGIC 0x34525747u /* "GWR4" */
#define JOURNAL_CRC_FROM 8u
#define ENTRIES_OFFSET 544u
#define ENTRY_SIZE 32u
#define MARKER_OFFSET GODWIT_JOURNAL_SIZE
#define ENTRIES_MAX ((GODWIT_SECTOR_SIZE - ENTRIES_OFFSET) / ENTRY_SIZE)

/* In the sector buffer too, so it is aligned and may alias. */
struct __attribute__((may_alias)) entry {
    uint32_t crc; /* of the next three */
    uint32_t number, kind, value;
    uint8_t blank[16];
};
_Static_assert(sizeof(struct entry) == ENTRY_SIZE, "written as it stands");

static uint32_t entry_crc(const struct entry *entry)
{
    return godwit_crc32(0, (const uint8_t *)&entry->number, 12);
}

static __attribute__((noinline)) uint32_t journal_crc(const struct godwit_journal *journal)
{
    return godwit_crc32(0, (const uint8_t *)journal + JOURNAL_CRC_FROM,
                        sizeof *journal - JOURNAL_CRC_FROM);
}

/* In a whole sector. */
static bool is_sound(const struct godwit_journal *journal)
{
    const uint8_t *behind = (const uint8_t *)journal + MARKER_OFFSET;
    return journal->magic == JOURNAL_MAGIC && journal->crc == journal_crc(journal) &&
           !godwit_all(behind, GODWIT_SECTOR_SIZE - MARKER_OFFSET, 0xFF);
}

static uint32_t sector_offset(const struct godwit_agent *agent, uint32_t number)
{
    return agent->slots.journal.offset + (number & 1u) * GODWIT_SECTOR_SIZE;
}

static __attribute__((noinline)) void apply(struct godwit_journal *journal, uint32_t kind,
                                            uint32_t value)
{
    if (kind == GODWIT_ENTRY_BOOTS) journal->boots = value;
    if (kind == GODWIT_ENTRY_SECTORS) journal->install_sectors = value;
    if (kind != GODWIT_ENTRY_STEP) return;
    journal->install_step = (uint8_t)value;
    journal->power_resets = (uint8_t)(value >> 8);
    journal->crashes = (uint8_t)(value >> 16);
}

static godwit_err load_entries(struct godwit_agent *agent)
{
    uint32_t offset = sector_offset(agent, agent->journal.number) + ENTRIES_OFFSET;
    godwit_err err = godwit_flash_read(agent, offset, agent->sector, ENTRIES_MAX * ENTRY_SIZE);
    if (err) return err;
    agent->journal_entries = 0;
    const struct entry *entry = (const struct entry *)agent->sector;
    for (uint32_t i = 0; i < ENTRIES_MAX; i++, entry++) {
        if (godwit_all((const uint8_t *)entry, ENTRY_SIZE, 0xFF)) continue;
        agent->journal_entries = i + 1; /* a torn one is used up as well */
        if (entry->crc == entry_crc(entry) && entry->number == agent->journal.number)
            apply(&agent->journal, entry->kind, entry->value);
    }
    return GODWIT_OK;
}

godwit_err godwit_journal_load(struct godwit_agent *agent)
{
    struct godwit_journal *journal = &agent->journal;
    const struct godwit_journal *read = (const struct godwit_journal *)agent->sector;
    int sound = 0, written = 0;
    for (uint32_t i = 0; i < 2; i++) {
        godwit_err err =
            godwit_flash_read(agent, sector_offset(agent, i), agent->sector, GODWIT_SECTOR_SIZE);
        if (err) return err;
        written += !godwit_all(agent->sector, GODWIT_SECTOR_SIZE, 0xFF);
        if (!is_sound(read)) continue;
        if (sound++ == 0 || read->number > journal->number) *journal = *read;
    }
    if (sound) {
        godwit_err err = load_entries(agent);
        agent->is_alone = sound == 1;
        return err;
    }
    *journal = (struct godwit_journal){.magic = JOURNAL_MAGIC};
    /* A new device's first write may be torn: only two written sectors speak of a lost journal. */
    return written == 2 ? GODWIT_ERR_FORMAT : GODWIT_ERR_MISSING;
}

void godwit_swap_slots(struct godwit_journal *journal)
{
    struct godwit_slot_file old = journal->running;
    journal->running = journal->install;
    journal->install = old;
    uint32_t old_slot = journal->running_slot;
    journal->running_slot = journal->install_slot;
    journal->install_slot = old_slot;
    journal->install_sectors = 0;
}

/* Record and seal. A flash that says OK and did nothing is found out only so. */
static godwit_err compare(const struct godwit_agent *agent, uint32_t offset)
{
    uint8_t back[ENTRY_SIZE];
    for (uint32_t at = 0; at < ENTRIES_OFFSET; at += ENTRY_SIZE)
        if (godwit_flash_read(agent, offset + at, back, sizeof back) ||
            memcmp(back, (const uint8_t *)&agent->journal + at % MARKER_OFFSET, sizeof back) != 0)
            return GODWIT_ERR_IO;
    return GODWIT_OK;
}

/* After a failure the number is as before: the next try goes to the same sector, and the other one
 * keeps the last good record. */
godwit_err godwit_journal_commit(struct godwit_agent *agent)
{
    struct godwit_journal *journal = &agent->journal;
    uint32_t offset = sector_offset(agent, ++journal->number);
    journal->crc = journal_crc(journal);
    godwit_err err = godwit_flash_erase(agent, offset, GODWIT_SECTOR_SIZE);
    if (!err) err = godwit_flash_write(agent, offset, journal, sizeof *journal);
    if (!err) err = godwit_flash_write(agent, offset + MARKER_OFFSET, journal, ENTRY_SIZE);
    if (!err) err = compare(agent, offset);
    if (err)
        journal->number--;
    else
        agent->journal_entries = 0;
    agent->is_alone = false; /* one try a boot: a sector that is worn out must not stop the other */
    return err;
}

godwit_err godwit_journal_append(struct godwit_agent *agent, enum godwit_entry_kind kind,
                                 uint32_t value)
{
    if (kind == GODWIT_ENTRY_STEP)
        value |= (uint32_t)agent->journal.power_resets << 8 | (uint32_t)agent->journal.crashes
                                                                  << 16;
    apply(&agent->journal, kind, value);
    if (agent->is_alone || agent->journal_entries >= ENTRIES_MAX) {
        bool is_full = agent->journal_entries >= ENTRIES_MAX;
        godwit_err err = godwit_journal_commit(agent);
        if (!err || is_full) return err;
    }
    struct entry entry;
    memset(&entry, 0xFF, sizeof entry);
    entry.number = agent->journal.number;
    entry.kind = kind;
    entry.value = value;
    entry.crc = entry_crc(&entry);
    uint32_t offset = sector_offset(agent, agent->journal.number) + ENTRIES_OFFSET;
    offset += agent->journal_entries * ENTRY_SIZE;
    agent->journal_entries++;
    return godwit_flash_write(agent, offset, &entry, sizeof entry);
}
