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
