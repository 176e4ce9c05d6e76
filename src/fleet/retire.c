/* Devices that leave rollouts, products and the fleet. What a device did in its rollouts goes with
 * it, so that no rollout counts more devices than it has; its history keeps it. */
#include "fleet/retire.h"

#include <stdio.h>

#include "fleet/device.h"
#include "fleet/event.h"
#include "fleet/listing.h"
#include "fleet/memory.h"
#include "fleet/prune.h"

static godwit_err add_event(struct db *db, const struct device *device, enum event_kind kind,
                            const char *detail, int64_t now_s)
{
    struct event event = {.time_s = now_s, .kind = kind};
    snprintf(event.detail, sizeof event.detail, "%s", detail);
    return event_add(db, device->id, device->device_id, &event);
}

godwit_err device_retire(struct fleet *fleet, struct db *db, struct device *device, int64_t now_s,
                         enum leave_result *result_out)
{
    *result_out = device->is_retired ? LEAVE_NOTHING : LEAVE_DONE;
    if (device->is_retired) return GODWIT_OK;
    godwit_err err = rollouts_leave(fleet, db, device);
    if (!err)
        err = db_run(db, "update devices set retired = $2 where id = $1",
                     DB_ARGS(db_int(device->id), db_int(now_s)));
    if (!err) err = add_event(db, device, EVENT_RETIRED, "", now_s);
    if (err) return err;
    fleet_lock(fleet);
    device->is_retired = true;
    device->product->devices_count--;
    device->changed_in = fleet->transaction;
    fleet_unlock(fleet);
    return listing_renew(fleet, db, device);
}

godwit_err device_reinstate(struct fleet *fleet, struct db *db, struct device *device,
                            int64_t now_s, enum leave_result *result_out)
{
    *result_out = device->is_retired ? LEAVE_DONE : LEAVE_NOTHING;
    if (!device->is_retired) return GODWIT_OK;
    godwit_err err =
        db_run(db, "update devices set retired = 0 where id = $1", DB_ARGS(db_int(device->id)));
    if (!err) err = add_event(db, device, EVENT_REINSTATED, "", now_s);
    if (err) return err;
    fleet_lock(fleet);
    device_is_reinstated(device);
    device->changed_in = fleet->transaction;
    fleet_unlock(fleet);
    return listing_renew(fleet, db, device);
}

godwit_err device_transfer(struct fleet *fleet, struct db *db, struct device *device,
                           struct product *product, int64_t now_s, enum leave_result *result_out)
{
    *result_out = device->product == product ? LEAVE_NOTHING : LEAVE_DONE;
    if (device->product == product) return GODWIT_OK;
    char detail[GODWIT_DETAIL_MAX];
    snprintf(detail, sizeof detail, "from %s", device->product->name);
    godwit_err err = rollouts_leave(fleet, db, device);
    if (!err)
        err = db_run(db, "update devices set product = $2, not_offered_rollout = 0 where id = $1",
                     DB_ARGS(db_int(device->id), db_int(product->id)));
    if (!err) err = add_event(db, device, EVENT_TRANSFERRED, detail, now_s);
    if (err) return err;
    fleet_lock(fleet);
    if (!device->is_retired) {
        device->product->devices_count--;
        product->devices_count++;
    }
    device->product = product;
    device->not_offered_rollout = 0;
    device->changed_in = fleet->transaction;
    fleet->unnoted_from = 0;
    fleet_unlock(fleet);
    return listing_renew(fleet, db, device);
}
