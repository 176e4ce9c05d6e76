/* Files whole or not at all. */
#include "case.h"
#include "cli/file.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/godwit-file-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/a", folder);
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* fails when a temporary file was left */
}

static void test_round_trip_and_limit(void **state)
{
    (void)state;
    uint8_t data[200000], *got;
    size_t size;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 31);
    static const size_t SIZES[] = {0, 1, 65535, 65536, 65537, 200000};
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        CASE(i);
        assert_true(file_write("test", path, data, SIZES[i]));
        assert_true(file_read("test", path, 200000, &got, &size));
        assert_int_equal(size, SIZES[i]);
        assert_memory_equal(got, data, size);
        free(got);
    }
    assert_true(file_read("test", path, 200000, &got, &size));
    free(got);
    assert_false(file_read("test", path, 199999, &got, &size));
    assert_null(got);
    assert_false(file_read("test", "/dev/zero", 100000, &got, &size));
    assert_false(file_read("test", "/nowhere/at/all", 10, &got, &size));
    assert_false(file_read("test", folder, 10, &got, &size));
}

static void test_write_replaces_and_leaves_nothing(void **state)
{
    (void)state;
    struct stat info;
    mode_t mask = umask(022);
    assert_true(file_write("test", path, (const uint8_t *)"old", 3));
    assert_true(file_write("test", path, (const uint8_t *)"newer", 5));
    umask(mask);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 5);
    assert_int_equal(info.st_mode & 0777, 0644);
    assert_false(file_write("test", "/nowhere/at/all", (const uint8_t *)"x", 1));
    assert_false(file_write("test", folder, (const uint8_t *)"x", 1)); /* a folder is in the way */
    char left[80];
    snprintf(left, sizeof left, "%s.", strrchr(folder, '/') + 1);
    DIR *tmp = opendir("/tmp");
    for (struct dirent *entry = readdir(tmp); entry; entry = readdir(tmp))
        assert_int_not_equal(strncmp(entry->d_name, left, strlen(left)), 0);
    closedir(tmp);
}

static void put(struct file_pieces *file, const char *text)
{
    assert_int_equal(write(file->fd, text, strlen(text)), strlen(text));
}

static void expect_file(const char *text)
{
    uint8_t *got;
    size_t size;
    assert_true(file_read("test", path, 100, &got, &size));
    assert_int_equal(size, strlen(text));
    assert_memory_equal(got, text, size);
    free(got);
}

/* That nothing is left of the one that is not whole is seen by drop_folder. */
static void test_pieces_whole_or_nothing(void **state)
{
    (void)state;
    struct file_pieces file;
    assert_true(file_write("test", path, (const uint8_t *)"old", 3));
    assert_true(file_begin(&file, "test", path));
    put(&file, "new");
    assert_false(file_end(&file, false));
    expect_file("old");
    assert_true(file_begin(&file, "test", path));
    put(&file, "new");
    expect_file("old");
    put(&file, "er");
    assert_true(file_end(&file, true));
    expect_file("newer");
    assert_false(file_begin(&file, "test", "/nowhere/at/all"));
    assert_true(file_begin(&file, "test", "-"));
    assert_int_equal(file.fd, STDOUT_FILENO);
    assert_true(file_end(&file, true));
}

/* A pipe is written to and stays one; nothing replaces it. */
static void test_what_is_no_file(void **state)
{
    (void)state;
    struct stat info;
    char text[8] = "";
    struct file_pieces file;
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(file_write("test", path, (const uint8_t *)"abc", 3));
    assert_true(file_begin(&file, "test", path));
    put(&file, "def");
    assert_true(file_end(&file, true));
    assert_int_equal(read(reader, text, 7), 6);
    assert_string_equal(text, "abcdef");
    assert_int_equal(stat(path, &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
    close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip_and_limit),
        cmocka_unit_test(test_write_replaces_and_leaves_nothing),
        cmocka_unit_test(test_pieces_whole_or_nothing),
        cmocka_unit_test(test_what_is_no_file),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
