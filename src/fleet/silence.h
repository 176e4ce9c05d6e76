/* Devices of which nothing is heard. One that can not have switched yet is away: it gives its place
 * in its rollout back until it returns. One that was allowed to switch, and is not heard of for
 * three of its intervals and the time of a trial boot, has failed: what an update has broken does
 * not report. */
#pragma once

#include "fleet/fleet.h"

#define SILENCE_TRIAL_S 900 /* more than a trial boot may take, ten minutes */

/* Looks at all devices in memory that are in a rollout: who is away gives its place back, and who
 * has failed by its silence waits for silence_record. interval_s: what devices are told. Takes the
 * lock itself, for a few devices at a time; any thread. True: a rollout that waited for overdue
 * devices, or for those whose turn was next, continues, so that those that wait for it have to
 * hear. */
bool silence_find(struct fleet *fleet, uint32_t interval_s, int64_t now_s);
/* Writes who has failed by it, and is silent still. any_out: somebody may have. Writer. */
GODWIT_MUST_USE godwit_err silence_record(struct fleet *fleet, struct db *db, uint32_t interval_s,
                                          int64_t now_s, bool *any_out);
/* The time by which a device's silence is counted: of what it was not seen while the clock jumped,
 * only what passed since. Lock held. */
int64_t device_now(const struct fleet *fleet, const struct device *device, int64_t now_s);
/* Whether the device was not seen for three of its intervals. Lock held. */
bool device_is_silent(const struct device *device, uint32_t interval_s, int64_t now_s);
/* A device that is in progress is seen, and has its place (again), unless its line holds it up.
 * Lock held. */
void device_is_back(struct device *device, struct catalogue *catalogue);
/* It was heard of without a check-in, as when it fetches its image. Lock held. */
void device_is_seen(struct fleet *fleet, struct device *device, int64_t now_s);
