/* One counter for each site with a device in progress, and a mark on each device that is counted:
 * whoever moves a member has the device counted anew, which is right however often it is done.
 * Rejected: a counter for each rollout and site, of which none would be right for the place. */
#include "fleet/site.h"

#include <stdlib.h>

#include "fleet/memory.h"

static struct site *find(const struct catalogue *catalogue, uint32_t key)
{
    return key ? index_find(&catalogue->sites, (const uint8_t *)&key) : NULL;
}

uint32_t site_in_progress(const struct catalogue *catalogue, const struct device *device)
{
    const struct site *site = find(catalogue, device->site);
    return site ? site->in_progress : 0;
}

static void enter(struct catalogue *catalogue, struct device *device)
{
    struct site *site = find(catalogue, device->site);
    if (!site) {
        site = fleet_alloc(sizeof *site);
        site->key = device->site;
        index_add(&catalogue->sites, site);
    }
    site->in_progress++;
    device->facts.guard.is_at_site = true;
}

void site_leave(struct catalogue *catalogue, struct device *device)
{
    struct site *site = device->facts.guard.is_at_site ? find(catalogue, device->site) : NULL;
    device->facts.guard.is_at_site = false;
    if (!site || --site->in_progress) return;
    index_remove(&catalogue->sites, site);
    free(site);
}

/* One that is away keeps nobody waiting, as in the pace. */
static bool is_in_progress(const struct device *device)
{
    const struct member *member = device->members;
    while (member && (member->state != MEMBER_IN_PROGRESS || member->is_away))
        member = member->next;
    return member != NULL;
}

void site_count(struct catalogue *catalogue, struct device *device)
{
    bool is_there = device->site && is_in_progress(device);
    if (is_there == device->facts.guard.is_at_site) return;
    if (is_there)
        enter(catalogue, device);
    else
        site_leave(catalogue, device);
}
