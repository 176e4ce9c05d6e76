/* Cases played on an emulated board, and the judge shown what it must not let pass: rows that
 * expect less than happens, and thieves that hold more than their rows say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "case.h"
#include "sim/attack_board.h"

static struct attack_fixture fixture;

static int setup(void **state)
{
    (void)state;
    return attack_fixture_open(&fixture, NULL, 0) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    attack_fixture_close(&fixture);
    return 0;
}

static struct attack_result play(const struct attack_case *row)
{
    struct attack_result result;
    attack_board_play(&fixture, row, false, &result);
    return result;
}

static struct attack_case named(const char *name)
{
    const struct attack_case *row = attack_case_named(name);
    assert_non_null(row);
    return *row;
}

static void honest_update_is_installed(void **state)
{
    struct attack_case row = named("honest-update");
    (void)state;
    struct attack_result result = play(&row);
    assert_string_equal(result.why, "");
    assert_int_equal(result.verdict, ATTACK_HELD);
    assert_true(result.requests > 3 && result.images == 2);
}

static void each_way_to_hold(void **state)
{
    static const char *const names[] = {"code-own-key",    "mirror-flips-code", "freeze-pending",
                                        "part-1-sector",   "range-before",      "drop-every-second",
                                        "depend-packages", "listen-claim",      "block-crc-only"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        CASE(i);
        struct attack_case row = named(names[i]);
        struct attack_result result = play(&row);
        assert_string_equal(result.why, "");
        assert_int_equal(result.verdict, ATTACK_HELD);
    }
}

/* What is installed where nothing may be is accepted, whoever signed it. */
static void an_install_is_seen(void **state)
{
    struct attack_case row = named("honest-update");
    (void)state;
    row.end = ATTACK_KEPT;
    assert_int_equal(play(&row).verdict, ATTACK_ACCEPTED);
    row = named("keys-all-granted"); /* the thief holds all there is */
    row.end = ATTACK_REFUSED;
    row.reasons[0] = GODWIT_REASON_SIGNATURE_KEY;
    assert_int_equal(play(&row).verdict, ATTACK_ACCEPTED);
}

static void silence_and_wrong_words_are_seen(void **state)
{
    struct attack_case row = named("code-own-key");
    (void)state;
    row.reasons[0] = GODWIT_REASON_UNSIGNED;
    struct attack_result result = play(&row);
    assert_int_equal(result.verdict, ATTACK_FAILED);
    assert_non_null(strstr(result.why, "signature-key"));
    row = named("code-own-key");
    row.end = ATTACK_INSTALLED;
    assert_int_equal(play(&row).verdict, ATTACK_FAILED);
}

static void keep_after_away(struct attack *attack)
{
    attack->after_signer = KEY_THIEF_DEPLOY;
}

static void a_board_that_does_not_recover_is_seen(void **state)
{
    struct attack_case row = named("freeze-503");
    (void)state;
    row.begin = keep_after_away;
    struct attack_result result = play(&row);
    assert_int_equal(result.verdict, ATTACK_FAILED);
    assert_non_null(strstr(result.why, "honest"));
}

/* The same seed is the same scenario; that a medley can fail shows
 * tests/tool/test_attack_guards.py.
 */
static void medleys_can_be_replayed(void **state)
{
    struct attack_result first, again;
    (void)state;
    for (uint32_t seed = 1; seed <= 8; seed++) {
        CASE(seed);
        attack_board_medley(&fixture, seed, false, &first);
        attack_board_medley(&fixture, seed, false, &again);
        assert_string_equal(first.why, "");
        assert_int_equal(first.verdict, ATTACK_HELD);
        assert_int_equal(first.requests, again.requests);
        assert_int_equal(first.images, again.images);
    }
}

static const char *complain(const struct attack *attack)
{
    (void)attack;
    return "so it is";
}

static void a_row_s_own_check_is_heard(void **state)
{
    struct attack_case row = named("code-own-key");
    (void)state;
    row.check = complain;
    struct attack_result result = play(&row);
    assert_int_equal(result.verdict, ATTACK_FAILED);
    assert_string_equal(result.why, "so it is");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_update_is_installed),
        cmocka_unit_test(each_way_to_hold),
        cmocka_unit_test(an_install_is_seen),
        cmocka_unit_test(silence_and_wrong_words_are_seen),
        cmocka_unit_test(a_board_that_does_not_recover_is_seen),
        cmocka_unit_test(medleys_can_be_replayed),
        cmocka_unit_test(a_row_s_own_check_is_heard),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
