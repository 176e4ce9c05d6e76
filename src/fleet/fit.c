/* As the agent judges it (agent/check_image.c), so that nothing is offered that would be refused.
 */
#include "fleet/fit.h"

static bool allows_revision(const struct image *image, uint16_t revision)
{
    bool bounded = image->revision_max != 0 && image->revision_max != UINT16_MAX;
    return revision >= image->revision_min && (!bounded || revision <= image->revision_max);
}

/* A mask without any bit names no board and allows all. */
static bool allows_hardware(const struct image *image, uint32_t revision)
{
    if (image->hardware_mask == 0) return true;
    return revision < 32 && (image->hardware_mask >> revision & 1U);
}

const struct image *fit_image(const struct release *release, const struct device_facts *facts,
                              enum decision_reason *reason_out)
{
    *reason_out = DECISION_NO_IMAGE_FOR_CHIP;
    for (size_t i = 0; i < release->images_count; i++) {
        const struct image *image = &release->images[i];
        if (image->chip_id != facts->chip_id) continue;
        if (!allows_revision(image, facts->chip_revision)) {
            if (*reason_out == DECISION_NO_IMAGE_FOR_CHIP) *reason_out = DECISION_CHIP_REVISION;
            continue;
        }
        if (allows_hardware(image, facts->hardware_revision)) return image;
        *reason_out = DECISION_HARDWARE;
    }
    return NULL;
}

bool fit_failed_before(const struct device *device, const struct image *image)
{
    for (size_t i = 0; i < device->failed_images_count; i++)
        if (!memcmp(device->failed_images[i], image->image_sha256, 32)) return true;
    return false;
}
