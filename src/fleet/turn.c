/* A table of gates, in the order in which a person would ask: is the rollout running, is it the
 * device's turn in it. Who is in progress has had its turn, and is held up only by gates that say
 * so. */
#include "fleet/turn.h"

#include "fleet/order.h"
#include "fleet/site.h"
#include "fleet/strata_of.h"
#include "fleet/upgrade_path.h"

static bool is_halted(const struct turn *turn)
{
    return turn->rollout->state == ROLLOUT_HALTED;
}

static bool is_held(const struct turn *turn)
{
    return turn->device->is_held;
}

static bool is_unapproved(const struct turn *turn)
{
    return turn->rollout->state == ROLLOUT_UNAPPROVED;
}

static bool is_paused(const struct turn *turn)
{
    return turn->rollout->state == ROLLOUT_PAUSED;
}

static bool is_behind(const struct turn *turn)
{
    return rollout_places(turn->rollout) == 0;
}

static bool is_doubtful(const struct turn *turn)
{
    return turn->rollout->is_doubtful;
}

static bool is_gated(const struct turn *turn)
{
    bool has_number = turn->member && turn->member->offer_number;
    return !has_number && turn->rollout->offered_count >= rollout_gate(turn->rollout);
}

static bool is_later(const struct turn *turn)
{
    return order_is_later(turn->rollout, turn->device, turn->member);
}

/* Of the place, whatever the others of it are offered. */
static bool is_site_full(const struct turn *turn)
{
    uint32_t max = turn->rollout->guards.per_site;
    return max && site_in_progress(turn->catalogue, turn->device) >= max;
}

static bool is_out_of_window(const struct turn *turn)
{
    return !window_is_open(&turn->rollout->guards, turn->device->facts.guard.zone,
                           turn->catalogue->now_s);
}

/* A person's word for this rollout, or its application's for any. */
static bool lacks_consent(const struct turn *turn)
{
    bool has_consent =
        turn->device->facts.guard.has_consented || (turn->member && turn->member->has_consent);
    return turn->rollout->guards.needs_consent && !has_consent;
}

static bool is_busy(const struct turn *turn)
{
    return turn->device->facts.guard.is_busy;
}

/* One that does not say has none that runs down. */
static bool is_battery_low(const struct turn *turn)
{
    unsigned battery = turn->device->facts.guard.battery;
    return battery && battery - 1 < turn->rollout->guards.battery_min;
}

/* By what it runs, until it is offered the release. */
static const struct stratum *closed_stratum(const struct turn *turn)
{
    const struct strata *strata = &turn->rollout->strata;
    const struct member *member = turn->member;
    if (!strata->closed_count) return NULL;
    uint32_t from = member && member->offer_number
                        ? member->came_from
                        : upgrade_running_release(turn->device, turn->catalogue);
    const struct strata_key key = device_strata(turn->device, from);
    return strata_closed(strata, &key);
}

static bool is_stratum_halted(const struct turn *turn)
{
    const struct stratum *stratum = closed_stratum(turn);
    return stratum && stratum->halted_s;
}

static bool is_stratum_doubtful(const struct turn *turn)
{
    return closed_stratum(turn) != NULL;
}

struct gate {
    enum decision_reason reason;
    bool (*is_closed)(const struct turn *turn);
    bool holds_in_progress; /* also devices that were offered the release before it closed */
    bool is_of_device;      /* turn_waits_for_device */
    bool is_passing;        /* turn_is_passing */
    bool is_of_rollout;     /* reads nothing of the device: turn_check_rollout */
};

/* In their order; NULL after the last. */
static const struct gate *gate_at(size_t place)
{
    static const struct gate GATES[] = {
        {DECISION_HALTED, is_halted, true, false, false, true},
        {DECISION_HELD, is_held, true, true, false, false},
        {DECISION_APPROVAL, is_unapproved, true, false, false, true},
        {DECISION_STRATUM, is_stratum_halted, true, false, false, false},
        {DECISION_PAUSED, is_paused, true, false, false, true},
        {DECISION_OVERDUE, is_doubtful, false, false, true, true},
        {DECISION_OVERDUE, is_stratum_doubtful, false, false, true, false},
        {DECISION_GATE, is_gated, false, false, false, true},
        {DECISION_QUEUED, is_behind, false, false, true, true},
        {DECISION_QUEUED, is_later, false, false, true, false},
        {DECISION_SITE, is_site_full, false, false, true, false},
        {DECISION_WINDOW, is_out_of_window, true, true, true, false},
        {DECISION_CONSENT, lacks_consent, true, true, false, false},
        {DECISION_BUSY, is_busy, true, true, false, false},
        {DECISION_BATTERY, is_battery_low, true, true, false, false},
    };
    return place < sizeof GATES / sizeof *GATES ? &GATES[place] : NULL;
}

enum decision_reason turn_check(const struct turn *turn)
{
    bool is_in_progress = turn->member && turn->member->state == MEMBER_IN_PROGRESS;
    const struct gate *gate;
    for (size_t i = 0; (gate = gate_at(i)); i++) {
        if (is_in_progress && !gate->holds_in_progress) continue;
        if (gate->is_closed(turn)) return gate->reason;
    }
    return DECISION_OFFERED;
}

enum decision_reason turn_check_device(const struct turn *turn)
{
    const struct gate *gate;
    for (size_t i = 0; (gate = gate_at(i)); i++)
        if (!gate->is_of_rollout && gate->reason != DECISION_QUEUED && gate->is_closed(turn))
            return gate->reason;
    return DECISION_OFFERED;
}

enum decision_reason turn_check_rollout(const struct rollout *rollout)
{
    const struct turn turn = {.rollout = rollout};
    const struct gate *gate;
    for (size_t i = 0; (gate = gate_at(i)); i++)
        if (gate->is_of_rollout && gate->is_closed(&turn)) return gate->reason;
    return DECISION_OFFERED;
}

/* NULL: no gate gives that reason. */
static const struct gate *gate_of(enum decision_reason reason)
{
    const struct gate *gate;
    for (size_t i = 0; (gate = gate_at(i)) && gate->reason != reason;)
        i++;
    return gate;
}

bool turn_waits_for_device(enum decision_reason reason)
{
    const struct gate *gate = gate_of(reason);
    return gate && gate->is_of_device;
}

bool turn_is_passing(enum decision_reason reason)
{
    const struct gate *gate = gate_of(reason);
    return gate && gate->is_passing;
}
