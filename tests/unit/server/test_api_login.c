/* Logging in: right and wrong passwords, one after the other and all at once. */
#include "live.h"

#include <pthread.h>

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

/* Twelve that guess keep nobody out, and the right one is never taken for one of theirs. */
static void in_a_crowd(void **state)
{
    struct live *live = *state;
    pthread_t threads[GUESSERS];
    for (int i = 0; i < GUESSERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, guess, live), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(login(live, "admin", live->password), 200);
    for (int i = 0; i < GUESSERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(live_count(live, "select count(*) from tokens"), 4);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(right_and_wrong, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(in_a_crowd, live_setup, live_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
