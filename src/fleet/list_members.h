/* Pages of what the devices of one rollout make of it, in the order in which they joined; by SQL on
 * a read connection. */
#pragma once

#include "fleet/counts.h"
#include "fleet/list.h"

struct list_member {
    int64_t id;
    uint8_t device_id[16];
    const char *state;  /* queued, in-progress, succeeded, failed, incompatible, up-to-date or
                           superseded; static */
    char reason[40];    /* text id */
    char sentence[400]; /* for a person */
};

struct members_query {
    const char *org;
    const struct rollout_counts *rollout;
    bool is_swept;     /* all rows know of the rollout, see listing.h */
    const char *state; /* of those to which the rollout speaks; NULL: all that it selects */
    int64_t after;     /* a device's id; 0: from the start */
    size_t limit;
};

/* Whether devices can be asked for by that state. */
bool list_members_has_state(const char *state);
/* Fills in up to query->limit rows; more_out: there are others behind them. */
GODWIT_MUST_USE godwit_err list_members(struct db *db, const struct members_query *query,
                                        struct list_member *rows_out, size_t *count_out,
                                        bool *more_out);
