/* A device whose offer is due reads "queued" until its offer is made: only a check-in makes it, and
 * how many others are in progress then is not known before. So what a row says of a device does not
 * change because another one has finished; but for "bridge", which says more. So it is with a
 * window that opens and closes by the clock: a device in progress stays so in its row. What is in
 * the way at this moment is what decide says. */
#include "fleet/standing.h"

#include <stdio.h>

#include "base/span.h"
#include "fleet/silence.h"
#include "fleet/turn.h"
#include "fleet/upgrade_path.h"

#define TRIAL_MAX_S 900 /* more than a trial boot may take, ten minutes */

static bool is_in_progress(const struct member *member)
{
    return member && member->state == MEMBER_IN_PROGRESS;
}

static bool is_offered(const struct member *member)
{
    return member && member->state != MEMBER_SELECTED && member->state != MEMBER_SUPERSEDED;
}

/* Of the newest rollout in which the release failed on the device. */
static uint32_t cause_of_failure(const struct device *device, const struct decision *decision)
{
    const struct member *member = device->members;
    while (member && (member->state != MEMBER_FAILED ||
                      member->rollout->release != decision->rollout->release))
        member = member->next;
    return member ? member->reason : 0;
}

static const char *rollout_state_of(const struct decision *decision, const struct member *member)
{
    if (!decision->rollout) return "";
    if (is_offered(member)) return member_state_name(member->state);
    switch (decision->reason) {
    case DECISION_ON_TRIAL:
        return "queued";
    case DECISION_UP_TO_DATE:
    case DECISION_PINNED:
        return "up-to-date";
    case DECISION_FAILED_BEFORE:
        return ROLLOUT_STATE_REFUSED;
    default:
        break;
    }
    return decision->kind == DECIDE_INSTALL ? "queued" : decision_reason_state(decision->reason);
}

bool standing_is_awaited(const struct standing *standing)
{
    static const char *const AWAITED[] = {"queued", "in-progress", "soaking", "undoing"};
    for (size_t i = 0; i < sizeof AWAITED / sizeof *AWAITED; i++)
        if (!strcmp(standing->rollout_state, AWAITED[i])) return true;
    return false;
}

/* A device that was seen in the second in which the rollout began may have checked in before: only
 * its next check-in tells. */
static const char *presence_of(const struct device *device, const struct standing *standing,
                               const struct rollout *rollout)
{
    if (!standing_is_awaited(standing)) return "";
    if (device->is_missed) return PRESENCE_MISSED;
    bool is_queued = !strcmp(standing->rollout_state, "queued");
    return is_queued && device->facts.last_seen_s <= rollout->created_s ? PRESENCE_UNSEEN
                                                                        : PRESENCE_SEEN;
}

static int64_t image_of(const struct device *device, const struct catalogue *catalogue)
{
    const uint8_t *digest = device->facts.running->image_sha256;
    const struct image *image = index_find(&catalogue->images_by_digest, digest);
    bool is_own = image && image->release->product->org == device->product->org;
    return is_own ? image->id : godwit_all(digest, 32, 0) ? -1 : 0;
}

struct standing standing_of(const struct device *device, const struct catalogue *catalogue)
{
    const struct decision decision = decide(device, catalogue);
    const struct rollout *rollout = decision.rollout;
    const struct member *member = rollout ? device_member(device, rollout) : NULL;
    struct standing standing = {.reason = decision.reason,
                                .rollout = rollout ? rollout->id : 0,
                                .rollout_state = rollout_state_of(&decision, member),
                                .image = image_of(device, catalogue),
                                .deploy_key = upgrade_deploy_key(device, catalogue)};
    bool is_passing = turn_is_passing(decision.reason);
    bool is_due = decision.kind == DECIDE_INSTALL && decision.must_offer;
    if (is_due && decision.reason == DECISION_OFFERED) standing.reason = DECISION_QUEUED;
    if (is_passing) standing.reason = is_in_progress(member) ? DECISION_OFFERED : DECISION_QUEUED;
    standing.state = decision_reason_state(is_due ? DECISION_QUEUED : standing.reason);
    standing.presence = presence_of(device, &standing, rollout);
    if (decision.reason == DECISION_FAILED_BEFORE)
        standing.cause = cause_of_failure(device, &decision);
    standing.is_retried = decide_is_retried(device, &decision);
    if (standing.is_retried) standing.cause = device->last_outcome->reason;
    return standing;
}

bool standing_is_missed(const struct device *device, uint32_t interval_s, int64_t now_s)
{
    if (!device_is_silent(device, interval_s, now_s)) return false;
    const struct rollout *rollout = device_rollout(device);
    const struct member *member = rollout ? device_member(device, rollout) : NULL;
    /* One that may have switched is silent while the new image boots and tests itself. */
    bool may_be_on_trial = member && member->state == MEMBER_IN_PROGRESS && !member->is_away &&
                           now_s - device->facts.last_seen_s <= TRIAL_MAX_S;
    return !may_be_on_trial;
}

static const char *sentence_of(const char *id)
{
    static const enum godwit_reason REASONS[] = {
#define REASON_NUMBER(name, number, text_id, sentence) GODWIT_REASON_##name,
        GODWIT_REASONS(REASON_NUMBER)
#undef REASON_NUMBER
    };
    for (size_t i = 0; i < sizeof REASONS / sizeof *REASONS; i++)
        if (!strcmp(godwit_reason_id(REASONS[i]), id)) return godwit_reason_sentence(REASONS[i]);
    return "";
}

void standing_sentence(const char *reason, const char *retried, const char *detail, char *out,
                       size_t size_max)
{
    if (!*retried)
        snprintf(out, size_max, "%s", decision_sentence_by_id(reason));
    else
        snprintf(out, size_max, "%s%s%s", detail, *detail ? ": " : "", sentence_of(retried));
}
