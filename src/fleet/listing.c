/* A row is read before it is written: most check-ins change nothing that a list says, and only the
 * old row tells which count is one too high. That reading costs microseconds of the page that the
 * flush is about to write anyway, and no memory of each device. Rejected: triggers, which SQLite
 * and PostgreSQL write differently; and counts made of the rows, which take as long as there are
 * devices.
 */
#include "fleet/listing.h"

#include <stdio.h>

#include "base/text.h"
#include "base/version.h"
#include "filter/version_key.h"
#include "fleet/cache.h"
#include "fleet/memory.h"
#include "fleet/silence.h"
#include "fleet/strata_rows.h"
#include "formats/chip.h"

#define HOLD_MAX 32 /* devices */

struct listing listing_of(struct fleet *fleet, const struct device *device)
{
    struct listing listing = {.fleet = fleet,
                              .id = device->id,
                              .chip_id = device->facts.chip_id,
                              .on_trial = device->facts.on_trial,
                              .standing = standing_of(device, &fleet->catalogue)};
    memcpy(listing.device_id, device->device_id, sizeof listing.device_id);
    snprintf(listing.org, sizeof listing.org, "%s", device->product->org->name);
    snprintf(listing.product, sizeof listing.product, "%s", device->product->name);
    snprintf(listing.version, sizeof listing.version, "%s",
             device_version(&fleet->catalogue, device));
    snprintf(listing.slot, sizeof listing.slot, "%s", device->facts.running->slot);
    return listing;
}

/* ---- rows ---- */

/* The columns of a row, in the order of COLUMNS below. */
struct row {
    char product[33], rollout_state[16], state[16], reason[32], presence[8];
    int64_t rollout, image, deploy_key;
    char version[33], chip[16], slot[17], cause[40];
    int64_t on_trial, is_retried;
};

static struct row row_of(const struct listing *listing)
{
    const struct standing *standing = &listing->standing;
    const struct godwit_chip *chip = godwit_chip_by_id(listing->chip_id);
    struct row row;
    memset(&row, 0, sizeof row); /* compared as bytes */
    snprintf(row.product, sizeof row.product, "%s", listing->product);
    snprintf(row.rollout_state, sizeof row.rollout_state, "%s", standing->rollout_state);
    snprintf(row.state, sizeof row.state, "%s", standing->state);
    snprintf(row.reason, sizeof row.reason, "%s", decision_reason_id(standing->reason));
    snprintf(row.presence, sizeof row.presence, "%s", standing->presence);
    row.rollout = standing->rollout;
    row.image = standing->image;
    row.deploy_key = standing->deploy_key;
    snprintf(row.version, sizeof row.version, "%s", listing->version);
    snprintf(row.chip, sizeof row.chip, "%s", chip ? chip->name : "unknown");
    snprintf(row.slot, sizeof row.slot, "%s", listing->slot);
    if (standing->cause)
        snprintf(row.cause, sizeof row.cause, "%s", godwit_reason_id(standing->cause));
    row.on_trial = listing->on_trial;
    row.is_retried = standing->is_retried;
    return row;
}

static godwit_err read_row(struct db *db, int64_t id, struct row *row)
{
    struct db_rows rows;
    memset(row, 0, sizeof *row);
    godwit_err err =
        db_query(db, &rows,
                 "select product_name, rollout_state, state, reason, presence, rollout, image,"
                 " deploy_key, shown_version, chip, slot, cause, on_trial, is_retried"
                 " from devices where id = $1",
                 DB_ARGS(db_int(id)));
    if (!err) err = db_next(&rows);
    if (!err) {
        db_column_text(&rows, 0, row->product, sizeof row->product);
        db_column_text(&rows, 1, row->rollout_state, sizeof row->rollout_state);
        db_column_text(&rows, 2, row->state, sizeof row->state);
        db_column_text(&rows, 3, row->reason, sizeof row->reason);
        db_column_text(&rows, 4, row->presence, sizeof row->presence);
        row->rollout = db_column_int(&rows, 5);
        row->image = db_column_int(&rows, 6);
        row->deploy_key = db_column_int(&rows, 7);
        db_column_text(&rows, 8, row->version, sizeof row->version);
        db_column_text(&rows, 9, row->chip, sizeof row->chip);
        db_column_text(&rows, 10, row->slot, sizeof row->slot);
        db_column_text(&rows, 11, row->cause, sizeof row->cause);
        row->on_trial = db_column_int(&rows, 12);
        row->is_retried = db_column_int(&rows, 13);
    }
    db_rows_close(&rows);
    return err;
}

/* Each statement names only columns of which one has changed: SQLite writes the index entry of each
 * column that a statement names. */
static godwit_err write_row(struct db *db, int64_t id, const struct row *old, const struct row *new)
{
    char key[VERSION_KEY_MAX];
    version_key(new->version, key);
    const struct {
        bool is_due;
        const char *sql;
        struct db_value values[3];
        size_t count;
    } writes[] = {
        {strcmp(old->version, new->version),
         "update devices set shown_version = $2, version_key = $3 where id = $1",
         {db_int(id), db_text(new->version), db_text(key)},
         3},
        {strcmp(old->product, new->product),
         "update devices set product_name = $2 where id = $1",
         {db_int(id), db_text(new->product)},
         2},
        {strcmp(old->chip, new->chip),
         "update devices set chip = $2 where id = $1",
         {db_int(id), db_text(new->chip)},
         2},
        {strcmp(old->slot, new->slot),
         "update devices set slot = $2 where id = $1",
         {db_int(id), db_text(new->slot)},
         2},
        {old->on_trial != new->on_trial,
         "update devices set on_trial = $2 where id = $1",
         {db_int(id), db_int(new->on_trial)},
         2},
        {strcmp(old->cause, new->cause),
         "update devices set cause = $2 where id = $1",
         {db_int(id), db_text(new->cause)},
         2},
        {old->rollout != new->rollout,
         "update devices set rollout = $2 where id = $1",
         {db_int(id), db_int(new->rollout)},
         2},
        {strcmp(old->state, new->state),
         "update devices set state = $2 where id = $1",
         {db_int(id), db_text(new->state)},
         2},
        {strcmp(old->reason, new->reason),
         "update devices set reason = $2 where id = $1",
         {db_int(id), db_text(new->reason)},
         2},
    };
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
        if (!writes[i].is_due) continue;
        godwit_err err = db_run(db, writes[i].sql, writes[i].values, writes[i].count);
        if (err) return err;
    }
    return db_run(db,
                  "update devices set rollout_state = $2, presence = $3, image = $4,"
                  " deploy_key = $5, is_retried = $6 where id = $1",
                  DB_ARGS(db_int(id), db_text(new->rollout_state), db_text(new->presence),
                          db_int(new->image), db_int(new->deploy_key), db_int(new->is_retried)));
}

/* ---- counts ---- */

#define COUNT_ARGS(org, row)                                                              \
    DB_ARGS(db_text(org), db_text((row)->product), db_int((row)->rollout),                \
            db_text((row)->rollout_state), db_text((row)->state), db_text((row)->reason), \
            db_text((row)->presence), db_int((row)->image), db_int((row)->deploy_key))

static bool counts_alike(const struct row *a, const struct row *b)
{
    return !strcmp(a->product, b->product) && a->rollout == b->rollout &&
           !strcmp(a->rollout_state, b->rollout_state) && !strcmp(a->state, b->state) &&
           !strcmp(a->reason, b->reason) && !strcmp(a->presence, b->presence) &&
           a->image == b->image && a->deploy_key == b->deploy_key;
}

static godwit_err move_count(struct db *db, const char *org, const struct row *old,
                             const struct row *new)
{
    godwit_err err = GODWIT_OK;
    if (*old->state && counts_alike(old, new)) return GODWIT_OK;
    if (*old->state)
        err = db_run(db,
                     "update device_counts set count = count - 1 where org = $1 and"
                     " product_name = $2 and rollout = $3 and rollout_state = $4 and state = $5"
                     " and reason = $6 and presence = $7 and image = $8 and deploy_key = $9",
                     COUNT_ARGS(org, old));
    if (err) return err;
    return db_run(db,
                  "insert into device_counts (org, product_name, rollout, rollout_state, state,"
                  " reason, presence, image, deploy_key, count)"
                  " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1) on conflict (org, product_name,"
                  " rollout, rollout_state, state, reason, presence, image, deploy_key)"
                  " do update set count = device_counts.count + 1",
                  COUNT_ARGS(org, new));
}

godwit_err listing_recount(struct db *db)
{
    godwit_err err = db_run(db, "delete from device_counts", NULL, 0);
    if (err) return err;
    return db_run(
        db,
        "insert into device_counts (org, product_name, rollout, rollout_state, state, reason,"
        " presence, image, deploy_key, count) select org, product_name, rollout, rollout_state,"
        " state, reason, presence, image, deploy_key, count(*) from devices where state <> ''"
        " group by org, product_name, rollout, rollout_state, state, reason, presence, image,"
        " deploy_key",
        NULL, 0);
}

static godwit_err write_rollout(struct db *db, const struct rollout *rollout)
{
    return db_run(db,
                  "update rollouts set members = $2, offered = $3, succeeded = $4, failed = $5,"
                  " in_progress = $6, soaking = $7, undoing = $8, undone = $9, confirmed = $10"
                  " where id = $1",
                  DB_ARGS(db_int(rollout->id), db_int(rollout->members_count),
                          db_int(rollout->offered_count), db_int(rollout->succeeded_count),
                          db_int(rollout->failed_count),
                          db_int(rollout->in_progress_count + rollout->away_count),
                          db_int(rollout->soaking_count), db_int(rollout->undoing_count),
                          db_int(rollout->undone_count), db_int(rollout->confirmed_s)));
}

/* Only the writer moves members, so it reads without the lock; whether one is away is soft, and the
 * sum of both counts does not tell. */
godwit_err listing_commit(struct fleet *fleet, struct db *db)
{
    godwit_err err = GODWIT_OK;
    struct rollout *rollout = fleet->catalogue.rollouts;
    for (; rollout && !err; rollout = rollout->next) {
        if (!rollout->is_moved) continue;
        fleet_lock(fleet);
        const struct rollout copy = *rollout;
        fleet_unlock(fleet);
        err = write_rollout(db, &copy);
        if (!err) err = strata_write(db, rollout);
        if (!err) rollout->is_moved = false;
    }
    return err;
}

/* ---- devices ---- */

godwit_err listing_write(struct db *db, const struct listing *listing)
{
    struct row old;
    const struct row new = row_of(listing);
    godwit_err err = read_row(db, listing->id, &old);
    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): both were zeroed, gaps too */
    if (err || !memcmp(&old, &new, sizeof new)) return err;
    listing->fleet->listed_count++;
    if (listing->fleet->on_listed)
        listing->fleet->on_listed(listing->fleet->on_listed_ctx, listing);
    err = write_row(db, listing->id, &old, &new);
    return err ? err : move_count(db, listing->org, &old, &new);
}

godwit_err listing_renew(struct fleet *fleet, struct db *db, const struct device *device)
{
    fleet_lock(fleet);
    const struct listing listing = listing_of(fleet, device);
    fleet_unlock(fleet);
    return listing_write(db, &listing);
}

/* ---- the sweep ---- */

static godwit_err write_stamp(struct db *db, const char *stamp)
{
    return db_run(db,
                  "insert into sweeps (org, stamp) values ($1, $2)"
                  " on conflict (org) do update set stamp = excluded.stamp",
                  DB_ARGS(db_text(FLEET_ORG), db_text(stamp)));
}

/* "0.2.0 50e584ad…": what a row stands on besides the database. */
static void make_stamp(const struct fleet *fleet, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "%s", GODWIT_VERSION);
    for (size_t i = 0; i < fleet->catalogue.deploy_keys_count; i++) {
        char hex[17];
        godwit_hex_encode(fleet->catalogue.deploy_keys[i], 8, hex);
        used += (size_t)snprintf(out + used, size - used, " %s", hex);
    }
}

#define STAMP_MAX (sizeof GODWIT_VERSION + 17 * FLEET_DEPLOY_KEYS_MAX)

godwit_err listing_unsettle(struct fleet *fleet, struct db *db)
{
    godwit_err err = write_stamp(db, "");
    if (err) return err;
    fleet_lock(fleet);
    fleet->unlisted_from = 0;
    fleet_unlock(fleet);
    return GODWIT_OK;
}

static void note_end(struct fleet *fleet)
{
    const struct rollout *newest = fleet->catalogue.rollouts;
    fleet->unlisted_from = FLEET_LISTED;
    fleet->swept_next = newest ? newest->id : 0;
}

godwit_err listing_open(struct fleet *fleet, struct db *db)
{
    struct db_rows rows;
    char found[STAMP_MAX] = "", present[STAMP_MAX];
    godwit_err err =
        db_query(db, &rows, "select stamp from sweeps where org = $1", DB_ARGS(db_text(FLEET_ORG)));
    if (!err) err = db_next(&rows);
    if (!err) db_column_text(&rows, 0, found, sizeof found);
    db_rows_close(&rows);
    make_stamp(fleet, present, sizeof present);
    if (!strcmp(found, present)) note_end(fleet);
    if (err == GODWIT_ERR_END) return GODWIT_OK;
    return err || strcmp(found, "count") ? err : listing_recount(db);
}

bool listing_is_settled(const struct fleet *fleet)
{
    return fleet->unlisted_from == FLEET_LISTED;
}

/* The next few devices; none: all were seen. */
static godwit_err take_few(struct fleet *fleet, struct db *db, struct listing out[static HOLD_MAX],
                           size_t count_max, size_t *count_out)
{
    struct device_walk walk = {.after = fleet->unlisted_from};
    struct device *device;
    godwit_err err = GODWIT_OK;
    size_t count = 0;
    while (count < count_max && count < HOLD_MAX &&
           !(err = device_walk_next(fleet, db, &walk, &device)) && device) {
        fleet_lock(fleet);
        out[count++] = listing_of(fleet, device);
        fleet_unlock(fleet);
        fleet->unlisted_from = walk.after;
    }
    *count_out = count;
    return err;
}

static godwit_err end_sweep(struct fleet *fleet, struct db *db)
{
    char stamp[STAMP_MAX];
    make_stamp(fleet, stamp, sizeof stamp);
    godwit_err err = write_stamp(db, stamp);
    if (!err) err = db_run(db, "delete from device_counts where count = 0", NULL, 0);
    if (err) return err;
    fleet_lock(fleet);
    note_end(fleet);
    fleet_unlock(fleet);
    return GODWIT_OK;
}

godwit_err listing_sweep(struct fleet *fleet, struct db *db, size_t count_max, bool *more_out)
{
    struct listing few[HOLD_MAX];
    size_t count = 1;
    *more_out = false;
    if (listing_is_settled(fleet)) return GODWIT_OK;
    for (size_t left = count_max; left && count; left -= count) {
        godwit_err err = take_few(fleet, db, few, left, &count);
        for (size_t i = 0; i < count && !err; i++)
            err = listing_write(db, &few[i]);
        if (err) return err;
    }
    *more_out = count > 0;
    return *more_out ? GODWIT_OK : end_sweep(fleet, db);
}

/* ---- devices that are missed ---- */

struct missed_walk {
    struct fleet *fleet;
    uint32_t interval_s;
    int64_t now_s;
};

/* Only a row that says whether it is seen has to be written. */
static void find_missed(void *ctx, struct device *device)
{
    const struct missed_walk *walk = ctx;
    int64_t now_s = device_now(walk->fleet, device, walk->now_s);
    if (device->is_missed || !standing_is_missed(device, walk->interval_s, now_s)) return;
    device->is_missed = true;
    const struct standing standing = standing_of(device, &walk->fleet->catalogue);
    if (standing_is_awaited(&standing)) fleet_mark_dirty(walk->fleet, device);
}

void listing_find_missed(struct fleet *fleet, uint32_t interval_s, int64_t now_s)
{
    struct missed_walk walk = {fleet, interval_s, now_s};
    fleet_each_device(fleet, find_missed, &walk);
}
