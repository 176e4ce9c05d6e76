/* The brake halts and the page shows by the same look (rollout_brake), and what it waits for are
 * the gates of a turn, so that none is shown that does not hold. */
#include "fleet/outlook.h"

#include "fleet/turn.h"

bool outlook_pauses_at_failure(const struct rollout *rollout)
{
    return rollout->plan.is_careful && !rollout->is_skipped;
}

struct outlook outlook_of(const struct rollout *rollout)
{
    struct outlook outlook = {.brake = rollout_weigh(rollout, &rollout->brake),
                              .pauses_at_failure = outlook_pauses_at_failure(rollout),
                              .places = rollout_pace(rollout),
                              .places_in_use = rollout->in_progress_count + rollout->soaking_count,
                              .waits_for = turn_check_rollout(rollout)};
    uint32_t gate = rollout_gate(rollout);
    if (gate == UINT32_MAX) return outlook;
    outlook.gate_devices = gate;
    outlook.gate_soak_s = rollout->plan.gates[rollout->gates_open].soak_s;
    return outlook;
}
