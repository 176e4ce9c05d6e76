/* A hold stands in the device's row, an undo in that of its member, so that both outlive what the
 * rollout becomes. */
#include "fleet/hold.h"

#include "fleet/listing.h"
#include "fleet/memory.h"
#include "fleet/prune.h"

godwit_err device_set_held(struct fleet *fleet, struct db *db, struct device *device, bool is_held,
                           enum device_verb_result *result_out)
{
    *result_out = device->is_held == is_held ? VERB_DONE_BEFORE : VERB_DONE;
    if (*result_out != VERB_DONE) return GODWIT_OK;
    godwit_err err = db_run(db, "update devices set held = $2 where id = $1",
                            DB_ARGS(db_int(device->id), db_int(is_held)));
    if (err) return err;
    fleet_lock(fleet);
    device->is_held = is_held;
    device->changed_in = fleet->transaction;
    fleet_unlock(fleet);
    return listing_renew(fleet, db, device);
}

godwit_err device_unpin(struct fleet *fleet, struct db *db, struct device *device,
                        enum device_verb_result *result_out)
{
    godwit_err err = GODWIT_OK;
    *result_out = VERB_NOT_PINNED;
    for (struct member **at = &device->members; *at && !err;) {
        const struct rollout *rollout = (*at)->rollout;
        if (rollout->priority != ROLLOUT_PIN || rollout->release->product != device->product) {
            at = &(*at)->next;
            continue;
        }
        err = rollout_leave(fleet, db, device, at);
        *result_out = VERB_DONE;
    }
    if (err || *result_out != VERB_DONE) return err;
    fleet_lock(fleet);
    device->changed_in = fleet->transaction;
    fleet_unlock(fleet);
    return listing_renew(fleet, db, device);
}

godwit_err device_send_back(struct fleet *fleet, struct db *db, struct device *device,
                            enum device_verb_result *result_out, uint32_t *rollout_out)
{
    const struct rollout *rollout = device_rollout(device);
    struct member *member = rollout ? device_member(device, rollout) : NULL;
    bool has_confirmed = member && member_has_confirmed(member);
    *rollout_out = rollout ? rollout->id : 0;
    *result_out = has_confirmed ? VERB_DONE : VERB_NOT_CONFIRMED;
    if (has_confirmed && member->wants_undo) *result_out = VERB_DONE_BEFORE;
    if (*result_out != VERB_DONE) return GODWIT_OK;
    godwit_err err =
        db_run(db, "update members set wants_undo = 1 where rollout = $1 and device = $2",
               DB_ARGS(db_int(rollout->id), db_int(device->id)));
    if (err) return err;
    fleet_lock(fleet);
    member->wants_undo = true;
    device->changed_in = fleet->transaction;
    fleet_unlock(fleet);
    return listing_renew(fleet, db, device);
}
