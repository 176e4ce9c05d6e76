/* Making rollouts. Who is in one, and how it stands there, is kept as devices report. */
#pragma once

#include "fleet/fleet.h"

struct rollout_request {
    struct release *release;
    struct device *const *devices; /* NULL: all of the product */
    size_t devices_count;
    bool allow_downgrade;
};

/* Freezes the release. Devices that can not take it are noted by and by, see below. Writer. */
GODWIT_MUST_USE godwit_err rollout_create(struct fleet *fleet, struct db *db,
                                          const struct rollout_request *wanted, int64_t now_s,
                                          uint32_t *id_out);
/* Devices that are incompatible with what is rolled out to them, by what the server knows: a line
 * in the history of each, once for each rollout. Looks at count_max of those that were not looked
 * at since the newest rollout; more_out: some are left. A device that changes before it checks in
 * is told by its check-in. Writer. */
GODWIT_MUST_USE godwit_err rollout_note_incompatible(struct fleet *fleet, struct db *db,
                                                     size_t count_max, int64_t now_s,
                                                     bool *more_out);
