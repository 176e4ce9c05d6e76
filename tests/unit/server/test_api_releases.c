/* Over the wire: what a policy inside a release asks of a person, bridges, undo, what may be
 * deleted, whose key signs a reply, and where else a file may be had. */
#include "case.h"
#include "fake_device.h"

static struct key *other_key;

static int setup(void **state)
{
    other_key = key_generate(GODWIT_SCHEME_ECDSA256);
    return live_setup(state);
}

static int teardown(void **state)
{
    key_close(other_key);
    return live_teardown(state);
}

struct wanted {
    const char *version;
    uint32_t counter, flags;
    const struct key *by, *lists[2];
    bool foreign_deploy_key, no_deploy_key;
};

static void upload(struct live *live, const struct wanted *wanted, long status)
{
    struct godwit_policy policy = {.threshold = 1,
                                   .counter = wanted->counter,
                                   .flags = wanted->flags,
                                   .hardware_mask = UINT32_MAX,
                                   .deploy_keys_count = 1};
    uint8_t bytes[GODWIT_POLICY_BYTES];
    struct pack_options options = {.chip = godwit_chip_by_name("esp32c3"),
                                   .project = "thermostat",
                                   .version = wanted->version,
                                   .policy = bytes};
    struct bytes plain, file;
    enum godwit_reason reason;
    assert_int_equal(godwit_product_id("default", "thermostat", policy.product_id), GODWIT_OK);
    for (size_t i = 0; i < 2 && wanted->lists[i]; i++) {
        CASE(i);
        assert_int_equal(key_digest(wanted->lists[i], policy.image_keys[policy.image_keys_count++]),
                         GODWIT_OK);
    }
    memcpy(policy.deploy_keys[0], live->app.deploy_keys.points[0], 64);
    policy.deploy_keys[0][0] ^= wanted->foreign_deploy_key;
    if (wanted->no_deploy_key) {
        policy.deploy_keys_count = 0;
        memset(policy.deploy_keys, 0, sizeof policy.deploy_keys);
    }
    godwit_policy_encode(&policy, bytes);
    assert_int_equal(pack_image(&options, &plain.data, &plain.size), GODWIT_OK);
    assert_int_equal(
        image_sign(wanted->by, plain.data, plain.size, &file.data, &file.size, &reason), GODWIT_OK);
    assert_int_equal(live_upload(live, "", file.data, file.size), status);
    free(plain.data);
    free(file.data);
}

static long deploy(struct live *live, const char *version, const char *more)
{
    char body[160];
    snprintf(body, sizeof body, "{\"product\":\"thermostat\",\"version\":\"%s\"%s}", version, more);
    return live_request(live, "POST", "/api/v1/rollouts", body);
}

static void runs(const struct live *live, struct fake_device *fake, const char *version)
{
    const struct release *release =
        release_find(&live->app.fleet.catalogue, FLEET_ORG, "thermostat", version);
    memcpy(fake->checkin.image_sha256, release->images[0].image_sha256, 32);
    fake->checkin.counter = release->counter;
    fake->checkin.outcome = (struct godwit_outcome){.id = fake->checkin.outcome.id + 1,
                                                    .rollout_id = fake->instruction.rollout_id,
                                                    .stage = GODWIT_STAGE_CONFIRMED};
    memcpy(fake->checkin.outcome.file_sha256, release->images[0].file_sha256, 32);
}

static struct fake_device join(struct live *live)
{
    char claim[128];
    struct fake_device fake = fake_make(1);
    live_claim(live, 1, claim);
    fake_enrol(live, &fake, claim);
    return fake;
}

static void over_a_bridge_and_back(void **state)
{
    struct live *live = *state;
    const struct wanted first = {"1.0.0", 1, 0, live->key, {live->key}, false, false},
                        bridge = {"2.0.0", 2, 0, live->key, {live->key, other_key}, false, false},
                        last = {"3.0.0", 3, 0, other_key, {other_key}, false, false};
    upload(live, &first, 201);
    struct fake_device fake = join(live);
    runs(live, &fake, "1.0.0");
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    upload(live, &bridge, 201);
    upload(live, &last, 422); /* nobody was told of its key yet */
    assert_string_equal(live_text(live, "type"), "signature-key");
    assert_int_equal(deploy(live, "2.0.0", ""), 201);
    upload(live, &last, 201);
    assert_int_equal(json_array_size(json_object_get(live->json, "warnings")), 0);
    assert_int_equal(json_array_size(json_object_get(live->json, "overrides")), 0);
    assert_int_equal(deploy(live, "3.0.0", ""), 201);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_true(fake_is_offered(&fake));
    assert_int_equal(fake.instruction.counter, 2);
    assert_int_equal(fake_fetch(live, &fake, NULL), 200);
    assert_int_equal(live_request(live, "GET", "/api/v1/devices/7cdfa1000001", NULL), 200);
    assert_string_equal(live_text(live, "reason"), "bridge");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(live->json, "offer"), "version")),
        "2.0.0");
    assert_int_equal(live_request(live, "DELETE", "/api/v1/releases/thermostat/2.0.0", NULL), 409);
    assert_string_equal(live_text(live, "type"), "bridge-release");
    assert_non_null(strstr(live_text(live, "detail"), "7cdfa1000001"));
    runs(live, &fake, "2.0.0");
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(fake.instruction.counter, 3);
    assert_int_equal(live_request(live, "GET", "/api/v1/rollouts/2", NULL), 200);
    assert_int_equal(live_number(live, "in_progress"), 1);
    runs(live, &fake, "3.0.0");
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_false(fake_is_offered(&fake));
    assert_int_equal(live_request(live, "GET", "/api/v1/rollouts/2", NULL), 200);
    assert_int_equal(live_number(live, "succeeded"), 1);
    assert_string_equal(live_text(live, "state"), "done");
    /* back: only with the flag, and only to what its present policy lets in */
    assert_int_equal(deploy(live, "2.0.0", ""), 201);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_false(fake_is_offered(&fake));
    assert_int_equal(live_request(live, "GET", "/api/v1/devices/7cdfa1000001", NULL), 200);
    assert_string_equal(live_text(live, "reason"), "downgrade");
    assert_int_equal(deploy(live, "2.0.0", ",\"allow_downgrade\":true"), 201);
    assert_true(json_is_true(json_object_get(live->json, "allow_downgrade")));
    assert_int_equal(live_request(live, "GET", "/api/v1/devices/7cdfa1000001", NULL), 200);
    assert_string_equal(live_text(live, "reason"),
                        "no-upgrade-path"); /* it is by the first key alone */
}

static void undo_and_rollback_floor(void **state)
{
    struct live *live = *state;
    const struct wanted first = {"1.0.0", 1, 0, live->key, {live->key}, false, false},
                        second = {"2.0.0", 2, 0, live->key, {live->key}, false, false};
    upload(live, &first, 201);
    upload(live, &second, 201);
    struct fake_device fake = join(live);
    runs(live, &fake, "2.0.0");
    assert_int_equal(deploy(live, "1.0.0", ",\"allow_downgrade\":1"), 422);
    assert_string_equal(live_text(live, "field"), "allow_downgrade");
    assert_int_equal(deploy(live, "1.0.0", ",\"allow_downgrade\":true"), 201);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(fake.instruction.flags,
                     GODWIT_INSTRUCTION_INSTALL | GODWIT_INSTRUCTION_ALLOW_DOWNGRADE);
    live_stop(live);
    live_start(live);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(fake.instruction.flags,
                     GODWIT_INSTRUCTION_INSTALL | GODWIT_INSTRUCTION_ALLOW_DOWNGRADE);
    fake.checkin.rollback_floor = 2;
    fake.checkin.unwatched = true;
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(fake.instruction.flags, GODWIT_INSTRUCTION_NO_UPDATE);
    assert_int_equal(live_request(live, "GET", "/api/v1/devices/7cdfa1000001", NULL), 200);
    assert_string_equal(live_text(live, "reason"), "below-rollback-floor");
    const json_t *facts = json_object_get(live->json, "facts");
    assert_int_equal(json_integer_value(json_object_get(facts, "rollback_floor")), 2);
    assert_true(json_is_true(json_object_get(facts, "unwatched")));
}

/* The newest line of the device's history; waits for one of this kind, which the server writes
 * after it has answered. */
static const json_t *wait_for_event(struct live *live, const char *kind)
{
    for (int i = 0; i < 60000; i++) {
        CASE(i);
        assert_int_equal(live_request(live, "GET", "/api/v1/devices/7cdfa1000001/events", NULL),
                         200);
        const json_t *event = json_array_get(json_object_get(live->json, "items"), 0);
        if (!strcmp(json_string_value(json_object_get(event, "kind")), kind)) return event;
        nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
    fail_msg("no event %s within two minutes", kind);
    return NULL;
}

/* Who is switched off, and who can not take it: a rollout that stands says why. */
static void whom_a_rollout_does_not_reach(void **state)
{
    struct live *live = *state;
    const struct wanted first = {"1.0.0", 1, 0, live->key, {live->key}, false, false},
                        second = {"2.0.0", 2, 0, live->key, {live->key}, false, false};
    upload(live, &first, 201);
    struct fake_device fake = join(live);
    runs(live, &fake, "1.0.0");
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    upload(live, &second, 201);
    assert_int_equal(deploy(live, "2.0.0", ""), 201);
    assert_int_equal(live_number(live, "not_seen"), 1);
    assert_int_equal(live_number(live, "incompatible"), 0);
    assert_string_equal(live_text(live, "state"), "running");
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(live_request(live, "GET", "/api/v1/rollouts/1", NULL), 200);
    assert_int_equal(live_number(live, "not_seen"), 0);
    assert_int_equal(live_number(live, "in_progress"), 1);
    live_release(live, "3.0.0"); /* without a policy */
    assert_int_equal(deploy(live, "3.0.0", ""), 201);
    live_settle(live);
    assert_int_equal(live_request(live, "GET", "/api/v1/rollouts/2", NULL), 200);
    assert_int_equal(live_number(live, "incompatible"), 1);
    assert_int_equal(live_number(live, "not_seen"), 0);
    assert_string_equal(live_text(live, "state"), "done");
    const json_t *event = wait_for_event(live, "not-offered");
    assert_string_equal(json_string_value(json_object_get(event, "reason")), "policy-missing");
}

static const char *first_of(const struct live *live, const char *list)
{
    const char *text = json_string_value(json_array_get(json_object_get(live->json, list), 0));
    return text ? text : "";
}

/* From there on devices would take instructions from whoever stands in for the server. */
static void no_deploy_key_must_be_meant(void **state)
{
    struct live *live = *state;
    const struct wanted first = {"1.0.0", 1, 0, live->key, {live->key}, false, true},
                        second = {"2.0.0", 2, 0, live->key, {live->key}, false, true},
                        third = {"3.0.0", 3, 0, live->key, {live->key}, false, false};
    upload(live, &first, 201); /* the initial policy lists one */
    assert_string_equal(first_of(live, "overrides"), "no_deploy_key");
    assert_non_null(strstr(first_of(live, "warnings"), "unsigned"));
    assert_true(json_is_true(json_object_get(live->json, "deployable")));
    assert_int_equal(deploy(live, "1.0.0", ",\"trust_reset\":true"), 409);
    assert_string_equal(live_text(live, "type"), "no-deploy-key");
    assert_string_equal(live_text(live, "field"), "no_deploy_key");
    assert_non_null(strstr(live_text(live, "detail"), "--no-deploy-key"));
    assert_int_equal(live_count(live, "select count(*) from rollouts"), 0);
    assert_int_equal(deploy(live, "1.0.0", ",\"no_deploy_key\":1"), 422);
    assert_int_equal(deploy(live, "1.0.0", ",\"no_deploy_key\":true"), 201);
    upload(live, &second, 201); /* which changes nothing any more */
    assert_string_equal(first_of(live, "overrides"), "");
    assert_int_equal(deploy(live, "2.0.0", ""), 201);
    upload(live, &third, 201);
    assert_int_equal(deploy(live, "3.0.0", ""), 201);
}

static void a_key_that_was_dropped_comes_back_with_an_override(void **state)
{
    struct live *live = *state;
    const struct wanted first = {"1.0.0", 1, 0, live->key, {live->key}, false, false},
                        bridge = {"2.0.0", 2, 0, live->key, {live->key, other_key}, false, false},
                        last = {"3.0.0", 3, 0, other_key, {other_key}, false, false},
                        again = {"4.0.0", 4, 0, other_key, {other_key, live->key}, false, false};
    upload(live, &first, 201);
    upload(live, &bridge, 201);
    assert_int_equal(deploy(live, "2.0.0", ""), 201);
    upload(live, &last, 201);
    assert_int_equal(deploy(live, "3.0.0", ""), 201);
    upload(live, &again, 201);
    assert_string_equal(first_of(live, "overrides"), "retrusted_key");
    assert_non_null(strstr(first_of(live, "warnings"), "again, which 3.0.0 had dropped"));
    assert_int_equal(deploy(live, "4.0.0", ",\"trust_reset\":true"), 409);
    assert_string_equal(live_text(live, "type"), "retrusted-key");
    assert_non_null(strstr(live_text(live, "detail"), "3.0.0 had dropped"));
    assert_int_equal(deploy(live, "2.0.0", ",\"allow_downgrade\":true"),
                     201); /* it never lost it */
    assert_int_equal(deploy(live, "4.0.0", ",\"retrusted_key\":true"), 201);
}

static void a_person_must_confirm(void **state)
{
    struct live *live = *state;
    const struct wanted first = {"1.0.0", 1, 0, live->key, {live->key}, false, false},
                        clean = {"2.0.0", 2,    GODWIT_POLICY_TRUST_RESET, live->key, {other_key},
                                 false,   false},
                        deaf = {"3.0.0", 3, 0, live->key, {live->key}, true, false};
    upload(live, &first, 201);
    upload(live, &clean, 201);
    assert_int_equal(deploy(live, "2.0.0", ""), 409);
    assert_string_equal(live_text(live, "type"), "trust-reset");
    assert_int_equal(live_count(live, "select count(*) from rollouts"), 0);
    assert_int_equal(deploy(live, "2.0.0", ",\"trust_reset\":true"), 201);
    upload(live, &deaf, 201);
    assert_non_null(strstr(first_of(live, "warnings"), "no deploy key of this server"));
    assert_true(json_is_false(json_object_get(live->json, "deployable")));
    assert_int_equal(json_array_size(json_object_get(live->json, "overrides")), 0);
    assert_int_equal(deploy(live, "3.0.0", ""), 409);
    assert_string_equal(live_text(live, "type"), "deploy-key");
}

static void deleting(void **state)
{
    struct live *live = *state;
    static const char PATH[] = "/api/v1/releases/thermostat/1.1.0";
    live_release(live, "1.0.0");
    live_release(live, "1.1.0");
    live_release(live, "1.2.0");
    assert_int_equal(live_blobs(live), 3);
    assert_int_equal(live_request(live, "DELETE", "/api/v1/releases/thermostat/9", NULL), 404);
    assert_string_equal(live_text(live, "type"), "no-release");
    struct fake_device fake = join(live);
    /* a name that is longer than any is not cut down to another one's */
    struct release *spare =
        release_find(&live->app.fleet.catalogue, FLEET_ORG, "thermostat", "1.2.0");
    memset(spare->version, 'v', 32);
    assert_int_equal(live_request(live, "DELETE",
                                  "/api/v1/releases/thermostat/vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv",
                                  NULL),
                     404);
    snprintf(spare->version, sizeof spare->version, "1.2.0");
    assert_int_equal(deploy(live, "1.1.0", ""), 201);
    assert_int_equal(live_request(live, "DELETE", PATH, NULL), 409);
    assert_string_equal(live_text(live, "type"), "in-use");
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(deploy(live, "1.2.0", ""), 201);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(live_request(live, "DELETE", PATH, NULL), 200);
    assert_int_equal(live_number(live, "files"), 1);
    assert_int_equal(live_blobs(live), 2);
    assert_int_equal(live_request(live, "GET", "/api/v1/rollouts/1", NULL), 404);
    live_stop(live);
    live_start(live);
    assert_int_equal(live_request(live, "DELETE", PATH, NULL), 404);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_true(fake_is_offered(&fake));
    live_release(live, "1.1.0");
    assert_int_equal(live_blobs(live), 3);
}

/* Before the change it obeys the first key, then both; the initial policy tells of both. */
static void the_next_deploy_key(void **state)
{
    struct live *live = *state;
    struct godwit_policy seed, old = {.deploy_keys_count = 1};
    uint32_t index;
    live_release(live, "1.0.0");
    struct fake_device fake = join(live);
    memcpy(old.deploy_keys[0], live->app.deploy_keys.points[0], 64);
    memcpy(fake.checkin.deploy_keys, old.deploy_keys[0], 8);
    live_stop(live);
    assert_int_equal(deploy_keys_next(live->data), GODWIT_OK);
    live_start(live);
    assert_int_equal(live->app.deploy_keys.count, 2);
    assert_int_equal(fake_checkin_as(live, &fake, fake.bearer, 1), 200);
    assert_int_equal(godwit_instruction_verify(fake.reply.instruction, &old, &index), GODWIT_OK);
    memcpy(fake.checkin.deploy_keys + 8, live->app.deploy_keys.points[0], 8);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_not_equal(godwit_instruction_verify(fake.reply.instruction, &old, &index),
                         GODWIT_OK);
    assert_int_equal(live_request(live, "GET", "/api/v1/products/thermostat/initial-policy", NULL),
                     200);
    assert_int_equal(godwit_policy_decode((const uint8_t *)live->body, true, &seed), GODWIT_OK);
    assert_int_equal(seed.deploy_keys_count, 2);
    assert_memory_equal(seed.deploy_keys, live->app.deploy_keys.points, 128);
    assert_int_equal(live_request(live, "GET", "/api/v1/status", NULL), 200);
    const json_t *keys = json_object_get(live->json, "deploy_keys");
    assert_int_equal(json_array_size(keys), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(keys, 0), "devices")), 1);
}

static void mirrors_are_named_with_an_install(void **state)
{
    struct live *live = *state;
    live_stop(live);
    live->settings.mirrors[0] = "https://one.example/fw";
    live->settings.mirrors[1] = "https://two.example";
    live_start(live);
    live_release(live, "1.0.0");
    struct fake_device fake = join(live);
    assert_string_equal(fake.reply.sources[0], "");
    assert_int_equal(deploy(live, "1.0.0", ""), 201);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_string_equal(fake.reply.sources[0], "https://one.example/fw");
    assert_string_equal(fake.reply.sources[1], "https://two.example");
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
#define LIVE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        LIVE(over_a_bridge_and_back),
        LIVE(undo_and_rollback_floor),
        LIVE(whom_a_rollout_does_not_reach),
        LIVE(no_deploy_key_must_be_meant),
        LIVE(a_key_that_was_dropped_comes_back_with_an_override),
        LIVE(a_person_must_confirm),
        LIVE(deleting),
        LIVE(the_next_deploy_key),
        LIVE(mirrors_are_named_with_an_install),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
