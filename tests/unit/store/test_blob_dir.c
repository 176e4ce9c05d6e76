/* Blobs in a real folder: named by their digest, whole or absent; and the lock file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "store/store.h"
#include "temp_dir.h"

static char dir[64], path[96];
static struct blobs blobs;

static int setup(void **state)
{
    (void)state;
    temp_dir_make(dir);
    snprintf(path, sizeof path, "%s/blobs", dir);
    return blobs_open(&blobs, path);
}

static int teardown(void **state)
{
    (void)state;
    blobs_close(&blobs);
    temp_dir_drop(dir);
    return 0;
}

static size_t files_count(void)
{
    size_t count = 0;
    DIR *folder = opendir(path);
    for (struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static godwit_err put(const void *data, size_t size, uint8_t digest_out[static 32])
{
    struct blob_writer writer;
    godwit_err err = blob_begin(&blobs, &writer);
    if (!err) err = godwit_sink_write(&writer.sink, data, size);
    if (!err) err = godwit_sink_finish(&writer.sink);
    if (!err) err = blob_commit(&writer, digest_out);
    blob_abort(&writer);
    return err;
}

static void name_is_the_digest(void **state)
{
    (void)state;
    uint8_t digest[32], known[32];
    char back[8];
    int fd;
    uint64_t size;
    assert_int_equal(put("abc", 3, digest), GODWIT_OK);
    assert_int_equal(
        godwit_hex_decode("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 64,
                          known, 32),
        GODWIT_OK);
    assert_memory_equal(digest, known, 32);
    assert_int_equal(blob_open(&blobs, digest, &fd, &size), GODWIT_OK);
    assert_int_equal(size, 3);
    assert_int_equal(read(fd, back, sizeof back), 3);
    assert_memory_equal(back, "abc", 3);
    close(fd);
}

static void twice_is_one_file(void **state)
{
    (void)state;
    uint8_t digest[32];
    assert_int_equal(put("abc", 3, digest), GODWIT_OK);
    assert_int_equal(put("abc", 3, digest), GODWIT_OK);
    assert_int_equal(files_count(), 1);
    assert_int_equal(blob_drop(&blobs, digest), GODWIT_OK);
    assert_int_equal(files_count(), 0);
    assert_int_equal(blob_drop(&blobs, digest), GODWIT_ERR_MISSING);
}

static void abort_leaves_nothing(void **state)
{
    (void)state;
    struct blob_writer writer = {0};
    blob_abort(&writer);
    assert_int_equal(blob_begin(&blobs, &writer), GODWIT_OK);
    assert_int_equal(godwit_sink_write(&writer.sink, (const uint8_t *)"abc", 3), GODWIT_OK);
    assert_int_equal(files_count(), 1);
    godwit_sink_abort(&writer.sink);
    blob_abort(&writer);
    assert_int_equal(files_count(), 0);
}

static void a_cut_is_cleared_at_the_next_start(void **state)
{
    (void)state;
    struct blob_writer writer;
    assert_int_equal(blob_begin(&blobs, &writer), GODWIT_OK);
    assert_int_equal(godwit_sink_write(&writer.sink, (const uint8_t *)"abc", 3), GODWIT_OK);
    struct blobs next;
    assert_int_equal(blobs_open(&next, path), GODWIT_OK);
    assert_int_equal(files_count(), 0);
    blobs_close(&next);
    close(writer.fd);
}

static void full_disk_is_said_and_leaves_nothing(void **state)
{
    (void)state;
    struct rlimit before, tight = {1000, 1000};
    uint8_t digest[32];
    static uint8_t data[5000];
    getrlimit(RLIMIT_FSIZE, &before);
    tight.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &tight);
    godwit_err err = put(data, sizeof data, digest);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(err, GODWIT_ERR_SPACE);
    assert_int_equal(files_count(), 0);
}

static void unknown_is_missing(void **state)
{
    (void)state;
    uint8_t digest[32] = {1};
    int fd;
    uint64_t size;
    assert_int_equal(blob_open(&blobs, digest, &fd, &size), GODWIT_ERR_MISSING);
}

static bool is_the_one(void *ctx, const uint8_t sha256[static 32])
{
    return !memcmp(ctx, sha256, 32);
}

/* Neither what a row names, nor what was named a moment ago, nor what is being uploaded. */
static void only_old_orphans_are_collected(void **state)
{
    (void)state;
    uint8_t kept[32], orphan[32];
    struct blob_writer writer;
    assert_int_equal(put("kept", 4, kept), GODWIT_OK);
    assert_int_equal(put("orphan", 6, orphan), GODWIT_OK);
    assert_int_equal(blob_begin(&blobs, &writer), GODWIT_OK);
    assert_int_equal(blobs_collect(&blobs, time(NULL) - 10, is_the_one, kept), 0);
    assert_int_equal(files_count(), 3);
    assert_int_equal(blobs_collect(&blobs, time(NULL) + 10, is_the_one, kept), 1);
    assert_int_equal(files_count(), 2);
    assert_int_equal(blobs_collect(&blobs, time(NULL) + 10, is_the_one, kept), 0);
    blob_abort(&writer);
    uint64_t size;
    int fd;
    assert_int_equal(blob_open(&blobs, kept, &fd, &size), GODWIT_OK);
    close(fd);
}

static void lock_is_exclusive(void **state)
{
    (void)state;
    char lock[96];
    int first = -1, second = -1;
    snprintf(lock, sizeof lock, "%s/lock", dir);
    assert_int_equal(lock_file(lock, &first), GODWIT_OK);
    assert_int_equal(lock_file(lock, &second), GODWIT_ERR_BUSY);
    close(first);
    assert_int_equal(lock_file(lock, &second), GODWIT_OK);
    close(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(name_is_the_digest, setup, teardown),
        cmocka_unit_test_setup_teardown(twice_is_one_file, setup, teardown),
        cmocka_unit_test_setup_teardown(abort_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cut_is_cleared_at_the_next_start, setup, teardown),
        cmocka_unit_test_setup_teardown(full_disk_is_said_and_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_is_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(only_old_orphans_are_collected, setup, teardown),
        cmocka_unit_test_setup_teardown(lock_is_exclusive, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
