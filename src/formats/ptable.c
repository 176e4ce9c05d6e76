/* The partition table as ESP-IDF's second-stage bootloader reads it: bounds, magic, end record and
 * an MD5 record that may be absent. It does not look for overlap, alignment or gaps, so neither
 * does this; a tool that wants more asks for each row. */
#include "formats/ptable.h"

#include "base/crypto.h"

#define RECORD_SIZE 32u
#define MAGIC_ROW 0x50AAu
#define MAGIC_MD5 0xEBEBu
#define END 0xFFFFFFFFu /* the first four bytes: magic, type and subtype */
#define MD5_OFFSET 16u  /* inside its record, behind magic and filler */

static bool is_end(const uint8_t *record)
{
    return godwit_load32(record) == END;
}

static void row_load(const uint8_t *record, struct godwit_partition *out)
{
    out->type = record[2];
    out->subtype = record[3];
    out->offset = godwit_load32(record + 4);
    out->size = godwit_load32(record + 8);
    memcpy(out->label, record + 12, 16);
    out->label[16] = 0;
    out->flags = godwit_load32(record + 28);
}

static bool is_in_flash(const uint8_t *record, uint32_t flash_size)
{
    uint32_t offset = godwit_load32(record + 4), size = godwit_load32(record + 8);
    return offset <= flash_size && size <= flash_size - offset;
}

static __attribute__((noinline)) bool md5_matches(const uint8_t *table, const uint8_t *record)
{
    uint8_t digest[16];
    godwit_md5(table, (size_t)(record - table), digest);
    return !memcmp(digest, record + MD5_OFFSET, sizeof digest);
}

godwit_err godwit_ptable_check(const uint8_t table[static GODWIT_PTABLE_SIZE], uint32_t flash_size,
                               size_t *count_out)
{
    bool has_md5 = false;
    *count_out = 0;
    const uint8_t *record = table, *end = table + GODWIT_PTABLE_SIZE;
    for (; record < end; record += RECORD_SIZE) {
        if (is_end(record)) return record > table ? GODWIT_OK : GODWIT_ERR_FORMAT;
        switch (godwit_load16(record)) {
        case MAGIC_ROW:
            if (!is_in_flash(record, flash_size)) return GODWIT_ERR_FORMAT;
            ++*count_out;
            break;
        case MAGIC_MD5:
            if (has_md5 || !md5_matches(table, record)) return GODWIT_ERR_FORMAT;
            has_md5 = true;
            break;
        default:
            return GODWIT_ERR_FORMAT;
        }
    }
    return GODWIT_ERR_FORMAT; /* ran off the end */
}

godwit_err godwit_ptable_at(const uint8_t table[static GODWIT_PTABLE_SIZE], size_t index,
                            struct godwit_partition *row_out)
{
    for (size_t i = 0; i < GODWIT_PTABLE_ROWS_MAX; i++) {
        const uint8_t *record = table + i * RECORD_SIZE;
        if (is_end(record)) break;
        if (godwit_load16(record) != MAGIC_ROW) continue;
        if (index--) continue;
        row_load(record, row_out);
        return GODWIT_OK;
    }
    return GODWIT_ERR_MISSING;
}

godwit_err godwit_ptable_find(const uint8_t table[static GODWIT_PTABLE_SIZE], uint8_t type,
                              uint8_t subtype, const char *label, struct godwit_partition *row_out)
{
    for (size_t i = 0; !godwit_ptable_at(table, i, row_out); i++)
        if (row_out->type == type && row_out->subtype == subtype &&
            (!label || !strcmp(label, row_out->label)))
            return GODWIT_OK;
    return GODWIT_ERR_MISSING;
}

static void row_store(const struct godwit_partition *row, uint8_t *record)
{
    godwit_store16(record, MAGIC_ROW);
    record[2] = row->type;
    record[3] = row->subtype;
    godwit_store32(record + 4, row->offset);
    godwit_store32(record + 8, row->size);
    memset(record + 12, 0, 16);
    for (size_t i = 0; i < 16 && row->label[i]; i++)
        record[12 + i] = (uint8_t)row->label[i];
    godwit_store32(record + 28, row->flags);
}

godwit_err godwit_ptable_build(const struct godwit_partition *rows, size_t count,
                               uint8_t table_out[static GODWIT_PTABLE_SIZE])
{
    if (count > GODWIT_PTABLE_ROWS_MAX - 2) return GODWIT_ERR_SPACE;
    memset(table_out, 0xFF, GODWIT_PTABLE_SIZE);
    for (size_t i = 0; i < count; i++)
        row_store(&rows[i], table_out + i * RECORD_SIZE);
    uint8_t *md5 = table_out + count * RECORD_SIZE;
    godwit_store16(md5, MAGIC_MD5);
    godwit_md5(table_out, count * RECORD_SIZE, md5 + MD5_OFFSET);
    return GODWIT_OK;
}
