/* One device's life, judged from outside alone: what boots, what the server heard, what stands in
 * otadata. It can be copied at any moment and set back to it, so that a case need not be told from
 * the beginning. There is one life at a time, at one place: the board points into itself. */
#pragma once

#include <stdio.h>

#include "device.h"

#define LIFE_BOOTS_MAX 10 /* from the last cut on */
#define LIFE_FILES_MAX 5

enum life_goal {
    LIFE_CONFIRMS,   /* the offered file is to run, confirmed and VALID in otadata */
    LIFE_FLIES_BACK, /* the offered file is bad: the one before is to run, and the server knows */
    LIFE_STAYS,      /* nothing is offered: what ran is to run, and to be VALID in otadata */
};

enum life_end {
    LIFE_FINISHED,
    LIFE_UNFINISHED, /* none of that within LIFE_BOOTS_MAX boots */
    LIFE_BRICKED,    /* at some moment no whole image booted */
    LIFE_LOST,       /* a confirmed file is gone from flash, or an older one runs in the end */
    LIFE_VIOLATED,   /* something was written over bytes that were not erased */
    LIFE_STATELESS,  /* an image that fails before its agent's first step, started by an otadata
                        entry whose state a cut has taken: no agent can help */
    LIFE_ENDS,
    LIFE_CUT = LIFE_ENDS, /* not an end: power is off */
};
const char *life_end_name(enum life_end end);

struct life {
    struct device device;
    const struct firmware *files[LIFE_FILES_MAX]; /* all that may ever run, oldest first */
    uint32_t files_count;
    uint32_t confirmed; /* index of the newest file that the server heard confirmed */
    uint32_t offered;   /* index */
    enum life_goal goal;
    bool is_blind; /* the offered file fails before its agent's first step */
    bool has_flown_back;
    uint32_t boots_max, boots, outcomes, checkins_min;
    uint64_t end_ms;
};

extern struct life life;

/* A device that has never run, with its power off. */
void life_begin(const struct device_options *options);
void life_close(void);
/* Offers a file that is not in the list yet, and what is to become of it. */
void life_offer(const struct firmware *file, enum life_goal goal, uint32_t rollout_id);
/* Goes on without an offer: goal LIFE_STAYS. */
void life_stay(void);
/* Power returns; the bounds count anew. */
void life_power_on(enum godwit_reset cause);
/* One step; true while there is more to see, else *end_out (perhaps LIFE_CUT). */
bool life_step(enum life_end *end_out);
enum life_end life_run(void);
/* Index of the whole file that runs; −1: none of the list. */
int life_file_running(void);
/* The entry that the bootloader follows says VALID and names what runs; factory needs none. */
bool life_is_valid(void);

/* From now on what happens is told to `out`, a line for each thing; NULL: nothing is. */
void life_watch(FILE *out);
/* life_watch.c, called by the others: before a step, behind it, and at a word of the teller. */
void life_watch_step(void);
void life_watch_note(const char *what);

/* Copies; a copy is zeroed memory or an earlier copy. */
void life_copy(struct life *to);
void life_set_back(const struct life *from);
void life_drop(struct life *copy);

/* A life recorded: a copy right before each step that touched flash. */
struct tape {
    struct life *copies;
    uint32_t count, room;
    uint32_t begin, end; /* operations of the saw: the first that is on it is begin + 1 */
};
enum life_end tape_record(struct tape *tape);
/* Goes on from right before the operation begin + 1 + index. */
void tape_set_back(const struct tape *tape, uint32_t index);
void tape_clear(struct tape *tape);
