/* Reads one image in flash; private to the bootloader model. */
#pragma once

#include "emu/emu.h"

/* The secure version in the application descriptor; MISSING when there is no descriptor. */
GODWIT_MUST_USE godwit_err boot_image_secure_version(const struct godwit_flash *flash,
                                                     const struct godwit_partition *partition,
                                                     uint32_t *version_out);
