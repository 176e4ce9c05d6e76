/* The rows that lists, counts and pages are made of, see schema/ `lists`: what is said there of a
 * device is written with its check-in, with the flush of its facts, or by a sweep over all devices
 * after a release or rollout has changed. The counts move in the same transaction. */
#pragma once

#include "fleet/fleet.h"
#include "fleet/standing.h"

/* One device, copied under the lock; rows are written without it. */
struct listing {
    struct fleet *fleet; /* whose on_listed hears of a changed row */
    int64_t id;
    uint8_t device_id[6];
    char org[33], product[33], version[33], slot[17];
    uint16_t chip_id;
    bool on_trial;
    struct standing standing;
};

/* Lock held. */
struct listing listing_of(struct fleet *fleet, const struct device *device);
/* Writes the row where it has changed, and moves its counts. Writer. */
GODWIT_MUST_USE godwit_err listing_write(struct db *db, const struct listing *listing);
/* The same of a device as it is now; takes the lock itself. Writer. */
GODWIT_MUST_USE godwit_err listing_renew(struct fleet *fleet, struct db *db,
                                         const struct device *device);

/* A release, rollout or product has changed, so all rows are to be looked at: in this transaction
 * it is written down, the sweep follows. Writer. */
GODWIT_MUST_USE godwit_err listing_unsettle(struct fleet *fleet, struct db *db);
/* At the start, after the server's keys are known: sweeps if another program or other keys wrote
 * the rows, or a sweep did not end; counts anew if a mark says so. Writer. */
GODWIT_MUST_USE godwit_err listing_open(struct fleet *fleet, struct db *db);
/* Looks at count_max more devices; more_out: some are left. Writer. */
GODWIT_MUST_USE godwit_err listing_sweep(struct fleet *fleet, struct db *db, size_t count_max,
                                         bool *more_out);
/* Whether every row stands on the present releases and rollouts. Lock held. */
bool listing_is_settled(const struct fleet *fleet);
/* Before each commit: the counts of rollouts whose members have moved. Writer. */
GODWIT_MUST_USE godwit_err listing_commit(struct fleet *fleet, struct db *db);
/* Counts all rows anew. Writer. */
GODWIT_MUST_USE godwit_err listing_recount(struct db *db);
/* Notes which devices were not seen for so long that nobody should wait for them. interval_s: what
 * devices are told. Takes the lock itself, for a few devices at a time; any thread. */
void listing_find_missed(struct fleet *fleet, uint32_t interval_s, int64_t now_s);
