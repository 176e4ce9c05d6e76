/* The record: what survives a reset, in the two sectors of the partition "godwit".
 *
 *     0    320  struct godwit_record, CRC-32 over everything behind the CRC field
 *     512   32  a mark: CRC-32, the record's number, kind, value, 0xFF …   (112 of them)
 *
 * A record is written whole into the sector that does not hold the newest one, so a cut leaves the
 * older; its number says which is newer. What changes often (a block of the download, a boot, a
 * step) is a mark behind the newest record: 32 bytes of flash, no erase. Marks and record are
 * multiples of 32 bytes, the largest write unit, and a torn one fails its CRC.
 * Rejected: a log over both sectors (needs a walk and a copy at its end, for a few erases less). */
#include "agent/internal.h"
#include "base/crc.h"

#define RECORD_MAGIC 0x32525747u /* "GWR2" */
#define RECORD_CRC_FROM 8u
#define MARKS_OFFSET 512u
#define MARK_SIZE 32u
#define READS 3
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

static bool record_is_sound(const struct godwit_record *record)
{
    return record->magic == RECORD_MAGIC && record->crc == record_crc(record);
}

static uint32_t sector_offset(const struct godwit_agent *agent, uint32_t number)
{
    return agent->slots.record.offset + (number & 1u) * GODWIT_SECTOR_SIZE;
}

static void apply(struct godwit_record *record, uint32_t kind, uint32_t value)
{
    if (kind == GODWIT_MARK_BOOTS) record->boots = value;
    if (kind == GODWIT_MARK_BLOCKS) record->install_blocks = value;
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

/* A record that a cut left half programmed may be sound once and not the next time: it counts only
 * if it is sound each of a few times. */
godwit_err godwit_record_load(struct godwit_agent *agent)
{
    struct godwit_record *record = &agent->record, *other = (struct godwit_record *)agent->sector;
    bool first = true, second = true;
    for (int i = 0; i < READS; i++) {
        godwit_err err = godwit_flash_read(agent, sector_offset(agent, 0), record, sizeof *record);
        if (!err) err = godwit_flash_read(agent, sector_offset(agent, 1), other, sizeof *other);
        if (err) return err;
        first &= record_is_sound(record);
        second &= record_is_sound(other);
    }
    /* A new device's first write may be torn: only two written sectors speak of a lost record. */
    bool had_one = !godwit_all((const uint8_t *)record, sizeof *record, 0xFF) &&
                   !godwit_all(agent->sector, sizeof *other, 0xFF);
    if (second && (!first || other->number > record->number)) *record = *other;
    if (first || second) return load_marks(agent);
    *record = (struct godwit_record){.magic = RECORD_MAGIC};
    return had_one ? GODWIT_ERR_FORMAT : GODWIT_ERR_MISSING;
}

/* A flash that says OK and did nothing is found out only so. */
static godwit_err compare(const struct godwit_agent *agent, uint32_t offset)
{
    uint8_t back[MARK_SIZE];
    uint32_t at = sizeof agent->record;
    do {
        at -= (uint32_t)sizeof back;
        if (godwit_flash_read(agent, offset + at, back, sizeof back) ||
            memcmp(back, (const uint8_t *)&agent->record + at, sizeof back) != 0)
            return GODWIT_ERR_IO;
    } while (at > 0);
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
    if (!err) err = compare(agent, offset);
    if (err)
        record->number--;
    else
        agent->marks = 0;
    return err;
}

godwit_err godwit_record_mark(struct godwit_agent *agent, enum godwit_mark_kind kind,
                              uint32_t value)
{
    if (kind == GODWIT_MARK_STEP)
        value |= (uint32_t)agent->record.power_resets << 8 | (uint32_t)agent->record.crashes << 16;
    apply(&agent->record, kind, value);
    if (agent->marks >= MARKS_MAX) return godwit_record_commit(agent);
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
