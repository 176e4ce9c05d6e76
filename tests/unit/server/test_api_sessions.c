/* Sessions and tokens as people use them: one product, another organisation, a cookie, the password
 * again, a second factor. */
#include "fake_device.h"

#include "fleet/account.h"
#include "server/secret.h"

static char bearer[80], other[80];

static long call_as(struct live *live, const char *token, const char *method, const char *path,
                    const char *header, const char *body)
{
    struct call call = {method, path, token, header, body, body ? strlen(body) : 0};
    return live_call(live, &call);
}

static void make_token(struct live *live, const char *header, const char *body, char out[static 80])
{
    assert_int_equal(call_as(live, live->admin, "POST", "/api/v1/tokens", header, body), 201);
    snprintf(out, 80, "%s", live_text(live, "token"));
}

static long login(struct live *live, const char *user, const char *password, const char *more)
{
    char body[256];
    snprintf(body, sizeof body, "{\"user\":\"%s\",\"password\":\"%s\"%s}", user, password, more);
    return call_as(live, NULL, "POST", "/api/v1/login", NULL, body);
}

#define EXPECTED "7cdfa1000009"

/* Release 1.0.0 of the thermostat, one device, one rollout, one more device on the factory list. */
static void fill(struct live *live)
{
    struct fake_device fake = fake_make(1);
    char claim[128];
    live_release(live, "1.0.0");
    live_claim(live, 5, claim);
    fake_enrol(live, &fake, claim);
    assert_int_equal(live_request(live, "POST", "/api/v1/rollouts",
                                  "{\"product\":\"thermostat\",\"version\":\"1.0.0\"}"),
                     201);
    assert_int_equal(live_request(live, "POST", "/api/v1/factory",
                                  "{\"product\":\"thermostat\",\"csv\":\"" EXPECTED
                                  ",00112233445566778899aabbccddeeff"
                                  "00112233445566778899aabbccddeeff\"}"),
                     200);
}

static const struct {
    const char *method, *path, *body;
} TOUCHES[] = {
    {"GET", "/api/v1/devices/7cdfa1000001", NULL},
    {"GET", "/api/v1/devices/7cdfa1000001/events", NULL},
    {"PATCH", "/api/v1/devices/7cdfa1000001", "{\"name\":\"mine\"}"},
    {"POST", "/api/v1/devices/7cdfa1000001/retire", NULL},
    {"POST", "/api/v1/devices/7cdfa1000001/reinstate", NULL},
    {"POST", "/api/v1/devices/7cdfa1000001/clear", NULL},
    {"POST", "/api/v1/devices/7cdfa1000001/check-in-now", NULL},
    {"POST", "/api/v1/check-in-now", "{\"devices\":[\"7cdfa1000001\"]}"},
    {"POST", "/api/v1/devices/7cdfa1000001/accept", "{\"token\":\"0011223344556677\"}"},
    {"POST", "/api/v1/devices/7cdfa1000001/reject", "{\"token\":\"0011223344556677\"}"},
    {"DELETE", "/api/v1/releases/thermostat/1.0.0", NULL},
    {"POST", "/api/v1/rollouts", "{\"product\":\"thermostat\",\"version\":\"1.0.0\"}"},
    {"GET", "/api/v1/rollouts/1", NULL},
    {"GET", "/api/v1/rollouts/1/devices", NULL},
    {"POST", "/api/v1/claims", "{\"product\":\"thermostat\"}"},
    {"DELETE", "/api/v1/factory/" EXPECTED, NULL},
    {"GET", "/api/v1/products/thermostat/initial-policy", NULL},
};

/* Each id that is there, asked for by who must not see it: the reply is that for an unknown one. */
static void nothing_is_there_for(struct live *live, const char *token)
{
    for (size_t i = 0; i < sizeof TOUCHES / sizeof *TOUCHES; i++) {
        long status =
            call_as(live, token, TOUCHES[i].method, TOUCHES[i].path, NULL, TOUCHES[i].body);
        if (status != 404)
            print_message("%s %s: %ld %s\n", TOUCHES[i].method, TOUCHES[i].path, status,
                          live->body ? live->body : "");
        assert_int_equal(status, 404);
    }
    static const char *const LISTS[] = {"status", "releases", "rollouts", "devices", "pending",
                                        "claims", "factory",  "tokens",   "sessions"};
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++) {
        char path[64];
        snprintf(path, sizeof path, "/api/v1/%s", LISTS[i]);
        assert_int_equal(call_as(live, token, "GET", path, NULL, NULL), 200);
        if (strstr(live->body, "thermostat") || strstr(live->body, "7cdfa1000001"))
            print_message("%s: %s\n", path, live->body);
        assert_null(strstr(live->body, "thermostat"));
        assert_null(strstr(live->body, "7cdfa1000001"));
        assert_null(strstr(live->body, EXPECTED));
    }
    assert_int_equal(call_as(live, token, "GET", "/api/v1/factory", NULL, NULL), 200);
    assert_int_equal(live_number(live, "total"), 0);
}

static void another_organisation_sees_nothing(void **state)
{
    struct live *live = *state;
    fill(live);
    assert_int_equal(
        live_request(live, "POST", "/api/v1/orgs", "{\"org\":\"acme\",\"admin\":\"eve\"}"), 201);
    make_token(
        live, "Godwit-Org: acme",
        "{\"user\":\"eve\",\"scopes\":[\"read\",\"upload\",\"deploy\",\"devices\",\"admin\"]}",
        other);
    nothing_is_there_for(live, other);
    struct bytes file = live_image("thermostat", "1.0.0", live->key);
    struct call call = {"PUT", "/api/v1/images", other, NULL, file.data, file.size};
    assert_int_equal(live_call(live, &call), 201); /* the same file, a product of its own */
    free(file.data);
    assert_int_equal(live_count(live, "select count(*) from products"), 2);
}

static void a_token_for_one_product_touches_no_other(void **state)
{
    struct live *live = *state;
    fill(live);
    struct bytes file = live_image("lamp", "1.0.0", live->key);
    assert_int_equal(live_upload(live, "", file.data, file.size), 201);
    free(file.data);
    make_token(
        live, NULL,
        "{\"user\":\"admin\",\"product\":\"lamp\",\"scopes\":[\"read\",\"upload\",\"deploy\","
        "\"devices\"]}",
        bearer);
    int64_t rollouts = live_count(live, "select count(*) from rollouts");
    for (size_t i = 0; i < sizeof TOUCHES / sizeof *TOUCHES; i++) {
        long status =
            call_as(live, bearer, TOUCHES[i].method, TOUCHES[i].path, NULL, TOUCHES[i].body);
        if (status != 404)
            print_message("%s %s: %ld\n", TOUCHES[i].method, TOUCHES[i].path, status);
        assert_int_equal(status, 404);
    }
    assert_int_equal(live_count(live, "select count(*) from rollouts"), rollouts);
    assert_int_equal(call_as(live, bearer, "GET", "/api/v1/factory", NULL, NULL), 200);
    assert_int_equal(live_number(live, "total"), 0);
    assert_null(strstr(live->body, EXPECTED));
    assert_int_equal(live_request(live, "GET", "/api/v1/factory", NULL), 200);
    assert_int_equal(live_number(live, "total"), 1);
    assert_int_equal(call_as(live, bearer, "POST", "/api/v1/rollouts", NULL,
                             "{\"product\":\"lamp\",\"version\":\"1.0.0\"}"),
                     201);
    struct bytes next = live_image("thermostat", "2.0.0", live->key);
    struct call call = {"PUT", "/api/v1/images", bearer, NULL, next.data, next.size};
    assert_int_equal(live_call(live, &call), 403);
    assert_string_equal(live_text(live, "type"), "token-product");
    free(next.data);
}

/* What a browser sends by itself is not enough for a change. */
static void a_cookie_needs_the_pages_own_header(void **state)
{
    struct live *live = *state;
    static const struct {
        const char *site;
        bool has_csrf;
        long status;
    } CASES[] = {
        {"Sec-Fetch-Site: same-origin", true, 201},
        {"Sec-Fetch-Site: same-origin", false, 403},
        {"Sec-Fetch-Site: cross-site", true, 403},
        {"Sec-Fetch-Site: same-site", true, 403},
        {"Sec-Fetch-Site: none", true, 403},
        {"Origin: https://evil.example", true, 403},
        {"Origin: null", true, 403},
        {"Accept: */*", true, 403},
    };
    char cookie[160], headers[400], csrf[80];
    assert_int_equal(login(live, "admin", live->password, ",\"cookie\":true"), 200);
    assert_string_equal(live_text(live, "token"), "");
    snprintf(csrf, sizeof csrf, "%s", live_text(live, "csrf"));
    assert_int_equal(login(live, "admin", live->password, ""), 200);
    snprintf(cookie, sizeof cookie, "Cookie: a=b; __Host-godwit=%s", live_text(live, "token"));
    assert_int_equal(call_as(live, NULL, "GET", "/api/v1/session", cookie, NULL), 200);
    snprintf(csrf, sizeof csrf, "%s", live_text(live, "csrf"));
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        snprintf(headers, sizeof headers, "%s\r\n%s%s%s", cookie, CASES[i].site,
                 CASES[i].has_csrf ? "\r\nX-Godwit-CSRF: " : "", CASES[i].has_csrf ? csrf : "");
        long status =
            call_as(live, NULL, "POST", "/api/v1/tokens", headers, "{\"scopes\":[\"read\"]}");
        if (status != CASES[i].status) print_message("%s: %ld\n", CASES[i].site, status);
        assert_int_equal(status, CASES[i].status);
    }
    snprintf(headers, sizeof headers, "%s\r\nSec-Fetch-Site: cross-site", cookie);
    assert_int_equal(call_as(live, NULL, "GET", "/api/v1/status", headers, NULL), 403);
}

static void the_password_is_asked_for_again(void **state)
{
    struct live *live = *state;
    char body[160];
    assert_int_equal(login(live, "admin", live->password, ""), 200);
    snprintf(bearer, sizeof bearer, "%s", live_text(live, "token"));
    assert_int_equal(db_begin(live->app.db), GODWIT_OK);
    uint8_t digest[32];
    secret_sha256(bearer, strlen(bearer), digest);
    assert_int_equal(
        token_prove(&live->app.fleet, live->app.db, digest, live->app.started_s - PROOF_S),
        GODWIT_OK);
    assert_int_equal(db_commit(live->app.db), GODWIT_OK);
    static const char ADMIN[] = "{\"scopes\":[\"admin\"]}", READ[] = "{\"scopes\":[\"read\"]}",
                      DOWN[] = "{\"product\":\"p\",\"version\":\"1\",\"allow_downgrade\":true}";
    assert_int_equal(call_as(live, bearer, "POST", "/api/v1/tokens", NULL, READ), 201);
    assert_int_equal(call_as(live, bearer, "POST", "/api/v1/tokens", NULL, ADMIN), 403);
    assert_string_equal(live_text(live, "type"), "reauthenticate");
    assert_int_equal(call_as(live, bearer, "POST", "/api/v1/rollouts", NULL, DOWN), 403);
    assert_int_equal(call_as(live, bearer, "POST", "/api/v1/session/reauthenticate", NULL,
                             "{\"password\":\"wrong\"}"),
                     401);
    assert_int_equal(call_as(live, bearer, "POST", "/api/v1/tokens", NULL, ADMIN), 403);
    snprintf(body, sizeof body, "{\"password\":\"%s\"}", live->password);
    assert_int_equal(call_as(live, bearer, "POST", "/api/v1/session/reauthenticate", NULL, body),
                     200);
    assert_int_equal(call_as(live, bearer, "POST", "/api/v1/tokens", NULL, ADMIN), 201);
    assert_int_equal(call_as(live, bearer, "POST", "/api/v1/rollouts", NULL, DOWN), 404);
    assert_int_equal(call_as(live, bearer, "POST", "/api/v1/logout", NULL, NULL), 200);
    assert_int_equal(call_as(live, bearer, "GET", "/api/v1/session", NULL, NULL), 401);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
#define LIVE(test) cmocka_unit_test_setup_teardown(test, live_setup, live_teardown)
    const struct CMUnitTest tests[] = {
        LIVE(another_organisation_sees_nothing),
        LIVE(a_token_for_one_product_touches_no_other),
        LIVE(a_cookie_needs_the_pages_own_header),
        LIVE(the_password_is_asked_for_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
