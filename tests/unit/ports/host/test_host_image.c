/* First images that can not boot, files that are no flash, and words out of flash. */
#include "ports/host/host_image.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "case.h"
#include "emu/pack.h"
#include "formats/policy.h"

static uint8_t *image;
static size_t image_size;
static char why[512];
static uint8_t seed[GODWIT_POLICY_BYTES];

static int setup(void **state)
{
    (void)state;
    const struct pack_options options = {.chip = godwit_chip_by_name("esp32c3"),
                                         .project = "thermostat",
                                         .version = "1.2.3",
                                         .size = 8192};
    struct godwit_policy policy = {.flags = GODWIT_POLICY_OPEN};
    if (godwit_product_id(GODWIT_ORG, "thermostat", policy.product_id)) return -1;
    godwit_policy_encode(&policy, seed);
    return pack_image(&options, &image, &image_size);
}

static int teardown(void **state)
{
    (void)state;
    free(image);
    return 0;
}

static bool check(const struct host_flash_options *options)
{
    why[0] = '\0';
    return host_image_check(options, why, sizeof why);
}

static void expect_refusal(const struct host_flash_options *options, const char *words)
{
    assert_false(check(options));
    if (!strstr(why, words)) fail_msg("'%s' is not in '%s'", words, why);
}

static void images_that_can_not_boot_are_refused(void **state)
{
    (void)state;
    struct host_flash_options options = {
        .image = image, .image_size = image_size, .initial_policy = seed};
    if (!check(&options)) fail_msg("%s", why);
    options.image_size = image_size - 100;
    expect_refusal(&options, "ends before the image does");
    options.image_size = 20;
    expect_refusal(&options, "cut short");
    options.image_size = image_size;
    image[5000] ^= 1;
    expect_refusal(&options, "can not boot");
    image[5000] ^= 1;
    options.image = (const uint8_t *)"-----BEGIN PUBLIC KEY-----", options.image_size = 26;
    expect_refusal(&options, "a key or certificate");
    options.image = image, options.image_size = image_size;
    options.chip = godwit_chip_by_name("esp32s3");
    expect_refusal(&options, "built for ESP32-C3, and --chip says ESP32-S3");
    options.chip = NULL;
    image[12] = 0xEE; /* a chip that nobody knows */
    expect_refusal(&options, "can not boot");
    image[12] = 5;
    options.flash_size = 128u << 10;
    expect_refusal(&options, "does not fit");
}

static void images_for_another_revision_are_refused(void **state)
{
    (void)state;
    const struct pack_options pack = {.chip = godwit_chip_by_name("esp32c3"),
                                      .project = "thermostat",
                                      .version = "1.2.3",
                                      .revision_min = 101};
    uint8_t *data;
    size_t size;
    assert_int_equal(pack_image(&pack, &data, &size), GODWIT_OK);
    const struct host_flash_options options = {.image = data, .image_size = size};
    expect_refusal(&options, "revision");
    free(data);
}

static void seeds_of_another_product_are_refused(void **state)
{
    (void)state;
    uint8_t other[GODWIT_POLICY_BYTES];
    struct godwit_policy policy = {.flags = GODWIT_POLICY_OPEN};
    assert_int_equal(godwit_product_id(GODWIT_ORG, "kettle", policy.product_id), GODWIT_OK);
    godwit_policy_encode(&policy, other);
    const struct host_flash_options options = {
        .image = image, .image_size = image_size, .initial_policy = other};
    expect_refusal(&options, "godwit claim policy thermostat");
    assert_true(host_initial_policy_is_of(other, NULL, "kettle"));
    assert_false(host_initial_policy_is_of(other, "acme", "kettle"));
    assert_false(host_initial_policy_is_of(other, NULL, "thermostat"));
    assert_true(host_initial_policy_is_of(NULL, NULL, "thermostat"));
}

static void names_in_any_script_are_names(void **state)
{
    (void)state;
    const struct pack_options pack = {
        .chip = godwit_chip_by_name("esp32c3"), .project = "Gerät-Küche", .version = "1.0-ä"};
    struct godwit_policy policy = {.flags = GODWIT_POLICY_OPEN};
    uint8_t own[GODWIT_POLICY_BYTES], *data;
    size_t size;
    assert_int_equal(pack_image(&pack, &data, &size), GODWIT_OK);
    assert_int_equal(godwit_product_id(GODWIT_ORG, "Gerät-Küche", policy.product_id), GODWIT_OK);
    godwit_policy_encode(&policy, own);
    struct host_flash_options options = {.image = data, .image_size = size, .initial_policy = own};
    if (!check(&options)) fail_msg("%s", why);
    options.initial_policy = seed;
    expect_refusal(&options, "godwit claim policy Gerät-Küche`");
    free(data);
    char text[] = "ä\x1b[2J\xFF\xE2\x80\xAE"; /* an escape, no UTF-8, a turn to the left */
    host_text_tame(text);
    assert_string_equal(text, "ä?[2J??");
}

static bool check_flash(struct flash_ram *ram, const struct godwit_chip *chip)
{
    const struct host_flash_options options = {.chip = chip};
    struct godwit_flash flash = flash_ram_port(ram);
    why[0] = '\0';
    return host_flash_check(&flash, &options, why, sizeof why);
}

static void files_that_are_no_flash_are_refused(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {4096, 0x8000, 0x9000, 0x40000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        CASE(i);
        struct flash_ram ram;
        assert_int_equal(flash_ram_init(&ram, sizes[i], 4, NULL), GODWIT_OK);
        struct godwit_flash flash = flash_ram_port(&ram);
        size_t part = image_size < sizes[i] ? image_size : sizes[i];
        assert_false(check_flash(&ram, NULL));
        assert_non_null(strstr(why, "no flash of a device"));
        assert_int_equal(flash_put(&flash, 0, image, part), GODWIT_OK);
        assert_false(check_flash(&ram, NULL));
        assert_non_null(strstr(why, "an ESP32 application image"));
        flash_ram_deinit(&ram);
    }
}

static void a_flash_of_another_chip_is_refused(void **state)
{
    (void)state;
    const struct host_flash_options options = {.image = image, .image_size = image_size};
    struct flash_ram ram;
    assert_int_equal(flash_ram_init(&ram, HOST_FLASH_SIZE, 4, NULL), GODWIT_OK);
    struct godwit_flash flash = flash_ram_port(&ram);
    assert_true(host_flash_provision(&flash, &options, why, sizeof why));
    assert_true(check_flash(&ram, NULL));
    assert_true(check_flash(&ram, godwit_chip_by_name("esp32c3")));
    assert_false(check_flash(&ram, godwit_chip_by_name("esp32s3")));
    assert_non_null(strstr(why, "ESP32-C3"));
    flash_ram_deinit(&ram);
}

static void words_from_flash_are_tame(void **state)
{
    (void)state;
    struct host_names names;
    struct flash_ram ram;
    assert_int_equal(flash_ram_init(&ram, 0x10000, 4, NULL), GODWIT_OK);
    struct godwit_flash flash = flash_ram_port(&ram);
    host_names_read(&flash, 0, &names);
    assert_string_equal(names.version, "");
    uint8_t head[256];
    memcpy(head, image, sizeof head);
    memcpy(head + 48, "1\x1b[2J\x80\xff", 8);
    assert_int_equal(flash_put(&flash, 0, head, sizeof head), GODWIT_OK);
    host_names_read(&flash, 0, &names);
    assert_string_equal(names.version, "1?[2J??");
    assert_string_equal(names.project, "thermostat");
    memset(head + 48, 'v', 32); /* no end of its own */
    assert_int_equal(flash_put(&flash, 0x1000, head, sizeof head), GODWIT_OK);
    host_names_read(&flash, 0x1000, &names);
    assert_int_equal(strlen(names.version), 32);
    head[32] ^= 1; /* no descriptor: its words are anybody's */
    assert_int_equal(flash_put(&flash, 0x2000, head, sizeof head), GODWIT_OK);
    host_names_read(&flash, 0x2000, &names);
    assert_string_equal(names.version, "");
    flash_ram_deinit(&ram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_that_can_not_boot_are_refused),
        cmocka_unit_test(images_for_another_revision_are_refused),
        cmocka_unit_test(seeds_of_another_product_are_refused),
        cmocka_unit_test(names_in_any_script_are_names),
        cmocka_unit_test(files_that_are_no_flash_are_refused),
        cmocka_unit_test(a_flash_of_another_chip_is_refused),
        cmocka_unit_test(words_from_flash_are_tame),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
