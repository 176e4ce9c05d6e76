/* A POST under a key is carried out once: replayed, refused under another body, kept over a
 * restart, and each caller has keys of its own. */
#include "fake_device.h"

#include "fleet/account.h"
#include "fleet/kept_reply.h"
#include "server/secret.h"

static const char CLAIM[] = "{\"product\":\"thermostat\",\"count\":1}";

static long post(struct live *live, const char *bearer, const char *key, const char *body)
{
    char header[200];
    snprintf(header, sizeof header, "Idempotency-Key: %s", key);
    struct call call = {"POST", "/api/v1/claims", bearer, header, body, strlen(body)};
    return live_call(live, &call);
}

static long twice(struct live *live, const char *key, const char *body)
{
    long status;
    while ((status = post(live, live->admin, key, body)) == 409 &&
           !strcmp(live_text(live, "type"), "still-running"))
        ;
    return status;
}

static void the_second_gets_the_reply_of_the_first(void **state)
{
    struct live *live = *state;
    char first[200];
    live_release(live, "1.0.0");
    assert_int_equal(post(live, live->admin, "one", CLAIM), 201);
    snprintf(first, sizeof first, "%s", live_text(live, "token"));
    assert_int_equal(twice(live, "one", CLAIM), 201);
    assert_string_equal(live_text(live, "token"), first);
    assert_int_equal(live_count(live, "select count(*) from claims"), 1);
    assert_int_equal(post(live, live->admin, "two", CLAIM), 201);
    assert_string_not_equal(live_text(live, "token"), first);
    assert_int_equal(live_count(live, "select count(*) from claims"), 2);
    /* The secret that is shown once is not in the database. */
    assert_int_equal(live_count(live, "select count(*) from kept_replies"), 2);
    struct db *db = app_reader_take(&live->app);
    struct kept_reply kept;
    uint8_t caller[32];
    secret_sha256(live->admin, strlen(live->admin), caller);
    const struct kept_key key = {FLEET_ORG, "one", caller};
    assert_int_equal(kept_reply_find(db, &key, live->app.started_s, &kept), GODWIT_OK);
    assert_null(memmem(kept.bytes, kept.size, first + 4, 8));
    free(kept.bytes);
    app_reader_give(&live->app, db);
}

static void another_body_is_refused(void **state)
{
    struct live *live = *state;
    live_release(live, "1.0.0");
    assert_int_equal(post(live, live->admin, "one", CLAIM), 201);
    assert_int_equal(twice(live, "one", "{\"product\":\"thermostat\",\"count\":2}"), 422);
    assert_string_equal(live_text(live, "type"), "key-reused");
    assert_int_equal(live_count(live, "select count(*) from claims"), 1);
}

static void a_refused_one_is_forgotten(void **state)
{
    struct live *live = *state;
    assert_int_equal(post(live, live->admin, "one", CLAIM), 404);
    live_release(live, "1.0.0");
    assert_int_equal(twice(live, "one", CLAIM), 201);
    assert_int_equal(post(live, live->admin, "white space", CLAIM), 422);
    assert_string_equal(live_text(live, "field"), "Idempotency-Key");
    char key[80];
    memset(key, 'k', sizeof key);
    key[65] = 0;
    assert_int_equal(post(live, live->admin, key, CLAIM), 422);
    key[64] = 0;
    assert_int_equal(post(live, live->admin, key, CLAIM), 201);
}

static void a_restart_keeps_it(void **state)
{
    struct live *live = *state;
    char first[200];
    live_release(live, "1.0.0");
    assert_int_equal(post(live, live->admin, "one", CLAIM), 201);
    snprintf(first, sizeof first, "%s", live_text(live, "token"));
    live_stop(live);
    live_start(live);
    assert_int_equal(post(live, live->admin, "one", CLAIM), 201);
    assert_string_equal(live_text(live, "token"), first);
    assert_int_equal(live_count(live, "select count(*) from claims"), 1);
}

/* The server died between the change and its reply, three seconds ago: what is known is that it was
 * done. */
static void a_lost_reply_is_told(void **state)
{
    struct live *live = *state;
    live_release(live, "1.0.0");
    assert_int_equal(post(live, live->admin, "one", CLAIM), 201);
    live_stop(live);
    live_start(live);
    assert_int_equal(db_run(live->app.db,
                            "update kept_replies set status = 0, reply_size = 0, reply = null,"
                            " created = created - 3",
                            NULL, 0),
                     GODWIT_OK);
    assert_int_equal(post(live, live->admin, "one", CLAIM), 409);
    assert_string_equal(live_text(live, "type"), "already-done");
    assert_int_equal(live_count(live, "select count(*) from claims"), 1);
    assert_int_equal(
        db_run(live->app.db, "update kept_replies set created = created - 86400", NULL, 0),
        GODWIT_OK);
    assert_int_equal(post(live, live->admin, "one", CLAIM), 201); /* a day is over */
    assert_int_equal(live_count(live, "select count(*) from claims"), 2);
}

static void a_caller_keeps_so_many(void **state)
{
    struct live *live = *state;
    uint8_t caller[32] = {1}, digest[32] = {2};
    struct kept_reply kept;
    assert_int_equal(db_begin(live->app.db), GODWIT_OK);
    for (int i = 0; i <= KEPT_REPLIES_MAX; i++) {
        char text[16];
        snprintf(text, sizeof text, "k%d", i);
        const struct kept_key key = {FLEET_ORG, text, caller};
        assert_int_equal(kept_reply_begin(live->app.db, &key, digest, 1000 + i), GODWIT_OK);
    }
    assert_int_equal(db_commit(live->app.db), GODWIT_OK);
    assert_int_equal(live_count(live, "select count(*) from kept_replies"), KEPT_REPLIES_MAX);
    const struct kept_key oldest = {FLEET_ORG, "k0", caller};
    assert_int_equal(kept_reply_find(live->app.db, &oldest, 1000, &kept), GODWIT_ERR_MISSING);
    assert_int_equal(kept_replies_sweep(live->app.db, 1010 + KEPT_REPLY_S, 5), GODWIT_OK);
    assert_int_equal(live_count(live, "select count(*) from kept_replies"), KEPT_REPLIES_MAX - 5);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
#define LIVE(test) cmocka_unit_test_setup_teardown(test, live_setup, live_teardown)
    const struct CMUnitTest tests[] = {
        LIVE(the_second_gets_the_reply_of_the_first),
        LIVE(another_body_is_refused),
        LIVE(a_refused_one_is_forgotten),
        LIVE(a_restart_keeps_it),
        LIVE(a_lost_reply_is_told),
        LIVE(a_caller_keeps_so_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
