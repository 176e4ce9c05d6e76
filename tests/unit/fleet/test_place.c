/* From where a user has logged in before. */
#include "fixture.h"

#include "fleet/account.h"
#include "fleet/place.h"

static const uint8_t HOME[32] = {1}, DESK[32] = {2};

static void make(struct fixture *fixture, const char *user)
{
    const struct account_new made = {FLEET_ORG, user, "$x$", ROLE_ADMIN, NOW_S};
    assert_int_equal(account_create(fixture->db, &made), GODWIT_OK);
}

static void note(struct fixture *fixture, const char *user, const uint8_t *place, int64_t now_s)
{
    assert_int_equal(place_note(fixture->db, user, PLACE_DEVICE, place, now_s), GODWIT_OK);
}

static void each_user_knows_its_own(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, "vera");
    make(fixture, "otto");
    note(fixture, "vera", HOME, NOW_S);
    note(fixture, "otto", DESK, NOW_S);
    note(fixture, "nobody", DESK, NOW_S);
    assert_true(place_is_known(fixture->db, "vera", HOME, NOW_S));
    assert_false(place_is_known(fixture->db, "vera", DESK, NOW_S));
    assert_false(place_is_known(fixture->db, "otto", HOME, NOW_S));
    assert_false(place_is_known(fixture->db, "nobody", DESK, NOW_S));
}

static void it_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    const int64_t end_s = NOW_S + PLACE_DAYS * 86400;
    make(fixture, "vera");
    note(fixture, "vera", HOME, NOW_S);
    assert_true(place_is_known(fixture->db, "vera", HOME, end_s - 1));
    assert_false(place_is_known(fixture->db, "vera", HOME, end_s));
    note(fixture, "vera", HOME, end_s);
    assert_true(place_is_known(fixture->db, "vera", HOME, end_s + 100));
    /* A clock that went back does not keep it for ever. */
    note(fixture, "vera", HOME, NOW_S);
    assert_false(place_is_known(fixture->db, "vera", HOME, end_s));
}

/* The ones used last stay. */
static void a_user_has_few(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, "vera");
    for (uint8_t i = 0; i < PLACES_MAX + 5; i++) {
        note(fixture, "vera", (uint8_t[32]){i, 9}, NOW_S + i * 4000);
        note(fixture, "vera", HOME, NOW_S + i * 4000);
    }
    assert_true(place_is_known(fixture->db, "vera", HOME, NOW_S));
    for (uint8_t i = 0; i < PLACES_MAX + 5; i++)
        assert_int_equal(place_is_known(fixture->db, "vera", (uint8_t[32]){i, 9}, NOW_S), i >= 6);
}

/* Whoever travels stays known by the device. */
static void addresses_push_out_no_device(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, "vera");
    note(fixture, "vera", HOME, NOW_S);
    for (uint8_t i = 0; i < 3 * PLACES_MAX; i++)
        assert_int_equal(
            place_note(fixture->db, "vera", PLACE_ADDRESS, (uint8_t[32]){i, 7}, NOW_S + i),
            GODWIT_OK);
    assert_true(place_is_known(fixture->db, "vera", HOME, NOW_S));
    assert_false(place_is_known(fixture->db, "vera", (uint8_t[32]){0, 7}, NOW_S));
    assert_true(place_is_known(fixture->db, "vera", (uint8_t[32]){3 * PLACES_MAX - 1, 7}, NOW_S));
}

/* What is in use stays, whatever comes and goes within the hour. */
static void what_is_in_use_stays(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, "vera");
    for (uint8_t i = 0; i < 3 * PLACES_MAX; i++) {
        note(fixture, "vera", HOME, NOW_S + 2 * i);
        note(fixture, "vera", (uint8_t[32]){i, 9}, NOW_S + 2 * i + 1);
    }
    assert_true(place_is_known(fixture->db, "vera", HOME, NOW_S + 100));
}

static void they_go_with_the_user(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, "vera");
    make(fixture, "otto");
    note(fixture, "vera", HOME, NOW_S);
    assert_int_equal(account_remove(&fixture->fleet, fixture->db, FLEET_ORG, "vera"), GODWIT_OK);
    make(fixture, "vera");
    assert_false(place_is_known(fixture->db, "vera", HOME, NOW_S));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_user_knows_its_own, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(it_is_forgotten, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_user_has_few, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(addresses_push_out_no_device, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_is_in_use_stays, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(they_go_with_the_user, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
