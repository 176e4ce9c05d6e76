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
const struct rollout *device_rollout_in(const struct device *device, const struct product *product)
{
    const struct rollout *best = product->rollout;
    for (const struct member *member = device->members; member; member = member->next) {
        const struct rollout *rollout = member->rollout;
        if (rollout->release->product == product && (!best || rollout_outranks(rollout, best)))
            best = rollout;
    }
    return best;
}

const struct rollout *device_rollout(const struct device *device)
{
    return device_rollout_in(device, device->product);
}
