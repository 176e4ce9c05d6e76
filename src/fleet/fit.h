/* Which image of a release fits a device: chip, revisions, flash and hardware. Pure; trust is
 * upgrade_path.h. */
#pragma once

#include "fleet/decision_reason.h"
#include "fleet/model.h"

/* The image for this device, or NULL and the reason that came closest to fitting. */
const struct image *fit_image(const struct release *release, const struct device_facts *facts,
                              enum decision_reason *reason_out);
/* Whether the loop guard holds this image back. */
bool fit_failed_before(const struct device *device, const struct image *image);
