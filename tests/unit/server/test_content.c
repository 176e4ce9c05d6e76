/* Image bytes: ranges and conditions, and to nobody but the device that is told to install them. */
#include "fake_device.h"

static struct bytes latest; /* the file of 1.1.0 */

static int teardown(void **state)
{
    free(latest.data);
    latest.data = NULL;
    return live_teardown(state);
}

static struct fake_device begin(struct live *live, bool deployed)
{
    char claim[128];
    struct fake_device fake = fake_make(1);
    live_release(live, "1.0.0");
    latest = live_release_file(live, "1.1.0");
    live_claim(live, 2, claim);
    fake_enrol(live, &fake, claim);
    if (deployed)
        assert_int_equal(live_request(live, "POST", "/api/v1/rollouts",
                                      "{\"product\":\"thermostat\",\"version\":\"1.1.0\"}"),
                         201);
    return fake;
}

static void name_image(struct live *live, struct fake_device *fake, const char *version)
{
    struct release *release =
        release_find(&live->app.fleet.catalogue, FLEET_ORG, "thermostat", version);
    memcpy(fake->instruction.file_sha256, release->images[0].file_sha256, 32);
}

static void ranges_and_conditions(void **state)
{
    struct live *live = *state;
    struct fake_device fake = begin(live, true);
    struct bytes file = latest;
    char etag[80], header[128];
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(fake_fetch(live, &fake, NULL), 200);
    snprintf(etag, sizeof etag, "%s", live->etag);
    assert_int_equal(strlen(etag), 66);
    assert_int_equal(fake_fetch(live, &fake, "Range: bytes=4096-"), 206);
    assert_int_equal(live->body_size, file.size - 4096);
    assert_memory_equal(live->body, file.data + 4096, file.size - 4096);
    snprintf(header, sizeof header, "bytes 4096-%zu/%zu", file.size - 1, file.size);
    assert_string_equal(live->range, header);
    assert_int_equal(fake_fetch(live, &fake, "Range: bytes=10-19"), 206);
    assert_int_equal(live->body_size, 10);
    assert_memory_equal(live->body, file.data + 10, 10);
    assert_int_equal(fake_fetch(live, &fake, "Range: bytes=99999999-"), 416);
    snprintf(header, sizeof header, "If-None-Match: %s", etag);
    assert_int_equal(fake_fetch(live, &fake, header), 304);
    assert_int_equal(live->body_size, 0);
}

static void only_what_the_decision_names(void **state)
{
    struct live *live = *state;
    struct fake_device fake = begin(live, false);
    name_image(live, &fake, "1.1.0");
    assert_int_equal(fake_fetch(live, &fake, NULL), 409); /* nothing is rolled out */
    assert_string_equal(live_text(live, "type"), "not-offered");
    assert_int_equal(live_request(live, "POST", "/api/v1/rollouts",
                                  "{\"product\":\"thermostat\",\"version\":\"1.1.0\"}"),
                     201);
    name_image(live, &fake, "1.1.0");
    assert_int_equal(fake_fetch(live, &fake, NULL), 409); /* rolled out, but not told yet */
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(fake_fetch(live, &fake, NULL), 200);
    name_image(live, &fake, "1.0.0");
    assert_int_equal(fake_fetch(live, &fake, NULL), 409); /* a file of its product, not this one */
    /* once it has proven the release there is no offer left */
    struct release *release =
        release_find(&live->app.fleet.catalogue, FLEET_ORG, "thermostat", "1.1.0");
    memcpy(fake.checkin.image_sha256, release->images[0].image_sha256, 32);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    name_image(live, &fake, "1.1.0");
    assert_int_equal(fake_fetch(live, &fake, NULL), 409);
}

static void unknown_callers_and_unknown_files(void **state)
{
    struct live *live = *state;
    struct fake_device fake = begin(live, true);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    char path[128] = "/v1/image/";
    godwit_hex_encode(fake.instruction.file_sha256, 32, path + strlen(path));
    static const char *const BEARERS[] = {
        NULL, "00", "0000000000000000000000000000000000000000000000000000000000000000"};
    for (size_t i = 0; i < 3; i++) {
        struct call call = {"GET", path, BEARERS[i], NULL, NULL, 0};
        assert_int_equal(live_call(live, &call), 401);
    }
    struct call operator_call = {"GET", path, live->admin, NULL, NULL, 0};
    assert_int_equal(live_call(live, &operator_call), 401);
    static const char *const PATHS[] = {
        "/v1/image/00", "/v1/image/%2e%2e%2fgodwit.db",
        "/v1/image/0000000000000000000000000000000000000000000000000000000000000000"};
    for (size_t i = 0; i < 3; i++) {
        struct call call = {"GET", PATHS[i], fake.bearer, NULL, NULL, 0};
        assert_int_equal(live_call(live, &call), 404);
    }
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
#define LIVE(test) cmocka_unit_test_setup_teardown(test, live_setup, teardown)
    const struct CMUnitTest tests[] = {
        LIVE(ranges_and_conditions),
        LIVE(only_what_the_decision_names),
        LIVE(unknown_callers_and_unknown_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
