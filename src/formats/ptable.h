/* The partition table: 0xC00 bytes of 32-byte records, an MD5 record, an end record.
 * Source: ESP-IDF flash_partitions.c, gen_esp32part. Nothing is copied out but a row at a time. */
#pragma once

#include "base/err.h"
#include "base/span.h"

#define GODWIT_PTABLE_OFFSET 0x8000u
#define GODWIT_PTABLE_SIZE 0xC00u
#define GODWIT_PTABLE_ROWS_MAX 96u

enum godwit_ptype { GODWIT_PTYPE_APP = 0, GODWIT_PTYPE_DATA = 1 };
enum godwit_psubtype {
    GODWIT_APP_FACTORY = 0x00,
    GODWIT_APP_OTA_0 = 0x10, /* … 0x1F */
    GODWIT_APP_TEST = 0x20,
    GODWIT_DATA_OTADATA = 0x00,
    GODWIT_DATA_NVS = 0x02,
    GODWIT_DATA_UNDEFINED = 0x06, /* the agent's record: label "godwit", 0x2000 bytes */
};

struct godwit_partition {
    uint8_t type, subtype;
    uint32_t offset, size; /* bytes in flash */
    char label[17];
    uint32_t flags; /* bit 0 encrypted, bit 1 read-only */
};

/* As the second-stage bootloader checks it: bounds against flash_size, magic, end record, at most
 * one MD5 record and that one right (absent is fine). FORMAT otherwise. count_out: partitions. */
GODWIT_MUST_USE godwit_err godwit_ptable_check(const uint8_t table[static GODWIT_PTABLE_SIZE],
                                               uint32_t flash_size, size_t *count_out);
/* The index-th partition of a checked table (MD5 records skipped); MISSING behind the last. */
GODWIT_MUST_USE godwit_err godwit_ptable_at(const uint8_t table[static GODWIT_PTABLE_SIZE],
                                            size_t index, struct godwit_partition *row_out);
/* First row of type and subtype; label NULL: any. MISSING when there is none. */
GODWIT_MUST_USE godwit_err godwit_ptable_find(const uint8_t table[static GODWIT_PTABLE_SIZE],
                                              uint8_t type, uint8_t subtype, const char *label,
                                              struct godwit_partition *row_out);
/* Rows in order into a table image with MD5 record, 0xFF behind. SPACE over 94 rows. */
GODWIT_MUST_USE godwit_err godwit_ptable_build(const struct godwit_partition *rows, size_t count,
                                               uint8_t table_out[static GODWIT_PTABLE_SIZE]);
