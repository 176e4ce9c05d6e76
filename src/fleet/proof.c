/* A soak ends with the first check-in after it, and not with the clock: only a device that comes
 * again has survived. What a check-in says is held against each rollout that the device is in. */
#include "fleet/proof.h"

#include "fleet/decide.h"

/* Of a device that has not crashed. A soak of no time is none. */
static struct proof confirm(struct member *member, int64_t now_s)
{
    uint32_t soak_s = member->rollout->plan.soak_s, now = (uint32_t)now_s;
    return (struct proof){
        .member = member,
        .move = {.state = soak_s ? MEMBER_SOAKING : MEMBER_SUCCEEDED,
                 .due_s = now + (soak_s ? soak_s : CRASH_COUNTS_S)},
        .event = EVENT_CONFIRMED,
        .is_confirmation = true,
    };
}

static struct proof crash(struct member *member)
{
    return (struct proof){.member = member,
                          .move = {.state = MEMBER_FAILED, .reason = GODWIT_REASON_CRASHED},
                          .event = EVENT_FAILED};
}

/* What is proven of one that runs the release, and is not on trial with it. */
static struct proof of_running(const struct device *device, struct member *member, int64_t now_s)
{
    uint32_t now = (uint32_t)now_s;
    switch (member->state) {
    case MEMBER_IN_PROGRESS:
        return confirm(member, now_s);
    case MEMBER_FAILED: /* it was silent, say, and has confirmed it since */
        return member->reason == GODWIT_REASON_CRASHED ? (struct proof){0} : confirm(member, now_s);
    case MEMBER_SOAKING:
        if (device->has_crashed) return crash(member);
        if (now < member->due_s) return (struct proof){0};
        return (struct proof){
            .member = member,
            .move = {.state = MEMBER_SUCCEEDED,
                     .due_s = member->due_s - member->rollout->plan.soak_s + CRASH_COUNTS_S},
            .event = EVENT_SUCCEEDED};
    case MEMBER_SUCCEEDED:
        return device->has_crashed && now < member->due_s ? crash(member) : (struct proof){0};
    default:
        return (struct proof){0};
    }
}

static bool is_back(const struct device *device, const struct catalogue *catalogue,
                    const struct member *member)
{
    const struct release *release =
        member->state == MEMBER_UNDOING ? release_by_id(catalogue, member->came_from) : NULL;
    return release && decide_has_proven(device, release);
}

struct proof proof_find(const struct device *device, const struct catalogue *catalogue,
                        int64_t now_s)
{
    struct proof proof = {0};
    for (struct member *member = device->members; member && !proof.member; member = member->next) {
        if (member->state == MEMBER_SELECTED || member->state == MEMBER_SUPERSEDED) continue;
        if (is_back(device, catalogue, member))
            proof = (struct proof){
                .member = member, .move = {.state = MEMBER_UNDONE}, .event = EVENT_UNDONE};
        else if (decide_has_proven(device, member->rollout->release))
            proof = of_running(device, member, now_s);
    }
    return proof;
}

uint32_t proof_due_s(const struct device *device, int64_t now_s)
{
    const struct member *member = device->members;
    while (member && member->state != MEMBER_SOAKING)
        member = member->next;
    if (!member) return 0;
    return (int64_t)member->due_s > now_s ? (uint32_t)(member->due_s - now_s) : 1;
}
