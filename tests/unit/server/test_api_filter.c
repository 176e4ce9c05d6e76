/* Over the wire: what can stand at the cursor of a filter. */
#include "fake_device.h"
#include "filter/filter.h"

#define COMPLETE "/api/v1/filters/complete"

/* The candidates, joined by spaces. */
static const char *candidates(const struct live *live)
{
    static char found[4096];
    size_t index;
    json_t *one;
    *found = '\0';
    json_array_foreach(json_object_get(live->json, "candidates"), index, one)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s", index ? " " : "",
                 json_string_value(json_object_get(one, "text")));
    return found;
}

static void check(struct live *live, const char *query, json_int_t from, json_int_t to,
                  const char *expected)
{
    char path[200];
    snprintf(path, sizeof path, COMPLETE "%s", query);
    assert_int_equal(live_request(live, "GET", path, NULL), 200);
    if (strcmp(candidates(live), expected)) fail_msg("%s: %s", query, candidates(live));
    assert_int_equal(live_number(live, "from"), from);
    assert_int_equal(live_number(live, "to"), to);
}

static void begin(struct live *live)
{
    char claim[128];
    live_release(live, "1.0.0");
    live_claim(live, 2, claim);
    for (uint8_t i = 1; i <= 2; i++) {
        struct fake_device fake = fake_make(i);
        fake_enrol(live, &fake, claim);
    }
    assert_int_equal(
        live_request(live, "PATCH", "/api/v1/devices/7cdfa1000001",
                     "{\"name\":\"Kitchen left\",\"add_tags\":[\"site=Berlin\",\"beta\"]}"),
        200);
}

static void fields_and_values(void **state)
{
    struct live *live = *state;
    begin(live);
    check(live, "?text=sta", 0, 3, "state:");
    check(live, "?text=state:failed%20-pro", 14, 17, "product:");
    check(live, "?text=product:THERM", 8, 13, "thermostat");
    check(live, "?text=product:lamp,t%20x&cursor=14", 13, 14, "thermostat");
    check(live, "?text=version:%3C=1.", 10, 12, "1.0.0");
    check(live, "?text=name:%22kitchen%20l", 5, 15, "\"Kitchen left\"");
    check(live, "?text=tag:site=", 4, 9, "site=Berlin");
    check(live, "?text=tag:", 4, 4, "beta site=Berlin");
    check(live, "?text=slot:o", 5, 6, "ota_0");
    check(live, "?text=reason:up", 7, 9, "up-to-date");
    check(live, "?text=state:fai", 6, 9, "failed");
    check(live, "?text=bogus:a", 6, 7, "");
    assert_int_equal(live_request(live, "GET", COMPLETE, NULL), 200);
    assert_int_equal(json_array_size(json_object_get(live->json, "candidates")),
                     FILTER_FIELDS_COUNT);
}

static void called_wrongly(void **state)
{
    struct live *live = *state;
    static const char *const WRONG[] = {"?text=a&cursor=2",
                                        "?text=a&cursor=-1",
                                        "?text=a&cursor=",
                                        "?text=a&cursor=1x",
                                        "?text=%C3%A4&cursor=1",
                                        "?text=%C3",
                                        "?text=a%0A",
                                        "?text=%1Bx",
                                        "?cursor=99999999999999999999999",
                                        "?text=a&cursor=%201"};
    char path[100];
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        snprintf(path, sizeof path, COMPLETE "%s", WRONG[i]);
        long status = live_request(live, "GET", path, NULL);
        if (status != 422) fail_msg("%s: %ld", WRONG[i], status);
    }
}

/* A token for one product hears nothing of the devices of others. */
static void a_token_for_one_product(void **state)
{
    struct live *live = *state;
    begin(live);
    struct bytes file = live_image("lamp", "3.0.0", live->key);
    assert_int_equal(live_upload(live, "", file.data, file.size), 201);
    free(file.data);
    assert_int_equal(
        live_request(live, "POST", "/api/v1/tokens",
                     "{\"user\":\"admin\",\"product\":\"lamp\",\"scopes\":[\"read\"]}"),
        201);
    char bearer[80];
    snprintf(bearer, sizeof bearer, "%s", live_text(live, "token"));
    static const char *const FIELDS[] = {"name:", "tag:", "version:", "slot:", "product:t"};
    char path[100];
    for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++) {
        snprintf(path, sizeof path, COMPLETE "?text=%s", FIELDS[i]);
        struct call call = {"GET", path, bearer, NULL, NULL, 0};
        assert_int_equal(live_call(live, &call), 200);
        if (*candidates(live)) fail_msg("%s: %s", FIELDS[i], candidates(live));
    }
    struct call call = {"GET", COMPLETE "?text=product:l", bearer, NULL, NULL, 0};
    assert_int_equal(live_call(live, &call), 200);
    assert_string_equal(candidates(live), "lamp");
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, live_setup, live_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {LIVE(fields_and_values), LIVE(called_wrongly),
                                       LIVE(a_token_for_one_product)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
