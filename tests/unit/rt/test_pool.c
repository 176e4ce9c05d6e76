/* Cells of one size: apart from each other, zeroed, used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <stdint.h>
#include <string.h>

#include "rt/pool.h"

enum { CELLS = 20000, SIZE = 29 };

static void cells_do_not_touch(void **state)
{
    (void)state;
    static uint8_t *cells[CELLS];
    struct pool pool;
    pool_init(&pool, SIZE);
    for (size_t i = 0; i < CELLS; i++) {
        cells[i] = pool_take(&pool);
        assert_int_equal((uintptr_t)cells[i] % sizeof(void *), 0);
        memset(cells[i], (int)(1 + i % 200), SIZE);
    }
    for (size_t i = 0; i < CELLS; i++)
        for (size_t k = 0; k < SIZE; k++)
            assert_int_equal(cells[i][k], 1 + i % 200);
    assert_int_equal(pool.used_count, CELLS);
    pool_deinit(&pool);
}

static void what_is_given_back_is_taken_zeroed(void **state)
{
    (void)state;
    struct pool pool;
    pool_init(&pool, SIZE);
    uint8_t *stays = pool_take(&pool);
    memset(stays, 7, SIZE);
    for (size_t round = 0; round < 3; round++) {
        uint8_t *a = pool_take(&pool), *b = pool_take(&pool);
        for (size_t k = 0; k < SIZE; k++)
            assert_int_equal(a[k] | b[k], 0);
        memset(a, 0xFF, SIZE);
        memset(b, 0xFF, SIZE);
        pool_give(&pool, round & 1 ? a : b);
        pool_give(&pool, round & 1 ? b : a);
    }
    pool_give(&pool, NULL);
    assert_int_equal(pool.used_count, 1);
    assert_int_equal(stays[0] + stays[SIZE - 1], 14);
    pool_deinit(&pool);
    assert_int_equal(pool.used_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_do_not_touch),
        cmocka_unit_test(what_is_given_back_is_taken_zeroed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
