/* The one answer to a check-in. A device has at most one offer: the newest rollout that selects it
 * speaks to it, older ones are silent, so there is no queue of obsolete work and no downgrade by an
 * old rollout that still runs. The gates close in a fixed order; the first that does is the reason
 * a person reads. An earlier sketch let older rollouts speak when the newest one's gate was closed;
 * then a device waiting for 1.3.0 could be sent back to 1.1.0. */
#include "fleet/decide.h"

static bool selects(const struct rollout *rollout, const struct device *device)
{
    if (rollout->release->product != device->product) return false;
    return !rollout->picks || device_member(device, rollout);
}

static bool allows_revision(const struct image *image, uint16_t revision)
{
    bool bounded = image->revision_max != 0 && image->revision_max != UINT16_MAX;
    return revision >= image->revision_min && (!bounded || revision <= image->revision_max);
}

/* As the agent judges it (agent/verify.c): a mask without any bit names no board and allows all. */
static bool allows_hardware(const struct image *image, uint32_t revision)
{
    if (image->hardware_mask == 0) return true;
    return revision < 32 && (image->hardware_mask >> revision & 1U);
}

/* The image for this device, or NULL and the reason that came closest to fitting. */
static const struct image *match(const struct release *release, const struct device_facts *facts,
                                 enum decision_reason *reason_out)
{
    *reason_out = DECISION_NO_IMAGE_FOR_CHIP;
    for (size_t i = 0; i < release->images_count; i++) {
        const struct image *image = &release->images[i];
        if (image->chip_id != facts->chip_id) continue;
        if (!allows_revision(image, facts->chip_revision)) {
            if (*reason_out == DECISION_NO_IMAGE_FOR_CHIP) *reason_out = DECISION_CHIP_REVISION;
            continue;
        }
        if (allows_hardware(image, facts->hardware_revision)) return image;
        *reason_out = DECISION_HARDWARE;
    }
    return NULL;
}

static bool failed_before(const struct device *device, const struct image *image)
{
    for (size_t i = 0; i < device->failed_images_count; i++)
        if (!memcmp(device->failed_images[i], image->image_sha256, 32)) return true;
    return false;
}

/* The first closed gate, or OFFERED. */
static enum decision_reason judge(const struct device *device, const struct rollout *rollout,
                                  const struct member *member, const struct image *image)
{
    const struct device_facts *facts = &device->facts;
    if (image->file_size > facts->slot_size) return DECISION_SLOT_SIZE;
    if (image->secure_version < facts->secure_version) return DECISION_SECURE_VERSION;
    if (rollout->release->counter < facts->counter) return DECISION_DOWNGRADE;
    if (failed_before(device, image)) return DECISION_FAILED_BEFORE;
    if (member && member->state == MEMBER_FAILED) return DECISION_FAILED_BEFORE;
    if (member && member->state == MEMBER_UNDECIDED) return DECISION_OFFERED;
    return rollout->undecided_count < FLEET_UNDECIDED_MAX ? DECISION_OFFERED : DECISION_TURN;
}

static bool runs(const struct device *device, const struct release *release)
{
    for (size_t i = 0; i < release->images_count; i++)
        if (!memcmp(release->images[i].image_sha256, device->facts.image_sha256, 32)) return true;
    return false;
}

bool decide_has_proven(const struct device *device, const struct release *release)
{
    return !device->facts.on_trial && runs(device, release);
}

struct decision decide(const struct device *device, const struct rollout *rollouts)
{
    struct decision decision = {.kind = DECIDE_STAY};
    const struct rollout *rollout = rollouts;
    while (rollout && !selects(rollout, device))
        rollout = rollout->next;
    decision.rollout = rollout;
    decision.reason = DECISION_ON_TRIAL;
    if (device->facts.on_trial) return decision;
    decision.reason = DECISION_NO_ROLLOUT;
    if (!rollout) return decision;
    decision.reason = DECISION_CURRENT;
    if (runs(device, rollout->release)) return decision;

    const struct image *image = match(rollout->release, &device->facts, &decision.reason);
    if (!image) return decision;
    const struct member *member = device_member(device, rollout);
    decision.reason = judge(device, rollout, member, image);
    if (decision.reason != DECISION_OFFERED) return decision;
    decision.kind = DECIDE_INSTALL;
    decision.image = image;
    decision.must_tell = !member || member->state != MEMBER_UNDECIDED;
    return decision;
}

/* What is not the image's fault leaves the device undecided; it is offered again. */
static const struct {
    uint32_t reason;
    enum verdict verdict;
} VERDICTS[] = {
    {GODWIT_REASON_NONE, VERDICT_NOTHING},      {GODWIT_REASON_RECORD_LOST, VERDICT_NOTHING},
    {GODWIT_REASON_TRIAL_POWER, VERDICT_AGAIN}, {GODWIT_REASON_NOT_NOW, VERDICT_AGAIN},
    {GODWIT_REASON_WITHDRAWN, VERDICT_AGAIN},
};

enum verdict decide_outcome(const struct godwit_outcome *outcome)
{
    for (size_t i = 0; i < sizeof VERDICTS / sizeof *VERDICTS; i++)
        if (VERDICTS[i].reason == outcome->reason) return VERDICTS[i].verdict;
    return VERDICT_FAILED;
}

static const struct {
    const char *id, *state, *sentence;
} REASONS[] = {
#define DECISION_REASON_ROW(name, id, state, sentence) {id, state, sentence},
    DECISION_REASONS(DECISION_REASON_ROW)
#undef DECISION_REASON_ROW
};

const char *decision_reason_id(enum decision_reason reason)
{
    return REASONS[reason].id;
}

const char *decision_reason_state(enum decision_reason reason)
{
    return REASONS[reason].state;
}

const char *decision_reason_sentence(enum decision_reason reason)
{
    return REASONS[reason].sentence;
}
