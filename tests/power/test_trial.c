/* A sample of figure trial for every test run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scenario.h"
#include "trial.h"

/* A prime, so that every choice has its turn. */
#define EVERY 31

static void a_sample_keeps_the_new_image(void **state)
{
    struct exhaust e = {0};
    uint32_t failed = 0;
    (void)state;
    scenario_open();
    while (failed < 5 && exhaust_next(&e)) {
        if (trial_play(&e, EVERY)) continue;
        failed++;
        for (uint32_t i = 0; i < e.used; i++)
            fprintf(stderr, "%s%u", i ? "." : "figure_trial --replay ", e.picked[i]);
        fprintf(stderr, "\n");
    }
    scenario_close();
    print_message("%u cases\n", trial.cases);
    assert_true(trial.cases > 500);
    assert_int_equal(failed, 0);
    assert_int_equal(trial.kept, trial.kept_cases);
    assert_int_equal(trial.confirms, trial.confirms_kept);
    assert_true(trial.lost_at > 8 && trial.reboots_max <= 1 && trial.downloaded_max <= 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sample_keeps_the_new_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
