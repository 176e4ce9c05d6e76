/* The walk counts due devices by the logarithm of their place, in eighths of an octave: of a
 * million devices the next ten are found as exactly as the next hundred thousand, in 260 numbers.
 *
 * Rejected: a sorted list of the devices of each rollout (it grows with the fleet, and each
 * check-in would move it); a horizon made of the counts alone, without a walk (dark devices within
 * it would hold up all others). */
#include "fleet/order.h"

#include <stdlib.h>

#include "fleet/decide.h"
#include "fleet/turn.h"
#include "rt/siphash.h"

#define STEPS_LOG2 3 /* buckets of one octave */
#define BUCKETS (1 + (32U << STEPS_LOG2))

#define ALL_NEAR 0
#define FIRST_ALONE 1

struct order_walk {
    uint32_t first_count, counts[BUCKETS];
};

uint32_t order_of(const struct rollout *rollout, const struct device *device,
                  const struct member *member)
{
    if (member && member->is_first) return 0;
    const struct siphash_seed seed = {{rollout->id}};
    uint32_t hash = (uint32_t)siphash(&seed, device->device_id, sizeof device->device_id);
    return hash ? hash : 1;
}

bool order_is_later(const struct rollout *rollout, const struct device *device,
                    const struct member *member)
{
    bool is_known = member && (member->offer_number || member->is_first);
    if (rollout->is_skipped || is_known || !rollout->later_from) return false;
    return order_of(rollout, device, member) >= rollout->later_from;
}

void order_begin(struct rollout *rollout)
{
    rollout->later_from = rollout->has_first ? FIRST_ALONE : ALL_NEAR;
}

/* ---- the walk ---- */

/* 0 is that of the lowest places. */
static uint32_t bucket_of(uint32_t place)
{
    uint32_t octave = 31 - (uint32_t)__builtin_clz(place);
    uint32_t step =
        octave >= STEPS_LOG2 ? place >> (octave - STEPS_LOG2) : place << (STEPS_LOG2 - octave);
    return (octave << STEPS_LOG2) + (step & ((1U << STEPS_LOG2) - 1));
}

/* The first place after a bucket, which is not the last one. */
static uint32_t end_of(uint32_t bucket)
{
    uint32_t octave = bucket >> STEPS_LOG2, step = bucket & ((1U << STEPS_LOG2) - 1);
    uint64_t next = ((uint64_t)(1U << STEPS_LOG2) + step + 1) << octave >> STEPS_LOG2;
    return next > UINT32_MAX ? UINT32_MAX : (uint32_t)next;
}

/* Rollouts that offer nothing more, or to few devices, need no order. */
static bool is_ordered(const struct rollout *rollout)
{
    return !rollout_has_ended(rollout) && !rollout->is_skipped &&
           (rollout->has_first || !rollout->plan.is_careful);
}

static struct rollout *rollout_in_order(const struct device *device)
{
    struct rollout *rollout = (struct rollout *)device_rollout(device);
    return rollout && is_ordered(rollout) ? rollout : NULL;
}

/* Whether only its turn keeps it from an offer. */
static bool is_due(const struct catalogue *catalogue, const struct device *device,
                   const struct rollout *rollout, const struct member *member)
{
    const struct decision decision = decide(device, catalogue);
    bool waits_for_turn = decision.kind == DECIDE_INSTALL || decision.reason == DECISION_PAUSED ||
                          decision.reason == DECISION_APPROVAL ||
                          decision.reason == DECISION_OVERDUE || decision.reason == DECISION_GATE ||
                          decision.reason == DECISION_QUEUED;
    return waits_for_turn && turn_check_device(&(struct turn){device, rollout, member, catalogue,
                                                              NULL}) == DECISION_OFFERED;
}

void order_see(const struct catalogue *catalogue, const struct device *device, bool is_silent)
{
    struct rollout *rollout = is_silent ? NULL : rollout_in_order(device);
    const struct member *member = rollout ? device_member(device, rollout) : NULL;
    if (!rollout || (member && member->offer_number)) return;
    if (!is_due(catalogue, device, rollout, member)) return;
    if (!rollout->walk) rollout->walk = calloc(1, sizeof *rollout->walk);
    if (!rollout->walk) abort();
    uint32_t place = order_of(rollout, device, member);
    if (place == 0)
        rollout->walk->first_count++;
    else
        rollout->walk->counts[bucket_of(place)]++;
}

/* Named devices that are due keep all others waiting. */
static uint32_t later_from(const struct rollout *rollout, bool is_partial)
{
    const struct order_walk *walk = rollout->walk;
    if (!walk || !is_ordered(rollout)) return ALL_NEAR;
    if (walk->first_count) return FIRST_ALONE;
    if (is_partial || rollout->plan.is_careful) return ALL_NEAR;
    uint64_t left = (uint64_t)ORDER_AHEAD * rollout_pace(rollout), count = 0;
    for (uint32_t bucket = 0; bucket < BUCKETS - 1; bucket++) {
        count += walk->counts[bucket];
        if (count >= left) return end_of(bucket);
    }
    return ALL_NEAR;
}

bool order_publish(struct catalogue *catalogue, bool is_partial)
{
    bool continues = false;
    for (struct rollout *rollout = catalogue->rollouts; rollout; rollout = rollout->next) {
        uint32_t before = rollout->later_from;
        rollout->later_from = later_from(rollout, is_partial);
        bool is_wider =
            before != ALL_NEAR && (rollout->later_from == ALL_NEAR || rollout->later_from > before);
        continues |= is_wider && rollout_places(rollout) > 0;
        free(rollout->walk);
        rollout->walk = NULL;
    }
    return continues;
}
