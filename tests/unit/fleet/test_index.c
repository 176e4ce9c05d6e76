/* The index against a plain list: added, replaced and taken out in every order of a few keys that
 * fall into one another's places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#include "case.h"
#include "exhaust.h"
#include "fleet/index.h"

#define VALUES 5
#define STEPS 7

struct value {
    uint8_t key[4];
};

static void check(const struct index *index, struct value *values, const bool *is_in)
{
    size_t count = 0;
    for (size_t i = 0; i < VALUES; i++) {
        CASE(i);
        assert_ptr_equal(index_find(index, values[i].key), is_in[i] ? &values[i] : NULL);
        count += is_in[i];
    }
    assert_int_equal(index->count, count);
}

/* Keys of one home slot: each is looked for behind the others. */
static void make_colliding(struct value *values)
{
    struct index probe;
    size_t home = SIZE_MAX, found = 0;
    for (uint32_t n = 1; found < VALUES; n++) {
        struct value value;
        memcpy(value.key, &n, sizeof value.key);
        index_init(&probe, 0, sizeof value.key);
        index_add(&probe, &value);
        size_t at = 0;
        while (!probe.slots[at])
            at++;
        index_deinit(&probe, false);
        if (home == SIZE_MAX) home = at;
        if (at == home) values[found++] = value;
    }
}

static void any_order(void **state)
{
    (void)state;
    struct value values[VALUES];
    struct exhaust walk = {0};
    make_colliding(values);
    unsigned long orders = 0;
    while (exhaust_next(&walk)) {
        struct index index;
        bool is_in[VALUES] = {false};
        index_init(&index, 0, sizeof values->key);
        for (int step = 0; step < STEPS; step++) {
            CASE(step);
            size_t i = exhaust_pick(&walk, VALUES);
            if (is_in[i])
                index_remove(&index, &values[i]);
            else
                index_add(&index, &values[i]);
            is_in[i] = !is_in[i];
            check(&index, values, is_in);
        }
        index_deinit(&index, false);
        orders++;
    }
    assert_true(orders == 78125);
}

static void another_value_of_the_key_stays(void **state)
{
    (void)state;
    struct index index;
    struct value one = {{1}}, other = {{1}};
    index_init(&index, 0, sizeof one.key);
    index_remove(&index, &one);
    index_add(&index, &one);
    index_remove(&index, &other);
    assert_ptr_equal(index_find(&index, one.key), &one);
    index_add(&index, &other);
    assert_ptr_equal(index_find(&index, one.key), &other);
    assert_int_equal(index.count, 1);
    index_deinit(&index, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order),
        cmocka_unit_test(another_value_of_the_key_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
