/* One life of a device with power cut at one flash operation: told by the scenario, judged at its
 * end.
 */
#pragma once

#include "device.h"

#define CUT_BOOTS_MAX 10 /* from the last cut on */

/* A scenario: the device joins, is offered a file, and either confirms it or rolls back. Where
 * there is an earlier file it has updated to that one before, uncut, and so starts from the other
 * slot.
 */
struct cut_scenario {
    const char *name;
    struct board_layout layout;
    const struct key *key; /* signs all files */
    struct firmware first, earlier, offered;
    bool rolls_back; /* the offered file does not live through its trial */
};

struct cut_case {
    uint32_t write_size;
    uint32_t cut_at; /* 0: not cut */
    enum power_cut_kind kind;
    uint32_t again_after; /* a second cut so many operations behind the first; 0: none */
    uint64_t seed;
    enum godwit_reset cause; /* of the boot when power returns */
};

enum cut_end {
    CUT_FINISHED,
    CUT_UNFINISHED, /* neither confirmed nor rightly given up within CUT_BOOTS_MAX boots */
    CUT_BRICKED,    /* at some moment no whole image would boot */
    CUT_VIOLATED,   /* something was written over bytes that were not erased */
    CUT_ENDS
};

/* operations_out: flash operations of the scenario; the earlier update's do not count. */
enum cut_end cut_run(const struct cut_scenario *scenario, const struct cut_case *c,
                     uint32_t *operations_out);
