/* Found by a walk over the devices in memory, on the tick's thread; what must be written is done by
 * the writer, which looks at each again. Rejected: a deadline of each device in a queue, which
 * would move with every check-in. */
#include "fleet/silence.h"

#include "fleet/cache.h"
#include "fleet/control.h"
#include "fleet/decide.h"
#include "fleet/event.h"
#include "fleet/listing.h"
#include "fleet/memory.h"
#include "fleet/order.h"
#include "fleet/rollout.h"
#include "fleet/site.h"
#include "fleet/strata_of.h"
#include "fleet/turn.h"
#include "rt/clock_watch.h"

#define SILENT_INTERVALS 3
#define SILENT_S_MIN 30
#define OVERDUE_S 300
#define LISTEN_GAP_S 120 /* no look for so long: the service, or its machine, was not there */

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

/* Whether it has verified an image of the rollout: one that was held up before was never allowed to
 * switch. */
static bool has_staged(const struct device *device, const struct rollout *rollout)
{
    const struct release *release = rollout->release;
    for (size_t i = 0; i < release->images_count; i++)
        if (!memcmp(device->facts.staged_file_sha256, release->images[i].file_sha256, 32))
            return true;
    return false;
}

/* Whether it is told to stay, having been offered the release: by a guard, a person or the brake.
 */
static bool is_held(enum decision_reason reason)
{
    return reason == DECISION_PAUSED || reason == DECISION_HALTED || reason == DECISION_STRATUM ||
           turn_waits_for_device(reason);
}

/* It may be switching, or on its trial: then it is not known to stand still, and keeps its place.
 */
static bool may_have_switched(const struct device *device, const struct catalogue *catalogue)
{
    const struct decision decision = decide(device, catalogue);
    if (is_held(decision.reason)) return has_staged(device, decision.rollout);
    return device->facts.on_trial || decision.kind != DECIDE_INSTALL ||
           !memcmp(device->facts.staged_file_sha256, decision.image->file_sha256, 32);
}

/* ---- the walk ---- */

struct silence_walk {
    struct fleet *fleet;
    uint32_t interval_s;
    int64_t now_s;
};

/* The member whose silence would be a failure: who can not have switched is away. */
static struct member *member_at_risk(const struct device *device)
{
    const struct rollout *rollout = device_rollout(device);
    struct member *member = rollout ? device_member(device, rollout) : NULL;
    bool is_at_risk = member && (member->state == MEMBER_SOAKING ||
                                 (member->state == MEMBER_IN_PROGRESS && !member->is_away));
    return is_at_risk ? member : NULL;
}

/* A trial boot takes its time, and what nobody could hear counts for nobody: before the service was
 * there, or while most of the product is not heard. */
static bool has_failed_by_silence(const struct silence_walk *walk, const struct device *device)
{
    const struct control *control = &device->product->control;
    int64_t now_s = device_now(walk->fleet, device, walk->now_s), listening_s = 0;
    if (walk->fleet->listening_s > device->facts.last_seen_s)
        listening_s = walk->fleet->listening_s - device->facts.last_seen_s;
    return device_is_silent(device, walk->interval_s, now_s - SILENCE_TRIAL_S - listening_s) &&
           !control_is_out(control);
}

static void doubt(const struct device *device, const struct member *member, bool is_overdue)
{
    struct rollout *rollout = member->rollout;
    const struct strata_key key = device_strata(device, member->came_from);
    if (!is_overdue) {
        brake_take_back(&rollout->doubt, member->offer_number);
        strata_undoubt(&rollout->strata, member->offer_number);
    } else if (strata_doubt(&rollout->strata, &key, member->offer_number)) {
        brake_add(&rollout->doubt, member->offer_number);
    }
}

/* A trial boot is heard of within a minute, however seldom the device checks in else; so growth
 * waits for those of which nothing is heard long before their silence is a failure. */
static void look_for_doubt(const struct silence_walk *walk, const struct device *device)
{
    const struct member *member = device->members ? member_at_risk(device) : NULL;
    if (!member) return;
    int64_t since_s = device->facts.last_seen_s;
    if (since_s < walk->fleet->listening_s) since_s = walk->fleet->listening_s;
    if (member->state == MEMBER_SOAKING && since_s < member->due_s) since_s = member->due_s;
    bool is_overdue =
        !device->holds && walk->now_s - since_s > OVERDUE_S &&
        (member->state == MEMBER_SOAKING || may_have_switched(device, &walk->fleet->catalogue));
    doubt(device, member, is_overdue);
}

/* What stands apart as a stratum is that stratum's alone. */
static bool is_doubtful(const struct rollout *rollout, const struct brake *rest)
{
    const struct brake_view view = rollout_weigh(rollout, rest);
    return view.weight >= view.bound;
}

/* Whether it, or a stratum of it, continues. */
static bool weigh(struct rollout *rollout)
{
    const struct strata_whole whole = rollout_whole(rollout);
    struct brake rest;
    bool was_doubtful = rollout->is_doubtful,
         continues = strata_weigh_doubts(&rollout->strata, &whole, &rollout->doubt, &rest);
    rollout->is_doubtful = rollout->state == ROLLOUT_RUNNING && is_doubtful(rollout, &rest);
    brake_free(&rest);
    return continues || (was_doubtful && !rollout->is_doubtful);
}

/* Whether one continues. One that offers nothing has nobody to wait. */
static bool weigh_doubts(struct catalogue *catalogue)
{
    bool continues = false;
    for (struct rollout *rollout = catalogue->rollouts; rollout; rollout = rollout->next)
        continues |= weigh(rollout);
    return continues;
}

static void queue(struct fleet *fleet, const struct device *device)
{
    if (fleet->silent_count < FLEET_SILENT_MAX) fleet->silent[fleet->silent_count++] = device->id;
}

/* Another device may have its place. */
static void be_away(struct fleet *fleet, struct device *device, struct member *member)
{
    member_set_away(member, true);
    site_count(&fleet->catalogue, device);
}

static void look(void *ctx, struct device *device)
{
    const struct silence_walk *walk = ctx;
    int64_t now_s = device_now(walk->fleet, device, walk->now_s);
    bool is_silent = device_is_silent(device, walk->interval_s, now_s);
    control_see(device, is_silent, now_s);
    look_for_doubt(walk, device);
    order_see(&walk->fleet->catalogue, device, is_silent);
    if (!device->members || !is_silent) return;
    struct member *member = member_in_progress(device);
    if (member && !may_have_switched(device, &walk->fleet->catalogue))
        be_away(walk->fleet, device, member);
    else if (member_at_risk(device) && has_failed_by_silence(walk, device))
        queue(walk->fleet, device);
}

bool silence_find(struct fleet *fleet, uint32_t interval_s, int64_t now_s)
{
    struct silence_walk walk = {fleet, interval_s, now_s};
    fleet_lock(fleet);
    bool was_gone = now_s - fleet->listened_s > LISTEN_GAP_S || now_s < fleet->listened_s;
    if (was_gone) fleet->listening_s = now_s;
    fleet->listened_s = now_s;
    fleet->silent_count = 0;
    fleet_unlock(fleet);
    fleet_each_device(fleet, look, &walk);
    fleet_lock(fleet);
    control_publish(&fleet->catalogue);
    bool continues = weigh_doubts(&fleet->catalogue);
    continues |= order_publish(&fleet->catalogue, fleet_is_partial(fleet));
    fleet_unlock(fleet);
    return continues;
}

/* ---- what is written ---- */

static godwit_err fail(struct fleet *fleet, struct db *db, struct device *device,
                       struct member *member, int64_t now_s)
{
    struct event event = {.time_s = now_s,
                          .kind = EVENT_FAILED,
                          .stage = GODWIT_STAGE_SWITCH,
                          .reason = GODWIT_REASON_SILENT};
    memcpy(event.version, member->rollout->release->version, sizeof event.version);
    godwit_err err = member_fail(fleet, db, device, member, GODWIT_REASON_SILENT, now_s);
    if (!err) err = event_add(db, device->id, device->device_id, &event);
    return err ? err : listing_renew(fleet, db, device);
}

/* The device again: it may have come back since it was found. */
static godwit_err look_again(struct silence_walk *walk, struct db *db, int64_t id)
{
    struct device *device;
    godwit_err err = device_fetch_row(walk->fleet, db, id, &device);
    if (err || !device) return err;
    fleet_lock(walk->fleet);
    struct member *member = member_at_risk(device);
    if (member && !has_failed_by_silence(walk, device)) member = NULL;
    fleet_unlock(walk->fleet);
    return member ? fail(walk->fleet, db, device, member, walk->now_s) : GODWIT_OK;
}

godwit_err silence_record(struct fleet *fleet, struct db *db, uint32_t interval_s, int64_t now_s,
                          bool *any_out)
{
    struct silence_walk walk = {fleet, interval_s, now_s};
    int64_t ids[FLEET_SILENT_MAX];
    fleet_lock(fleet);
    size_t count = fleet->silent_count;
    memcpy(ids, fleet->silent, sizeof ids);
    fleet->silent_count = 0;
    fleet_unlock(fleet);
    *any_out = count > 0;
    godwit_err err = GODWIT_OK;
    for (size_t i = 0; i < count && !err; i++)
        err = look_again(&walk, db, ids[i]);
    return err;
}

/* ---- who is heard again ---- */

/* Whether the line spoils what it is offered, and it waits for its next try: before the switch, so
 * that nothing is known of the release and nothing can be broken by it. */
static bool is_held_up(const struct device *device, const struct catalogue *catalogue)
{
    const struct decision decision = decide(device, catalogue);
    return decide_is_retried(device, &decision) &&
           device->last_outcome->stage < GODWIT_STAGE_SWITCH &&
           !may_have_switched(device, catalogue);
}

void device_is_back(struct device *device, struct catalogue *catalogue)
{
    struct member *member = member_in_progress(device);
    if (member) member_set_away(member, is_held_up(device, catalogue));
    site_count(catalogue, device);
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
