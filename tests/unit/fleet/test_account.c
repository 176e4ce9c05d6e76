/* Tokens: each way to end one ends it in memory and in the database, and nothing revives it. */
#include "case.h"
#include "fixture.h"

static const uint8_t ONE[32] = {1}, TWO[32] = {2}, MACHINE[32] = {3};

static bool is_good(struct fixture *fixture, const uint8_t *token, int64_t now_s)
{
    fleet_lock(&fixture->fleet);
    bool good = account_token_is_good(&fixture->fleet, token, now_s);
    fleet_unlock(&fixture->fleet);
    return good;
}

static void add(struct fixture *fixture, const char *user, const uint8_t *token, int64_t expires_s)
{
    assert_int_equal(account_add_token(&fixture->fleet, fixture->db, user, token, 100, expires_s),
                     GODWIT_OK);
}

/* Two sessions of admin until 200, and the token of the machine. */
static void fill(struct fixture *fixture)
{
    fixture_begin(fixture);
    add(fixture, "admin", ONE, 200);
    add(fixture, "admin", TWO, 200);
    add(fixture, ACCOUNT_MACHINE, MACHINE, 0);
    fixture_commit(fixture);
}

static void expect(struct fixture *fixture, int64_t now_s, bool one, bool two, bool machine)
{
    for (int round = 0; round < 2; round++) {
        assert_int_equal(is_good(fixture, ONE, now_s), one);
        assert_int_equal(is_good(fixture, TWO, now_s), two);
        assert_int_equal(is_good(fixture, MACHINE, now_s), machine);
        fixture_restart(fixture); /* the database says the same as memory did */
    }
}

static void a_token_is_its_whole_digest(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    expect(fixture, 199, true, true, true);
    uint8_t other[32] = {1};
    other[31] = 1;
    assert_false(is_good(fixture, other, 199));
}

static void one_ends(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    fixture_begin(fixture);
    assert_int_equal(account_end_token(&fixture->fleet, fixture->db, ONE), GODWIT_OK);
    assert_false(is_good(fixture, ONE, 150)); /* at once, before the commit */
    assert_int_equal(account_end_token(&fixture->fleet, fixture->db, ONE), GODWIT_OK);
    fixture_commit(fixture);
    expect(fixture, 150, false, true, true);
}

static void all_of_a_user_end(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    fixture_begin(fixture);
    assert_int_equal(account_end_user(&fixture->fleet, fixture->db, "admin", NULL), GODWIT_OK);
    assert_false(is_good(fixture, ONE, 150));
    fixture_commit(fixture);
    expect(fixture, 150, false, false, true);
}

static void all_but_one_end(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    fixture_begin(fixture);
    assert_int_equal(account_end_user(&fixture->fleet, fixture->db, "admin", TWO), GODWIT_OK);
    fixture_commit(fixture);
    expect(fixture, 150, false, true, true);
}

static void the_oldest_gives_its_place(void **state)
{
    struct fixture *fixture = *state;
    uint8_t token[32] = {0};
    fill(fixture);
    fixture_begin(fixture);
    for (int i = 0; i < ACCOUNT_TOKENS_MAX; i++) {
        CASE(i);
        token[0] = 9, token[1] = (uint8_t)i;
        assert_int_equal(
            account_add_token(&fixture->fleet, fixture->db, "admin", token, 101 + i, 1000),
            GODWIT_OK);
    }
    fixture_commit(fixture);
    assert_true(is_good(fixture, token, 199));
    expect(fixture, 199, false, false, true);
    assert_int_equal(fixture->fleet.tokens_by_digest.count, ACCOUNT_TOKENS_MAX + 1);
}

/* Whoever was seen to be over stays so, whatever the clock says next: for this process, and behind
 * a sweep for ever. */
static void a_clock_that_goes_back_revives_none(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    assert_false(is_good(fixture, ONE, 200));
    assert_false(is_good(fixture, ONE, 150));
    fixture_begin(fixture);
    assert_int_equal(account_sweep(&fixture->fleet, fixture->db, 150), GODWIT_OK);
    fixture_commit(fixture);
    expect(fixture, 150, false, true, true);
    fixture_begin(fixture);
    assert_int_equal(account_sweep(&fixture->fleet, fixture->db, 200), GODWIT_OK);
    fixture_commit(fixture);
    assert_int_equal(fixture->fleet.tokens_by_digest.count, 1); /* memory holds no expired one */
    expect(fixture, 150, false, false, true);
}

/* Else a clock set back by a year would make a session of a year. */
static void a_session_of_the_future_is_refused(void **state)
{
    struct fixture *fixture = *state;
    fixture_begin(fixture);
    assert_int_equal(
        account_add_token(&fixture->fleet, fixture->db, "admin", ONE, NOW_S, NOW_S + 100),
        GODWIT_OK);
    fixture_commit(fixture);
    assert_true(is_good(fixture, ONE, NOW_S - ACCOUNT_CLOCK_SLACK_S));
    assert_false(is_good(fixture, ONE, NOW_S - ACCOUNT_CLOCK_SLACK_S - 1));
    assert_true(is_good(fixture, ONE, NOW_S)); /* refused, not ended: the clock was put right */
}

static void passwords(void **state)
{
    struct fixture *fixture = *state;
    char hash[64];
    assert_int_equal(account_password(fixture->db, "admin", hash, sizeof hash), GODWIT_ERR_MISSING);
    assert_int_equal(account_create(fixture->db, "admin", "$x$", NOW_S), GODWIT_OK);
    assert_int_equal(account_create(fixture->db, "admin", "$y$", NOW_S), GODWIT_ERR_POLICY);
    assert_int_equal(account_password(fixture->db, "admin", hash, sizeof hash), GODWIT_OK);
    assert_string_equal(hash, "$x$");
}

int main(void)
{
#define WORLD(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        WORLD(a_token_is_its_whole_digest),
        WORLD(one_ends),
        WORLD(all_of_a_user_end),
        WORLD(all_but_one_end),
        WORLD(the_oldest_gives_its_place),
        WORLD(a_clock_that_goes_back_revives_none),
        WORLD(a_session_of_the_future_is_refused),
        WORLD(passwords),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
