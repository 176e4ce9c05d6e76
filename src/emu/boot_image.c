/* Whether the bootloader would start the image in a partition: the one parser of formats/image.h
 * reads it from flash as a stream, told to be no stricter than the chip; Secure Boot v2 looks at
 * the sector behind it. */
#include "emu/boot_image.h"

#include "base/crypto.h"
#include "formats/sigblock.h"

#define PIECE_SIZE 4096u

struct view {
    const struct godwit_flash *flash;
    const struct godwit_partition *partition;
};

static godwit_err view_read(const struct view *view, uint32_t offset, uint8_t *data, size_t size)
{
    if (offset > view->partition->size || size > view->partition->size - offset)
        return GODWIT_ERR_SPACE;
    return view->flash->read(view->flash->ctx, view->partition->offset + offset, data, size);
}

godwit_err boot_image_secure_version(const struct godwit_flash *flash,
                                     const struct godwit_partition *partition,
                                     uint32_t *version_out)
{
    const struct view view = {flash, partition};
    uint8_t head[8];
    godwit_err err = view_read(&view, GODWIT_APP_DESC_OFFSET, head, sizeof head);
    if (err) return err;
    if (godwit_load32(head) != GODWIT_APP_DESC_MAGIC) return GODWIT_ERR_MISSING;
    *version_out = godwit_load32(head + 4);
    return GODWIT_OK;
}

godwit_err bootloader_finds_nothing(const struct godwit_flash *flash,
                                    const struct godwit_partition *partition, bool *nothing_out)
{
    const struct view view = {flash, partition};
    uint8_t header[GODWIT_IMAGE_HEADER_SIZE];
    godwit_err err = view_read(&view, 0, header, sizeof header);
    *nothing_out = err || godwit_all(header, sizeof header, 0xFF);
    return err == GODWIT_ERR_SPACE ? GODWIT_OK : err; /* a partition smaller than a header */
}

/* Feeds the image through the parser up to the image's end or its first fault; what stands behind
 * an image in flash is nobody's business. */
static godwit_err parse(const struct view *view, struct godwit_image *image)
{
    uint8_t piece[PIECE_SIZE];
    uint32_t room = view->partition->size;
    for (uint32_t at = 0; at < room && !image->info.image_size; at += PIECE_SIZE) {
        size_t size = room - at < PIECE_SIZE ? room - at : PIECE_SIZE;
        godwit_err err = view_read(view, at, piece, size);
        if (err) return err;
        if (godwit_sink_write(&image->sink, piece, size)) return GODWIT_OK; /* reason says why */
    }
    (void)!godwit_sink_finish(&image->sink); /* the same */
    return GODWIT_OK;
}

/* ---- Secure Boot v2 ---- */

static bool is_programmed(const struct efuses *efuses, const uint8_t digest[static 32])
{
    for (size_t i = 0; i < SECURE_BOOT_KEYS_MAX; i++)
        if (!efuses->is_revoked[i] && !godwit_all(efuses->key_digests[i], 32, 0) &&
            !memcmp(efuses->key_digests[i], digest, 32))
            return true;
    return false;
}

/* Both digests of everything in front of the signature sector. */
static godwit_err body_digests(const struct view *view, uint32_t body_size, uint8_t sha256_out[32],
                               uint8_t sha384_out[48])
{
    struct godwit_hash sha256, sha384;
    uint8_t piece[PIECE_SIZE];
    godwit_hash_init(&sha256, GODWIT_SHA256);
    godwit_hash_init(&sha384, GODWIT_SHA384);
    for (uint32_t at = 0; at < body_size; at += PIECE_SIZE) {
        godwit_err err = view_read(view, at, piece, PIECE_SIZE);
        if (err) return err;
        godwit_hash_update(&sha256, piece, PIECE_SIZE);
        godwit_hash_update(&sha384, piece, PIECE_SIZE);
    }
    godwit_err err = godwit_hash_peek(&sha256, sha256_out);
    return err ? err : godwit_hash_peek(&sha384, sha384_out);
}

static uint8_t scheme_bit(enum godwit_scheme scheme)
{
    switch (scheme) {
    case GODWIT_SCHEME_RSA3072:
        return GODWIT_TAKES_RSA;
    case GODWIT_SCHEME_ECDSA256:
        return GODWIT_TAKES_P256;
    case GODWIT_SCHEME_ECDSA384:
        return GODWIT_TAKES_P384;
    default:
        return 0;
    }
}

/* Any good block by a programmed, unrevoked key will do; a chip with one key looks at block 0 only.
 */
static enum godwit_reason check_blocks(const struct bootloader *bootloader,
                                       const struct efuses *efuses, const uint8_t *sector,
                                       const struct godwit_body_digests *digests)
{
    size_t count = godwit_sigsector_count(sector);
    enum godwit_reason reason = count ? GODWIT_REASON_SIGNATURE_KEY : GODWIT_REASON_UNSIGNED;
    if (count > bootloader->chip->key_count) count = bootloader->chip->key_count;
    for (size_t i = 0; i < count; i++) {
        struct godwit_sigblock block;
        godwit_err err = godwit_sigblock_check(sector + i * GODWIT_SIGBLOCK_SIZE, digests, &block);
        if (!(scheme_bit(block.scheme) & bootloader->chip->schemes)) continue;
        if (!is_programmed(efuses, block.key_digest)) continue;
        if (!err) return GODWIT_REASON_NONE;
        reason = block.reason;
    }
    return reason;
}

static godwit_err secure_boot_check(const struct bootloader *bootloader, const struct view *view,
                                    const struct efuses *efuses, uint32_t image_size,
                                    enum godwit_reason *reason_out)
{
    uint8_t sector[GODWIT_SIGSECTOR_SIZE], sha256[32], sha384[48];
    uint32_t body_size =
        (image_size + GODWIT_SECTOR_SIZE - 1) / GODWIT_SECTOR_SIZE * GODWIT_SECTOR_SIZE;
    *reason_out = GODWIT_REASON_TOO_LARGE;
    godwit_err err = view_read(view, body_size, sector, sizeof sector);
    if (err) return err == GODWIT_ERR_SPACE ? GODWIT_OK : err;
    err = body_digests(view, body_size, sha256, sha384);
    if (err) return err;
    const struct godwit_body_digests digests = {sha256, sha384};
    *reason_out = check_blocks(bootloader, efuses, sector, &digests);
    return GODWIT_OK;
}

/* ---- the whole ---- */

static bool is_too_old(const struct bootloader *bootloader, const struct view *view,
                       const struct efuses *efuses)
{
    uint32_t version;
    if (!bootloader->has_anti_rollback) return false;
    return boot_image_secure_version(view->flash, view->partition, &version) ||
           version < efuses->secure_version;
}

godwit_err bootloader_verify(const struct bootloader *bootloader, const struct godwit_flash *flash,
                             const struct efuses *efuses, const struct godwit_partition *partition,
                             struct godwit_image_info *info_out, enum godwit_reason *reason_out)
{
    const struct view view = {flash, partition};
    const struct godwit_image_expect expect = {.chip = bootloader->chip,
                                               .size_max = partition->size,
                                               .flash_offset = partition->offset,
                                               .check_revision = bootloader->check_revision,
                                               .revision = bootloader->revision,
                                               .block_revision = bootloader->block_revision,
                                               .no_max_revision = bootloader->no_max_revision,
                                               .no_max_block_revision =
                                                   bootloader->no_max_block_revision,
                                               .as_bootloader_does = true};
    struct godwit_image image;
    godwit_image_init_any(&image, &expect, NULL);
    godwit_err err = parse(&view, &image);
    if (err) return err;
    if (info_out) *info_out = image.info;
    *reason_out = image.reason;
    if (image.reason) return GODWIT_OK;
    if (is_too_old(bootloader, &view, efuses)) *reason_out = GODWIT_REASON_SECURE_VERSION;
    if (!*reason_out && efuses->has_secure_boot)
        err = secure_boot_check(bootloader, &view, efuses, image.info.image_size, reason_out);
    if (!err && !*reason_out && !image.can_start) *reason_out = GODWIT_REASON_FLASH_SEGMENTS;
    return err;
}
