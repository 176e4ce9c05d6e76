/* The shared judgement, and beside it what only a person at the file wants to know: where a policy
 * would stand, and how a test image behaves. */
#include "cli/inspect.h"

#include "base/crypto.h"
#include "emu/behaviour.h"

static bool is_image_of_some_kind(enum godwit_file_kind kind)
{
    return kind == GODWIT_FILE_APP || kind == GODWIT_FILE_BOOTLOADER || kind == GODWIT_FILE_RAM_APP;
}

godwit_err inspect(struct inspection *inspection, const char *path, const uint8_t *data,
                   size_t size)
{
    memset(inspection, 0, sizeof *inspection);
    inspection->path = path;
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, data, size);
    godwit_err err = godwit_hash_peek(&hash, inspection->file_sha256);
    if (!err) err = file_check_bytes(&inspection->check, data, size);
    if (err) return err;

    bool is_app = inspection->check.kind == GODWIT_FILE_APP;
    inspection->has_header =
        is_image_of_some_kind(inspection->check.kind) && size >= GODWIT_IMAGE_HEADER_SIZE;
    if (is_app) inspection->place = policy_place(data, size);
    inspection->has_behaviour = is_app && size >= BEHAVIOUR_OFFSET + BEHAVIOUR_SIZE &&
                                memcmp(data + BEHAVIOUR_OFFSET, "GWB1", 4) == 0;
    if (inspection->has_behaviour)
        memcpy(inspection->behaviour, data + BEHAVIOUR_OFFSET, BEHAVIOUR_SIZE);
    return GODWIT_OK;
}

bool policy_is_of_project(const struct inspection *inspection)
{
    const struct file_check *check = &inspection->check;
    return check->image.info.has_description && check->has_policy && !check->is_other_product;
}

bool inspection_is_signed_by(const struct inspection *inspection, const uint8_t key[static 32])
{
    for (size_t i = 0; i < inspection->check.signatures_count; i++) {
        const struct godwit_sigblock *block = &inspection->check.signatures[i];
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
        "open: no image signature is needed",
    };
    return bit < sizeof WORDS / sizeof *WORDS ? WORDS[bit] : NULL;
}
