/* Logging in: right and wrong passwords, one after the other and all at once. */
#include "live.h"

#include <pthread.h>

#include "fleet/place.h"
#include "server/secret.h"

#define GUESSERS 12
#define GUESSES 5

static long login(struct live *live, const char *user, const char *password)
{
    char body[128];
    struct call call = {"POST", "/api/v1/login", NULL, NULL, body, 0};
    call.body_size = (size_t)snprintf(body, sizeof body, "{\"user\":\"%s\",\"password\":\"%s\"}",
                                      user, password);
    return live_call(live, &call);
}

static void right_and_wrong(void **state)
{
    struct live *live = *state;
    assert_int_equal(login(live, "admin", "wrong"), 401);
    assert_string_equal(live_text(live, "type"), "wrong-password");
    assert_int_equal(login(live, "nobody", live->password), 401);
    assert_int_equal(login(live, "admin", ""), 422);
    assert_int_equal(login(live, "admin", live->password), 200);
    char token[80];
    snprintf(token, sizeof token, "%s", live_text(live, "token"));
    assert_true(live_number(live, "expires") > live->app.started_s + 3600);
    struct call call = {"GET", "/api/v1/status", token, NULL, NULL, 0};
    assert_int_equal(live_call(live, &call), 200);
    token[10] ^= 1;
    assert_int_equal(live_call(live, &call), 401);
}

/* With what a login before has brought. */
static long login_known(struct live *live, const char *password, const char *known)
{
    char body[256];
    struct call call = {"POST", "/api/v1/login", NULL, NULL, body, 0};
    call.body_size = (size_t)snprintf(body, sizeof body,
                                      "{\"user\":\"admin\",\"password\":\"%s\",\"known\":\"%s\"}",
                                      password, known);
    return live_call(live, &call);
}

static void take_known(struct live *live, char out[static 80])
{
    snprintf(out, 80, "%s", live_text(live, "known"));
    assert_int_equal(strlen(out), 68);
}

static void *guess(void *ctx)
{
    struct live own = *(struct live *)ctx; /* the same server, a connection of its own */
    own.curl = curl_easy_init();
    own.body = NULL, own.json = NULL;
    for (int i = 0; i < GUESSES; i++)
        login(&own, "admin", "a guess");
    curl_easy_cleanup(own.curl);
    free(own.body);
    json_decref(own.json);
    return NULL;
}

/* Twelve that guess keep nobody out who has logged in before, and the right password is never taken
 * for one of theirs. */
static void in_a_crowd(void **state)
{
    struct live *live = *state;
    pthread_t threads[GUESSERS];
    char known[80];
    assert_int_equal(login(live, "admin", live->password), 200);
    take_known(live, known);
    for (int i = 0; i < GUESSERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, guess, live), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(login_known(live, live->password, known), 200);
    for (int i = 0; i < GUESSERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(login_known(live, live->password, known), 200);
    assert_int_equal(live_count(live, "select count(*) from tokens"), 6);
}

/* So many wrong ones are checked of an account, and of a name that nobody has; the others are sent
 * away unchecked, with a time. */
static void an_account_has_a_budget(void **state)
{
    static const char *const USERS[] = {"nobody", "admin"};
    struct live *live = *state;
    char known[80];
    assert_int_equal(login(live, "admin", live->password), 200);
    take_known(live, known);
    for (size_t i = 0; i < 2; i++) {
        unsigned checked = 0;
        while (checked < 100 && login(live, USERS[i], "a guess") == 401)
            checked++;
        assert_int_equal(checked, 30); /* this machine's, and everybody's */
        assert_int_equal(live->status, 429);
        assert_string_equal(live_text(live, "type"), "too-many-wrong");
        assert_in_range(strtoul(live->retry, NULL, 10), 1, 360);
    }
    assert_int_equal(login(live, "admin", live->password), 429);
    assert_int_equal(login_known(live, live->password, "gwk.none"), 429);
    for (int i = 0; i < 25; i++) /* each is given back */
        assert_int_equal(login_known(live, live->password, known), 200);
    assert_string_equal(live_text(live, "known"), "");
    for (int i = 0; i < 10; i++)
        assert_int_equal(login_known(live, "a guess", known), 401);
    assert_int_equal(login_known(live, live->password, known), 429);
}

/* A browser keeps it as a cookie, which no script reads; the session is another one. */
static void a_browser_is_known_by_a_cookie(void **state)
{
    struct live *live = *state;
    char body[128], header[120];
    uint8_t digest[32];
    char token[] = "gwk.0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct call call = {"POST", "/api/v1/login", NULL, header, body, 0};
    secret_sha256(token, strlen(token), digest);
    assert_int_equal(db_begin(live->app.db), GODWIT_OK);
    assert_int_equal(place_note(live->app.db, "admin", PLACE_DEVICE, digest, live->app.started_s),
                     GODWIT_OK);
    assert_int_equal(db_commit(live->app.db), GODWIT_OK);
    while (login(live, "admin", "a guess") == 401) {
    }
    snprintf(header, sizeof header, "Cookie: a=b; __Host-godwit-known=%s", token);
    call.body_size = (size_t)snprintf(body, sizeof body,
                                      "{\"user\":\"admin\",\"password\":\"%s\",\"cookie\":true}",
                                      live->password);
    assert_int_equal(live_call(live, &call), 200);
    snprintf(header, sizeof header, "Cookie: __Host-godwit=%s", token);
    assert_int_equal(live_call(live, &call), 429);
    /* It opens nothing by itself. */
    struct call read = {"GET", "/api/v1/status", token, NULL, NULL, 0};
    assert_int_equal(live_call(live, &read), 401);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(right_and_wrong, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(in_a_crowd, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(an_account_has_a_budget, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(a_browser_is_known_by_a_cookie, live_setup, live_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
