/* Claim tokens. All that are not revoked lie in memory, for a device that asks by one is answered
 * there; the list that people read comes from SQL. One whose time is over stays in memory, so that
 * who comes with it hears why, until its row goes too. */
#include "fleet/claim.h"

#include <stdlib.h>

#include "fleet/memory.h"

struct claim *claim_find(const struct fleet *fleet, const uint8_t claim_sha256[static 32])
{
    struct claim *claim = index_find(&fleet->claims_by_digest, claim_sha256);
    return claim && fleet_same_secret(claim->claim_sha256, claim_sha256) ? claim : NULL;
}

bool claim_is_over(const struct claim *claim, int64_t now_s)
{
    return claim->expires_s != 0 && claim->expires_s <= now_s;
}

static void forget(struct fleet *fleet, struct claim *claim)
{
    fleet_lock(fleet);
    index_remove(&fleet->claims_by_digest, claim);
    fleet_unlock(fleet);
    free(claim);
}

/* A removal moves others to and fro, so each time the search begins anew. */
static struct claim *first_old(const struct fleet *fleet, int64_t before_s)
{
    const struct index *claims = &fleet->claims_by_digest;
    for (size_t i = 0; i < claims->slots_count; i++) {
        struct claim *claim = claims->slots[i];
        if (claim && claim_is_over(claim, before_s)) return claim;
    }
    return NULL;
}

/* Those that ended long ago, and so that the table does not only grow. */
static godwit_err drop_old(struct fleet *fleet, struct db *db, int64_t before_s)
{
    if (fleet->is_clock_doubted) return GODWIT_OK;
    godwit_err err = db_run(db,
                            "delete from claims where (revoked <> 0 and revoked <= $1)"
                            " or (expires <> 0 and expires <= $1)",
                            DB_ARGS(db_int(before_s)));
    if (err) return err;
    for (struct claim *old; (old = first_old(fleet, before_s));)
        forget(fleet, old);
    return GODWIT_OK;
}

godwit_err claim_create(struct fleet *fleet, struct db *db, const struct claim_terms *terms,
                        const uint8_t claim_sha256[static 32], int64_t now_s, bool *is_full_out)
{
    godwit_err err = drop_old(fleet, db, now_s - CLAIM_KEEP_S);
    *is_full_out = fleet->claims_by_digest.count >= CLAIMS_MAX;
    if (err || *is_full_out) return err;
    err = db_run(db,
                 "insert into claims (org, claim_sha256, product, count_max, created, expires,"
                 " tags) values ($1, $2, $3, $4, $5, $6, $7)",
                 DB_ARGS(db_text(terms->product->org->name), db_blob(claim_sha256, 32),
                         db_int(terms->product->id), db_int(terms->count_max), db_int(now_s),
                         db_int(terms->expires_s), db_text(terms->tags ? terms->tags : "")));
    if (err) return err;
    struct claim *claim = fleet_alloc(sizeof *claim);
    memcpy(claim->claim_sha256, claim_sha256, 32);
    claim->product =
        product_find(&fleet->catalogue, terms->product->org->name, terms->product->name);
    claim->count_max = terms->count_max;
    claim->expires_s = terms->expires_s;
    fleet_lock(fleet);
    index_add(&fleet->claims_by_digest, claim);
    fleet_unlock(fleet);
    return GODWIT_OK;
}

struct claim *claim_by_mark(const struct fleet *fleet, const char *org,
                            const uint8_t mark[static CLAIM_MARK_SIZE])
{
    struct claim *claim = index_find(&fleet->claims_by_digest, mark);
    return claim && !strcmp(claim->product->org->name, org) ? claim : NULL;
}

godwit_err claim_revoke(struct fleet *fleet, struct db *db, struct claim *claim, int64_t now_s)
{
    godwit_err err =
        db_run(db, "update claims set revoked = $3 where org = $1 and claim_sha256 = $2",
               DB_ARGS(db_text(claim->product->org->name), db_blob(claim->claim_sha256, 32),
                       db_int(now_s)));
    if (!err) forget(fleet, claim);
    return err;
}

/* ---- reading ---- */

const char *claim_state(const struct claim_row *row, int64_t now_s)
{
    if (row->revoked_s) return "revoked";
    if (row->expires_s && row->expires_s <= now_s) return "expired";
    return row->used_count >= row->count_max ? "used-up" : "open";
}

static struct claim_row row_of(const struct db_rows *rows)
{
    struct claim_row row = {.count_max = (uint32_t)db_column_int(rows, 2),
                            .used_count = (uint32_t)db_column_int(rows, 3),
                            .created_s = db_column_int(rows, 4),
                            .expires_s = db_column_int(rows, 5),
                            .revoked_s = db_column_int(rows, 6)};
    db_column_blob(rows, 0, row.claim_sha256, sizeof row.claim_sha256);
    db_column_text(rows, 1, row.product, sizeof row.product);
    db_column_text(rows, 7, row.tags, sizeof row.tags);
    return row;
}

godwit_err claim_list(struct db *db, const char *org, const char *product,
                      const struct claim_row *after, struct claim_row *out, size_t count_max,
                      size_t *count_out)
{
    struct db_rows rows;
    godwit_err err =
        db_query(db, &rows,
                 "select c.claim_sha256, p.name, c.count_max, c.used_count, c.created, c.expires,"
                 " c.revoked, c.tags from claims c join products p on p.id = c.product"
                 " where c.org = $1 and (c.created < $2 or (c.created = $2 and"
                 " c.claim_sha256 < $3)) and ($4 = '' or p.name = $4)"
                 " order by c.created desc, c.claim_sha256 desc limit $5",
                 DB_ARGS(db_text(org), db_int(after->created_s), db_blob(after->claim_sha256, 32),
                         db_text(product), db_int((int64_t)count_max)));
    *count_out = 0;
    while (!err && *count_out < count_max && !(err = db_next(&rows)))
        out[(*count_out)++] = row_of(&rows);
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

void claim_load(struct fleet *fleet, const struct db_rows *rows)
{
    struct claim *claim = fleet_alloc(sizeof *claim);
    db_column_blob(rows, 0, claim->claim_sha256, 32);
    for (claim->product = fleet->catalogue.products;
         claim->product && claim->product->id != db_column_int(rows, 1);)
        claim->product = claim->product->next;
    claim->count_max = (uint32_t)db_column_int(rows, 2);
    claim->used_count = (uint32_t)db_column_int(rows, 3);
    claim->expires_s = db_column_int(rows, 4);
    index_add(&fleet->claims_by_digest, claim);
}
