/* A release may go when no device stands on it or waits for it, and none could need it as a bridge.
 * The last is judged twice: by what is known of the devices now, and by whether trust changed at
 * it; for a device that nobody has heard of for a year is not known to need anything. */
#include "fleet/remove.h"

#include <stdlib.h>

#include "fleet/bridge.h"
#include "fleet/fit.h"
#include "fleet/memory.h"

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
    if (holds(release, device->facts.image_sha256) || holds(release, device->known_image))
        return true;
    const struct rollout *rollout = decide(device, fleet).rollout;
    return rollout && rollout->release == release;
}

/* Whether the device comes to what is rolled out to it, and without this release does not. */
static bool is_needed_by(const struct fleet *fleet, const struct device *device,
                         const struct release *release)
{
    const struct decision decision = decide(device, fleet);
    const struct image *first;
    enum decision_reason reason;
    if (device->product != release->product || !decision.rollout) return false;
    struct bridge_trip trip = {.device = device,
                               .allow_downgrade = decision.rollout->allow_downgrade};
    trip.target = fit_image(decision.rollout->release, &device->facts, &reason);
    if (!trip.target || bridge_plan(fleet, &trip, &first) < 2) return false;
    trip.without = release;
    return bridge_plan(fleet, &trip, &first) == 0;
}

typedef bool device_test(const struct fleet *fleet, const struct device *device,
                         const struct release *release);

/* The lock is taken for each device anew: a long look must not keep others waiting. */
static void count_devices(struct fleet *fleet, const struct release *release, device_test *test,
                          struct remove_verdict *verdict)
{
    for (const struct device *device = fleet->devices; device; device = device->next) {
        fleet_lock(fleet);
        bool is_one = test(fleet, device, release);
        fleet_unlock(fleet);
        if (!is_one) continue;
        verdict->devices_count++;
        memcpy(verdict->device_id, device->device_id, sizeof verdict->device_id);
    }
}

/* Devices that join are told what the newest rollout of all their product says. */
static bool speaks_to_newcomers(const struct fleet *fleet, const struct release *release)
{
    const struct rollout *rollout = fleet->rollouts;
    while (rollout && (rollout->picks || rollout->release->product != release->product))
        rollout = rollout->next;
    return rollout && rollout->release == release;
}

static void judge(struct fleet *fleet, const struct release *release,
                  struct remove_verdict *verdict)
{
    verdict->result = REMOVE_IN_USE;
    count_devices(fleet, release, is_used_by, verdict);
    if (verdict->devices_count || speaks_to_newcomers(fleet, release)) return;
    verdict->result = REMOVE_NEEDED;
    count_devices(fleet, release, is_needed_by, verdict);
    if (verdict->devices_count) return;
    verdict->result = bridge_changes_trust(fleet, release) ? REMOVE_CHANGED : REMOVE_DONE;
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

static void forget_members(struct device *device, const struct release *release)
{
    for (struct member **at = &device->members; *at;) {
        struct member *member = *at;
        if (member->rollout->release != release) {
            at = &member->next;
            continue;
        }
        *at = member->next;
        free(member);
    }
}

static void forget(struct fleet *fleet, struct release *release,
                   const struct remove_verdict *verdict)
{
    fleet_lock(fleet);
    for (struct device *device = fleet->devices; device; device = device->next)
        forget_members(device, release);
    for (struct rollout **at = &fleet->rollouts; *at;) {
        struct rollout *rollout = *at;
        if (rollout->release != release) {
            at = &rollout->next;
            continue;
        }
        *at = rollout->next;
        free(rollout);
    }
    for (size_t i = 0; i < verdict->files_count; i++) {
        void *file = index_find(&fleet->files_by_digest, verdict->files[i]);
        if (file) index_remove(&fleet->files_by_digest, file);
        free(file);
    }
    for (size_t i = 0; i < release->images_count; i++)
        index_remove(&fleet->images_by_digest, &release->images[i]);
    struct release **at = &fleet->releases;
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
    judge(fleet, release, verdict_out);
    if (verdict_out->result != REMOVE_DONE) return GODWIT_OK;
    godwit_err err = list_files(db, release, verdict_out);
    if (!err) err = delete_rows(db, release);
    if (!err) forget(fleet, release, verdict_out);
    return err;
}
