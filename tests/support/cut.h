/* One life of a device with power cut at one flash operation: told by the story, judged at its end.
 */
#pragma once

#include "device.h"

#define CUT_BOOTS_MAX 10 /* from the cut on */

/* A story: the device joins, is offered the second file, and either confirms it or flies back. */
struct cut_story {
    const char *name;
    const struct key *key; /* signs both files */
    struct firmware first, offered;
    bool flies_back; /* the offered file does not live through its trial */
};

struct cut_case {
    uint32_t write_size;
    uint32_t cut_at; /* 0: not cut */
    enum saw_kind kind;
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

/* operations_out: flash operations from the first power-on to the end. */
enum cut_end cut_run(const struct cut_story *story, const struct cut_case *c,
                     uint32_t *operations_out);
