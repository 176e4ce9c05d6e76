/* How many devices of a site are in progress, for the site rule.
 *
 * The rule is about the place, not the release: it counts devices in progress in any rollout, by
 * their tag or attribute `site` (guard_tags.h), in one organisation. The number is kept as devices
 * move; a site of which no device is in progress has none. A site is known by 32 bits of its hash:
 * of two that share them, one waits for the other now and then, and a million sites cost nothing.
 */
#pragma once

#include "fleet/model.h"

struct site {
    uint32_t key, in_progress;
};

/* How many of its site are in progress; 0 for a device without one. Lock held. */
uint32_t site_in_progress(const struct catalogue *catalogue, const struct device *device);
/* After its members may have moved: counts the device where it is in progress, and only there. It
 * may be called any number of times. Lock held. */
void site_count(struct catalogue *catalogue, struct device *device);
/* It is not there any more. Lock held. */
void site_leave(struct catalogue *catalogue, struct device *device);
