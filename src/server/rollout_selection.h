/* Rollouts that stay open: devices that fit their filter later are taken in. */
#pragma once

#include "server/app.h"

/* Looks at the next piece of the fleet for one such rollout, so that no look grows with the fleet.
 * any_out: a device was taken in. Writer, every few seconds. */
GODWIT_MUST_USE godwit_err selection_tick(struct app *app, bool *any_out);
