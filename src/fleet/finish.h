/* Rollouts whose devices have all had an outcome, and those that their failures have halted; each
 * is told once. */
#pragma once

#include "store/store.h"

struct finish {
    int64_t rollout, selected, succeeded, failed, state; /* enum rollout_state */
    char org[33], product[33], version[33];
};

/* A rollout that nobody was told of yet, in which no device is queued or in progress and at least
 * one is selected; the caller tells of it in the same transaction. swept: as in counts.h, for until
 * then nobody knows. MISSING: there is none. Writer. */
GODWIT_MUST_USE godwit_err finish_take(struct db *db, uint32_t swept, int64_t now_s,
                                       struct finish *out);
/* The same of a rollout that its failures have halted or paused; selected is 0. */
GODWIT_MUST_USE godwit_err halt_take(struct db *db, struct finish *out);
