/* Power lost twice: the second time while the device recovers from the first. Every kind of cut at
 * each of the two; the second anywhere in the next operations, where recovery writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cut.h"
#include "exhaust.h"

#define FILE_SIZE (64u * 1024 + 3 * 4096)
#define KINDS 3     /* before, torn, after */
#define AGAIN_MAX 6 /* operations behind the first cut */

static void each_pair(const struct cut_scenario *scenario)
{
    const struct cut_case uncut = {.write_size = 32};
    struct exhaust e = {0};
    uint32_t operations, ignored, cases = 0;
    assert_int_equal(cut_run(scenario, &uncut, &operations), CUT_FINISHED);
    while (exhaust_next(&e)) {
        struct cut_case c = {.write_size = 32, .seed = 3, .cause = GODWIT_RESET_POWER_ON};
        c.cut_at = 1 + exhaust_pick(&e, operations);
        c.kind = (enum power_cut_kind)exhaust_pick(&e, KINDS);
        c.again_after = 1 + exhaust_pick(&e, AGAIN_MAX);
        enum cut_end end = cut_run(scenario, &c, &ignored);
        if (end != CUT_FINISHED)
            fail_msg("%s: cut %s operation %u and %u later: end %d", scenario->name,
                     power_cut_kind_name(c.kind), c.cut_at, c.again_after, end);
        cases++;
    }
    assert_int_equal(cases, operations * KINDS * AGAIN_MAX);
}

static void both_scenarios_survive(void **state)
{
    struct key *key = key_generate(GODWIT_SCHEME_ECDSA256);
    const struct behaviour healthy = {BEHAVIOUR_HEALTHY, 0}, crash = {BEHAVIOUR_CRASH_AT_BOOT, 0};
    (void)state;
    assert_non_null(key);
    struct cut_scenario scenario = {.name = "update", .key = key};
    scenario.first = firmware_make("1.0.0", healthy, FILE_SIZE, key);
    scenario.offered = firmware_make("2.0.0", healthy, FILE_SIZE, key);
    each_pair(&scenario);
    free(scenario.offered.data);
    scenario.name = "return";
    scenario.rolls_back = true;
    scenario.offered = firmware_make("3.0.0", crash, FILE_SIZE, key);
    each_pair(&scenario);
    free(scenario.offered.data);
    free(scenario.first.data);
    key_close(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_scenarios_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
