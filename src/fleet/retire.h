/* Devices that leave: for good, or for another product.
 *
 * A retired device is told nothing, counts nowhere and is in no rollout; its token is void at once,
 * in memory too. Its id, history, name and tags stay. It comes back by an operator alone: by
 * device_reinstate, with the token that it had and that nobody else can take, or by accepting the
 * token with which it asked to join again (pending.h). A claim token alone does not bring it back:
 * whoever has a retired board has the claim token in its flash. */
#pragma once

#include "fleet/fleet.h"

enum leave_result { LEAVE_DONE, LEAVE_NOTHING /* it is so already */ };

/* Writer, all three. */
GODWIT_MUST_USE godwit_err device_retire(struct fleet *fleet, struct db *db, struct device *device,
                                         int64_t now_s, enum leave_result *result_out);
GODWIT_MUST_USE godwit_err device_reinstate(struct fleet *fleet, struct db *db,
                                            struct device *device, int64_t now_s,
                                            enum leave_result *result_out);
/* To another product of its organisation, whose rollouts speak to it from now on. */
GODWIT_MUST_USE godwit_err device_transfer(struct fleet *fleet, struct db *db,
                                           struct device *device, struct product *product,
                                           int64_t now_s, enum leave_result *result_out);
