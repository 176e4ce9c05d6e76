/* The real clock moves, the set one only when told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "rt/clock.h"

static void test_real(void **state)
{
    (void)state;
    uint64_t before_ms = clock_now_ms(&clock_real);
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    uint64_t passed_ms = clock_now_ms(&clock_real) - before_ms;
    assert_in_range(passed_ms, 4, 5000);
    assert_in_range(clock_unix_s(&clock_real) - time(NULL) + 5, 3, 7);
}

static void test_set(void **state)
{
    (void)state;
    struct clock_set set = {.now_ms = 5, .unix_s = 7};
    struct clock clock = clock_set_view(&set);
    assert_int_equal(clock_now_ms(&clock), 5);
    assert_int_equal(clock_unix_s(&clock), 7);
    set.now_ms = 6;
    assert_int_equal(clock_now_ms(&clock), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_real), cmocka_unit_test(test_set)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
