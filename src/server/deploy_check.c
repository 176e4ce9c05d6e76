/* In the order in which a person would ask: does its policy do what is meant, do its gates fit. */
#include "base/text.h"
#include "fleet/upgrade_path.h"
#include "server/deploy.h"

/* The first thing that its policy does and nobody has said is meant. */
static enum deploy_fault check_overrides(struct deploy *deploy, const struct image *image)
{
    const struct overrides overrides =
        overrides_of(&deploy->change.app->fleet, deploy->change.app->db, image);
    for (size_t i = 0; i < OVERRIDE_COUNT; i++) {
        if (!overrides.needs[i] || deploy->overrides[i]) continue;
        deploy->unmeant = (enum override)i;
        if (i != OVERRIDE_RETRUSTED_KEY) return DEPLOY_UNMEANT;
        godwit_hex_encode(overrides.retrusted_key, 4, deploy->key);
        memcpy(deploy->dropped_by, overrides.dropped_by->version, sizeof deploy->dropped_by);
        return DEPLOY_UNMEANT;
    }
    return DEPLOY_FINE;
}

/* What its policy would do to devices, before the first has it. */
static enum deploy_fault check_policies(struct deploy *deploy, const struct release *release)
{
    const struct fleet *fleet = &deploy->change.app->fleet;
    enum deploy_fault fault = DEPLOY_FINE;
    for (size_t i = 0; i < release->images_count && !fault; i++) {
        const struct image_trust *trust = &release->images[i].trust;
        if (!trust->has_policy) continue;
        if (upgrade_policy_key(&fleet->catalogue, &trust->policy) == UPGRADE_KEY_NONE)
            return DEPLOY_OUT_OF_REACH;
        fault = check_overrides(deploy, &release->images[i]);
    }
    return fault;
}

static enum deploy_fault check_plan(struct deploy *deploy, const struct release *release)
{
    size_t selected = deploy->targets ? deploy->targets_count : release->product->devices_count;
    return deploy_plan_fit(&deploy->plan, (uint32_t)selected) ? DEPLOY_FINE : DEPLOY_GATES;
}

godwit_err deploy_check(struct deploy *deploy, const struct release *release)
{
    typedef enum deploy_fault check(struct deploy * deploy, const struct release *release);
    static check *const CHECKS[] = {check_policies, check_plan};
    for (size_t i = 0; i < sizeof CHECKS / sizeof *CHECKS && !deploy->fault; i++)
        deploy->fault = CHECKS[i](deploy, release);
    return GODWIT_OK;
}
