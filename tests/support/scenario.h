/* The scenarios of figure power: an update, a rollback, a repair, from every start, by each
 * bootloader and with each write unit. Files and keys are made from a fixed seed: the same bytes in
 * every run.
 */
#pragma once

#include <stdio.h>

#include "lifetime.h"

#define SCENARIO_KINDS 13
#define SCENARIO_STARTS 6
#define SCENARIO_SIZES 3

struct scenario {
    uint32_t kind, start;
    uint32_t is_unwatched; /* the bootloader has no rollback */
    uint32_t size;         /* of a write: 4, or 16 or 32 bytes behind flash encryption */
};

void scenario_open(void);
void scenario_close(void);
/* An image that fails before its agent's first step needs a bootloader that watches, and a boot
 * choice to repair needs one that was written. */
bool scenario_exists(const struct scenario *scenario);
/* Lives up to the scenario's first moment; false where not even that ends well. */
bool scenario_begin(const struct scenario *scenario);
void scenario_print(const struct scenario *scenario, FILE *out);
/* "otadata+0x1000": where an offset in flash lies. */
void scenario_print_place(uint32_t offset, FILE *out);
