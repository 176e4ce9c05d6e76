/* Flash in a file: what the chip holds is what the file holds, over close and open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "emu/emu.h"

#define SIZE 0x10000u

static char folder[] = "/tmp/godwit-flash-XXXXXX";
static char path[64];

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/chip.bin", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void made_erased_and_kept(void **state)
{
    struct flash_file file;
    uint8_t bytes[8];
    (void)state;
    assert_int_equal(flash_file_open(&file, path, SIZE, 4), GODWIT_OK);
    struct godwit_flash flash = flash_file_port(&file);
    assert_int_equal(flash.read(flash.ctx, SIZE - 8, bytes, 8), GODWIT_OK);
    assert_memory_equal(bytes, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8);
    assert_int_equal(flash.write(flash.ctx, 0x1000, (const uint8_t *)"kept", 4), GODWIT_OK);
    assert_int_equal(flash.write(flash.ctx, 0x2000, (const uint8_t *)"gone", 4), GODWIT_OK);
    assert_int_equal(flash.erase(flash.ctx, 0x2000, 0x1000), GODWIT_OK);
    assert_int_equal(file.violations, 0);
    flash_file_close(&file);

    assert_int_equal(flash_file_open(&file, path, 0, 4), GODWIT_OK); /* its own size counts */
    assert_int_equal(file.size, SIZE);
    flash = flash_file_port(&file);
    assert_int_equal(flash.read(flash.ctx, 0x1000, bytes, 4), GODWIT_OK);
    assert_memory_equal(bytes, "kept", 4);
    assert_int_equal(flash.read(flash.ctx, 0x2000, bytes, 4), GODWIT_OK);
    assert_memory_equal(bytes, "\xFF\xFF\xFF\xFF", 4);
    assert_int_equal(flash.write(flash.ctx, 0x1000, (const uint8_t *)"\0\0\0\0", 4), GODWIT_OK);
    assert_int_equal(file.violations, 1);
    flash_file_close(&file);
    flash_file_close(&file); /* twice does no harm */
}

/* What a chip holds, a device's token too, is nobody else's, however lax the umask is. */
static void belongs_to_its_owner(void **state)
{
    struct flash_file file;
    struct stat st;
    (void)state;
    unlink(path);
    mode_t before = umask(0);
    assert_int_equal(flash_file_open(&file, path, SIZE, 4), GODWIT_OK);
    umask(before);
    flash_file_close(&file);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void one_device_one_file(void **state)
{
    struct flash_file file, second;
    (void)state;
    assert_int_equal(flash_file_open(&file, path, SIZE, 4), GODWIT_OK);
    assert_int_equal(flash_file_open(&second, path, SIZE, 4), GODWIT_ERR_BUSY);
    flash_file_close(&file);
    assert_int_equal(flash_file_open(&second, path, SIZE, 4), GODWIT_OK);
    flash_file_close(&second);
}

static void refuses_what_is_no_chip(void **state)
{
    struct flash_file file;
    (void)state;
    assert_int_equal(flash_file_open(&file, path, 2 * SIZE, 4), GODWIT_ERR_FORMAT);
    assert_int_equal(truncate(path, SIZE + 1), 0);
    assert_int_equal(flash_file_open(&file, path, 0, 4), GODWIT_ERR_FORMAT);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(flash_file_open(&file, path, 0, 4), GODWIT_ERR_FORMAT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(flash_file_open(&file, path, 0, 4), GODWIT_ERR_MISSING);
    assert_int_equal(access(path, F_OK), -1); /* nothing was left behind */
    assert_int_equal(flash_file_open(&file, "/dev/full", SIZE, 4), GODWIT_ERR_FORMAT);
    assert_int_equal(flash_file_open(&file, "/no/such/folder/chip.bin", SIZE, 4),
                     GODWIT_ERR_MISSING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_erased_and_kept),
        cmocka_unit_test(belongs_to_its_owner),
        cmocka_unit_test(one_device_one_file),
        cmocka_unit_test(refuses_what_is_no_chip),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
