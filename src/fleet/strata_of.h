/* Which strata a device is in, and what those of a rollout are weighed against. Pure. */
#pragma once

#include "fleet/model.h"

/* came_from as in struct member. Lock held, as for the other. */
struct strata_key device_strata(const struct device *device, uint32_t came_from);
struct strata_whole rollout_whole(const struct rollout *rollout);
