/* The kept counts of one organisation, as its pages show them: read in one snapshot, a row for each
 * kind of standing and none for each device. */
#pragma once

#include "fleet/model.h"
#include "store/store.h"

/* Of one rollout. Each device that it selects counts in exactly one of queued, in_progress,
 * soaking, succeeded, failed, incompatible, up_to_date, halted, undoing, undone and superseded; the
 * others say more of some. */
struct rollout_counts {
    uint32_t id;
    int64_t created_s;
    char product[33], version[33];
    bool is_targeted, allow_downgrade, again;
    enum rollout_state state;
    enum rollout_priority priority;
    char state_by[33]; /* "": the brake, where state_s says that somebody did */
    int64_t soak_s, gates_open;
    bool is_skipped;
    char gates[GATES_TEXT_MAX];
    char selection[SELECTION_TEXT_MAX]; /* "": it does not stay open */
    struct rollout_guards guards;
    int64_t state_s; /* since when; 0: it was never paused or halted */
    int64_t selected;
    int64_t queued;       /* not offered it yet; also those whose row waits for the sweep */
    int64_t in_progress;  /* offered it, and not finished */
    int64_t soaking;      /* have confirmed it, and must survive for a while */
    int64_t succeeded;    /* run it and have confirmed it */
    int64_t failed;       /* with it, or with its image before */
    int64_t incompatible; /* a gate is closed */
    int64_t up_to_date;   /* ran it before they were offered it */
    int64_t halted;       /* not offered it any more, for the rollout was halted */
    int64_t undoing;      /* confirmed it, and are sent back to what they came from */
    int64_t undone;       /* run that again */
    int64_t superseded;   /* a newer rollout took them over */
    int64_t offered;      /* how many were ever */
    int64_t not_seen;     /* waited for, and not seen since it began or for long */
    int64_t expected;     /* waited for, and may be heard of any time */
};

/* How many devices of a product run one image. */
struct image_count {
    char product[33];
    int64_t image; /* images.id; 0: unknown; -1: not said */
    int64_t count;
};

#define COUNTS_KEYS_MAX 8 /* as FLEET_DEPLOY_KEYS_MAX */

struct counts {
    struct rollout_counts *rollouts; /* newest first */
    size_t rollouts_count;
    struct image_count *images;
    size_t images_count;
    int64_t devices, on_trial, in_progress, unknown_release;
    int64_t deploy_keys[COUNTS_KEYS_MAX]; /* devices that are answered by each */
    int64_t pending;                      /* tokens that wait, up to COUNTS_PENDING_MAX */
};
#define COUNTS_PENDING_MAX 1000

struct counts_query {
    const char *org;
    const char *product; /* rollouts of this one alone; "": all */
    int64_t before;      /* rollouts of lower id only; INT64_MAX: all */
    int64_t only;        /* this rollout alone; 0: all */
    size_t limit;        /* of rollouts */
    uint32_t swept;      /* the newest rollout of which every row knows, see listing.h */
};

/* Free with counts_free, also after an error. */
GODWIT_MUST_USE godwit_err counts_read(struct db *db, const struct counts_query *query,
                                       struct counts *out);
/* All devices of the server that are not retired, as they are kept counted. Any connection. */
GODWIT_MUST_USE godwit_err counts_devices(struct db *db, int64_t *count_out);
void counts_free(struct counts *counts);
bool rollout_is_running(const struct rollout_counts *counts);
