/* What a rollout that is looked at does next: how near its halt is, how many places it has, and
 * what it waits for. From what memory keeps of the rollout alone; no device is walked. Pure. */
#pragma once

#include "fleet/decision_reason.h"
#include "fleet/model.h"

struct outlook {
    struct brake_view brake;
    bool pauses_at_failure;         /* too few devices for the brake: the next failure pauses it */
    uint32_t places, places_in_use; /* in progress or soaking; places UINT32_MAX: no bound */
    enum decision_reason waits_for; /* the first gate that is closed to every device of it that is
                                       queued; OFFERED: none */
    uint32_t gate_devices;          /* offered when it stops at its next gate; 0: none is left */
    uint32_t gate_soak_s;           /* of that gate */
};

/* Lock held, as for the other. */
struct outlook outlook_of(const struct rollout *rollout);
bool outlook_pauses_at_failure(const struct rollout *rollout);
