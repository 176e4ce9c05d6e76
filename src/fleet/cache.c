/* The rows of devices, and which of them are in memory.
 *
 * Only the writer brings a device in or lets it go, so it needs the lock only where it changes what
 * others read. What leaves is chosen by a hand that goes round: a device that was asked for since
 * the hand came by last stays for one more round. Rejected: a list in the order of use; it would
 * cost every device two pointers and every check-in four writes. */
#include "fleet/cache.h"

#include <stdlib.h>

#include "fleet/guard_tags.h"
#include "fleet/identity.h"
#include "fleet/memory.h"
#include "fleet/pending.h"

#define TRIM_HOLD 64 /* devices looked at under one hold of the lock */

#define DEVICE_COLUMNS                                                                          \
    "select devices.id, device_id, token_sha256, not_offered_rollout, product, last_seen,"      \
    " outcome_id, outcome_stage, outcome_reason, outcome_file, known_image, agent_version,"     \
    " project, version, idf_version, slot, image_sha256, file_sha256, staged_file_sha256,"      \
    " counter, progress, chip_id, chip_revision, flash_size, slot_size, free_heap,"             \
    " secure_version, hardware_revision, checkins, boots, fresh_age, reset, on_trial,"          \
    " rollback_floor, deploy_keys, unwatched, outcome_detail, block_revision, no_max_revision," \
    " no_max_block_revision, flash_mode, mmu_page_log2, retired, attributes_crc,"               \
    " held from devices"

/* What belongs to devices; of one where $1 is its row, of all in the order of the devices of each
 * table. */
#define MEMBER_COLUMNS                                                                            \
    "select device, rollout, offer_number, state, reason, due, came_from, is_again, has_consent," \
    " is_first, wants_undo from members"
#define FAILED_COLUMNS "select device, image_sha256 from failed_images"

/* ---- one row ---- */

struct device_row {
    int64_t id, product;
    uint8_t device_id[16], token_sha256[32], known_image[32];
    uint32_t not_offered_rollout;
    bool is_retired;
    uint32_t attributes_crc;
    bool is_held;
    struct facts_copy copy;
    struct godwit_outcome outcome;
};

static void read_row(const struct db_rows *rows, struct device_row *row)
{
    struct device_facts *facts = &row->copy.facts;
    memset(row, 0, sizeof *row);
    facts->running = &row->copy.running;
    facts->staged_file_sha256 = row->copy.staged_file_sha256;
    row->id = db_column_int(rows, 0);
    db_column_blob(rows, 1, row->device_id, 16);
    db_column_blob(rows, 2, row->token_sha256, 32);
    row->not_offered_rollout = (uint32_t)db_column_int(rows, 3);
    row->product = db_column_int(rows, 4);
    facts->last_seen_s = db_column_int(rows, 5);
    row->outcome.id = (uint32_t)db_column_int(rows, 6);
    row->outcome.stage = (enum godwit_stage)db_column_int(rows, 7);
    row->outcome.reason = (uint32_t)db_column_int(rows, 8);
    db_column_blob(rows, 9, row->outcome.file_sha256, 32);
    db_column_blob(rows, 10, row->known_image, 32);
    db_column_text(rows, 11, row->copy.running.agent_version,
                   sizeof row->copy.running.agent_version);
    db_column_text(rows, 12, row->copy.running.project, sizeof row->copy.running.project);
    db_column_text(rows, 13, row->copy.running.version, sizeof row->copy.running.version);
    db_column_text(rows, 14, row->copy.running.idf_version, sizeof row->copy.running.idf_version);
    db_column_text(rows, 15, row->copy.running.slot, sizeof row->copy.running.slot);
    db_column_blob(rows, 16, row->copy.running.image_sha256, 32);
    db_column_blob(rows, 17, row->copy.running.file_sha256, 32);
    db_column_blob(rows, 18, row->copy.staged_file_sha256, 32);
    facts->counter = (uint32_t)db_column_int(rows, 19);
    facts->progress = (uint32_t)db_column_int(rows, 20);
    facts->chip_id = (uint16_t)db_column_int(rows, 21);
    facts->chip_revision = (uint16_t)db_column_int(rows, 22);
    facts->flash_size = (uint32_t)db_column_int(rows, 23);
    facts->slot_size = (uint32_t)db_column_int(rows, 24);
    facts->free_heap = (uint32_t)db_column_int(rows, 25);
    facts->secure_version = (uint32_t)db_column_int(rows, 26);
    facts->hardware_revision = (uint32_t)db_column_int(rows, 27);
    facts->checkins = (uint32_t)db_column_int(rows, 28);
    facts->boots = (uint32_t)db_column_int(rows, 29);
    facts->fresh_age_s = (uint32_t)db_column_int(rows, 30);
    facts->reset = (uint8_t)db_column_int(rows, 31);
    facts->on_trial = db_column_int(rows, 32);
    facts->rollback_floor = (uint32_t)db_column_int(rows, 33);
    db_column_blob(rows, 34, row->copy.running.deploy_keys, 16);
    facts->unwatched = db_column_int(rows, 35);
    db_column_text(rows, 36, row->outcome.detail, sizeof row->outcome.detail);
    facts->block_revision = (uint16_t)db_column_int(rows, 37);
    facts->no_max_revision = db_column_int(rows, 38);
    facts->no_max_block_revision = db_column_int(rows, 39);
    facts->flash_mode = (uint8_t)db_column_int(rows, 40);
    facts->mmu_page_log2 = (uint8_t)db_column_int(rows, 41);
    row->is_retired = db_column_int(rows, 42) != 0;
    row->attributes_crc = (uint32_t)db_column_int(rows, 43);
    row->is_held = db_column_int(rows, 44) != 0;
}

static struct product *product_of(const struct fleet *fleet, const struct device_row *row)
{
    struct product *product = fleet->catalogue.products;
    while (product && product->id != row->product)
        product = product->next;
    return product;
}

/* Into memory, without what other tables say of it. NULL: its product is not there. Lock held,
 * where the fleet is shared. */
static struct device *make(struct fleet *fleet, const struct device_row *row)
{
    struct product *product = product_of(fleet, row);
    if (!product) return NULL;
    struct device *device = device_make(fleet);
    device->id = row->id;
    device->product = product;
    device->org = product->org->number;
    memcpy(device->device_id, row->device_id, sizeof device->device_id);
    memcpy(device->token_sha256, row->token_sha256, sizeof device->token_sha256);
    device->not_offered_rollout = row->not_offered_rollout;
    device->is_retired = row->is_retired;
    device->attributes_crc = row->attributes_crc;
    device->is_held = row->is_held;
    device_set_facts(fleet, device, &row->copy.facts);
    device_set_outcome(fleet, device, &row->outcome);
    device_set_digest(fleet, &device->known_image, row->known_image);
    return device;
}

void device_link(struct fleet *fleet, struct device *device)
{
    device->is_used = true;
    fleet->devices[fleet->devices_count++] = device;
    index_add(&fleet->devices_by_id, device);
    index_add(&fleet->devices_by_token, device);
}

/* ---- what other tables say of it ---- */

typedef void part_fn(struct fleet *fleet, struct device *device, const struct db_rows *rows);

static struct member member_of(const struct fleet *fleet, const struct db_rows *rows)
{
    return (struct member){.rollout =
                               rollout_find(&fleet->catalogue, (uint32_t)db_column_int(rows, 1)),
                           .offer_number = (uint32_t)db_column_int(rows, 2),
                           .state = (uint8_t)db_column_int(rows, 3),
                           .reason = (uint16_t)db_column_int(rows, 4),
                           .due_s = (uint32_t)db_column_int(rows, 5),
                           .came_from = (uint32_t)db_column_int(rows, 6),
                           .is_again = db_column_int(rows, 7),
                           .has_consent = db_column_int(rows, 8),
                           .is_first = db_column_int(rows, 9),
                           .wants_undo = db_column_int(rows, 10)};
}

/* Its rollout counts it already, see devices_load. */
static void add_known_member(struct fleet *fleet, struct device *device, const struct db_rows *rows)
{
    const struct member member = member_of(fleet, rows);
    if (member.rollout) member_link(fleet, device, &member);
}

static void add_member(struct fleet *fleet, struct device *device, const struct db_rows *rows)
{
    const struct member member = member_of(fleet, rows);
    if (member.rollout) member_add(fleet, device, &member);
}

static void add_failed_image(struct fleet *fleet, struct device *device, const struct db_rows *rows)
{
    uint8_t digest[32];
    db_column_blob(rows, 1, digest, sizeof digest);
    device_guard(fleet, device, digest);
}

/* ---- fetching ---- */

static godwit_err add_parts(struct fleet *fleet, struct db *db, struct device *device)
{
    static const struct {
        const char *sql;
        part_fn *add;
    } PARTS[] = {{MEMBER_COLUMNS " where device = $1 order by rollout", add_known_member},
                 {FAILED_COLUMNS " where device = $1 order by id", add_failed_image},
                 {PENDING_COLUMNS " where device = $1 order by id", pending_load},
                 {GUARD_TAGS_SQL " and device = $1" GUARD_TAGS_ORDER, guard_tag_load}};
    godwit_err err = GODWIT_OK;
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS && !err; i++) {
        struct db_rows rows;
        err = db_query(db, &rows, PARTS[i].sql, DB_ARGS(db_int(device->id)));
        while (!err && !(err = db_next(&rows))) {
            fleet_lock(fleet);
            PARTS[i].add(fleet, device, &rows);
            fleet_unlock(fleet);
        }
        db_rows_close(&rows);
        if (err == GODWIT_ERR_END) err = GODWIT_OK;
    }
    return err;
}

/* A row that is not in memory. */
static godwit_err bring_in(struct fleet *fleet, struct db *db, const struct device_row *row,
                           struct device **device_out)
{
    fleet_lock(fleet);
    struct device *device = make(fleet, row);
    fleet_unlock(fleet);
    if (!device) return GODWIT_OK;
    godwit_err err = add_parts(fleet, db, device);
    if (!err) fleet_reserve_device(fleet);
    fleet_lock(fleet);
    if (err)
        device_free(fleet, device);
    else
        device_link(fleet, device);
    fleet_unlock(fleet);
    if (!err) *device_out = device;
    return err;
}

/* The first row of a query, in memory from then on; it may be there already. */
static godwit_err fetch(struct fleet *fleet, struct db *db, const char *sql,
                        const struct db_value *values, size_t count, struct device **device_out)
{
    struct db_rows rows;
    struct device_row row;
    godwit_err err = db_query(db, &rows, sql, values, count);
    if (!err) err = db_next(&rows);
    if (!err) read_row(&rows, &row);
    db_rows_close(&rows);
    *device_out = NULL;
    if (err) return err == GODWIT_ERR_END ? GODWIT_OK : err;
    /* By the id: tokens are looked up by a few of their bytes, in which two may be the same. */
    const struct product *product = product_of(fleet, &row);
    if (product) *device_out = device_find(fleet, product->org->name, row.device_id);
    return *device_out ? GODWIT_OK : bring_in(fleet, db, &row, device_out);
}

godwit_err device_fetch(struct fleet *fleet, struct db *db, const char *org,
                        const uint8_t device_id[static 16], struct device **device_out)
{
    *device_out = device_find(fleet, org, device_id);
    if (*device_out || !fleet_is_partial(fleet)) return GODWIT_OK;
    return fetch(fleet, db, DEVICE_COLUMNS " where org = $1 and device_id = $2",
                 DB_ARGS(db_text(org), db_blob(device_id, 16)), device_out);
}

/* A token has one device, whose organisation is not known yet. */
godwit_err device_fetch_with_token(struct fleet *fleet, struct db *db,
                                   const uint8_t token_sha256[static 32],
                                   struct device **device_out)
{
    *device_out = device_with_token(fleet, token_sha256);
    if (*device_out || !fleet_is_partial(fleet)) return GODWIT_OK;
    return fetch(fleet, db,
                 DEVICE_COLUMNS " where org in (select org from orgs) and token_sha256 = $1",
                 DB_ARGS(db_blob(token_sha256, 32)), device_out);
}

godwit_err device_fetch_row(struct fleet *fleet, struct db *db, int64_t id,
                            struct device **device_out)
{
    return fetch(fleet, db, DEVICE_COLUMNS " where id = $1", DB_ARGS(db_int(id)), device_out);
}

/* ---- letting go ---- */

static bool may_go(const struct fleet *fleet, const struct device *device)
{
    if (device->is_dirty || fleet->in_flight || device->changed_in > fleet->committed ||
        device->turned_away_count || device->holds || identity_stays(device))
        return false;
    const struct member *member = device->members;
    while (member && !member_is_watched(member))
        member = member->next;
    return !member;
}

/* The last takes its place. Lock held. */
static void let_go(struct fleet *fleet, size_t place)
{
    struct device *device = fleet->devices[place];
    index_remove(&fleet->devices_by_id, device);
    index_remove(&fleet->devices_by_token, device);
    fleet->devices[place] = fleet->devices[--fleet->devices_count];
    device_free(fleet, device);
}

void devices_trim(struct fleet *fleet)
{
    size_t steps = fleet_is_partial(fleet) ? 2 * fleet->devices_count : 0;
    while (steps && fleet->devices_count > fleet->devices_max) {
        fleet_lock(fleet);
        for (size_t i = 0; i < TRIM_HOLD && steps && fleet->devices_count > fleet->devices_max;
             i++, steps--) {
            if (fleet->trim_hand >= fleet->devices_count) fleet->trim_hand = 0;
            struct device *device = fleet->devices[fleet->trim_hand];
            bool stays = device->is_used || !may_go(fleet, device);
            device->is_used = false;
            if (stays)
                fleet->trim_hand++;
            else
                let_go(fleet, fleet->trim_hand);
        }
        fleet_unlock(fleet);
    }
}

/* ---- walking ---- */

/* The place of the first device behind that row. */
static size_t place_behind(const struct fleet *fleet, int64_t id)
{
    size_t from = 0, to = fleet->devices_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (fleet->devices[middle]->id <= id)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* Rows of other tables come mostly in the order of devices: the one behind the last is tried first.
 */
static struct device *device_by_row(struct fleet *fleet, int64_t id)
{
    size_t place = fleet->load_hand + 1;
    if (place >= fleet->devices_count || fleet->devices[place]->id != id)
        place = place_behind(fleet, id - 1);
    if (place >= fleet->devices_count || fleet->devices[place]->id != id) return NULL;
    fleet->load_hand = place;
    return fleet->devices[place];
}

/* It came in last, so it is the last in place. */
static void let_pass(struct fleet *fleet, struct device *device)
{
    size_t last = fleet->devices_count - 1;
    if (!device || fleet->devices[last] != device) return;
    fleet_lock(fleet);
    if (may_go(fleet, device)) let_go(fleet, last);
    fleet_unlock(fleet);
}

godwit_err device_walk_next(struct fleet *fleet, struct db *db, struct device_walk *walk,
                            struct device **device_out)
{
    godwit_err err = GODWIT_OK;
    *device_out = NULL;
    if (fleet_is_partial(fleet)) {
        let_pass(fleet, walk->passing);
        size_t count = fleet->devices_count;
        err = fetch(fleet, db, DEVICE_COLUMNS " where id > $1 order by id limit 1",
                    DB_ARGS(db_int(walk->after)), device_out);
        walk->passing = fleet->devices_count > count ? *device_out : NULL;
    } else {
        size_t place = place_behind(fleet, walk->after);
        if (place < fleet->devices_count) *device_out = fleet->devices[place];
    }
    if (*device_out) walk->after = (*device_out)->id;
    return err;
}

/* ---- at start ---- */

typedef void row_fn(struct fleet *fleet, const struct db_rows *rows);

static godwit_err each_row(struct fleet *fleet, struct db *db, const char *sql, row_fn *take)
{
    struct db_rows rows;
    godwit_err err = db_query(db, &rows, sql, NULL, 0);
    while (!err && !(err = db_next(&rows)))
        take(fleet, &rows);
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

static void load_device(struct fleet *fleet, const struct db_rows *rows)
{
    struct device_row row;
    read_row(rows, &row);
    struct device *device = make(fleet, &row);
    if (!device) return;
    fleet_reserve_device(fleet);
    if (!device->is_retired) device->product->devices_count++;
    device_link(fleet, device);
}

#define LOAD_PART(name, add)                                                  \
    static void name(struct fleet *fleet, const struct db_rows *rows)         \
    {                                                                         \
        struct device *device = device_by_row(fleet, db_column_int(rows, 0)); \
        if (device) add(fleet, device, rows);                                 \
    }

LOAD_PART(load_member, add_member)
LOAD_PART(load_failed_image, add_failed_image)
LOAD_PART(load_pending, pending_load)
LOAD_PART(load_guard_tag, guard_tag_load)

static godwit_err load_all(struct fleet *fleet, struct db *db)
{
    godwit_err err = each_row(fleet, db, DEVICE_COLUMNS " order by id", load_device);
    if (!err) err = each_row(fleet, db, MEMBER_COLUMNS, load_member);
    if (!err) err = each_row(fleet, db, FAILED_COLUMNS " order by id", load_failed_image);
    if (!err) err = each_row(fleet, db, PENDING_COLUMNS " order by id", load_pending);
    if (!err) err = each_row(fleet, db, GUARD_TAGS_SQL GUARD_TAGS_ORDER, load_guard_tag);
    return err;
}

static void count_product(struct fleet *fleet, const struct db_rows *rows)
{
    struct product *product = fleet->catalogue.products;
    while (product && product->id != db_column_int(rows, 0))
        product = product->next;
    if (product) product->devices_count = (size_t)db_column_int(rows, 1);
}

static void count_members(struct fleet *fleet, const struct db_rows *rows)
{
    struct rollout *rollout = rollout_find(&fleet->catalogue, (uint32_t)db_column_int(rows, 0));
    if (rollout)
        rollout_count(rollout, (enum member_state)db_column_int(rows, 1),
                      (uint32_t)db_column_int(rows, 2), (uint32_t)db_column_int(rows, 3));
}

/* What member_is_watched says of rows. */
static godwit_err load_watched(struct fleet *fleet, struct db *db)
{
    struct db_rows rows;
    struct device *device;
    int64_t *ids = NULL;
    size_t count = 0;
    godwit_err err = db_query(
        db, &rows, "select distinct device from members where state in ($1, $2, $3)",
        DB_ARGS(db_int(MEMBER_IN_PROGRESS), db_int(MEMBER_SOAKING), db_int(MEMBER_UNDOING)));
    while (!err && !(err = db_next(&rows))) {
        ids = realloc(ids, (count + 1) * sizeof *ids);
        if (!ids) abort();
        ids[count++] = db_column_int(&rows, 0);
    }
    db_rows_close(&rows);
    if (err == GODWIT_ERR_END) err = GODWIT_OK;
    for (size_t i = 0; i < count && !err; i++)
        err = device_fetch_row(fleet, db, ids[i], &device);
    free(ids);
    return err;
}

godwit_err devices_load(struct fleet *fleet, struct db *db)
{
    if (!fleet_is_partial(fleet)) return load_all(fleet, db);
    godwit_err err = each_row(
        fleet, db, "select product, count(*) from devices where retired = 0 group by product",
        count_product);
    if (!err)
        err = each_row(fleet, db,
                       "select rollout, state, count(*), max(offer_number) from members"
                       " group by rollout, state",
                       count_members);
    return err ? err : load_watched(fleet, db);
}
