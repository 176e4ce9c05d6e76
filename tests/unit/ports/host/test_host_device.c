/* Names of devices, and flash files as they are made, found again and refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "case.h"
#include "emu/pack.h"
#include "ports/host/host_device.h"

static char folder[64], path[128];
static uint8_t *image;
static size_t image_size;
static const uint8_t MAC[6] = {2, 0x67, 0x77, 0, 0, 1};
static char why[512];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/godwit-host-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/flash.bin", folder);
    const struct pack_options options = {
        .chip = godwit_chip_by_name("esp32s3"), .project = "thermostat", .version = "1.2.3"};
    return pack_image(&options, &image, &image_size);
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    free(image);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void test_mac(void **state)
{
    (void)state;
    uint8_t mac[6], again[6];
    assert_int_equal(host_mac_parse("02:67:77:00:00:01", mac), GODWIT_OK);
    assert_memory_equal(mac, MAC, 6);
    assert_int_equal(host_mac_parse("026777000001", mac), GODWIT_OK);
    assert_memory_equal(mac, MAC, 6);
    static const char *const BAD[] = {"",  "0267770000",   "02677700000100", "02:67:77:00:00:0g",
                                      ":", "0:26777000001"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        CASE(i);
        assert_int_equal(host_mac_parse(BAD[i], mac), GODWIT_ERR_FORMAT);
    }

    host_mac_of_file("some/where/026777000001.bin", mac);
    assert_memory_equal(mac, MAC, 6);
    host_mac_of_file("here/kitchen.bin", mac);
    host_mac_of_file("/moved/kitchen.bin", again);
    assert_memory_equal(mac, again, 6);
    assert_int_equal(mac[0] & 3, 2); /* locally administered, one station */
    host_mac_of_file("cellar.bin", again);
    assert_memory_not_equal(mac, again, 6);
}

static bool try_open(struct host_device *device, const struct host_device_options *options)
{
    why[0] = '\0';
    return host_device_open(device, options, path, MAC, why, sizeof why);
}

static void test_flash_file(void **state)
{
    (void)state;
    static struct host_device device, second;
    const struct host_device_options fresh = {.first = {.image = image, .image_size = image_size}};
    const struct host_device_options plain = {.on_event = NULL};

    assert_false(try_open(&device, &plain));
    assert_non_null(strstr(why, "--image"));
    assert_int_equal(access(path, F_OK), -1); /* nothing was made */

    assert_true(try_open(&device, &fresh));
    assert_false(try_open(&second, &plain));
    assert_non_null(strstr(why, "another process"));
    assert_string_equal(device.board.options.bootloader.chip->name, "esp32s3");
    host_device_step(&device, 1000);
    assert_string_equal(device.names.version, "1.2.3");
    assert_string_equal(device.names.project, "thermostat");
    host_device_close(&device);
    host_device_close(&device);

    assert_true(try_open(&device, &plain)); /* the image is in the file */
    host_device_step(&device, 1000);
    assert_string_equal(device.names.version, "1.2.3");
    host_device_close(&device);

    assert_int_equal(truncate(path, 5000), 0);
    assert_false(try_open(&device, &fresh));
    assert_non_null(strstr(why, "4096"));
}

static void count_event(void *ctx, const struct host_device *device, enum host_event event)
{
    (void)device;
    ((int *)ctx)[event]++;
}

/* What nobody runs has no name and no boot to tell of; and it stays down. */
static void test_nothing_boots(void **state)
{
    (void)state;
    static struct host_device device;
    int events[HOST_BRICKED + 1] = {0};
    struct host_device_options options = {.first = {.image = image, .image_size = image_size},
                                          .on_event = count_event,
                                          .on_event_ctx = events};
    unlink(path);
    assert_true(try_open(&device, &options));
    assert_true(device.is_new);
    assert_int_equal(flash_put(&device.flash, 0x20000, (const uint8_t *)"x", 1), GODWIT_OK);
    for (uint64_t now_ms = 1000; now_ms < 4000; now_ms += 1000)
        host_device_step(&device, now_ms);
    assert_int_equal(events[HOST_BRICKED], 1);
    assert_int_equal(events[HOST_BOOTED], 0);
    assert_string_equal(device.names.version, "");
    host_device_close(&device);
    unlink(path);
}

/* A file that was there is never laid over, whatever it holds. */
static void test_other_files(void **state)
{
    (void)state;
    static struct host_device device;
    const struct host_device_options fresh = {.first = {.image = image, .image_size = image_size}};
    static uint8_t bytes[0x40000], after[0x40000];
    memset(bytes, 0xFF, sizeof bytes);
    memcpy(bytes, image, image_size < 0x7000 ? image_size : 0x7000); /* 0xFF at the table */
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, sizeof bytes, file), sizeof bytes);
    fclose(file);
    assert_false(try_open(&device, &fresh));
    assert_non_null(strstr(why, "an ESP32 application image"));
    file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(after, 1, sizeof after, file), sizeof after);
    fclose(file);
    assert_memory_equal(after, bytes, sizeof bytes);
    unlink(path);
}

static void test_erased_flash(void **state)
{
    (void)state;
    static struct host_device device;
    static uint8_t blank[1 << 20];
    const struct host_device_options plain = {.on_event = NULL};
    memset(blank, 0xFF, sizeof blank);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(blank, 1, sizeof blank, file), sizeof blank);
    fclose(file);
    assert_false(try_open(&device, &plain));
    assert_non_null(strstr(why, "erased"));
}

static void test_image_too_large(void **state)
{
    (void)state;
    static struct host_device device;
    unlink(path);
    struct host_device_options options = {.first = {.image = image, .image_size = image_size}};
    options.first.flash_size = 128u << 10; /* no room for two slots */
    assert_false(try_open(&device, &options));
    assert_non_null(strstr(why, "does not fit"));
    assert_int_equal(access(path, F_OK), -1); /* nothing half-made stays */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mac),           cmocka_unit_test(test_flash_file),
        cmocka_unit_test(test_nothing_boots), cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_erased_flash),  cmocka_unit_test(test_image_too_large),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
