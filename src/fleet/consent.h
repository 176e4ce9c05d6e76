/* A person agrees to the update of one device, in a rollout that asks for consent. It holds for
 * that rollout, and nothing takes it back: an offer is withdrawn by halting its rollout. */
#pragma once

#include "fleet/fleet.h"

enum consent_result {
    CONSENT_GIVEN,
    CONSENT_KNOWN,      /* somebody has given it before */
    CONSENT_NOT_ASKED,  /* the rollout that speaks to it asks for none */
    CONSENT_NO_ROLLOUT, /* none speaks to it, or it was halted */
};

/* rollout_out: that speaks to it; 0: none. Writer. */
GODWIT_MUST_USE godwit_err consent_give(struct fleet *fleet, struct db *db, struct device *device,
                                        enum consent_result *result_out, uint32_t *rollout_out);
