/* The same report twice: as a page for people and as JSON. */
#include "cli/flash_report.h"

#include <stdio.h>

#include "base/text.h"
#include "cli/inspect.h"
#include "formats/name.h"

#define EXPLANATION_SIZE 4096

static const struct {
    uint8_t type, subtype;
    const char *name;
} SUBTYPES[] = {
    {0, 0x00, "factory"},  {0, 0x20, "test"},   {0, 0x30, "tee_0"},     {0, 0x31, "tee_1"},
    {1, 0x00, "ota"},      {1, 0x01, "phy"},    {1, 0x02, "nvs"},       {1, 0x03, "coredump"},
    {1, 0x04, "nvs_keys"}, {1, 0x05, "efuse"},  {1, 0x06, "undefined"}, {1, 0x80, "esphttpd"},
    {1, 0x81, "fat"},      {1, 0x82, "spiffs"}, {1, 0x83, "littlefs"},  {1, 0x90, "tee_ota"},
    {2, 0x00, "primary"},  {2, 0x01, "ota"},    {2, 0x02, "recovery"},  {3, 0x00, "primary"},
    {3, 0x01, "ota"},
};
static const char *const TYPES[] = {"app", "data", "bootloader", "partition_table"};
static const char *const STATES[] = {"new", "pending", "valid", "invalid", "aborted"};

/* A known name, else the number in hex, in the caller's buffer. */
static const char *type_name(uint8_t type, char buffer[static 8])
{
    if (type < sizeof TYPES / sizeof *TYPES) return TYPES[type];
    snprintf(buffer, 8, "0x%02x", type);
    return buffer;
}

static const char *subtype_name(uint8_t type, uint8_t subtype, char buffer[static 8])
{
    for (size_t i = 0; i < sizeof SUBTYPES / sizeof *SUBTYPES; i++)
        if (SUBTYPES[i].type == type && SUBTYPES[i].subtype == subtype) return SUBTYPES[i].name;
    bool is_slot = type == GODWIT_PTYPE_APP && (subtype & 0xF0) == GODWIT_APP_OTA_0;
    snprintf(buffer, 8, is_slot ? "ota_%u" : "0x%02x", is_slot ? subtype & 0x0Fu : subtype);
    return buffer;
}

/* What otadata asks for is all that can be said where the slots are not in the dump. */
static void half_the_scenario(const struct flash_report *report, char *out, size_t size)
{
    const struct boot *boot = &report->boot;
    bool has_otadata = report->dump_size >= report->otadata + 2 * FLASH_ERASE_SIZE;
    char names[48] = "";
    if (has_otadata && boot->choice == BOOT_ENTRY)
        snprintf(names, sizeof names, ": entry %d names ota_%u", boot->entry, boot->slot);
    snprintf(out, size, "%s%s; what boots can not be judged: the dump ends too early",
             has_otadata ? boot_choice_sentence(boot->choice) : "otadata is not in the dump",
             names);
}

static const char *why(const struct flash_report *report, char explanation[static EXPLANATION_SIZE])
{
    char raw[EXPLANATION_SIZE];
    bool is_too_long = report->header_size && report->table_end > report->header_size;
    if (report->is_encrypted)
        snprintf(
            raw, sizeof raw,
            "can not be judged: there is noise where bootloader and partition table should be, "
            "so flash encryption is on; read the flash through the running firmware, or judge "
            "a dump from before it was switched on");
    else if (is_too_long)
        snprintf(raw, sizeof raw,
                 "nothing boots, so the chip resets for ever: the partition table reaches to %llu "
                 "MB, and the bootloader's header says %u MB of flash",
                 (unsigned long long)(report->table_end + (1u << 20) - 1) >> 20,
                 report->header_size >> 20);
    else if (report->is_checked)
        boot_explain(&report->boot, raw, sizeof raw);
    else
        half_the_scenario(report, raw, sizeof raw);
    return godwit_text_clean(raw, explanation);
}

static bool ends_early(const struct flash_report *report)
{
    return report->dump_size < report->flash_size;
}

/* ---- for people ---- */

static void print_verdict(const struct flash_report *report, const struct flash_row *row)
{
    const char *sentence = godwit_reason_sentence(row->reason);
    if (!row->is_known && report->dump_size <= row->partition.offset)
        printf("  not in the dump");
    else if (!row->is_known)
        printf("  not judged: the dump ends in it");
    else if (!row->reason)
        printf("  bootable");
    else if (row->is_erased)
        printf("  erased");
    else /* the fault; the cure of the sentence is for files */
        printf("  refused: %.*s", (int)strcspn(sentence, ";"), sentence);
}

static void print_row(const struct flash_report *report, const struct flash_row *row)
{
    const struct godwit_partition *p = &row->partition;
    char type[8], subtype[8], label[17], project[33], version[33];
    printf("  %-16s  %-5s  %-9s  0x%06x  0x%06x", godwit_text_clean(p->label, label),
           type_name(p->type, type), subtype_name(p->type, p->subtype, subtype), p->offset,
           p->size);
    if (row->info.has_description)
        printf("  %s %s", godwit_text_clean(row->info.project, project),
               godwit_text_clean(row->info.version, version));
    if (row->is_app) print_verdict(report, row);
    putchar('\n');
}

static void print_entry(const struct flash_report *report, int index, const uint8_t *bytes)
{
    struct godwit_ota_entry entry = godwit_ota_entry_load(bytes);
    printf("  entry %d  ", index);
    if (entry.seq == UINT32_MAX) {
        printf("%s\n", godwit_all(bytes, GODWIT_OTA_ENTRY_SIZE, 0xFF) ? "blank" : "empty");
        return;
    }
    printf("sequence %u, ", entry.seq);
    if (entry.state < sizeof STATES / sizeof *STATES)
        printf("%s", STATES[entry.state]);
    else if (entry.state == GODWIT_OTA_UNDEFINED)
        printf("undefined (not monitored)");
    else
        printf("state 0x%x", entry.state);
    if (entry.crc != godwit_ota_crc(entry.seq)) printf(", CRC wrong");
    if (report->slots_count)
        printf(", names ota_%u", godwit_ota_slot(entry.seq, report->slots_count));
    putchar('\n');
}

static void print_entries(const struct flash_report *report)
{
    bool is_changed = memcmp(report->before, report->after, sizeof report->before) != 0;
    if (!report->otadata || report->dump_size < report->otadata + 2 * FLASH_ERASE_SIZE) return;
    printf("\notadata\n");
    for (int i = 0; i < 2; i++)
        print_entry(report, i, report->before[i]);
    if (!report->is_checked) return;
    printf("\notadata after this boot%s\n", is_changed ? "" : ": the same");
    for (int i = 0; i < 2 && is_changed; i++)
        print_entry(report, i, report->after[i]);
}

void flash_report_print(const struct flash_report *report)
{
    const struct bootloader *bootloader = &report->bootloader;
    char explanation[EXPLANATION_SIZE];
    printf("%s: ", report->path);
    if (ends_early(report)) printf("the first %u KiB of ", report->dump_size / 1024);
    printf("%u KiB of flash, %s%s, bootloader %s rollback%s\n\n", report->flash_size / 1024,
           bootloader->chip->title,
           report->has_bootloader ? "" : " (assumed: no bootloader in the dump)",
           bootloader->has_rollback ? "with" : "without",
           bootloader->has_anti_rollback ? " and anti-rollback" : "");
    if (report->rows_count == 0 && !report->is_encrypted)
        printf("no partition table at 0x%x that the bootloader would take: is this a whole-flash "
               "dump? Name another place with --table\n",
               report->table_offset);
    for (size_t i = 0; i < report->rows_count; i++)
        print_row(report, &report->rows[i]);
    if (ends_early(report))
        printf("\nthe dump ends at 0x%06x: what comes after it is not known\n", report->dump_size);
    print_entries(report);
    if (bootloader->has_anti_rollback && report->is_checked)
        printf("\nsecure version in the eFuse after this boot: %u\n",
               report->efuses.secure_version);
    char note[512];
    for (size_t i = 0; flash_note(report, i, note); i++)
        printf("%snote: %s\n", i ? "" : "\n", note);
    printf("\n%s\n", why(report, explanation));
}

/* ---- for programs ---- */

static json_t *image_json(const struct flash_row *row)
{
    char project[33], version[33];
    const struct godwit_chip *chip = godwit_chip_by_id(row->info.chip_id);
    json_t *json = json_pack("{s:b, s:b, s:s, s:s}", "bootable", row->reason == GODWIT_REASON_NONE,
                             "known", row->is_known, "code", godwit_reason_id(row->reason),
                             "message", godwit_reason_sentence(row->reason));
    if (!row->info.has_description) return json;
    json_object_set_new(json, "chip", chip ? json_string(chip->name) : json_null());
    json_object_set_new(json, "project",
                        json_string(godwit_text_clean(row->info.project, project)));
    json_object_set_new(json, "version",
                        json_string(godwit_text_clean(row->info.version, version)));
    json_object_set_new(json, "secure_version", json_integer(row->info.secure_version));
    return json;
}

static json_t *row_json(const struct flash_row *row)
{
    const struct godwit_partition *p = &row->partition;
    char type[8], subtype[8], label[17];
    json_t *json = json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:b}", "label",
                             godwit_text_clean(p->label, label), "type", type_name(p->type, type),
                             "subtype", subtype_name(p->type, p->subtype, subtype), "offset",
                             (json_int_t)p->offset, "size", (json_int_t)p->size, "encrypted",
                             (p->flags & 1) != 0, "readonly", (p->flags & 2) != 0);
    if (row->is_app) json_object_set_new(json, "image", image_json(row));
    return json;
}

static json_t *entries_json(const struct flash_report *report,
                            const uint8_t entries[2][GODWIT_OTA_ENTRY_SIZE])
{
    char hex[2][2 * GODWIT_OTA_ENTRY_SIZE + 1];
    if (!report->otadata) return json_null();
    for (int i = 0; i < 2; i++)
        godwit_hex_encode(entries[i], GODWIT_OTA_ENTRY_SIZE, hex[i]);
    return json_pack("[s, s]", hex[0], hex[1]);
}

static json_t *boot_json(const struct flash_report *report)
{
    char label[17], explanation[EXPLANATION_SIZE];
    if (!report->boot.boots || !report->is_checked) return json_null();
    return json_pack("{s:s, s:I, s:s}", "label",
                     godwit_text_clean(report->boot.partition.label, label), "offset",
                     (json_int_t)report->boot.partition.offset, "reason", why(report, explanation));
}

json_t *flash_report_json(const struct flash_report *report)
{
    const struct bootloader *bootloader = &report->bootloader;
    char explanation[EXPLANATION_SIZE], note[512];
    json_t *rows = json_array(), *notes = json_array();
    for (size_t i = 0; flash_note(report, i, note); i++)
        json_array_append_new(notes, json_string(note));
    for (size_t i = 0; i < report->rows_count; i++)
        json_array_append_new(rows, row_json(&report->rows[i]));
    json_t *json =
        json_pack("{s:s, s:b, s:I, s:I, s:b, s:b, s:b, s:o, s:o, s:s, s:s, s:o, s:o, s:I}", "chip",
                  bootloader->chip->name, "has_bootloader", report->has_bootloader, "dump_size",
                  (json_int_t)report->dump_size, "flash_size", (json_int_t)report->flash_size,
                  "judged", report->is_checked, "rollback", bootloader->has_rollback,
                  "anti_rollback", bootloader->has_anti_rollback, "partitions", rows, "boot",
                  boot_json(report), "choice", boot_choice_id(report->boot.choice), "explanation",
                  why(report, explanation), "otadata_before", entries_json(report, report->before),
                  "otadata_after", entries_json(report, report->after), "secure_version_after",
                  (json_int_t)report->efuses.secure_version);
    json_object_set_new(json, "notes", notes);
    json_object_set_new(json, "encrypted", json_boolean(report->is_encrypted));
    json_object_set_new(json, "table_offset", json_integer(report->table_offset));
    json_object_set_new(json, "header_flash_size",
                        report->header_size ? json_integer(report->header_size) : json_null());
    return json;
}
