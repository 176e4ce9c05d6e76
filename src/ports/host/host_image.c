/* The first image is judged by the parser as the bootloader would, and the layout is tried in
 * memory: so a refusal leaves no file that a second try would take for a device. */
#include "ports/host/host_image.h"

#include <stdio.h>
#include <string.h>

#include "board/board.h"
#include "formats/filekind.h"
#include "formats/name.h"
#include "formats/policy.h"

#define WRITE_SIZE 4u
#define VERSION_AT 16 /* in the descriptor */
#define PROJECT_AT 48
#define NAME_SIZE 32

/* Revisions (major * 100 + minor) as the chips are sold now; others are 0.0. */
static uint16_t chip_revision(const struct godwit_chip *chip)
{
    static const struct {
        const char *name;
        uint16_t revision;
    } SOLD[] = {{"esp32", 301}, {"esp32s2", 100}, {"esp32s3", 2}, {"esp32c3", 4}};
    for (size_t i = 0; i < sizeof SOLD / sizeof *SOLD; i++)
        if (!strcmp(chip->name, SOLD[i].name)) return SOLD[i].revision;
    return 0;
}

struct bootloader host_bootloader(const struct godwit_chip *chip)
{
    return (struct bootloader){.chip = chip,
                               .check_revision = true,
                               .revision = chip_revision(chip),
                               .has_rollback = true};
}

/* ── names ─────────────────────────────────────────────────────────────────────────────────── */

void host_text_tame(char *text)
{
    char copy[NAME_SIZE + 1];
    snprintf(copy, sizeof copy, "%s", text);
    godwit_text_clean(copy, text);
}

void host_names_read(const struct godwit_flash *flash, uint32_t offset, struct host_names *out)
{
    uint8_t desc[PROJECT_AT + NAME_SIZE];
    memset(out, 0, sizeof *out);
    if (flash->read(flash->ctx, offset + GODWIT_APP_DESC_OFFSET, desc, sizeof desc)) return;
    if (godwit_load32(desc) != GODWIT_APP_DESC_MAGIC) return;
    memcpy(out->version, desc + VERSION_AT, NAME_SIZE);
    memcpy(out->project, desc + PROJECT_AT, NAME_SIZE);
    host_text_tame(out->version);
    host_text_tame(out->project);
}

bool host_initial_policy_is_of(const uint8_t *initial_policy, const char *org, const char *project)
{
    struct godwit_policy policy;
    uint8_t id[16];
    if (!initial_policy || godwit_policy_decode(initial_policy, true, &policy)) return true;
    return !godwit_product_id(org ? org : GODWIT_ORG, project, id) &&
           !memcmp(id, policy.product_id, sizeof id);
}

/* ── the first image ───────────────────────────────────────────────────────────────────────── */

bool host_flash_provision(const struct godwit_flash *flash,
                          const struct host_flash_options *options, char *why, size_t why_size)
{
    const struct board_layout layout = {0};
    const struct godwit_chip *chip = options->chip;
    if (!chip && options->image_size >= GODWIT_IMAGE_HEADER_SIZE)
        chip = godwit_chip_by_id(godwit_load16(options->image + 12));
    if (!chip) chip = godwit_chip_by_name("esp32c3");
    if (!board_provision(flash, chip, &layout, options->image, options->image_size)) return true;
    snprintf(why, why_size, "the first image does not fit a slot of this flash");
    return false;
}

static bool layout_is_possible(const struct host_flash_options *options, char *why, size_t why_size)
{
    struct flash_ram ram;
    uint32_t size = options->flash_size ? options->flash_size : HOST_FLASH_SIZE;
    if (flash_ram_init(&ram, size, WRITE_SIZE, NULL)) {
        snprintf(why, why_size, "there is no memory for a flash");
        return false;
    }
    struct godwit_flash flash = flash_ram_port(&ram);
    bool is_possible = host_flash_provision(&flash, options, why, why_size);
    flash_ram_deinit(&ram);
    return is_possible;
}

static enum godwit_reason fault_of(const struct host_flash_options *options,
                                   const struct godwit_chip *chip, struct godwit_image *image)
{
    const struct godwit_image_expect expect = {.chip = chip,
                                               .as_bootloader_does = true,
                                               .check_revision = true,
                                               .revision = chip_revision(chip)};
    godwit_image_init_any(image, &expect, NULL);
    godwit_err err = godwit_sink_write(&image->sink, options->image, options->image_size);
    if (!err) err = godwit_sink_finish(&image->sink);
    if (err && !image->reason) return GODWIT_REASON_NOT_AN_IMAGE;
    if (!err && !image->info.has_description) return GODWIT_REASON_NO_DESCRIPTION;
    if (!err && !image->can_start) return GODWIT_REASON_FLASH_SEGMENTS;
    return image->reason;
}

bool host_image_check(const struct host_flash_options *options, char *why, size_t why_size)
{
    const uint8_t *data = options->image;
    size_t size = options->image_size;
    struct godwit_image image;
    enum godwit_file_kind kind =
        godwit_file_kind(data, size < GODWIT_FILE_HEAD_SIZE ? size : GODWIT_FILE_HEAD_SIZE, size);
    if (kind != GODWIT_FILE_APP || size < GODWIT_IMAGE_HEADER_SIZE) {
        const char *sentence =
            kind == GODWIT_FILE_APP ? "cut short" : godwit_file_kind_sentence(kind);
        snprintf(why, why_size, "is %.*s; --image takes an application image (.bin)",
                 (int)strcspn(sentence, ";"), sentence);
        return false;
    }
    const struct godwit_chip *built_for = godwit_chip_by_id(godwit_load16(data + 12));
    const struct godwit_chip *chip = options->chip ? options->chip : built_for;
    if (chip && built_for && chip != built_for) {
        snprintf(why, why_size, "is built for %s, and --chip says %s; leave --chip out",
                 built_for->title, chip->title);
        return false;
    }
    enum godwit_reason reason = chip ? fault_of(options, chip, &image) : GODWIT_REASON_UNKNOWN_CHIP;
    if (reason) {
        snprintf(why, why_size, "can not boot: %s", godwit_reason_sentence(reason));
        return false;
    }
    host_text_tame(image.info.project);
    if (!host_initial_policy_is_of(options->initial_policy, options->org, image.info.project)) {
        snprintf(
            why, why_size,
            "is of the product %s, and the initial policy of another; `godwit claim policy %s` "
            "writes the right one",
            image.info.project, image.info.project);
        return false;
    }
    return layout_is_possible(options, why, why_size);
}

/* ── a flash that is there ─────────────────────────────────────────────────────────────────── */

const struct godwit_chip *host_flash_chip(const struct godwit_flash *flash)
{
    uint8_t table[GODWIT_PTABLE_SIZE], head[GODWIT_IMAGE_HEADER_SIZE];
    struct godwit_partition row;
    if (flash->read(flash->ctx, GODWIT_PTABLE_OFFSET, table, sizeof table)) return NULL;
    for (size_t i = 0; !godwit_ptable_at(table, i, &row); i++) {
        if (row.type != GODWIT_PTYPE_APP) continue;
        if (flash->read(flash->ctx, row.offset, head, sizeof head)) return NULL;
        if (head[0] == GODWIT_IMAGE_MAGIC) return godwit_chip_by_id(godwit_load16(head + 12));
    }
    return NULL;
}

static bool has_table(const struct godwit_flash *flash)
{
    uint8_t table[GODWIT_PTABLE_SIZE];
    size_t count;
    return flash->size >= GODWIT_PTABLE_OFFSET + sizeof table &&
           !flash->read(flash->ctx, GODWIT_PTABLE_OFFSET, table, sizeof table) &&
           !godwit_ptable_check(table, flash->size, &count) && count > 0;
}

bool host_flash_check(const struct godwit_flash *flash, const struct host_flash_options *options,
                      char *why, size_t why_size)
{
    if (!has_table(flash)) {
        uint8_t head[4096];
        size_t size = flash->size < sizeof head ? flash->size : sizeof head;
        enum godwit_file_kind kind = GODWIT_FILE_UNKNOWN;
        if (!flash->read(flash->ctx, 0, head, size))
            kind = godwit_file_kind(head, size, flash->size);
        bool is_named = kind != GODWIT_FILE_UNKNOWN && kind != GODWIT_FILE_BLANK_FF;
        const char *sentence = is_named ? godwit_file_kind_sentence(kind) : "no flash of a device";
        snprintf(why, why_size,
                 "is %.*s: there is no partition table at 0x8000; name another file, and the first "
                 "image with --image",
                 (int)strcspn(sentence, ";"), sentence);
        return false;
    }
    const struct godwit_chip *chip = host_flash_chip(flash);
    if (chip && options->chip && chip != options->chip) {
        snprintf(why, why_size, "holds the flash of an %s, not of an %s; name another file",
                 chip->title, options->chip->title);
        return false;
    }
    return true;
}
