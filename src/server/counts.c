/* Rollouts and products are few: what there is of them is copied first, then the devices are
 * visited, each asking decide once. Numbers of one reply may be some milliseconds apart. */
#include "server/counts.h"

#include <stdlib.h>

#include "fleet/decide.h"
#include "fleet/pending.h"
#include "fleet/rollout.h"
#include "fleet/upgrade_path.h"

#define TRIAL_MAX_S 900 /* more than a trial boot may take, ten minutes */

#define SPARE 16 /* for those that are made while room is made */

bool counts_awaits(const struct decision *decision)
{
    return decision->kind == DECIDE_INSTALL || decision->reason == DECISION_QUEUED ||
           decision->reason == DECISION_ON_TRIAL;
}

static struct rollout_counts *find_rollout(const struct counts *counts, uint32_t id)
{
    size_t low = 0, high = counts->rollouts_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (counts->rollouts[middle].id == id) return &counts->rollouts[middle];
        if (counts->rollouts[middle].id > id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct rollout_counts *counts_rollout(const struct counts *counts, uint32_t id)
{
    return find_rollout(counts, id);
}

struct walk {
    const struct catalogue *catalogue;
    struct counts *counts;
    uint32_t interval_s;
    int64_t now_s;
};

/* Of one device, for the rollout that speaks to it. A device that was seen in the second in which
 * the rollout began may have checked in before: only its next check-in tells. */
static void count_rollout(const struct walk *walk, struct rollout_counts *counts,
                          const struct device *device, const struct decision *decision)
{
    const struct rollout *rollout = decision->rollout;
    const struct member *member = device_member(device, rollout);
    bool is_offered = member && member->state != MEMBER_SELECTED;
    bool is_in_progress = member && member->state == MEMBER_IN_PROGRESS;
    bool is_queued = !is_offered && counts_awaits(decision);
    counts->incompatible_count += !strcmp(decision_reason_state(decision->reason), "incompatible");
    counts->refused_count +=
        decision->reason == DECISION_FAILED_BEFORE && (!member || member->state != MEMBER_FAILED);
    counts->is_awaited |= is_queued || is_in_progress;
    if (!is_queued && !is_in_progress) return;
    /* One that may have switched is silent while the new image boots and tests itself. */
    bool may_be_on_trial = is_in_progress && !member->is_away &&
                           walk->now_s - device->facts.last_seen_s <= TRIAL_MAX_S;
    bool is_silent = !may_be_on_trial && device_is_silent(device, walk->interval_s, walk->now_s);
    counts->expected_count += !is_silent;
    counts->not_seen_count +=
        is_silent || (is_queued && device->facts.last_seen_s <= rollout->created_s);
}

static void count_key(struct product_counts *counts, const uint8_t key[static 32])
{
    size_t at = 0;
    while (at < counts->keys_count && memcmp(counts->keys[at], key, 32))
        at++;
    if (at == TRUSTED_KEYS_MAX) return;
    if (at == counts->keys_count) memcpy(counts->keys[counts->keys_count++], key, 32);
    counts->key_devices[at]++;
}

static void count_trust(struct counts *counts, const struct device *device,
                        const struct catalogue *catalogue)
{
    const struct godwit_policy *policy = upgrade_here(device, catalogue).policy;
    size_t at = 0;
    while (at < counts->products_count && counts->products[at].id != device->product->id)
        at++;
    if (at == counts->products_count || !policy) return;
    for (size_t i = 0; i < policy->image_keys_count; i++)
        count_key(&counts->products[at], policy->image_keys[i]);
}

static void count_device(void *ctx, struct device *device)
{
    const struct walk *walk = ctx;
    struct counts *counts = walk->counts;
    const struct decision decision = decide(device, walk->catalogue);
    struct rollout_counts *rollout =
        decision.rollout ? find_rollout(counts, decision.rollout->id) : NULL;
    if (rollout) count_rollout(walk, rollout, device, &decision);
    count_trust(counts, device, walk->catalogue);
    int key = upgrade_deploy_key(device, walk->catalogue);
    if (key >= 0) counts->deploy_keys[key]++;
    counts->devices++;
    counts->on_trial += device->facts.on_trial;
    counts->pending += pending_newest(device) != NULL;
    counts->turned_away += device->turned_away_count > 0;
    counts->unknown_release +=
        !godwit_all(device->facts.running->image_sha256, 32, 0) &&
        !index_find(&walk->catalogue->images_by_digest, device->facts.running->image_sha256);
}

/* Lock held. */
static size_t count_catalogue(const struct catalogue *catalogue, size_t *products_out)
{
    size_t rollouts = 0;
    *products_out = 0;
    for (const struct rollout *rollout = catalogue->rollouts; rollout; rollout = rollout->next)
        rollouts++;
    for (const struct product *product = catalogue->products; product; product = product->next)
        ++*products_out;
    return rollouts;
}

/* Lock held. */
static void take_catalogue(const struct catalogue *catalogue, struct counts *counts,
                           size_t rollouts_max, size_t products_max)
{
    const struct rollout *rollout = catalogue->rollouts;
    const struct product *product = catalogue->products;
    for (; rollout && counts->rollouts_count < rollouts_max; rollout = rollout->next)
        counts->rollouts[counts->rollouts_count++] = (struct rollout_counts){
            .id = rollout->id, .is_awaited = rollout->in_progress_count > 0};
    for (; product && counts->products_count < products_max; product = product->next) {
        struct product_counts *taken = &counts->products[counts->products_count++];
        taken->id = product->id;
        taken->keys_count = product->initial_policy.image_keys_count;
        memcpy(taken->keys, product->initial_policy.image_keys,
               sizeof product->initial_policy.image_keys);
    }
}

struct counts counts_make(struct app *app)
{
    struct counts counts = {0};
    struct walk walk = {.catalogue = &app->fleet.catalogue,
                        .counts = &counts,
                        .interval_s = app->settings->interval_s,
                        .now_s = clock_unix_s(app->clock)};
    size_t products_max;
    fleet_lock(&app->fleet);
    size_t rollouts_max = SPARE + count_catalogue(walk.catalogue, &products_max);
    fleet_unlock(&app->fleet);
    products_max += SPARE;
    counts.rollouts = calloc(rollouts_max, sizeof *counts.rollouts);
    counts.products = calloc(products_max, sizeof *counts.products);
    if (!counts.rollouts || !counts.products) abort();
    fleet_lock(&app->fleet);
    take_catalogue(walk.catalogue, &counts, rollouts_max, products_max);
    fleet_unlock(&app->fleet);
    fleet_each_device(&app->fleet, count_device, &walk);
    return counts;
}

void counts_free(struct counts *counts)
{
    free(counts->rollouts);
    free(counts->products);
}
