/* The devices that a filter finds, for what changes many: in the order of their rows. */
#pragma once

#include "server/device_filter.h"
#include "store/store.h"

#define FOUND_FIRST 7 /* place of the filter's first value, for filter_read_text */

struct found_query {
    const char *org, *product; /* "": of any product */
    const struct filter_sql *filter;
    int64_t after;           /* only rows behind this id; 0: all */
    int64_t up_to;           /* and none behind this; 0: all */
    int64_t outside_rollout; /* none that has a place in that rollout; 0: all */
};

struct found {
    int64_t id;
    uint8_t device_id[16];
};

/* Any connection, both; at most limit. */
GODWIT_MUST_USE godwit_err found_list(struct db *db, const struct found_query *query, size_t limit,
                                      struct found *out, size_t *count_out);
GODWIT_MUST_USE godwit_err found_count(struct db *db, const struct found_query *query, size_t limit,
                                       uint64_t *count_out);
