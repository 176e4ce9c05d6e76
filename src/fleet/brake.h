/* When a rollout stops by itself: one sequential test over its devices in the order in which they
 * were offered the release, a CUSUM (Page, "Continuous Inspection Schemes", Biometrika 41, 1954).
 *
 * Each device weighs ln((1 - p1) / (1 - p0)) at the place of its offer number while it is in
 * progress or has succeeded, and ln(p1 / p0) once it has failed, however late it says so. The
 * rollout halts when the heaviest run of neighbours weighs as much as the bound. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BRAKE_P0_MIN 0.01 /* of devices fail anyway, at least … */
#define BRAKE_P0_MAX 0.05 /* … and at most */
#define BRAKE_P1_PER_P0 5 /* so many times as many because of the release */

/* Zeros: nobody failed. */
struct brake {
    uint32_t *failed; /* offer numbers, rising */
    size_t count, room;
};

struct brake_view {
    double weight;          /* of the heaviest run */
    double bound;           /* at which it halts */
    uint32_t first, last;   /* offer numbers of that run; 0: nobody failed */
    uint32_t failures_left; /* so many more in a row would halt it; 0: it halts */
};

/* A device that has failed, and one that succeeded in the end; each may be said twice. Aborts
 * without memory: there are at most as many as enrolled devices. */
void brake_add(struct brake *brake, uint32_t offer_number);
void brake_take_back(struct brake *brake, uint32_t offer_number);
/* p0: twice what fails in the control group, within its bounds. */
double brake_p0(double control_rate);
/* offered: the highest offer number so far. */
struct brake_view brake_look(const struct brake *brake, uint32_t offered, double p0);
/* Of so many that failed and so many others, as one run. */
double brake_weight(double failed, double others, double p0);
/* At which a rollout halts that was offered to so many. */
double brake_bound(uint32_t offered);
/* The caller's, to be freed. */
struct brake brake_copy(const struct brake *brake);
void brake_free(struct brake *brake);
