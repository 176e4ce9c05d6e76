/* A sample of figure power for every test run: of each scenario all single cuts with one seed, and
 * a few of the pairs. The judges are shown what they must see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "case.h"
#include "power.h"

static int setup(void **state)
{
    (void)state;
    scenario_open();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scenario_close();
    return 0;
}

/* One task of every scenario from one start to the other, by turns. */
static void a_sample_survives(void **state)
{
    /* The last kind, bits that waver, is told by the figure alone. */
    const struct power_scope scope = {.kinds = POWER_CUT_UNSTABLE,
                                      .seeds = 1,
                                      .pairs_every = 9,
                                      .kinds_again = 1,
                                      .failures_max = 5};
    struct power_counts counts = {0};
    (void)state;
    for (uint32_t task = 0; task < power_tasks_count(); task += 13) {
        CASE(task);
        power_play_task(task, &scope, stderr, 5, &counts);
        assert_int_equal(counts.ends[LIFETIME_FINISHED] + counts.ends[LIFETIME_STATELESS],
                         counts.cases);
    }
    print_message("%u cases\n", (unsigned)counts.cases);
    assert_true(counts.cases > 3000);
}

/* The same choices tell the same case, to the last byte of flash. */
static void a_case_can_be_replayed(void **state)
{
    const struct power_scope scope = {.seeds = 4, .pairs_every = 1, .kinds_again = 2};
    char *text[2] = {NULL, NULL};
    size_t size[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        FILE *out = open_memstream(&text[i], &size[i]);
        assert_non_null(out);
        assert_int_equal(power_replay("0.1.0.1.11.4.2.1.7.1", &scope, out), LIFETIME_FINISHED);
        fclose(out);
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(text[0], text[1], size[0]);
    assert_non_null(strstr(text[0], "<- cut"));
    assert_non_null(strstr(text[0], "server heard: confirmed"));
    free(text[0]);
    free(text[1]);
}

/* An update of a device in slot 1, told to its end. */
static void play_update(void)
{
    const struct scenario scenario = {.start = 1};
    assert_true(scenario_begin(&scenario));
    assert_int_equal(lifetime_run(), LIFETIME_FINISHED);
    board_power_off(&lifetime.device.board);
}

static void erase_from(uint32_t offset)
{
    const struct godwit_flash *flash = &lifetime.device.bare;
    for (; offset < flash->size; offset += 4096)
        assert_int_equal(flash->erase(flash->ctx, offset, 4096), GODWIT_OK);
    lifetime_power_on(GODWIT_RESET_POWER_ON);
}

static void the_check_sees_a_brick(void **state)
{
    (void)state;
    play_update();
    erase_from(0x20000); /* both slots */
    assert_int_equal(lifetime_run(), LIFETIME_BRICKED);
    lifetime_close();
}

/* The confirmed file lies in the first slot; the one before it boots again. */
static void the_check_sees_a_loss(void **state)
{
    const struct godwit_flash *flash = &lifetime.device.bare;
    (void)state;
    play_update();
    assert_int_equal(flash->erase(flash->ctx, lifetime.device.board.running.offset, 4096),
                     GODWIT_OK);
    lifetime_power_on(GODWIT_RESET_POWER_ON);
    assert_int_equal(lifetime_run(), LIFETIME_LOST);
    lifetime_close();
}

/* A file that lives well is not one that was rolled back from. */
static void the_check_sees_what_has_not_ended(void **state)
{
    const struct scenario scenario = {.start = 1};
    (void)state;
    assert_true(scenario_begin(&scenario));
    lifetime.goal = LIFETIME_ROLLS_BACK;
    assert_int_equal(lifetime_run(), LIFETIME_UNFINISHED);
    lifetime_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sample_survives),
        cmocka_unit_test(a_case_can_be_replayed),
        cmocka_unit_test(the_check_sees_a_brick),
        cmocka_unit_test(the_check_sees_a_loss),
        cmocka_unit_test(the_check_sees_what_has_not_ended),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
