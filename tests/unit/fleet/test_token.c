/* Tokens: each way to end one ends it in memory and in the database, and nothing revives it. */
#include "case.h"
#include "fixture.h"

static const uint8_t ONE[32] = {1}, TWO[32] = {2}, MACHINE[32] = {3};

static bool is_good(struct fixture *fixture, const uint8_t *token, int64_t now_s)
{
    struct actor actor;
    fleet_lock(&fixture->fleet);
    bool good = token_actor(&fixture->fleet, token, now_s, &actor);
    fleet_unlock(&fixture->fleet);
    return good;
}

static void add(struct fixture *fixture, const char *user, const uint8_t *token, int64_t made_s,
                int64_t expires_s)
{
    bool is_machine = !strcmp(user, ACCOUNT_MACHINE);
    const struct token_new made = {.org = FLEET_ORG,
                                   .user = user,
                                   .name = "",
                                   .product = "",
                                   .kind = is_machine ? TOKEN_MACHINE : TOKEN_SESSION,
                                   .scopes = SCOPE_ALL,
                                   .token_sha256 = token,
                                   .now_s = made_s,
                                   .expires_s = expires_s};
    assert_int_equal(token_add(&fixture->fleet, fixture->db, &made), GODWIT_OK);
}

/* Two sessions of admin until 200, and the token of the machine. */
static void fill(struct fixture *fixture)
{
    fixture_begin(fixture);
    add(fixture, "admin", ONE, 100, 200);
    add(fixture, "admin", TWO, 100, 200);
    add(fixture, ACCOUNT_MACHINE, MACHINE, 100, 0);
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
    assert_int_equal(token_end(&fixture->fleet, fixture->db, ONE), GODWIT_OK);
    assert_false(is_good(fixture, ONE, 150)); /* at once, before the commit */
    assert_int_equal(token_end(&fixture->fleet, fixture->db, ONE), GODWIT_OK);
    fixture_commit(fixture);
    expect(fixture, 150, false, true, true);
}

static void all_of_a_user_end(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    fixture_begin(fixture);
    assert_int_equal(token_end_user(&fixture->fleet, fixture->db, NULL, "admin", NULL), GODWIT_OK);
    assert_false(is_good(fixture, ONE, 150));
    fixture_commit(fixture);
    expect(fixture, 150, false, false, true);
}

static void all_but_one_end(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    fixture_begin(fixture);
    assert_int_equal(token_end_user(&fixture->fleet, fixture->db, NULL, "admin", TWO), GODWIT_OK);
    fixture_commit(fixture);
    expect(fixture, 150, false, true, true);
}

static void the_oldest_gives_its_place(void **state)
{
    struct fixture *fixture = *state;
    uint8_t token[32] = {0};
    fill(fixture);
    fixture_begin(fixture);
    for (int i = 0; i < TOKENS_MAX; i++) {
        CASE(i);
        token[0] = 9, token[1] = (uint8_t)i;
        add(fixture, "admin", token, 101 + i, 1000);
    }
    fixture_commit(fixture);
    assert_true(is_good(fixture, token, 199));
    expect(fixture, 199, false, false, true);
    assert_int_equal(fixture->fleet.tokens_by_digest.count, TOKENS_MAX + 1);
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
    assert_int_equal(token_sweep(&fixture->fleet, fixture->db, 150), GODWIT_OK);
    fixture_commit(fixture);
    expect(fixture, 150, false, true, true);
    fixture_begin(fixture);
    assert_int_equal(token_sweep(&fixture->fleet, fixture->db, 200), GODWIT_OK);
    fixture_commit(fixture);
    assert_int_equal(fixture->fleet.tokens_by_digest.count, 1); /* memory holds no expired one */
    expect(fixture, 150, false, false, true);
}

/* While the clock is doubted a program's token is refused where it seems over, and kept. */
static void a_doubted_clock_ends_no_api_token(void **state)
{
    struct fixture *fixture = *state;
    const struct token_new made = {.org = FLEET_ORG,
                                   .user = "admin",
                                   .name = "ci",
                                   .product = "",
                                   .kind = TOKEN_API,
                                   .scopes = SCOPE_ALL,
                                   .token_sha256 = ONE,
                                   .now_s = NOW_S,
                                   .expires_s = NOW_S + 100};
    fixture_begin(fixture);
    assert_int_equal(token_add(&fixture->fleet, fixture->db, &made), GODWIT_OK);
    fixture_commit(fixture);
    for (int is_believed = 0; is_believed < 2; is_believed++) {
        CASE(is_believed);
        fixture->fleet.is_clock_doubted = !is_believed;
        assert_false(is_good(fixture, ONE, NOW_S + 100));
        fixture_begin(fixture);
        assert_int_equal(token_sweep(&fixture->fleet, fixture->db, NOW_S + 100), GODWIT_OK);
        fixture_commit(fixture);
        assert_int_equal(is_good(fixture, ONE, NOW_S + 99), !is_believed);
        assert_int_equal(fixture_count(fixture, "select count(*) from tokens"), !is_believed);
    }
}

/* Else a clock set back by a year would make a session of a year. */
static void a_session_of_the_future_is_refused(void **state)
{
    struct fixture *fixture = *state;
    fixture_begin(fixture);
    add(fixture, "admin", ONE, NOW_S, NOW_S + 100);
    fixture_commit(fixture);
    assert_true(is_good(fixture, ONE, NOW_S - TOKEN_CLOCK_SLACK_S));
    assert_false(is_good(fixture, ONE, NOW_S - TOKEN_CLOCK_SLACK_S - 1));
    assert_true(is_good(fixture, ONE, NOW_S)); /* refused, not ended: the clock was put right */
}

/* A session that nobody uses ends; one that is used lives until its last day. */
static void a_session_ends_idle_and_at_its_end(void **state)
{
    struct fixture *fixture = *state;
    const int64_t end_s = NOW_S + SESSION_MAX_S;
    fixture_begin(fixture);
    add(fixture, "admin", ONE, NOW_S, end_s);
    add(fixture, "admin", TWO, NOW_S, end_s);
    add(fixture, ACCOUNT_MACHINE, MACHINE, NOW_S, 0);
    fixture_commit(fixture);
    int64_t now_s = NOW_S;
    for (; now_s < end_s; now_s += SESSION_IDLE_S - 1)
        assert_true(is_good(fixture, ONE, now_s));
    assert_false(is_good(fixture, TWO, NOW_S + SESSION_IDLE_S));
    assert_false(is_good(fixture, TWO, NOW_S));
    assert_false(is_good(fixture, ONE, end_s));
    assert_true(is_good(fixture, MACHINE, end_s));
}

static void the_last_use_is_written_now_and_then(void **state)
{
    struct fixture *fixture = *state;
    static const char SQL[] = "select used from tokens where kind = 'session'";
    fixture_begin(fixture);
    add(fixture, "admin", ONE, NOW_S, NOW_S + SESSION_MAX_S);
    fixture_commit(fixture);
    const int64_t late_s = NOW_S + TOKEN_USED_EVERY_S;
    assert_true(is_good(fixture, ONE, late_s - 1));
    assert_int_equal(token_flush(&fixture->fleet, fixture->db), GODWIT_OK);
    assert_int_equal(fixture_count(fixture, SQL), NOW_S);
    assert_true(is_good(fixture, ONE, late_s));
    assert_int_equal(token_flush(&fixture->fleet, fixture->db), GODWIT_OK);
    assert_int_equal(fixture_count(fixture, SQL), late_s);
    fixture_begin(fixture);
    assert_int_equal(token_sweep(&fixture->fleet, fixture->db, late_s + SESSION_IDLE_S), GODWIT_OK);
    fixture_commit(fixture);
    assert_int_equal(fixture_count(fixture, "select count(*) from tokens"), 1);
    fixture_begin(fixture);
    assert_int_equal(token_sweep(&fixture->fleet, fixture->db, late_s + 2 * SESSION_IDLE_S),
                     GODWIT_OK);
    fixture_commit(fixture);
    assert_int_equal(fixture_count(fixture, "select count(*) from tokens"), 0);
}

/* A login is the first use of its session; making a token for a program is none. */
static void a_token_for_a_program_was_never_used_until_it_is(void **state)
{
    struct fixture *fixture = *state;
    static const char SQL[] = "select used from tokens where kind = 'api'";
    fixture_begin(fixture);
    const struct token_new made = {.org = FLEET_ORG,
                                   .user = "admin",
                                   .name = "a builder",
                                   .product = "",
                                   .kind = TOKEN_API,
                                   .scopes = SCOPE_READ,
                                   .token_sha256 = ONE,
                                   .now_s = NOW_S,
                                   .expires_s = NOW_S + 1000};
    assert_int_equal(token_add(&fixture->fleet, fixture->db, &made), GODWIT_OK);
    fixture_commit(fixture);
    assert_int_equal(token_flush(&fixture->fleet, fixture->db), GODWIT_OK);
    assert_int_equal(fixture_count(fixture, SQL), 0);
    assert_true(is_good(fixture, ONE, NOW_S + 1));
    assert_int_equal(token_flush(&fixture->fleet, fixture->db), GODWIT_OK);
    assert_int_equal(fixture_count(fixture, SQL), NOW_S + 1);
}

static void one_ends_by_its_mark_in_its_organisation_alone(void **state)
{
    struct fixture *fixture = *state;
    uint8_t mark[TOKEN_MARK_SIZE] = {1};
    static const struct {
        const char *org, *user;
        enum token_kind kind;
        bool is_found;
    } ROWS[] = {
        {"acme", NULL, TOKEN_SESSION, false},       {FLEET_ORG, "other", TOKEN_SESSION, false},
        {FLEET_ORG, NULL, TOKEN_API, false},        {FLEET_ORG, "admin", TOKEN_SESSION, true},
        {FLEET_ORG, "admin", TOKEN_SESSION, false},
    };
    fill(fixture);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        CASE(i);
        fixture_begin(fixture);
        assert_int_equal(token_end_marked(&fixture->fleet, fixture->db, ROWS[i].org, ROWS[i].user,
                                          ROWS[i].kind, mark),
                         ROWS[i].is_found ? GODWIT_OK : GODWIT_ERR_MISSING);
        fixture_commit(fixture);
    }
    expect(fixture, 150, false, true, true);
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
        WORLD(a_doubted_clock_ends_no_api_token),
        WORLD(a_session_of_the_future_is_refused),
        WORLD(a_session_ends_idle_and_at_its_end),
        WORLD(the_last_use_is_written_now_and_then),
        WORLD(a_token_for_a_program_was_never_used_until_it_is),
        WORLD(one_ends_by_its_mark_in_its_organisation_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
