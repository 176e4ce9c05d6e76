/* As the agent judges it (agent/check_image.c), so that nothing is offered that would be refused.
 */
#include "fleet/fit.h"

#include "formats/chip.h"

static bool is_inside(uint16_t revision, uint16_t min, uint16_t max, bool no_max)
{
    bool is_bounded = max != 0 && max != UINT16_MAX && !no_max;
    return revision >= min && (!is_bounded || revision <= max);
}

static bool allows_chip(const struct image *image, const struct device_facts *facts)
{
    return image->chip_id == facts->chip_id;
}

static bool allows_revision(const struct image *image, const struct device_facts *facts)
{
    return is_inside(facts->chip_revision, image->revision_min, image->revision_max,
                     facts->no_max_revision);
}

/* Not asked of a chip that has no eFuse for it. */
static bool allows_block_revision(const struct image *image, const struct device_facts *facts)
{
    const struct godwit_chip *chip = godwit_chip_by_id(image->chip_id);
    return (chip && !chip->block_revision_max) ||
           is_inside(facts->block_revision, image->block_revision_min, image->block_revision_max,
                     facts->no_max_block_revision);
}

/* Two that say which; what one of the two does not say, fits. */
static bool is_same(uint8_t image, uint8_t device)
{
    return image == 0 || device == 0 || image == device;
}

static bool allows_flash_size(const struct image *image, const struct device_facts *facts)
{
    return facts->flash_size == 0 || image->flash_size <= facts->flash_size;
}

static bool allows_flash_mode(const struct image *image, const struct device_facts *facts)
{
    return is_same(image->flash_mode, facts->flash_mode);
}

static bool allows_mmu_page(const struct image *image, const struct device_facts *facts)
{
    return is_same(image->mmu_page_log2, facts->mmu_page_log2);
}

/* A mask without any bit names no board and allows all. */
static bool allows_hardware(const struct image *image, const struct device_facts *facts)
{
    if (image->hardware_mask == 0) return true;
    return facts->hardware_revision < 32 && (image->hardware_mask >> facts->hardware_revision & 1U);
}

/* In order: the later one closes, the closer the image came to fitting. */
static const struct {
    bool (*allows)(const struct image *image, const struct device_facts *facts);
    enum decision_reason reason;
} GATES[] = {
    {allows_chip, DECISION_NO_IMAGE_FOR_CHIP},
    {allows_revision, DECISION_CHIP_REVISION},
    {allows_block_revision, DECISION_BLOCK_REVISION},
    {allows_flash_size, DECISION_FLASH_SIZE},
    {allows_flash_mode, DECISION_FLASH_MODE},
    {allows_mmu_page, DECISION_MMU_PAGE},
    {allows_hardware, DECISION_HARDWARE},
};
#define GATES_COUNT (sizeof GATES / sizeof *GATES)

const struct image *fit_image(const struct release *release, const struct device_facts *facts,
                              enum decision_reason *reason_out)
{
    size_t closest = 0;
    for (size_t i = 0; i < release->images_count; i++) {
        const struct image *image = &release->images[i];
        size_t passed = 0;
        while (passed < GATES_COUNT && GATES[passed].allows(image, facts))
            passed++;
        if (passed == GATES_COUNT) return image;
        if (passed > closest) closest = passed;
    }
    *reason_out = GATES[closest].reason;
    return NULL;
}

bool fit_failed_before(const struct device *device, const struct image *image)
{
    for (size_t i = 0; i < device->failed_images_count; i++)
        if (!memcmp(device->failed_images[i], image->image_sha256, 32)) return true;
    return false;
}
