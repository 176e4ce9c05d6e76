/* The behaviour block there and back, to the byte, and that nonsense means healthy. */
#include "case.h"
#include "emu/behaviour.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_round_trip(void **state)
{
    (void)state;
    for (int kind = 0; kind < BEHAVIOUR_COUNT; kind++) {
        CASE(kind);
        struct behaviour in = {(enum behaviour_kind)kind, 0x01020304u * (uint32_t)kind}, out;
        uint8_t data[BEHAVIOUR_SIZE];
        enum behaviour_kind named;
        behaviour_encode(&in, data);
        out = behaviour_decode(data);
        assert_int_equal(out.kind, in.kind);
        assert_int_equal(out.delay_s, in.delay_s);
        assert_int_equal(behaviour_by_name(behaviour_name(in.kind), &named), GODWIT_OK);
        assert_int_equal(named, kind);
    }
    enum behaviour_kind kind;
    assert_int_equal(behaviour_by_name("explode", &kind), GODWIT_ERR_MISSING);
}

/* The bytes as the format has them: test files made elsewhere must mean the same. */
static void test_layout(void **state)
{
    (void)state;
    static const uint8_t WANT[BEHAVIOUR_SIZE] = {'G', 'W', 'B', '1', 2, 0, 0, 0, 0x2C, 0x01};
    const struct behaviour hang = {BEHAVIOUR_HANG, 300};
    uint8_t data[BEHAVIOUR_SIZE];
    behaviour_encode(&hang, data);
    assert_memory_equal(data, WANT, sizeof WANT);
}

static void test_anything_else_is_healthy(void **state)
{
    (void)state;
    const struct behaviour hang = {BEHAVIOUR_HANG, 300};
    uint8_t data[BEHAVIOUR_SIZE];
    for (size_t i = 0; i < BEHAVIOUR_SIZE; i++) {
        CASE(i);
        if (i >= 8 && i < 12) continue; /* the delay may be any number */
        behaviour_encode(&hang, data);
        data[i] = 0x77;
        assert_int_equal(behaviour_decode(data).kind, BEHAVIOUR_HEALTHY);
        assert_int_equal(behaviour_decode(data).delay_s, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_anything_else_is_healthy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
