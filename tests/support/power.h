/* The scenarios of figure power: whole updates of a device, cut once, twice or three times at any
 * flash operation in any way the power-cut injector knows. A case is a list of choices (exhaust.h),
 * so that it can be told again from one printed line:
 *
 *     scenario . start . bootloader . write unit . 1st cut: operation . kind . seed . cause .
 *         operation of the 2nd cut + 1, 0 for none . which kind . is there a 3rd
 */
#pragma once

#include <stdio.h>

#include "exhaust.h"
#include "scenario.h"

#define POWER_TASK_CHOICES 4 /* the first choices; what follows is told by one process */

/* How much of it all is told. */
struct power_scope {
    uint32_t kinds;        /* of cuts: the power-cut injector's first so many; 0: all */
    uint32_t seeds;        /* of each torn operation */
    uint32_t pairs_every;  /* every so manieth pair of cuts; 0: single cuts alone */
    uint32_t failures_max; /* a task ends behind so many; 0: it goes on */
    uint32_t kinds_again;  /* kinds tried at the second of a pair, at least 1 */
};

struct power_counts {
    uint64_t cases, singles, pairs, triples, ends[LIFETIME_ENDS];
};

/* A task is one combination of the first choices; false: no such one. */
uint32_t power_tasks_count(void);

/* Tells all cases of a task; failing ones are printed to `out`, at most failures_max of them. */
void power_play_task(uint32_t task, const struct power_scope *scope, FILE *out,
                     uint32_t failures_max, struct power_counts *counts);
/* Tells one case step by step; the choices as printed, joined by points. */
enum lifetime_end power_replay(const char *choices, const struct power_scope *scope, FILE *out);
