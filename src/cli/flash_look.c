/* Looks at a dump with the emulator's own bootloader: the dump becomes the flash of a make-believe
 * chip, which boots once. */
#include <stdlib.h>

#include "cli/flash_report.h"
#include "formats/filekind.h"

#define FLASH_SIZE_MIN 0x100000u
#define FLASH_SIZE_LOG2_MAX 7u /* FLASH_DUMP_MAX, in the header's steps from 1 MiB on */
#define DUMP_WRITE_SIZE 4u
#define TABLE_END (GODWIT_PTABLE_OFFSET + GODWIT_PTABLE_SIZE)
#define C3_REVISION 3u /* v0.3, what a C3 is unless somebody says otherwise */

/* A partition table at its place makes a dump of anything; where it is damaged or encrypted, only
 * what names itself as something else is none. */
const char *flash_not_a_dump(const uint8_t *dump, size_t size)
{
    static const uint8_t row_magic[] = {0xAA, 0x50};
    if (size >= GODWIT_PTABLE_OFFSET + sizeof row_magic &&
        !memcmp(dump + GODWIT_PTABLE_OFFSET, row_magic, sizeof row_magic))
        return NULL;
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
        if (size < at + GODWIT_IMAGE_HEADER_SIZE || dump[at] != 0xE9) continue;
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
    bootloader->check_revision = request->revision_text || (bootloader->chip == c3 && !found);
    bootloader->revision = C3_REVISION;
    if (!request->revision_text) return GODWIT_OK;
    return parse_revision(request->revision_text, &bootloader->revision);
}

/* A dump may have been cut behind its last byte that is not 0xFF. The bootloader's header tells the
 * chip's size; without one it is the next power of two. */
static uint32_t chip_size(const struct flash_report *report, const uint8_t *dump, size_t size)
{
    uint32_t result = FLASH_SIZE_MIN;
    if (report->has_bootloader) {
        uint32_t log2 = dump[chip_of_dump(dump, size)->bootloader_offset + 3] >> 4;
        if (log2 <= FLASH_SIZE_LOG2_MAX) result <<= log2;
    }
    while (result < size)
        result *= 2;
    return result;
}

static godwit_err load(const struct flash_report *report, struct flash_ram *ram,
                       const uint8_t *dump, size_t size)
{
    if (size > FLASH_DUMP_MAX) return GODWIT_ERR_SPACE;
    godwit_err err = flash_ram_init(ram, chip_size(report, dump, size), DUMP_WRITE_SIZE, NULL);
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
    if (report->dump_size < TABLE_END) return false;
    if (report->otadata && report->dump_size < report->otadata + 2 * FLASH_ERASE_SIZE) return false;
    for (size_t i = 0; i < boot->tries_count; i++) {
        const struct boot_try *attempt = &boot->tries[i];
        if (!is_known(report, &attempt->partition, attempt->reason, attempt->is_erased))
            return false;
    }
    return true;
}

static godwit_err look_at_rows(const struct godwit_flash *flash, struct flash_report *out)
{
    uint8_t table[GODWIT_PTABLE_SIZE];
    size_t count;
    godwit_err err = flash->read(flash->ctx, GODWIT_PTABLE_OFFSET, table, sizeof table);
    if (err || godwit_ptable_check(table, flash->size, &count)) return err;
    out->rows_count = count;
    for (size_t i = 0; i < count && !err; i++) {
        struct flash_row *row = &out->rows[i];
        err = godwit_ptable_at(table, i, &row->partition);
        row->is_app = row->partition.type == GODWIT_PTYPE_APP;
        if (err || !row->is_app) continue;
        if ((row->partition.subtype & 0xF0) == GODWIT_APP_OTA_0) out->slots_count++;
        err = bootloader_finds_nothing(flash, &row->partition, &row->is_erased);
        if (err) break;
        err = bootloader_verify(&out->bootloader, flash, &out->efuses, &row->partition, &row->info,
                                &row->reason);
        row->is_known = is_known(out, &row->partition, row->reason, row->is_erased);
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

static godwit_err boot_once(const struct godwit_flash *flash, struct flash_report *out)
{
    godwit_err err = look_at_rows(flash, out);
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
    if (!err) err = load(out, &ram, dump, size);
    out->dump_size = (uint32_t)size;
    out->flash_size = ram.size;
    struct godwit_flash flash = flash_ram_port(&ram);
    if (!err) err = boot_once(&flash, out);
    out->is_checked = is_checked(out);
    flash_ram_deinit(&ram);
    return err;
}
