/* Every secret of the service is refused where others can read it, and each by the same rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "case.h"
#include "server/secret_files.h"
#include "server/text_file.h"
#include "temp_dir.h"

static char dir[64], note[600];

static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void put(const char *name, unsigned mode)
{
    assert_int_equal(text_file_write(path_of(name), "x", 0600), GODWIT_OK);
    assert_int_equal(chmod(path_of(name), mode), 0);
}

static int setup(void **state)
{
    (void)state;
    temp_dir_make(dir);
    return mkdir(path_of("tls"), 0700);
}

static int teardown(void **state)
{
    (void)state;
    temp_dir_drop(dir);
    return 0;
}

static unsigned mode_of(const char *name)
{
    struct stat found;
    assert_int_equal(stat(path_of(name), &found), 0);
    return found.st_mode & 0777;
}

static void each_secret_by_the_same_rule(void **state)
{
    (void)state;
    static const char *const NAMES[] = {
        "deploy.pem",          "deploy-1.pem",       "deploy-7.pem",
        "deploy-next.pem",     "admin-token",        "tls/ca-key.pem",
        "tls/next-ca-key.pem", "tls/server-key.pem", "given/other.key"};
    assert_int_equal(mkdir(path_of("given"), 0755), 0);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        CASE(i);
        char given[128];
        snprintf(given, sizeof given, "%s", path_of("given/other.key"));
        for (unsigned bit = 1; bit < 0100; bit <<= 1) {
            CASE(bit);
            put(NAMES[i], 0600 | bit);
            assert_int_equal(secret_files_check(dir, given, note, sizeof note), GODWIT_ERR_POLICY);
            assert_non_null(strstr(note, NAMES[i]));
            assert_non_null(strstr(note, "chmod 600"));
            assert_int_equal(mode_of(NAMES[i]), 0600 | bit); /* it is its owner's to close */
        }
        put(NAMES[i], 0600);
        assert_int_equal(secret_files_check(dir, given, note, sizeof note), GODWIT_OK);
        assert_int_equal(secret_files_check(dir, NULL, note, sizeof note), GODWIT_OK);
    }
}

static void nobody_else_writes_into_the_directory(void **state)
{
    (void)state;
    assert_int_equal(chmod(dir, 0755), 0);
    assert_int_equal(secret_files_check(dir, NULL, note, sizeof note), GODWIT_OK);
    for (unsigned bit = 02; bit <= 020; bit <<= 3) {
        CASE(bit);
        assert_int_equal(chmod(dir, 0700 | bit), 0);
        assert_int_equal(secret_files_check(dir, NULL, note, sizeof note), GODWIT_ERR_POLICY);
        assert_non_null(strstr(note, "chmod 700"));
    }
}

static void what_we_made_is_closed(void **state)
{
    (void)state;
    put("godwit.db", 0644);
    put("godwit.db-wal", 0666);
    assert_int_equal(mkdir(path_of("blobs"), 0755), 0);
    assert_false(secret_files_tighten(dir));
    assert_int_equal(mode_of("godwit.db"), 0600);
    assert_int_equal(mode_of("godwit.db-wal"), 0600);
    assert_int_equal(mode_of("blobs"), 0700);
    assert_int_equal(chmod(dir, 0755), 0);
    assert_true(secret_files_tighten(dir));
}

int main(void)
{
#define DIR_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        DIR_TEST(each_secret_by_the_same_rule),
        DIR_TEST(nobody_else_writes_into_the_directory),
        DIR_TEST(what_we_made_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
