/* Tokens: each way to end one ends it in memory and in the database, and nothing revives it. */
#include "world.h"

static const uint8_t ONE[32] = {1}, TWO[32] = {2}, MACHINE[32] = {3};

static bool is_good(struct world *world, const uint8_t *token, int64_t now_s)
{
    fleet_lock(&world->fleet);
    bool good = account_token_is_good(&world->fleet, token, now_s);
    fleet_unlock(&world->fleet);
    return good;
}

static void add(struct world *world, const char *user, const uint8_t *token, int64_t expires_s)
{
    assert_int_equal(account_add_token(&world->fleet, world->db, user, token, 100, expires_s),
                     GODWIT_OK);
}

/* Two sessions of admin until 200, and the token of the machine. */
static void fill(struct world *world)
{
    world_begin(world);
    add(world, "admin", ONE, 200);
    add(world, "admin", TWO, 200);
    add(world, ACCOUNT_MACHINE, MACHINE, 0);
    world_commit(world);
}

static void expect(struct world *world, int64_t now_s, bool one, bool two, bool machine)
{
    for (int round = 0; round < 2; round++) {
        assert_int_equal(is_good(world, ONE, now_s), one);
        assert_int_equal(is_good(world, TWO, now_s), two);
        assert_int_equal(is_good(world, MACHINE, now_s), machine);
        world_restart(world); /* the database says the same as memory did */
    }
}

static void a_token_is_its_whole_digest(void **state)
{
    struct world *world = *state;
    fill(world);
    expect(world, 199, true, true, true);
    uint8_t other[32] = {1};
    other[31] = 1;
    assert_false(is_good(world, other, 199));
}

static void one_ends(void **state)
{
    struct world *world = *state;
    fill(world);
    world_begin(world);
    assert_int_equal(account_end_token(&world->fleet, world->db, ONE), GODWIT_OK);
    assert_false(is_good(world, ONE, 150)); /* at once, before the commit */
    assert_int_equal(account_end_token(&world->fleet, world->db, ONE), GODWIT_OK);
    world_commit(world);
    expect(world, 150, false, true, true);
}

static void all_of_a_user_end(void **state)
{
    struct world *world = *state;
    fill(world);
    world_begin(world);
    assert_int_equal(account_end_user(&world->fleet, world->db, "admin", NULL), GODWIT_OK);
    assert_false(is_good(world, ONE, 150));
    world_commit(world);
    expect(world, 150, false, false, true);
}

static void all_but_one_end(void **state)
{
    struct world *world = *state;
    fill(world);
    world_begin(world);
    assert_int_equal(account_end_user(&world->fleet, world->db, "admin", TWO), GODWIT_OK);
    world_commit(world);
    expect(world, 150, false, true, true);
}

static void the_oldest_gives_its_place(void **state)
{
    struct world *world = *state;
    uint8_t token[32] = {0};
    fill(world);
    world_begin(world);
    for (int i = 0; i < ACCOUNT_TOKENS_MAX; i++) {
        token[0] = 9, token[1] = (uint8_t)i;
        assert_int_equal(
            account_add_token(&world->fleet, world->db, "admin", token, 101 + i, 1000), GODWIT_OK);
    }
    world_commit(world);
    assert_true(is_good(world, token, 199));
    expect(world, 199, false, false, true);
    assert_int_equal(world->fleet.tokens_by_digest.count, ACCOUNT_TOKENS_MAX + 1);
}

/* Whoever was seen to be over stays so, whatever the clock says next: for this process, and behind
 * a sweep for ever. */
static void a_clock_that_goes_back_revives_none(void **state)
{
    struct world *world = *state;
    fill(world);
    assert_false(is_good(world, ONE, 200));
    assert_false(is_good(world, ONE, 150));
    world_begin(world);
    assert_int_equal(account_sweep(&world->fleet, world->db, 150), GODWIT_OK);
    world_commit(world);
    expect(world, 150, false, true, true);
    world_begin(world);
    assert_int_equal(account_sweep(&world->fleet, world->db, 200), GODWIT_OK);
    world_commit(world);
    assert_int_equal(world->fleet.tokens_by_digest.count, 1); /* memory holds no expired one */
    expect(world, 150, false, false, true);
}

/* Else a clock set back by a year would make a session of a year. */
static void a_session_of_the_future_is_refused(void **state)
{
    struct world *world = *state;
    world_begin(world);
    assert_int_equal(
        account_add_token(&world->fleet, world->db, "admin", ONE, NOW_S, NOW_S + 100), GODWIT_OK);
    world_commit(world);
    assert_true(is_good(world, ONE, NOW_S - ACCOUNT_CLOCK_SLACK_S));
    assert_false(is_good(world, ONE, NOW_S - ACCOUNT_CLOCK_SLACK_S - 1));
    assert_true(is_good(world, ONE, NOW_S)); /* refused, not ended: the clock was put right */
}

static void passwords(void **state)
{
    struct world *world = *state;
    char hash[64];
    assert_int_equal(account_password(world->db, "admin", hash, sizeof hash), GODWIT_ERR_MISSING);
    assert_int_equal(account_create(world->db, "admin", "$x$", NOW_S), GODWIT_OK);
    assert_int_equal(account_create(world->db, "admin", "$y$", NOW_S), GODWIT_ERR_POLICY);
    assert_int_equal(account_password(world->db, "admin", hash, sizeof hash), GODWIT_OK);
    assert_string_equal(hash, "$x$");
}

int main(void)
{
#define WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
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
