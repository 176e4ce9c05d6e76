/* Tokens that change and identities that fork. Rejected for the alarm: every single step back,
 * which would take each board for a thief whose flash somebody wrote back; and the addresses that
 * devices come from, which change with every network. */
#include "fleet/identity.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "fleet/cache.h"
#include "fleet/device.h"
#include "fleet/event.h"
#include "fleet/factory.h"
#include "fleet/listing.h"
#include "fleet/memory.h"

#define MARK_SIZE 8 /* of a token in the history, as in pending.h */

static bool has_next(const struct device *device)
{
    return device->rotation && !godwit_all(device->rotation->next_sha256, 32, 0);
}

static bool is_next(const struct device *device, const uint8_t token_sha256[static 32])
{
    return has_next(device) && fleet_same_secret(device->rotation->next_sha256, token_sha256);
}

struct device *identity_find_next(const struct fleet *fleet, const uint8_t token_sha256[static 32])
{
    const struct rotation *rotation = index_find(&fleet->rotations_by_token, token_sha256);
    return rotation && is_next(rotation->device, token_sha256) ? rotation->device : NULL;
}

static struct rotation *rotation_of(struct device *device)
{
    if (!device->rotation) {
        device->rotation = fleet_alloc(sizeof *device->rotation);
        device->rotation->device = device;
    }
    return device->rotation;
}

void identity_reset(struct fleet *fleet, struct device *device)
{
    if (has_next(device)) index_remove(&fleet->rotations_by_token, device->rotation);
    free(device->rotation);
    device->rotation = NULL;
}

godwit_err identity_reset_rows(struct db *db, int64_t device)
{
    return db_run(db, "delete from rotations where device = $1", DB_ARGS(db_int(device)));
}

/* ---- the next token ---- */

static bool tells_another(const struct device *device, const struct token_use *use)
{
    return use->told_sha256 && !fleet_same_secret(device->token_sha256, use->told_sha256) &&
           !is_next(device, use->told_sha256);
}

bool identity_is_changed(const struct device *device, const struct token_use *use)
{
    return is_next(device, use->shown_sha256) || tells_another(device, use);
}

static godwit_err add_event(struct db *db, const struct device *device, enum event_kind kind,
                            const uint8_t token_sha256[static 32], int64_t now_s)
{
    struct event event = {.time_s = now_s, .kind = kind};
    char mark[2 * MARK_SIZE + 1];
    godwit_hex_encode(token_sha256, MARK_SIZE, mark);
    snprintf(event.detail, sizeof event.detail, "token %s", mark);
    return event_add(db, device->id, device->device_id, &event);
}

/* What another holds by the bytes that the indexes go by can not be anybody's next. */
static bool is_free(const struct fleet *fleet, const uint8_t token_sha256[static 32])
{
    return !index_find(&fleet->devices_by_token, token_sha256) &&
           !index_find(&fleet->factory_by_token, token_sha256) &&
           !index_find(&fleet->rotations_by_token, token_sha256);
}

static godwit_err keep_next(struct fleet *fleet, struct db *db, struct device *device,
                            const uint8_t token_sha256[static 32])
{
    if (!is_free(fleet, token_sha256)) return GODWIT_OK;
    godwit_err err =
        db_run(db,
               "insert into rotations (device, org, next_token_sha256) values ($1, $2, $3)"
               " on conflict (device) do update set next_token_sha256 = excluded.next_token_sha256",
               DB_ARGS(db_int(device->id), db_text(device->product->org->name),
                       db_blob(token_sha256, 32)));
    if (err) return err;
    fleet_lock(fleet);
    struct rotation *rotation = rotation_of(device);
    if (has_next(device)) index_remove(&fleet->rotations_by_token, rotation);
    memcpy(rotation->next_sha256, token_sha256, 32);
    index_add(&fleet->rotations_by_token, rotation);
    device->changed_in = fleet->transaction;
    fleet_unlock(fleet);
    return GODWIT_OK;
}

static godwit_err use_next(struct fleet *fleet, struct db *db, struct device *device, int64_t now_s)
{
    uint8_t token[32];
    memcpy(token, device->rotation->next_sha256, sizeof token);
    godwit_err err =
        db_run(db, "update devices set token_sha256 = $2, token_made = $3 where id = $1",
               DB_ARGS(db_int(device->id), db_blob(token, sizeof token), db_int(now_s)));
    if (!err) err = identity_reset_rows(db, device->id);
    if (!err) err = add_event(db, device, EVENT_ROTATED, token, now_s);
    if (err) return err;
    fleet_lock(fleet);
    identity_reset(fleet, device);
    index_remove(&fleet->devices_by_token, device);
    memcpy(device->token_sha256, token, sizeof token);
    index_add(&fleet->devices_by_token, device);
    device->changed_in = fleet->transaction;
    fleet_unlock(fleet);
    return GODWIT_OK;
}

godwit_err identity_record(struct fleet *fleet, struct db *db, struct device *device,
                           const struct token_use *use, int64_t now_s)
{
    if (is_next(device, use->shown_sha256)) return use_next(fleet, db, device, now_s);
    return tells_another(device, use) ? keep_next(fleet, db, device, use->told_sha256) : GODWIT_OK;
}

godwit_err identity_ask(struct fleet *fleet, struct db *db, struct device *device, int64_t now_s)
{
    godwit_err err =
        db_run(db,
               "insert into rotations (device, org, asked) values ($1, $2, $3)"
               " on conflict (device) do update set asked = excluded.asked",
               DB_ARGS(db_int(device->id), db_text(device->product->org->name), db_int(now_s)));
    if (err) return err;
    fleet_lock(fleet);
    rotation_of(device)->is_asked = true;
    fleet_unlock(fleet);
    return GODWIT_OK;
}

struct aged {
    char org[33];
    uint8_t device_id[16];
};

/* One that was asked and has not come since is not asked again, so it holds no place. */
static godwit_err read_aged(struct db *db, int64_t made_before_s, struct aged *out, size_t count,
                            size_t *count_out)
{
    struct db_rows rows;
    *count_out = 0;
    godwit_err err =
        db_query(db, &rows,
                 "select org, device_id from devices where retired = 0 and token_made < $1"
                 " and not exists (select 1 from rotations where rotations.device = devices.id)"
                 " order by token_made limit $2",
                 DB_ARGS(db_int(made_before_s), db_int((int64_t)count)));
    while (!err && *count_out < count && !(err = db_next(&rows))) {
        db_column_text(&rows, 0, out[*count_out].org, sizeof out->org);
        db_column_blob(&rows, 1, out[(*count_out)++].device_id, 16);
    }
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

godwit_err identity_ask_aged(struct fleet *fleet, struct db *db, int64_t made_before_s,
                             int64_t now_s, size_t *asked_out)
{
    struct aged aged[IDENTITY_AGED_MAX];
    size_t count;
    *asked_out = 0;
    godwit_err err = read_aged(db, made_before_s, aged, IDENTITY_AGED_MAX, &count);
    for (size_t i = 0; i < count && !err; i++) {
        struct device *device = NULL;
        err = device_fetch(fleet, db, aged[i].org, aged[i].device_id, &device);
        if (!err && device) err = identity_ask(fleet, db, device, now_s);
        if (!err && device) ++*asked_out;
    }
    return err;
}

bool identity_is_asked(const struct device *device)
{
    return device->rotation && device->rotation->is_asked;
}

/* ---- the counters ---- */

/* Counters that a device does not say are zero. */
bool identity_is_stale(const struct device *device, const struct godwit_checkin *checkin)
{
    const struct device_facts *facts = &device->facts;
    if (!checkin->checkins || !facts->checkins) return false;
    if (checkin->boots != facts->boots) return checkin->boots < facts->boots;
    return checkin->checkins < facts->checkins;
}

/* The same count twice is two devices, unless it is the very same request: HTTP clients repeat one
 * by themselves when a connection that they had kept turns out to be closed. */
static bool steps_back(const struct device *device, const struct godwit_checkin *checkin)
{
    const struct device_facts *facts = &device->facts;
    bool is_equal =
        checkin->checkins && checkin->checkins == facts->checkins && checkin->boots == facts->boots;
    bool is_repeated = facts->nonce_tag == godwit_load32(checkin->nonce);
    return identity_is_stale(device, checkin) || (is_equal && !is_repeated);
}

bool identity_watch(struct device *device, const struct godwit_checkin *checkin, int64_t now_s)
{
    if (device->is_forked || !steps_back(device, checkin)) return false;
    if (device->fork_s + IDENTITY_FORK_WINDOW_S < now_s) device->fork_steps = 0;
    device->fork_s = now_s;
    if (device->fork_steps < IDENTITY_FORK_STEPS) device->fork_steps++;
    return device->fork_steps == IDENTITY_FORK_STEPS;
}

godwit_err identity_record_fork(struct fleet *fleet, struct db *db, struct device *device,
                                int64_t now_s)
{
    struct event event = {.time_s = now_s, .kind = EVENT_FORKED};
    if (device->is_forked || device->fork_steps < IDENTITY_FORK_STEPS) return GODWIT_OK;
    godwit_err err =
        db_run(db,
               "insert into forks (device, org, noticed) values ($1, $2, $3)"
               " on conflict (device) do nothing",
               DB_ARGS(db_int(device->id), db_text(device->product->org->name), db_int(now_s)));
    if (!err) err = event_add(db, device->id, device->device_id, &event);
    if (err) return err;
    fleet_lock(fleet);
    device->is_forked = true;
    device->changed_in = fleet->transaction;
    fleet_unlock(fleet);
    return GODWIT_OK;
}

godwit_err identity_clear(struct fleet *fleet, struct db *db, struct device *device, int64_t now_s,
                          bool *is_done_out)
{
    struct event event = {.time_s = now_s, .kind = EVENT_CLEARED};
    *is_done_out = device->is_forked;
    if (!device->is_forked) return GODWIT_OK;
    godwit_err err = db_run(db, "delete from forks where device = $1", DB_ARGS(db_int(device->id)));
    if (!err) err = event_add(db, device->id, device->device_id, &event);
    if (err) return err;
    fleet_lock(fleet);
    device->is_forked = false;
    device->fork_steps = 0;
    device->changed_in = fleet->transaction;
    fleet_unlock(fleet);
    return listing_renew(fleet, db, device);
}

/* ---- reading ---- */

struct row {
    int64_t device;
    bool is_fork, is_asked;
    uint8_t next_sha256[32];
};

static godwit_err read_rows(struct db *db, const char *sql, struct row **rows_out,
                            size_t *count_out)
{
    struct db_rows rows;
    godwit_err err = db_query(db, &rows, sql, NULL, 0);
    while (!err && !(err = db_next(&rows))) {
        *rows_out = realloc(*rows_out, (*count_out + 1) * sizeof **rows_out);
        if (!*rows_out) abort();
        struct row *row = &(*rows_out)[(*count_out)++];
        row->device = db_column_int(&rows, 0);
        row->is_fork = db_column_int(&rows, 1) != 0;
        row->is_asked = db_column_int(&rows, 2) != 0;
        db_column_blob(&rows, 3, row->next_sha256, sizeof row->next_sha256);
    }
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

static void take_row(struct fleet *fleet, struct device *device, const struct row *row)
{
    device->is_forked |= row->is_fork;
    if (row->is_fork) return;
    struct rotation *rotation = rotation_of(device);
    rotation->is_asked = row->is_asked;
    memcpy(rotation->next_sha256, row->next_sha256, sizeof rotation->next_sha256);
    if (has_next(device)) index_add(&fleet->rotations_by_token, rotation);
}

godwit_err identity_load(struct fleet *fleet, struct db *db)
{
    struct row *rows = NULL;
    size_t count = 0;
    struct device *device;
    godwit_err err =
        read_rows(db, "select device, 0, asked, next_token_sha256 from rotations", &rows, &count);
    if (!err) err = read_rows(db, "select device, 1, 0, null from forks", &rows, &count);
    for (size_t i = 0; i < count && !err; i++) {
        err = device_fetch_row(fleet, db, rows[i].device, &device);
        if (!err && device) take_row(fleet, device, &rows[i]);
    }
    free(rows);
    return err;
}
