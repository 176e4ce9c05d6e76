/* What follows from the facts of a rollout: its pace, its next gate, the weight of its failures. */
#include "fleet/model.h"

const char *member_state_name(enum member_state state)
{
    static const char *const NAMES[] = {"queued",     "in-progress", "succeeded", "failed",
                                        "superseded", "soaking",     "undoing",   "undone"};
    return NAMES[state];
}

const char *rollout_state_name(enum rollout_state state)
{
    static const char *const NAMES[] = {"running", "paused", "halted", "undone", "unapproved"};
    return state < ROLLOUT_STATE_COUNT ? NAMES[state] : "unknown";
}

static const char *const PRIORITIES[] = {"low", "normal", "high", "pin"};

const char *rollout_priority_name(enum rollout_priority priority)
{
    return PRIORITIES[priority - ROLLOUT_LOW];
}

bool rollout_priority_parse(const char *name, enum rollout_priority *out)
{
    for (int i = 0; i <= ROLLOUT_PIN - ROLLOUT_LOW; i++) {
        if (strcmp(PRIORITIES[i], name)) continue;
        *out = (enum rollout_priority)(i + ROLLOUT_LOW);
        return true;
    }
    return false;
}

bool rollout_has_ended(const struct rollout *rollout)
{
    return rollout->state == ROLLOUT_HALTED || rollout->state == ROLLOUT_UNDONE;
}

static enum rollout_priority rank_of(const struct rollout *rollout)
{
    bool has_ended = rollout_has_ended(rollout);
    return has_ended && rollout->priority > ROLLOUT_NORMAL ? ROLLOUT_NORMAL : rollout->priority;
}

bool rollout_outranks(const struct rollout *a, const struct rollout *b)
{
    return rank_of(a) != rank_of(b) ? rank_of(a) > rank_of(b) : a->id > b->id;
}

bool rollout_may_become(enum rollout_state from, enum rollout_state to)
{
    if (from == ROLLOUT_UNDONE) return to == ROLLOUT_UNDONE;
    if (from == ROLLOUT_UNAPPROVED) return to == ROLLOUT_HALTED;
    return from != ROLLOUT_HALTED || to == ROLLOUT_HALTED || to == ROLLOUT_UNDONE;
}

uint32_t rollout_selected(const struct rollout *rollout)
{
    return rollout->is_targeted ? rollout->members_count
                                : (uint32_t)rollout->release->product->devices_count;
}

uint32_t rollout_pace(const struct rollout *rollout)
{
    bool is_small = rollout->plan.is_careful;
    uint64_t pace = (uint64_t)(is_small ? FLEET_PER_SUCCESS_SMALL : FLEET_PER_SUCCESS) *
                    rollout->succeeded_count;
    uint32_t least = is_small ? 1 : FLEET_IN_PROGRESS_MIN;
    if (rollout->is_skipped) return UINT32_MAX;
    if (pace < least) return least;
    return pace < UINT32_MAX ? (uint32_t)pace : UINT32_MAX;
}

uint32_t rollout_places(const struct rollout *rollout)
{
    uint32_t pace = rollout_pace(rollout),
             taken = rollout->in_progress_count + rollout->soaking_count;
    return pace > taken ? pace - taken : 0;
}

uint32_t rollout_gate(const struct rollout *rollout)
{
    const struct proof_plan *plan = &rollout->plan;
    if (rollout->is_skipped || rollout->gates_open >= plan->gates_count) return UINT32_MAX;
    return gate_devices(&plan->gates[rollout->gates_open], rollout_selected(rollout));
}

struct brake_view rollout_weigh(const struct rollout *rollout, const struct brake *brake)
{
    const double p0 = brake_p0(rollout->release->product->control.rate);
    return brake_look(brake, rollout->offered_count, p0);
}

bool member_has_confirmed(const struct member *member)
{
    return member->state == MEMBER_SOAKING || member->state == MEMBER_SUCCEEDED ||
           member->state == MEMBER_UNDOING;
}

bool member_is_watched(const struct member *member)
{
    return member->state == MEMBER_IN_PROGRESS || member->state == MEMBER_SOAKING ||
           member->state == MEMBER_UNDOING;
}

bool rollout_is_again(const struct rollout *rollout, const struct member *member)
{
    return rollout->again || (member && member->is_again);
}

bool member_has_failed(const struct member *member)
{
    return member->state == MEMBER_FAILED && member->reason != GODWIT_REASON_SILENT;
}
