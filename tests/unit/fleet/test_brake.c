/* The brake against every run of neighbours weighed one by one, and against many good and bad
 * releases. */
#include "fleet/brake.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#include "case.h"

static uint64_t chance_state;

static double chance(void)
{
    chance_state = chance_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(chance_state >> 11) / (double)(UINT64_C(1) << 53);
}

/* The heaviest run of devices 1 to offered. */
#define P0 BRAKE_P0_MIN
#define P1 (BRAKE_P1_PER_P0 * P0)

static double heaviest(const bool *failed, uint32_t offered)
{
    double best = 0;
    for (uint32_t from = 1; from <= offered; from++) {
        double weight = 0;
        for (uint32_t to = from; to <= offered; to++) {
            weight += failed[to] ? log(P1 / P0) : log((1 - P1) / (1 - P0));
            if (weight > best) best = weight;
        }
    }
    return best;
}

static void test_every_run(void **state)
{
    (void)state;
    enum { OFFERED = 120 };
    for (uint32_t seed = 1; seed <= 200; seed++) {
        CASE(seed);
        chance_state = seed;
        struct brake brake = {0};
        bool failed[OFFERED + 1] = {false};
        double share = chance() * 0.3;
        for (int step = 0; step < 60; step++) { /* in any order, some come good again */
            uint32_t number = 1 + (uint32_t)(chance() * OFFERED);
            failed[number] = chance() < share * 2;
            if (failed[number])
                brake_add(&brake, number);
            else
                brake_take_back(&brake, number);
            if (failed[number]) brake_add(&brake, number); /* said twice */
        }
        const struct brake_view view = brake_look(&brake, OFFERED, P0);
        assert_true(fabs(view.weight - heaviest(failed, OFFERED)) < 1e-9);
        assert_true(!view.first || (failed[view.first] && failed[view.last]));
        brake_free(&brake);
    }
}

/* What a person is told: so many more failures in a row halt it, and not one fewer. */
static void test_failures_left(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 200; seed++) {
        CASE(seed);
        chance_state = seed;
        struct brake brake = {0};
        uint32_t offered = (uint32_t)(chance() * 50), left;
        for (uint32_t number = 1; number <= offered; number++)
            if (chance() < 0.06) brake_add(&brake, number);
        left = brake_look(&brake, offered, P0).failures_left;
        for (uint32_t i = 0; i < left; i++) {
            assert_int_equal(brake_look(&brake, offered, P0).failures_left, left - i);
            brake_add(&brake, ++offered);
        }
        const struct brake_view view = brake_look(&brake, offered, P0);
        assert_true(view.weight >= view.bound);
        assert_int_equal(view.failures_left, 0);
        brake_free(&brake);
    }
    const struct brake nobody = {0};
    assert_int_equal(brake_look(&nobody, 0, P0).failures_left, 5);
    assert_int_equal(brake_look(&nobody, 1000000, P0).failures_left, 8); /* rarer by chance alone */
}

/* At which device it halts where each outcome is known at once; 0: it goes through. */
static uint32_t halts_at(double share, uint32_t devices)
{
    struct brake brake = {0};
    uint32_t at = 0;
    for (uint32_t number = 1; number <= devices && !at; number++) {
        if (chance() >= share) continue;
        brake_add(&brake, number);
        const struct brake_view view = brake_look(&brake, number, P0);
        if (view.weight >= view.bound) at = number;
    }
    brake_free(&brake);
    return at;
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static void test_good_and_bad(void **state)
{
    (void)state;
    enum { TIMES = 400, DEVICES = 20000 };
    static const struct {
        double share;
        uint32_t median_max, p99_max; /* device at which it halts; 0: it hardly ever does */
    } rows[] = {
        {1.00, 5, 5},      {0.20, 40, 120}, {0.10, 100, 300},
        {0.05, 400, 2000}, {0.005, 0, 0},   {0.002, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        uint32_t at[TIMES], halted = 0;
        chance_state = i + 1;
        for (size_t time = 0; time < TIMES; time++) {
            at[time] = halts_at(rows[i].share, DEVICES);
            halted += at[time] != 0;
            if (!at[time]) at[time] = UINT32_MAX;
        }
        qsort(at, TIMES, sizeof *at, compare);
        if (!rows[i].median_max) {
            assert_true(halted * 100 < 5 * TIMES);
            continue;
        }
        assert_true(at[TIMES / 2] <= rows[i].median_max);
        assert_true(at[TIMES * 99 / 100] <= rows[i].p99_max);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_run),
        cmocka_unit_test(test_failures_left),
        cmocka_unit_test(test_good_and_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
