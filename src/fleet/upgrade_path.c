/* The shortest chain of releases, by breadth: what one install can reach, then what two can, and
 * so on. Where a device stands after an install depends on the image alone and not on the way
 * there, so each image is looked at once.
 *
 * A product has many releases, and few that differ in what they ask of the next. Of those that ask
 * the same, the one with the lowest counter reaches all that the others do, so only it is kept as a
 * stop (see `add`); the work grows with releases times changes of trust and the stops fit the
 * stack. The stop that is offered is then the newest that does the same service: a device should
 * not be sent over old faults without need. Rejected: planning once per release and keeping the
 * chains in SQL; facts of a device (rollback floor, programmed secure version, what failed on it)
 * change them. */
#include "fleet/upgrade_path.h"

#include "fleet/fit.h"

/* ---- one install ---- */

static bool shares_key(const struct godwit_policy *a, const struct godwit_policy *b)
{
    for (size_t i = 0; i < a->image_keys_count; i++)
        if (godwit_policy_trusts(b, a->image_keys[i])) return true;
    return false;
}

static enum godwit_reason check_keys(const struct godwit_policy *policy,
                                     const struct image_trust *trust)
{
    unsigned trusted = 0;
    if (policy->flags & GODWIT_POLICY_OPEN) return GODWIT_REASON_NONE;
    if (trust->keys_count == 0) return GODWIT_REASON_UNSIGNED;
    for (size_t i = 0; i < trust->keys_count; i++)
        trusted += godwit_policy_trusts(policy, trust->keys[i]);
    if (trusted == 0) return GODWIT_REASON_SIGNATURE_KEY;
    return trusted < policy->threshold ? GODWIT_REASON_SIGNATURE_THRESHOLD : GODWIT_REASON_NONE;
}

/* Check 13. An open initial policy has no key to share; an undo brings the rollback floor that its
 * release had. */
static enum godwit_reason check_policy(const struct upgrade_point *point,
                                       const struct image_trust *trust)
{
    const struct godwit_policy *next = &trust->policy;
    if (!trust->has_policy) return GODWIT_REASON_NONE;
    bool is_undo = next->counter < point->counter;
    if (next->rollback_floor < point->rollback_floor && !is_undo)
        return GODWIT_REASON_POLICY_ROLLBACK_FLOOR;
    bool is_free =
        next->flags & GODWIT_POLICY_TRUST_RESET || point->policy->flags & GODWIT_POLICY_OPEN;
    return is_free || shares_key(next, point->policy) ? GODWIT_REASON_NONE
                                                      : GODWIT_REASON_POLICY_KEYS;
}

bool upgrade_lacks_policy(const struct upgrade_point *point, const struct image *image)
{
    return point->has_policy && image->trust.is_known && !image->trust.has_policy;
}

/* In the order of the device's checks, but for a missing policy (8): with it a counter is missing
 * too (6), and it is the policy that must be put in. */
enum godwit_reason upgrade_check(const struct upgrade_point *point, const struct image *image,
                                 uint32_t counter, bool allow_downgrade)
{
    const struct image_trust *trust = &image->trust;
    if (image->secure_version < point->secure_version) return GODWIT_REASON_SECURE_VERSION;
    if (upgrade_lacks_policy(point, image)) return GODWIT_REASON_POLICY_MISSING;
    if (counter < point->rollback_floor) return GODWIT_REASON_BELOW_ROLLBACK_FLOOR;
    if (counter < point->counter && !allow_downgrade) return GODWIT_REASON_DOWNGRADE;
    if (!point->policy || !trust->is_known) return GODWIT_REASON_NONE;
    enum godwit_reason reason = check_keys(point->policy, trust);
    return reason ? reason : check_policy(point, trust);
}

struct upgrade_point upgrade_after(const struct upgrade_point *point, const struct image *image)
{
    const struct image_trust *trust = &image->trust;
    struct upgrade_point after = {.policy = point->policy,
                                  .has_policy = point->has_policy,
                                  .counter = image->release->counter,
                                  .rollback_floor = point->rollback_floor,
                                  .secure_version = image->secure_version};
    if (trust->has_policy) {
        after.policy = &trust->policy;
        after.has_policy = true;
        if (trust->policy.rollback_floor > after.rollback_floor)
            after.rollback_floor = trust->policy.rollback_floor;
    }
    if (!trust->is_known) after.policy = NULL;
    return after;
}

/* ---- here ---- */

const struct image *upgrade_running(const struct device *device, const struct catalogue *catalogue)
{
    const struct image *image =
        index_find(&catalogue->images_by_digest, device->facts.running->image_sha256);
    return image && image->release->product == device->product ? image : NULL;
}

uint32_t upgrade_running_release(const struct device *device, const struct catalogue *catalogue)
{
    const struct image *image = upgrade_running(device, catalogue);
    return image ? (uint32_t)image->release->id : 0;
}

struct upgrade_point upgrade_here(const struct device *device, const struct catalogue *catalogue)
{
    const struct device_facts *facts = &device->facts;
    const struct image *image = upgrade_running(device, catalogue);
    struct upgrade_point point = {.policy = &device->product->initial_policy,
                                  .counter = facts->counter,
                                  .rollback_floor = facts->rollback_floor,
                                  .secure_version = facts->secure_version};
    if (!image) return point;
    struct upgrade_point here = upgrade_after(&point, image);
    here.counter = facts->counter;
    here.secure_version = facts->secure_version;
    return here;
}

/* ---- deploy keys ---- */

int upgrade_policy_key(const struct catalogue *catalogue, const struct godwit_policy *policy)
{
    if (policy->deploy_keys_count == 0) return UPGRADE_KEY_UNSIGNED;
    for (size_t i = 0; i < catalogue->deploy_keys_count; i++)
        for (size_t k = 0; k < policy->deploy_keys_count; k++)
            if (!memcmp(catalogue->deploy_keys[i], policy->deploy_keys[k], 64)) return (int)i;
    return UPGRADE_KEY_NONE;
}

/* What it says of itself counts; an agent that says nothing is older than the first change of
 * keys, unless its image tells. */
int upgrade_deploy_key(const struct device *device, const struct catalogue *catalogue)
{
    const uint8_t *said = device->facts.running->deploy_keys;
    const struct image *image = upgrade_running(device, catalogue);
    if (godwit_all(said, 16, 0)) {
        if (image && image->trust.has_policy)
            return upgrade_policy_key(catalogue, &image->trust.policy);
        return (int)catalogue->deploy_keys_count - 1;
    }
    for (size_t i = 0; i < catalogue->deploy_keys_count; i++)
        if (!memcmp(catalogue->deploy_keys[i], said, 8) ||
            !memcmp(catalogue->deploy_keys[i], said + 8, 8))
            return (int)i;
    return UPGRADE_KEY_NONE;
}

/* Whether a device that runs the image still listens to this server. */
static bool stays_in_reach(const struct catalogue *catalogue, const struct image *image)
{
    return !image->trust.has_policy ||
           upgrade_policy_key(catalogue, &image->trust.policy) != UPGRADE_KEY_NONE;
}

/* ---- the way ---- */

struct hop {
    const struct image *image;
    struct upgrade_point point;
    unsigned installs; /* from here to there */
    unsigned from;     /* index of the stop before; the stops of 1 install come from none */
};

struct search {
    const struct catalogue *catalogue;
    const struct upgrade_query *query;
    struct upgrade_point here;
    struct hop hops[UPGRADE_HOPS_MAX];
    unsigned count;
};

/* Asks the same of the next image, counter apart. */
static bool is_like(const struct upgrade_point *a, const struct upgrade_point *b)
{
    const struct godwit_policy *x = a->policy, *y = b->policy;
    if (a->has_policy != b->has_policy || a->rollback_floor != b->rollback_floor ||
        a->secure_version != b->secure_version)
        return false;
    return x == y || (x->threshold == y->threshold &&
                      !memcmp(x->image_keys, y->image_keys, sizeof x->image_keys));
}

/* A stop from which no more can be reached than from one that is there already is left out; one
 * that can reach more takes the place of its like, while that has not been gone on from. */
static void add(struct search *search, const struct hop *hop)
{
    for (unsigned i = 0; i < search->count; i++) {
        struct hop *other = &search->hops[i];
        if (!is_like(&other->point, &hop->point)) continue;
        if (other->point.counter <= hop->point.counter) return;
        if (other->installs < hop->installs) continue;
        *other = *hop;
        return;
    }
    if (search->count < UPGRADE_HOPS_MAX) search->hops[search->count++] = *hop;
}

/* The image of a release that could be a stop of this device at all, or NULL. */
static const struct image *stop_image(const struct search *search, const struct release *release)
{
    const struct device *device = search->query->device;
    enum decision_reason reason;
    if (release->product != device->product || !release->frozen) return NULL;
    if (release == search->query->without) return NULL;
    const struct image *image = fit_image(release, &device->facts, &reason);
    bool is_good = image && image != search->query->target && image->trust.is_known &&
                   image->file_size <= device->facts.slot_size &&
                   !fit_failed_before(device, image) && stays_in_reach(search->catalogue, image);
    return is_good ? image : NULL;
}

static bool is_allowed(const struct search *search, const struct upgrade_point *point,
                       const struct image *image)
{
    return !upgrade_check(point, image, image->release->counter, search->query->allow_downgrade);
}

/* Everything that one install reaches from a place. */
static void go_on(struct search *search, const struct upgrade_point *point, unsigned from,
                  unsigned installs)
{
    for (const struct release *release = search->catalogue->releases; release;
         release = release->next) {
        const struct image *image = stop_image(search, release);
        if (!image || !is_allowed(search, point, image)) continue;
        struct hop hop = {image, upgrade_after(point, image), installs, from};
        add(search, &hop);
    }
}

/* The newest image that leads to `second` as the found first stop does. */
static const struct image *newest_first(const struct search *search, const struct image *second,
                                        const struct image *found)
{
    for (const struct release *release = search->catalogue->releases; release;
         release = release->next) {
        const struct image *image = stop_image(search, release);
        if (!image || image->release->counter <= found->release->counter) continue;
        if (!is_allowed(search, &search->here, image)) continue;
        struct upgrade_point point = upgrade_after(&search->here, image);
        if (is_allowed(search, &point, second)) found = image;
    }
    return found;
}

/* The first image of the chain that ends with this stop and the target. */
static const struct image *first_of(const struct search *search, unsigned last)
{
    const struct image *second = search->query->target;
    for (; search->hops[last].installs > 1; last = search->hops[last].from)
        second = search->hops[last].image;
    return newest_first(search, second, search->hops[last].image);
}

unsigned upgrade_plan(const struct catalogue *catalogue, const struct upgrade_query *query,
                      const struct image **first_out)
{
    struct search search;
    search.catalogue = catalogue, search.query = query, search.count = 0;
    search.here = upgrade_here(query->device, catalogue);
    *first_out = query->target;
    if (is_allowed(&search, &search.here, query->target)) return 1;
    go_on(&search, &search.here, 0, 1);
    for (unsigned i = 0; i < search.count; i++) {
        const struct hop *hop = &search.hops[i];
        if (is_allowed(&search, &hop->point, query->target)) {
            *first_out = first_of(&search, i);
            return hop->installs + 1;
        }
        go_on(&search, &hop->point, i, hop->installs + 1);
    }
    *first_out = NULL;
    return 0;
}

/* ---- releases that matter ---- */

const struct image *upgrade_before(const struct catalogue *catalogue, const struct image *image)
{
    const struct image *best = NULL;
    for (const struct release *release = catalogue->releases; release; release = release->next) {
        if (release->product != image->release->product || !release->frozen) continue;
        if (release == image->release || release->counter > image->release->counter ||
            (release->counter == image->release->counter && release->id > image->release->id))
            continue;
        for (size_t i = 0; i < release->images_count; i++) {
            const struct image *other = &release->images[i];
            if (other->chip_id == image->chip_id &&
                (!best || release->counter > best->release->counter))
                best = other;
        }
    }
    return best;
}

static bool has_same_trust(const struct image_trust *a, const struct image_trust *b)
{
    const struct godwit_policy *x = &a->policy, *y = &b->policy;
    if (a->has_policy != b->has_policy) return false;
    return x->threshold == y->threshold &&
           !memcmp(x->image_keys, y->image_keys, sizeof x->image_keys) &&
           !memcmp(x->deploy_keys, y->deploy_keys, sizeof x->deploy_keys);
}

/* Of the first release that went out: devices came with the initial policy, whose deploy keys are
 * not told.
 */
static bool keeps_initial_policy(const struct godwit_policy *initial_policy,
                                 const struct image_trust *trust)
{
    const struct godwit_policy *policy = &trust->policy;
    if (!trust->has_policy) return true;
    if (policy->threshold != initial_policy->threshold ||
        policy->image_keys_count != initial_policy->image_keys_count)
        return false;
    for (size_t i = 0; i < policy->image_keys_count; i++)
        if (!godwit_policy_trusts(initial_policy, policy->image_keys[i])) return false;
    return true;
}

bool upgrade_changes_trust(const struct catalogue *catalogue, const struct release *release)
{
    for (size_t i = 0; release->frozen && i < release->images_count; i++) {
        const struct image *image = &release->images[i], *before = upgrade_before(catalogue, image);
        bool is_same = before
                           ? has_same_trust(&before->trust, &image->trust)
                           : keeps_initial_policy(&release->product->initial_policy, &image->trust);
        if (!is_same) return true;
    }
    return false;
}
