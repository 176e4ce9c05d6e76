/* Updates that fail, one behind the other, each in another way and with another file, and how often
 * they erase each sector. */
#pragma once

#include "snapshot.h"

#define WEAR_SECTORS (DEVICE_FLASH_SIZE / FLASH_ERASE_SIZE)

struct wear {
    uint32_t erases[WEAR_SECTORS];  /* for struct fault to count in */
    uint32_t updates, failed;       /* failed: those that ended as they should, badly */
    uint32_t otadata_max, slot_max; /* erases of one sector in one update */
    uint32_t before[WEAR_SECTORS];
};

/* One update that crashes, fails its test, is corrupt, withdrawn, cut by power twice and then
 * withdrawn, for another chip, or loses its connection for good; says so on stderr where it ends
 * otherwise, or where another image runs than before. */
void wear_update(struct wear *wear, struct device *device, uint32_t update, const struct key *key,
                 uint32_t file_size);
/* Of the sector from … to that was erased most, over all updates. */
double wear_per_update(const struct wear *wear, uint32_t from, uint32_t to);
/* The third sector of a download arrives. */
bool device_is_downloading(const struct device *device);
