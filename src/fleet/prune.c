/* Which rollouts are old, and how they go. One look marks those beyond the newest of their product
 * that no decision and no view of a device stands on; then their members go, device by device, and
 * they themselves once no device is in them. So a rollout may be gone in part for a while, also
 * over a restart: it is silent then as before, and the next look finds it again. The marks hold
 * between two pieces of work, for a device never comes back to a rollout that is silent for it;
 * what could change that, a deploy or a release that goes, has all looked at anew. */
#include "fleet/prune.h"

#include <stdlib.h>

#include "fleet/cache.h"
#include "fleet/memory.h"
#include "fleet/site.h"
#include "fleet/strata_rows.h"

/* ---- which ---- */

static void mark_old(struct fleet *fleet)
{
    fleet_lock(fleet);
    for (struct product *product = fleet->catalogue.products; product; product = product->next) {
        size_t count = 0;
        for (struct rollout *rollout = fleet->catalogue.rollouts; rollout; rollout = rollout->next)
            if (rollout->release->product == product)
                rollout->is_surplus = ++count > ROLLOUTS_KEPT && rollout != product->rollout;
    }
    fleet_unlock(fleet);
}

/* Whether it would speak to the device, were it of that product; for it may come back to one. */
static bool speaks(const struct device *device, const struct rollout *rollout)
{
    return device_rollout_in(device, rollout->release->product) == rollout;
}

static void keep(struct fleet *fleet, struct rollout *rollout)
{
    if (!rollout->is_surplus) return;
    fleet_lock(fleet);
    rollout->is_surplus = false;
    fleet_unlock(fleet);
}

/* The last failure of what is rolled out to it now is why it is not offered that again. */
static void keep_needed(struct fleet *fleet, const struct device *device)
{
    const struct rollout *present = device_rollout(device);
    bool has_failed = false;
    for (struct member *member = device->members; member; member = member->next) {
        struct rollout *rollout = member->rollout;
        bool is_cause = !has_failed && member->state == MEMBER_FAILED && present &&
                        present->release == rollout->release;
        has_failed |= is_cause;
        if (is_cause || member_is_watched(member) || speaks(device, rollout)) keep(fleet, rollout);
    }
}

/* Only the writer changes what is read here, so it reads without the lock. */
static godwit_err look(struct fleet *fleet, struct db *db)
{
    struct device_walk walk = {0};
    struct device *device;
    godwit_err err;
    mark_old(fleet);
    while (!(err = device_walk_next(fleet, db, &walk, &device)) && device)
        keep_needed(fleet, device);
    return err;
}

/* ---- away with them ---- */

/* That a device stood on the release is still asked when somebody wants to delete it. */
static godwit_err keep_taken(struct fleet *fleet, struct db *db, const struct member *member)
{
    struct release *release = member->rollout->release;
    bool has_confirmed = member_has_confirmed(member) || member->state == MEMBER_UNDONE;
    if (!has_confirmed || release->is_taken) return GODWIT_OK;
    godwit_err err =
        db_run(db, "update releases set is_taken = 1 where id = $1", DB_ARGS(db_int(release->id)));
    if (err) return err;
    fleet_lock(fleet);
    release->is_taken = true;
    fleet_unlock(fleet);
    return GODWIT_OK;
}

godwit_err rollout_leave(struct fleet *fleet, struct db *db, struct device *device,
                         struct member **at)
{
    godwit_err err = keep_taken(fleet, db, *at);
    if (!err)
        err = db_run(db, "delete from members where rollout = $1 and device = $2",
                     DB_ARGS(db_int((*at)->rollout->id), db_int(device->id)));
    if (err) return err;
    fleet_lock(fleet);
    member_remove(fleet, at);
    site_count(&fleet->catalogue, device);
    fleet_unlock(fleet);
    return GODWIT_OK;
}

static godwit_err drop_members(struct fleet *fleet, struct db *db, struct device *device,
                               size_t *rows_left)
{
    godwit_err err = GODWIT_OK;
    for (struct member **at = &device->members; *at && *rows_left && !err;) {
        if (!(*at)->rollout->is_surplus) {
            at = &(*at)->next;
            continue;
        }
        err = rollout_leave(fleet, db, device, at);
        --*rows_left;
    }
    return err;
}

godwit_err rollouts_leave(struct fleet *fleet, struct db *db, struct device *device)
{
    godwit_err err = GODWIT_OK;
    while (device->members && !err)
        err = rollout_leave(fleet, db, device, &device->members);
    return err;
}

static godwit_err drop_rollouts(struct fleet *fleet, struct db *db, size_t *rows_left)
{
    godwit_err err = GODWIT_OK;
    for (struct rollout *rollout = fleet->catalogue.rollouts, *next; rollout && *rows_left && !err;
         rollout = next) {
        next = rollout->next;
        if (!rollout->is_surplus) continue;
        err = strata_delete(db, rollout->id);
        if (!err)
            err = db_run(db, "delete from rollouts where id = $1", DB_ARGS(db_int(rollout->id)));
        --*rows_left;
        if (err) continue;
        fleet_lock(fleet);
        rollout_unlink(fleet, rollout);
        fleet_unlock(fleet);
        rollout_free(rollout);
    }
    return err;
}

bool rollouts_are_unpruned(const struct fleet *fleet)
{
    return fleet->unpruned_from != FLEET_PRUNED;
}

godwit_err rollouts_prune(struct fleet *fleet, struct db *db, size_t rows_max, bool *more_out)
{
    size_t rows_left = rows_max;
    struct device_walk walk = {.after = fleet->unpruned_from};
    struct device *device;
    godwit_err err = walk.after == 0 ? look(fleet, db) : GODWIT_OK;
    while (!err && !(err = device_walk_next(fleet, db, &walk, &device)) && device) {
        err = drop_members(fleet, db, device, &rows_left);
        if (!rows_left) break; /* it may be in more of them */
        fleet->unpruned_from = walk.after;
    }
    if (!err) err = drop_rollouts(fleet, db, &rows_left);
    *more_out = rows_left == 0;
    if (!err && !*more_out) fleet->unpruned_from = FLEET_PRUNED;
    return err;
}
