/* A release may go when no device stands on it or waits for it, and none could need it as a bridge.
 * The last is judged twice: by what is known of the devices now, and by whether trust changed at
 * it; for a device that nobody has heard of for a year is not known to need anything. A release
 * that no device ever took is no stop of anyone's: it stays only where it would be one for who
 * joins with an older release, or with none of them. */
#include "fleet/remove.h"

#include <stdio.h>
#include <stdlib.h>

#include "fleet/cache.h"
#include "fleet/decide.h"
#include "fleet/event.h"
#include "fleet/fit.h"
#include "fleet/listing.h"
#include "fleet/memory.h"
#include "fleet/site.h"
#include "fleet/upgrade_path.h"

/* ---- may it go ---- */

static bool holds(const struct release *release, const uint8_t image_sha256[static 32])
{
    for (size_t i = 0; i < release->images_count; i++)
        if (!memcmp(release->images[i].image_sha256, image_sha256, 32)) return true;
    return false;
}

static bool is_used_by(const struct fleet *fleet, const struct device *device,
                       const struct release *release)
{
    if (device->product != release->product) return false;
    if (holds(release, device->facts.running->image_sha256) || holds(release, device->known_image))
        return true;
    const struct rollout *rollout = decide(device, &fleet->catalogue).rollout;
    return rollout && rollout->release == release;
}

/* Whether the device comes to what is rolled out to it, and without this release does not. */
static bool is_needed_by(const struct fleet *fleet, const struct device *device,
                         const struct release *release)
{
    const struct decision decision = decide(device, &fleet->catalogue);
    const struct image *first;
    enum decision_reason reason;
    if (device->product != release->product || !decision.rollout) return false;
    struct upgrade_query query = {.device = device,
                                  .allow_downgrade = decision.rollout->allow_downgrade};
    query.target = fit_image(decision.rollout->release, &device->facts, &reason);
    if (!query.target || upgrade_plan(&fleet->catalogue, &query, &first) < 2) return false;
    query.without = release;
    return upgrade_plan(&fleet->catalogue, &query, &first) == 0;
}

typedef bool device_test(const struct fleet *fleet, const struct device *device,
                         const struct release *release);

/* The lock is taken for each device anew: a long look must not keep others waiting. */
static godwit_err count_devices(struct fleet *fleet, struct db *db, const struct release *release,
                                device_test *test, struct remove_verdict *verdict)
{
    struct device_walk walk = {0};
    struct device *device;
    godwit_err err;
    while (!(err = device_walk_next(fleet, db, &walk, &device)) && device) {
        fleet_lock(fleet);
        bool is_one = test(fleet, device, release);
        fleet_unlock(fleet);
        if (!is_one) continue;
        verdict->devices_count++;
        memcpy(verdict->device_id, device->device_id, sizeof verdict->device_id);
    }
    return err;
}

/* What a device would come to that joins. */
static const struct release *newest_for_all(const struct product *product)
{
    return product->rollout ? product->rollout->release : NULL;
}

/* Devices that join are offered what the newest rollout of all their product brings. */
static bool speaks_to_newcomers(const struct release *release)
{
    return newest_for_all(release->product) == release;
}

/* ---- a release that nobody took ---- */

/* Whether a board for this image that runs another one, or what it was built with, has no other
 * way to the target. */
static bool is_needed_from(const struct fleet *fleet, const struct release *release,
                           const struct image *target, const struct image *runs)
{
    struct running_image running = {0};
    struct device device = {.product = release->product, .facts.running = &running};
    struct upgrade_query query = {.device = &device, .target = target};
    const struct image *first;
    device.facts.chip_id = target->chip_id;
    device.facts.chip_revision = target->revision_min;
    device.facts.block_revision = target->block_revision_min;
    device.facts.hardware_revision =
        target->hardware_mask ? (uint32_t)__builtin_ctz(target->hardware_mask) : 0;
    device.facts.slot_size = UINT32_MAX;
    if (runs) {
        memcpy(running.image_sha256, runs->image_sha256, 32);
        device.facts.counter = runs->release->counter;
        device.facts.secure_version = runs->secure_version;
    }
    if (upgrade_plan(&fleet->catalogue, &query, &first) < 2) return false;
    query.without = release;
    return upgrade_plan(&fleet->catalogue, &query, &first) == 0;
}

static bool is_needed_to(const struct fleet *fleet, const struct release *release,
                         const struct image *target)
{
    if (is_needed_from(fleet, release, target, NULL)) return true;
    for (const struct release *other = fleet->catalogue.releases; other; other = other->next) {
        if (other->product != release->product || !other->frozen || other == release) continue;
        for (size_t i = 0; i < other->images_count; i++)
            if (other->images[i].chip_id == target->chip_id &&
                is_needed_from(fleet, release, target, &other->images[i]))
                return true;
    }
    return false;
}

/* Devices that may stand on it unheard: offered it and not seen since, or that ran it once. */
static godwit_err count_takers(struct db *db, const struct release *release, int64_t *count_out)
{
    struct db_rows rows;
    char over[48];
    snprintf(over, sizeof over, "over %s", release->version);
    godwit_err err = db_query(
        db, &rows,
        "select (select count(*) from members m join rollouts r on r.id = m.rollout"
        " where r.release = $1 and m.state in ($2, $3, $10, $11, $12))"
        " + (select count(*) from events e join devices d on d.id = e.device where d.product = $4"
        " and (e.detail = $5 or (e.version = $6 and e.kind not in ($7, $8, $9))))",
        DB_ARGS(db_int(release->id), db_int(MEMBER_IN_PROGRESS), db_int(MEMBER_SUCCEEDED),
                db_int(release->product->id), db_text(over), db_text(release->version),
                db_int(EVENT_OFFERED), db_int(EVENT_NOT_OFFERED), db_int(EVENT_FAILED),
                db_int(MEMBER_SOAKING), db_int(MEMBER_UNDOING), db_int(MEMBER_UNDONE)));
    if (!err) err = db_next(&rows);
    if (!err) *count_out = release->is_taken + db_column_int(&rows, 0);
    db_rows_close(&rows);
    return err;
}

/* The lock is held throughout: releases are few, and an operator deletes rarely. */
static bool is_spare(struct fleet *fleet, const struct release *release)
{
    bool is_needed = false;
    fleet_lock(fleet);
    const struct release *target = newest_for_all(release->product);
    for (size_t i = 0; target && i < target->images_count && !is_needed; i++)
        is_needed = is_needed_to(fleet, release, &target->images[i]);
    fleet_unlock(fleet);
    return !is_needed;
}

static godwit_err check_change(struct fleet *fleet, struct db *db, const struct release *release,
                               struct remove_verdict *verdict)
{
    int64_t takers = 0;
    verdict->result = REMOVE_DONE;
    if (!upgrade_changes_trust(&fleet->catalogue, release)) return GODWIT_OK;
    godwit_err err = count_takers(db, release, &takers);
    if (!err && (takers || !is_spare(fleet, release))) verdict->result = REMOVE_CHANGED;
    return err;
}

static godwit_err check(struct fleet *fleet, struct db *db, const struct release *release,
                        struct remove_verdict *verdict)
{
    verdict->result = REMOVE_IN_USE;
    godwit_err err = count_devices(fleet, db, release, is_used_by, verdict);
    if (err || verdict->devices_count || speaks_to_newcomers(release)) return err;
    verdict->result = REMOVE_NEEDED;
    err = count_devices(fleet, db, release, is_needed_by, verdict);
    if (err || verdict->devices_count) return err;
    return check_change(fleet, db, release, verdict);
}

/* ---- rows ---- */

static godwit_err list_files(struct db *db, const struct release *release,
                             struct remove_verdict *verdict)
{
    struct db_rows rows;
    godwit_err err = db_query(db, &rows,
                              "select f.file_sha256 from files f join images i on i.id = f.image"
                              " where i.release = $1",
                              DB_ARGS(db_int(release->id)));
    while (!err && !(err = db_next(&rows))) {
        size_t size = (verdict->files_count + 1) * sizeof *verdict->files;
        verdict->files = realloc(verdict->files, size);
        if (!verdict->files) abort();
        db_column_blob(&rows, 0, verdict->files[verdict->files_count++], 32);
    }
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

static godwit_err delete_rows(struct db *db, const struct release *release)
{
    static const char *const STATEMENTS[] = {
        "delete from members where rollout in (select id from rollouts where release = $1)",
        "delete from strata where rollout in (select id from rollouts where release = $1)",
        "delete from rollouts where release = $1",
        "delete from files where image in (select id from images where release = $1)",
        "delete from images where release = $1",
        "delete from releases where id = $1",
    };
    godwit_err err = GODWIT_OK;
    for (size_t i = 0; i < sizeof STATEMENTS / sizeof *STATEMENTS && !err; i++)
        err = db_run(db, STATEMENTS[i], DB_ARGS(db_int(release->id)));
    return err;
}

/* ---- memory ---- */

struct forgetting {
    struct fleet *fleet;
    const struct release *release;
};

/* No device is spoken to by these rollouts, so it may lose its place in one before another. */
static void forget_members(void *ctx, struct device *device)
{
    const struct forgetting *forgetting = ctx;
    for (struct member **at = &device->members; *at;) {
        if ((*at)->rollout->release != forgetting->release) {
            at = &(*at)->next;
            continue;
        }
        member_remove(forgetting->fleet, at);
    }
    site_count(&forgetting->fleet->catalogue, device);
}

static void forget_rollouts(struct fleet *fleet, const struct release *release)
{
    for (struct rollout *rollout = fleet->catalogue.rollouts, *next; rollout; rollout = next) {
        next = rollout->next;
        if (rollout->release != release) continue;
        rollout_unlink(fleet, rollout);
        rollout_free(rollout);
    }
}

static void forget(struct fleet *fleet, struct release *release,
                   const struct remove_verdict *verdict)
{
    struct forgetting forgetting = {fleet, release};
    fleet_each_device(fleet, forget_members, &forgetting);
    fleet->unpruned_from = 0;
    fleet_lock(fleet);
    forget_rollouts(fleet, release);
    for (size_t i = 0; i < verdict->files_count; i++) {
        void *file =
            (void *)file_find(&fleet->catalogue, release->product->org->name, verdict->files[i]);
        if (file) index_remove(&fleet->catalogue.files_by_digest, file);
        free(file);
    }
    for (size_t i = 0; i < release->images_count; i++)
        index_remove(&fleet->catalogue.images_by_digest, &release->images[i]);
    struct release **at = &fleet->catalogue.releases;
    while (*at != release)
        at = &(*at)->next;
    *at = release->next;
    fleet_unlock(fleet);
    free(release);
}

godwit_err release_remove(struct fleet *fleet, struct db *db, struct release *release,
                          struct remove_verdict *verdict_out)
{
    *verdict_out = (struct remove_verdict){0};
    godwit_err err = check(fleet, db, release, verdict_out);
    if (err || verdict_out->result != REMOVE_DONE) return err;
    err = list_files(db, release, verdict_out);
    if (!err) err = delete_rows(db, release);
    if (!err) err = listing_unsettle(fleet, db);
    if (!err) forget(fleet, release, verdict_out);
    return err;
}
