/* Over the wire: a device whose flash was lost, a stranger beside it, and the operator's word. */
#include "fake_device.h"

static char claim_token[128], mark[17];

static struct fake_device begin(struct live *live)
{
    struct fake_device fake = fake_make(1);
    live_release(live, "1.0.0");
    live_claim(live, 1, claim_token);
    fake_enrol(live, &fake, claim_token);
    return fake;
}

/* The same id with another token, which waits. */
static struct fake_device lost(struct live *live, uint8_t token)
{
    struct fake_device fake = fake_make(1);
    memset(fake.checkin.token, token, 32);
    godwit_hex_encode(fake.checkin.token, 32, fake.bearer);
    assert_int_equal(fake_checkin(live, &fake, claim_token), 200);
    assert_true(fake.reply.pending);
    assert_int_equal(live_request(live, "GET", "/api/v1/devices/7cdfa1000001", NULL), 200);
    const json_t *newest = json_array_get(json_object_get(live->json, "pending"), 0);
    snprintf(mark, sizeof mark, "%s", json_string_value(json_object_get(newest, "token")));
    return fake;
}

static long choose(struct live *live, const char *verb, const char *token)
{
    char path[64], body[64];
    snprintf(path, sizeof path, "/api/v1/devices/7cdfa1000001/%s", verb);
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", token);
    return live_request(live, "POST", path, body);
}

static void let_in(void **state)
{
    struct live *live = *state;
    struct fake_device fake = begin(live), again = lost(live, 0x66);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200); /* works on meanwhile */
    assert_int_equal(fake_checkin(live, &again, again.bearer), 401);
    assert_int_equal(live_request(live, "GET", "/api/v1/status", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(live->json, "pending")), 1);
    assert_int_equal(live_number(live, "devices"), 0);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(live->json, "devices"), "pending")), 1);
    assert_int_equal(choose(live, "accept", mark), 200);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 401);
    assert_int_equal(fake_checkin(live, &again, again.bearer), 200);
    assert_int_equal(fake_checkin(live, &again, claim_token), 200); /* as after a cut */
    assert_false(again.reply.pending);
    assert_int_equal(choose(live, "accept", mark), 409);
    assert_string_equal(live_text(live, "type"), "not-pending");
    assert_int_equal(live_count(live, "select count(*) from devices"), 1);
    assert_int_equal(live_count(live, "select used_count from claims"), 1);
}

static void another_joins_while_the_operator_looks(void **state)
{
    struct live *live = *state;
    struct fake_device fake = begin(live), again = lost(live, 0x66);
    char seen[17];
    memcpy(seen, mark, sizeof seen);
    struct fake_device stranger = lost(live, 0x67);
    assert_int_equal(choose(live, "accept", seen), 409);
    assert_string_equal(live_text(live, "type"), "other-token");
    assert_int_equal(choose(live, "reject", mark), 200);
    assert_int_equal(fake_checkin(live, &stranger, claim_token), 401);
    assert_string_equal(live_text(live, "type"), "rejected");
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(choose(live, "accept", seen), 200);
    assert_int_equal(fake_checkin(live, &again, again.bearer), 200);
}

static void called_wrongly(void **state)
{
    struct live *live = *state;
    begin(live);
    lost(live, 0x66);
    assert_int_equal(choose(live, "accept", "66"), 422);
    assert_int_equal(choose(live, "reject", "0000000000000000"), 409);
    assert_int_equal(live_request(live, "POST", "/api/v1/devices/7cdfa1000009/accept",
                                  "{\"token\":\"0000000000000000\"}"),
                     404);
    struct call call = {"POST", "/api/v1/devices/7cdfa1000001/accept", NULL, NULL, "{}", 2};
    assert_int_equal(live_call(live, &call), 401);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(let_in, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(another_joins_while_the_operator_looks, live_setup,
                                        live_teardown),
        cmocka_unit_test_setup_teardown(called_wrongly, live_setup, live_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
