/* What a person decides for one device: to hold it as it is, to let its pin go, to send it back.
 * Pinning it is a rollout to it of the highest priority. Writer, all. */
#pragma once

#include "fleet/fleet.h"

enum device_verb_result {
    VERB_DONE,
    VERB_DONE_BEFORE,
    VERB_NOT_PINNED,
    VERB_NOT_CONFIRMED /* it has confirmed nothing from which it could go back */
};

GODWIT_MUST_USE godwit_err device_set_held(struct fleet *fleet, struct db *db,
                                           struct device *device, bool is_held,
                                           enum device_verb_result *result_out);
/* It leaves all rollouts of its product that pin it. */
GODWIT_MUST_USE godwit_err device_unpin(struct fleet *fleet, struct db *db, struct device *device,
                                        enum device_verb_result *result_out);
/* Back to the release that it came from, as where its rollout is undone. rollout_out: which. */
GODWIT_MUST_USE godwit_err device_send_back(struct fleet *fleet, struct db *db,
                                            struct device *device,
                                            enum device_verb_result *result_out,
                                            uint32_t *rollout_out);
