/* The shortest chain of releases, by breadth: what one install can reach, then what two can, and
 * so on. Where a device stands after an install depends on the image alone and not on the way
 * there, so each image is looked at once.
 *
 * A product has many releases, and few that differ in what they ask of the next. Of those that ask
 * the same, the one with the lowest counter reaches all that the others do, so only it is kept as a
 * stop (see `add`); the work grows with releases times changes of trust and the stops fit the
 * stack. The stop that is offered is then the newest that does the same service: a device should
 * not be sent over old faults without need. Rejected: planning once per release and keeping the
 * chains in SQL; facts of a device (floor, burnt secure version, what failed on it) change them. */
#include "fleet/bridge.h"

#include "fleet/fit.h"

/* ---- one install ---- */

static bool shares_key(const struct godwit_policy *a, const struct godwit_policy *b)
{
    for (size_t i = 0; i < a->image_keys_count; i++)
        if (godwit_policy_trusts(b, a->image_keys[i])) return true;
    return false;
}

static enum godwit_reason judge_keys(const struct godwit_policy *policy,
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

/* Check 13. An open seed has no key to share; an undo brings the floor that its release had. */
static enum godwit_reason judge_policy(const struct bridge_place *place,
                                       const struct image_trust *trust)
{
    const struct godwit_policy *next = &trust->policy;
    if (!trust->has_policy) return GODWIT_REASON_NONE;
    bool is_undo = next->counter < place->counter;
    if (next->floor < place->floor && !is_undo) return GODWIT_REASON_POLICY_FLOOR;
    bool is_free =
        next->flags & GODWIT_POLICY_CLEAN_BREAK || place->policy->flags & GODWIT_POLICY_OPEN;
    return is_free || shares_key(next, place->policy) ? GODWIT_REASON_NONE
                                                      : GODWIT_REASON_POLICY_KEYS;
}

bool bridge_lacks_policy(const struct bridge_place *place, const struct image *image)
{
    return place->has_policy && image->trust.is_known && !image->trust.has_policy;
}

/* In the order of the device's checks, but for a missing policy (8): with it a counter is missing
 * too (6), and it is the policy that must be put in. */
enum godwit_reason bridge_judge(const struct bridge_place *place, const struct image *image,
                                uint32_t counter, bool allow_downgrade)
{
    const struct image_trust *trust = &image->trust;
    if (image->secure_version < place->secure_version) return GODWIT_REASON_SECURE_VERSION;
    if (bridge_lacks_policy(place, image)) return GODWIT_REASON_POLICY_MISSING;
    if (counter < place->floor) return GODWIT_REASON_BELOW_FLOOR;
    if (counter < place->counter && !allow_downgrade) return GODWIT_REASON_DOWNGRADE;
    if (!place->policy || !trust->is_known) return GODWIT_REASON_NONE;
    enum godwit_reason reason = judge_keys(place->policy, trust);
    return reason ? reason : judge_policy(place, trust);
}

struct bridge_place bridge_after(const struct bridge_place *place, const struct image *image)
{
    const struct image_trust *trust = &image->trust;
    struct bridge_place after = {.policy = place->policy,
                                 .has_policy = place->has_policy,
                                 .counter = image->release->counter,
                                 .floor = place->floor,
                                 .secure_version = image->secure_version};
    if (trust->has_policy) {
        after.policy = &trust->policy;
        after.has_policy = true;
        if (trust->policy.floor > after.floor) after.floor = trust->policy.floor;
    }
    if (!trust->is_known) after.policy = NULL;
    return after;
}

/* ---- here ---- */

const struct image *bridge_running(const struct device *device, const struct catalogue *catalogue)
{
    const struct image *image =
        index_find(&catalogue->images_by_digest, device->facts.image_sha256);
    return image && image->release->product == device->product ? image : NULL;
}

struct bridge_place bridge_here(const struct device *device, const struct catalogue *catalogue)
{
    const struct device_facts *facts = &device->facts;
    const struct image *image = bridge_running(device, catalogue);
    struct bridge_place place = {.policy = &device->product->seed,
                                 .counter = facts->counter,
                                 .floor = facts->floor,
                                 .secure_version = facts->secure_version};
    if (!image) return place;
    struct bridge_place here = bridge_after(&place, image);
    here.counter = facts->counter;
    here.secure_version = facts->secure_version;
    return here;
}

/* ---- deploy keys ---- */

int bridge_policy_key(const struct catalogue *catalogue, const struct godwit_policy *policy)
{
    if (policy->deploy_keys_count == 0) return BRIDGE_KEY_UNSIGNED;
    for (size_t i = 0; i < catalogue->deploy_keys_count; i++)
        for (size_t k = 0; k < policy->deploy_keys_count; k++)
            if (!memcmp(catalogue->deploy_keys[i], policy->deploy_keys[k], 64)) return (int)i;
    return BRIDGE_KEY_NONE;
}

/* What it says of itself counts; an agent that says nothing is older than the first change of
 * keys, unless its image tells. */
int bridge_deploy_key(const struct device *device, const struct catalogue *catalogue)
{
    const uint8_t *said = device->facts.deploy_keys;
    const struct image *image = bridge_running(device, catalogue);
    if (godwit_all(said, 16, 0)) {
        if (image && image->trust.has_policy)
            return bridge_policy_key(catalogue, &image->trust.policy);
        return (int)catalogue->deploy_keys_count - 1;
    }
    for (size_t i = 0; i < catalogue->deploy_keys_count; i++)
        if (!memcmp(catalogue->deploy_keys[i], said, 8) ||
            !memcmp(catalogue->deploy_keys[i], said + 8, 8))
            return (int)i;
    return BRIDGE_KEY_NONE;
}

/* Whether a device that runs the image still listens to this server. */
static bool stays_in_reach(const struct catalogue *catalogue, const struct image *image)
{
    return !image->trust.has_policy ||
           bridge_policy_key(catalogue, &image->trust.policy) != BRIDGE_KEY_NONE;
}

/* ---- the way ---- */

struct stop {
    const struct image *image;
    struct bridge_place place;
    unsigned installs; /* from here to there */
    unsigned from;     /* index of the stop before; the stops of 1 install come from none */
};

struct search {
    const struct catalogue *catalogue;
    const struct bridge_trip *trip;
    struct bridge_place here;
    struct stop stops[BRIDGE_STOPS_MAX];
    unsigned count;
};

/* Asks the same of the next image, counter apart. */
static bool is_like(const struct bridge_place *a, const struct bridge_place *b)
{
    const struct godwit_policy *x = a->policy, *y = b->policy;
    if (a->has_policy != b->has_policy || a->floor != b->floor ||
        a->secure_version != b->secure_version)
        return false;
    return x == y || (x->threshold == y->threshold &&
                      !memcmp(x->image_keys, y->image_keys, sizeof x->image_keys));
}

/* A stop from which no more can be reached than from one that is there already is left out; one
 * that can reach more takes the place of its like, while that has not been gone on from. */
static void add(struct search *search, const struct stop *stop)
{
    for (unsigned i = 0; i < search->count; i++) {
        struct stop *other = &search->stops[i];
        if (!is_like(&other->place, &stop->place)) continue;
        if (other->place.counter <= stop->place.counter) return;
        if (other->installs < stop->installs) continue;
        *other = *stop;
        return;
    }
    if (search->count < BRIDGE_STOPS_MAX) search->stops[search->count++] = *stop;
}

/* The image of a release that could be a stop of this device at all, or NULL. */
static const struct image *stop_image(const struct search *search, const struct release *release)
{
    const struct device *device = search->trip->device;
    enum decision_reason reason;
    if (release->product != device->product || !release->frozen) return NULL;
    if (release == search->trip->without) return NULL;
    const struct image *image = fit_image(release, &device->facts, &reason);
    bool is_good = image && image != search->trip->target && image->trust.is_known &&
                   image->file_size <= device->facts.slot_size &&
                   !fit_failed_before(device, image) && stays_in_reach(search->catalogue, image);
    return is_good ? image : NULL;
}

static bool is_allowed(const struct search *search, const struct bridge_place *place,
                       const struct image *image)
{
    return !bridge_judge(place, image, image->release->counter, search->trip->allow_downgrade);
}

/* Everything that one install reaches from a place. */
static void go_on(struct search *search, const struct bridge_place *place, unsigned from,
                  unsigned installs)
{
    for (const struct release *release = search->catalogue->releases; release;
         release = release->next) {
        const struct image *image = stop_image(search, release);
        if (!image || !is_allowed(search, place, image)) continue;
        struct stop stop = {image, bridge_after(place, image), installs, from};
        add(search, &stop);
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
        struct bridge_place place = bridge_after(&search->here, image);
        if (is_allowed(search, &place, second)) found = image;
    }
    return found;
}

/* The first image of the chain that ends with this stop and the target. */
static const struct image *first_of(const struct search *search, unsigned last)
{
    const struct image *second = search->trip->target;
    for (; search->stops[last].installs > 1; last = search->stops[last].from)
        second = search->stops[last].image;
    return newest_first(search, second, search->stops[last].image);
}

unsigned bridge_plan(const struct catalogue *catalogue, const struct bridge_trip *trip,
                     const struct image **first_out)
{
    struct search search;
    search.catalogue = catalogue, search.trip = trip, search.count = 0;
    search.here = bridge_here(trip->device, catalogue);
    *first_out = trip->target;
    if (is_allowed(&search, &search.here, trip->target)) return 1;
    go_on(&search, &search.here, 0, 1);
    for (unsigned i = 0; i < search.count; i++) {
        const struct stop *stop = &search.stops[i];
        if (is_allowed(&search, &stop->place, trip->target)) {
            *first_out = first_of(&search, i);
            return stop->installs + 1;
        }
        go_on(&search, &stop->place, i, stop->installs + 1);
    }
    *first_out = NULL;
    return 0;
}

/* ---- releases that matter ---- */

const struct image *bridge_before(const struct catalogue *catalogue, const struct image *image)
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

/* Of the first release that went out: devices came with the seed, whose deploy keys are not told.
 */
static bool keeps_seed(const struct godwit_policy *seed, const struct image_trust *trust)
{
    const struct godwit_policy *policy = &trust->policy;
    if (!trust->has_policy) return true;
    if (policy->threshold != seed->threshold || policy->image_keys_count != seed->image_keys_count)
        return false;
    for (size_t i = 0; i < policy->image_keys_count; i++)
        if (!godwit_policy_trusts(seed, policy->image_keys[i])) return false;
    return true;
}

bool bridge_changes_trust(const struct catalogue *catalogue, const struct release *release)
{
    for (size_t i = 0; release->frozen && i < release->images_count; i++) {
        const struct image *image = &release->images[i], *before = bridge_before(catalogue, image);
        bool is_same = before ? has_same_trust(&before->trust, &image->trust)
                              : keeps_seed(&release->product->seed, &image->trust);
        if (!is_same) return true;
    }
    return false;
}
