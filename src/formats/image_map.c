/* ESP-IDF's unpack_load_app(), where it aborts. One thing is stricter: of two segments of constants
 * the bootloader complains and takes the last; the application then misses the first, in which its
 * descriptor is, and aborts itself. */
#include "formats/image_map.h"

#include <stddef.h>

#define SHARED_MASK 0x01FFFFFFu /* of an address, where two ranges share the MMU's entries */

bool godwit_image_map_add(struct godwit_image_map *map, const struct godwit_chip *chip,
                          uint32_t load, uint32_t size)
{
    const struct godwit_address_range *range = godwit_chip_mapped(chip, load);
    if (!range) return false;
    size_t place = chip->mmu == GODWIT_MMU_ONE_RANGE ? map->count : (size_t)(range - chip->mapped);
    map->count++;
    if (place < 2) map->places[place] = (struct godwit_address_range){load, load + size};
    return true;
}

bool godwit_image_map_can_start(const struct godwit_image_map *map, const struct godwit_chip *chip,
                                uint32_t page)
{
    const struct godwit_address_range *one = &map->places[0], *two = &map->places[1];
    uint32_t entry = ~(page - 1); /* what of an address chooses the MMU's entry */
    if (chip->mmu == GODWIT_MMU_SHARED) entry &= SHARED_MASK;
    /* One that did not come has to − 1 at the end of all addresses, and meets the other. */
    bool meet = ((one->to - 1) & entry) >= (two->from & entry) &&
                ((two->to - 1) & entry) >= (one->from & entry);
    return map->count == 2 && !meet;
}
