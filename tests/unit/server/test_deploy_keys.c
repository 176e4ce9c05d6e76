/* The deploy keys of a folder: made once, followed by the next, never lost by a cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "case.h"
#include "server/deploy_keys.h"
#include "server/text_file.h"
#include "temp_dir.h"

static char folder[64], note[FILE_PATH_MAX + 200];

static int setup(void **state)
{
    (void)state;
    temp_dir_make(folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    temp_dir_drop(folder);
    return 0;
}

static struct deploy_keys open_all(bool may_make)
{
    struct deploy_keys keys;
    assert_int_equal(deploy_keys_open(folder, may_make, &keys, note, sizeof note), GODWIT_OK);
    return keys;
}

static const char *path_of(const char *name)
{
    static char path[FILE_PATH_MAX];
    folder_path(folder, name, path, sizeof path);
    return path;
}

static void made_once(void **state)
{
    (void)state;
    struct deploy_keys keys;
    assert_int_equal(deploy_keys_open(folder, false, &keys, note, sizeof note), GODWIT_ERR_MISSING);
    assert_non_null(strstr(note, "deploy.pem is missing"));
    struct deploy_keys made = open_all(true), again = open_all(true);
    assert_int_equal(again.count, 1);
    assert_memory_equal(made.points[0], again.points[0], 64);
    deploy_keys_close(&made);
    deploy_keys_close(&again);
}

static void newest_first_up_to_eight(void **state)
{
    (void)state;
    uint8_t points[FLEET_DEPLOY_KEYS_MAX + 1][64];
    struct deploy_keys keys = open_all(true);
    for (size_t i = 0; i < FLEET_DEPLOY_KEYS_MAX; i++) {
        CASE(i);
        assert_int_equal(keys.count, i + 1);
        memcpy(points[i], keys.points[0], 64);
        for (size_t k = 0; k <= i; k++) {
            CASE(k);
            assert_memory_equal(keys.points[k], points[i - k], 64);
        }
        deploy_keys_close(&keys);
        bool is_last = i + 1 == FLEET_DEPLOY_KEYS_MAX;
        assert_int_equal(deploy_keys_next(folder), is_last ? GODWIT_ERR_SPACE : GODWIT_OK);
        keys = open_all(false);
    }
    deploy_keys_close(&keys);
    /* one that no device needs is taken away, and there is room again */
    assert_int_equal(unlink(path_of("deploy-1.pem")), 0);
    assert_int_equal(deploy_keys_next(folder), GODWIT_OK);
    keys = open_all(false);
    assert_int_equal(keys.count, FLEET_DEPLOY_KEYS_MAX);
    for (size_t k = 1; k < keys.count; k++) {
        CASE(k);
        assert_memory_equal(keys.points[k], points[FLEET_DEPLOY_KEYS_MAX - k], 64);
    }
    deploy_keys_close(&keys);
}

/* Cut with the present key under its number too, and a new one aside. */
static void a_cut_loses_no_key(void **state)
{
    (void)state;
    char other[FILE_PATH_MAX];
    struct deploy_keys before = open_all(true);
    snprintf(other, sizeof other, "%s", path_of("deploy-1.pem"));
    assert_int_equal(link(path_of("deploy.pem"), other), 0);
    assert_int_equal(text_file_write(path_of("deploy-next.pem"), "half a k", 0600), GODWIT_OK);
    struct deploy_keys after = open_all(false);
    assert_int_equal(after.count, 1);
    assert_memory_equal(after.points[0], before.points[0], 64);
    deploy_keys_close(&after);
    assert_int_equal(deploy_keys_next(folder), GODWIT_OK);
    after = open_all(false);
    assert_int_equal(after.count, 2);
    assert_memory_equal(after.points[1], before.points[0], 64);
    deploy_keys_close(&after);
    deploy_keys_close(&before);
}

static void signed_by_the_key_that_is_named(void **state)
{
    (void)state;
    uint8_t bytes[GODWIT_INSTRUCTION_SIZE];
    uint32_t index;
    struct deploy_keys first = open_all(true);
    deploy_keys_close(&first);
    assert_int_equal(deploy_keys_next(folder), GODWIT_OK);
    struct deploy_keys keys = open_all(false);
    struct device_reply device_reply = {.instruction = {.flags = GODWIT_INSTRUCTION_NO_UPDATE}};
    for (int key = -1; key < 2; key++) {
        struct godwit_policy policy = {.deploy_keys_count = key < 0 ? 0 : 1};
        if (key >= 0) memcpy(policy.deploy_keys[0], keys.points[key], 64);
        device_reply.deploy_key = key;
        assert_int_equal(deploy_keys_sign(&keys, &device_reply, bytes), GODWIT_OK);
        assert_int_equal(godwit_instruction_verify(bytes, &policy, &index), GODWIT_OK);
        memcpy(policy.deploy_keys[0], keys.points[key == 0], 64);
        policy.deploy_keys_count = 1;
        assert_int_not_equal(godwit_instruction_verify(bytes, &policy, &index), GODWIT_OK);
    }
    deploy_keys_close(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(made_once, setup, teardown),
        cmocka_unit_test_setup_teardown(newest_first_up_to_eight, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cut_loses_no_key, setup, teardown),
        cmocka_unit_test_setup_teardown(signed_by_the_key_that_is_named, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
