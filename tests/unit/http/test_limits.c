/* The limits as they are fitted to the machine, and the budget of input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "case.h"
#include "http/internal.h"

/* Whatever may be opened, whoever authenticates finds room, and no address takes all of the rest.
 */
static void test_fit(void **state)
{
    (void)state;
    static const struct {
        struct http_limits wanted;
        uint64_t files;
        unsigned connections, address, unauthenticated, address_unauthenticated;
    } rows[] = {
        {{0}, 1048576, 20000, 10000, 4096, 1024},
        {{0}, 1024, 840, 420, 420, 210},
        {{0}, 64, 56, 28, 28, 14},
        {{0}, 0, 56, 28, 28, 14},
        {{.connections_max = 3}, 1024, 3, 1, 1, 1},
        {{.connections_max = 100, .unauthenticated_max = 90}, 1024, 100, 50, 50, 25},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        struct http_limits limits = rows[i].wanted;
        limits_fit(&limits, rows[i].files);
        assert_int_equal(limits.connections_max, rows[i].connections);
        assert_int_equal(limits.address_max, rows[i].address);
        assert_int_equal(limits.unauthenticated_max, rows[i].unauthenticated);
        assert_int_equal(limits.address_unauthenticated_max, rows[i].address_unauthenticated);
    }
}

static void test_budget(void **state)
{
    (void)state;
    struct budget budget = {.max = 100};
    struct holding known = {0}, first = {0}, second = {0};
    assert_true(budget_hold(&budget, &first, 20, false));
    assert_false(budget_hold(&budget, &second, 6, false)); /* a quarter for all of them */
    assert_true(budget_hold(&budget, &second, 5, false));
    assert_true(budget_hold(&budget, &known, 75, true));
    assert_false(budget_hold(&budget, &known, 76, true));
    assert_int_equal(known.size, 75);                   /* what was refused changes nothing */
    assert_true(budget_hold(&budget, &first, 4, true)); /* it stays what it was when it began */
    assert_int_equal(budget.unauthenticated, 9);
    assert_true(budget_hold(&budget, &first, 0, false));
    assert_true(budget_hold(&budget, &second, 0, false));
    assert_true(budget_hold(&budget, &known, 0, false));
    assert_int_equal(budget.used, 0);
    assert_int_equal(budget.unauthenticated, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
