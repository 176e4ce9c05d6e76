/* What an emulated device could not live with, said before anything is made: a first image that
 * does not boot, files that are no flash, a seed policy of another product. */
#pragma once

#include "ports/host/host_device.h"

/* The bootloader of a device with this chip, which is as the chip is sold now. */
struct bootloader host_bootloader(const struct godwit_chip *chip);
/* Whether the options' first image boots on their chip, else its own chip, and fits a slot; and
 * whether the seed policy is of its product. Else false and words in why. */
bool host_image_judge(const struct host_device_options *options, char *why, size_t why_size);
/* Whether this is the flash of an emulated device, and of the options' chip; else words in why. */
bool host_flash_judge(const struct godwit_flash *flash, const struct host_device_options *options,
                      char *why, size_t why_size);
/* The chip that the first image in any app partition was built for; NULL: there is none. */
const struct godwit_chip *host_flash_chip(const struct godwit_flash *flash);
/* Of the image at this place. */
void host_names_read(const struct godwit_flash *flash, uint32_t offset, struct host_names *out);
/* Nothing in a text from flash may steer a terminal: what is not printable becomes '?'. */
void host_text_tame(char *text);
/* Whether the policy (328 bytes, or NULL: then yes) is of the product with this name. */
bool host_seed_is_of(const uint8_t *seed_policy, const char *project);
