/* Every row of the table of routes, called by everybody. Who may is said once more in authz.h, so
 * that a row which lets in too many is seen. */
#include "leaks.h"

static void each_route_by_everybody(void **state)
{
    struct authz authz;
    authz_setup(&authz, *state);
    authz_matrix(&authz);
    assert_int_equal(authz.wrong, 0);
    assert_true(authz.cells >= ROUTES_COUNT * 20);
}

/* By its admin, in every place where something is named. */
static void another_organisation_is_as_if_not_there(void **state)
{
    static struct authz authz;
    static struct leaks leaks;
    authz_setup(&authz, *state);
    leaks_setup(&leaks, &authz);
    leaks_all(&leaks, 1);
    assert_int_equal(leaks.leaks, 0);
    assert_int_equal(leaks_missing(), 0);
}

/* A token that was good a moment ago is out at once. */
static void an_ended_token_is_out_at_once(void **state)
{
    struct authz authz;
    struct live *live = *state;
    uint8_t digest[32];
    authz_setup(&authz, live);
    struct call call = {"GET", "/api/v1/status", authz_bearer(&authz, TOKEN_READ), NULL, NULL, 0};
    assert_int_equal(live_call(live, &call), 200);
    secret_sha256(call.bearer, strlen(call.bearer), digest);
    authz_begin(live);
    assert_int_equal(token_end(&live->app.fleet, live->app.db, digest), GODWIT_OK);
    authz_commit(live);
    assert_int_equal(live_call(live, &call), 401);
}

/* By a body that the server would wait for: the reply comes without it. */
static void an_upload_is_refused_at_its_head(void **state)
{
    struct live *live = *state;
    static char body[1 << 20], bearer[80];
    snprintf(bearer, sizeof bearer, "%064x", 7);
    struct call call = {"PUT", "/api/v1/images?open=1", bearer, NULL, body, sizeof body};
    assert_int_equal(live_call(live, &call), 401);
    assert_int_equal(live_blobs(live), 0);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
#define LIVE(test) cmocka_unit_test_setup_teardown(test, live_setup, live_teardown)
    const struct CMUnitTest tests[] = {
        LIVE(each_route_by_everybody),
        LIVE(another_organisation_is_as_if_not_there),
        LIVE(an_ended_token_is_out_at_once),
        LIVE(an_upload_is_refused_at_its_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
