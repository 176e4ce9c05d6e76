/* Whether the turn of a device that can take a release has come: the gates behind those of chip,
 * trust and loop guard (fleet/decide.h), which are about the device and the file alone. Pure. */
#pragma once

#include "fleet/decision_reason.h"
#include "fleet/model.h"

/* What the gates read. */
struct turn {
    const struct device *device;
    const struct rollout *rollout;
    const struct member *member; /* the device's in the rollout; NULL: it has none */
    const struct catalogue *catalogue;
    const struct image *image; /* that it would be offered now */
};

/* The reason of the first closed gate, or OFFERED. */
enum decision_reason turn_check(const struct turn *turn);
/* The first closed gate of those that are about the device itself, whatever its turn. */
enum decision_reason turn_check_device(const struct turn *turn);
/* The same for a device of which nothing is known but that it was not offered the release: what the
 * whole rollout waits for. */
enum decision_reason turn_check_rollout(const struct rollout *rollout);
/* Whether the reason is that of a guard that depends on the device or the hour alone: who was
 * offered the release already keeps what it has of it, and does not switch. */
bool turn_waits_for_device(enum decision_reason reason);
/* Whether it comes and goes without a check-in of the device, so that no row keeps it. */
bool turn_is_passing(enum decision_reason reason);
