/* Jumps of the wall clock against the one that counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#include "case.h"
#include "rt/clock_watch.h"

#define NOW_S 1800000000LL
#define DAY_S 86400LL
#define YEAR_S (365 * DAY_S)

static const int64_t STEPS[] = {DAY_S, -DAY_S, 10 * YEAR_S, -10 * YEAR_S, 61, -61};
#define STEPS_COUNT (sizeof STEPS / sizeof *STEPS)

static struct clock_watch watch;
static uint64_t now_ms;

/* So much later on the clock that counts; shift_s: by how much the other one is off. */
static int64_t look_in(uint64_t later_s, int64_t shift_s)
{
    now_ms += later_s * 1000;
    return clock_watch_look(&watch, now_ms, NOW_S + (int64_t)(now_ms / 1000) + shift_s);
}

static void begin(int64_t known_s)
{
    now_ms = 5000;
    clock_watch_open(&watch, now_ms, NOW_S + 5, known_s);
}

static void a_clock_that_runs_is_believed(void **state)
{
    (void)state;
    begin(0);
    assert_false(clock_watch_doubts(&watch));
    for (int64_t slewed_s = 0; slewed_s < 1000; slewed_s += 50) {
        assert_int_equal(look_in(2, slewed_s), 0);
        assert_false(clock_watch_doubts(&watch));
    }
}

static void a_jump_is_told_once_and_doubted_for_a_day(void **state)
{
    (void)state;
    for (size_t i = 0; i < STEPS_COUNT; i++) {
        CASE(i);
        begin(NOW_S);
        assert_int_equal(look_in(2, STEPS[i]), STEPS[i]);
        assert_true(clock_watch_doubts(&watch));
        assert_int_equal(look_in(2, STEPS[i]), 0);
        look_in(DAY_S - 3, STEPS[i]);
        assert_true(clock_watch_doubts(&watch));
        look_in(2, STEPS[i]);
        assert_false(clock_watch_doubts(&watch));
        look_in(2, STEPS[i] + 30); /* what it says now is what is believed */
        assert_false(clock_watch_doubts(&watch));
    }
}

static void who_comes_back_is_believed_at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < STEPS_COUNT; i++) {
        CASE(i);
        begin(0);
        look_in(2, STEPS[i]);
        assert_int_equal(look_in(3600, 0), -STEPS[i]);
        assert_false(clock_watch_doubts(&watch));
    }
}

static void a_second_jump_begins_another_day(void **state)
{
    (void)state;
    begin(0);
    look_in(2, DAY_S);
    look_in(DAY_S / 2, 2 * DAY_S);
    look_in(DAY_S / 2 + 10, 2 * DAY_S);
    assert_true(clock_watch_doubts(&watch));
}

static void a_start_at_another_time_than_known_is_doubted(void **state)
{
    (void)state;
    static const struct {
        int64_t known_s;
        bool is_doubted;
    } rows[] = {{0, false},
                {NOW_S, false},
                {NOW_S - 29 * DAY_S, false},
                {NOW_S - 31 * DAY_S, true},
                {NOW_S + 60, false},
                {NOW_S + 3600, true},
                {NOW_S - 10 * YEAR_S, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        begin(rows[i].known_s);
        assert_int_equal(clock_watch_doubts(&watch), rows[i].is_doubted);
        look_in(DAY_S - 1, 0);
        assert_int_equal(clock_watch_doubts(&watch), rows[i].is_doubted);
        look_in(1, 0);
        assert_false(clock_watch_doubts(&watch));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_runs_is_believed),
        cmocka_unit_test(a_jump_is_told_once_and_doubted_for_a_day),
        cmocka_unit_test(who_comes_back_is_believed_at_once),
        cmocka_unit_test(a_second_jump_begins_another_day),
        cmocka_unit_test(a_start_at_another_time_than_known_is_doubted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
