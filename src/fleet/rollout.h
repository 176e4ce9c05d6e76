/* Making rollouts. Who is in one, and how it stands there, is kept as devices report. */
#pragma once

#include "fleet/decide.h"
#include "fleet/fleet.h"

struct rollout_request {
    struct release *release;
    struct device *const *devices; /* NULL: all of the product */
    size_t devices_count;
    bool allow_downgrade;
    bool again; /* also to devices on which the image failed before */
};

/* Freezes the release. Devices that can not take it are noted by and by, see below. Writer. */
GODWIT_MUST_USE godwit_err rollout_create(struct fleet *fleet, struct db *db,
                                          const struct rollout_request *wanted, int64_t now_s,
                                          uint32_t *id_out);
/* Runs, pauses or halts it; by: who, "": the brake, whose halts halts_take tells of. What devices
 * were offered is withdrawn at their next check-in. Nothing where it is so already. Writer. */
GODWIT_MUST_USE godwit_err rollout_set_state(struct fleet *fleet, struct db *db,
                                             struct rollout *rollout, enum rollout_state state,
                                             const char *by, int64_t now_s);
/* Halts it where its failures are more than a good release explains: after each of them. Writer. */
GODWIT_MUST_USE godwit_err rollout_brake(struct fleet *fleet, struct db *db,
                                         struct rollout *rollout, int64_t now_s);
/* A line in its history that says why the rollout's release is not offered to it. Writer. */
GODWIT_MUST_USE godwit_err device_note_not_offered(struct fleet *fleet, struct db *db,
                                                   struct device *device,
                                                   const struct decision *decision, int64_t now_s);
/* Devices that are incompatible with what is rolled out to them, by what the server knows: a line
 * in the history of each, once for each rollout. Looks at count_max of those that were not looked
 * at since the newest rollout; more_out: some are left. A device that changes before it checks in
 * is told by its check-in. Writer. */
GODWIT_MUST_USE godwit_err rollout_note_incompatible(struct fleet *fleet, struct db *db,
                                                     size_t count_max, int64_t now_s,
                                                     bool *more_out);

/* Devices in progress that were not seen for three of their intervals, and had not verified the
 * release then, so that they can not have switched to it: each gives its place back until its next
 * check-in, so that no number of them stops a rollout. interval_s: what devices are told. Takes the
 * lock itself, for a few devices at a time; any thread. */
void rollout_find_away(struct fleet *fleet, uint32_t interval_s, int64_t now_s);
/* The time by which a device's silence is counted: of what it was not seen while the clock jumped,
 * only what passed since. Lock held. */
int64_t device_now(const struct fleet *fleet, const struct device *device, int64_t now_s);
/* Whether the device was not seen for three of its intervals. Lock held. */
bool device_is_silent(const struct device *device, uint32_t interval_s, int64_t now_s);
/* A device that is in progress is seen, and has its place (again), unless its line holds it up.
 * Lock held. */
void device_is_back(struct device *device, const struct catalogue *catalogue);
/* It was heard of without a check-in, as when it fetches its image. Lock held. */
void device_is_seen(struct fleet *fleet, struct device *device, int64_t now_s);
