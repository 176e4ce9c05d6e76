/* Devices as a cache of rows. Mostly every row is in memory. Where fleet->devices_max bounds how
 * many, those that nobody asks for leave, and come back when somebody does: then device_find and
 * device_find_by_token may answer NULL for a device that is in the database, and whoever must know
 * asks the functions here, on the writer. A device stays while memory knows more of it than its
 * row: facts not written yet, an open transaction, an offer in progress. */
#pragma once

#include "fleet/device.h"

/* Whether NULL of a look-up in memory does not mean that there is no such device. */
static inline bool fleet_is_partial(const struct fleet *fleet)
{
    return fleet->devices_max > 0;
}

/* The device, from the database where it is not in memory; *device_out NULL: there is none. It
 * stays until the transaction ends. With the token: also one that is retired. Writer. */
GODWIT_MUST_USE godwit_err device_fetch(struct fleet *fleet, struct db *db, const char *org,
                                        const uint8_t device_id[static 16],
                                        struct device **device_out);
GODWIT_MUST_USE godwit_err device_fetch_with_token(struct fleet *fleet, struct db *db,
                                                   const uint8_t token_sha256[static 32],
                                                   struct device **device_out);

/* All devices one after another, in the order in which they joined, also those that are not in
 * memory. Start with zeros but for `after`. */
struct device_walk {
    int64_t after; /* id of the last that was seen: the walk may go on later in another one */
    /* private */
    struct device *passing;
};

/* The next one; NULL: none is left. One that was not in memory leaves it with the next call, if
 * nothing of it changed. Writer; without the lock. */
GODWIT_MUST_USE godwit_err device_walk_next(struct fleet *fleet, struct db *db,
                                            struct device_walk *walk, struct device **device_out);

/* Lets the coldest go where there are more than devices_max. Between transactions, for pointers to
 * them become void. Writer. */
void devices_trim(struct fleet *fleet);

/* For fleet_load: all devices; or, where they are not all kept in memory, the counts of all and the
 * few that must be there. */
GODWIT_MUST_USE godwit_err devices_load(struct fleet *fleet, struct db *db);
/* Brings those with this id of their row into memory. */
GODWIT_MUST_USE godwit_err device_fetch_row(struct fleet *fleet, struct db *db, int64_t id,
                                            struct device **device_out);
