/* What of a dump is odd, in sentences: the bootloader asks none of it, or says only "invalid". */
#include <stdio.h>

#include "cli/flash_report.h"
#include "cli/flash_table.h"
#include "formats/name.h"

#define MIB (1u << 20)

static bool note_table_end(const struct flash_report *report, char *out, size_t size)
{
    char label[17];
    if (!report->header_size || report->table_end <= report->header_size) return false;
    snprintf(out, size,
             "the bootloader's header says %u MB of flash, and the partition table reaches to "
             "0x%llx (partition %s), which takes %llu MB: the bootloader takes the whole table for "
             "damaged; set the flash size in menuconfig and build again, or flash the bootloader "
             "with `esptool write-flash --flash-size %lluMB`",
             report->header_size / MIB, (unsigned long long)report->table_end,
             godwit_text_clean(report->table_last, label),
             (unsigned long long)(report->table_end + MIB - 1) / MIB,
             (unsigned long long)(report->table_end + MIB - 1) / MIB);
    return true;
}

static bool note_dump_size(const struct flash_report *report, char *out, size_t size)
{
    if (!report->header_size || report->header_size == report->dump_size) return false;
    if (report->header_size > report->dump_size)
        snprintf(out, size,
                 "the bootloader's header says %u MB of flash, and the dump holds %u KiB: the dump "
                 "is short (read it whole: `esptool read-flash 0 ALL dump.bin`), or the header is "
                 "wrong and the chip smaller (then flash the bootloader with the right "
                 "--flash-size)",
                 report->header_size / MIB, report->dump_size / 1024);
    else
        snprintf(out, size,
                 "the bootloader's header says %u MB of flash, and the dump holds %u KiB: what "
                 "lies behind is out of the bootloader's reach",
                 report->header_size / MIB, report->dump_size / 1024);
    return true;
}

static bool note_place(const struct flash_report *report, char *out, size_t size)
{
    if (report->table_offset == GODWIT_PTABLE_OFFSET || !report->rows_count) return false;
    snprintf(out, size,
             "the partition table stands at 0x%x, where the bootloader looks only if it was built "
             "with CONFIG_PARTITION_TABLE_OFFSET=0x%x",
             report->table_offset, report->table_offset);
    return true;
}

/* The index-th pair of partitions that share bytes. */
static bool note_overlap(const struct flash_report *report, size_t index, char *out, size_t size)
{
    struct godwit_partition rows[GODWIT_PTABLE_ROWS_MAX];
    size_t at = 0, first = 0, second = 0;
    char one[17], other[17];
    for (size_t i = 0; i < report->rows_count; i++)
        rows[i] = report->rows[i].partition;
    for (size_t i = 0; i <= index; i++)
        if (!flash_overlap_next(rows, report->rows_count, &at, &first, &second)) return false;
    snprintf(out, size,
             "partitions %s (0x%x to 0x%x) and %s (0x%x to 0x%x) overlap: what is written to one "
             "destroys the other; correct the table's CSV",
             godwit_text_clean(rows[first].label, one), rows[first].offset,
             rows[first].offset + rows[first].size, godwit_text_clean(rows[second].label, other),
             rows[second].offset, rows[second].offset + rows[second].size);
    return true;
}

const char *flash_note(const struct flash_report *report, size_t index, char out[static 512])
{
    static bool (*const NOTES[])(const struct flash_report *report, char *out,
                                 size_t size) = {note_table_end, note_dump_size, note_place};
    if (report->is_encrypted) return NULL;
    for (size_t i = 0; i < sizeof NOTES / sizeof *NOTES; i++) {
        if (!NOTES[i](report, out, 512)) continue;
        if (index-- == 0) return out;
    }
    return note_overlap(report, index, out, 512) ? out : NULL;
}
