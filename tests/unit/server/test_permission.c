/* Every row of the table of routes, called by everybody. Who may is said here once more, so that a
 * row which lets in too many is seen. */
#include "fake_device.h"

#include "case.h"
#include "fleet/account.h"
#include "server/secret.h"

enum { NONE, GARBAGE, UNKNOWN, DEVICE, CLAIM, EXPIRED, ENDED, OPERATOR, CALLERS_COUNT };

static const struct {
    const char *method, *pattern;
    unsigned callers; /* bits; all others get a 401 */
} EXCEPTIONS[] = {
    {"POST", "/v1/checkin", 1 << DEVICE | 1 << CLAIM},
    {"GET", "/v1/image/{digest}", 1 << DEVICE},
    {"GET", "/healthz", ~0U},
    {"GET", "/", ~0U},
    {"POST", "/api/v1/login", ~0U},
    {"GET", "/api/v1/openapi.json", ~0U},
};

static char bearers[CALLERS_COUNT][160];

static unsigned allowed(const struct http_route *route)
{
    for (size_t i = 0; i < sizeof EXCEPTIONS / sizeof *EXCEPTIONS; i++)
        if (!strcmp(EXCEPTIONS[i].pattern, route->pattern) &&
            !strcmp(EXCEPTIONS[i].method, http_method_name(route->method)))
            return EXCEPTIONS[i].callers;
    return 1 << OPERATOR;
}

/* "{id}" becomes "7cdfa1000001", which is good or wrong for a handler, but not for the gate. */
static void path_of(const char *pattern, char out[static 128])
{
    size_t size = 0;
    for (const char *at = pattern; *at; at++) {
        if (*at != '{') {
            out[size++] = *at;
            continue;
        }
        memcpy(out + size, "7cdfa1000001", 12);
        size += 12;
        at = strchr(at, '}');
    }
    out[size] = 0;
}

static void session(struct live *live, const char *text, int64_t expires_s)
{
    uint8_t digest[32];
    secret_sha256(text, strlen(text), digest);
    assert_int_equal(db_begin(live->app.db), GODWIT_OK);
    assert_int_equal(account_add_token(&live->app.fleet, live->app.db, "admin", digest,
                                       live->app.started_s - 100, expires_s),
                     GODWIT_OK);
    assert_int_equal(db_commit(live->app.db), GODWIT_OK);
}

static void end(struct live *live, const char *text)
{
    uint8_t digest[32];
    secret_sha256(text, strlen(text), digest);
    assert_int_equal(db_begin(live->app.db), GODWIT_OK);
    assert_int_equal(account_end_token(&live->app.fleet, live->app.db, digest), GODWIT_OK);
    assert_int_equal(db_commit(live->app.db), GODWIT_OK);
}

static void make_bearers(struct live *live)
{
    struct fake_device fake = fake_make(1);
    live_release(live, "1.0.0");
    live_claim(live, 5, bearers[CLAIM]);
    fake_enrol(live, &fake, bearers[CLAIM]);
    snprintf(bearers[GARBAGE], sizeof bearers[0], "gw1.x.y");
    snprintf(bearers[UNKNOWN], sizeof bearers[0], "%064x", 7);
    snprintf(bearers[DEVICE], sizeof bearers[0], "%s", fake.bearer);
    snprintf(bearers[EXPIRED], sizeof bearers[0], "gws.expired");
    snprintf(bearers[ENDED], sizeof bearers[0], "gws.ended");
    snprintf(bearers[OPERATOR], sizeof bearers[0], "%s", live->admin);
    session(live, bearers[EXPIRED], live->app.started_s - 1);
    session(live, bearers[ENDED], live->app.started_s + 1000);
    end(live, bearers[ENDED]);
}

static void each_route_by_everybody(void **state)
{
    struct live *live = *state;
    make_bearers(live);
    for (size_t i = 0; i < ROUTES_COUNT; i++) {
        CASE(i);
        for (unsigned caller = 0; caller < CALLERS_COUNT; caller++) {
            CASE(caller);
            char path[128];
            const struct http_route *route = &ROUTES[i];
            path_of(route->pattern, path);
            struct call call = {http_method_name(route->method),
                                path,
                                caller == NONE ? NULL : bearers[caller],
                                NULL,
                                NULL,
                                0};
            if (route->body_max) call.body = "{}", call.body_size = 2;
            bool is_in = allowed(route) & 1U << caller;
            bool was_in = live_call(live, &call) != 401;
            if (is_in != was_in)
                print_message("%s %s by caller %u: %ld\n", call.method, path, caller, live->status);
            assert_int_equal(is_in, was_in);
            if (!is_in) assert_true(strlen(live_text(live, "detail")) > 20);
        }
    }
}

/* A session that was good a moment ago is out at once. */
static void an_ended_session_is_out_at_once(void **state)
{
    struct live *live = *state;
    struct call call = {"GET", "/api/v1/status", "gws.mine", NULL, NULL, 0};
    session(live, "gws.mine", live->app.started_s + 1000);
    assert_int_equal(live_call(live, &call), 200);
    end(live, "gws.mine");
    assert_int_equal(live_call(live, &call), 401);
}

/* By a body that the server would wait for: the reply comes without it. */
static void an_upload_is_refused_at_its_head(void **state)
{
    struct live *live = *state;
    static char body[1 << 20];
    struct call call = {"PUT", "/api/v1/images?open=1", bearers[UNKNOWN], NULL, body, sizeof body};
    assert_int_equal(live_call(live, &call), 401);
    assert_int_equal(live_blobs(live), 0);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
#define LIVE(test) cmocka_unit_test_setup_teardown(test, live_setup, live_teardown)
    const struct CMUnitTest tests[] = {
        LIVE(each_route_by_everybody),
        LIVE(an_ended_session_is_out_at_once),
        LIVE(an_upload_is_refused_at_its_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
