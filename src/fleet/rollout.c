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
#include "rt/clock_watch.h"

#define SILENT_INTERVALS 3
#define SILENT_S_MIN 30

static uint32_t *count_of(struct rollout *rollout, enum member_state state, bool is_away)
{
    switch (state) {
    case MEMBER_IN_PROGRESS:
        return is_away ? &rollout->away_count : &rollout->in_progress_count;
    case MEMBER_SUCCEEDED:
        return &rollout->succeeded_count;
    case MEMBER_FAILED:
        return &rollout->failed_count;
    default:
        return NULL;
    }
}

void member_set(struct member *member, enum member_state state, uint32_t reason)
{
    uint32_t *from = count_of(member->rollout, (enum member_state)member->state, member->is_away);
    uint32_t *to = count_of(member->rollout, state, false);
    if (from) --*from;
    if (to) ++*to;
    if (member->state == MEMBER_FAILED)
        brake_take_back(&member->rollout->brake, member->offer_number);
    if (state == MEMBER_FAILED) brake_add(&member->rollout->brake, member->offer_number);
    member->rollout->is_moved = true;
    member->is_away = false;
    member->state = (uint8_t)state;
    member->reason = reason;
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

struct member *member_add(struct fleet *fleet, struct device *device, struct rollout *rollout,
                          uint32_t offer_number, enum member_state state, uint32_t reason)
{
    rollout_count(rollout, state, 1, offer_number);
    return member_link(fleet, device, rollout, offer_number, state, reason);
}

struct member *member_link(struct fleet *fleet, struct device *device, struct rollout *rollout,
                           uint32_t offer_number, enum member_state state, uint32_t reason)
{
    struct member *member = pool_take(&fleet->member_cells);
    *member = (struct member){.rollout = rollout,
                              .offer_number = offer_number,
                              .state = (uint8_t)state,
                              .reason = reason};
    struct member **at = &device->members;
    while (*at && (*at)->rollout->id > rollout->id)
        at = &(*at)->next;
    member->next = *at;
    *at = member;
    return member;
}

void member_remove(struct fleet *fleet, struct member **at)
{
    struct member *member = *at;
    uint32_t *count = count_of(member->rollout, (enum member_state)member->state, member->is_away);
    if (count) --*count;
    if (member->state == MEMBER_FAILED)
        brake_take_back(&member->rollout->brake, member->offer_number);
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
    if (!rollout->is_targeted) rollout->release->product->rollout = rollout;
}

void rollout_free(struct rollout *rollout)
{
    brake_free(&rollout->brake);
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
    if (product->rollout != rollout) return;
    product->rollout = rollout->next;
    while (product->rollout &&
           (product->rollout->is_targeted || product->rollout->release->product != product))
        product->rollout = product->rollout->next;
}

static godwit_err write_rows(struct db *db, const struct rollout_request *wanted, int64_t now_s,
                             int64_t *id_out)
{
    struct device *const *devices = wanted->devices;
    godwit_err err = db_run(db, "update releases set frozen = 1 where id = $1",
                            DB_ARGS(db_int(wanted->release->id)));
    if (!err)
        err = db_run_returning(
            db,
            "insert into rollouts (org, release, is_targeted, created, allow_downgrade, again)"
            " values ($1, $2, $3, $4, $5, $6) returning id",
            DB_ARGS(db_text(wanted->release->product->org->name), db_int(wanted->release->id),
                    db_int(devices != NULL), db_int(now_s), db_int(wanted->allow_downgrade),
                    db_int(wanted->again)),
            id_out);
    for (size_t i = 0; i < wanted->devices_count && !err; i++)
        err = db_run(db,
                     "insert into members (org, rollout, device, offer_number, state)"
                     " values ($1, $2, $3, 0, $4) on conflict (rollout, device) do nothing",
                     DB_ARGS(db_text(wanted->release->product->org->name), db_int(*id_out),
                             db_int(devices[i]->id), db_int(MEMBER_SELECTED)));
    return err;
}

godwit_err rollout_create(struct fleet *fleet, struct db *db, const struct rollout_request *wanted,
                          int64_t now_s, uint32_t *id_out)
{
    int64_t id = 0;
    godwit_err err = write_rows(db, wanted, now_s, &id);
    if (!err) err = listing_unsettle(fleet, db);
    if (err) return err;
    struct rollout *rollout = fleet_alloc(sizeof *rollout);
    *rollout = (struct rollout){.id = (uint32_t)id,
                                .release = wanted->release,
                                .created_s = now_s,
                                .is_targeted = wanted->devices != NULL,
                                .allow_downgrade = wanted->allow_downgrade,
                                .again = wanted->again};
    fleet_lock(fleet);
    wanted->release->frozen = true;
    for (size_t i = 0; i < wanted->devices_count; i++)
        if (!device_member(wanted->devices[i], rollout))
            member_add(fleet, wanted->devices[i], rollout, 0, MEMBER_SELECTED, 0);
    rollout_link(fleet, rollout);
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
    fleet_unlock(fleet);
    return GODWIT_OK;
}

godwit_err rollout_brake(struct fleet *fleet, struct db *db, struct rollout *rollout, int64_t now_s)
{
    fleet_lock(fleet);
    const struct brake_view view = brake_look(&rollout->brake, rollout->offered_count);
    fleet_unlock(fleet);
    if (view.weight < view.bound || rollout->state != ROLLOUT_RUNNING) return GODWIT_OK;
    GODWIT_LOG(WARN, "rollout_halted", "rollout=%u first=%u last=%u failed=%u", rollout->id,
               view.first, view.last, rollout->failed_count);
    return rollout_set_state(fleet, db, rollout, ROLLOUT_HALTED, "", now_s);
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

/* ---- devices that fall silent ---- */

bool device_is_silent(const struct device *device, uint32_t interval_s, int64_t now_s)
{
    if (device->holds) return false;
    uint32_t usual_s = device->usual_gap_s > interval_s ? device->usual_gap_s : interval_s;
    int64_t silent_s = SILENT_INTERVALS * (int64_t)usual_s;
    if (silent_s < SILENT_S_MIN)
        silent_s = SILENT_S_MIN; /* short intervals: a restart takes time */
    return now_s - device->facts.last_seen_s > silent_s;
}

int64_t device_now(const struct fleet *fleet, const struct device *device, int64_t now_s)
{
    int64_t seen_s = device->facts.last_seen_s, jumped_s = fleet->clock_jumped_s;
    bool is_since = !jumped_s || (seen_s >= jumped_s && seen_s <= now_s);
    return is_since ? now_s : seen_s + (now_s - jumped_s);
}

static struct member *member_in_progress(const struct device *device)
{
    const struct rollout *rollout = device_rollout(device);
    struct member *member = rollout ? device_member(device, rollout) : NULL;
    return member && member->state == MEMBER_IN_PROGRESS ? member : NULL;
}

/* It may be switching, or on its trial: then it is not known to stand still, and keeps its place.
 */
static bool may_have_switched(const struct device *device, const struct catalogue *catalogue)
{
    const struct decision decision = decide(device, catalogue);
    return device->facts.on_trial || decision.kind != DECIDE_INSTALL ||
           !memcmp(device->facts.staged_file_sha256, decision.image->file_sha256, 32);
}

static void set_away(struct member *member, bool is_away)
{
    struct rollout *rollout = member->rollout;
    if (member->is_away == is_away) return;
    --*count_of(rollout, member->state, member->is_away);
    ++*count_of(rollout, member->state, is_away);
    member->is_away = is_away;
}

struct away_walk {
    const struct fleet *fleet;
    uint32_t interval_s;
    int64_t now_s;
};

static void find_away(void *ctx, struct device *device)
{
    const struct away_walk *walk = ctx;
    int64_t now_s = device_now(walk->fleet, device, walk->now_s);
    if (!device->members || !device_is_silent(device, walk->interval_s, now_s)) return;
    struct member *member = member_in_progress(device);
    if (member && !may_have_switched(device, &walk->fleet->catalogue)) set_away(member, true);
}

void rollout_find_away(struct fleet *fleet, uint32_t interval_s, int64_t now_s)
{
    struct away_walk walk = {fleet, interval_s, now_s};
    fleet_each_device(fleet, find_away, &walk);
}

/* Whether the line spoils what it is offered, and it waits for its next try: before the switch, so
 * that nothing is known of the release and nothing can be broken by it. */
static bool is_held_up(const struct device *device, const struct catalogue *catalogue)
{
    const struct decision decision = decide(device, catalogue);
    return decide_is_retried(device, &decision) &&
           device->last_outcome->stage < GODWIT_STAGE_SWITCH &&
           !may_have_switched(device, catalogue);
}

void device_is_back(struct device *device, const struct catalogue *catalogue)
{
    struct member *member = member_in_progress(device);
    if (member) set_away(member, is_held_up(device, catalogue));
}

void device_is_seen(struct fleet *fleet, struct device *device, int64_t now_s)
{
    int64_t ahead_s = device->facts.last_seen_s - now_s;
    if (ahead_s >= 0 && ahead_s <= CLOCK_JUMP_S) return; /* more: the clock went back */
    device->facts.last_seen_s = now_s;
    device->is_missed = false;
    fleet_mark_dirty(fleet, device);
    device_is_back(device, &fleet->catalogue);
}
