/* The one reply to a check-in. A device has at most one offer: the newest rollout that selects it
 * speaks to it, older ones are silent, so there is no queue of obsolete work and no downgrade by an
 * old rollout that still runs. The gates close in a fixed order; the first that does is the reason
 * a person reads. An earlier sketch let older rollouts speak when the newest one's gate was closed;
 * then a device waiting for 1.3.0 could be sent back to 1.1.0. */
#include "fleet/decide.h"

#include "fleet/fit.h"
#include "fleet/turn.h"
#include "fleet/upgrade_path.h"

/* Check 6. An image without P1 has counter 0, so where one is asked for that is the true reason,
 * and no flag of a rollout mends it. */
static enum decision_reason check_counter(const struct upgrade_point *here,
                                          const struct rollout *rollout, const struct image *target)
{
    uint32_t counter = rollout->release->counter;
    if (upgrade_lacks_policy(here, target)) return DECISION_POLICY_MISSING;
    if (counter < here->rollback_floor) return DECISION_BELOW_ROLLBACK_FLOOR;
    if (counter < here->counter && !rollout->allow_downgrade) return DECISION_DOWNGRADE;
    return DECISION_OFFERED;
}

/* Why a device would refuse the release itself, where no bridge leads there. */
static enum decision_reason reason_of(enum godwit_reason reason)
{
    switch (reason) {
    case GODWIT_REASON_UNSIGNED:
        return DECISION_UNSIGNED;
    case GODWIT_REASON_SIGNATURE_THRESHOLD:
        return DECISION_SIGNATURE_THRESHOLD;
    case GODWIT_REASON_POLICY_ROLLBACK_FLOOR:
        return DECISION_POLICY_ROLLBACK_FLOOR;
    case GODWIT_REASON_POLICY_KEYS:
        return DECISION_POLICY_KEYS;
    default:
        return DECISION_NO_UPGRADE_PATH;
    }
}

/* By which way the release is reached (checks 11 and 13); decides which image. Where the server
 * does not know what runs, it can not know that a device would refuse: then the device judges. */
static enum decision_reason check_trust(const struct device *device,
                                        const struct catalogue *catalogue,
                                        const struct rollout *rollout, const struct image **image)
{
    const struct upgrade_query query = {
        .device = device, .target = *image, .allow_downgrade = rollout->allow_downgrade};
    const struct image *first;
    unsigned installs = upgrade_plan(catalogue, &query, &first);
    if (installs == 0) {
        const struct upgrade_point here = upgrade_here(device, catalogue);
        if (!upgrade_running(device, catalogue)) return DECISION_OFFERED;
        return reason_of(
            upgrade_check(&here, *image, rollout->release->counter, rollout->allow_downgrade));
    }
    *image = first;
    return installs == 1 ? DECISION_OFFERED : DECISION_BRIDGE;
}

/* The first closed gate behind chip and board, or OFFERED or BRIDGE and what to install. */
static enum decision_reason check(const struct device *device, const struct catalogue *catalogue,
                                  const struct rollout *rollout, const struct member *member,
                                  const struct image **image)
{
    const struct device_facts *facts = &device->facts;
    const struct image *target = *image;
    const struct upgrade_point here = upgrade_here(device, catalogue);
    if (target->file_size > facts->slot_size) return DECISION_SLOT_SIZE;
    if (target->secure_version < facts->secure_version) return DECISION_SECURE_VERSION;
    enum decision_reason reason = check_counter(&here, rollout, target);
    if (reason == DECISION_OFFERED) reason = check_trust(device, catalogue, rollout, image);
    if (reason != DECISION_OFFERED && reason != DECISION_BRIDGE) return reason;
    if (!rollout_is_again(rollout, member) && fit_failed_before(device, target))
        return DECISION_FAILED_BEFORE;
    if (member && member_has_failed(member)) return DECISION_FAILED_BEFORE;
    enum decision_reason turn =
        turn_check(&(struct turn){device, rollout, member, catalogue, *image});
    return turn == DECISION_OFFERED ? reason : turn;
}

static bool runs(const struct device *device, const struct release *release)
{
    for (size_t i = 0; i < release->images_count; i++)
        if (!memcmp(release->images[i].image_sha256, device->facts.running->image_sha256, 32))
            return true;
    return false;
}

bool decide_has_proven(const struct device *device, const struct release *release)
{
    return !device->facts.on_trial && runs(device, release);
}

/* In the order of the device's checks: whose word counts (2), the file for it (6 and 8), the rest.
 */
static enum decision_reason check_all(const struct device *device,
                                      const struct catalogue *catalogue,
                                      const struct rollout *rollout, const struct member *member,
                                      const struct image **image)
{
    enum decision_reason reason;
    if (catalogue->deploy_keys_count && upgrade_deploy_key(device, catalogue) == UPGRADE_KEY_NONE)
        return DECISION_DEPLOY_KEY;
    *image = fit_image(rollout->release, &device->facts, &reason);
    return *image ? check(device, catalogue, rollout, member, image) : reason;
}

/* A failure in this very rollout stands in the history already. */
static bool must_note(const struct device *device, const struct rollout *rollout,
                      enum decision_reason reason, const struct member *member)
{
    if (device->not_offered_rollout == rollout->id) return false;
    if (reason == DECISION_FAILED_BEFORE) return !member || !member_has_failed(member);
    return !strcmp(decision_reason_state(reason), "incompatible");
}

/* ---- undo ---- */

/* The image to which the device can go back, or NULL: below its rollback floor or the chip's secure
 * version nothing leads. */
static const struct image *image_before(const struct device *device,
                                        const struct catalogue *catalogue,
                                        const struct member *member)
{
    enum decision_reason reason;
    const struct device_facts *facts = &device->facts;
    const struct upgrade_point here = upgrade_here(device, catalogue);
    const struct release *release = release_by_id(catalogue, member->came_from);
    const struct image *image = release ? fit_image(release, facts, &reason) : NULL;
    bool is_possible = image && image->file_size <= facts->slot_size &&
                       !fit_failed_before(device, image) &&
                       !upgrade_check(&here, image, release->counter, true);
    return is_possible ? image : NULL;
}

/* Of a rollout that was undone: who has confirmed the release goes back; the others are offered
 * nothing, as where it was halted. */
static void decide_undo(const struct device *device, const struct catalogue *catalogue,
                        const struct member *member, struct decision *decision)
{
    bool runs_it = runs(device, decision->rollout->release);
    bool has_confirmed = member && member_has_confirmed(member);
    decision->reason = DECISION_HALTED;
    decision->must_withdraw = member && member->state == MEMBER_IN_PROGRESS;
    if (member && member->state == MEMBER_UNDONE) decision->reason = DECISION_UNDONE;
    if (!member || member->state == MEMBER_SELECTED)
        decision->reason = runs_it ? DECISION_UP_TO_DATE : DECISION_HALTED;
    if (!has_confirmed || !runs_it) return;
    decision->reason = DECISION_NO_RETURN;
    decision->image = image_before(device, catalogue, member);
    if (!decision->image) return;
    decision->reason = DECISION_HELD;
    if (device->is_held) return;
    decision->kind = DECIDE_INSTALL;
    decision->reason = DECISION_UNDO;
    decision->must_undo = member->state != MEMBER_UNDOING;
}

/* What keeps the device from being offered anything; OFFERED: nothing does. */
static enum decision_reason check_device(const struct device *device)
{
    if (device->is_retired) return DECISION_RETIRED;
    if (device->is_forked) return DECISION_FORKED;
    return device->facts.on_trial ? DECISION_ON_TRIAL : DECISION_OFFERED;
}

static bool is_withdrawn(enum decision_reason reason)
{
    return reason == DECISION_HALTED || reason == DECISION_STRATUM;
}

/* Of a rollout that goes forward, and speaks to the device. */
static void decide_offer(const struct device *device, const struct catalogue *catalogue,
                         const struct rollout *rollout, struct decision *decision)
{
    const struct member *member = device_member(device, rollout);
    const struct image *image = NULL;
    decision->reason = rollout->priority == ROLLOUT_PIN ? DECISION_PINNED : DECISION_UP_TO_DATE;
    if (runs(device, rollout->release)) return;
    decision->reason = check_all(device, catalogue, rollout, member, &image);
    if (decision->reason != DECISION_OFFERED && decision->reason != DECISION_BRIDGE) {
        decision->must_note = must_note(device, rollout, decision->reason, member);
        decision->must_withdraw =
            is_withdrawn(decision->reason) && member && member->state == MEMBER_IN_PROGRESS;
        return;
    }
    decision->kind = DECIDE_INSTALL;
    decision->image = image;
    decision->must_offer = !member || member->state != MEMBER_IN_PROGRESS;
}

struct decision decide(const struct device *device, const struct catalogue *catalogue)
{
    struct decision decision = {.kind = DECIDE_NO_UPDATE, .reason = check_device(device)};
    if (decision.reason == DECISION_RETIRED || decision.reason == DECISION_FORKED) return decision;
    const struct rollout *rollout = decision.rollout = device_rollout(device);
    if (decision.reason != DECISION_OFFERED) return decision;
    decision.reason = DECISION_NO_ROLLOUT;
    if (!rollout) return decision;
    const struct member *member = device_member(device, rollout);
    if (rollout->state == ROLLOUT_UNDONE || (member && member->wants_undo))
        decide_undo(device, catalogue, member, &decision);
    else
        decide_offer(device, catalogue, rollout, &decision);
    return decision;
}

struct decision decide_release(const struct device *device, const struct catalogue *catalogue,
                               struct release *release)
{
    const struct rollout alone = {.id = UINT32_MAX, .release = release, .is_targeted = true};
    struct decision decision = {.kind = DECIDE_NO_UPDATE, .reason = check_device(device)};
    if (decision.reason == DECISION_OFFERED) decide_offer(device, catalogue, &alone, &decision);
    return decision;
}

/* Whose fault an outcome is, by its reason; for the others the stage says it. */
static const struct {
    uint32_t reason;
    enum verdict verdict;
} VERDICTS[] = {
    {GODWIT_REASON_NONE, VERDICT_NOTHING},
    {GODWIT_REASON_JOURNAL_LOST, VERDICT_NOTHING},
    {GODWIT_REASON_OTADATA_REPAIRED, VERDICT_NOTHING},
    {GODWIT_REASON_IMAGE_DAMAGED, VERDICT_NOTHING},
    {GODWIT_REASON_REJECTED_RUNS, VERDICT_NOTHING},
    {GODWIT_REASON_UNWATCHED, VERDICT_NOTHING},
    /* the moment or the reply was bad: the next check-in gets a new one */
    {GODWIT_REASON_REPLY_MALFORMED, VERDICT_AGAIN},
    {GODWIT_REASON_INSTRUCTION_FORMAT, VERDICT_AGAIN},
    {GODWIT_REASON_INSTRUCTION_DEVICE, VERDICT_AGAIN},
    {GODWIT_REASON_INSTRUCTION_NONCE, VERDICT_AGAIN},
    {GODWIT_REASON_INSTRUCTION_SEQUENCE, VERDICT_AGAIN},
    {GODWIT_REASON_NOT_NOW, VERDICT_AGAIN},
    {GODWIT_REASON_ON_TRIAL, VERDICT_AGAIN},
    {GODWIT_REASON_WITHDRAWN, VERDICT_AGAIN},
    /* the line, a source, or this device's flash: other bytes arrived than were announced */
    {GODWIT_REASON_BODY_DIFFERS, VERDICT_AGAIN},
    {GODWIT_REASON_FILE_DIGEST, VERDICT_AGAIN},
    {GODWIT_REASON_DOWNLOAD, VERDICT_AGAIN},
    {GODWIT_REASON_DOWNLOAD_REFUSED, VERDICT_AGAIN},
    {GODWIT_REASON_SLOW_SOURCE, VERDICT_AGAIN},
    {GODWIT_REASON_FLASH, VERDICT_AGAIN},
    {GODWIT_REASON_NO_RANDOM, VERDICT_AGAIN},
    {GODWIT_REASON_TRIAL_NO_CONTACT, VERDICT_AGAIN},
    /* the very file may be right once a bridge, another key or an undo leads there */
    {GODWIT_REASON_INSTRUCTION_SIGNATURE, VERDICT_REFUSED},
    {GODWIT_REASON_DOWNGRADE, VERDICT_REFUSED},
    {GODWIT_REASON_BELOW_ROLLBACK_FLOOR, VERDICT_REFUSED},
    {GODWIT_REASON_SIGNATURE_KEY, VERDICT_REFUSED},
    {GODWIT_REASON_SIGNATURE_THRESHOLD, VERDICT_REFUSED},
    {GODWIT_REASON_POLICY_MISSING, VERDICT_REFUSED},
    {GODWIT_REASON_POLICY_ROLLBACK_FLOOR, VERDICT_REFUSED},
    {GODWIT_REASON_POLICY_KEYS, VERDICT_REFUSED},
    {GODWIT_REASON_SECURE_BOOT, VERDICT_REFUSED},
    /* it failed on this device before, often enough */
    {GODWIT_REASON_QUARANTINED, VERDICT_FAILED},
};

/* A release has failed only by what a device read back from its own flash, or by what came after
 * the switch. A device that would not begin has proven nothing about the file. */
static enum verdict verdict_of_stage(enum godwit_stage stage)
{
    return stage <= GODWIT_STAGE_DOWNLOAD ? VERDICT_REFUSED : VERDICT_FAILED;
}

enum verdict decide_outcome(const struct godwit_outcome *outcome)
{
    enum verdict verdict = verdict_of_stage(outcome->stage);
    for (size_t i = 0; i < sizeof VERDICTS / sizeof *VERDICTS; i++)
        if (VERDICTS[i].reason == outcome->reason) verdict = VERDICTS[i].verdict;
    /* What was seen on its way only is the line's, whatever it looked like. */
    bool is_of_line = outcome->stage == GODWIT_STAGE_DOWNLOAD && verdict != VERDICT_NOTHING;
    return is_of_line ? VERDICT_AGAIN : verdict;
}

bool decide_is_retried(const struct device *device, const struct decision *decision)
{
    const struct godwit_outcome *last = device->last_outcome;
    return decision->kind == DECIDE_INSTALL && last->id && decide_outcome(last) == VERDICT_AGAIN &&
           !memcmp(last->file_sha256, decision->image->file_sha256, 32);
}

bool decide_is_notice(const struct godwit_outcome *outcome)
{
    return outcome->reason && decide_outcome(outcome) == VERDICT_NOTHING;
}
