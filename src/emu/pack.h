/* Writes application images for emulated devices: small, well-formed, for any chip in
 * formats/chip.h, accepted by esptool's image-info and started by ESP-IDF's bootloader: on a real
 * chip the code stands still until the watchdog resets it. Host only. Signing is keys/sign.h. */
#pragma once

#include "emu/behaviour.h"
#include "formats/chip.h"

#define PACK_SIZE_MIN 688u /* bytes: the smallest payload, rounded up to 16 */

struct pack_options {
    const struct godwit_chip *chip;
    const char *project, *version; /* at most 31 bytes each */
    uint32_t secure_version;
    uint16_t revision_min, revision_max;             /* 0, 0: any */
    uint16_t block_revision_min, block_revision_max; /* of the eFuses; 0, 0: any */
    uint32_t size; /* wanted file size in bytes, digest included; 0: the smallest.
                      rounded up to a multiple of 16 */
    uint64_t seed; /* fills the payload, so that two images differ */
    struct behaviour behaviour;
    const uint8_t *policy; /* 328 bytes P1, or NULL: 328 zero bytes as placeholder */
};

/* The largest file that the chip can map: its constants fill their addresses, or 16 MiB. */
uint32_t pack_size_max(const struct godwit_chip *chip);
/* *data_out is malloc'ed, the caller frees it. SPACE when over pack_size_max, FORMAT for bad
 * options. */
GODWIT_MUST_USE godwit_err pack_image(const struct pack_options *options, uint8_t **data_out,
                                      size_t *size_out);
