/* Anybody who knows an id and holds a claim may ask to join as often as they like, each time with
 * another token: so a device keeps a handful of them, and a full list takes one new token a day for
 * each place. Whoever asks is only written down here; the device with the old token works on, and
 * its facts are its own. Rejected: one place for the token that asked last; two that ask in turn
 * would then fill the history, and no operator could be sure which one is being let in. */
#include "fleet/pending.h"
#include "fleet/site.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "fleet/cache.h"
#include "fleet/device.h"
#include "fleet/event.h"
#include "fleet/identity.h"
#include "fleet/listing.h"
#include "fleet/memory.h"

const struct pending_token *pending_next(const struct pending_token *token)
{
    for (token = token->next; token && token->is_rejected;)
        token = token->next;
    return token;
}

const struct pending_token *pending_newest(const struct device *device)
{
    const struct pending_token *token = device->pending;
    return token && token->is_rejected ? pending_next(token) : token;
}

static struct pending_token *find(const struct device *device,
                                  const uint8_t token_sha256[static 32])
{
    struct pending_token *token = device->pending;
    while (token && !fleet_same_secret(token->token_sha256, token_sha256))
        token = token->next;
    return token;
}

static godwit_err add_event(struct db *db, const struct device *device, enum event_kind kind,
                            const struct pending_token *token, int64_t now_s)
{
    struct event event = {.time_s = now_s, .kind = kind};
    char mark[2 * PENDING_MARK_SIZE + 1];
    godwit_hex_encode(token->token_sha256, PENDING_MARK_SIZE, mark);
    snprintf(event.detail, sizeof event.detail, "token %s", mark);
    memcpy(event.version, token->version, sizeof event.version);
    return event_add(db, device->id, device->device_id, &event);
}

/* ---- asking ---- */

/* The token whose place is taken first: the oldest that was rejected, else the oldest of those that
 * the new one may push out. count_out: all; NULL where none gives way. */
static struct pending_token *gives_way(const struct device *device, int64_t now_s)
{
    struct pending_token *oldest = NULL, *rejected = NULL;
    for (struct pending_token *token = device->pending; token; token = token->next) {
        oldest = token;
        if (token->is_rejected) rejected = token;
    }
    if (rejected) return rejected;
    return oldest && oldest->requested_s + PENDING_KEEP_S <= now_s ? oldest : NULL;
}

enum pending_place pending_place(const struct device *device, const struct pending_token *candidate)
{
    const struct pending_token *known = find(device, candidate->token_sha256);
    size_t count = 0, same_claim = 0;
    if (known) return known->is_rejected ? PENDING_REJECTED : PENDING_KNOWN;
    for (const struct pending_token *token = device->pending; token; token = token->next, count++)
        same_claim += !token->is_rejected &&
                      token->requested_s + PENDING_KEEP_S > candidate->requested_s &&
                      !memcmp(token->claim_sha256, candidate->claim_sha256, 32);
    if (same_claim >= PENDING_CLAIM_MAX) return PENDING_FULL;
    bool has_room = count < PENDING_MAX || gives_way(device, candidate->requested_s);
    return has_room ? PENDING_ROOM : PENDING_FULL;
}

static godwit_err make_room(struct fleet *fleet, struct db *db, struct device *device,
                            int64_t now_s)
{
    size_t count = 0;
    for (const struct pending_token *token = device->pending; token; token = token->next)
        count++;
    struct pending_token *old = gives_way(device, now_s);
    if (count < PENDING_MAX || !old) return GODWIT_OK;
    godwit_err err =
        db_run(db, "delete from pending_tokens where id = $1", DB_ARGS(db_int(old->id)));
    if (err) return err;
    fleet_lock(fleet);
    struct pending_token **at = &device->pending;
    while (*at != old)
        at = &(*at)->next;
    *at = old->next;
    fleet_unlock(fleet);
    free(old);
    return GODWIT_OK;
}

godwit_err pending_note(struct fleet *fleet, struct db *db, struct device *device,
                        const struct pending_token *candidate, enum pending_place *place_out)
{
    int64_t id;
    *place_out = pending_place(device, candidate);
    if (*place_out != PENDING_ROOM) return GODWIT_OK;
    godwit_err err = make_room(fleet, db, device, candidate->requested_s);
    if (err) return err;
    err = db_run_returning(
        db,
        "insert into pending_tokens (org, device, product, token_sha256, requested, version,"
        " claim_sha256) values ($1, $2, $3, $4, $5, $6, $7) returning id",
        DB_ARGS(db_text(device->product->org->name), db_int(device->id),
                db_int(candidate->product->id), db_blob(candidate->token_sha256, 32),
                db_int(candidate->requested_s), db_text(candidate->version),
                db_blob(candidate->claim_sha256, 32)),
        &id);
    if (!err) err = add_event(db, device, EVENT_CONFLICT, candidate, candidate->requested_s);
    if (err) return err;
    struct pending_token *token = fleet_alloc(sizeof *token);
    *token = *candidate;
    token->id = id;
    fleet_lock(fleet);
    token->next = device->pending;
    device->pending = token;
    fleet_unlock(fleet);
    return GODWIT_OK;
}

/* ---- choosing ---- */

static const struct pending_token *find_entry(const struct device *device, const uint8_t *mark)
{
    const struct pending_token *token = pending_newest(device);
    while (token && memcmp(token->token_sha256, mark, PENDING_MARK_SIZE))
        token = pending_next(token);
    return token;
}

/* What holds of the board keeps; what its predecessor ran, held and had written down does not. */
static void facts_anew(struct facts_copy *out, const struct device_facts *old,
                       const struct pending_token *token)
{
    const struct device_facts facts = {.running = &out->running,
                                       .staged_file_sha256 = out->staged_file_sha256,
                                       .chip_id = old->chip_id,
                                       .chip_revision = old->chip_revision,
                                       .block_revision = old->block_revision,
                                       .no_max_revision = old->no_max_revision,
                                       .no_max_block_revision = old->no_max_block_revision,
                                       .flash_size = old->flash_size,
                                       .slot_size = old->slot_size,
                                       .secure_version = old->secure_version,
                                       .hardware_revision = old->hardware_revision,
                                       .last_seen_s = old->last_seen_s};
    *out = (struct facts_copy){.facts = facts};
    memcpy(out->running.version, token->version, sizeof out->running.version);
}

static godwit_err write_accepted(struct db *db, const struct device *device,
                                 const struct pending_token *token,
                                 const struct device_facts *facts, int64_t now_s)
{
    static const char *const STATEMENTS[] = {
        "delete from rotations where device = $1",
        "delete from forks where device = $1",
        "update events set report = null where device = $1 and report is not null",
        "delete from failed_images where device = $1",
        "delete from pending_tokens where device = $1 and is_rejected = 0",
    };
    godwit_err err = db_run(
        db,
        "update devices set token_sha256 = $2, product = $3, outcome_id = 0, outcome_stage = 0,"
        " outcome_reason = 0, outcome_file = null, outcome_detail = '', known_image = null,"
        " not_offered_rollout = 0, retired = 0, token_made = $4 where id = $1",
        DB_ARGS(db_int(device->id), db_blob(token->token_sha256, 32), db_int(token->product->id),
                db_int(now_s)));
    if (!err)
        err = db_run(
            db, "update members set state = $2, reason = 0 where device = $1 and state <> $3",
            DB_ARGS(db_int(device->id), db_int(MEMBER_SELECTED), db_int(MEMBER_SUPERSEDED)));
    for (size_t i = 0; i < sizeof STATEMENTS / sizeof *STATEMENTS && !err; i++)
        err = db_run(db, STATEMENTS[i], DB_ARGS(db_int(device->id)));
    return err ? err : device_write_facts(db, device->id, facts);
}

/* Those that wait; the rejected ones stay known. */
static void forget_waiting(struct device *device)
{
    for (struct pending_token **at = &device->pending; *at;) {
        struct pending_token *token = *at;
        if (token->is_rejected) {
            at = &token->next;
            continue;
        }
        *at = token->next;
        free(token);
    }
}

static void take_accepted(struct fleet *fleet, struct device *device,
                          const struct pending_token *token, const struct device_facts *facts)
{
    static const struct godwit_outcome NO_OUTCOME;
    fleet_lock(fleet);
    identity_reset(fleet, device);
    device->is_forked = false;
    device->fork_steps = 0;
    index_remove(&fleet->devices_by_token, device);
    memcpy(device->token_sha256, token->token_sha256, sizeof device->token_sha256);
    index_add(&fleet->devices_by_token, device);
    device_is_reinstated(device);
    device->product->devices_count--;
    device->product = token->product;
    device->product->devices_count++;
    device_set_facts(fleet, device, facts);
    device_set_outcome(fleet, device, &NO_OUTCOME);
    device_set_digest(fleet, &device->known_image, NO_OUTCOME.file_sha256);
    device_unguard(fleet, device);
    device->is_answered = false;
    device->not_offered_rollout = 0;
    device->changed_in = fleet->transaction;
    for (struct member *member = device->members; member; member = member->next)
        if (member->state != MEMBER_SUPERSEDED) member_set(device, member, MEMBER_SELECTED, 0);
    site_count(&fleet->catalogue, device);
    forget_waiting(device);
    fleet_unlock(fleet);
}

godwit_err pending_accept(struct fleet *fleet, struct db *db, struct device *device,
                          const uint8_t mark[static PENDING_MARK_SIZE], int64_t now_s,
                          enum pending_result *result_out)
{
    const struct pending_token *token = find_entry(device, mark);
    *result_out = PENDING_NONE;
    if (!token) return GODWIT_OK;
    *result_out = PENDING_OLDER;
    if (token != pending_newest(device)) return GODWIT_OK;
    *result_out = PENDING_TAKEN;
    struct device *other;
    godwit_err err = device_fetch_with_token(fleet, db, token->token_sha256, &other);
    if (err || other) return err;
    *result_out = PENDING_DONE;
    struct facts_copy anew;
    fleet_lock(fleet);
    facts_anew(&anew, &device->facts, token);
    fleet_unlock(fleet);
    err = write_accepted(db, device, token, &anew.facts, now_s);
    if (!err) err = add_event(db, device, EVENT_ACCEPTED, token, now_s);
    if (err) return err;
    take_accepted(fleet, device, token, &anew.facts);
    return listing_renew(fleet, db, device);
}

godwit_err pending_reject(struct fleet *fleet, struct db *db, struct device *device,
                          const uint8_t mark[static PENDING_MARK_SIZE], int64_t now_s,
                          enum pending_result *result_out)
{
    const struct pending_token *waits = find_entry(device, mark);
    *result_out = waits ? PENDING_DONE : PENDING_NONE;
    if (!waits) return GODWIT_OK;
    godwit_err err = db_run(db, "update pending_tokens set is_rejected = 1 where id = $1",
                            DB_ARGS(db_int(waits->id)));
    if (!err) err = add_event(db, device, EVENT_REJECTED, waits, now_s);
    if (err) return err;
    fleet_lock(fleet);
    find(device, waits->token_sha256)->is_rejected = true;
    fleet_unlock(fleet);
    return GODWIT_OK;
}

/* ---- reading ---- */

void pending_load(struct fleet *fleet, struct device *device, const struct db_rows *rows)
{
    struct product *product = fleet->catalogue.products;
    while (product && product->id != db_column_int(rows, 2))
        product = product->next;
    if (!product) return;
    struct pending_token *token = fleet_alloc(sizeof *token);
    token->id = db_column_int(rows, 1);
    token->product = product;
    db_column_blob(rows, 3, token->token_sha256, sizeof token->token_sha256);
    token->requested_s = db_column_int(rows, 4);
    db_column_text(rows, 5, token->version, sizeof token->version);
    token->is_rejected = db_column_int(rows, 6);
    db_column_blob(rows, 7, token->claim_sha256, sizeof token->claim_sha256);
    token->next = device->pending;
    device->pending = token;
}

void pending_free(struct device *device)
{
    for (struct pending_token *token = device->pending, *next; token; token = next) {
        next = token->next;
        free(token);
    }
    device->pending = NULL;
}
