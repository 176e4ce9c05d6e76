/* The list of cases: each named once, each attack shown, each with a control beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "case.h"
#include "sim/attack.h"

static void names_are_names(void **state)
{
    const struct attack_case *row;
    (void)state;
    for (size_t i = 0; (row = attack_case_at(i)); i++) {
        CASE(i);
        assert_ptr_equal(attack_case_named(row->name), row); /* the first of its name */
        assert_true(row->sentence && strlen(row->sentence) > 4 && row->who && *row->who);
        assert_true(strlen(row->name) <= 26 && row->number <= 15);
    }
    assert_null(attack_case_named("no-such-case"));
}

static void each_says_what_must_happen(void **state)
{
    const struct attack_case *row;
    (void)state;
    for (size_t i = 0; (row = attack_case_at(i)); i++) {
        CASE(i);
        assert_int_equal(row->end == ATTACK_REFUSED, row->reasons[0] != 0);
        /* A control ends in an install, or in something else that is looked for. */
        if (row->flags & ATTACK_IS_CONTROL) assert_true(row->end == ATTACK_INSTALLED || row->check);
        for (size_t k = 0; k < 4 && row->reasons[k]; k++) {
            CASE(k);
            assert_string_not_equal(godwit_reason_id(row->reasons[k]), "unknown");
        }
    }
}

static void every_attack_is_there(void **state)
{
    const struct attack_case *row;
    unsigned cases[16] = {0}, controls[16] = {0}, attacks = 0;
    (void)state;
    for (size_t i = 0; (row = attack_case_at(i)); i++) {
        bool is_control = row->flags & ATTACK_IS_CONTROL;
        cases[row->number] += !is_control;
        controls[row->number] += is_control;
        attacks += !is_control && row->number;
    }
    for (int number = 0; number < 16; number++) {
        CASE(number);
        assert_true(cases[number] > 0);
        bool is_control_itself = number == 14; /* each of its cases ends in an install */
        assert_true(controls[number] > 0 || is_control_itself);
        assert_non_null(ATTACK_TITLES[number]);
    }
    assert_true(attacks >= 80);
    assert_true(cases[0] >= 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_names),
        cmocka_unit_test(each_says_what_must_happen),
        cmocka_unit_test(every_attack_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
