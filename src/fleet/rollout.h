/* Making rollouts. Who is in one, and how it stands there, is kept as devices report. */
#pragma once

#include "fleet/decide.h"
#include "fleet/fleet.h"
#include "fleet/proof.h"

struct rollout_request {
    struct release *release;
    struct device *const *devices; /* NULL: all of the product */
    size_t devices_count;
    struct device *const *first; /* come first; all are selected. NULL: none */
    size_t first_count;
    const char *selection; /* devices that fit this filter later are taken in; NULL: none are */
    bool allow_downgrade;
    bool again; /* also to devices on which the image failed before */
    enum rollout_priority priority;
    bool is_unapproved; /* it waits for a second person … */
    const char *by;     /* … than this one */
    struct proof_plan plan;
    struct rollout_guards guards;
};

/* Freezes the release. Devices that can not take it are noted by and by, see below. Writer. */
GODWIT_MUST_USE godwit_err rollout_create(struct fleet *fleet, struct db *db,
                                          const struct rollout_request *wanted, int64_t now_s,
                                          uint32_t *id_out);
/* Runs, pauses or halts it; by: who, "": the brake, whose halts halts_take tells of. What devices
 * were offered is withdrawn at their next check-in. Nothing where it is so already. Writer. */
GODWIT_MUST_USE godwit_err rollout_set_state(struct fleet *fleet, struct db *db,
                                             struct rollout *rollout, enum rollout_state state,
                                             const char *by, int64_t now_s);
/* Another rollout may speak to its devices then. Writer. */
GODWIT_MUST_USE godwit_err rollout_set_priority(struct fleet *fleet, struct db *db,
                                                struct rollout *rollout,
                                                enum rollout_priority priority);
/* Halts it where its failures are more than a good release explains; a small one, whose devices are
 * too few for that, is paused for a person to look. After each failure. Writer. */
GODWIT_MUST_USE godwit_err rollout_brake(struct fleet *fleet, struct db *db,
                                         struct rollout *rollout, int64_t now_s);
/* Opens its next gate where the devices before it have proven the release. is_open_out: it did.
 * Writer, every few seconds. */
GODWIT_MUST_USE godwit_err rollout_step(struct fleet *fleet, struct db *db, struct rollout *rollout,
                                        int64_t now_s, bool *is_open_out);
/* It goes on without waiting for proof; the brake stays. Writer. */
GODWIT_MUST_USE godwit_err rollout_skip(struct fleet *fleet, struct db *db,
                                        struct rollout *rollout);
/* It is offered again to the device, where it failed on it. Writer. */
GODWIT_MUST_USE godwit_err rollout_retry(struct fleet *fleet, struct db *db,
                                         struct rollout *rollout, struct device *device);
/* A device that fits its filter since; is_new_out: it had no place in it before. Writer. */
GODWIT_MUST_USE godwit_err rollout_take_in(struct fleet *fleet, struct db *db,
                                           struct rollout *rollout, struct device *device,
                                           bool *is_new_out);
/* Writes and makes the move; one that has failed is counted by the brake. Writer. */
GODWIT_MUST_USE godwit_err member_move(struct fleet *fleet, struct db *db, struct device *device,
                                       struct member *member, const struct member_move *move);
GODWIT_MUST_USE godwit_err member_fail(struct fleet *fleet, struct db *db, struct device *device,
                                       struct member *member, uint32_t reason, int64_t now_s);
/* A line in its history that says why the rollout's release is not offered to it. Writer. */
GODWIT_MUST_USE godwit_err device_note_not_offered(struct fleet *fleet, struct db *db,
                                                   struct device *device,
                                                   const struct decision *decision, int64_t now_s);
/* Devices that are incompatible with what is rolled out to them, by what the server knows: a line
 * in the history of each, once for each rollout. Looks at count_max of those that were not looked
 * at since the newest rollout; more_out: some are left. A device that changes before it checks in
 * is told by its check-in. Writer. */
GODWIT_MUST_USE godwit_err rollout_note_incompatible(struct fleet *fleet, struct db *db,
                                                     size_t count_max, int64_t now_s,
                                                     bool *more_out);
