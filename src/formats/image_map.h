/* Where an image's code and constants appear, and whether ESP-IDF's bootloader can start it: it
 * wants one flash-mapped segment of each, in MMU pages of their own. Part of the image parser. */
#pragma once

#include "formats/chip.h"

struct godwit_image_map {
    struct godwit_address_range places[2]; /* addresses of constants and code; zero: none came */
    uint8_t count;                         /* flash-mapped segments so far */
};

/* Adds a segment; false where it is none of flash, but copied to RAM. */
bool godwit_image_map_add(struct godwit_image_map *map, const struct godwit_chip *chip,
                          uint32_t load, uint32_t size);
/* After the last segment. page: bytes of an MMU page. */
bool godwit_image_map_can_start(const struct godwit_image_map *map, const struct godwit_chip *chip,
                                uint32_t page);
