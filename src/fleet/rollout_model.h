/* Rollouts and the place of each device in them, as facts: a part of model.h. Pure. */
#pragma once

#include "fleet/brake.h"
#include "fleet/gates.h"
#include "fleet/guards.h"
#include "fleet/strata.h"

#define FLEET_IN_PROGRESS_MIN 10  /* devices of a rollout that may be in progress at once … */
#define FLEET_PER_SUCCESS 3       /* … and more for each that has succeeded */
#define FLEET_PER_SUCCESS_SMALL 2 /* … so many where few are selected, who begin with one */

struct device;
struct release;

/* What a person or the brake made of it. Kept in SQL. */
enum rollout_state {
    ROLLOUT_RUNNING,
    ROLLOUT_PAUSED,
    ROLLOUT_HALTED,
    ROLLOUT_UNDONE,     /* devices that confirmed it are sent back to what they came from */
    ROLLOUT_UNAPPROVED, /* waits for a second person */
    ROLLOUT_STATE_COUNT
};

/* Of the rollouts that select a device the one of the highest priority speaks to it, and of several
 * the newest. */
enum rollout_priority {
    ROLLOUT_LOW = -1,
    ROLLOUT_NORMAL,
    ROLLOUT_HIGH,
    ROLLOUT_PIN /* of devices that a person names, above all */
};

struct rollout {
    uint32_t id;
    enum rollout_priority priority;
    enum rollout_state state;
    struct brake brake; /* of the devices that have failed; the rollout's own */
    struct brake doubt; /* of these and of those that are overdue; soft, silence.c */
    bool is_doubtful;   /* if the overdue ones have failed, it halts: until then, none is offered */
    struct strata strata;
    uint32_t later_from;     /* turns from this on are not near yet, order.h; 0: all are; soft */
    struct order_walk *walk; /* private: order.c */
    bool has_first;          /* a person named devices that come first */
    bool is_continuous;   /* devices that fit its filter later are taken in, rollout_selection.h */
    int64_t selected_to;  /* id of the last device that was looked at for that; soft */
    uint64_t selected_at; /* listed_count of the fleet when that began; soft */
    struct release *release;
    int64_t created_s;
    bool is_targeted; /* only the devices on its list; else all of the product */
    bool allow_downgrade;
    bool again; /* also to devices on which the image failed before */
    struct proof_plan plan;
    struct rollout_guards guards;
    uint32_t gates_open; /* how many of its gates have been passed */
    bool is_skipped;     /* a person let it go on without waiting for proof */
    int64_t confirmed_s; /* when a device confirmed it last */
    bool is_surplus;     /* private: prune.c */
    bool is_moved;       /* its counts are not written yet, see listing_commit */
    uint32_t away_count; /* in progress, not seen or held up by their line: without a place */
    uint32_t members_count, offered_count, succeeded_count, failed_count, in_progress_count;
    uint32_t soaking_count, undoing_count, undone_count;
    struct rollout *next; /* newest first, so by falling id */
};

enum member_state {
    MEMBER_SELECTED, /* on the list, not offered it yet */
    MEMBER_IN_PROGRESS,
    MEMBER_SUCCEEDED,
    MEMBER_FAILED,
    MEMBER_SUPERSEDED,
    MEMBER_SOAKING, /* has confirmed it, and must survive for a while to have succeeded */
    MEMBER_UNDOING, /* confirmed it, and is sent back */
    MEMBER_UNDONE,
    MEMBER_STATE_COUNT
};

/* One device in one rollout. */
struct member {
    struct rollout *rollout;
    struct member *next;   /* newest rollout first, so by falling id */
    uint32_t offer_number; /* 1 …; 0: not offered */
    uint32_t due_s;        /* SOAKING: when that ends; SUCCEEDED: until when a crash is a failure */
    uint32_t came_from;    /* releases.id that the device ran when it was offered; 0: unknown */
    uint16_t reason;       /* godwit_reason of a failure */
    uint8_t state;         /* enum member_state */
    bool is_away : 1;      /* IN_PROGRESS, and counted in away_count alone. Soft */
    bool has_consent : 1;  /* a person agrees to the update of this device */
    bool is_again : 1;     /* a person lets it try an image again that failed on it */
    bool is_first : 1;     /* a person wants it to come first */
    bool wants_undo : 1;   /* a person sends this device back */
};

const char *member_state_name(enum member_state state);
const char *rollout_state_name(enum rollout_state state);
const char *rollout_priority_name(enum rollout_priority priority);
/* False: no such. */
bool rollout_priority_parse(const char *name, enum rollout_priority *out);
/* Whether it was halted or undone. */
bool rollout_has_ended(const struct rollout *rollout);
/* Whether the first speaks to a device that both select. One that was halted or undone keeps no
 * others away by its priority. */
bool rollout_outranks(const struct rollout *a, const struct rollout *b);
/* Whether a person may bring a rollout from one state to the other: a halt is an end, and an undo
 * one that no halt takes back; each may be said twice. */
bool rollout_may_become(enum rollout_state from, enum rollout_state to);
/* How many devices it is for: of one for all of a product, those of the product now. */
uint32_t rollout_selected(const struct rollout *rollout);
/* How many devices of it may be in progress or soak: few, and more as it proves itself. */
uint32_t rollout_pace(const struct rollout *rollout);
/* How many more devices may be in progress by its pace. */
uint32_t rollout_places(const struct rollout *rollout);
/* How many devices may be offered it before its next gate; UINT32_MAX: all gates are open. */
uint32_t rollout_gate(const struct rollout *rollout);
/* One of its brakes, at the rate at which devices of its product fail anyway. */
struct brake_view rollout_weigh(const struct rollout *rollout, const struct brake *brake);
/* Whether the device has confirmed it, and counts as soaking or succeeded. */
bool member_has_confirmed(const struct member *member);
/* Whether the device must stay in memory, for its silence is looked for (silence_find). */
bool member_is_watched(const struct member *member);
/* Whether it is offered the image again that failed on the device: to all, or to this one. */
bool rollout_is_again(const struct rollout *rollout, const struct member *member);
/* Whether the release failed on the device; one that fell silent is offered it again. */
bool member_has_failed(const struct member *member);
