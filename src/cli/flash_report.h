/* A whole-flash dump looked at as its chip's bootloader would: partitions, what sits in the slots,
 * the two otadata entries before and after one boot, and who runs. */
#pragma once

#include <jansson.h>

#include "emu/emu.h"

#define FLASH_DUMP_MAX (128u << 20) /* the largest chip that an image header can name */

/* What the command line said. */
struct flash_request {
    const char *chip_name;           /* NULL: from the bootloader in the dump, else esp32c3 */
    const char *revision_text;       /* "MAJOR.MINOR"; NULL: by the chip */
    const char *block_revision_text; /* of its eFuse blocks; NULL: not checked */
    uint32_t table_offset;           /* 0: looked for */
    bool without_rollback, has_anti_rollback;
    uint32_t secure_version; /* programmed; with has_anti_rollback */
};

struct flash_row {
    struct godwit_partition partition;
    bool is_app, is_erased;
    bool is_known;             /* of an app: what is said of it lies in the dump */
    enum godwit_reason reason; /* of an app: NONE, it would boot */
    struct godwit_image_info info;
};

struct flash_report {
    const char *path;
    uint32_t dump_size, flash_size; /* bytes; read as erased flash behind the end of a short dump */
    bool is_checked;                /* the boot rests on what is in the dump alone */
    bool is_encrypted;              /* nothing in it can be read */
    bool has_bootloader;            /* in the dump, and it named the chip */
    uint32_t header_size;           /* of the flash, by the bootloader's header; 0: not said */
    uint32_t table_offset;
    uint64_t table_end;     /* where the partition that reaches farthest ends */
    const char *table_last; /* its label */
    struct bootloader bootloader;
    struct flash_row rows[GODWIT_PTABLE_ROWS_MAX];
    size_t rows_count;
    uint32_t slots_count;
    uint32_t otadata; /* offset of the partition; 0: there is none */
    uint8_t before[2][GODWIT_OTA_ENTRY_SIZE], after[2][GODWIT_OTA_ENTRY_SIZE];
    struct efuses efuses; /* afterwards */
    struct boot boot;
};

/* What a person should know besides: sizes that differ, partitions that overlap. The index-th
 * sentence; NULL behind the last. */
const char *flash_note(const struct flash_report *report, size_t index, char out[static 512]);

/* What the file is, where it can not be a dump: words for "is …". NULL: it may be one. */
const char *flash_not_a_dump(const uint8_t *dump, size_t size);
/* MISSING: no chip of that name; FORMAT: not a revision; SPACE: no memory, or a dump over
 * FLASH_DUMP_MAX. */
GODWIT_MUST_USE godwit_err flash_look(const struct flash_request *request, const char *path,
                                      const uint8_t *dump, size_t size, struct flash_report *out);
/* For people, on stdout. */
void flash_report_print(const struct flash_report *report);
/* For programs. The caller owns the result. */
json_t *flash_report_json(const struct flash_report *report);
