/* People: what a role, a home and a last admin mean, and that a change holds for tokens at once. */
#include "fixture.h"

#include "fleet/org.h"

static const uint8_t TOKEN[32] = {1};

static void make(struct fixture *fixture, const char *org, const char *user, enum role role)
{
    const struct account_new made = {org, user, "$x$", role, NOW_S};
    assert_int_equal(account_create(fixture->db, &made), GODWIT_OK);
}

static void give_token(struct fixture *fixture, const char *org, const char *user,
                       const uint8_t *digest)
{
    const struct token_new made = {.org = org,
                                   .user = user,
                                   .name = "",
                                   .product = "",
                                   .kind = TOKEN_API,
                                   .scopes = SCOPE_ALL,
                                   .token_sha256 = digest,
                                   .now_s = NOW_S,
                                   .expires_s = NOW_S + 1000};
    assert_int_equal(token_add(&fixture->fleet, fixture->db, &made), GODWIT_OK);
}

/* ROLE_COUNT: the token is not good. */
static enum role role_of(struct fixture *fixture, const uint8_t *digest)
{
    struct actor actor;
    return token_actor(&fixture->fleet, digest, NOW_S, &actor) ? actor.role : ROLE_COUNT;
}

static void names_are_plain(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"a", "Ann.Lee-2@x+y_z", "admin"};
    static const char *const BAD[] = {"",        "a b",      "a\n",
                                      "machine", "\xC3\xA4", "a/b",
                                      "<b>",     "=1+1",     "012345678901234567890123456789012"};
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++)
        assert_true(account_name_is_good(GOOD[i]));
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_false(account_name_is_good(BAD[i]));
}

static void a_name_is_once_on_a_server(void **state)
{
    struct fixture *fixture = *state;
    char hash[ACCOUNT_HASH_MAX];
    assert_int_equal(org_create(&fixture->fleet, fixture->db, "acme", NOW_S), GODWIT_OK);
    assert_int_equal(account_password(fixture->db, "ann", hash, sizeof hash), GODWIT_ERR_MISSING);
    make(fixture, FLEET_ORG, "ann", ROLE_VIEWER);
    const struct account_new other = {"acme", "ann", "$y$", ROLE_ADMIN, NOW_S};
    assert_int_equal(account_create(fixture->db, &other), GODWIT_ERR_POLICY);
    assert_int_equal(account_password(fixture->db, "ann", hash, sizeof hash), GODWIT_OK);
    assert_string_equal(hash, "$x$");
}

static void a_role_holds_at_once_and_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, FLEET_ORG, "ann", ROLE_VIEWER);
    make(fixture, FLEET_ORG, "ben", ROLE_ADMIN);
    give_token(fixture, FLEET_ORG, "ann", TOKEN);
    assert_int_equal(role_of(fixture, TOKEN), ROLE_VIEWER);
    for (enum role role = ROLE_ADMIN; role >= ROLE_VIEWER; role--) {
        assert_int_equal(account_set_role(&fixture->fleet, fixture->db, FLEET_ORG, "ann", role),
                         GODWIT_OK);
        assert_int_equal(role_of(fixture, TOKEN), role);
        fixture_restart(fixture);
        assert_int_equal(role_of(fixture, TOKEN), role);
    }
    assert_int_equal(account_set_role(&fixture->fleet, fixture->db, "acme", "ann", ROLE_ADMIN),
                     GODWIT_ERR_MISSING);
}

static void the_last_admin_stays(void **state)
{
    struct fixture *fixture = *state;
    struct fleet *fleet = &fixture->fleet;
    struct db *db = fixture->db;
    make(fixture, FLEET_ORG, "ann", ROLE_ADMIN);
    make(fixture, FLEET_ORG, "ben", ROLE_RELEASER);
    assert_int_equal(account_remove(fleet, db, FLEET_ORG, "ann"), GODWIT_ERR_POLICY);
    assert_int_equal(account_set_role(fleet, db, FLEET_ORG, "ann", ROLE_VIEWER), GODWIT_ERR_POLICY);
    assert_int_equal(account_set_role(fleet, db, FLEET_ORG, "ann", ROLE_ADMIN), GODWIT_OK);
    assert_int_equal(account_set_role(fleet, db, FLEET_ORG, "ben", ROLE_ADMIN), GODWIT_OK);
    assert_int_equal(account_remove(fleet, db, FLEET_ORG, "ann"), GODWIT_OK);
    assert_int_equal(account_remove(fleet, db, FLEET_ORG, "ben"), GODWIT_ERR_POLICY);
}

/* Ann is at home in the first organisation and a guest in acme, whose admin rules there alone. */
static void a_guest_is_not_taken_over(void **state)
{
    struct fixture *fixture = *state;
    struct fleet *fleet = &fixture->fleet;
    struct db *db = fixture->db;
    static const uint8_t THERE[32] = {2};
    struct account_login login;
    assert_int_equal(org_create(fleet, db, "acme", NOW_S), GODWIT_OK);
    make(fixture, FLEET_ORG, "ann", ROLE_VIEWER);
    make(fixture, "acme", "eve", ROLE_ADMIN);
    const struct account_new guest = {"acme", "ann", NULL, ROLE_OPERATOR, NOW_S};
    assert_int_equal(account_login(db, "ann", "acme", &login), GODWIT_ERR_MISSING);
    assert_int_equal(account_join(fleet, db, &guest), GODWIT_OK);
    assert_int_equal(account_join(fleet, db, &guest), GODWIT_ERR_POLICY);
    give_token(fixture, FLEET_ORG, "ann", TOKEN);
    give_token(fixture, "acme", "ann", THERE);
    assert_int_equal(role_of(fixture, TOKEN), ROLE_VIEWER);
    assert_int_equal(role_of(fixture, THERE), ROLE_OPERATOR);
    assert_int_equal(account_login(db, "ann", "", &login), GODWIT_OK);
    assert_string_equal(login.org, FLEET_ORG);
    assert_int_equal(account_login(db, "ann", "acme", &login), GODWIT_OK);
    assert_int_equal(login.role, ROLE_OPERATOR);

    assert_int_equal(account_set_password(fleet, db, "acme", "ann", "$evil$", NULL),
                     GODWIT_ERR_MISSING);
    assert_int_equal(account_totp_turn_off(db, "acme", "ann"), GODWIT_ERR_MISSING);
    assert_int_equal(account_set_role(fleet, db, "acme", "ann", ROLE_ADMIN), GODWIT_OK);
    assert_int_equal(role_of(fixture, TOKEN), ROLE_VIEWER);
    assert_int_equal(account_remove(fleet, db, "acme", "ann"), GODWIT_OK);
    assert_int_equal(role_of(fixture, THERE), ROLE_COUNT);
    assert_int_equal(role_of(fixture, TOKEN), ROLE_VIEWER);
    assert_int_equal(account_login(db, "ann", "", &login), GODWIT_OK);
}

static void who_is_removed_is_out_everywhere(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, FLEET_ORG, "ann", ROLE_VIEWER);
    make(fixture, FLEET_ORG, "ben", ROLE_ADMIN);
    give_token(fixture, FLEET_ORG, "ann", TOKEN);
    assert_int_equal(account_remove(&fixture->fleet, fixture->db, FLEET_ORG, "ann"), GODWIT_OK);
    assert_int_equal(role_of(fixture, TOKEN), ROLE_COUNT);
    fixture_restart(fixture);
    assert_int_equal(role_of(fixture, TOKEN), ROLE_COUNT);
    assert_int_equal(fixture_count(fixture, "select count(*) from users where name = 'ann'"), 0);
    assert_int_equal(fixture_count(fixture, "select count(*) from tokens"), 0);
}

static void a_new_password_ends_all_but_one(void **state)
{
    struct fixture *fixture = *state;
    static const uint8_t KEPT[32] = {2};
    make(fixture, FLEET_ORG, "ann", ROLE_VIEWER);
    give_token(fixture, FLEET_ORG, "ann", TOKEN);
    give_token(fixture, FLEET_ORG, "ann", KEPT);
    assert_int_equal(
        account_set_password(&fixture->fleet, fixture->db, FLEET_ORG, "ann", "$new$", KEPT),
        GODWIT_OK);
    assert_int_equal(role_of(fixture, TOKEN), ROLE_COUNT);
    assert_int_equal(role_of(fixture, KEPT), ROLE_VIEWER);
}

static void codes_count_once(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = fixture->db;
    static const uint8_t SECRET[ACCOUNT_TOTP_SIZE] = {7};
    static const uint8_t CODES[2][32] = {{1}, {2}}, NEW_CODES[1][32] = {{3}};
    struct account_login login;
    make(fixture, FLEET_ORG, "ann", ROLE_VIEWER);
    assert_int_equal(account_totp_begin(db, "ann", SECRET), GODWIT_OK);
    assert_int_equal(account_login(db, "ann", "", &login), GODWIT_OK);
    assert_false(login.has_totp); /* not proved yet */
    assert_int_equal(account_totp_turn_on(db, "ann", CODES, 2), GODWIT_OK);
    assert_int_equal(account_totp_begin(db, "ann", CODES[0]), GODWIT_ERR_MISSING);
    assert_int_equal(account_login(db, "ann", "", &login), GODWIT_OK);
    assert_true(login.has_totp);
    assert_memory_equal(login.totp_secret, SECRET, sizeof SECRET);

    assert_int_equal(account_totp_use(db, "ann", 100), GODWIT_OK);
    assert_int_equal(account_totp_use(db, "ann", 100), GODWIT_ERR_MISSING);
    assert_int_equal(account_totp_use(db, "ann", 99), GODWIT_ERR_MISSING);
    assert_int_equal(account_totp_use(db, "ann", 101), GODWIT_OK);

    assert_int_equal(account_recovery_use(db, "ben", CODES[0]), GODWIT_ERR_MISSING);
    assert_int_equal(account_recovery_use(db, "ann", CODES[0]), GODWIT_OK);
    assert_int_equal(account_recovery_use(db, "ann", CODES[0]), GODWIT_ERR_MISSING);
    assert_int_equal(account_totp_turn_on(db, "ann", NEW_CODES, 1), GODWIT_OK);
    assert_int_equal(account_recovery_use(db, "ann", CODES[1]), GODWIT_ERR_MISSING);
    assert_int_equal(account_totp_turn_off(db, FLEET_ORG, "ann"), GODWIT_OK);
    assert_int_equal(account_recovery_use(db, "ann", NEW_CODES[0]), GODWIT_ERR_MISSING);
    assert_int_equal(account_login(db, "ann", "", &login), GODWIT_OK);
    assert_false(login.has_totp);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(names_are_plain),
        TEST(a_name_is_once_on_a_server),
        TEST(a_role_holds_at_once_and_after_a_restart),
        TEST(the_last_admin_stays),
        TEST(a_guest_is_not_taken_over),
        TEST(who_is_removed_is_out_everywhere),
        TEST(a_new_password_ends_all_but_one),
        TEST(codes_count_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
