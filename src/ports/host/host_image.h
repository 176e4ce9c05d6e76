/* What an emulated device could not live with, said before anything is made: a first image that
 * does not boot, files that are no flash, an initial policy of another product. */
#pragma once

#include "emu/emu.h"

#define HOST_FLASH_SIZE (4u << 20)

/* What a fresh flash begins with. */
struct host_flash_options {
    const struct godwit_chip *chip; /* NULL: of the image */
    const uint8_t *image;           /* the first image, or NULL */
    size_t image_size;
    uint32_t flash_size;           /* 0: HOST_FLASH_SIZE */
    const uint8_t *initial_policy; /* 328 bytes */
    const char *org;               /* whose its product is; NULL: the first organisation */
};

/* What an image calls itself, fit for a terminal; empty where nothing says so. */
struct host_names {
    char project[33], version[33];
};

/* The bootloader of a device with this chip, which is as the chip is sold now. */
struct bootloader host_bootloader(const struct godwit_chip *chip);
/* Whether the options' first image boots on their chip, else its own chip, and fits a slot; and
 * whether the initial policy is of its product. Else false and words in why. */
bool host_image_check(const struct host_flash_options *options, char *why, size_t why_size);
/* Lays out a fresh flash for the options' chip, else that of their image; a bootloader in it says
 * which. On failure false and words in why. */
bool host_flash_provision(const struct godwit_flash *flash,
                          const struct host_flash_options *options, char *why, size_t why_size);
/* Whether this is the flash of an emulated device, and of the options' chip; else words in why. */
bool host_flash_check(const struct godwit_flash *flash, const struct host_flash_options *options,
                      char *why, size_t why_size);
/* The chip that the first image in any app partition was built for; NULL: there is none. */
const struct godwit_chip *host_flash_chip(const struct godwit_flash *flash);
/* Of the image at this place. */
void host_names_read(const struct godwit_flash *flash, uint32_t offset, struct host_names *out);
/* Nothing in a text from flash may steer a terminal: what is not printable becomes '?'. */
void host_text_tame(char *text);
/* Whether the policy (328 bytes, or NULL: then yes) is of the product with this name. */
bool host_initial_policy_is_of(const uint8_t *initial_policy, const char *org, const char *project);
