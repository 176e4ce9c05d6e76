/* Which name was meant: letters changed, left out, added, swapped; and what is like none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "options/nearest.h"

static const char *nearest(const char *wanted)
{
    static const char *const NAMES[] = {"listen", "interval", "tls-cert", "tls-key", "ca"};
    const char *best = NULL;
    size_t distance;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        nearest_take(wanted, NAMES[i], &best, &distance);
    return best;
}

static void test_distance(void **state)
{
    (void)state;
    const struct {
        const char *a, *b;
        size_t distance;
    } rows[] = {{"", "", 0},       {"", "abc", 3},     {"abc", "abc", 0},
                {"ABC", "abc", 0}, {"abc", "abd", 1},  {"abc", "acb", 1},
                {"abc", "ab", 1},  {"abc", "xabc", 1}, {"kitten", "sitting", 3},
                {"ca", "abc", 3}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(nearest_distance(rows[i].a, rows[i].b), rows[i].distance);
        assert_int_equal(nearest_distance(rows[i].b, rows[i].a), rows[i].distance);
    }
    assert_true(nearest_distance("a", "12345678901234567890123456789012345678901") == SIZE_MAX);
}

static void test_nearest(void **state)
{
    (void)state;
    assert_string_equal(nearest("listne"), "listen");
    assert_string_equal(nearest("Listen"), "listen");
    assert_string_equal(nearest("intervall"), "interval");
    assert_string_equal(nearest("tls-kye"), "tls-key");
    assert_null(nearest("colour"));
    assert_null(nearest(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
