/* What an image's limits mean, as functions of what the parser has read. A device carries none of
 * it: it compares the limits with itself (image.c). */
#include "formats/image.h"

#define FLASH_SIZE_CODE_MAX 7  /* 128 MiB */
#define CHIP_OF_MINOR_LEGACY 5 /* ESP32-C3 */

uint32_t godwit_image_flash_size(const struct godwit_image_info *info)
{
    unsigned code = info->flash_config >> 4;
    return code <= FLASH_SIZE_CODE_MAX ? 1u << (20 + code) : 0;
}

const char *godwit_flash_mode_name(uint8_t mode)
{
    static const char *const NAMES[] = {"QIO",       "QOUT",      "DIO", "DOUT",
                                        "fast read", "slow read", "OPI"};
    return mode < sizeof NAMES / sizeof *NAMES ? NAMES[mode] : "unknown";
}

uint16_t godwit_image_revision_min(const struct godwit_image_info *info)
{
    uint16_t step = info->chip_id == CHIP_OF_MINOR_LEGACY ? 1 : 100;
    uint16_t legacy = (uint16_t)(info->revision_min_legacy * step);
    return legacy > info->revision_min ? legacy : info->revision_min;
}

/* Whether a revision exists that both ends allow; 0 and 65535 as the highest are no limit. */
static bool has_revision(uint16_t min, uint16_t max, uint16_t highest)
{
    return min <= highest && (max == 0 || min <= max);
}

bool godwit_image_is_possible(const struct godwit_image_info *info, const struct godwit_chip *chip)
{
    return has_revision(godwit_image_revision_min(info), info->revision_max, chip->revision_max) &&
           (chip->block_revision_max == 0 ||
            has_revision(info->block_revision_min, info->block_revision_max,
                         chip->block_revision_max));
}
