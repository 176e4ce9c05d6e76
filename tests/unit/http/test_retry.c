/* When those who are turned away come again: later where there are many, and not together. */
#include "http/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <string.h>

static unsigned longest_of(const struct retry_backlog *backlog)
{
    unsigned longest = 0;
    for (uint32_t turn = 0; turn < 1000; turn++) {
        unsigned seconds = retry_after_s(backlog, turn);
        assert_in_range(seconds, 1, RETRY_MAX_S);
        if (seconds > longest) longest = seconds;
    }
    return longest;
}

static void it_grows_with_the_backlog(void **state)
{
    (void)state;
    static const struct {
        struct retry_backlog backlog;
        unsigned longest;
    } ROWS[] = {
        {{0, 0, 0}, 8},
        {{15000, 20000, 1}, 8}, /* held check-ins are no crowd */
        {{17500, 20000, 1}, 20},
        {{20000, 20000, 1}, 32},
        {{30000, 20000, 1}, 32},
        {{0, 20000, 5000}, 18},
        {{0, 20000, 56000}, 120},
        {{20000, 20000, 100000}, 120},
        {{UINT32_MAX, UINT32_MAX, UINT32_MAX}, 120},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        assert_int_equal(longest_of(&ROWS[i].backlog), ROWS[i].longest);
}

/* A herd that is sent away fills the seconds evenly: none has over a tenth more than its share. */
static void they_do_not_come_back_together(void **state)
{
    (void)state;
    enum { HERD = 100000 };
    static const struct retry_backlog backlog = {20000, 20000, HERD};
    unsigned seconds[RETRY_MAX_S + 1] = {0};
    for (uint32_t turn = 0; turn < HERD; turn++)
        seconds[retry_after_s(&backlog, UINT32_MAX - HERD / 2 + turn)]++;
    for (unsigned s = 1; s <= RETRY_MAX_S; s++)
        assert_in_range(seconds[s], HERD / RETRY_MAX_S * 9 / 10, HERD / RETRY_MAX_S * 11 / 10);
    static const struct retry_backlog quiet = {0};
    for (uint32_t turn = 0; turn < 100; turn++)
        assert_int_not_equal(retry_after_s(&quiet, turn), retry_after_s(&quiet, turn + 1));
}

static void lately_is_two_periods(void **state)
{
    (void)state;
    struct retry_count count;
    uint32_t turn;
    memset(&count, 0, sizeof count);
    for (uint64_t i = 1; i <= 10; i++)
        assert_int_equal(retry_count_add(&count, 1000000 + i, &turn), i);
    assert_int_equal(turn, 9);
    assert_int_equal(retry_count_add(&count, 1000000 + RETRY_PERIOD_MS, &turn), 11);
    assert_int_equal(retry_count_add(&count, 1000000 + 2 * RETRY_PERIOD_MS, &turn), 2);
    assert_int_equal(retry_count_add(&count, 1000000 + 9 * RETRY_PERIOD_MS, &turn), 1);
    assert_int_equal(turn, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_grows_with_the_backlog),
                                       cmocka_unit_test(they_do_not_come_back_together),
                                       cmocka_unit_test(lately_is_two_periods)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
