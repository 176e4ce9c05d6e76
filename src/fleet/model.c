/* Look-ups in the domain. */
#include "fleet/model.h"

#include "base/text.h"

void device_id_text(const uint8_t device_id[static 6], char out[static 13])
{
    godwit_hex_encode(device_id, 6, out);
}

godwit_err device_id_parse(const char *text, uint8_t out[static 16])
{
    memset(out, 0, 16);
    return godwit_hex_decode(text, strlen(text), out, 6);
}

struct org *org_find(const struct catalogue *catalogue, const char *name)
{
    struct org *org = catalogue->orgs;
    while (org && strcmp(org->name, name) != 0)
        org = org->next;
    return org;
}

static bool is_of(const struct product *product, const char *org)
{
    return !strcmp(product->org->name, org);
}

struct product *product_find(const struct catalogue *catalogue, const char *org, const char *name)
{
    struct product *product = catalogue->products;
    while (product && (strcmp(product->name, name) != 0 || !is_of(product, org)))
        product = product->next;
    return product;
}

const char *device_version(const struct catalogue *catalogue, const struct device *device)
{
    const struct image *image =
        index_find(&catalogue->images_by_digest, device->facts.running->image_sha256);
    bool is_own = image && image->release->product == device->product;
    return is_own ? image->release->version : device->facts.running->version;
}

struct product *product_find_by_id(const struct catalogue *catalogue, const char *org,
                                   const uint8_t product_id[static 16])
{
    struct product *product = catalogue->products;
    while (product && (memcmp(product->product_id, product_id, 16) != 0 || !is_of(product, org)))
        product = product->next;
    return product;
}

struct release *release_find(const struct catalogue *catalogue, const char *org,
                             const char *product, const char *version)
{
    struct release *best = NULL;
    for (struct release *release = catalogue->releases; release; release = release->next)
        if (!strcmp(release->product->name, product) && !strcmp(release->version, version) &&
            is_of(release->product, org) && (!best || release->counter > best->counter))
            best = release;
    return best;
}

const struct release *release_by_id(const struct catalogue *catalogue, int64_t id)
{
    const struct release *release = catalogue->releases;
    while (release && release->id > id)
        release = release->next;
    return release && release->id == id ? release : NULL;
}

const struct image *release_image(const struct release *release, int64_t image_id)
{
    for (size_t i = 0; i < release->images_count; i++)
        if (release->images[i].id == image_id) return &release->images[i];
    return NULL;
}

static const struct file *file_of(const struct catalogue *catalogue, const struct org *org,
                                  const uint8_t digest[static 32])
{
    struct file key = {.org = org->number};
    memcpy(key.file_sha256, digest, sizeof key.file_sha256);
    return index_find(&catalogue->files_by_digest, (const uint8_t *)&key.org);
}

const struct file *file_find(const struct catalogue *catalogue, const char *org,
                             const uint8_t digest[static 32])
{
    const struct org *found = org_find(catalogue, org);
    return found ? file_of(catalogue, found, digest) : NULL;
}

bool file_is_named(const struct catalogue *catalogue, const uint8_t digest[static 32])
{
    for (const struct org *org = catalogue->orgs; org; org = org->next)
        if (file_of(catalogue, org, digest)) return true;
    return false;
}

struct rollout *rollout_find(const struct catalogue *catalogue, uint32_t id)
{
    return index_find(&catalogue->rollouts_by_id, (const uint8_t *)&id);
}

/* What a device was offered last is asked for mostly, and stands first. */
struct member *device_member(const struct device *device, const struct rollout *rollout)
{
    struct member *member = device->members;
    while (member && member->rollout->id > rollout->id)
        member = member->next;
    return member && member->rollout == rollout ? member : NULL;
}

/* A device that changed its product keeps its places in rollouts of the former one. */
const struct rollout *device_rollout(const struct device *device)
{
    const struct rollout *all = device->product->rollout;
    const struct member *member = device->members;
    while (member && member->rollout->release->product != device->product)
        member = member->next;
    return member && (!all || member->rollout->id > all->id) ? member->rollout : all;
}

const char *member_state_name(enum member_state state)
{
    static const char *const NAMES[] = {"queued",     "in-progress", "succeeded", "failed",
                                        "superseded", "soaking",     "undoing",   "undone"};
    return NAMES[state];
}

const char *rollout_state_name(enum rollout_state state)
{
    static const char *const NAMES[] = {"running", "paused", "halted", "undone"};
    return state < ROLLOUT_STATE_COUNT ? NAMES[state] : "unknown";
}

bool rollout_may_become(enum rollout_state from, enum rollout_state to)
{
    if (from == ROLLOUT_UNDONE) return to == ROLLOUT_UNDONE;
    return from != ROLLOUT_HALTED || to == ROLLOUT_HALTED || to == ROLLOUT_UNDONE;
}

uint32_t rollout_selected(const struct rollout *rollout)
{
    return rollout->is_targeted ? rollout->members_count
                                : (uint32_t)rollout->release->product->devices_count;
}

uint32_t rollout_pace(const struct rollout *rollout)
{
    bool is_small = rollout->plan.is_careful;
    uint64_t pace = (uint64_t)(is_small ? FLEET_PER_SUCCESS_SMALL : FLEET_PER_SUCCESS) *
                    rollout->succeeded_count;
    uint32_t least = is_small ? 1 : FLEET_IN_PROGRESS_MIN;
    if (rollout->is_skipped) return UINT32_MAX;
    if (pace < least) return least;
    return pace < UINT32_MAX ? (uint32_t)pace : UINT32_MAX;
}

uint32_t rollout_places(const struct rollout *rollout)
{
    uint32_t pace = rollout_pace(rollout),
             taken = rollout->in_progress_count + rollout->soaking_count;
    return pace > taken ? pace - taken : 0;
}

uint32_t rollout_gate(const struct rollout *rollout)
{
    const struct proof_plan *plan = &rollout->plan;
    if (rollout->is_skipped || rollout->gates_open >= plan->gates_count) return UINT32_MAX;
    return gate_devices(&plan->gates[rollout->gates_open], rollout_selected(rollout));
}

struct brake_view rollout_weigh(const struct rollout *rollout, const struct brake *brake)
{
    const double p0 = brake_p0(rollout->release->product->control.rate);
    return brake_look(brake, rollout->offered_count, p0);
}

bool member_has_confirmed(const struct member *member)
{
    return member->state == MEMBER_SOAKING || member->state == MEMBER_SUCCEEDED ||
           member->state == MEMBER_UNDOING;
}

bool member_is_watched(const struct member *member)
{
    return member->state == MEMBER_IN_PROGRESS || member->state == MEMBER_SOAKING ||
           member->state == MEMBER_UNDOING;
}

bool rollout_is_again(const struct rollout *rollout, const struct member *member)
{
    return rollout->again || (member && member->is_again);
}

bool member_has_failed(const struct member *member)
{
    return member->state == MEMBER_FAILED && member->reason != GODWIT_REASON_SILENT;
}
