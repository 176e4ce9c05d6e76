/* Over the wire: an operator names, tags, moves and retires a device that goes on checking in. */
#include "fake_device.h"

#define ONE "/api/v1/devices/7cdfa1000001"

static char claim_token[128];

static struct fake_device begin(struct live *live)
{
    struct fake_device fake = fake_make(1);
    live_release(live, "1.0.0");
    live_claim(live, 3, claim_token);
    fake_enrol(live, &fake, claim_token);
    return fake;
}

static long edit(struct live *live, const char *body)
{
    return live_request(live, "PATCH", ONE, body);
}

static void named_and_tagged(void **state)
{
    struct live *live = *state;
    begin(live);
    assert_int_equal(
        edit(live, "{\"name\":\"Kitchen, left\",\"add_tags\":[\"site=Berlin\",\"beta\"]}"), 200);
    assert_string_equal(live_text(live, "name"), "Kitchen, left");
    assert_int_equal(json_array_size(json_object_get(live->json, "tags")), 2);
    assert_int_equal(edit(live, "{\"remove_tags\":[\"site\"]}"), 200);
    assert_string_equal(json_string_value(json_array_get(json_object_get(live->json, "tags"), 0)),
                        "beta");
    assert_int_equal(edit(live, "{\"name\":null}"), 200);
    assert_string_equal(live_text(live, "name"), "");
    assert_int_equal(live_request(live, "GET", ONE "/events", NULL), 200);
    assert_int_equal(live_number(live, "total"), 5);
}

static void called_wrongly(void **state)
{
    struct live *live = *state;
    begin(live);
    static const struct {
        const char *body, *field;
        long status;
    } ROWS[] = {
        {"{}", NULL, 422},
        {"{\"nmae\":\"a\"}", "nmae", 422},
        {"{\"name\":\"\"}", "name", 422},
        {"{\"name\":\"=1+1\"}", "name", 422},
        {"{\"name\":\"a\\u001b[2J\"}", "name", 422},
        {"{\"name\":\"\\u202ea\"}", "name", 422},
        {"{\"add_tags\":[\"dev.site=1\"]}", "add_tags", 422},
        {"{\"add_tags\":[\"a b\"]}", "add_tags", 422},
        {"{\"add_tags\":\"beta\"}", "add_tags", 422},
        {"{\"product\":\"nothing\",\"name\":\"b\"}", "product", 404},
        {"{\"name\":\"c\",\"add_tags\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\","
         "\"j\",\"k\",\"l\","
         "\"m\",\"n\",\"o\",\"p\"]}",
         NULL, 200},
        {"{\"name\":\"d\",\"add_tags\":[\"q\"]}", "add_tags", 409},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        long status = edit(live, ROWS[i].body);
        if (status != ROWS[i].status) fail_msg("%s: %ld %s", ROWS[i].body, status, live->body);
        if (ROWS[i].field) assert_string_equal(live_text(live, "field"), ROWS[i].field);
    }
    assert_int_equal(live_count(live, "select count(*) from devices where name = 'c'"), 1);
    assert_int_equal(
        live_request(live, "PATCH", "/api/v1/devices/7cdfa1000009", "{\"name\":\"a\"}"), 404);
    assert_int_equal(live_request(live, "POST", "/api/v1/devices/nobody/retire", NULL), 404);
    struct call call = {"PATCH", ONE, NULL, NULL, "{}", 2};
    assert_int_equal(live_call(live, &call), 401);
}

static void retired_and_back(void **state)
{
    struct live *live = *state;
    struct fake_device fake = begin(live);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(live_request(live, "POST", ONE "/retire", NULL), 200);
    assert_string_equal(live_text(live, "state"), "retired");
    assert_int_equal(live_request(live, "GET", "/api/v1/status", NULL), 200);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(live->json, "devices"), "total")), 0);
    assert_int_equal(live_request(live, "GET", "/api/v1/devices", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(live->json, "items")), 0);
    assert_int_equal(live_request(live, "GET", "/api/v1/devices?filter=state:retired", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(live->json, "items")), 1);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 401);
    fake.checkin.has_token = true; /* as a device does that was turned away */
    assert_int_equal(fake_checkin(live, &fake, claim_token), 401);
    fake.checkin.has_token = false;
    assert_string_equal(live_text(live, "type"), "rejected");
    assert_int_equal(
        live_request(
            live, "POST", "/api/v1/rollouts",
            "{\"product\":\"thermostat\",\"version\":\"1.0.0\",\"devices\":[\"7cdfa1000001\"]}"),
        409);
    assert_string_equal(live_text(live, "type"), "retired");
    assert_int_equal(live_request(live, "POST", ONE "/reinstate", NULL), 200);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
}

/* "If-Match: " and an etag. */
static long edit_if(struct live *live, const char *method, const char *path, const char *etag,
                    const char *body)
{
    char header[200];
    snprintf(header, sizeof header, "If-Match: %s", etag);
    struct call call = {method, path, live->admin, header, body, body ? strlen(body) : 0};
    return live_call(live, &call);
}

static void the_etags_of(struct live *live, char whole[static 80], char edited[static 80])
{
    assert_int_equal(live_request(live, "GET", ONE, NULL), 200);
    snprintf(whole, 80, "%s", live->etag);
    snprintf(edited, 80, "\"%s\"", live_text(live, "edit_etag"));
    assert_int_equal(strlen(edited), 34);
}

static void edited_only_as_it_was_seen(void **state)
{
    struct live *live = *state;
    struct fake_device fake = begin(live);
    char whole[80], edited[80], weak[90];
    the_etags_of(live, whole, edited);
    assert_int_equal(edit_if(live, "PATCH", ONE, whole, "{\"name\":\"a\"}"), 200);
    assert_int_equal(edit_if(live, "PATCH", ONE, whole, "{\"name\":\"b\"}"), 412);
    assert_string_equal(live_text(live, "type"), "changed-meanwhile");
    assert_int_equal(edit_if(live, "PATCH", ONE, edited, "{\"name\":\"b\"}"), 412);
    assert_int_equal(edit_if(live, "POST", ONE "/retire", edited, NULL), 412);
    the_etags_of(live, whole, edited);
    assert_string_equal(live_text(live, "name"), "a");
    /* A check-in changes the device, and not what people edit of it. */
    fake.checkin.free_heap++;
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(edit_if(live, "PATCH", ONE, whole, "{\"name\":\"b\"}"), 412);
    snprintf(weak, sizeof weak, "W/%s", edited);
    assert_int_equal(edit_if(live, "PATCH", ONE, weak, "{\"name\":\"b\"}"), 412);
    assert_int_equal(edit_if(live, "PATCH", ONE, "nonsense", "{\"name\":\"b\"}"), 412);
    snprintf(weak, sizeof weak, "\"x\", %s", edited);
    assert_int_equal(edit_if(live, "PATCH", ONE, weak, "{\"add_tags\":[\"t\"]}"), 200);
    the_etags_of(live, whole, edited);
    assert_int_equal(edit_if(live, "POST", ONE "/retire", edited, NULL), 200);
    assert_int_equal(edit_if(live, "POST", ONE "/reinstate", edited, NULL), 412);
    assert_int_equal(edit_if(live, "POST", ONE "/reinstate", "*", NULL), 200);
    assert_int_equal(
        edit_if(live, "PATCH", "/api/v1/devices/7cdfa1000009", "*", "{\"name\":\"b\"}"), 404);
}

/* Nobody shall believe that something was compared. */
static void others_take_no_if_match(void **state)
{
    static const struct {
        const char *method, *path, *body;
    } ROWS[] = {
        {"POST", "/api/v1/claims", "{\"product\":\"thermostat\"}"},
        {"POST", "/api/v1/devices/edit", "{\"filter\":\"id:*\",\"name\":\"x\"}"},
        {"PUT", "/api/v1/images", "x"},
        {"PUT", "/api/v1/org", "{\"needs_factor\":true}"},
        {"DELETE", "/api/v1/releases/thermostat/1.0.0", NULL},
    };
    struct live *live = *state;
    begin(live);
    int64_t records = live_count(live, "select count(*) from audit");
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        assert_int_equal(edit_if(live, ROWS[i].method, ROWS[i].path, "*", ROWS[i].body), 412);
        assert_string_equal(live_text(live, "type"), "no-if-match");
    }
    assert_int_equal(live_count(live, "select count(*) from audit"), records);
    assert_int_equal(edit_if(live, "GET", ONE, "\"x\"", NULL), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(named_and_tagged, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(called_wrongly, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(edited_only_as_it_was_seen, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(others_take_no_if_match, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(retired_and_back, live_setup, live_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
