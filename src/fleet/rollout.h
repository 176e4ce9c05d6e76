/* Making rollouts. Who is in one, and how it stands there, is kept as devices report. */
#pragma once

#include "fleet/fleet.h"

struct rollout_wish {
    struct release *release;
    struct device *const *devices; /* NULL: all of the product */
    size_t devices_count;
    bool allow_downgrade;
};

/* Freezes the release. Writer. */
GODWIT_MUST_USE godwit_err rollout_create(struct fleet *fleet, struct db *db,
                                          const struct rollout_wish *wish, int64_t now_s,
                                          struct rollout **rollout_out);
