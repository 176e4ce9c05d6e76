/* Writes application images for emulated devices: small, well-formed, for any chip in
 * formats/chip.h, accepted by esptool's image-info. Host only. Signing is keys/sign.h. */
#pragma once

#include "emu/behaviour.h"
#include "formats/chip.h"

#define PACK_SIZE_MIN 672u /* bytes: an empty payload, rounded up to 16 */

struct pack_options {
    const struct godwit_chip *chip;
    const char *project, *version; /* at most 31 bytes each */
    uint32_t secure_version;
    uint16_t revision_min, revision_max; /* 0, 0: any */
    uint32_t size; /* wanted file size in bytes, digest included; 0: the smallest.
                      rounded up to a multiple of 16 */
    uint64_t seed; /* fills the payload, so that two images differ */
    struct behaviour behaviour;
    const uint8_t *policy; /* 328 bytes P1, or NULL: 328 zero bytes as placeholder */
};

/* *data_out is malloc'ed, the caller frees it. SPACE when over 16 MiB, FORMAT for bad options. */
GODWIT_MUST_USE godwit_err pack_image(const struct pack_options *options, uint8_t **data_out,
                                      size_t *size_out);
