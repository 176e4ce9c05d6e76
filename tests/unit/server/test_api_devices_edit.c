/* Over the wire: many devices at once, those that a filter finds, batch by batch. */
#include "fake_device.h"

#define DEVICES 130 /* more than a batch */
#define MANY "/api/v1/devices/edit"

static char claim_token[128];

static void begin(struct live *live)
{
    live_release(live, "1.0.0");
    live_claim(live, DEVICES, claim_token);
    for (int i = 0; i < DEVICES; i++) {
        struct fake_device fake = fake_make((uint8_t)i);
        fake_enrol(live, &fake, claim_token);
    }
}

/* All batches; the sum of what changed. */
static long long edit(struct live *live, const char *members)
{
    char body[512], after[64] = "";
    long long changed = 0;
    for (int i = 0; i < 10; i++) {
        snprintf(body, sizeof body, "{%s%s}", members, after);
        if (live_request(live, "POST", MANY, body) != 200) fail_msg("%s", live->body);
        changed += live_number(live, "changed");
        const char *next = json_string_value(json_object_get(live->json, "next"));
        if (!next) return changed;
        snprintf(after, sizeof after, ",\"after\":\"%s\"", next);
    }
    fail_msg("no end");
    return 0;
}

static void batch_by_batch(void **state)
{
    struct live *live = *state;
    begin(live);
    assert_int_equal(
        live_request(live, "POST", MANY,
                     "{\"filter\":\"state:up-to-date\",\"dry_run\":true,\"retired\":true}"),
        200);
    assert_int_equal(live_number(live, "left"), DEVICES);
    assert_int_equal(live_number(live, "changed"), 0);
    assert_int_equal(live_count(live, "select count(*) from devices where retired > 0"), 0);
    assert_int_equal(edit(live, "\"filter\":\"product:thermostat\",\"add_tags\":[\"site=berlin\"]"),
                     DEVICES);
    assert_int_equal(live_count(live, "select count(*) from tags where tag_key = 'site=berlin'"),
                     DEVICES);
    assert_int_equal(edit(live, "\"filter\":\"tag:site=berlin id:*0\",\"retired\":true"), 9);
    assert_int_equal(edit(live, "\"filter\":\"id:*\",\"remove_tags\":[\"site\"]"), DEVICES - 9);
    assert_int_equal(edit(live, "\"filter\":\"state:retired tag:site\",\"retired\":false"), 9);
    assert_int_equal(live_count(live, "select count(*) from devices where retired > 0"), 0);
    struct fake_device fake = fake_make(0x10);
    fake.checkin.has_token = false;
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
}

static void called_wrongly(void **state)
{
    struct live *live = *state;
    live_release(live, "1.0.0");
    static const struct {
        const char *body, *field;
        long status;
    } ROWS[] = {
        {"{\"filter\":\"sate:failed\",\"retired\":true}", "filter", 422},
        {"{\"filter\":\"product:thermostatt\",\"retired\":true}", "filter", 422},
        {"{\"filter\":\"id:*\"}", NULL, 422},
        {"{\"filter\":\"\",\"retired\":true}", "filter",
         422}, /* a script whose variable is not set */
        {"{\"retired\":true}", "filter", 422},
        {"{\"filter\":\"id:*\",\"retired\":true,\"after\":\"-1\"}", "after", 422},
        {"{\"filter\":\"id:*\",\"retired\":true,\"after\":\"1x\"}", "after", 422},
        {"{\"filter\":\"id:*\",\"add_tags\":[\"a b\"]}", "add_tags", 422},
        {"{\"filter\":\"id:*\",\"name\":\"all the same\"}", "name", 422},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        long status = live_request(live, "POST", MANY, ROWS[i].body);
        if (status != ROWS[i].status) fail_msg("%s: %ld %s", ROWS[i].body, status, live->body);
        if (ROWS[i].field) assert_string_equal(live_text(live, "field"), ROWS[i].field);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(batch_by_batch, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(called_wrongly, live_setup, live_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
