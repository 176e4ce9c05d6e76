/* Looks at a dump with the emulator's own bootloader: the dump becomes the flash of a make-believe
 * chip, which boots once. */
#include <stdlib.h>

#include "cli/flash_report.h"
#include "cli/flash_table.h"
#include "formats/filekind.h"

#define FLASH_SIZE_MIN 0x100000u
#define FLASH_SIZE_LOG2_MAX 7u /* FLASH_DUMP_MAX, in the header's steps from 1 MiB on */
#define DUMP_WRITE_SIZE 4u
#define TABLE_END (GODWIT_PTABLE_OFFSET + GODWIT_PTABLE_SIZE)
#define REVISION_ANY UINT16_MAX /* with its "no max" fuse: as high as any image asks */
#define C3_REVISION 3u          /* v0.3, what a C3 is unless somebody says otherwise */

/* A partition table at its place makes a dump of anything; where it is damaged or encrypted, only
 * what names itself as something else is none. */
const char *flash_not_a_dump(const uint8_t *dump, size_t size)
{
    if (flash_table_find(dump, size)) return NULL;
    size_t head_size = size < GODWIT_FILE_HEAD_SIZE ? size : GODWIT_FILE_HEAD_SIZE;
    enum godwit_file_kind kind = godwit_file_kind(dump, head_size, size);
    switch (kind) {
    case GODWIT_FILE_MERGED:
        return NULL;
    case GODWIT_FILE_BOOTLOADER: /* a flash may begin with it and lack its table */
    case GODWIT_FILE_RAM_APP:
    case GODWIT_FILE_ESP8266:
    case GODWIT_FILE_BLANK_FF:
    case GODWIT_FILE_NOISE: /* encrypted */
    case GODWIT_FILE_UNKNOWN:
        if (size >= TABLE_END && size % FLASH_ERASE_SIZE == 0) return NULL;
        return godwit_file_kind_sentence(kind);
    default:
        return godwit_file_kind_sentence(kind);
    }
}

/* The chip whose bootloader stands where this chip looks for it; NULL when there is none. */
static const struct godwit_chip *chip_of_dump(const uint8_t *dump, size_t size)
{
    const struct godwit_chip *chip;
    for (size_t i = 0; (chip = godwit_chip_at(i)); i++) {
        uint32_t at = chip->bootloader_offset;
        if (size < at + GODWIT_IMAGE_HEADER_SIZE || dump[at] != GODWIT_IMAGE_MAGIC) continue;
        bool has_segments = dump[at + 1] > 0 && dump[at + 1] <= GODWIT_IMAGE_SEGMENTS_MAX;
        if (has_segments && godwit_load16(dump + at + 12) == chip->id) return chip;
    }
    return NULL;
}

/* "0.3" → 3, "1.2" → 102. */
static godwit_err parse_revision(const char *text, uint16_t *revision_out)
{
    char *rest;
    if (text[0] < '0' || text[0] > '9') return GODWIT_ERR_FORMAT; /* strtoul would take " -0" */
    unsigned long major = strtoul(text, &rest, 10), minor;
    if (*rest != '.' || major > 9 || rest[1] < '0' || rest[1] > '9') return GODWIT_ERR_FORMAT;
    minor = strtoul(rest + 1, &rest, 10);
    if (*rest || minor > 99) return GODWIT_ERR_FORMAT;
    *revision_out = (uint16_t)(major * 100 + minor);
    return GODWIT_OK;
}

/* Of the two revisions either may be unknown; then it passes whatever an image asks. */
static godwit_err settle_revisions(const struct flash_request *request,
                                   struct bootloader *bootloader, bool is_assumed)
{
    bool is_c3 = bootloader->chip == godwit_chip_by_name("esp32c3");
    const char *revision = request->revision_text, *block = request->block_revision_text;
    godwit_err err = GODWIT_OK;
    bootloader->check_revision = revision || block || (is_c3 && is_assumed);
    bootloader->no_max_revision = !revision && !is_c3;
    bootloader->no_max_block_revision = !block;
    bootloader->revision = is_c3 ? C3_REVISION : REVISION_ANY;
    bootloader->block_revision = REVISION_ANY;
    if (is_c3 && !is_assumed && !revision)
        bootloader->no_max_revision = true, bootloader->revision = REVISION_ANY;
    if (revision) err = parse_revision(revision, &bootloader->revision);
    if (!err && block) err = parse_revision(block, &bootloader->block_revision);
    return err;
}

static godwit_err resolve_chip(const struct flash_request *request, const uint8_t *dump,
                               size_t size, struct flash_report *out)
{
    struct bootloader *bootloader = &out->bootloader;
    const struct godwit_chip *found = chip_of_dump(dump, size);
    const struct godwit_chip *c3 = godwit_chip_by_name("esp32c3");
    out->has_bootloader = found != NULL;
    bootloader->chip = found ? found : c3;
    if (request->chip_name) bootloader->chip = godwit_chip_by_name(request->chip_name);
    if (!bootloader->chip) return GODWIT_ERR_MISSING;
    bootloader->has_rollback = !request->without_rollback;
    bootloader->has_anti_rollback = request->has_anti_rollback;
    return settle_revisions(request, bootloader, !found);
}

/* What the bootloader's header says of the flash; 0 without one, or with a code of no ESP-IDF. */
static uint32_t header_size(const struct flash_report *report, const uint8_t *dump, size_t size)
{
    if (!report->has_bootloader) return 0;
    uint32_t log2 = dump[chip_of_dump(dump, size)->bootloader_offset + 3] >> 4;
    return log2 <= FLASH_SIZE_LOG2_MAX ? FLASH_SIZE_MIN << log2 : 0;
}

/* Memory for dump and header; a dump may have been cut behind its last byte that is not 0xFF. */
static godwit_err load(const struct flash_report *report, struct flash_ram *ram,
                       const uint8_t *dump, size_t size)
{
    if (size > FLASH_DUMP_MAX) return GODWIT_ERR_SPACE;
    uint32_t room = report->header_size ? report->header_size : FLASH_SIZE_MIN;
    while (room < size)
        room *= 2;
    godwit_err err = flash_ram_init(ram, room, DUMP_WRITE_SIZE, NULL);
    if (err) return err;
    struct godwit_flash flash = flash_ram_port(ram);
    return flash_put(&flash, 0, dump, size);
}

/* A whole image is known, and a slot without one by its first bytes; what is refused might be
 * whole behind the end of the dump. */
static bool is_known(const struct flash_report *report, const struct godwit_partition *slot,
                     enum godwit_reason reason, bool is_erased)
{
    if (report->dump_size < slot->offset + GODWIT_IMAGE_HEADER_SIZE) return false;
    return !reason || is_erased || slot->size <= report->dump_size - slot->offset;
}

/* Whether the way to what boots, or to nothing, leads over known slots only. */
static bool is_checked(const struct flash_report *report)
{
    const struct boot *boot = &report->boot;
    if (report->is_encrypted) return false;
    if (report->dump_size < report->table_offset + GODWIT_PTABLE_SIZE) return false;
    if (report->otadata && report->dump_size < report->otadata + 2 * FLASH_ERASE_SIZE) return false;
    for (size_t i = 0; i < boot->tries_count; i++) {
        const struct boot_try *attempt = &boot->tries[i];
        if (!is_known(report, &attempt->partition, attempt->reason, attempt->is_erased))
            return false;
    }
    return true;
}

static godwit_err look_at_app(const struct godwit_flash *flash, struct flash_report *out,
                              struct flash_row *row)
{
    const struct godwit_partition *p = &row->partition;
    if ((p->subtype & 0xF0) == GODWIT_APP_OTA_0) out->slots_count++;
    bool is_there = p->offset <= flash->size && p->size <= flash->size - p->offset;
    if (!is_there) {
        row->reason = GODWIT_REASON_TOO_LARGE;
        return GODWIT_OK; /* and not known */
    }
    godwit_err err = bootloader_finds_nothing(flash, p, &row->is_erased);
    if (err) return err;
    err = bootloader_verify(&out->bootloader, flash, &out->efuses, p, &row->info, &row->reason);
    row->is_known = is_known(out, p, row->reason, row->is_erased);
    return err;
}

/* All rows that can be read, also of a table that is too long for the flash of the header. */
static godwit_err look_at_rows(const struct godwit_flash *flash, struct flash_report *out)
{
    uint8_t table[GODWIT_PTABLE_SIZE];
    size_t count;
    if (out->table_offset > flash->size - sizeof table) return GODWIT_OK;
    godwit_err err = flash->read(flash->ctx, out->table_offset, table, sizeof table);
    if (err || godwit_ptable_check(table, UINT32_MAX, &count)) return err;
    out->rows_count = count;
    for (size_t i = 0; i < count && !err; i++) {
        struct flash_row *row = &out->rows[i];
        err = godwit_ptable_at(table, i, &row->partition);
        uint64_t end = (uint64_t)row->partition.offset + row->partition.size;
        if (end > out->table_end) out->table_last = row->partition.label;
        if (end > out->table_end) out->table_end = end;
        row->is_app = row->partition.type == GODWIT_PTYPE_APP;
        if (!err && row->is_app) err = look_at_app(flash, out, row);
    }
    return err;
}

/* Both entries as they stand; a partition too small for the second one has whatever lies there. */
static godwit_err read_entries(const struct godwit_flash *flash, uint32_t otadata,
                               uint8_t out[2][GODWIT_OTA_ENTRY_SIZE])
{
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t offset = otadata + i * FLASH_ERASE_SIZE;
        memset(out[i], 0xFF, GODWIT_OTA_ENTRY_SIZE);
        if (offset > flash->size - GODWIT_OTA_ENTRY_SIZE) continue;
        godwit_err err = flash->read(flash->ctx, offset, out[i], GODWIT_OTA_ENTRY_SIZE);
        if (err) return err;
    }
    return GODWIT_OK;
}

/* Where the bootloader finds otadata: of two rows the last counts; 0: nowhere. */
static uint32_t otadata_offset(const struct flash_report *report)
{
    uint32_t offset = 0;
    for (size_t i = 0; i < report->rows_count; i++) {
        const struct godwit_partition *row = &report->rows[i].partition;
        if (row->type == GODWIT_PTYPE_DATA && row->subtype == GODWIT_DATA_OTADATA)
            offset = row->offset;
    }
    return offset;
}

/* The bootloader knows of the flash what its header says, and no more. */
static godwit_err boot_once(const struct godwit_flash *whole, struct flash_report *out)
{
    struct godwit_flash port = *whole, *flash = &port;
    if (out->header_size) port.size = out->header_size;
    godwit_err err = look_at_rows(whole, out);
    out->otadata = otadata_offset(out);
    if (!err && out->otadata) err = read_entries(flash, out->otadata, out->before);
    if (!err) err = bootloader_run(&out->bootloader, flash, &out->efuses, &out->boot);
    if (!err && out->otadata) err = read_entries(flash, out->otadata, out->after);
    return err;
}

godwit_err flash_look(const struct flash_request *request, const char *path, const uint8_t *dump,
                      size_t size, struct flash_report *out)
{
    struct flash_ram ram = {0};
    memset(out, 0, sizeof *out);
    out->path = path;
    out->efuses.secure_version = request->secure_version;
    godwit_err err = resolve_chip(request, dump, size, out);
    out->header_size = header_size(out, dump, size);
    out->is_encrypted = !request->table_offset && flash_is_encrypted(dump, size);
    out->table_offset = request->table_offset;
    if (!out->table_offset) out->table_offset = flash_table_find(dump, size);
    if (!out->table_offset) out->table_offset = GODWIT_PTABLE_OFFSET;
    out->bootloader.table_offset = out->table_offset;
    if (!err) err = load(out, &ram, dump, size);
    out->dump_size = (uint32_t)size;
    out->flash_size = out->header_size ? out->header_size : ram.size;
    struct godwit_flash flash = flash_ram_port(&ram);
    if (!err && !out->is_encrypted) err = boot_once(&flash, out);
    out->is_checked = is_checked(out);
    flash_ram_deinit(&ram);
    return err;
}
