/* Files that failed here: counted, quarantined, forgotten; the one that failed first goes first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/internal.h"
#include "case.h"

static struct godwit_journal journal;
static uint8_t files[5][32];

static int setup(void **state)
{
    (void)state;
    memset(&journal, 0, sizeof journal);
    for (int i = 0; i < 5; i++)
        memset(files[i], i + 1, sizeof files[i]);
    return 0;
}

static void counts_up_to_the_limit(void **state)
{
    (void)state;
    assert_int_equal(godwit_attempts(&journal, files[0]), 0);
    for (int i = 1; i <= 300; i++) {
        CASE(i);
        /* the count does not wrap */
        godwit_attempts_add(&journal, files[0], GODWIT_REASON_TRIAL_NO_CONTACT, false);
        int expected = i < GODWIT_ATTEMPTS_MAX ? i : GODWIT_ATTEMPTS_MAX;
        assert_int_equal(godwit_attempts(&journal, files[0]), expected);
    }
    assert_int_equal(godwit_attempts(&journal, files[1]), 0);
    assert_int_equal(journal.failed[0].reason, GODWIT_REASON_TRIAL_NO_CONTACT);
}

static void quarantines_at_once(void **state)
{
    (void)state;
    godwit_attempts_add(&journal, files[0], GODWIT_REASON_TRIAL_PANIC, true);
    assert_int_equal(godwit_attempts(&journal, files[0]), GODWIT_ATTEMPTS_MAX);
}

static void forgets_one_alone(void **state)
{
    (void)state;
    godwit_attempts_add(&journal, files[0], GODWIT_REASON_TRIAL_PANIC, true);
    godwit_attempts_add(&journal, files[1], GODWIT_REASON_TRIAL_PANIC, true);
    godwit_attempts_forget(&journal, files[0]);
    godwit_attempts_forget(&journal, files[2]);
    assert_int_equal(godwit_attempts(&journal, files[0]), 0);
    assert_int_equal(godwit_attempts(&journal, files[1]), GODWIT_ATTEMPTS_MAX);
    godwit_attempts_add(&journal, files[0], GODWIT_REASON_TRIAL_NO_CONTACT, false);
    assert_int_equal(godwit_attempts(&journal, files[0]), 1);
}

static void the_newest_push_the_oldest_out(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        godwit_attempts_add(&journal, files[i], GODWIT_REASON_TRIAL_PANIC, true);
    assert_int_equal(godwit_attempts(&journal, files[0]), 0);
    for (int i = 1; i < 4; i++)
        assert_int_equal(godwit_attempts(&journal, files[i]), GODWIT_ATTEMPTS_MAX);
    godwit_attempts_add(&journal, files[4], GODWIT_REASON_TRIAL_NO_CONTACT, false);
    assert_int_equal(godwit_attempts(&journal, files[4]), 1); /* not what the one before had */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(counts_up_to_the_limit, setup),
        cmocka_unit_test_setup(quarantines_at_once, setup),
        cmocka_unit_test_setup(forgets_one_alone, setup),
        cmocka_unit_test_setup(the_newest_push_the_oldest_out, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
