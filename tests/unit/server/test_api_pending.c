/* Over the wire: a device whose flash was lost, a stranger beside it, and the operator's word. */
#include "mouse.h"

static char claim_token[128], mark[17];

static struct mouse begin(struct live *live)
{
    struct mouse mouse = mouse_make(1);
    live_release(live, "1.0.0");
    live_claim(live, 1, claim_token);
    mouse_enrol(live, &mouse, claim_token);
    return mouse;
}

/* The same id with another token, which waits. */
static struct mouse lost(struct live *live, uint8_t token)
{
    struct mouse mouse = mouse_make(1);
    memset(mouse.checkin.token, token, 32);
    godwit_hex_encode(mouse.checkin.token, 32, mouse.bearer);
    assert_int_equal(mouse_ask(live, &mouse, claim_token), 200);
    assert_true(mouse.reply.pending);
    assert_int_equal(live_ask(live, "GET", "/api/v1/devices/7cdfa1000001", NULL), 200);
    const json_t *newest = json_array_get(json_object_get(live->json, "pending"), 0);
    snprintf(mark, sizeof mark, "%s", json_string_value(json_object_get(newest, "token")));
    return mouse;
}

static long choose(struct live *live, const char *verb, const char *token)
{
    char path[64], body[64];
    snprintf(path, sizeof path, "/api/v1/devices/7cdfa1000001/%s", verb);
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", token);
    return live_ask(live, "POST", path, body);
}

static void let_in(void **state)
{
    struct live *live = *state;
    struct mouse mouse = begin(live), again = lost(live, 0x66);
    assert_int_equal(mouse_ask(live, &mouse, mouse.bearer), 200); /* works on meanwhile */
    assert_int_equal(mouse_ask(live, &again, again.bearer), 401);
    assert_int_equal(live_ask(live, "GET", "/api/v1/status", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(live->json, "pending")), 1);
    assert_int_equal(live_number(live, "devices"), 0);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(live->json, "devices"), "pending")), 1);
    assert_int_equal(choose(live, "accept", mark), 200);
    assert_int_equal(mouse_ask(live, &mouse, mouse.bearer), 401);
    assert_int_equal(mouse_ask(live, &again, again.bearer), 200);
    assert_int_equal(mouse_ask(live, &again, claim_token), 200); /* as after a cut */
    assert_false(again.reply.pending);
    assert_int_equal(choose(live, "accept", mark), 409);
    assert_string_equal(live_text(live, "type"), "not-pending");
    assert_int_equal(live_count(live, "select count(*) from devices"), 1);
    assert_int_equal(live_count(live, "select used_count from claims"), 1);
}

static void another_asks_while_the_operator_looks(void **state)
{
    struct live *live = *state;
    struct mouse mouse = begin(live), again = lost(live, 0x66);
    char seen[17];
    memcpy(seen, mark, sizeof seen);
    struct mouse stranger = lost(live, 0x67);
    assert_int_equal(choose(live, "accept", seen), 409);
    assert_string_equal(live_text(live, "type"), "other-token");
    assert_int_equal(choose(live, "reject", mark), 200);
    assert_int_equal(mouse_ask(live, &stranger, claim_token), 401);
    assert_string_equal(live_text(live, "type"), "rejected");
    assert_int_equal(mouse_ask(live, &mouse, mouse.bearer), 200);
    assert_int_equal(choose(live, "accept", seen), 200);
    assert_int_equal(mouse_ask(live, &again, again.bearer), 200);
}

static void asked_wrongly(void **state)
{
    struct live *live = *state;
    begin(live);
    lost(live, 0x66);
    assert_int_equal(choose(live, "accept", "66"), 422);
    assert_int_equal(choose(live, "reject", "0000000000000000"), 409);
    assert_int_equal(live_ask(live, "POST", "/api/v1/devices/7cdfa1000009/accept",
                              "{\"token\":\"0000000000000000\"}"),
                     404);
    struct call call = {"POST", "/api/v1/devices/7cdfa1000001/accept", NULL, NULL, "{}", 2};
    assert_int_equal(live_call(live, &call), 401);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(let_in, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(another_asks_while_the_operator_looks, live_setup,
                                        live_teardown),
        cmocka_unit_test_setup_teardown(asked_wrongly, live_setup, live_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
