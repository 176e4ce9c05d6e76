/* Over the wire: a token that changes, two devices with one flash, and many tokens chosen at once.
 */
#include "fake_device.h"

static char claim_token[128];

static struct fake_device begin(struct live *live)
{
    struct fake_device fake = fake_make(1);
    live_release(live, "1.0.0");
    live_claim(live, 5, claim_token);
    fake_enrol(live, &fake, claim_token);
    return fake;
}

static bool is_asked(const struct live *live)
{
    return json_is_true(json_object_get(live->json, "rotate"));
}

static void changed_without_a_gap(void **state)
{
    struct live *live = *state;
    struct fake_device fake = begin(live);
    char next[65];
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_false(is_asked(live));
    assert_int_equal(
        live_request(live, "POST", "/api/v1/rotations", "{\"devices\":[\"7cdfa1000001\"]}"), 200);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_true(is_asked(live));
    memset(fake.checkin.token, 0x77, 32);
    godwit_hex_encode(fake.checkin.token, 32, next);
    assert_int_equal(fake_checkin(live, &fake, next), 401); /* not told yet */
    fake.checkin.has_token = true;
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    fake.checkin.has_token = false;
    assert_int_equal(fake_checkin(live, &fake, next), 200);
    assert_false(is_asked(live));
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 401);
    assert_int_equal(fake_checkin(live, &fake, next), 200);
    assert_int_equal(live_count(live, "select count(*) from devices"), 1);
}

/* By its age, where the service is told to; a day has passed for the database. */
static void asked_by_age(void **state)
{
    struct live *live = *state;
    struct fake_device fake = begin(live);
    assert_int_equal(
        db_run(live->app.db, "update devices set token_made = token_made - 86401", NULL, 0),
        GODWIT_OK);
    app_tick(&live->app);
    while (atomic_load(&live->app.flushing))
        sched_yield();
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_false(is_asked(live));
    live->settings.rotate_days = 1;
    while (!is_asked(live)) {
        app_tick(&live->app);
        assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    }
}

static void asked_wrongly(void **state)
{
    struct live *live = *state;
    begin(live);
    assert_int_equal(live_request(live, "POST", "/api/v1/rotations",
                                  "{\"devices\":[\"7cdfa1000001\",\"7cdfa1000009\"]}"),
                     404);
    assert_int_equal(live_count(live, "select count(*) from rotations"), 0);
    assert_int_equal(live_request(live, "POST", "/api/v1/rotations", "{\"devices\":[]}"), 422);
    assert_int_equal(live_request(live, "POST", "/api/v1/devices/7cdfa1000001/clear", NULL), 409);
    assert_string_equal(live_text(live, "type"), "not-forked");
    assert_int_equal(live_request(live, "POST", "/api/v1/devices/7cdfa1000009/clear", NULL), 404);
}

static void two_with_one_flash(void **state)
{
    struct live *live = *state;
    struct fake_device one = begin(live), two;
    one.checkin.boots = 3;
    one.checkin.checkins = 10;
    assert_int_equal(fake_checkin(live, &one, one.bearer), 200);
    two = one;
    two.checkin.nonce[1]++; /* what is random is not the same */
    for (int round = 0; round < 2; round++) {
        one.checkin.checkins++;
        two.checkin.checkins++;
        assert_int_equal(fake_checkin(live, &one, one.bearer), 200);
        assert_int_equal(fake_checkin(live, &two, two.bearer), 200);
    }
    assert_int_equal(live_request(live, "GET", "/api/v1/devices/7cdfa1000001", NULL), 200);
    assert_string_equal(live_text(live, "reason"), "forked");
    assert_int_equal(live_request(live, "POST", "/api/v1/devices/7cdfa1000001/clear", NULL), 200);
    assert_int_equal(live_request(live, "GET", "/api/v1/devices/7cdfa1000001", NULL), 200);
    assert_string_not_equal(live_text(live, "reason"), "forked");
}

/* Another token under the id of device n; its mark. */
static void lost(struct live *live, uint8_t n, char mark[static 17])
{
    struct fake_device fake = fake_make(n);
    char path[64];
    memset(fake.checkin.token, 0x60 + n, 32);
    assert_int_equal(fake_checkin(live, &fake, claim_token), 200);
    assert_true(fake.reply.pending);
    snprintf(path, sizeof path, "/api/v1/devices/7cdfa100000%u", n);
    assert_int_equal(live_request(live, "GET", path, NULL), 200);
    const json_t *newest = json_array_get(json_object_get(live->json, "pending"), 0);
    snprintf(mark, 17, "%s", json_string_value(json_object_get(newest, "token")));
}

static void many_at_once(void **state)
{
    static const char *const RESULTS[] = {"accepted", "not-pending", "no-device", "rejected"};
    struct live *live = *state;
    struct fake_device two = fake_make(2);
    char first[17], second[17], body[400];
    begin(live);
    fake_enrol(live, &two, claim_token);
    lost(live, 1, first);
    lost(live, 2, second);
    snprintf(body, sizeof body,
             "{\"accept\":[{\"device_id\":\"7cdfa1000001\",\"token\":\"%s\"},"
             "{\"device_id\":\"7cdfa1000001\",\"token\":\"%s\"},"
             "{\"device_id\":\"7cdfa1000007\",\"token\":\"%s\"}],"
             "\"reject\":[{\"device_id\":\"7cdfa1000002\",\"token\":\"%s\"}]}",
             first, first, first, second);
    assert_int_equal(live_request(live, "POST", "/api/v1/pending-tokens", body), 200);
    for (size_t i = 0; i < 4; i++) {
        const json_t *row = json_array_get(json_object_get(live->json, "tokens"), i);
        assert_string_equal(json_string_value(json_object_get(row, "result")), RESULTS[i]);
    }
    assert_int_equal(fake_checkin(live, &two, two.bearer), 200);
    assert_int_equal(live_request(live, "POST", "/api/v1/pending-tokens",
                                  "{\"accept\":[{\"device_id\":\"7cdfa1000001\"}]}"),
                     422);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(changed_without_a_gap, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(asked_by_age, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(asked_wrongly, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(two_with_one_flash, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(many_at_once, live_setup, live_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
