/* What a check-in is answered with: the decision as a deploy instruction, and by which key. Nothing
 * of HTTP and no signature: those are the server's. */
#pragma once

#include "fleet/decide.h"
#include "fleet/fleet.h"
#include "formats/instruction.h"

/* Everything that is said and logged, copied while the lock is held. */
struct device_reply {
    struct godwit_instruction instruction; /* next_ca is the server's to fill in */
    int deploy_key; /* index of the fleet's deploy keys that signs it; −1: wants no signature */
    bool rotates;   /* the device shall make another token */
    bool is_news;   /* another decision than this device's last one */
    enum decision_reason reason;
    uint32_t rollout_id; /* 0: none speaks to it */
};

/* False: the sequence mark must be raised first. Lock held. */
bool device_reply_compose(struct fleet *fleet, struct device *device,
                          const struct godwit_checkin *checkin, uint64_t now_ms,
                          struct device_reply *out);
