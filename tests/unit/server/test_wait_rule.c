/* How long is held: what is asked for, and what a line is seen to bear. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#include "server/wait_rule.h"

static void test_asked(void **state)
{
    static const struct {
        const char *prefer;
        uint32_t asked_s;
    } rows[] = {
        {NULL, 0},
        {"", 0},
        {"wait=10", 10},
        {"respond-async, Wait=10", 10},
        {"wait=10, return=minimal", 10},
        {" ;wait=7;x=1", 7},
        {"wait=", 0},
        {"wait=-1", 0},
        {"wait=+9", 0},
        {"wait=1x", 0},
        {"await=10", 0},
        {"x=y; wait=5", 0},
        {"wait=4294967297", WAIT_MAX_S},
        {"wait=99999999999999999999999", WAIT_MAX_S},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(wait_rule_asked(rows[i].prefer), rows[i].asked_s);
}

/* A line that lives for this long: what is held in the end, and how many die in a thousand. */
static uint32_t learn(uint64_t line_s, unsigned *deaths)
{
    uint16_t habit = 0;
    *deaths = 0;
    for (unsigned i = 0; i < 1000; i++) {
        bool dies = wait_rule_s(habit) >= line_s;
        habit = dies ? wait_rule_died(habit, line_s) : wait_rule_lasted(habit);
        *deaths += dies;
    }
    return wait_rule_s(habit);
}

static void test_learn(void **state)
{
    static const struct {
        uint64_t line_s;
        uint32_t held_s;
    } rows[] = {{10, 0}, {30, 20}, {60, 50}, {120, 110}, {300, 290}, {3600, WAIT_MAX_S}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned deaths;
        uint32_t held_s = learn(rows[i].line_s, &deaths);
        assert_in_range(deaths, 0, 15);
        assert_int_equal(held_s, rows[i].held_s);
    }
}

/* One device that is switched off does not fall to nothing. */
static void test_one_death(void **state)
{
    (void)state;
    assert_int_equal(wait_rule_s(0), 110);
    assert_int_equal(wait_rule_s(wait_rule_died(0, 6)), 20);
    assert_int_equal(wait_rule_s(wait_rule_died(0, 100)), 50);
}

/* A line that was bad for a month and is good again is found to be so in days, not never. */
static void test_many_deaths(void **state)
{
    (void)state;
    uint16_t habit = 0;
    for (unsigned i = 0; i < 1000; i++)
        habit = wait_rule_died(habit, 1);
    assert_int_equal(wait_rule_s(habit), 0);
    for (unsigned i = 0; i < 128; i++)
        habit = wait_rule_lasted(habit);
    assert_int_equal(wait_rule_s(habit), 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asked),
        cmocka_unit_test(test_learn),
        cmocka_unit_test(test_one_death),
        cmocka_unit_test(test_many_deaths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
