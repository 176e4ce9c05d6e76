/* How many passwords are checked in an hour, whoever asks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "case.h"
#include "server/login_budget.h"

#define BIT(lane) (1U << (lane))
#define ALL (BIT(LOGIN_LANES) - 1)

static struct login_budget budget;
static uint64_t now_ms;
static struct login_claim claim;
static unsigned wait_s;

static int setup(void **state)
{
    (void)state;
    memset(&budget, 0, sizeof budget);
    login_budget_init(&budget);
    now_ms = 5000000;
    return 0;
}

static bool take(const char *user, unsigned lanes)
{
    return login_budget_take(&budget, user, lanes, NULL, now_ms, &claim, &wait_s);
}

/* By one address of many: 10.a.b.c. */
static bool take_from(const char *user, unsigned number)
{
    uint8_t network[16] = {
        [10] = 0xff, 0xff, 10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
    return login_budget_take(&budget, user, BIT(LOGIN_UNKNOWN), network, now_ms, &claim, &wait_s);
}

static unsigned take_all(const char *user, unsigned lanes)
{
    unsigned count = 0;
    while (take(user, lanes))
        count++;
    return count;
}

/* Every second of a day: in no hour of it more than a hundred, though all lanes are asked. */
static void never_more_than_a_hundred_an_hour(void **state)
{
    static uint16_t taken[24 * 3600];
    unsigned in_hour = 0, most = 0, all = 0;
    (void)state;
    memset(taken, 0, sizeof taken);
    for (unsigned s = 0; s < 24 * 3600; s++, now_ms += 1000) {
        taken[s] = (uint16_t)take_all("vera", ALL);
        all += taken[s];
        in_hour += taken[s];
        if (s >= 3600) in_hour -= taken[s - 3600];
        if (in_hour > most) most = in_hour;
    }
    assert_true(most <= LOGIN_ACCOUNT_HOUR_MAX);
    assert_true(most >= LOGIN_ACCOUNT_HOUR_MAX - 5);
    assert_in_range(all, 23 * 50, 25 * 50); /* what comes back of all lanes */
}

/* What unknown ones use up is theirs. */
static void each_lane_is_its_own(void **state)
{
    (void)state;
    assert_int_equal(take_all("vera", BIT(LOGIN_UNKNOWN)), 20);
    assert_int_equal(wait_s, 180);
    assert_true(take("vera", BIT(LOGIN_UNKNOWN) | BIT(LOGIN_DEVICE)));
    assert_int_equal(claim.lane, LOGIN_DEVICE);
    assert_int_equal(take_all("vera", BIT(LOGIN_DEVICE)), 9);
    assert_int_equal(take_all("vera", BIT(LOGIN_ADDRESS)), 10);
    assert_int_equal(take_all("vera", BIT(LOGIN_LOCAL)), 10);
    assert_false(take("vera", ALL));
    assert_true(take("otto", BIT(LOGIN_UNKNOWN)));
}

/* The best lane first, so that a known place keeps what everybody may use for the last. */
static void the_best_lane_first(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 30; i++) {
        CASE(i);
        assert_true(take("vera", BIT(LOGIN_UNKNOWN) | BIT(LOGIN_ADDRESS)));
        assert_int_equal(claim.lane, i < 10 ? LOGIN_ADDRESS : LOGIN_UNKNOWN);
    }
    assert_false(take("vera", BIT(LOGIN_UNKNOWN) | BIT(LOGIN_ADDRESS)));
}

static void it_comes_back_one_by_one(void **state)
{
    (void)state;
    take_all("vera", BIT(LOGIN_UNKNOWN));
    now_ms += wait_s * 1000 - 1;
    assert_false(take("vera", BIT(LOGIN_UNKNOWN)));
    assert_int_equal(wait_s, 1);
    now_ms++;
    assert_int_equal(take_all("vera", BIT(LOGIN_UNKNOWN)), 1);
    now_ms += 3600000;
    assert_int_equal(take_all("vera", BIT(LOGIN_UNKNOWN)), 20);
}

/* Who knows the password logs in as often as it wants. */
static void a_right_one_is_given_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        CASE(i);
        assert_true(take("vera", BIT(LOGIN_UNKNOWN)));
        login_budget_give(&budget, &claim);
        assert_true(take_from("otto", 7));
        login_budget_give(&budget, &claim);
    }
    assert_int_equal(take_all("vera", BIT(LOGIN_UNKNOWN)), 20);
    login_budget_give(&budget, &claim); /* the last that was taken */
    assert_true(take("vera", BIT(LOGIN_UNKNOWN)));
}

/* One address over all accounts: 30, then one a minute; another one goes on. */
static void an_address_has_its_own(void **state)
{
    char user[16];
    unsigned count = 0;
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        snprintf(user, sizeof user, "user%u", i);
        count += take_from(user, 1);
    }
    assert_int_equal(count, 30);
    assert_in_range(wait_s, 1, 60);
    assert_true(take_from("user99", 2));
    now_ms += 60000;
    assert_true(take_from("user99", 1));
    assert_false(take_from("user99", 1));
}

/* Who guesses behind one of a person's addresses uses up neither the others nor the lane. */
static void an_address_of_many_leaves_the_lane(void **state)
{
    static const uint8_t OFFICE[16] = {[15] = 1}, HOME[16] = {[15] = 2};
    unsigned office = 0;
    (void)state;
    for (unsigned i = 0; i < 20; i++)
        office +=
            login_budget_take(&budget, "vera", BIT(LOGIN_ADDRESS), OFFICE, now_ms, &claim, &wait_s);
    assert_int_equal(office, 4);
    assert_true(
        login_budget_take(&budget, "vera", BIT(LOGIN_ADDRESS), HOME, now_ms, &claim, &wait_s));
    assert_int_equal(claim.lane, LOGIN_ADDRESS);
    login_budget_give(&budget, &claim);
    assert_true(
        login_budget_take(&budget, "otto", BIT(LOGIN_ADDRESS), OFFICE, now_ms, &claim, &wait_s));
    now_ms += 3600000;
    office = 0;
    for (unsigned i = 0; i < 20; i++)
        office +=
            login_budget_take(&budget, "vera", BIT(LOGIN_ADDRESS), OFFICE, now_ms, &claim, &wait_s);
    assert_int_equal(office, 4);
}

/* A refusal by the address takes nothing from the account. */
static void a_refusal_takes_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        char user[16];
        snprintf(user, sizeof user, "user%u", i);
        take_from(i < 30 ? user : "vera", 1);
    }
    assert_int_equal(take_all("vera", BIT(LOGIN_UNKNOWN)), 20);
}

/* A million guesses from as many addresses: of 100 accounts each what it has, and no row is pushed
 * out by others. */
static void a_million_guesses(void **state)
{
    static unsigned counts[100];
    char user[16];
    unsigned most = 0;
    (void)state;
    memset(counts, 0, sizeof counts);
    for (unsigned i = 0; i < 1000000; i++) {
        snprintf(user, sizeof user, "user%u", i % 100);
        counts[i % 100] += take_from(user, i);
    }
    for (unsigned i = 0; i < 100; i++)
        if (counts[i] > most) most = counts[i];
    assert_int_equal(most, 20);
    assert_true(take("user7", BIT(LOGIN_DEVICE)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(never_more_than_a_hundred_an_hour, setup),
        cmocka_unit_test_setup(each_lane_is_its_own, setup),
        cmocka_unit_test_setup(the_best_lane_first, setup),
        cmocka_unit_test_setup(it_comes_back_one_by_one, setup),
        cmocka_unit_test_setup(a_right_one_is_given_back, setup),
        cmocka_unit_test_setup(an_address_has_its_own, setup),
        cmocka_unit_test_setup(an_address_of_many_leaves_the_lane, setup),
        cmocka_unit_test_setup(a_refusal_takes_nothing, setup),
        cmocka_unit_test_setup(a_million_guesses, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
