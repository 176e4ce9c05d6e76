/* Whose turn in a rollout is next: devices that a person named first; then, where there are many,
 * all others by a keyed hash of rollout and device, so that a release does not prove itself on
 * those alone that check in most often. A dark device is passed over, and keeps its turn.
 *
 * A device may be offered the release while its turn is near: no more than ORDER_AHEAD times as
 * many devices as may be in progress are due before it. A walk over all devices finds how far that
 * is. Pure, but for the walk's own counts. */
#pragma once

#include "fleet/model.h"

#define ORDER_AHEAD 4 /* so that the slow ones among the next do not hold up the rest */

/* Where the device stands: 0 for one that comes first, else 1 …. */
uint32_t order_of(const struct rollout *rollout, const struct device *device,
                  const struct member *member);
/* Whether its turn is not near yet. */
bool order_is_later(const struct rollout *rollout, const struct device *device,
                    const struct member *member);
/* For a rollout that no walk has looked at: named devices come first, the others as they ask. Lock
 * held, as for the rest. */
void order_begin(struct rollout *rollout);
/* One look at a device, by the walk; what it saw counts from order_publish on. */
void order_see(const struct catalogue *catalogue, const struct device *device, bool is_silent);
/* is_partial: the walk did not see all devices, so that only named ones are in order. True: of some
 * rollout more devices are near than were before. */
bool order_publish(struct catalogue *catalogue, bool is_partial);
