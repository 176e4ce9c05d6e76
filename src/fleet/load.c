/* Reading the fleet from the database: one query a table, each row handed to a function that links
 * it; the order of the tables is the order of their references. All is read into a second fleet,
 * without a lock, while devices are still answered from the first; only the exchange of the two
 * needs it. Rejected: taking each change of memory back by itself; it would be quicker, and one
 * that is forgotten would let memory and database drift apart in silence. */
#include <stdlib.h>

#include "base/log.h"
#include "fleet/account.h"
#include "fleet/cache.h"
#include "fleet/claim.h"
#include "fleet/device.h"
#include "fleet/factory.h"
#include "fleet/identity.h"
#include "fleet/memory.h"
#include "fleet/order.h"
#include "fleet/pending.h"
#include "fleet/strata_rows.h"

#define CARRY_MAX 256 /* devices whose facts move under one hold of the lock */

typedef void row_fn(struct fleet *fleet, const struct db_rows *rows);

static void load_org(struct fleet *fleet, const struct db_rows *rows)
{
    struct org *org = fleet_alloc(sizeof *org);
    db_column_text(rows, 0, org->name, sizeof org->name);
    org->totp_required = db_column_int(rows, 1);
    org_link(fleet, org);
}

static void load_product(struct fleet *fleet, const struct db_rows *rows)
{
    struct product *product = fleet_alloc(sizeof *product);
    product->id = db_column_int(rows, 0);
    db_column_text(rows, 1, product->name, sizeof product->name);
    db_column_blob(rows, 2, product->product_id, 16);
    product->open = db_column_int(rows, 3);
    char org[sizeof product->org->name];
    db_column_text(rows, 4, org, sizeof org);
    product->org = org_find(&fleet->catalogue, org);
    product->needs_approval = db_column_int(rows, 5);
    product->needs_bench = db_column_int(rows, 6);
    product_initial_policy(product);
    product->next = fleet->catalogue.products;
    fleet->catalogue.products = product;
}

static struct product *product_by_row(const struct fleet *fleet, int64_t id)
{
    struct product *product = fleet->catalogue.products;
    while (product && product->id != id)
        product = product->next;
    return product;
}

static struct release *release_by_row(const struct fleet *fleet, int64_t id)
{
    struct release *release = fleet->catalogue.releases;
    while (release && release->id != id)
        release = release->next;
    return release;
}

static void load_key(struct fleet *fleet, const struct db_rows *rows)
{
    struct product *product = product_by_row(fleet, db_column_int(rows, 0));
    struct godwit_policy *initial_policy = product ? &product->initial_policy : NULL;
    if (initial_policy && initial_policy->image_keys_count < GODWIT_POLICY_IMAGE_KEYS_MAX)
        db_column_blob(rows, 1, initial_policy->image_keys[initial_policy->image_keys_count++], 32);
}

static void load_release(struct fleet *fleet, const struct db_rows *rows)
{
    struct release *release = fleet_alloc(sizeof *release);
    release->id = db_column_int(rows, 0);
    release->product = product_by_row(fleet, db_column_int(rows, 1));
    db_column_text(rows, 2, release->version, sizeof release->version);
    release->counter = (uint32_t)db_column_int(rows, 3);
    release->frozen = db_column_int(rows, 4);
    release->is_taken = db_column_int(rows, 5);
    release->next = fleet->catalogue.releases;
    fleet->catalogue.releases = release;
}

static void load_trust(struct image_trust *trust, const struct db_rows *rows)
{
    uint8_t policy[GODWIT_POLICY_BYTES];
    int64_t count = db_column_int(rows, 10);
    if (count < 0 || count > GODWIT_SIGBLOCKS_MAX) return;
    trust->is_known = true;
    trust->keys_count = (uint8_t)count;
    db_column_blob(rows, 11, trust->keys[0], sizeof trust->keys);
    db_column_blob(rows, 12, policy, sizeof policy);
    trust->has_policy = !godwit_policy_decode(policy, false, &trust->policy);
}

static void load_image(struct fleet *fleet, const struct db_rows *rows)
{
    struct release *release = release_by_row(fleet, db_column_int(rows, 1));
    if (!release || release->images_count == FLEET_IMAGES_MAX) return;
    struct image *image = &release->images[release->images_count++];
    image->id = db_column_int(rows, 0);
    image->chip_id = (uint16_t)db_column_int(rows, 2);
    image->revision_min = (uint16_t)db_column_int(rows, 3);
    image->revision_max = (uint16_t)db_column_int(rows, 4);
    image->hardware_mask = (uint32_t)db_column_int(rows, 5);
    image->secure_version = (uint32_t)db_column_int(rows, 6);
    db_column_blob(rows, 7, image->image_sha256, 32);
    db_column_blob(rows, 8, image->file_sha256, 32);
    image->file_size = (uint32_t)db_column_int(rows, 9);
    image->block_revision_min = (uint16_t)db_column_int(rows, 14);
    image->block_revision_max = (uint16_t)db_column_int(rows, 15);
    image->flash_size = (uint32_t)db_column_int(rows, 16);
    image->flash_mode = (uint8_t)db_column_int(rows, 17);
    image->mmu_page_log2 = (uint8_t)db_column_int(rows, 18);
    image->release = release;
    db_column_text(rows, 13, image->project, sizeof image->project);
    load_trust(&image->trust, rows);
    index_add(&fleet->catalogue.images_by_digest, image);
}

static void load_file(struct fleet *fleet, const struct db_rows *rows)
{
    struct file *file = fleet_alloc(sizeof *file);
    db_column_blob(rows, 0, file->file_sha256, 32);
    file->image_id = db_column_int(rows, 1);
    file->size = (uint32_t)db_column_int(rows, 2);
    file->release = release_by_row(fleet, db_column_int(rows, 3));
    if (file->release) file->org = file->release->product->org->number;
    index_add(&fleet->catalogue.files_by_digest, file);
}

/* A window that can not be read never opens. */
void guards_read(const struct db_rows *rows, int first, struct rollout_guards *out)
{
    char windows[WINDOW_TEXT_MAX], zone[ZONE_TEXT_MAX], note[160];
    *out = (struct rollout_guards){.per_site = (uint32_t)db_column_int(rows, first + 2),
                                   .battery_min = (uint8_t)db_column_int(rows, first + 3),
                                   .needs_consent = db_column_int(rows, first + 4)};
    db_column_text(rows, first, windows, sizeof windows);
    db_column_text(rows, first + 1, zone, sizeof zone);
    if (*zone && zone_parse(zone, &out->zone)) out->zone = ZONE_UTC;
    if (!window_parse(windows, out, note, sizeof note)) return;
    GODWIT_LOG(ERROR, "window_unreadable", "window=\"%s\"", windows);
    out->windows_count = 1;
    out->windows[0] = (struct guard_window){0};
}

static void load_rollout(struct fleet *fleet, const struct db_rows *rows)
{
    struct rollout *rollout = fleet_alloc(sizeof *rollout);
    char gates[GATES_TEXT_MAX], note[160];
    rollout->id = (uint32_t)db_column_int(rows, 0);
    rollout->release = release_by_row(fleet, db_column_int(rows, 1));
    rollout->is_targeted = db_column_int(rows, 2);
    rollout->created_s = db_column_int(rows, 3);
    rollout->allow_downgrade = db_column_int(rows, 4);
    rollout->again = db_column_int(rows, 5);
    rollout->state = (enum rollout_state)db_column_int(rows, 6);
    rollout->plan.soak_s = (uint32_t)db_column_int(rows, 7);
    db_column_text(rows, 8, gates, sizeof gates);
    if (gates_parse(gates, &rollout->plan, note, sizeof note))
        GODWIT_LOG(ERROR, "gates_unreadable", "rollout=%u gates=\"%s\"", rollout->id, gates);
    rollout->gates_open = (uint32_t)db_column_int(rows, 9);
    rollout->confirmed_s = db_column_int(rows, 10);
    rollout->is_skipped = db_column_int(rows, 11);
    rollout->plan.is_careful = db_column_int(rows, 12);
    rollout->has_first = db_column_int(rows, 13);
    rollout->is_continuous = db_column_int(rows, 14);
    rollout->priority = (enum rollout_priority)db_column_int(rows, 15);
    guards_read(rows, 16, &rollout->guards);
    rollout_link(fleet, rollout);
}

static void load_failure(struct fleet *fleet, const struct db_rows *rows)
{
    struct rollout *rollout = rollout_find(&fleet->catalogue, (uint32_t)db_column_int(rows, 0));
    struct strata_key key;
    for (enum stratum_kind kind = 0; kind < STRATUM_KINDS_COUNT; kind++)
        key.value[kind] = (uint32_t)db_column_int(rows, 2 + (int)kind);
    if (rollout) rollout_count_failure(rollout, &key, (uint32_t)db_column_int(rows, 1));
}

static void load_stratum(struct fleet *fleet, const struct db_rows *rows)
{
    strata_load_row(&fleet->catalogue, rows);
}

static void load_entry(struct fleet *fleet, const struct db_rows *rows)
{
    fleet->sequence_mark = (uint64_t)db_column_int(rows, 0);
}

static const struct {
    const char *sql;
    row_fn *load;
} TABLES[] = {
    {"select org, totp_required from orgs order by created, org", load_org},
    {"select id, name, product_id, open, org, needs_approval, needs_bench from products order by "
     "id",
     load_product},
    {"select product, key_digest from image_keys order by product, key_digest", load_key},
    {"select id, product, version, counter, frozen, is_taken from releases order by id",
     load_release},
    {"select id, release, chip_id, revision_min, revision_max, hardware_mask, secure_version,"
     " image_sha256, file_sha256, file_size, keys_count, keys, policy,"
     " project, block_revision_min, block_revision_max, flash_size, flash_mode, mmu_page_log2"
     " from images order by id",
     load_image},
    {"select f.file_sha256, f.image, f.size, i.release from files f join images i"
     " on i.id = f.image",
     load_file},
    {"select id, release, is_targeted, created, allow_downgrade, again, state, soak, gates,"
     " gates_open, confirmed, is_skipped, is_careful, has_first, selection <> '', priority,"
     " " GUARDS_COLUMNS " from rollouts order by id",
     load_rollout},
    {STRATA_LOAD_SQL, load_stratum},
    /* after the strata, for halted ones keep their failures to themselves */
    {"select m.rollout, m.offer_number, d.chip_id, d.chip_revision, d.hardware_revision,"
     " m.came_from from members m join devices d on d.id = m.device where m.state = 3"
     " order by m.rollout, m.offer_number",
     load_failure},
    {CLAIM_LOAD_SQL, claim_load},
    {FACTORY_LOAD_SQL, factory_load},
    {TOKEN_LOAD_SQL, token_load},
    {"select mark from sequence_mark", load_entry},
};

static godwit_err load_table(struct fleet *fleet, struct db *db, const char *sql, row_fn *load)
{
    struct db_rows rows;
    godwit_err err = db_query(db, &rows, sql, NULL, 0);
    while (!err && !(err = db_next(&rows)))
        load(fleet, &rows);
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

/* Facts on their way from what was in memory to what was read. */
struct carry {
    struct fleet *from, *to;
    int64_t missing; /* a device that must be brought in before; 0: none */
    int64_t gone;    /* one that is not in the database: it joined in what failed */
};

/* In batches; true once none is left, and then the lock is held. */
static bool carry_facts(struct carry *carry)
{
    struct fleet *from = carry->from, *to = carry->to;
    carry->missing = 0;
    fleet_lock(from);
    for (size_t i = 0; i < CARRY_MAX && from->dirty_first && !carry->missing; i++) {
        const struct device *device = from->dirty_first;
        struct device *same = device_find(to, device->product->org->name, device->device_id);
        if (!same && fleet_is_partial(to) && device->id != carry->gone) {
            carry->missing = device->id;
            break;
        }
        from->dirty_first = device->dirty_next;
        if (!same) continue;
        device_set_facts(to, same, &device->facts);
        fleet_mark_dirty(to, same);
    }
    if (!from->dirty_first) return true;
    fleet_unlock(from);
    return false;
}

static godwit_err carry_all(struct carry *carry, struct db *db)
{
    struct device *device;
    godwit_err err = GODWIT_OK;
    while (!err && !carry_facts(carry)) {
        if (!carry->missing) continue;
        err = device_fetch_row(carry->to, db, carry->missing, &device);
        if (!err && !device) carry->gone = carry->missing;
    }
    return err;
}

#define SWAP(a, b)                   \
    do {                             \
        __typeof__(a) swapped = (a); \
        (a) = (b);                   \
        (b) = swapped;               \
    } while (0)

/* What a fleet read goes into the place of what is there; the owner's keys stay. Lock held. */
static void swap_rows(struct fleet *fleet, struct fleet *read)
{
    memcpy(read->catalogue.deploy_keys, fleet->catalogue.deploy_keys,
           sizeof fleet->catalogue.deploy_keys);
    read->catalogue.deploy_keys_count = fleet->catalogue.deploy_keys_count;
    read->catalogue.now_s = fleet->catalogue.now_s;
    SWAP(fleet->catalogue, read->catalogue);
    SWAP(fleet->device_cells, read->device_cells);
    SWAP(fleet->member_cells, read->member_cells);
    SWAP(fleet->shared, read->shared);
    SWAP(fleet->devices, read->devices);
    SWAP(fleet->devices_count, read->devices_count);
    SWAP(fleet->devices_room, read->devices_room);
    SWAP(fleet->devices_by_id, read->devices_by_id);
    SWAP(fleet->devices_by_token, read->devices_by_token);
    SWAP(fleet->claims_by_digest, read->claims_by_digest);
    SWAP(fleet->factory_by_token, read->factory_by_token);
    SWAP(fleet->rotations_by_token, read->rotations_by_token);
    SWAP(fleet->tokens_by_digest, read->tokens_by_digest);
    SWAP(fleet->dirty_first, read->dirty_first);
    SWAP(fleet->dirty_last, read->dirty_last);
    fleet->turned_away_count = 0;
    fleet->trim_hand = 0;
    fleet->in_flight = NULL;
    fleet->unnoted_from = fleet->unlisted_from = fleet->unpruned_from = 0;
    fleet->committed = fleet->transaction;
    /* What was given lies below the mark, so a start that continues from it never goes back. */
    if (fleet->sequence == 0) fleet->sequence = read->sequence_mark;
    fleet->sequence_mark = fleet->sequence_next_mark = read->sequence_mark;
}

godwit_err fleet_load(struct fleet *fleet, struct db *db)
{
    godwit_err err = GODWIT_OK;
    struct fleet *read = fleet_alloc(sizeof *read);
    fleet_init(read);
    read->devices_max = fleet->devices_max;
    for (size_t i = 0; i < sizeof TABLES / sizeof *TABLES && !err; i++)
        err = load_table(read, db, TABLES[i].sql, TABLES[i].load);
    if (!err) err = devices_load(read, db);
    if (!err) err = identity_load(read, db);
    for (struct rollout *rollout = read->catalogue.rollouts; rollout; rollout = rollout->next)
        order_begin(rollout);
    struct carry carry = {.from = fleet, .to = read};
    if (!err) err = carry_all(&carry, db);
    if (!err) {
        swap_rows(fleet, read);
        fleet_unlock(fleet);
    }
    fleet_deinit(read);
    free(read);
    return err;
}
