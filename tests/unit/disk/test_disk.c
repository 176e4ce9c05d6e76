/* Files read whole within a bound, from the disk and from a pipe; and what an errno means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk/disk.h"
#include "temp_dir.h"

static char dir[64], path[96];

static int setup(void **state)
{
    (void)state;
    temp_dir_make(dir);
    snprintf(path, sizeof path, "%s/file", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    temp_dir_drop(dir);
    return 0;
}

static void put(size_t size)
{
    char *data = malloc(size + 1);
    memset(data, 'x', size + 1);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(disk_write_all(fd, data, size), GODWIT_OK);
    close(fd);
    free(data);
}

static void up_to_the_bound(void **state)
{
    (void)state;
    static const size_t SIZES[] = {0, 1, 4095, 4096, 4097, 100000};
    uint8_t *data;
    size_t size;
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        put(SIZES[i]);
        assert_int_equal(disk_read(path, SIZES[i], &data, &size), GODWIT_OK);
        assert_int_equal(size, SIZES[i]);
        assert_int_equal(data[size], 0);
        free(data);
        put(SIZES[i] + 1);
        assert_int_equal(disk_read(path, SIZES[i], &data, &size), GODWIT_ERR_SPACE);
        assert_int_equal(errno, EFBIG);
        assert_null(data);
    }
}

static void a_pipe(void **state)
{
    (void)state;
    uint8_t *data;
    size_t size;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(disk_write_all(ends[1], "piped", 5), GODWIT_OK);
    close(ends[1]);
    FILE *file = fdopen(ends[0], "r");
    assert_int_equal(disk_read_stream(file, 100, &data, &size), GODWIT_OK);
    assert_string_equal((char *)data, "piped");
    free(data);
    fclose(file);
}

static void errors(void **state)
{
    (void)state;
    uint8_t *data;
    size_t size;
    assert_int_equal(disk_read("/nowhere/at/all", 10, &data, &size), GODWIT_ERR_MISSING);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(disk_read(dir, 10, &data, &size), GODWIT_ERR_IO); /* a folder */
    assert_int_equal(errno, EISDIR);
    int full = open("/dev/full", O_WRONLY);
    if (full >= 0) assert_int_equal(disk_write_all(full, "x", 1), GODWIT_ERR_SPACE);
    if (full >= 0) close(full);
    assert_int_equal(disk_error(EWOULDBLOCK), GODWIT_ERR_BUSY);
    assert_int_equal(disk_error(EACCES), GODWIT_ERR_IO);
}

int main(void)
{
#define FILE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        FILE_TEST(up_to_the_bound),
        FILE_TEST(a_pipe),
        FILE_TEST(errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
