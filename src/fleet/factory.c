/* The factory list. Those who have not joined lie in memory by their token, a hundred bytes each,
 * so that an unknown token is refused without a look into the database. Rejected: rows among the
 * devices from the start; thousands that nobody has switched on yet would count as not seen in
 * every rollout. */
#include "fleet/factory.h"
#include "fleet/cache.h"

#include <stdlib.h>

#include "fleet/device.h"
#include "fleet/memory.h"

static struct factory_entry *find(const struct fleet *fleet, const uint8_t token_sha256[static 32])
{
    struct factory_entry *entry = index_find(&fleet->factory_by_token, token_sha256);
    return entry && fleet_same_secret(entry->token_sha256, token_sha256) ? entry : NULL;
}

bool factory_expects(const struct fleet *fleet, const uint8_t token_sha256[static 32])
{
    return find(fleet, token_sha256) != NULL;
}

struct factory_entry *factory_find(const struct fleet *fleet, const uint8_t token_sha256[static 32],
                                   const uint8_t device_id[static 16])
{
    struct factory_entry *entry = find(fleet, token_sha256);
    return entry && !memcmp(entry->device_id, device_id, 16) ? entry : NULL;
}

/* ---- changing ---- */

/* The token with which the device is listed; MISSING: it is not. */
static godwit_err listed_token(struct db *db, const char *org, const uint8_t device_id[static 16],
                               uint8_t token_out[static 32])
{
    struct db_rows rows;
    godwit_err err =
        db_query(db, &rows, "select token_sha256 from factory where org = $1 and device_id = $2",
                 DB_ARGS(db_text(org), db_blob(device_id, 16)));
    if (!err) err = db_next(&rows);
    if (!err) db_column_blob(&rows, 0, token_out, 32);
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_ERR_MISSING : err;
}

/* MISSING: neither listed nor joined, and nothing is in its way. */
static godwit_err judge(struct fleet *fleet, struct db *db, const char *org,
                        const struct factory_line *line, enum factory_fault *fault_out)
{
    uint8_t token[32];
    struct device *device, *same;
    godwit_err err = device_fetch(fleet, db, org, line->device_id, &device);
    if (!err) err = device_fetch_with_token(fleet, db, line->token_sha256, &same);
    if (err) return err;
    /* By the bytes that the indexes go by: two that share them would push each other out. */
    const struct device *holder = index_find(&fleet->devices_by_token, line->token_sha256);
    const struct factory_entry *near = index_find(&fleet->factory_by_token, line->token_sha256);
    const struct factory_entry *entry = factory_find(fleet, line->token_sha256, line->device_id);
    *fault_out = FACTORY_GOOD;
    if (device && device == same && !device->is_retired) return GODWIT_OK;
    if (same || holder || (near && !entry))
        *fault_out = FACTORY_TOKEN_TAKEN;
    else if (device)
        *fault_out = FACTORY_OTHER_TOKEN;
    if (*fault_out || entry) return GODWIT_OK;
    err = listed_token(db, org, line->device_id, token);
    if (!err) *fault_out = FACTORY_OTHER_TOKEN;
    return err;
}

static void link_entry(struct fleet *fleet, const uint8_t device_id[static 16],
                       const uint8_t token_sha256[static 32], int64_t product)
{
    struct factory_entry *entry = fleet_alloc(sizeof *entry);
    struct index wider;
    memcpy(entry->token_sha256, token_sha256, 32);
    memcpy(entry->device_id, device_id, 16);
    for (entry->product = fleet->catalogue.products;
         entry->product && entry->product->id != product;)
        entry->product = entry->product->next;
    bool widens = index_widen(&fleet->factory_by_token, &wider);
    void *old = fleet->factory_by_token.slots;
    fleet_lock(fleet);
    if (widens) fleet->factory_by_token = wider;
    index_add(&fleet->factory_by_token, entry);
    if (entry->product) entry->product->expected_count++;
    fleet_unlock(fleet);
    if (widens) free(old);
}

static godwit_err add(struct fleet *fleet, struct db *db, const struct factory_batch *batch,
                      const struct factory_line *line, int64_t now_s)
{
    godwit_err err =
        db_run(db,
               "insert into factory (org, device_id, token_sha256, product, tags, created)"
               " values ($1, $2, $3, $4, $5, $6)",
               DB_ARGS(db_text(batch->product->org->name), db_blob(line->device_id, 16),
                       db_blob(line->token_sha256, 32), db_int(batch->product->id),
                       db_text(batch->tags), db_int(now_s)));
    if (!err) link_entry(fleet, line->device_id, line->token_sha256, batch->product->id);
    return err;
}

/* All are judged before the first is written, so a batch at fault changes nothing. */
godwit_err factory_import(struct fleet *fleet, struct db *db, struct factory_batch *batch,
                          int64_t now_s)
{
    bool is_new[FACTORY_BATCH_MAX];
    batch->added = 0;
    for (size_t i = 0; i < batch->count; i++) {
        batch->at_fault = &batch->lines[i];
        godwit_err err =
            judge(fleet, db, batch->product->org->name, batch->at_fault, &batch->fault);
        is_new[i] = err == GODWIT_ERR_MISSING;
        if (err && !is_new[i]) return err;
        if (batch->fault) return GODWIT_OK;
        batch->added += is_new[i];
    }
    batch->fault =
        fleet->factory_by_token.count + batch->added > FACTORY_MAX ? FACTORY_FULL : FACTORY_GOOD;
    godwit_err err = GODWIT_OK;
    for (size_t i = 0; i < batch->count && !batch->fault && !err; i++)
        if (is_new[i]) err = add(fleet, db, batch, &batch->lines[i], now_s);
    return err;
}

godwit_err factory_forget_row(struct db *db, const char *org, const uint8_t device_id[static 16])
{
    return db_run(db, "delete from factory where org = $1 and device_id = $2",
                  DB_ARGS(db_text(org), db_blob(device_id, 16)));
}

void factory_forget(struct fleet *fleet, struct factory_entry *entry)
{
    fleet_lock(fleet);
    index_remove(&fleet->factory_by_token, entry);
    if (entry->product) entry->product->expected_count--;
    fleet_unlock(fleet);
    free(entry);
}

godwit_err factory_remove(struct fleet *fleet, struct db *db, const char *org, const char *product,
                          const uint8_t device_id[static 16], bool *is_done_out)
{
    uint8_t token[32];
    godwit_err err = listed_token(db, org, device_id, token);
    struct factory_entry *entry = err ? NULL : find(fleet, token);
    bool is_seen = !*product || (entry && !strcmp(entry->product->name, product));
    *is_done_out = !err && is_seen;
    if (!*is_done_out) return err == GODWIT_ERR_MISSING ? GODWIT_OK : err;
    err = factory_forget_row(db, org, device_id);
    if (!err && entry) factory_forget(fleet, entry);
    return err;
}

/* ---- reading ---- */

godwit_err factory_list(struct db *db, const char *org, const char *product,
                        const uint8_t after[static 16], struct factory_row *out, size_t count_max,
                        size_t *count_out)
{
    struct db_rows rows;
    godwit_err err = db_query(
        db, &rows,
        "select f.device_id, f.token_sha256, p.name, f.created from factory f"
        " join products p on p.id = f.product where f.org = $1 and f.device_id > $2"
        " and ($3 = '' or p.name = $3) order by f.device_id limit $4",
        DB_ARGS(db_text(org), db_blob(after, 16), db_text(product), db_int((int64_t)count_max)));
    *count_out = 0;
    while (!err && *count_out < count_max && !(err = db_next(&rows))) {
        struct factory_row *row = &out[(*count_out)++];
        db_column_blob(&rows, 0, row->device_id, sizeof row->device_id);
        db_column_blob(&rows, 1, row->token_sha256, sizeof row->token_sha256);
        db_column_text(&rows, 2, row->product, sizeof row->product);
        row->created_s = db_column_int(&rows, 3);
    }
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

void factory_load(struct fleet *fleet, const struct db_rows *rows)
{
    uint8_t token[32], device_id[16];
    db_column_blob(rows, 0, token, sizeof token);
    db_column_blob(rows, 1, device_id, sizeof device_id);
    link_entry(fleet, device_id, token, db_column_int(rows, 2));
}
