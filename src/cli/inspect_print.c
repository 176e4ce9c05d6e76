/* An inspection for people: one fact a line, names left, the verdict last. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/inspect.h"
#include "emu/behaviour.h"
#include "formats/chip.h"

__attribute__((format(printf, 2, 3))) static void line(const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("  %-18s ", name);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

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
    if (info->revision_max != 0 && info->revision_max != 65535)
        snprintf(max, sizeof max, " to %u.%u", info->revision_max / 100u,
                 info->revision_max % 100u);
    line("chip", "%s (id 0x%04x), revision %u.%u%s", chip ? chip->title : "unknown", info->chip_id,
         info->revision_min / 100u, info->revision_min % 100u, *max ? max : " and later");
}

static void print_description(const struct godwit_image_info *info)
{
    char clean[64];
    line("project", "%s", text_clean(info->project, clean));
    line("version", "%s", text_clean(info->version, clean));
    line("built with", "%s", text_clean(info->idf_version, clean));
    line("secure version", "%" PRIu32, info->secure_version);
}

static void print_policy(const struct godwit_policy *policy)
{
    char text[129];
    line("policy", "product %s", hex(policy->product_id, 16, text));
    line("", "release counter %" PRIu32 ", may go back to %" PRIu32, policy->counter,
         policy->floor);
    line("", "%u of %u image keys must sign, %u deploy key%s", policy->threshold,
         policy->image_keys_count, policy->deploy_keys_count,
         policy->deploy_keys_count == 1 ? "" : "s");
    for (size_t i = 0; i < policy->image_keys_count; i++)
        line("", "image key %s", hex(policy->image_keys[i], 32, text));
    line("", "board revisions, one bit each: 0x%08" PRIx32, policy->hardware_mask);
    for (size_t bit = 0; policy_flag_name(bit); bit++)
        if (policy->flags >> bit & 1) line("", "flag %s", policy_flag_name(bit));
}

static void print_signatures(const struct inspection *inspection)
{
    char text[129];
    if (!inspection->signatures_count) line("signatures", "none");
    for (size_t i = 0; i < inspection->signatures_count; i++) {
        const struct godwit_sigblock *block = &inspection->signatures[i];
        line(i ? "" : "signatures", "%s, %s", godwit_scheme_name(block->scheme),
             block->reason ? godwit_reason_id(block->reason) : "good");
        line("", "key %s", hex(block->key_digest, 32, text));
    }
}

static void print_app(const struct inspection *inspection)
{
    const struct godwit_image_info *info = &inspection->image.info;
    struct behaviour behaviour = behaviour_decode(inspection->behaviour);
    char number[32], text[129];
    if (info->has_description) print_description(info);
    line("segments", "%u, entry 0x%08" PRIx32, info->segment_count, info->entry);
    if (info->image_size) line("image size", "%s bytes", bytes(info->image_size, number));
    if (info->image_size && info->hash_appended)
        line("image SHA-256", "%s", hex(info->image_sha256, 32, text));
    print_signatures(inspection);
    if (inspection->has_policy) print_policy(&inspection->policy);
    if (behaviour.kind != BEHAVIOUR_HEALTHY)
        line("test behaviour", "%s, %" PRIu32 " s", behaviour_name(behaviour.kind),
             behaviour.delay_s);
}

static void print_problems(const struct inspection *inspection)
{
    size_t count = inspection->problems_count;
    if (inspection->kind != GODWIT_FILE_APP) {
        printf("\nNot an application image: this is %s.\n",
               godwit_file_kind_words(inspection->kind));
        return;
    }
    if (!count) {
        printf("\nSound: %s.\n", inspection->signatures_count ? "a signed application image"
                                                              : "an application image, unsigned");
        return;
    }
    putchar('\n');
    for (size_t i = 0; i < count; i++)
        line(godwit_reason_id(inspection->problems[i].reason), "%s",
             inspection->problems[i].message);
    printf("\nNot sound: %zu problem%s.\n", count, count == 1 ? "" : "s");
}

void inspection_print(const struct inspection *inspection)
{
    char number[32], text[129];
    printf("%s\n\n", inspection->path);
    line("kind", "%s", godwit_file_kind_id(inspection->kind));
    if (inspection->has_header) print_chip(&inspection->image.info);
    line("size", "%s bytes", bytes(inspection->size, number));
    line("file SHA-256", "%s", hex(inspection->file_sha256, 32, text));
    if (inspection->kind == GODWIT_FILE_APP) print_app(inspection);
    print_problems(inspection);
}
