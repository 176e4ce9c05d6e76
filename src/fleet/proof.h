/* What a check-in proves of the rollouts that the device is in, besides what it reports: that it
 * has confirmed a release, survived its soak, crashed with it, or is back at what it came from.
 * Pure. */
#pragma once

#include "fleet/event.h"
#include "fleet/model.h"

/* How a member moves. */
struct member_move {
    enum member_state state;
    uint32_t reason; /* godwit_reason */
    uint32_t due_s;  /* as in struct member */
};

struct proof {
    struct member *member; /* NULL: it proves nothing new */
    struct member_move move;
    enum event_kind event; /* that stands in the device's history */
    bool is_confirmation;
};

/* Seconds until a check-in of the device can prove that it has survived its soak; 0: it does not
 * soak. Lock held. */
uint32_t proof_due_s(const struct device *device, int64_t now_s);
/* Lock held, where the fleet is shared. */
struct proof proof_find(const struct device *device, const struct catalogue *catalogue,
                        int64_t now_s);
