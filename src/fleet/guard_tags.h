/* What tags and attributes tell the guards of a rollout: where a device is, and whether it may be
 * disturbed.
 *
 *   site=berlin   tag or attribute: the site rule counts by it (site.h)
 *   tz=+02:00     tag or attribute: its local time (guards.h)
 *   busy=1        attribute: it is offered nothing while it says so (also yes, true)
 *   battery=15    attribute: per cent
 *   consent=yes   attribute: its application agrees to an update (also 1, true)
 *
 * A tag, which a person gives, wins over an attribute of the same key. */
#pragma once

#include "fleet/fleet.h"

/* At start: each row of GUARD_TAGS_SQL, in GUARD_TAGS_ORDER. */
#define GUARD_TAGS_KEYS \
    "('site', 'tz', 'dev.site', 'dev.tz', 'dev.busy', 'dev.battery', 'dev.consent')"
#define GUARD_TAGS_SQL "select device, tag_key from tags where tag_name in " GUARD_TAGS_KEYS
/* What a person says comes last, and wins. */
#define GUARD_TAGS_ORDER " order by device, case when tag_name like 'dev.%' then 0 else 1 end"
void guard_tag_load(struct fleet *fleet, struct device *device, const struct db_rows *rows);
/* After its tags or attributes have changed. Writer. */
GODWIT_MUST_USE godwit_err guard_tags_read(struct fleet *fleet, struct db *db,
                                           struct device *device);
