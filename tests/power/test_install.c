/* Power lost during an update and during a rollback: a sample of figure cut for every test run, one
 * write unit and one way to tear an operation; and the judges themselves, shown a dead device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cut.h"

#define FILE_SIZE (64u * 1024 + 3 * 4096)

static struct key *key;
static struct firmware first, healthy, crashing;

static int setup(void **state)
{
    (void)state;
    key = key_generate(GODWIT_SCHEME_ECDSA256);
    assert_non_null(key);
    first = firmware_make("1.0.0", (struct behaviour){BEHAVIOUR_HEALTHY, 0}, FILE_SIZE, key);
    healthy = firmware_make("1.1.0", (struct behaviour){BEHAVIOUR_HEALTHY, 0}, FILE_SIZE, key);
    crashing =
        firmware_make("1.1.1", (struct behaviour){BEHAVIOUR_CRASH_AT_BOOT, 0}, FILE_SIZE, key);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(first.data);
    free(healthy.data);
    free(crashing.data);
    key_close(key);
    return 0;
}

static void each_operation_cut(const struct cut_scenario *scenario, uint32_t write_size)
{
    struct cut_case c = {.write_size = write_size, .seed = 1};
    uint32_t operations, ignored;
    enum power_cut_kind kinds =
        scenario->rolls_back ? POWER_CUT_SUFFIX : POWER_CUT_KINDS_COUNT; /* see figure cut */
    assert_int_equal(cut_run(scenario, &c, &operations), CUT_FINISHED);
    assert_true(operations > 30);
    c.cause = GODWIT_RESET_BROWN_OUT;
    for (c.cut_at = 1; c.cut_at <= operations; c.cut_at++)
        for (c.kind = POWER_CUT_BEFORE; c.kind < kinds; c.kind++)
            if (cut_run(scenario, &c, &ignored) != CUT_FINISHED)
                fail_msg("%s: cut %s operation %u", scenario->name, power_cut_kind_name(c.kind),
                         c.cut_at);
}

static void update_survives(void **state)
{
    const struct cut_scenario scenario = {
        .name = "update", .key = key, .first = first, .offered = healthy};
    (void)state;
    each_operation_cut(&scenario, 16);
}

static void roll_back_survives(void **state)
{
    const struct cut_scenario scenario = {
        .name = "return", .key = key, .first = first, .offered = crashing, .rolls_back = true};
    (void)state;
    each_operation_cut(&scenario, 4);
}

/* A file that crashes is not an update that ends well: the judge must say so. */
static void check_sees_an_unfinished_scenario(void **state)
{
    const struct cut_scenario scenario = {
        .name = "update", .key = key, .first = first, .offered = crashing};
    const struct cut_case c = {.write_size = 4};
    uint32_t ignored;
    (void)state;
    assert_int_equal(cut_run(&scenario, &c, &ignored), CUT_UNFINISHED);
}

/* A device whose only image is damaged is dead, and the judge must say so. */
static void check_sees_a_brick(void **state)
{
    struct cut_scenario scenario = {
        .name = "update", .key = key, .first = first, .offered = healthy};
    const struct cut_case c = {.write_size = 4};
    uint32_t ignored;
    (void)state;
    scenario.first.data = malloc(FILE_SIZE);
    assert_non_null(scenario.first.data);
    memcpy(scenario.first.data, first.data, FILE_SIZE);
    scenario.first.data[0x2000] ^= 1;
    assert_int_equal(cut_run(&scenario, &c, &ignored), CUT_BRICKED);
    free(scenario.first.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(update_survives),
        cmocka_unit_test(roll_back_survives),
        cmocka_unit_test(check_sees_an_unfinished_scenario),
        cmocka_unit_test(check_sees_a_brick),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
