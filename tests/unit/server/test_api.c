/* The operator API: status, rollouts, devices, claims and seeds, and their refusals. */
#include "fake_device.h"

#include "fleet/prune.h"
#include "server/secret.h"

static void expect_problem(struct live *live, const char *method, const char *path,
                           const char *body, long status, const char *type)
{
    assert_int_equal(live_request(live, method, path, body), status);
    assert_string_equal(live_text(live, "type"), type);
    assert_true(strlen(live_text(live, "detail")) > 10);
}

static void refusals_have_their_type(void **state)
{
    struct live *live = *state;
    static const char ROLLOUTS[] = "/api/v1/rollouts", CLAIMS[] = "/api/v1/claims";
    expect_problem(live, "POST", CLAIMS, "{\"product\":\"thermostat\"}", 404, "no-product");
    expect_problem(live, "GET", "/api/v1/products/thermostat/initial-policy", NULL, 404,
                   "no-product");
    live_release(live, "1.0.0");
    expect_problem(live, "POST", CLAIMS, "{\"product\":\"thermostat\",\"count\":0}", 422,
                   "malformed");
    assert_string_equal(live_text(live, "field"), "count");
    expect_problem(live, "POST", CLAIMS, "{\"count\":1}", 422, "malformed");
    assert_string_equal(live_text(live, "field"), "product");
    expect_problem(live, "POST", CLAIMS, "nonsense", 422, "malformed");
    expect_problem(live, "POST", ROLLOUTS, "{\"product\":\"thermostat\",\"version\":\"9\"}", 404,
                   "no-release");
    expect_problem(live, "POST", ROLLOUTS,
                   "{\"product\":\"thermostat\",\"version\":\"1.0.0\",\"devices\":[\"00\"]}", 422,
                   "malformed");
    assert_string_equal(live_text(live, "field"), "devices");
    expect_problem(live, "POST", ROLLOUTS,
                   "{\"product\":\"thermostat\",\"version\":\"1.0.0\",\"devices\":[]}", 422,
                   "malformed");
    expect_problem(live, "POST", ROLLOUTS,
                   "{\"product\":\"thermostat\",\"version\":\"1.0.0\","
                   "\"devices\":[\"7cdfa1000001\"]}",
                   404, "no-device");
    expect_problem(live, "GET", "/api/v1/rollouts/7", NULL, 404, "no-rollout");
    expect_problem(live, "GET", "/api/v1/rollouts/x", NULL, 404, "no-rollout");
    expect_problem(live, "GET", "/api/v1/devices/7cdfa1000001", NULL, 404, "no-device");
    expect_problem(live, "GET", "/api/v1/devices/zz/events", NULL, 404, "no-device");
    assert_int_equal(live_count(live, "select count(*) from rollouts"), 0);
    assert_int_equal(live_count(live, "select count(*) from claims"), 0);
}

/* What did not change is not sent again, and HEAD and OPTIONS say what there is. */
static void reads_have_a_state(void **state)
{
    struct live *live = *state;
    char header[120];
    struct call call = {"GET", "/api/v1/releases", live->admin, NULL, NULL, 0};
    assert_int_equal(live_call(live, &call), 200);
    assert_int_equal(strlen(live->etag), 34);
    snprintf(header, sizeof header, "If-None-Match: \"other\", %s", live->etag);
    call.header = header;
    assert_int_equal(live_call(live, &call), 304);
    assert_int_equal(live->body_size, 0);
    live_release(live, "1.0.0");
    assert_int_equal(live_call(live, &call), 200);
    call.path = "/api/v1/openapi.json", call.header = NULL;
    assert_int_equal(live_call(live, &call), 200);
    snprintf(header, sizeof header, "If-None-Match: %s", live->etag);
    call.header = header;
    assert_int_equal(live_call(live, &call), 304);
    call = (struct call){"OPTIONS", "/api/v1/rollouts", live->admin, NULL, NULL, 0};
    assert_int_equal(live_call(live, &call), 204);
    call.path = "/api/v1/nothing";
    assert_int_equal(live_call(live, &call), 404);
}

static void picked_devices_and_their_views(void **state)
{
    struct live *live = *state;
    char claim[128];
    struct fake_device one = fake_make(1), two = fake_make(2);
    live_release(live, "1.0.0");
    live_release(live, "1.1.0");
    live_claim(live, 2, claim);
    fake_enrol(live, &one, claim);
    fake_enrol(live, &two, claim);
    assert_int_equal(live_request(live, "POST", "/api/v1/rollouts",
                                  "{\"product\":\"thermostat\",\"version\":\"1.1.0\","
                                  "\"devices\":[\"7cdfa1000002\"]}"),
                     201);
    assert_int_equal(live_number(live, "selected"), 1);
    assert_string_equal(live_text(live, "state"), "running");
    assert_int_equal(fake_checkin(live, &one, one.bearer), 200);
    assert_false(fake_is_offered(&one));
    assert_int_equal(fake_checkin(live, &two, two.bearer), 200);
    assert_true(fake_is_offered(&two));
    assert_int_equal(live_request(live, "GET", "/api/v1/devices", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(live->json, "items")), 2);
    assert_int_equal(live_request(live, "GET", "/api/v1/devices/7cdfa1000002", NULL), 200);
    assert_string_equal(live_text(live, "state"), "in-progress");
    json_t *offer = json_object_get(live->json, "offer");
    assert_string_equal(json_string_value(json_object_get(offer, "version")), "1.1.0");
    assert_int_equal(live_request(live, "GET", "/api/v1/releases", NULL), 200);
    json_t *release = json_array_get(json_object_get(live->json, "items"), 0);
    assert_string_equal(json_string_value(json_object_get(release, "state")), "frozen");
    assert_int_equal(live_request(live, "GET", "/api/v1/status", NULL), 200);
    json_t *devices = json_object_get(live->json, "devices");
    assert_int_equal(json_integer_value(json_object_get(devices, "total")), 2);
    assert_int_equal(json_integer_value(json_object_get(devices, "in_progress")), 1);
}

static void old_rollouts_are_not_kept(void **state)
{
    struct live *live = *state;
    const struct timespec pause = {.tv_nsec = 5000000};
    live_release(live, "1.0.0");
    for (int i = 0; i < ROLLOUTS_KEPT + 2; i++)
        assert_int_equal(live_request(live, "POST", "/api/v1/rollouts",
                                      "{\"product\":\"thermostat\",\"version\":\"1.0.0\"}"),
                         201);
    for (int i = 0; live_request(live, "GET", "/api/v1/rollouts/2", NULL) == 200; i++) {
        assert_true(i < 60000);
        nanosleep(&pause, NULL);
    }
    expect_problem(live, "GET", "/api/v1/rollouts/2", NULL, 404, "no-rollout");
    assert_non_null(strstr(live_text(live, "detail"), "not kept"));
    assert_int_equal(live_request(live, "GET", "/api/v1/rollouts/3", NULL), 200);
    assert_int_equal(live_request(live, "GET", "/api/v1/rollouts", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(live->json, "items")), ROLLOUTS_KEPT);
}

/* The initial policy is what an agent pins: product, the file's key, this server's deploy key. */
static void seeds(void **state)
{
    struct live *live = *state;
    struct godwit_policy policy;
    uint8_t digest[32], product_id[16];
    live_release(live, "1.0.0");
    assert_int_equal(live_request(live, "GET", "/api/v1/products/thermostat/initial-policy", NULL),
                     200);
    assert_int_equal(live->body_size, GODWIT_POLICY_BYTES);
    assert_int_equal(godwit_policy_decode((const uint8_t *)live->body, true, &policy), GODWIT_OK);
    assert_int_equal(key_digest(live->key, digest), GODWIT_OK);
    assert_int_equal(godwit_product_id("default", "thermostat", product_id), GODWIT_OK);
    assert_int_equal(policy.threshold, 1);
    assert_true(godwit_policy_trusts(&policy, digest));
    assert_memory_equal(policy.product_id, product_id, 16);
    assert_memory_equal(policy.deploy_keys[0], live->app.deploy_keys.points[0], 64);
    struct bytes bare = live_image("lamp", "1.0.0", NULL);
    assert_int_equal(live_upload(live, "?open=1", bare.data, bare.size), 201);
    free(bare.data);
    assert_int_equal(live_request(live, "GET", "/api/v1/products/lamp/initial-policy", NULL), 200);
    assert_int_equal(godwit_policy_decode((const uint8_t *)live->body, true, &policy), GODWIT_OK);
    assert_int_equal(policy.flags, GODWIT_POLICY_OPEN);
    assert_int_equal(policy.image_keys_count, 0);
    assert_int_equal(policy.deploy_keys_count, 1);
}

static void secrets(void **state)
{
    (void)state;
    char hash[SECRET_HASH_MAX], password[32], other[32];
    assert_int_equal(password_make(password), GODWIT_OK);
    assert_int_equal(password_make(other), GODWIT_OK);
    assert_string_not_equal(password, other);
    assert_int_equal(strlen(password), 24);
    assert_int_equal(password_hash(password, hash, sizeof hash), GODWIT_OK);
    assert_non_null(strstr(hash, "$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_true(password_is_good(hash, password));
    assert_false(password_is_good(hash, other));
    assert_false(password_is_good("garbage", password));
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
#define LIVE(test) cmocka_unit_test_setup_teardown(test, live_setup, live_teardown)
    const struct CMUnitTest tests[] = {
        LIVE(refusals_have_their_type),
        LIVE(reads_have_a_state),
        LIVE(picked_devices_and_their_views),
        LIVE(old_rollouts_are_not_kept),
        LIVE(seeds),
        cmocka_unit_test(secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
