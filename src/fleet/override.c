/* What stands before an image is the chain of frozen releases below it; those without a policy
 * change nothing for who comes over them and are passed by. At its end stands the initial policy:
 * its image keys are known, and it always lists a deploy key, for the server writes it so. */
#include "fleet/override.h"
#include "fleet/cache.h"

#include "fleet/upgrade_path.h"

/* The next below that has a policy, or NULL. */
static const struct image *policy_before(const struct fleet *fleet, const struct image *image)
{
    do
        image = upgrade_before(&fleet->catalogue, image);
    while (image && !image->trust.has_policy);
    return image;
}

struct search {
    const struct product *product;
    const uint8_t *image_sha256;
    bool is_found;
};

static void find_run(void *ctx, struct device *device)
{
    struct search *search = ctx;
    search->is_found |= !memcmp(device->facts.running->image_sha256, search->image_sha256, 32);
}

/* Among all devices: those in memory, and the rows of the others. */
static bool is_found(struct fleet *fleet, struct db *db, fleet_visit *visit, struct search *search)
{
    struct device_walk walk = {0};
    struct device *device;
    fleet_each_device(fleet, visit, search);
    while (fleet_is_partial(fleet) && !search->is_found &&
           !device_walk_next(fleet, db, &walk, &device) && device)
        visit(search, device);
    return search->is_found;
}

static bool is_run(struct fleet *fleet, struct db *db, const struct image *image)
{
    struct search search = {.image_sha256 = image->image_sha256};
    return is_found(fleet, db, find_run, &search);
}

/* Which release dropped a key that was known before: the last to do so, or where a release between
 * lists it again already, one that devices still run. NULL: none. */
static const struct release *dropped_by(struct fleet *fleet, struct db *db,
                                        const struct image *image, const uint8_t key[static 32])
{
    const struct release *dropper = NULL;
    const struct image *before = image;
    bool is_last = true;
    while ((before = policy_before(fleet, before))) {
        bool is_listed = godwit_policy_trusts(&before->trust.policy, key);
        if (is_listed && dropper) return dropper;
        if (is_listed) is_last = false;
        if (!is_listed && (is_last || is_run(fleet, db, before))) dropper = before->release;
    }
    return godwit_policy_trusts(&image->release->product->initial_policy, key) ? dropper : NULL;
}

/* What devices say themselves: whether one of the product obeys a deploy key now. */
static void find_signed_to(void *ctx, struct device *device)
{
    struct search *search = ctx;
    search->is_found |= device->product == search->product &&
                        !godwit_all(device->facts.running->deploy_keys, 16, 0);
}

static bool is_signed_to(struct fleet *fleet, struct db *db, const struct product *product)
{
    struct search search = {.product = product};
    return is_found(fleet, db, find_signed_to, &search);
}

/* A release that was agreed on for one device is no word for the others: so devices are asked too.
 */
struct overrides overrides_of(struct fleet *fleet, struct db *db, const struct image *image)
{
    const struct godwit_policy *policy = &image->trust.policy;
    struct overrides overrides = {.retrusted_key = NULL};
    if (!image->trust.has_policy) return overrides;
    const struct image *before = policy_before(fleet, image);
    bool had_none = before && before->trust.policy.deploy_keys_count == 0;
    if (is_signed_to(fleet, db, image->release->product)) had_none = false;
    overrides.needs[OVERRIDE_TRUST_RESET] = policy->flags & GODWIT_POLICY_TRUST_RESET;
    overrides.needs[OVERRIDE_NO_DEPLOY_KEY] = policy->deploy_keys_count == 0 && !had_none;
    for (size_t i = 0; i < policy->image_keys_count && !overrides.dropped_by; i++) {
        overrides.retrusted_key = policy->image_keys[i];
        overrides.dropped_by = dropped_by(fleet, db, image, policy->image_keys[i]);
    }
    const struct image *below = upgrade_before(&fleet->catalogue, image);
    overrides.needs[OVERRIDE_NO_RETURN] = below && below->release->counter < policy->rollback_floor;
    overrides.needs[OVERRIDE_RETRUSTED_KEY] = overrides.dropped_by != NULL;
    return overrides;
}

const char *override_id(enum override override)
{
#define OVERRIDE_ID(name, id) id,
    static const char *const IDS[] = {OVERRIDES(OVERRIDE_ID)};
#undef OVERRIDE_ID
    return IDS[override];
}
