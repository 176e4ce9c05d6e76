/* Rollouts and their members. The counts of a rollout are kept as its members move, never counted
 * anew: a check-in reads them on the hot path. */
#include "fleet/rollout.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "fleet/cache.h"
#include "fleet/decide.h"
#include "fleet/device.h"
#include "fleet/event.h"
#include "fleet/listing.h"
#include "fleet/memory.h"
#include "fleet/order.h"
#include "fleet/outlook.h"
#include "fleet/site.h"
#include "fleet/strata_of.h"

static uint32_t *count_of(struct rollout *rollout, enum member_state state, bool is_away)
{
    switch (state) {
    case MEMBER_IN_PROGRESS:
        return is_away ? &rollout->away_count : &rollout->in_progress_count;
    case MEMBER_SUCCEEDED:
        return &rollout->succeeded_count;
    case MEMBER_FAILED:
        return &rollout->failed_count;
    case MEMBER_SOAKING:
        return &rollout->soaking_count;
    case MEMBER_UNDOING:
        return &rollout->undoing_count;
    case MEMBER_UNDONE:
        return &rollout->undone_count;
    default:
        return NULL;
    }
}

void rollout_count_failure(struct rollout *rollout, const struct strata_key *key,
                           uint32_t offer_number)
{
    if (!strata_fail(&rollout->strata, key, offer_number)) return;
    brake_add(&rollout->brake, offer_number);
    brake_add(&rollout->doubt, offer_number);
}

static void take_back(const struct member *member)
{
    brake_take_back(&member->rollout->brake, member->offer_number);
    brake_take_back(&member->rollout->doubt, member->offer_number);
    strata_take_back(&member->rollout->strata, member->offer_number);
}

static bool has_confirmed(enum member_state state)
{
    return state == MEMBER_SOAKING || state == MEMBER_SUCCEEDED;
}

void member_set(const struct device *device, struct member *member, enum member_state state,
                uint32_t reason)
{
    const struct strata_key key = device_strata(device, member->came_from);

    uint32_t *from = count_of(member->rollout, (enum member_state)member->state, member->is_away);
    uint32_t *to = count_of(member->rollout, state, false);
    if (from) --*from;
    if (to) ++*to;
    take_back(member); /* overdue or failed before, it has moved */
    const int confirmed = has_confirmed(state) - has_confirmed((enum member_state)member->state);
    if (confirmed) strata_confirm(&member->rollout->strata, &key, confirmed);
    if (state == MEMBER_FAILED) rollout_count_failure(member->rollout, &key, member->offer_number);
    member->rollout->is_moved = true;
    member->is_away = false;
    member->state = (uint8_t)state;
    member->reason = (uint16_t)reason;
}

void member_set_away(struct member *member, bool is_away)
{
    struct rollout *rollout = member->rollout;
    if (member->is_away == is_away) return;
    --*count_of(rollout, (enum member_state)member->state, member->is_away);
    ++*count_of(rollout, (enum member_state)member->state, is_away);
    member->is_away = is_away;
}

void rollout_count(struct rollout *rollout, enum member_state state, uint32_t count,
                   uint32_t offer_number_max)
{
    uint32_t *of_state = count_of(rollout, state, false);
    if (of_state) *of_state += count;
    rollout->members_count += count;
    rollout->is_moved = true;
    if (offer_number_max > rollout->offered_count) rollout->offered_count = offer_number_max;
}

struct member *member_add(struct fleet *fleet, struct device *device, const struct member *member)
{
    rollout_count(member->rollout, (enum member_state)member->state, 1, member->offer_number);
    return member_link(fleet, device, member);
}

struct member *member_link(struct fleet *fleet, struct device *device, const struct member *wanted)
{
    struct member *member = pool_take(&fleet->member_cells);
    *member = *wanted;
    struct member **at = &device->members;
    while (*at && (*at)->rollout->id > member->rollout->id)
        at = &(*at)->next;
    member->next = *at;
    *at = member;
    site_count(&fleet->catalogue, device);
    return member;
}

void member_remove(struct fleet *fleet, struct member **at)
{
    struct member *member = *at;
    uint32_t *count = count_of(member->rollout, (enum member_state)member->state, member->is_away);
    if (count) --*count;
    take_back(member);
    member->rollout->members_count--;
    member->rollout->is_moved = true;
    *at = member->next;
    pool_give(&fleet->member_cells, member);
}

void rollout_link(struct fleet *fleet, struct rollout *rollout)
{
    rollout->next = fleet->catalogue.rollouts;
    fleet->catalogue.rollouts = rollout;
    index_add(&fleet->catalogue.rollouts_by_id, rollout);
    struct product *product = rollout->release->product;
    if (!rollout->is_targeted && (!product->rollout || rollout_outranks(rollout, product->rollout)))
        product->rollout = rollout;
}

/* After one of its rollouts has changed or gone. */
static void choose_rollout(struct fleet *fleet, struct product *product)
{
    product->rollout = NULL;
    struct rollout *rollout = fleet->catalogue.rollouts;
    for (; rollout; rollout = rollout->next) {
        bool is_for_all = !rollout->is_targeted && rollout->release->product == product;
        if (is_for_all && (!product->rollout || rollout_outranks(rollout, product->rollout)))
            product->rollout = rollout;
    }
}

void rollout_free(struct rollout *rollout)
{
    brake_free(&rollout->brake);
    brake_free(&rollout->doubt);
    strata_free(&rollout->strata);
    free(rollout->walk);
    free(rollout);
}

void rollout_unlink(struct fleet *fleet, struct rollout *rollout)
{
    struct product *product = rollout->release->product;
    struct rollout **at = &fleet->catalogue.rollouts;
    while (*at != rollout)
        at = &(*at)->next;
    *at = rollout->next;
    index_remove(&fleet->catalogue.rollouts_by_id, rollout);
    if (product->rollout == rollout) choose_rollout(fleet, product);
}

static godwit_err write_rows(struct db *db, const struct rollout_request *wanted, int64_t now_s,
                             int64_t *id_out)
{
    struct device *const *devices = wanted->devices;
    const struct rollout_guards *guards = &wanted->guards;
    char gates[GATES_TEXT_MAX], windows[WINDOW_TEXT_MAX], zone[ZONE_TEXT_MAX];
    gates_format(&wanted->plan, gates);
    window_format(guards, windows);
    zone_format(guards->zone, zone);
    godwit_err err = db_run(db, "update releases set frozen = 1 where id = $1",
                            DB_ARGS(db_int(wanted->release->id)));
    if (!err)
        err = db_run_returning(
            db,
            "insert into rollouts (org, release, is_targeted, created, allow_downgrade, again,"
            " soak, gates, is_careful, windows, zone, per_site, battery_min, needs_consent,"
            " has_first, selection, priority, state, state_by, state_time) values ($1, $2, $3, $4,"
            " $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)"
            " returning id",
            DB_ARGS(db_text(wanted->release->product->org->name), db_int(wanted->release->id),
                    db_int(devices != NULL), db_int(now_s), db_int(wanted->allow_downgrade),
                    db_int(wanted->again), db_int(wanted->plan.soak_s), db_text(gates),
                    db_int(wanted->plan.is_careful), db_text(windows), db_text(zone),
                    db_int(guards->per_site), db_int(guards->battery_min),
                    db_int(guards->needs_consent), db_int(wanted->first_count > 0),
                    db_text(wanted->selection ? wanted->selection : ""), db_int(wanted->priority),
                    db_int(wanted->is_unapproved ? ROLLOUT_UNAPPROVED : ROLLOUT_RUNNING),
                    db_text(wanted->is_unapproved ? wanted->by : ""),
                    db_int(wanted->is_unapproved ? now_s : 0)),
            id_out);
    for (size_t i = 0; i < wanted->devices_count && !err; i++)
        err = db_run(db,
                     "insert into members (org, rollout, device, offer_number, state)"
                     " values ($1, $2, $3, 0, $4) on conflict (rollout, device) do nothing",
                     DB_ARGS(db_text(wanted->release->product->org->name), db_int(*id_out),
                             db_int(devices[i]->id), db_int(MEMBER_SELECTED)));
    for (size_t i = 0; i < wanted->first_count && !err; i++)
        err = db_run(db,
                     "insert into members (org, rollout, device, offer_number, state, is_first)"
                     " values ($1, $2, $3, 0, $4, 1) on conflict (rollout, device) do update set"
                     " is_first = 1",
                     DB_ARGS(db_text(wanted->release->product->org->name), db_int(*id_out),
                             db_int(wanted->first[i]->id), db_int(MEMBER_SELECTED)));
    return err;
}

/* It has a place before its offer, as one that is on the list of a rollout has. */
static void come_first(struct fleet *fleet, struct device *device, struct rollout *rollout)
{
    struct member *member = device_member(device, rollout);
    if (member)
        member->is_first = true;
    else
        member_add(fleet, device, &(struct member){.rollout = rollout, .is_first = true});
}

godwit_err rollout_create(struct fleet *fleet, struct db *db, const struct rollout_request *wanted,
                          int64_t now_s, uint32_t *id_out)
{
    int64_t id = 0;
    godwit_err err = write_rows(db, wanted, now_s, &id);
    if (!err) err = listing_unsettle(fleet, db);
    if (err) return err;
    struct rollout *rollout = fleet_alloc(sizeof *rollout);
    *rollout =
        (struct rollout){.id = (uint32_t)id,
                         .release = wanted->release,
                         .priority = wanted->priority,
                         .state = wanted->is_unapproved ? ROLLOUT_UNAPPROVED : ROLLOUT_RUNNING,
                         .created_s = now_s,
                         .is_targeted = wanted->devices != NULL,
                         .allow_downgrade = wanted->allow_downgrade,
                         .again = wanted->again,
                         .has_first = wanted->first_count > 0,
                         .is_continuous = wanted->selection != NULL,
                         .plan = wanted->plan,
                         .guards = wanted->guards};
    fleet_lock(fleet);
    wanted->release->frozen = true;
    for (size_t i = 0; i < wanted->devices_count; i++)
        if (!device_member(wanted->devices[i], rollout))
            member_add(fleet, wanted->devices[i], &(struct member){.rollout = rollout});
    for (size_t i = 0; i < wanted->first_count; i++)
        come_first(fleet, wanted->first[i], rollout);
    rollout_link(fleet, rollout);
    order_begin(rollout);
    fleet->unnoted_from = fleet->unpruned_from = 0;
    fleet_unlock(fleet);
    *id_out = rollout->id;
    return GODWIT_OK;
}

godwit_err rollout_set_state(struct fleet *fleet, struct db *db, struct rollout *rollout,
                             enum rollout_state state, const char *by, int64_t now_s)
{
    if (rollout->state == state) return GODWIT_OK;
    godwit_err err = db_run(db,
                            "update rollouts set state = $2, state_by = $3, state_time = $4,"
                            " is_untold = $5 where id = $1",
                            DB_ARGS(db_int(rollout->id), db_int(state), db_text(by), db_int(now_s),
                                    db_int(*by == '\0')));
    if (!err) err = listing_unsettle(fleet, db);
    if (err) return err;
    fleet_lock(fleet);
    rollout->state = state;
    choose_rollout(fleet, rollout->release->product);
    fleet->unpruned_from = 0; /* another one may speak to its devices */
    fleet_unlock(fleet);
    return GODWIT_OK;
}

godwit_err rollout_set_priority(struct fleet *fleet, struct db *db, struct rollout *rollout,
                                enum rollout_priority priority)
{
    if (rollout->priority == priority) return GODWIT_OK;
    godwit_err err = db_run(db, "update rollouts set priority = $2 where id = $1",
                            DB_ARGS(db_int(rollout->id), db_int(priority)));
    if (!err) err = listing_unsettle(fleet, db);
    if (err) return err;
    fleet_lock(fleet);
    rollout->priority = priority;
    choose_rollout(fleet, rollout->release->product);
    fleet->unpruned_from = 0;
    fleet_unlock(fleet);
    return GODWIT_OK;
}

godwit_err member_move(struct fleet *fleet, struct db *db, struct device *device,
                       struct member *member, const struct member_move *move)
{
    godwit_err err = db_run(db,
                            "update members set state = $1, reason = $2, due = $3"
                            " where rollout = $4 and device = $5",
                            DB_ARGS(db_int(move->state), db_int(move->reason), db_int(move->due_s),
                                    db_int(member->rollout->id), db_int(device->id)));
    if (err) return err;
    fleet_lock(fleet);
    member_set(device, member, move->state, move->reason);
    member->due_s = move->due_s;
    site_count(&fleet->catalogue, device);
    fleet_unlock(fleet);
    return GODWIT_OK;
}

godwit_err member_fail(struct fleet *fleet, struct db *db, struct device *device,
                       struct member *member, uint32_t reason, int64_t now_s)
{
    const struct member_move move = {.state = MEMBER_FAILED, .reason = reason};
    godwit_err err = member_move(fleet, db, device, member, &move);
    return err ? err : rollout_brake(fleet, db, member->rollout, now_s);
}

/* What fails on a stratum alone stops there; its failures weigh on the whole no more. */
static godwit_err halt_strata(struct fleet *fleet, struct db *db, struct rollout *rollout,
                              int64_t now_s)
{
    bool is_any = false;
    struct stratum *stratum;
    for (;;) {
        const struct strata_whole whole = rollout_whole(rollout);
        stratum = strata_find_halting(&rollout->strata, &whole);
        if (!stratum) break;
        GODWIT_LOG(WARN, "stratum_halted", "rollout=%u kind=%s value=%u offered=%u failed=%zu",
                   rollout->id, stratum_kind_id(stratum->kind), stratum->value, stratum->offered,
                   stratum->failed.count);
        fleet_lock(fleet);
        strata_halt(&rollout->strata, stratum, now_s, &rollout->brake, &rollout->doubt);
        rollout->is_moved = true;
        fleet_unlock(fleet);
        is_any = true;
    }
    return is_any ? listing_unsettle(fleet, db) : GODWIT_OK;
}

godwit_err rollout_brake(struct fleet *fleet, struct db *db, struct rollout *rollout, int64_t now_s)
{
    godwit_err err = GODWIT_OK;
    if (rollout->state == ROLLOUT_RUNNING && !outlook_pauses_at_failure(rollout))
        err = halt_strata(fleet, db, rollout, now_s);
    if (err) return err;
    fleet_lock(fleet);
    const struct brake_view view = rollout_weigh(rollout, &rollout->brake);
    bool is_small = outlook_pauses_at_failure(rollout);
    fleet_unlock(fleet);
    if (rollout->state != ROLLOUT_RUNNING) return GODWIT_OK;
    if (view.weight < view.bound)
        return is_small ? rollout_set_state(fleet, db, rollout, ROLLOUT_PAUSED, "", now_s)
                        : GODWIT_OK;
    GODWIT_LOG(WARN, "rollout_halted", "rollout=%u first=%u last=%u failed=%u", rollout->id,
               view.first, view.last, rollout->failed_count);
    return rollout_set_state(fleet, db, rollout, ROLLOUT_HALTED, "", now_s);
}

/* ---- proof ---- */

/* Whether all that were offered it before its gate have confirmed it, failed or are away, and the
 * last of them has soaked for as long as the gate asks. */
static bool has_proven_gate(const struct rollout *rollout, int64_t now_s)
{
    const struct rollout_gate *gate = &rollout->plan.gates[rollout->gates_open];
    return rollout->offered_count >= rollout_gate(rollout) && rollout->in_progress_count == 0 &&
           rollout->soaking_count == 0 && now_s >= rollout->confirmed_s + gate->soak_s;
}

godwit_err rollout_step(struct fleet *fleet, struct db *db, struct rollout *rollout, int64_t now_s,
                        bool *is_open_out)
{
    fleet_lock(fleet);
    bool has_gate = rollout_gate(rollout) != UINT32_MAX && rollout->state == ROLLOUT_RUNNING;
    *is_open_out = has_gate && has_proven_gate(rollout, now_s);
    fleet_unlock(fleet);
    if (!*is_open_out) return GODWIT_OK;
    godwit_err err = db_run(db, "update rollouts set gates_open = $2 where id = $1",
                            DB_ARGS(db_int(rollout->id), db_int(rollout->gates_open + 1)));
    if (!err) err = listing_unsettle(fleet, db);
    if (err) return err;
    fleet_lock(fleet);
    rollout->gates_open++;
    fleet_unlock(fleet);
    GODWIT_LOG(INFO, "gate_opened", "rollout=%u gate=%u succeeded=%u", rollout->id,
               rollout->gates_open, rollout->succeeded_count);
    return GODWIT_OK;
}

godwit_err rollout_skip(struct fleet *fleet, struct db *db, struct rollout *rollout)
{
    godwit_err err = db_run(db, "update rollouts set is_skipped = 1 where id = $1",
                            DB_ARGS(db_int(rollout->id)));
    if (!err) err = listing_unsettle(fleet, db);
    if (err) return err;
    fleet_lock(fleet);
    rollout->is_skipped = true;
    fleet_unlock(fleet);
    return GODWIT_OK;
}

/* The device keeps the image in quarantine: the reply tells it to try again (reply.c). */
godwit_err rollout_retry(struct fleet *fleet, struct db *db, struct rollout *rollout,
                         struct device *device)
{
    struct member *member = device_member(device, rollout);
    const struct member_move move = {.state = MEMBER_SELECTED};
    if (!member || member->state != MEMBER_FAILED) return GODWIT_OK;
    godwit_err err =
        db_run(db, "update members set is_again = 1 where rollout = $1 and device = $2",
               DB_ARGS(db_int(rollout->id), db_int(device->id)));
    if (!err) err = member_move(fleet, db, device, member, &move);
    if (err) return err;
    fleet_lock(fleet);
    member->is_again = true;
    device->changed_in = fleet->transaction;
    fleet_unlock(fleet);
    return listing_renew(fleet, db, device);
}

godwit_err rollout_take_in(struct fleet *fleet, struct db *db, struct rollout *rollout,
                           struct device *device, bool *is_new_out)
{
    const struct product *product = rollout->release->product;
    *is_new_out =
        device->product == product && !device->is_retired && !device_member(device, rollout);
    if (!*is_new_out) return GODWIT_OK;
    godwit_err err = db_run(db,
                            "insert into members (org, rollout, device, offer_number, state)"
                            " values ($1, $2, $3, 0, $4)",
                            DB_ARGS(db_text(product->org->name), db_int(rollout->id),
                                    db_int(device->id), db_int(MEMBER_SELECTED)));
    if (err) return err;
    fleet_lock(fleet);
    member_add(fleet, device, &(struct member){.rollout = rollout});
    device->changed_in = fleet->transaction;
    fleet_unlock(fleet);
    return listing_renew(fleet, db, device);
}

godwit_err device_note_not_offered(struct fleet *fleet, struct db *db, struct device *device,
                                   const struct decision *decision, int64_t now_s)
{
    struct event event = {.time_s = now_s, .kind = EVENT_NOT_OFFERED};
    const struct rollout *rollout = decision->rollout;
    memcpy(event.version, rollout->release->version, sizeof event.version);
    snprintf(event.detail, sizeof event.detail, "%s", decision_reason_id(decision->reason));
    godwit_err err = event_add(db, device->id, device->device_id, &event);
    if (!err)
        err = db_run(db, "update devices set not_offered_rollout = $1 where id = $2",
                     DB_ARGS(db_int(rollout->id), db_int(device->id)));
    if (err) return err;
    fleet_lock(fleet);
    device->not_offered_rollout = rollout->id;
    fleet_unlock(fleet);
    return GODWIT_OK;
}

/* The lock is taken for each device anew. */
godwit_err rollout_note_incompatible(struct fleet *fleet, struct db *db, size_t count_max,
                                     int64_t now_s, bool *more_out)
{
    struct device_walk walk = {.after = fleet->unnoted_from};
    struct device *device = NULL;
    godwit_err err = GODWIT_OK;
    for (size_t i = 0; i < count_max && !err; i++) {
        err = device_walk_next(fleet, db, &walk, &device);
        if (err || !device) break;
        fleet->unnoted_from = walk.after;
        fleet_lock(fleet);
        const struct decision decision = decide(device, &fleet->catalogue);
        fleet_unlock(fleet);
        if (decision.must_note) err = device_note_not_offered(fleet, db, device, &decision, now_s);
    }
    *more_out = device != NULL;
    return err;
}
