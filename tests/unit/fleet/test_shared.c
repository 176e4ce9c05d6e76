/* Values kept once, counted, and gone with the last who holds them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <stdio.h>

#include "fleet/shared.h"

static void equal_bytes_are_one_value(void **state)
{
    (void)state;
    struct shared shared;
    const void *a = NULL, *b = NULL, *shorter = NULL;
    shared_init(&shared);
    shared_put(&shared, &a, "1.0.0", 5);
    shared_put(&shared, &b, "1.0.0", 5);
    shared_put(&shared, &shorter, "1.0.0", 4);
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, shorter);
    assert_string_equal(a, "1.0.0");
    assert_string_equal(shorter, "1.0.");
    assert_int_equal(shared.count, 2);
    shared_deinit(&shared);
}

static void a_value_goes_with_its_last_holder(void **state)
{
    (void)state;
    struct shared shared;
    const void *a = NULL, *b = NULL;
    shared_init(&shared);
    shared_put(&shared, &a, "old", 3);
    shared_put(&shared, &a, "old", 3); /* again: held once all the same */
    shared_put(&shared, &b, "old", 3);
    shared_put(&shared, &a, "new", 3);
    assert_string_equal(b, "old");
    assert_int_equal(shared.count, 2);
    shared_put(&shared, &b, "new", 3);
    assert_int_equal(shared.count, 1);
    shared_drop(&shared, a);
    assert_string_equal(b, "new");
    shared_drop(&shared, b);
    shared_drop(&shared, NULL);
    assert_int_equal(shared.count, 0);
    shared_deinit(&shared);
}

/* More values than the table has places, so that each place has a chain; all leave in an order in
 * which chains lose their first, their middle and their last. */
static void a_hostile_fleet_of_distinct_values(void **state)
{
    (void)state;
    enum { COUNT = 300000 };
    static const void *held[COUNT];
    struct shared shared;
    shared_init(&shared);
    for (unsigned i = 0; i < COUNT; i++)
        shared_put(&shared, &held[i], &i, sizeof i);
    assert_int_equal(shared.count, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        const void *again = NULL;
        shared_put(&shared, &again, &i, sizeof i);
        assert_ptr_equal(again, held[i]);
        shared_drop(&shared, again);
    }
    for (unsigned step = 0; step < 7; step++)
        for (unsigned i = step; i < COUNT; i += 7)
            shared_drop(&shared, held[i]);
    assert_int_equal(shared.count, 0);
    shared_deinit(&shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_bytes_are_one_value),
        cmocka_unit_test(a_value_goes_with_its_last_holder),
        cmocka_unit_test(a_hostile_fleet_of_distinct_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
