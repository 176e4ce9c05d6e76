/* Where the domain meets the test, which knows neither devices nor rollouts. */
#include "fleet/strata_of.h"

struct strata_whole rollout_whole(const struct rollout *rollout)
{
    return (struct strata_whole){.offered = rollout->offered_count,
                                 .confirmed = rollout->soaking_count + rollout->succeeded_count,
                                 .failed = (uint32_t)rollout->brake.count,
                                 .p0 = brake_p0(rollout->release->product->control.rate)};
}

struct strata_key device_strata(const struct device *device, uint32_t came_from)
{
    const struct device_facts *facts = &device->facts;
    return (struct strata_key){{[STRATUM_CHIP] = facts->chip_id,
                                [STRATUM_CHIP_REVISION] = facts->chip_revision,
                                [STRATUM_HARDWARE] = facts->hardware_revision,
                                [STRATUM_FROM] = came_from}};
}
