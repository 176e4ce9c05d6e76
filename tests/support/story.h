/* The stories of figure power: an update, a fly-back, a repair, from every start, by each
 * bootloader and with each write unit. Files and keys are made from a fixed seed: the same bytes in
 * every run.
 */
#pragma once

#include <stdio.h>

#include "life.h"

#define STORY_SCENARIOS 13
#define STORY_STARTS 6
#define STORY_SIZES 3

struct story {
    uint32_t scenario, start;
    uint32_t is_unwatched; /* the bootloader has no rollback */
    uint32_t size;         /* of a write: 4, or 16 or 32 bytes behind flash encryption */
};

void story_open(void);
void story_close(void);
/* An image that fails before its agent's first step needs a bootloader that watches, and a boot
 * choice to repair needs one that was written. */
bool story_exists(const struct story *story);
/* Lives up to the story's first moment; false where not even that ends well. */
bool story_begin(const struct story *story);
void story_print(const struct story *story, FILE *out);
/* "otadata+0x1000": where an offset in flash lies. */
void story_print_place(uint32_t offset, FILE *out);
