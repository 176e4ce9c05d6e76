/* Whole scenarios of a device, told while one call out of its agent fails (nth.h), and what must
 * hold at every step of them: what runs is one of our files, whole: nothing unsigned, nothing half
 * written the last confirmed image stands whole until another one is confirmed whatever power-off
 * comes now, the bootloader starts one of our files nothing is written over bytes that were not
 * erased And in the end: once the fault is gone, the scenario comes to its aim, if need be after
 * the operator has deployed again what a device reported as failed. */
#pragma once

#include "nth.h"

struct scenario_case {
    unsigned scenario;
    enum nth_sort sort;
    uint32_t at; /* 0: no fault */
    bool lasts;
};

struct scenario_end {
    const char *wrong;        /* the broken promise; NULL: all was well */
    uint32_t seen[NTH_SORTS]; /* calls of each sort */
    uint32_t fails, redeploys;
    uint32_t last_reason; /* what the server heard last */
};

/* nth_files_make comes first. */
/* NULL behind the last. */
const char *scenario_name(unsigned scenario);
struct scenario_end scenario_play(const struct scenario_case *c);
