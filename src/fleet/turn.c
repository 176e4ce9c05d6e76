/* A table of gates, in the order in which a person would ask: is the rollout running, is it the
 * device's turn in it. Who is in progress has had its turn, and is held up only by gates that say
 * so. */
#include "fleet/turn.h"

static bool is_halted(const struct turn *turn)
{
    return turn->rollout->state == ROLLOUT_HALTED;
}

static bool is_paused(const struct turn *turn)
{
    return turn->rollout->state == ROLLOUT_PAUSED;
}

static bool is_behind(const struct turn *turn)
{
    const struct rollout *rollout = turn->rollout;
    return rollout->in_progress_count + rollout->soaking_count >= rollout_pace(rollout);
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

enum decision_reason turn_check(const struct turn *turn)
{
    static const struct {
        enum decision_reason reason;
        bool (*is_closed)(const struct turn *turn);
        bool holds_in_progress; /* also devices that were offered the release before it closed */
    } GATES[] = {
        {DECISION_HALTED, is_halted, true},     {DECISION_PAUSED, is_paused, true},
        {DECISION_OVERDUE, is_doubtful, false}, {DECISION_GATE, is_gated, false},
        {DECISION_QUEUED, is_behind, false},
    };
    bool is_in_progress = turn->member && turn->member->state == MEMBER_IN_PROGRESS;
    for (size_t i = 0; i < sizeof GATES / sizeof *GATES; i++) {
        if (is_in_progress && !GATES[i].holds_in_progress) continue;
        if (GATES[i].is_closed(turn)) return GATES[i].reason;
    }
    return DECISION_OFFERED;
}
