/* In the order in which a person would ask: does its policy do what is meant, do its gates fit, can
 * its devices take it, would they hear of it, was it tried. */
#include "base/text.h"
#include "fleet/locks.h"
#include "fleet/upgrade_path.h"
#include "formats/chip.h"
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
static godwit_err check_policies(struct deploy *deploy, const struct release *release)
{
    const struct fleet *fleet = &deploy->change.app->fleet;
    for (size_t i = 0; i < release->images_count && !deploy->fault; i++) {
        const struct image_trust *trust = &release->images[i].trust;
        if (!trust->has_policy) continue;
        if (upgrade_policy_key(&fleet->catalogue, &trust->policy) == UPGRADE_KEY_NONE)
            deploy->fault = DEPLOY_OUT_OF_REACH;
        else
            deploy->fault = check_overrides(deploy, &release->images[i]);
    }
    return GODWIT_OK;
}

static godwit_err check_plan(struct deploy *deploy, const struct release *release)
{
    size_t selected = deploy->targets ? deploy->targets_count : release->product->devices_count;
    if (!deploy_plan_fit(&deploy->plan, (uint32_t)selected)) deploy->fault = DEPLOY_GATES;
    if (deploy->priority == ROLLOUT_PIN && !deploy->targets) deploy->fault = DEPLOY_PIN_ALL;
    return GODWIT_OK;
}

/* ---- chips ---- */

static bool has_chip(const struct release *release, uint16_t chip_id)
{
    for (size_t i = 0; i < release->images_count; i++)
        if (release->images[i].chip_id == chip_id) return true;
    return false;
}

static godwit_err find_chip(struct deploy *deploy, const struct product *product, const char *chip)
{
    int64_t found = 0;
    godwit_err err = db_run_returning(
        deploy->change.app->db,
        "select 1 from devices where org = $1 and chip = $2 and"
        " product_name = $3 and retired = 0 limit 1",
        DB_ARGS(db_text(product->org->name), db_text(chip), db_text(product->name)), &found);
    if (!err) deploy->fault = DEPLOY_CHIP;
    if (!err) deploy->fault_chip = chip;
    return err == GODWIT_ERR_MISSING ? GODWIT_OK : err;
}

static void check_target_chips(struct deploy *deploy, const struct release *release)
{
    for (size_t i = 0; i < deploy->targets_count && !deploy->fault; i++) {
        uint16_t chip_id = deploy->devices[i]->facts.chip_id;
        const struct godwit_chip *chip = godwit_chip_by_id(chip_id);
        if (!chip || has_chip(release, chip_id)) continue;
        deploy->fault = DEPLOY_CHIP;
        deploy->fault_chip = chip->name;
    }
}

static godwit_err check_chips(struct deploy *deploy, const struct release *release)
{
    godwit_err err = GODWIT_OK;
    const struct godwit_chip *chip;
    if (deploy->some_chips) return GODWIT_OK;
    if (deploy->targets) {
        check_target_chips(deploy, release);
        return GODWIT_OK;
    }
    for (size_t i = 0; (chip = godwit_chip_at(i)) && !err && !deploy->fault; i++)
        if (!has_chip(release, chip->id)) err = find_chip(deploy, release->product, chip->name);
    return err;
}

/* ---- other rollouts ---- */

static bool covers(const struct rollout *rollout, const struct deploy *deploy)
{
    bool is_all = !rollout->is_targeted || deploy->targets;
    for (size_t i = 0; rollout->is_targeted && i < deploy->targets_count && is_all; i++)
        is_all = device_member(deploy->devices[i], rollout) != NULL;
    return is_all;
}

/* Whether a device is still to be offered it, or on its way. */
static godwit_err find_unfinished(const struct deploy *deploy, const struct rollout *rollout,
                                  bool *is_out)
{
    const struct app *app = deploy->change.app;
    int64_t found = 0;
    *is_out = rollout->in_progress_count || rollout->soaking_count || rollout->away_count ||
              rollout->id > app->fleet.swept_rollout;
    if (*is_out) return GODWIT_OK;
    godwit_err err =
        db_run_returning(app->db,
                         "select 1 from device_counts where org = $1 and"
                         " product_name = $2 and rollout = $3 and rollout_state ="
                         " 'queued' and state <> 'retired' and count > 0 limit 1",
                         DB_ARGS(db_text(rollout->release->product->org->name),
                                 db_text(rollout->release->product->name), db_int(rollout->id)),
                         &found);
    *is_out = !err;
    return err == GODWIT_ERR_MISSING ? GODWIT_OK : err;
}

static enum deploy_fault overlap_of(const struct deploy *deploy, const struct release *release,
                                    const struct rollout *other, bool is_unfinished)
{
    if (other->priority > deploy->priority) return DEPLOY_OUTRANKED;
    if (!is_unfinished || other->priority < deploy->priority) return DEPLOY_FINE;
    if (other->release == release) return deploy->again ? DEPLOY_FINE : DEPLOY_SAME;
    /* one without a policy has no counter */
    bool is_older = release->counter && release->counter < other->release->counter;
    return is_older && !deploy->allow_downgrade ? DEPLOY_OLDER : DEPLOY_FINE;
}

/* A pin is of few devices, and they alone do not hear of what is rolled out to many. */
static godwit_err check_others(struct deploy *deploy, const struct release *release)
{
    godwit_err err = GODWIT_OK;
    const struct rollout *other = deploy->change.app->fleet.catalogue.rollouts;
    for (; other && !err && !deploy->fault; other = other->next) {
        bool is_unfinished = false;
        if (rollout_has_ended(other) || other->release->product != release->product ||
            !covers(other, deploy))
            continue;
        err = find_unfinished(deploy, other, &is_unfinished);
        deploy->fault = overlap_of(deploy, release, other, is_unfinished);
        deploy->other_rollout = other->id;
    }
    return err;
}

/* ---- the bench ---- */

static godwit_err is_bench_alone(const struct deploy *deploy, bool *is_out)
{
    godwit_err err = GODWIT_OK;
    *is_out = deploy->targets;
    for (size_t i = 0; i < deploy->targets_count && *is_out && !err; i++)
        err = bench_has(deploy->change.app->db, deploy->devices[i]->id, is_out);
    return err;
}

static godwit_err check_bench(struct deploy *deploy, const struct release *release)
{
    bool is_fine = true;
    if (!release->product->needs_bench) return GODWIT_OK;
    godwit_err err = is_bench_alone(deploy, &is_fine);
    if (err || is_fine) return err;
    for (size_t i = 0; i < release->images_count && !err && !deploy->fault; i++) {
        err = bench_has_proven(deploy->change.app->db, &release->images[i], &is_fine);
        if (err || is_fine) continue;
        const struct godwit_chip *chip = godwit_chip_by_id(release->images[i].chip_id);
        deploy->fault = DEPLOY_BENCH;
        deploy->fault_chip = chip ? chip->name : "unknown";
    }
    return err;
}

godwit_err deploy_check(struct deploy *deploy, const struct release *release)
{
    typedef godwit_err check(struct deploy * deploy, const struct release *release);
    static check *const CHECKS[] = {check_policies, check_plan, check_chips, check_others,
                                    check_bench};
    godwit_err err = GODWIT_OK;
    for (size_t i = 0; i < sizeof CHECKS / sizeof *CHECKS && !err && !deploy->fault; i++)
        err = CHECKS[i](deploy, release);
    return err;
}
