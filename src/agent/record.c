/* The record: what survives a reset, in the two sectors of the partition "godwit".
 *
 *     0    480  struct godwit_record, CRC-32 over everything behind the CRC field
 *     480   32  the seal: the record's first bytes once more, written behind it
 *     512   32  a mark: CRC-32, the record's number, kind, value, 0xFF …   (112 of them)
 *
 * A record is written whole into the sector that does not hold the newest one, so a cut leaves the
 * older; its number says which is newer. What changes often (a sector of the download, a boot, a
 * step) is a mark behind the newest record: 32 bytes of flash, no erase. Marks and record are
 * multiples of 32 bytes, the largest write unit, and a torn one fails its CRC.
 * Power lost in a write may leave bits that read now so, now so: a record counts once something
 * stands behind it, for then its own write had ended; and where only one sector counts, the next
 * change overwrites the other.
 * Rejected: a log over both sectors (needs a walk and a copy at its end, for a few erases less). */
#include "agent/internal.h"
#include "base/crc.h"

#define RECORD_MAGIC 0x33525747u /* "GWR3" */
#define RECORD_CRC_FROM 8u
#define MARKS_OFFSET 512u
#define MARK_SIZE 32u
#define SEAL_OFFSET GODWIT_RECORD_SIZE
#define MARKS_MAX ((GODWIT_SECTOR_SIZE - MARKS_OFFSET) / MARK_SIZE)

/* In the sector buffer too, so it is aligned and may alias. */
struct __attribute__((may_alias)) mark {
    uint32_t crc; /* of the next three */
    uint32_t number, kind, value;
    uint8_t blank[16];
};
_Static_assert(sizeof(struct mark) == MARK_SIZE, "written as it stands");

static uint32_t mark_crc(const struct mark *mark)
{
    return godwit_crc32(0, (const uint8_t *)&mark->number, 12);
}

static uint32_t record_crc(const struct godwit_record *record)
{
    return godwit_crc32(0, (const uint8_t *)record + RECORD_CRC_FROM,
                        sizeof *record - RECORD_CRC_FROM);
}

/* In a whole sector. */
static bool is_sound(const struct godwit_record *record)
{
    const uint8_t *behind = (const uint8_t *)record + SEAL_OFFSET;
    return record->magic == RECORD_MAGIC && record->crc == record_crc(record) &&
           !godwit_all(behind, GODWIT_SECTOR_SIZE - SEAL_OFFSET, 0xFF);
}

static uint32_t sector_offset(const struct godwit_agent *agent, uint32_t number)
{
    return agent->slots.record.offset + (number & 1u) * GODWIT_SECTOR_SIZE;
}

static void apply(struct godwit_record *record, uint32_t kind, uint32_t value)
{
    if (kind == GODWIT_MARK_BOOTS) record->boots = value;
    if (kind == GODWIT_MARK_SECTORS) record->install_sectors = value;
    if (kind != GODWIT_MARK_STEP) return;
    record->install_step = (uint8_t)value;
    record->power_resets = (uint8_t)(value >> 8);
    record->crashes = (uint8_t)(value >> 16);
}

static godwit_err load_marks(struct godwit_agent *agent)
{
    uint32_t offset = sector_offset(agent, agent->record.number) + MARKS_OFFSET;
    godwit_err err = godwit_flash_read(agent, offset, agent->sector, MARKS_MAX * MARK_SIZE);
    if (err) return err;
    agent->marks = 0;
    const struct mark *mark = (const struct mark *)agent->sector;
    for (uint32_t i = 0; i < MARKS_MAX; i++, mark++) {
        if (godwit_all((const uint8_t *)mark, MARK_SIZE, 0xFF)) continue;
        agent->marks = i + 1; /* a torn one is used up as well */
        if (mark->crc == mark_crc(mark) && mark->number == agent->record.number)
            apply(&agent->record, mark->kind, mark->value);
    }
    return GODWIT_OK;
}

godwit_err godwit_record_load(struct godwit_agent *agent)
{
    struct godwit_record *record = &agent->record;
    const struct godwit_record *read = (const struct godwit_record *)agent->sector;
    int sound = 0, written = 0;
    for (uint32_t i = 0; i < 2; i++) {
        godwit_err err =
            godwit_flash_read(agent, sector_offset(agent, i), agent->sector, GODWIT_SECTOR_SIZE);
        if (err) return err;
        written += !godwit_all(agent->sector, GODWIT_SECTOR_SIZE, 0xFF);
        if (!is_sound(read)) continue;
        if (sound++ == 0 || read->number > record->number) *record = *read;
    }
    if (sound) {
        godwit_err err = load_marks(agent);
        agent->is_alone = sound == 1;
        return err;
    }
    *record = (struct godwit_record){.magic = RECORD_MAGIC};
    /* A new device's first write may be torn: only two written sectors speak of a lost record. */
    return written == 2 ? GODWIT_ERR_FORMAT : GODWIT_ERR_MISSING;
}

void godwit_trade_places(struct godwit_record *record)
{
    struct godwit_held old = record->running;
    record->running = record->install;
    record->install = old;
    uint32_t old_slot = record->running_slot;
    record->running_slot = record->install_slot;
    record->install_slot = old_slot;
    record->install_sectors = 0;
}

/* Record and seal. A flash that says OK and did nothing is found out only so. */
static godwit_err compare(const struct godwit_agent *agent, uint32_t offset)
{
    uint8_t back[MARK_SIZE];
    for (uint32_t at = 0; at < MARKS_OFFSET; at += MARK_SIZE)
        if (godwit_flash_read(agent, offset + at, back, sizeof back) ||
            memcmp(back, (const uint8_t *)&agent->record + at % SEAL_OFFSET, sizeof back) != 0)
            return GODWIT_ERR_IO;
    return GODWIT_OK;
}

/* After a failure the number is as before: the next try goes to the same sector, and the other one
 * keeps the last good record. */
godwit_err godwit_record_commit(struct godwit_agent *agent)
{
    struct godwit_record *record = &agent->record;
    uint32_t offset = sector_offset(agent, ++record->number);
    record->crc = record_crc(record);
    godwit_err err = godwit_flash_erase(agent, offset, GODWIT_SECTOR_SIZE);
    if (!err) err = godwit_flash_write(agent, offset, record, sizeof *record);
    if (!err) err = godwit_flash_write(agent, offset + SEAL_OFFSET, record, MARK_SIZE);
    if (!err) err = compare(agent, offset);
    if (err)
        record->number--;
    else
        agent->marks = 0;
    agent->is_alone = false; /* one try a boot: a sector that is worn out must not stop the other */
    return err;
}

godwit_err godwit_record_mark(struct godwit_agent *agent, enum godwit_mark_kind kind,
                              uint32_t value)
{
    if (kind == GODWIT_MARK_STEP)
        value |= (uint32_t)agent->record.power_resets << 8 | (uint32_t)agent->record.crashes << 16;
    apply(&agent->record, kind, value);
    if (agent->is_alone || agent->marks >= MARKS_MAX) {
        bool is_full = agent->marks >= MARKS_MAX;
        godwit_err err = godwit_record_commit(agent);
        if (!err || is_full) return err;
    }
    struct mark mark;
    memset(&mark, 0xFF, sizeof mark);
    mark.number = agent->record.number;
    mark.kind = kind;
    mark.value = value;
    mark.crc = mark_crc(&mark);
    uint32_t offset = sector_offset(agent, agent->record.number) + MARKS_OFFSET;
    offset += agent->marks * MARK_SIZE;
    agent->marks++;
    return godwit_flash_write(agent, offset, &mark, sizeof mark);
}
