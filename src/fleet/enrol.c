/* How devices join, are kept, and are read again at start. */
#include <stdlib.h>

#include "base/text.h"
#include "fleet/cache.h"
#include "fleet/certified.h"
#include "fleet/claim.h"
#include "fleet/device.h"
#include "fleet/event.h"
#include "fleet/factory.h"
#include "fleet/guard_tags.h"
#include "fleet/listing.h"
#include "fleet/memory.h"
#include "fleet/pending.h"
#include "fleet/tags.h"

/* ---- joining ---- */

/* Who joins, and by what: a claim, a line of the factory list, or a certificate. */
struct joining {
    struct claim *claim;         /* NULL: not so */
    struct factory_entry *entry; /* so */
    struct product *certified;   /* so */
    const uint8_t *token_sha256;
    const struct godwit_checkin *checkin;
    int64_t now_s;
};

static struct product *product_of(const struct joining *joining)
{
    if (joining->certified) return joining->certified;
    return joining->entry ? joining->entry->product : joining->claim->product;
}

/* The event names the claim, so that a history tells which token let the device in. */
static godwit_err report_joined(struct db *db, const struct joining *joining, int64_t id)
{
    struct event event = {.time_s = joining->now_s, .kind = EVENT_ENROLLED};
    device_plain_text(event.version, joining->checkin->version, sizeof event.version);
    struct godwit_text detail;
    godwit_text_init(&detail, event.detail, sizeof event.detail);
    if (joining->certified) godwit_text_add(&detail, "by its certificate");
    if (joining->entry) godwit_text_add(&detail, "by the factory list");
    if (joining->claim) godwit_text_add(&detail, "claim ");
    if (joining->claim) godwit_text_add_hex(&detail, joining->claim->claim_sha256, CLAIM_MARK_SIZE);
    return event_add(db, id, joining->checkin->device_id, &event);
}

/* What the claim or the list gives with it. */
static godwit_err give_tags(struct db *db, const struct joining *joining, int64_t id)
{
    char tags[CLAIM_TAGS_SIZE] = "";
    struct db_rows rows;
    const char *org = product_of(joining)->org->name;
    if (joining->certified) return GODWIT_OK;
    godwit_err err =
        joining->entry
            ? db_query(db, &rows, "select tags from factory where org = $1 and device_id = $2",
                       DB_ARGS(db_text(org), db_blob(joining->checkin->device_id, 16)))
            : db_query(db, &rows, "select tags from claims where org = $1 and claim_sha256 = $2",
                       DB_ARGS(db_text(org), db_blob(joining->claim->claim_sha256, 32)));
    if (!err) err = db_next(&rows);
    if (!err) db_column_text(&rows, 0, tags, sizeof tags);
    db_rows_close(&rows);
    if (err && err != GODWIT_ERR_END) return err;
    return *tags ? device_give_tags(db, id, tags) : GODWIT_OK;
}

static godwit_err insert_device(struct db *db, const struct joining *joining, int64_t *id_out)
{
    char id_text[13];
    const uint8_t *device_id = joining->checkin->device_id;
    const char *org = product_of(joining)->org->name;
    device_id_text(device_id, id_text);
    godwit_err err = db_run_returning(
        db,
        "insert into devices (org, device_id, token_sha256, product, created,"
        " last_seen, token_made, id_text) values ($1, $2, $3, $4, $5, $5, $5, $6) returning id",
        DB_ARGS(db_text(org), db_blob(device_id, 16), db_blob(joining->token_sha256, 32),
                db_int(product_of(joining)->id), db_int(joining->now_s), db_text(id_text)),
        id_out);
    if (!err) err = give_tags(db, joining, *id_out);
    if (!err && joining->entry) err = factory_forget_row(db, org, device_id);
    if (!err && joining->claim)
        err = db_run(db,
                     "update claims set used_count = used_count + 1"
                     " where org = $1 and claim_sha256 = $2",
                     DB_ARGS(db_text(org), db_blob(joining->claim->claim_sha256, 32)));
    return err ? err : report_joined(db, joining, *id_out);
}

static godwit_err enrol(struct fleet *fleet, struct db *db, const struct joining *joining,
                        struct device **device_out)
{
    int64_t id = 0;
    godwit_err err = insert_device(db, joining, &id);
    if (err) return err;
    fleet_reserve_device(fleet);
    fleet_lock(fleet);
    struct device *device = device_make_new(fleet);
    device->id = id;
    device->product = product_of(joining);
    device->org = device->product->org->number;
    memcpy(device->device_id, joining->checkin->device_id, 16);
    memcpy(device->token_sha256, joining->token_sha256, 32);
    if (joining->claim) joining->claim->used_count++;
    device->changed_in = fleet->transaction;
    device->product->devices_count++;
    fleet->joined_count++;
    device_link(fleet, device);
    fleet_unlock(fleet);
    if (joining->entry) factory_forget(fleet, joining->entry);
    *device_out = device;
    err = guard_tags_read(fleet, db, device);
    return err ? err : listing_renew(fleet, db, device);
}

godwit_err device_join_listed(struct fleet *fleet, struct db *db,
                              const uint8_t token_sha256[static 32],
                              const struct godwit_checkin *checkin, int64_t now_s,
                              struct device **device_out)
{
    const struct joining joining = {.entry = factory_find(fleet, token_sha256, checkin->device_id),
                                    .token_sha256 = token_sha256,
                                    .checkin = checkin,
                                    .now_s = now_s};
    *device_out = NULL;
    const struct org *org = joining.entry ? joining.entry->product->org : NULL;
    struct device *known = NULL;
    godwit_err err =
        org ? device_fetch(fleet, db, org->name, checkin->device_id, &known) : GODWIT_OK;
    return err || !org || known ? err : enrol(fleet, db, &joining, device_out);
}

/* ---- claims ---- */

static struct pending_token token_of(const struct claim_request *request, struct product *product,
                                     int64_t now_s)
{
    struct pending_token token = {.product = product, .requested_s = now_s};
    memcpy(token.token_sha256, request->token_sha256, sizeof token.token_sha256);
    if (request->claim_sha256)
        memcpy(token.claim_sha256, request->claim_sha256, sizeof token.claim_sha256);
    device_plain_text(token.version, request->checkin->version, sizeof token.version);
    return token;
}

static enum claim_result result_of(enum pending_place place)
{
    return place == PENDING_REJECTED ? CLAIM_REJECTED : CLAIM_PENDING;
}

/* Of the claim's organisation: one that has the same id elsewhere is another device. */
static struct device *device_of_claim(const struct fleet *fleet, const struct claim *claim,
                                      const struct claim_request *request)
{
    return device_find(fleet, claim->product->org->name, request->checkin->device_id);
}

/* Whether the factory list of the claim's organisation names it, with this very token. */
static bool is_listed(const struct fleet *fleet, const struct claim *claim,
                      const struct claim_request *request)
{
    const struct factory_entry *entry =
        factory_find(fleet, request->token_sha256, request->checkin->device_id);
    return entry && entry->product->org == claim->product->org;
}

/* Another token under the id of a device that has joined. */
static enum claim_result wait_for_operator(struct fleet *fleet, struct device *device,
                                           const struct pending_token *token, bool *must_write_out)
{
    enum pending_place place = pending_place(device, token);
    *must_write_out = place == PENDING_ROOM && device_may_record(device, token->requested_s);
    bool is_away = place == PENDING_FULL || (place == PENDING_ROOM && !*must_write_out);
    if (is_away && !device->turned_away_count++) fleet->turned_away_count++;
    if (is_away) device->turned_away_s = token->requested_s;
    return result_of(place);
}

enum claim_result device_claim_check(struct fleet *fleet, const struct claim_request *request,
                                     int64_t now_s, bool *must_write_out)
{
    const struct claim *claim = claim_find(fleet, request->claim_sha256);
    *must_write_out = false;
    if (!claim) return CLAIM_UNKNOWN;
    struct device *device = device_of_claim(fleet, claim, request);
    *must_write_out = !device && fleet_is_partial(fleet);
    if (*must_write_out) return CLAIM_ACCEPTED; /* the database is asked before */
    if (device && fleet_same_secret(device->token_sha256, request->token_sha256))
        return device->is_retired ? CLAIM_REJECTED : CLAIM_ACCEPTED;
    if (!device && is_listed(fleet, claim, request)) {
        *must_write_out = true;
        return CLAIM_ACCEPTED;
    }
    if (claim_is_over(claim, now_s)) return CLAIM_EXPIRED;
    if (device_with_token(fleet, request->token_sha256)) return CLAIM_TOKEN_TAKEN;
    if (!device && claim->used_count >= claim->count_max) return CLAIM_USED_UP;
    *must_write_out = !device;
    if (!device) return CLAIM_ACCEPTED;
    const struct pending_token token = token_of(request, claim->product, now_s);
    return wait_for_operator(fleet, device, &token, must_write_out);
}

godwit_err device_claim(struct fleet *fleet, struct db *db, const struct claim_request *request,
                        int64_t now_s, enum claim_result *result_out, struct device **device_out)
{
    struct claim *claim = claim_find(fleet, request->claim_sha256);
    struct device *device, *other;
    *result_out = CLAIM_UNKNOWN;
    *device_out = NULL;
    if (!claim) return GODWIT_OK;
    godwit_err err =
        device_fetch(fleet, db, claim->product->org->name, request->checkin->device_id, &device);
    if (!err) err = device_fetch_with_token(fleet, db, request->token_sha256, &other);
    if (err) return err;
    if (device && fleet_same_secret(device->token_sha256, request->token_sha256)) {
        *result_out = device->is_retired ? CLAIM_REJECTED : CLAIM_ACCEPTED;
        *device_out = device->is_retired ? NULL : device;
        return GODWIT_OK;
    }
    *result_out = CLAIM_ACCEPTED;
    if (!device && is_listed(fleet, claim, request))
        return device_join_listed(fleet, db, request->token_sha256, request->checkin, now_s,
                                  device_out);
    *result_out = CLAIM_EXPIRED;
    if (claim_is_over(claim, now_s)) return GODWIT_OK;
    *result_out = CLAIM_TOKEN_TAKEN;
    if (other) return GODWIT_OK;
    if (device) {
        const struct pending_token token = token_of(request, claim->product, now_s);
        enum pending_place place;
        err = pending_note(fleet, db, device, &token, &place);
        *result_out = result_of(place);
        return err;
    }
    *result_out = CLAIM_USED_UP;
    if (claim->used_count >= claim->count_max) return GODWIT_OK;
    *result_out = CLAIM_ACCEPTED;
    const struct joining joining = {.claim = claim,
                                    .token_sha256 = request->token_sha256,
                                    .checkin = request->checkin,
                                    .now_s = now_s};
    return enrol(fleet, db, &joining, device_out);
}

/* ---- certificates ---- */

static struct certified_facts facts_of(const struct fleet *fleet, const struct device *device,
                                       const struct device *holder,
                                       const struct claim_request *request)
{
    bool is_same = device && fleet_same_secret(device->token_sha256, request->token_sha256);
    return (struct certified_facts){
        .has_product = certified_product(&fleet->catalogue, FLEET_ORG, request->checkin),
        .is_known = device,
        .is_same = is_same,
        .is_retired = device && device->is_retired,
        .is_taken = holder && holder != device};
}

enum claim_result device_certified_check(struct fleet *fleet, const struct claim_request *request,
                                         int64_t now_s, bool *must_write_out)
{
    struct device *device = device_find(fleet, FLEET_ORG, request->checkin->device_id);
    const struct device *holder = device_with_token(fleet, request->token_sha256);
    const struct certified_facts facts = facts_of(fleet, device, holder, request);
    enum claim_result result = certified_decide(&facts);
    bool is_asleep = !device && fleet_is_partial(fleet); /* the database is asked before */
    *must_write_out = is_asleep || result == CLAIM_ACCEPTED;
    if (is_asleep || result != CLAIM_PENDING) return result;
    const struct pending_token token = token_of(request, device->product, now_s);
    return wait_for_operator(fleet, device, &token, must_write_out);
}

godwit_err device_join_certified(struct fleet *fleet, struct db *db,
                                 const struct claim_request *request, int64_t now_s,
                                 enum claim_result *result_out, struct device **device_out)
{
    struct device *device, *holder;
    enum pending_place place;
    *device_out = NULL;
    godwit_err err = device_fetch(fleet, db, FLEET_ORG, request->checkin->device_id, &device);
    if (!err) err = device_fetch_with_token(fleet, db, request->token_sha256, &holder);
    if (err) return err;
    const struct certified_facts facts = facts_of(fleet, device, holder, request);
    *result_out = certified_decide(&facts);
    if (*result_out == CLAIM_PENDING) {
        const struct pending_token token = token_of(request, device->product, now_s);
        err = pending_note(fleet, db, device, &token, &place);
        *result_out = result_of(place);
        return err;
    }
    *device_out = *result_out == CLAIM_ACCEPTED ? device : NULL;
    if (*result_out != CLAIM_ACCEPTED || device) return GODWIT_OK;
    const struct joining joining = {
        .certified = certified_product(&fleet->catalogue, FLEET_ORG, request->checkin),
        .token_sha256 = request->token_sha256,
        .checkin = request->checkin,
        .now_s = now_s};
    return enrol(fleet, db, &joining, device_out);
}

/* ---- facts to and from the database ---- */

/* What one device says, copied: rows are written without the lock. */
struct written {
    int64_t id;
    struct facts_copy copy;
    struct listing listing;
};

/* Takes devices from the front of the queue; until the transaction ends they are in flight. */
static size_t take_dirty(struct fleet *fleet, struct written *out, size_t count_max)
{
    size_t count = 0;
    fleet_lock(fleet);
    for (; count < count_max && fleet->dirty_first; count++) {
        struct device *device = fleet->dirty_first;
        fleet->dirty_first = device->dirty_next;
        device->is_dirty = false;
        device->in_flight_next = fleet->in_flight;
        fleet->in_flight = device;
        out[count].id = device->id;
        facts_copy(&out[count].copy, &device->facts);
        out[count].listing = listing_of(fleet, device);
    }
    fleet_unlock(fleet);
    return count;
}

godwit_err device_flush(struct fleet *fleet, struct db *db, size_t count_max, bool *more_out)
{
    struct written batch[16];
    const size_t batch_max = sizeof batch / sizeof *batch;
    godwit_err err = GODWIT_OK;
    size_t count = 1;
    for (size_t left = count_max; left && count && !err; left -= count) {
        count = take_dirty(fleet, batch, left < batch_max ? left : batch_max);
        for (size_t i = 0; i < count && !err; i++) {
            err = device_write_facts(db, batch[i].id, &batch[i].copy.facts);
            if (!err) err = listing_write(db, &batch[i].listing);
        }
    }
    *more_out = count > 0;
    return err;
}
