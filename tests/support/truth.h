/* The golden rows of tests/golden/bootloader-truth.csv: boots of ESP-IDF's real bootloader, and the
 * flash each started from, built anew from the row's words. */
#pragma once

#include <stdio.h>

#include "emu/emu.h"

#define TRUTH_PATH "tests/golden/bootloader-truth.csv"
#define TRUTH_FLASH_SIZE 0x100000u
#define TRUTH_OTADATA 0xD000u /* also where the table has no otadata partition */

struct truth_row {
    char mode[16], table[16], images[96];
    bool has_fuse;
    uint32_t fuse_before, fuse_after;
    char booted[16]; /* label, or "none" */
    char in[2][65], out[2][65];
};

/* Skips the heading; false at the end. Aborts on a line that is no row. */
bool truth_next(FILE *file, struct truth_row *row);
/* Lays out an erased flash of TRUTH_FLASH_SIZE: table, images, otadata entries. */
void truth_build(const struct truth_row *row, const struct godwit_flash *flash);
/* The bootloader and the chip of the row: an ESP32-C3 v0.3. */
struct bootloader truth_bootloader(const struct truth_row *row);
