/* The fleet in memory: its lock, its indexes, the sequence of instructions, and reading it all from
 * the database. Reading is one query a table, each row handed to a function that links it; the
 * order of the tables is the order of their references. */
#include "fleet/fleet.h"

#include <stddef.h>
#include <stdlib.h>

#include "fleet/account.h"
#include "fleet/memory.h"
#include "fleet/pending.h"

void *fleet_alloc(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory) abort();
    return memory;
}

bool fleet_same_secret(const uint8_t a[static 32], const uint8_t b[static 32])
{
    uint8_t difference = 0;
    for (size_t i = 0; i < 32; i++)
        difference |= a[i] ^ b[i];
    return difference == 0;
}

static void indexes_init(struct fleet *fleet)
{
    index_init(&fleet->devices_by_id, offsetof(struct device, device_id), 16);
    /* Secrets are looked up by eight bytes of their digest and then compared in constant time. */
    index_init(&fleet->devices_by_token, offsetof(struct device, token_sha256), 8);
    index_init(&fleet->catalogue.files_by_digest, offsetof(struct file, file_sha256), 32);
    index_init(&fleet->catalogue.images_by_digest, offsetof(struct image, image_sha256), 32);
    index_init(&fleet->claims_by_digest, offsetof(struct claim, claim_sha256), 8);
    index_init(&fleet->tokens_by_digest, offsetof(struct account_token, token_sha256), 8);
}

void fleet_init(struct fleet *fleet)
{
    memset(fleet, 0, sizeof *fleet);
    pthread_mutex_init(&fleet->lock, NULL);
    indexes_init(fleet);
}

static void device_free(struct device *device)
{
    for (struct member *member = device->members, *next; member; member = next) {
        next = member->next;
        free(member);
    }
    pending_free(device);
    free(device);
}

#define FREE_LIST(type, list, free_one)                              \
    do {                                                             \
        for (struct type *item = (list), *next; item; item = next) { \
            next = item->next;                                       \
            free_one(item);                                          \
        }                                                            \
        (list) = NULL;                                               \
    } while (0)

static void clear(struct fleet *fleet)
{
    FREE_LIST(device, fleet->devices, device_free);
    FREE_LIST(rollout, fleet->catalogue.rollouts, free);
    FREE_LIST(release, fleet->catalogue.releases, free);
    FREE_LIST(product, fleet->catalogue.products, free);
    fleet->dirty_devices = NULL;
    fleet->devices_count = 0;
    index_deinit(&fleet->devices_by_id, false);
    index_deinit(&fleet->devices_by_token, false);
    index_deinit(&fleet->catalogue.files_by_digest, true);
    index_deinit(&fleet->catalogue.images_by_digest, false);
    index_deinit(&fleet->claims_by_digest, true);
    account_deinit(fleet);
}

void fleet_deinit(struct fleet *fleet)
{
    clear(fleet);
    pthread_mutex_destroy(&fleet->lock);
}

void fleet_lock(struct fleet *fleet)
{
    pthread_mutex_lock(&fleet->lock);
}

void fleet_unlock(struct fleet *fleet)
{
    pthread_mutex_unlock(&fleet->lock);
}

void fleet_transaction_begun(struct fleet *fleet)
{
    fleet_lock(fleet);
    fleet->transaction++;
    fleet_unlock(fleet);
}

void fleet_committed(struct fleet *fleet)
{
    fleet_lock(fleet);
    fleet->committed = fleet->transaction;
    fleet->sequence_mark = fleet->sequence_next_mark;
    fleet_unlock(fleet);
}

uint64_t fleet_sequence(struct fleet *fleet, uint64_t now_ms)
{
    uint64_t next = fleet->sequence + 1 > now_ms ? fleet->sequence + 1 : now_ms;
    if (next > fleet->sequence_mark) return 0;
    fleet->sequence = next;
    return next;
}

bool fleet_sequence_is_low(struct fleet *fleet, uint64_t now_ms)
{
    fleet_lock(fleet);
    uint64_t from = fleet->sequence > now_ms ? fleet->sequence : now_ms;
    bool is_low = fleet->sequence_mark < from + FLEET_SEQUENCE_AHEAD_MS / 2;
    fleet_unlock(fleet);
    return is_low;
}

godwit_err fleet_raise_sequence(struct fleet *fleet, struct db *db, uint64_t now_ms)
{
    fleet_lock(fleet);
    uint64_t from = fleet->sequence > now_ms ? fleet->sequence : now_ms;
    fleet_unlock(fleet);
    int64_t mark = (int64_t)(from + FLEET_SEQUENCE_AHEAD_MS);
    godwit_err err = db_run(db,
                            "insert into sequence_mark (org, mark) values ($1, $2)"
                            " on conflict (org) do update set mark = excluded.mark",
                            DB_ARGS(db_text(FLEET_ORG), db_int(mark)));
    if (err) return err;
    fleet_lock(fleet);
    fleet->sequence_next_mark = (uint64_t)mark;
    fleet_unlock(fleet);
    return GODWIT_OK;
}

/* ---- reading ---- */

typedef void row_fn(struct fleet *fleet, const struct db_rows *rows);

static void load_product(struct fleet *fleet, const struct db_rows *rows)
{
    struct product *product = fleet_alloc(sizeof *product);
    product->id = db_column_int(rows, 0);
    db_column_text(rows, 1, product->name, sizeof product->name);
    db_column_blob(rows, 2, product->product_id, 16);
    product->open = db_column_int(rows, 3);
    product_seed(product);
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
    struct godwit_policy *seed = product ? &product->seed : NULL;
    if (seed && seed->image_keys_count < GODWIT_POLICY_IMAGE_KEYS_MAX)
        db_column_blob(rows, 1, seed->image_keys[seed->image_keys_count++], 32);
}

static void load_release(struct fleet *fleet, const struct db_rows *rows)
{
    struct release *release = fleet_alloc(sizeof *release);
    release->id = db_column_int(rows, 0);
    release->product = product_by_row(fleet, db_column_int(rows, 1));
    db_column_text(rows, 2, release->version, sizeof release->version);
    release->counter = (uint32_t)db_column_int(rows, 3);
    release->frozen = db_column_int(rows, 4);
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
    image->release = release;
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
    index_add(&fleet->catalogue.files_by_digest, file);
}

static void load_rollout(struct fleet *fleet, const struct db_rows *rows)
{
    struct rollout *rollout = fleet_alloc(sizeof *rollout);
    rollout->id = (uint32_t)db_column_int(rows, 0);
    rollout->release = release_by_row(fleet, db_column_int(rows, 1));
    rollout->picks = db_column_int(rows, 2);
    rollout->created_s = db_column_int(rows, 3);
    rollout->allow_downgrade = db_column_int(rows, 4);
    rollout->next = fleet->catalogue.rollouts;
    fleet->catalogue.rollouts = rollout;
}

static void load_claim(struct fleet *fleet, const struct db_rows *rows)
{
    struct claim *claim = fleet_alloc(sizeof *claim);
    db_column_blob(rows, 0, claim->claim_sha256, 32);
    claim->product = product_by_row(fleet, db_column_int(rows, 1));
    claim->count_max = (uint32_t)db_column_int(rows, 2);
    claim->used_count = (uint32_t)db_column_int(rows, 3);
    index_add(&fleet->claims_by_digest, claim);
}

static void load_mark(struct fleet *fleet, const struct db_rows *rows)
{
    uint64_t mark = (uint64_t)db_column_int(rows, 0);
    /* What was given lies below the mark, so going on from it never goes back. */
    if (mark > fleet->sequence) fleet->sequence = mark;
    fleet->sequence_mark = fleet->sequence_next_mark = mark;
}

static const struct {
    const char *sql;
    row_fn *load;
} TABLES[] = {
    {"select id, name, product_id, open from products order by id", load_product},
    {"select product, key_digest from image_keys order by product, key_digest", load_key},
    {"select id, product, version, counter, frozen from releases order by id", load_release},
    {"select id, release, chip_id, revision_min, revision_max, hardware_mask, secure_version,"
     " image_sha256, file_sha256, file_size, keys_count, keys, policy from images order by id",
     load_image},
    {"select f.file_sha256, f.image, f.size, i.release from files f join images i"
     " on i.id = f.image",
     load_file},
    {"select id, release, picks, created, allow_downgrade from rollouts order by id", load_rollout},
    {DEVICE_LOAD_SQL, device_load},
    {PENDING_LOAD_SQL, pending_load},
    {"select d.device_id, m.rollout, m.told_number, m.state, m.reason from members m"
     " join devices d on d.id = m.device order by m.rollout",
     device_load_member},
    {"select d.device_id, f.image_sha256 from failed_images f join devices d on d.id = f.device"
     " order by f.id",
     device_load_failed_image},
    {"select claim_sha256, product, count_max, used_count from claims", load_claim},
    {ACCOUNT_LOAD_SQL, account_load_token},
    {"select mark from sequence_mark", load_mark},
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

godwit_err fleet_load(struct fleet *fleet, struct db *db)
{
    godwit_err err = GODWIT_OK;
    fleet_lock(fleet);
    clear(fleet);
    for (size_t i = 0; i < sizeof TABLES / sizeof *TABLES && !err; i++)
        err = load_table(fleet, db, TABLES[i].sql, TABLES[i].load);
    fleet->committed = fleet->transaction;
    fleet_unlock(fleet);
    return err;
}
