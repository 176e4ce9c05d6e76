/* Method: classify by the first bytes; then let the one parser run with all_faults, so that it goes
 * on behind each fault that leaves the rest readable; then the signature sector block by block. */
#include "cli/inspect.h"

#include "base/crypto.h"
#include "emu/behaviour.h"

#define V1_SIGNATURE_SIZE 68

static void add_problem(struct inspection *inspection, enum godwit_reason reason,
                        const char *message)
{
    if (inspection->problems_count == PROBLEMS_MAX) return;
    inspection->problems[inspection->problems_count++] = (struct problem){reason, message};
}

static void add_reason(struct inspection *inspection, enum godwit_reason reason)
{
    add_problem(inspection, reason, godwit_reason_sentence(reason));
}

static void inspect_trailing(struct inspection *inspection, const uint8_t *data, size_t size)
{
    size_t image_size = inspection->image.info.image_size;
    bool is_v1 = size == image_size + V1_SIGNATURE_SIZE && godwit_all(data + image_size, 4, 0);
    if (is_v1)
        add_problem(inspection, GODWIT_REASON_TRAILING_DATA,
                    "a Secure Boot v1 signature stands behind the image; only version 2 is taken "
                    "here, sign the unsigned .bin with `godwit sign`");
    else
        add_reason(inspection, GODWIT_REASON_TRAILING_DATA);
}

static void inspect_faults(struct inspection *inspection, const uint8_t *data, size_t size)
{
    for (uint32_t reason = GODWIT_REASON_NOT_AN_IMAGE; reason <= GODWIT_REASON_FILE_DIGEST;
         reason++) {
        if (!(inspection->image.faults & GODWIT_IMAGE_FAULT(reason))) continue;
        if (reason == GODWIT_REASON_TRAILING_DATA)
            inspect_trailing(inspection, data, size);
        else
            add_reason(inspection, (enum godwit_reason)reason);
    }
}

static godwit_err inspect_signatures(struct inspection *inspection, const uint8_t *sector)
{
    const struct godwit_body_digests digests = {inspection->image.body_sha256,
                                                inspection->body384.digest};
    inspection->signatures_count = godwit_sigsector_count(sector);
    for (size_t i = 0; i < inspection->signatures_count; i++) {
        struct godwit_sigblock *block = &inspection->signatures[i];
        godwit_err err = godwit_sigblock_check(sector + i * GODWIT_SIGBLOCK_SIZE, &digests, block);
        if (err == GODWIT_ERR_IO) return err;
        if (block->scheme == GODWIT_SCHEME_ECDSA192 && block->reason == GODWIT_REASON_SIGNATURE_BAD)
            add_problem(inspection, block->reason,
                        "a signature is of ECDSA P-192, which is no longer checked by anyone; sign "
                        "with P-256");
        else if (err)
            add_reason(inspection, block->reason);
    }
    if (!godwit_sigsector_is_tidy(sector))
        add_problem(
            inspection, GODWIT_REASON_SIGNATURE_FORMAT,
            "bytes of the signature sector that must be empty are not; sign the file again");
    return GODWIT_OK;
}

static godwit_err inspect_image(struct inspection *inspection, const uint8_t *data, size_t size)
{
    static const struct godwit_image_expect EVERYTHING = {.all_faults = true};
    struct godwit_image *image = &inspection->image;
    uint8_t sector[GODWIT_SECTOR_SIZE];
    godwit_image_init_any(image, &EVERYTHING, sector);
    godwit_image_want_sha384(image, &inspection->body384);
    godwit_err err = godwit_sink_write(&image->sink, data, size);
    if (err != GODWIT_ERR_IO) err = godwit_sink_finish(&image->sink);
    if (err == GODWIT_ERR_IO) return err;

    inspection->has_header = size >= GODWIT_IMAGE_HEADER_SIZE;
    if (inspection->kind != GODWIT_FILE_APP) return GODWIT_OK;
    inspect_faults(inspection, data, size);
    inspection->place = policy_place(data, size);
    inspection->has_policy =
        image->info.has_policy &&
        godwit_policy_decode(image->info.policy, false, &inspection->policy) == 0;
    if (image->info.has_policy && !inspection->has_policy)
        add_reason(inspection, GODWIT_REASON_POLICY_FORMAT);
    inspection->has_behaviour = size >= BEHAVIOUR_OFFSET + BEHAVIOUR_SIZE &&
                                memcmp(data + BEHAVIOUR_OFFSET, "GWB1", 4) == 0;
    if (inspection->has_behaviour)
        memcpy(inspection->behaviour, data + BEHAVIOUR_OFFSET, BEHAVIOUR_SIZE);
    return image->is_signed_size ? inspect_signatures(inspection, sector) : GODWIT_OK;
}

static bool is_image_of_some_kind(enum godwit_file_kind kind)
{
    return kind == GODWIT_FILE_APP || kind == GODWIT_FILE_BOOTLOADER || kind == GODWIT_FILE_RAM_APP;
}

godwit_err inspect(struct inspection *inspection, const char *path, const uint8_t *data,
                   size_t size)
{
    memset(inspection, 0, sizeof *inspection);
    size_t head_size = size < GODWIT_FILE_HEAD_SIZE ? size : GODWIT_FILE_HEAD_SIZE;
    inspection->path = path;
    inspection->size = size;
    inspection->kind = godwit_file_kind(data, head_size, size);

    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, data, size);
    godwit_err err = godwit_hash_peek(&hash, inspection->file_sha256);
    if (!err && is_image_of_some_kind(inspection->kind))
        err = inspect_image(inspection, data, size);
    if (inspection->kind != GODWIT_FILE_APP)
        add_problem(inspection, GODWIT_REASON_NOT_AN_IMAGE,
                    godwit_file_kind_sentence(inspection->kind));
    return err;
}

bool policy_is_of_project(const struct inspection *inspection)
{
    const struct godwit_image_info *info = &inspection->image.info;
    uint8_t product_id[16];
    return info->has_description && !godwit_product_id(GODWIT_ORG, info->project, product_id) &&
           memcmp(product_id, inspection->policy.product_id, sizeof product_id) == 0;
}

bool inspection_is_signed_by(const struct inspection *inspection, const uint8_t key[static 32])
{
    for (size_t i = 0; i < inspection->signatures_count; i++) {
        const struct godwit_sigblock *block = &inspection->signatures[i];
        if (!block->reason && memcmp(block->key_digest, key, 32) == 0) return true;
    }
    return false;
}

const char *policy_flag_name(size_t bit)
{
    static const char *const NAMES[] = {
        "require-instruction", "allow-plain-hawkbit", "require-secure-boot",
        "allow-lan-push",      "trust-reset",         "open",
    };
    return bit < sizeof NAMES / sizeof *NAMES ? NAMES[bit] : NULL;
}

const char *policy_flag_sentence(size_t bit)
{
    static const char *const WORDS[] = {
        "installs by a signed deploy instruction only",
        "plain hawkBit servers may deploy",
        "runs only where the chip's Secure Boot is on",
        "images may be pushed over the local network",
        "a trust reset: needs no key in common with the release before",
        "open: no image signature is asked",
    };
    return bit < sizeof WORDS / sizeof *WORDS ? WORDS[bit] : NULL;
}

const char *text_clean(const char *text, char *out)
{
    size_t size = strlen(text);
    json_t *probe = json_stringn(text, size);
    bool is_utf8 = probe != NULL;
    json_decref(probe);
    for (size_t i = 0; i <= size; i++) {
        uint8_t byte = (uint8_t)text[i];
        bool is_bad = (byte < 0x20 && i < size) || byte == 0x7F || (byte >= 0x80 && !is_utf8);
        out[i] = is_bad ? '?' : text[i];
    }
    return out;
}
