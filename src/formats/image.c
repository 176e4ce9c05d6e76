/* The ESP application image as a stream.
 *
 * Method. A file is a row of parts of known size: header, segment header, descriptor, …, signature
 * sector. `part_size` says how long the part at hand is; write() cuts what it is given at the
 * part's end, take() looks at a piece, and end_part() judges the finished part and says which comes
 * next. So each rule stands in one function and does not care how the bytes were cut into pieces.
 * One SHA-256 over all bytes is peeked at three places: in front of the appended digest (image), at
 * the 4 KiB boundary (body) and at the end (file). SHA-384 runs beside it up to the body's end,
 * because a P-384 block signs that.
 *
 * A fault is final: once `err` is set nothing more is read and judge() does nothing, so a part's
 * rules stand one below the other and the first one broken counts.
 *
 * The same rules serve upload, download, read-back and the bootloader model. Where ESP-IDF's
 * bootloader is laxer, judge() asks `as_bootloader_does`; that list is short and in one place.
 *
 * Rejected: reading the image whole (a device has no room), and a table of segments filled first
 * (the rules need one segment at a time, and the table would cost 128 bytes of RAM). */
#include "formats/image.h"

#include "formats/chip.h"
#include "formats/policy.h"
#include "formats/sigblock.h"

#define SEGMENT_HEADER_SIZE 8
#define CHECKSUM_SEED 0xEF
#define MMU_PAGE_LOG2_DEFAULT 16
#define MMU_PAGE_DEFAULT (1u << MMU_PAGE_LOG2_DEFAULT)
#define LOAD_ADDRESS_MIN 0x10000000u /* below: a padding segment, loaded nowhere */
#define UNLIMITED UINT32_MAX         /* the part has no end */

enum part {
    PART_HEADER,
    PART_SEGMENT_HEADER,
    PART_DESCRIPTION, /* the first 256 bytes of segment 0 */
    PART_POLICY,      /* the next 328 of segment 0 */
    PART_SEGMENT,     /* the rest of a segment */
    PART_CHECKSUM,    /* zero padding and the checksum byte */
    PART_DIGEST,
    PART_PADDING, /* 0xFF up to the sector */
    PART_SECTOR,
    PART_BEHIND,
};

/* ---- judging ---- */

/* Faults behind which the next bytes can still be read, so that all_faults may go on. */
#define BIT(reason) GODWIT_IMAGE_FAULT(GODWIT_REASON_##reason)
#define READABLE                                                                         \
    (BIT(NO_DIGEST) | BIT(NO_DESCRIPTION) | BIT(UNKNOWN_CHIP) | BIT(WRONG_CHIP) |        \
     BIT(CHIP_REVISION) | BIT(TOO_LARGE) | BIT(ALIGNMENT) | BIT(ENTRY) | BIT(CHECKSUM) | \
     BIT(IMAGE_DIGEST) | BIT(FLASH_SEGMENTS) | BIT(BLOCK_REVISION) | BIT(NO_SUCH_REVISION))
/* What ESP-IDF's bootloader does not ask (docs/FORMATS.md). */
#define BOOTLOADER_ACCEPTS                                                    \
    (BIT(NO_DIGEST) | BIT(NO_DESCRIPTION) | BIT(ENTRY) | BIT(TRAILING_DATA) | \
     BIT(FLASH_SEGMENTS) | BIT(NO_SUCH_REVISION))

static __attribute__((noinline)) void begin_part(struct godwit_image *image, enum part part,
                                                 uint32_t size)
{
    image->part = part;
    image->part_size = size;
    image->part_done = 0;
}

static void check(struct godwit_image *image, bool is_good, enum godwit_reason reason)
{
    uint32_t bit = GODWIT_IMAGE_FAULT(reason);
    if (is_good || image->err) return;
    if (image->expect.as_bootloader_does && (bit & BOOTLOADER_ACCEPTS)) return;
    if (!image->reason) image->reason = reason;
    image->faults |= bit;
    if (image->expect.all_faults && (bit & READABLE)) return;
    image->err = GODWIT_ERR_FORMAT;
}

/* Of a chip that ESP-IDF does not know, nobody can say what its bootloader asks. */
static bool asks_mapped(const struct godwit_image *image)
{
    return image->chip->mmu != GODWIT_MMU_UNKNOWN;
}

static void peek_digest(struct godwit_image *image, const struct godwit_hash *hash, uint8_t *out)
{
    if (!image->err) image->err = godwit_hash_peek(hash, out);
}

/* ---- the parts, in the order of the file ---- */

/* 0 and 65535 are no highest: of the latter none is larger. */
static __attribute__((noinline)) void check_revision(struct godwit_image *image, uint16_t revision,
                                                     uint16_t min, uint16_t max,
                                                     enum godwit_reason reason)
{
    bool fits = revision >= min && (max == 0 || revision <= max);
    check(image, fits || !image->expect.check_revision, reason);
}

/* Zero padding and the checksum byte fill up to a multiple of 16. */
static uint32_t checksum_size(uint32_t data_end)
{
    return 16 - data_end % 16;
}

/* Segment `index`, or what follows the last. */
static void begin_segment(struct godwit_image *image, uint32_t index)
{
    image->segment_index = index;
    if (index < image->info.segment_count)
        begin_part(image, PART_SEGMENT_HEADER, SEGMENT_HEADER_SIZE);
    else
        begin_part(image, PART_CHECKSUM, checksum_size(image->file_size));
}

static void end_header(struct godwit_image *image)
{
    const uint8_t *header = image->gathered;
    struct godwit_image_info *info = &image->info;
    info->segment_count = header[1];
    info->entry = godwit_load32(header + 4);
    info->chip_id = godwit_load16(header + 12);
    info->revision_min = godwit_load16(header + 15);
    info->revision_max = godwit_load16(header + 17);
    info->hash_appended = header[23] != 0;
    if (image->look_up) image->look_up(image, header);

    bool has_segments = info->segment_count > 0 || image->expect.as_bootloader_does;
    const struct godwit_chip *chip = image->expect.chip;
    check(image, has_segments && info->segment_count <= GODWIT_IMAGE_SEGMENTS_MAX,
          GODWIT_REASON_SEGMENTS);
    check(image, !chip || chip->id == info->chip_id, GODWIT_REASON_WRONG_CHIP);
    uint16_t max = image->expect.no_max_revision ? 0 : info->revision_max;
    check_revision(image, image->expect.revision, info->revision_min, max,
                   GODWIT_REASON_CHIP_REVISION);
    check(image, info->hash_appended, GODWIT_REASON_NO_DIGEST);
    begin_segment(image, 0);
}

/* The cache maps whole pages, so a flash address and the address it appears at must agree inside a
 * page. */
static void map_segment(struct godwit_image *image)
{
    uint32_t load = image->segment_load;
    uint32_t flash = image->expect.flash_offset + image->segment_start;
    if (!godwit_image_map_add(&image->map, image->chip, load, image->segment_size)) return;
    check(image, (flash - load) % image->mmu_page == 0, GODWIT_REASON_ALIGNMENT);
}

/* Only chips whose page can be chosen look at the descriptor's choice. */
static void choose_mmu_page(struct godwit_image *image)
{
    uint8_t log2 = image->info.mmu_page_log2;
    uint8_t min = image->chip->mmu_page_log2_min;
    bool is_possible = log2 == 0 || (log2 >= min && log2 <= MMU_PAGE_LOG2_DEFAULT);
    if (log2 != 0 && is_possible) image->mmu_page = 1u << log2;
    check(image, is_possible || image->expect.as_bootloader_does, GODWIT_REASON_ALIGNMENT);
}

static void end_segment_header(struct godwit_image *image)
{
    uint32_t load = godwit_load32(image->gathered);
    uint32_t size = godwit_load32(image->gathered + 4);
    uint32_t data_end = image->file_size + size;
    check(image, size % 4 == 0 && size < GODWIT_IMAGE_SIZE_MAX, GODWIT_REASON_SEGMENTS);
    check(image, data_end + checksum_size(data_end) <= image->expect.size_max,
          GODWIT_REASON_TOO_LARGE);
    image->segment_load = load;
    image->segment_start = image->file_size;
    image->segment_size = size;
    if (load >= LOAD_ADDRESS_MIN && image->info.entry - load < size) image->entry_found = true;
    if (image->segment_index == 0 && size >= GODWIT_APP_DESC_SIZE) {
        begin_part(image, PART_DESCRIPTION, GODWIT_APP_DESC_SIZE);
        return; /* the descriptor says how large a page is */
    }
    check(image, image->segment_index > 0, GODWIT_REASON_NO_DESCRIPTION);
    map_segment(image);
    begin_part(image, PART_SEGMENT, size);
}

static void end_description(struct godwit_image *image)
{
    struct godwit_image_info *info = &image->info;
    const uint8_t *desc = info->policy;
    if (godwit_load32(desc) == GODWIT_APP_DESC_MAGIC) {
        info->has_description = true;
        info->secure_version = godwit_load32(desc + 4);
        info->block_revision_min = godwit_load16(desc + 176);
        if (info->block_revision_min == UINT16_MAX) info->block_revision_min = 0;
        info->block_revision_max = godwit_load16(desc + 178);
        info->mmu_page_log2 = desc[180];
    }
    check(image, info->has_description, GODWIT_REASON_NO_DESCRIPTION);
    uint16_t max = image->expect.no_max_block_revision ? 0 : info->block_revision_max;
    if (image->chip->block_revision_max) /* others have no eFuse for it */
        check_revision(image, image->expect.block_revision, info->block_revision_min, max,
                       GODWIT_REASON_BLOCK_REVISION);
    if (image->look_up) image->look_up(image, desc);
    check(image, info->segment_count > 1 || !asks_mapped(image), GODWIT_REASON_FLASH_SEGMENTS);
    choose_mmu_page(image);
    map_segment(image);

    uint32_t left = image->segment_size - GODWIT_APP_DESC_SIZE;
    memset(info->policy, 0, sizeof info->policy);
    begin_part(image, PART_POLICY, left < GODWIT_POLICY_SIZE ? left : GODWIT_POLICY_SIZE);
}

static void end_policy(struct godwit_image *image)
{
    struct godwit_image_info *info = &image->info;
    info->has_policy =
        image->part_size == GODWIT_POLICY_SIZE && godwit_policy_is_present(info->policy);
    if (!info->has_policy) memset(info->policy, 0, sizeof info->policy);
    begin_part(image, PART_SEGMENT, image->segment_size - GODWIT_APP_DESC_SIZE - image->part_size);
}

static void end_image(struct godwit_image *image)
{
    if (image->err) return;
    image->info.image_size = image->file_size;
    image->body_size =
        (image->file_size + GODWIT_SECTOR_SIZE - 1) / GODWIT_SECTOR_SIZE * GODWIT_SECTOR_SIZE;
    begin_part(image, PART_PADDING, image->body_size - image->file_size);
    check(image, image->file_size <= image->expect.size_max, GODWIT_REASON_TOO_LARGE);
}

static void end_checksum(struct godwit_image *image)
{
    uint8_t written = image->gathered[image->part_size - 1];
    check(image, written == image->checksum, GODWIT_REASON_CHECKSUM);
    check(image, image->entry_found, GODWIT_REASON_ENTRY);
    image->can_start = !asks_mapped(image) ||
                       godwit_image_map_can_start(&image->map, image->chip, image->mmu_page);
    check(image, image->can_start, GODWIT_REASON_FLASH_SEGMENTS);
    if (image->info.hash_appended) {
        peek_digest(image, &image->sha256, image->info.image_sha256);
        begin_part(image, PART_DIGEST, GODWIT_SHA256_SIZE);
    } else {
        end_image(image);
    }
}

static void end_digest(struct godwit_image *image)
{
    bool is_equal = godwit_digest_is(image->gathered, image->info.image_sha256);
    godwit_digest_copy(image->info.image_sha256, image->gathered);
    check(image, is_equal, GODWIT_REASON_IMAGE_DIGEST);
    end_image(image);
}

static void end_body(struct godwit_image *image)
{
    peek_digest(image, &image->sha256, image->body_sha256);
    if (image->body384) peek_digest(image, &image->body384->hash, image->body384->digest);
    begin_part(image, PART_SECTOR, GODWIT_SECTOR_SIZE);
}

static void end_part(struct godwit_image *image)
{
    switch ((enum part)image->part) {
    case PART_HEADER:
        end_header(image);
        break;
    case PART_SEGMENT_HEADER:
        end_segment_header(image);
        break;
    case PART_DESCRIPTION:
        end_description(image);
        break;
    case PART_POLICY:
        end_policy(image);
        break;
    case PART_SEGMENT:
        begin_segment(image, image->segment_index + 1);
        break;
    case PART_CHECKSUM:
        end_checksum(image);
        break;
    case PART_DIGEST:
        end_digest(image);
        break;
    case PART_PADDING:
        end_body(image);
        break;
    case PART_SECTOR:
        begin_part(image, PART_BEHIND, UNLIMITED);
        break;
    case PART_BEHIND: /* longer than 4 GiB */
        image->err = GODWIT_ERR_FORMAT;
    }
}

/* ---- the stream ---- */

static void xor_checksum(struct godwit_image *image, const uint8_t *data, uint32_t size)
{
    uint8_t checksum = image->checksum;
    for (uint32_t i = 0; i < size; i++)
        checksum ^= data[i];
    image->checksum = checksum;
}

/* Looks at a piece that lies wholly inside the part at hand. */
static void take(struct godwit_image *image, const uint8_t *data, uint32_t size)
{
    uint32_t at = image->part_done;
    uint8_t *keep = NULL; /* the part, where it is looked at as a whole */
    switch ((enum part)image->part) {
    case PART_HEADER:
        check(image, at > 0 || data[0] == GODWIT_IMAGE_MAGIC, GODWIT_REASON_NOT_AN_IMAGE);
        __attribute__((fallthrough));
    case PART_SEGMENT_HEADER:
    case PART_CHECKSUM:
    case PART_DIGEST:
        keep = image->gathered;
        break;
    case PART_DESCRIPTION: /* waits where the policy block comes next: it is smaller */
    case PART_POLICY:
        keep = image->info.policy;
        __attribute__((fallthrough));
    case PART_SEGMENT:
        xor_checksum(image, data, size);
        break;
    case PART_PADDING:
        check(image, godwit_all(data, size, 0xFF), GODWIT_REASON_TRAILING_DATA);
        break;
    case PART_SECTOR:
        keep = image->sector;
        check(image, at > 0 || data[0] == GODWIT_SIGBLOCK_MAGIC, GODWIT_REASON_TRAILING_DATA);
        break;
    case PART_BEHIND:
        check(image, false, GODWIT_REASON_TRAILING_DATA);
    }
    if (keep) memcpy(keep + at, data, size);
}

static void parse(struct godwit_image *image, const uint8_t *data, size_t size)
{
    while (size > 0 && !image->err) {
        uint32_t left = image->part_size - image->part_done;
        uint32_t piece = size < left ? (uint32_t)size : left;
        take(image, data, piece);
        if (image->err) break;
        godwit_hash_update(&image->sha256, data, piece);
        if (image->body384 && image->part < PART_SECTOR)
            godwit_hash_update(&image->body384->hash, data, piece);
        image->file_size += piece;
        image->part_done += piece;
        data += piece;
        size -= piece;
        while (!image->err && image->part_done == image->part_size) /* again for parts of size 0 */
            end_part(image);
    }
}

/* Bytes that still fit in what the caller allows; the bootloader model does not ask. */
static size_t room_left(const struct godwit_image *image, size_t size)
{
    uint32_t size_max = image->expect.as_bootloader_does ? UINT32_MAX : image->expect.size_max;
    if (image->file_size >= size_max) return 0;
    size_t room = size_max - image->file_size;
    return size < room ? size : room;
}

/* What fits is read before the rest is refused: else the first fault would depend on how the file
 * was cut into pieces. */
static godwit_err image_write(struct godwit_sink *sink, const uint8_t *data, size_t size)
{
    struct godwit_image *image = (struct godwit_image *)sink;
    size_t room = room_left(image, size);
    parse(image, data, room);
    check(image, room == size, GODWIT_REASON_TOO_LARGE);
    parse(image, data + room, size - room);
    return image->err ? image->err : godwit_sink_write(sink->next, data, size);
}

/* Where a whole file may end: behind the image, padded and without a sector, or behind a sector. */
static bool ends_well(const struct godwit_image *image)
{
    if (image->part == PART_BEHIND) return true;
    bool is_whole = image->part == PART_PADDING || image->part == PART_SECTOR;
    return is_whole && (image->part_done == 0 || image->expect.as_bootloader_does);
}

static godwit_err image_finish(struct godwit_sink *sink)
{
    struct godwit_image *image = (struct godwit_image *)sink;
    godwit_err err = godwit_hash_peek(&image->sha256, image->file_sha256);
    if (err) return err;
    image->is_signed_size = image->part == PART_BEHIND && !image->err;
    check(image, ends_well(image), GODWIT_REASON_TRUNCATED);
    if (image->err || image->reason) return GODWIT_ERR_FORMAT;
    return godwit_sink_finish(sink->next);
}

static void image_abort(struct godwit_sink *sink)
{
    godwit_sink_abort(sink->next);
}

void godwit_image_init(struct godwit_image *image, const struct godwit_image_expect *expect,
                       uint8_t *sector)
{
    static const struct godwit_sink_ops OPS = {image_write, image_finish, image_abort};
    memset(image, 0, sizeof *image);
    image->sink.ops = &OPS;
    image->expect = *expect;
    image->chip = expect->chip;
    if (!expect->size_max) image->expect.size_max = GODWIT_IMAGE_SIZE_MAX + GODWIT_SECTOR_SIZE;
    image->sector = sector;
    image->checksum = CHECKSUM_SEED;
    image->mmu_page = MMU_PAGE_DEFAULT;
    godwit_hash_init(&image->sha256, GODWIT_SHA256);
    image->part_size = GODWIT_IMAGE_HEADER_SIZE; /* the first part */
}

void godwit_image_want_sha384(struct godwit_image *image, struct godwit_body384 *body384)
{
    memset(body384, 0, sizeof *body384);
    godwit_hash_init(&body384->hash, GODWIT_SHA384);
    image->body384 = body384;
}

bool godwit_image_head_known(const struct godwit_image *image)
{
    return !image->reason && (image->part > PART_POLICY || image->segment_index > 0);
}

/* What a device does not need, kept apart so that it carries none of it: after the header the chip
 * by its id and what is only shown, after the descriptor its texts; both times whether such a chip
 * can exist at all (fields that did not come yet are zero). */
static void look_up(struct godwit_image *image, const uint8_t *part)
{
    static const struct godwit_chip UNKNOWN = {.mmu_page_log2_min = MMU_PAGE_LOG2_DEFAULT};
    struct godwit_image_info *info = &image->info;
    if (image->part == PART_HEADER) {
        image->chip = godwit_chip_by_id(info->chip_id);
        check(image, image->chip, GODWIT_REASON_UNKNOWN_CHIP);
        if (!image->chip) image->chip = &UNKNOWN;
        info->flash_mode = part[2];
        info->flash_config = part[3];
        info->revision_min_legacy = part[14];
    } else if (info->has_description) {
        memcpy(info->version, part + 16, 32);
        memcpy(info->project, part + 48, 32);
        memcpy(info->idf_version, part + 112, 32);
        info->app_flash_mode = part[181];
    }
    bool is_possible = image->chip == &UNKNOWN || godwit_image_is_possible(info, image->chip);
    check(image, is_possible, GODWIT_REASON_NO_SUCH_REVISION);
}

void godwit_image_init_any(struct godwit_image *image, const struct godwit_image_expect *expect,
                           uint8_t *sector)
{
    godwit_image_init(image, expect, sector);
    image->look_up = look_up;
}
