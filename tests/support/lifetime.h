/* One device's life, judged from outside alone: what boots, what the server heard, what stands in
 * otadata. It can be copied at any moment and set back to it, so that a case need not be told from
 * the beginning. There is one life at a time, at one place: the board points into itself. */
#pragma once

#include <stdio.h>

#include "device.h"

#define LIFETIME_BOOTS_MAX 10 /* from the last cut on */
#define LIFETIME_FILES_MAX 5

enum lifetime_goal {
    LIFETIME_CONFIRMS,   /* the offered file is to run, confirmed and VALID in otadata */
    LIFETIME_ROLLS_BACK, /* the offered file is bad: the one before is to run, and the server knows
                          */
    LIFETIME_STAYS,      /* nothing is offered: what ran is to run, and to be VALID in otadata */
};

enum lifetime_end {
    LIFETIME_FINISHED,
    LIFETIME_UNFINISHED, /* none of that within LIFETIME_BOOTS_MAX boots */
    LIFETIME_BRICKED,    /* at some moment no whole image booted */
    LIFETIME_LOST,       /* a confirmed file is gone from flash, or an older one runs in the end */
    LIFETIME_VIOLATED,   /* something was written over bytes that were not erased */
    LIFETIME_STATELESS,  /* an image that fails before its agent's first step, started by an otadata
                        entry whose state a cut has taken: no agent can help */
    LIFETIME_ENDS,
    LIFETIME_CUT = LIFETIME_ENDS, /* not an end: power is off */
};
const char *lifetime_end_name(enum lifetime_end end);

struct lifetime {
    struct device device;
    const struct firmware *files[LIFETIME_FILES_MAX]; /* all that may ever run, oldest first */
    uint32_t files_count;
    uint32_t confirmed; /* index of the newest file that the server heard confirmed */
    uint32_t offered;   /* index */
    enum lifetime_goal goal;
    bool is_blind; /* the offered file fails before its agent's first step */
    bool has_rolled_back;
    uint32_t boots_max, boots, outcomes, checkins_min;
    uint64_t end_ms;
};

extern struct lifetime lifetime;

/* A device that has never run, with its power off. */
void lifetime_begin(const struct device_options *options);
void lifetime_close(void);
/* Offers a file that is not in the list yet, and what is to become of it. */
void lifetime_offer(const struct firmware *file, enum lifetime_goal goal, uint32_t rollout_id);
/* Goes on without an offer: goal LIFETIME_STAYS. */
void lifetime_stay(void);
/* Power returns; the bounds count anew. */
void lifetime_power_on(enum godwit_reset cause);
/* One step; true while there is more to see, else *end_out (perhaps LIFETIME_CUT). */
bool lifetime_step(enum lifetime_end *end_out);
enum lifetime_end lifetime_run(void);
/* Index of the whole file that runs; −1: none of the list. */
int lifetime_file_running(void);
/* The entry that the bootloader follows says VALID and names what runs; factory needs none. */
bool lifetime_is_valid(void);

/* From now on what happens is told to `out`, a line for each thing; NULL: nothing is. */
void lifetime_watch(FILE *out);
/* lifetime_watch.c, called by the others: before a step, behind it, and at a word of the teller. */
void lifetime_watch_step(void);
void lifetime_watch_note(const char *what);

/* Copies; a copy is zeroed memory or an earlier copy. */
void lifetime_copy(struct lifetime *to);
void lifetime_set_back(const struct lifetime *from);
void lifetime_drop(struct lifetime *copy);

/* A life recorded: a copy right before each step that touched flash. */
struct recording {
    struct lifetime *copies;
    uint32_t count, room;
    uint32_t begin,
        end; /* operations of the power-cut injector: the first that is on it is begin + 1 */
};
enum lifetime_end recording_add(struct recording *recording);
/* Goes on from right before the operation begin + 1 + index. */
void recording_set_back(const struct recording *recording, uint32_t index);
void recording_clear(struct recording *recording);
