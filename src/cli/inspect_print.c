/* An inspection for people: one fact a line, names left, the verdict last. */
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/inspect.h"
#include "emu/behaviour.h"
#include "formats/chip.h"
#include "formats/name.h"

static const char *hex(const uint8_t *data, size_t size, char out[static 129])
{
    godwit_hex_encode(data, size, out);
    return out;
}

/* 65536 as "65,536". */
static const char *bytes(uint64_t value, char out[static 32])
{
    char digits[24];
    size_t count = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, value), at = 0;
    for (size_t i = 0; i < count; i++) {
        if (i && (count - i) % 3 == 0) out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

static void print_chip(const struct godwit_image_info *info)
{
    const struct godwit_chip *chip = godwit_chip_by_id(info->chip_id);
    char max[16] = "";
    uint16_t min = godwit_image_revision_min(info); /* the legacy byte counts too */
    if (info->revision_max != 0 && info->revision_max != 65535)
        snprintf(max, sizeof max, " to %u.%u", info->revision_max / 100u,
                 info->revision_max % 100u);
    fact_print("chip", "%s (id 0x%04x), revision %u.%u%s", chip ? chip->title : "unknown",
               info->chip_id, min / 100u, min % 100u, *max ? max : " and later");
}

static void print_description(const struct godwit_image_info *info)
{
    char clean[64];
    fact_print("project", "%s", godwit_text_clean(info->project, clean));
    fact_print("version", "%s", godwit_text_clean(info->version, clean));
    fact_print("built with", "%s", godwit_text_clean(info->idf_version, clean));
    fact_print("secure version", "%" PRIu32, info->secure_version);
}

/* What the bootloader asks of chip and flash besides. */
static void print_limits(const struct godwit_image_info *info)
{
    char most[16] = "";
    bool has_max = info->block_revision_max != 0 && info->block_revision_max != 65535;
    if (has_max)
        snprintf(most, sizeof most, " to %u.%u", info->block_revision_max / 100u,
                 info->block_revision_max % 100u);
    if (info->has_description)
        fact_print("eFuse blocks", "revision %u.%u%s", info->block_revision_min / 100u,
                   info->block_revision_min % 100u, has_max ? most : " and later");
    if (info->has_description && info->mmu_page_log2)
        fact_print("MMU page", "%u KiB", (1u << (info->mmu_page_log2 & 31)) / 1024);
    fact_print("flash", "%u MiB, %s, as its header says", godwit_image_flash_size(info) >> 20,
               godwit_flash_mode_name(info->flash_mode));
}

static void print_signatures(const struct inspection *inspection)
{
    char text[129];
    if (!inspection->check.signatures_count) fact_print("signatures", "none");
    for (size_t i = 0; i < inspection->check.signatures_count; i++) {
        const struct godwit_sigblock *block = &inspection->check.signatures[i];
        fact_print(i ? "" : "signatures", "%s, %s", godwit_scheme_name(block->scheme),
                   block->reason ? godwit_reason_id(block->reason) : "good");
        fact_print("", "key %s", hex(block->key_digest, 32, text));
    }
}

static void print_app(const struct inspection *inspection)
{
    const struct godwit_image_info *info = &inspection->check.image.info;
    struct behaviour behaviour = behaviour_decode(inspection->behaviour);
    char number[32], text[129];
    if (info->has_description) print_description(info);
    print_limits(info);
    fact_print("segments", "%u, entry 0x%08" PRIx32, info->segment_count, info->entry);
    if (info->image_size) fact_print("image size", "%s bytes", bytes(info->image_size, number));
    if (info->image_size && info->hash_appended)
        fact_print("image SHA-256", "%s", hex(info->image_sha256, 32, text));
    print_signatures(inspection);
    policy_print(inspection);
    if (behaviour.kind != BEHAVIOUR_HEALTHY)
        fact_print("test behaviour", "%s, %" PRIu32 " s", behaviour_name(behaviour.kind),
                   behaviour.delay_s);
}

static void print_problems(const struct inspection *inspection)
{
    const struct file_check *check = &inspection->check;
    size_t count = check->problems_count;
    if (check->kind != GODWIT_FILE_APP) {
        printf("\nNot an application image: %s.\n", check->problems[0].message);
        return;
    }
    char sentence[64];
    if (count || check->notes_count) putchar('\n');
    for (size_t i = 0; i < count; i++)
        fact_print(godwit_reason_id(check->problems[i].reason), "%s", check->problems[i].message);
    for (size_t i = 0; i < check->notes_count; i++)
        fact_print("note", "%s", check->notes[i]);
    if (count)
        printf("\nNot sound: %zu problem%s.\n", count, count == 1 ? "" : "s");
    else
        printf("\nSound: %s.\n", file_check_sentence(check, sentence, sizeof sentence));
}

void inspection_print(const struct inspection *inspection)
{
    char number[32], text[129];
    printf("%s\n\n", inspection->path);
    fact_print("kind", "%s", godwit_file_kind_id(inspection->check.kind));
    if (inspection->has_header) print_chip(&inspection->check.image.info);
    fact_print("size", "%s bytes", bytes(inspection->check.size, number));
    fact_print("file SHA-256", "%s", hex(inspection->file_sha256, 32, text));
    if (inspection->check.kind == GODWIT_FILE_APP) print_app(inspection);
    print_problems(inspection);
}
