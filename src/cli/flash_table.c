/* ESP-IDF lets a project move its partition table, because a bootloader that checks signatures is
 * larger; the place is built into the bootloader and stands nowhere in flash, so it is looked for.
 */
#include "cli/flash_table.h"

#include "formats/filekind.h"

#define STEP 0x1000u

static bool has_row(const uint8_t *dump, size_t size, uint32_t offset)
{
    return size >= offset + GODWIT_PTABLE_SIZE && godwit_load16(dump + offset) == 0x50AA;
}

uint32_t flash_table_find(const uint8_t *dump, size_t size)
{
    uint32_t damaged = 0;
    for (uint32_t at = GODWIT_PTABLE_OFFSET; at <= TABLE_OFFSET_LAST; at += STEP) {
        size_t count;
        if (!has_row(dump, size, at)) continue;
        if (!godwit_ptable_check(dump + at, UINT32_MAX, &count)) return at;
        if (!damaged) damaged = at;
    }
    return damaged;
}

bool flash_is_encrypted(const uint8_t *dump, size_t size)
{
    if (flash_table_find(dump, size)) return false;
    for (uint32_t at = GODWIT_PTABLE_OFFSET; at <= TABLE_OFFSET_LAST; at += STEP)
        if (size >= at + GODWIT_PTABLE_SIZE && godwit_file_is_noise(dump + at, GODWIT_PTABLE_SIZE))
            return true;
    return false;
}

static bool overlap(const struct godwit_partition *one, const struct godwit_partition *other)
{
    uint64_t one_end = (uint64_t)one->offset + one->size;
    uint64_t other_end = (uint64_t)other->offset + other->size;
    return one->offset < other_end && other->offset < one_end;
}

bool flash_overlap_next(const struct godwit_partition *rows, size_t count, size_t *index,
                        size_t *first_out, size_t *second_out)
{
    for (; *index < count * count; ++*index) {
        size_t first = *index / count, second = *index % count;
        if (first >= second || !overlap(&rows[first], &rows[second])) continue;
        *first_out = first;
        *second_out = second;
        ++*index;
        return true;
    }
    return false;
}
