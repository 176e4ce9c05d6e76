/* Each gate between an image and a device, alone and in their order. */
#include "fleet/fit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct device_facts C3 = {.chip_id = 5,
                                       .chip_revision = 4,
                                       .block_revision = 103,
                                       .flash_size = 4 << 20,
                                       .flash_mode = 3,
                                       .mmu_page_log2 = 16,
                                       .hardware_revision = 1};
#define FITS DECISION_REASON_COUNT /* no gate is closed */

static enum decision_reason fit(const struct image *image, const struct device_facts *facts)
{
    static struct release release;
    enum decision_reason reason = FITS;
    release.images_count = 1;
    release.images[0] = *image;
    const struct image *found = fit_image(&release, facts, &reason);
    assert_true(found == (reason == FITS ? &release.images[0] : NULL));
    return reason;
}

static void each_gate(void **state)
{
    (void)state;
    static const struct {
        struct image image;
        enum decision_reason reason;
    } ROWS[] = {
        {{.chip_id = 5}, FITS},
        {{.chip_id = 9}, DECISION_NO_IMAGE_FOR_CHIP},
        {{.chip_id = 5, .revision_min = 4, .revision_max = 4}, FITS},
        {{.chip_id = 5, .revision_min = 5}, DECISION_CHIP_REVISION},
        {{.chip_id = 5, .revision_max = 3}, DECISION_CHIP_REVISION},
        {{.chip_id = 5, .revision_max = 65535}, FITS},
        {{.chip_id = 5, .block_revision_min = 103, .block_revision_max = 103}, FITS},
        {{.chip_id = 5, .block_revision_min = 104}, DECISION_BLOCK_REVISION},
        {{.chip_id = 5, .block_revision_max = 102}, DECISION_BLOCK_REVISION},
        {{.chip_id = 5, .block_revision_max = 65535}, FITS},
        {{.chip_id = 5, .flash_size = 4 << 20}, FITS},
        {{.chip_id = 5, .flash_size = 8 << 20}, DECISION_FLASH_SIZE},
        {{.chip_id = 5, .flash_mode = 3}, FITS},
        {{.chip_id = 5, .flash_mode = 1}, DECISION_FLASH_MODE},
        {{.chip_id = 5, .mmu_page_log2 = 16}, FITS},
        {{.chip_id = 5, .mmu_page_log2 = 15}, DECISION_MMU_PAGE},
        {{.chip_id = 5, .hardware_mask = 2}, FITS},
        {{.chip_id = 5, .hardware_mask = 4}, DECISION_HARDWARE},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        enum decision_reason got = fit(&ROWS[i].image, &C3);
        if (got != ROWS[i].reason) fail_msg("row %zu: %d", i, (int)got);
    }
}

/* An eFuse lifts a highest revision; a chip without the eFuse of the block is not asked. */
static void what_the_chip_says_of_itself(void **state)
{
    (void)state;
    struct device_facts facts = C3;
    struct image image = {.chip_id = 5, .revision_max = 3};
    facts.no_max_revision = true;
    assert_int_equal(fit(&image, &facts), FITS);
    image.block_revision_max = 102;
    assert_int_equal(fit(&image, &facts), DECISION_BLOCK_REVISION);
    facts.no_max_block_revision = true;
    assert_int_equal(fit(&image, &facts), FITS);
    image.revision_min = 5;
    assert_int_equal(fit(&image, &facts), DECISION_CHIP_REVISION);
    struct image esp32 = {.chip_id = 0, .block_revision_min = 104};
    facts.chip_id = 0;
    assert_int_equal(fit(&esp32, &facts), FITS);
}

/* What a device does not report closes no gate. */
static void what_is_not_said_fits(void **state)
{
    (void)state;
    const struct device_facts silent = {.chip_id = 5};
    const struct image image = {
        .chip_id = 5, .flash_size = 16 << 20, .flash_mode = 1, .mmu_page_log2 = 15};
    assert_int_equal(fit(&image, &silent), FITS);
}

/* Of several the reason of the one that came closest, wherever it stands. */
static void the_closest_tells_why(void **state)
{
    (void)state;
    static struct release release = {.images_count = 3};
    enum decision_reason reason;
    release.images[0] = (struct image){.chip_id = 5, .revision_min = 5};
    release.images[1] = (struct image){.chip_id = 5, .hardware_mask = 4};
    release.images[2] = (struct image){.chip_id = 5, .flash_size = 8 << 20};
    assert_null(fit_image(&release, &C3, &reason));
    assert_int_equal(reason, DECISION_HARDWARE);
    release.images[1].chip_id = 9;
    assert_null(fit_image(&release, &C3, &reason));
    assert_int_equal(reason, DECISION_FLASH_SIZE);
    release.images[2].flash_size = 0;
    assert_ptr_equal(fit_image(&release, &C3, &reason), &release.images[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_gate),
        cmocka_unit_test(what_the_chip_says_of_itself),
        cmocka_unit_test(what_is_not_said_fits),
        cmocka_unit_test(the_closest_tells_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
