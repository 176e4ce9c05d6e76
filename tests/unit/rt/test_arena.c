/* Memory of one request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "case.h"
#include "rt/arena.h"

static void test_pieces(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    uint8_t *pieces[200];
    for (size_t i = 0; i < 200; i++) {
        CASE(i);
        pieces[i] = arena_alloc(&arena, 1 + i * 7);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)i, 1 + i * 7);
    }
    for (size_t i = 0; i < 200; i++) {
        CASE(i);
        assert_true(godwit_all(pieces[i], 1 + i * 7, (uint8_t)i));
    }
    assert_non_null(arena_alloc(&arena, 0));
    uint8_t *zero = arena_zalloc(&arena, 5000);
    assert_true(godwit_all(zero, 5000, 0));
    arena_deinit(&arena);
    arena_deinit(&arena);
}

static void test_bound(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 10000);
    assert_null(arena_alloc(&arena, 10001));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_copy(&arena, "", SIZE_MAX));
    assert_non_null(arena_alloc(&arena, 3000));
    assert_null(arena_alloc(&arena, 8000));
    size_t taken = 3000;
    while (arena_alloc(&arena, 100))
        taken += 100;
    assert_true(taken > 8000 && taken <= 10000);
    assert_true(arena.size <= 10000);
    arena_deinit(&arena);
    struct arena zero = {0};
    assert_null(arena_alloc(&zero, 1));
}

static void test_text(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 16);
    assert_string_equal(arena_text(&arena, "abc"), "abc");
    assert_memory_equal(arena_copy(&arena, "a\0b", 3), "a\0b", 4);
    assert_string_equal(arena_print(&arena, "%d-%s", 7, "x"), "7-x");
    char *large = arena_print(&arena, "%8000d", 1);
    assert_int_equal(strlen(large), 8000);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
