/* Each is read where a tag or attribute was written, so that a decision asks no database. Rejected:
 * the texts in memory; few guards use them, and there are very many devices. */
#include "fleet/guard_tags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "fleet/site.h"
#include "fleet/tags.h"

#define GUARD_TAGS_MAX 7 /* the names of GUARD_TAGS_KEYS, each of which a device has once */
#define GUARD_TAG_SIZE (TAG_SIZE_MAX + sizeof ATTRIBUTE_PREFIX)

static uint32_t site_key(const struct device *device, const char *name)
{
    uint32_t key = godwit_crc32(device->org, (const uint8_t *)name, strlen(name));
    return key ? key : 1;
}

static bool is_yes(const char *text)
{
    return !strcmp(text, "1") || !strcmp(text, "yes") || !strcmp(text, "true");
}

/* Folded, so in small letters. */
static void take(struct device *device, const char *key, const char *value)
{
    struct guard_facts *guard = &device->facts.guard;
    char *end;
    if (!strcmp(key, "site")) {
        device->site = site_key(device, value);
    } else if (!strcmp(key, "tz")) {
        uint8_t zone;
        guard->zone = zone_parse(value, &zone) ? ZONE_NONE : zone;
    } else if (!strcmp(key, "busy")) {
        guard->is_busy = is_yes(value);
    } else if (!strcmp(key, "consent")) {
        guard->has_consented = is_yes(value);
    } else if (!strcmp(key, "battery")) {
        unsigned long percent = strtoul(value, &end, 10);
        bool is_percent = *value && !*end && percent <= 100;
        guard->battery = is_percent ? (percent + 1) & 0x7F : 0;
    }
}

static void forget(struct device *device)
{
    const struct guard_facts nothing = {.is_at_site = device->facts.guard.is_at_site};
    device->site = 0;
    device->facts.guard = nothing;
}

/* Of the text as the table has it. Lock held. */
static void take_tag(struct fleet *fleet, struct device *device, const char *text)
{
    char tag[GUARD_TAG_SIZE], *key = tag;
    snprintf(tag, sizeof tag, "%s", text);
    if (!strncmp(tag, ATTRIBUTE_PREFIX, sizeof ATTRIBUTE_PREFIX - 1))
        key += sizeof ATTRIBUTE_PREFIX - 1;
    char *value = strchr(key, '=');
    if (!value) return;
    *value++ = '\0';
    site_leave(&fleet->catalogue, device);
    take(device, key, value);
    site_count(&fleet->catalogue, device);
}

void guard_tag_load(struct fleet *fleet, struct device *device, const struct db_rows *rows)
{
    char tag[GUARD_TAG_SIZE];
    db_column_text(rows, 1, tag, sizeof tag);
    take_tag(fleet, device, tag);
}

godwit_err guard_tags_read(struct fleet *fleet, struct db *db, struct device *device)
{
    struct db_rows rows;
    char tags[GUARD_TAGS_MAX][GUARD_TAG_SIZE];
    size_t count = 0;
    godwit_err err = db_query(db, &rows, GUARD_TAGS_SQL " and device = $1" GUARD_TAGS_ORDER,
                              DB_ARGS(db_int(device->id)));
    while (!err && count < GUARD_TAGS_MAX && !(err = db_next(&rows)))
        db_column_text(&rows, 1, tags[count++], sizeof *tags);
    db_rows_close(&rows);
    if (err && err != GODWIT_ERR_END) return err;
    fleet_lock(fleet);
    site_leave(&fleet->catalogue, device);
    forget(device);
    for (size_t i = 0; i < count; i++)
        take_tag(fleet, device, tags[i]);
    site_count(&fleet->catalogue, device);
    fleet_unlock(fleet);
    return GODWIT_OK;
}
