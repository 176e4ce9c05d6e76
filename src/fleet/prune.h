/* Old rollouts go, so that neither tables nor memory grow with each deploy. */
#pragma once

#include "fleet/fleet.h"

#define ROLLOUTS_KEPT 100 /* of one product, and older ones as long as something stands on them */

/* Whether there was a deploy, or a start, since all old rollouts went. Writer. */
bool rollouts_are_unpruned(const struct fleet *fleet);
/* Takes old rollouts away with their members, about rows_max rows at most; more_out: some are left.
 * No decision about any device changes. Memory changes too, as by a deploy. Writer. */
GODWIT_MUST_USE godwit_err rollouts_prune(struct fleet *fleet, struct db *db, size_t rows_max,
                                          bool *more_out);
/* The device leaves the rollout of that member, which is the next in its list then. Writer. */
GODWIT_MUST_USE godwit_err rollout_leave(struct fleet *fleet, struct db *db, struct device *device,
                                         struct member **at);
/* The device leaves all rollouts that it is in. Writer. */
GODWIT_MUST_USE godwit_err rollouts_leave(struct fleet *fleet, struct db *db,
                                          struct device *device);
