/* Check-ins over the wire: joining, being told, fetching, proving, rolling back; and every way of
 * asking wrongly, which changes nothing. */
#include "case.h"
#include "fake_device.h"

static struct bytes latest; /* the file of 1.1.0 */

static int teardown(void **state)
{
    free(latest.data);
    latest.data = NULL;
    return live_teardown(state);
}

static void deploy(struct live *live, const char *version)
{
    char body[96];
    snprintf(body, sizeof body, "{\"product\":\"thermostat\",\"version\":\"%s\"}", version);
    assert_int_equal(live_request(live, "POST", "/api/v1/rollouts", body), 201);
}

/* A server with 1.0.0 and 1.1.0, and one device that has joined. */
static struct fake_device begin(struct live *live)
{
    char claim[128];
    struct fake_device fake = fake_make(1);
    live_release(live, "1.0.0");
    latest = live_release_file(live, "1.1.0");
    live_claim(live, 1, claim);
    fake_enrol(live, &fake, claim);
    return fake;
}

static int64_t rows_count(struct live *live)
{
    return live_count(live, "select (select count(*) from devices) + (select count(*) from events)"
                            " + (select count(*) from members) + (select sum(used_count) from"
                            " claims)");
}

/* Every reply announces it, and its signed instruction names it. */
static void the_next_ca_is_announced(void **state)
{
    struct live *live = *state;
    static const uint8_t none[32];
    struct fake_device fake = begin(live);
    assert_memory_equal(fake.reply.next_ca, none, 32);
    assert_memory_equal(fake.instruction.next_ca, none, 8);
    memset(live->app.next_ca, 0xB7, 32);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_memory_equal(fake.reply.next_ca, live->app.next_ca, 32);
    assert_memory_equal(fake.instruction.next_ca, live->app.next_ca, 8);
}

static void joining(void **state)
{
    struct live *live = *state;
    char claim[128];
    struct fake_device fake = fake_make(1), other = fake_make(2), thief = fake_make(1);
    live_release(live, "1.0.0");
    live_claim(live, 1, claim);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 401);
    assert_int_equal(fake_checkin(live, &fake, claim), 200);
    assert_int_equal(fake.instruction.flags, GODWIT_INSTRUCTION_NO_UPDATE);
    assert_int_equal(fake.reply.interval_s, 7);
    /* again after a cut: the same reply, nothing spent */
    assert_int_equal(fake_checkin(live, &fake, claim), 200);
    assert_true(fake.reply.has_instruction);
    assert_int_equal(live_count(live, "select used_count from claims"), 1);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    /* the claim is used up for others, and an id is not taken over */
    assert_int_equal(fake_checkin(live, &other, claim), 401);
    assert_string_equal(live_text(live, "type"), "claim-used-up");
    memset(thief.checkin.token, 0x66, 32);
    assert_int_equal(fake_checkin(live, &thief, claim), 200);
    assert_true(thief.reply.pending);
    assert_false(thief.reply.has_instruction);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(fake_checkin(live, &other, "gw1.unknown.spki"), 401);
    assert_int_equal(live_count(live, "select count(*) from devices"), 1);
    /* a claim token ends in the digest of the CA's key */
    char spki[44];
    const char *last = strrchr(claim, '.') + 1;
    assert_int_equal(strlen(last), 43);
    godwit_base64_encode(live->app.ca_sha256, 32, (char[45]){0});
    for (size_t i = 0; i < 43; i++)
        spki[i] = last[i] == '-' ? '+' : last[i] == '_' ? '/' : last[i];
    char expected[45];
    godwit_base64_encode(live->app.ca_sha256, 32, expected);
    assert_memory_equal(spki, expected, 43);
}

static void installing(void **state)
{
    struct live *live = *state;
    struct fake_device fake = begin(live);
    struct bytes file = latest;
    deploy(live, "1.1.0");
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_true(fake_is_offered(&fake));
    assert_int_equal(fake.instruction.file_size, file.size);
    assert_int_equal(fake.instruction.rollout_id, 1);
    assert_int_equal(fake.instruction.chip_id, fake.checkin.chip_id);
    assert_int_equal(fake_fetch(live, &fake, NULL), 200);
    assert_int_equal(live->body_size, file.size);
    assert_memory_equal(live->body, file.data, file.size);
    /* the first look before the switch names the same, with a newer sequence */
    uint64_t sequence = fake.instruction.sequence;
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_true(fake_is_offered(&fake));
    assert_true(fake.instruction.sequence > sequence);
    /* on trial, then confirmed */
    assert_int_equal(live_request(live, "GET", "/api/v1/releases", NULL), 200);
    struct release *release =
        release_find(&live->app.fleet.catalogue, FLEET_ORG, "thermostat", "1.1.0");
    memcpy(fake.checkin.image_sha256, release->images[0].image_sha256, 32);
    fake.checkin.on_trial = true;
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(fake.instruction.flags, GODWIT_INSTRUCTION_NO_UPDATE);
    fake.checkin.on_trial = false;
    fake.checkin.outcome =
        (struct godwit_outcome){.id = 4, .rollout_id = 1, .stage = GODWIT_STAGE_CONFIRMED};
    memcpy(fake.checkin.outcome.file_sha256, release->images[0].file_sha256, 32);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(fake.reply.outcome_id, 4);
    assert_int_equal(live_count(live, "select outcome_id from devices"), 4);
    assert_int_equal(live_request(live, "GET", "/api/v1/rollouts/1", NULL), 200);
    assert_string_equal(live_text(live, "state"), "done");
    assert_int_equal(live_number(live, "succeeded"), 1);
}

static void rolling_back(void **state)
{
    struct live *live = *state;
    struct fake_device fake = begin(live);
    deploy(live, "1.1.0");
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    fake.checkin.outcome = (struct godwit_outcome){.id = 1,
                                                   .rollout_id = 1,
                                                   .stage = GODWIT_STAGE_ROLLED_BACK,
                                                   .reason = GODWIT_REASON_FLASH,
                                                   .detail = "tls"};
    memcpy(fake.checkin.outcome.file_sha256, fake.instruction.file_sha256, 32);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_true(fake_is_offered(&fake));
    fake.checkin.outcome.id = 2;
    fake.checkin.outcome.reason = GODWIT_REASON_TRIAL_PANIC;
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_false(fake_is_offered(&fake));
    assert_int_equal(fake.reply.outcome_id, 2);
    assert_int_equal(live_request(live, "GET", "/api/v1/devices/7cdfa1000001/events", NULL), 200);
    json_t *event = json_array_get(json_object_get(live->json, "items"), 0);
    assert_string_equal(json_string_value(json_object_get(event, "kind")), "failed");
    assert_string_equal(json_string_value(json_object_get(event, "reason")), "trial-panic");
    assert_string_equal(json_string_value(json_object_get(event, "version")), "1.1.0");
    assert_int_equal(live_request(live, "GET", "/api/v1/devices/7cdfa1000001", NULL), 200);
    assert_string_equal(live_text(live, "reason"), "failed-before");
    assert_string_equal(live_text(live, "state"), "failed");
    assert_int_equal(live_request(live, "GET", "/api/v1/rollouts/1", NULL), 200);
    assert_int_equal(live_number(live, "failed"), 1);
    assert_string_equal(live_text(live, "state"), "paused");
}

/* ---- asking wrongly ---- */

static void malformed_gets_400_and_changes_nothing(void **state)
{
    struct live *live = *state;
    struct fake_device fake = begin(live);
    deploy(live, "1.1.0");
    int64_t rows = rows_count(live);
    static const char *const BODIES[] = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"device_id\":\"7cdfa1000001\"}",
        "{\"device_id\":1,\"nonce\":2}",
    };
    for (size_t i = 0; i < sizeof BODIES / sizeof *BODIES; i++) {
        CASE(i);
        struct call call = {"POST", "/v1/checkin", fake.bearer, NULL, BODIES[i], strlen(BODIES[i])};
        assert_int_equal(live_call(live, &call), 400);
        assert_string_equal(live_text(live, "type"), "malformed");
    }
    /* a good one, cut at every byte */
    char text[GODWIT_CHECKIN_REQUEST_MAX];
    size_t size;
    assert_int_equal(godwit_checkin_encode(&fake.checkin, text, sizeof text, &size), GODWIT_OK);
    for (size_t cut = 1; cut < size; cut++) {
        CASE(cut);
        struct call call = {"POST", "/v1/checkin", fake.bearer, NULL, text, cut};
        assert_int_equal(live_call(live, &call), 400);
    }
    assert_int_equal(rows_count(live), rows);
    struct device *device = device_find(&live->app.fleet, FLEET_ORG, fake.checkin.device_id);
    assert_int_equal(device->facts.checkins, 0);
    char big[GODWIT_CHECKIN_REQUEST_MAX + 2];
    memset(big, ' ', sizeof big);
    struct call call = {"POST", "/v1/checkin", fake.bearer, NULL, big, sizeof big};
    assert_int_equal(live_call(live, &call), 413);
}

static void unknown_members_are_ignored(void **state)
{
    struct live *live = *state;
    struct fake_device fake = begin(live);
    char text[GODWIT_CHECKIN_REQUEST_MAX], more[GODWIT_CHECKIN_REQUEST_MAX + 64];
    size_t size;
    assert_int_equal(godwit_checkin_encode(&fake.checkin, text, sizeof text, &size), GODWIT_OK);
    snprintf(more, sizeof more, "{\"of_tomorrow\":{\"a\":[1,null]},%s", text + 1);
    struct call call = {"POST", "/v1/checkin", fake.bearer, NULL, more, strlen(more)};
    assert_int_equal(live_call(live, &call), 200);
}

static const char *first_state(struct live *live)
{
    assert_int_equal(live_request(live, "GET", "/api/v1/rollouts/1/devices", NULL), 200);
    json_t *device = json_array_get(json_object_get(live->json, "items"), 0);
    const char *state = json_string_value(json_object_get(device, "state"));
    return state ? state : "";
}

/* A device that an older rollout did not come to tell is the newer one's: the older is not left
 * waiting for it for ever. */
static void an_older_rollout_does_not_wait_for_ever(void **state)
{
    struct live *live = *state;
    begin(live);
    deploy(live, "1.0.0");
    assert_int_equal(live_request(live, "GET", "/api/v1/rollouts/1", NULL), 200);
    assert_string_equal(live_text(live, "state"), "running");
    assert_string_equal(first_state(live), "queued");
    deploy(live, "1.1.0");
    live_settle(live);
    assert_int_equal(live_request(live, "GET", "/api/v1/rollouts/1", NULL), 200);
    assert_string_equal(live_text(live, "state"), "done");
    assert_string_equal(first_state(live), "superseded");
    assert_int_equal(live_request(live, "GET", "/api/v1/rollouts/2", NULL), 200);
    assert_string_equal(live_text(live, "state"), "running");
    assert_int_equal(live_number(live, "selected"), 1);
}

/* What a device says of itself can not spoil the operator's pages. */
static void texts_are_shown_plain(void **state)
{
    struct live *live = *state;
    struct fake_device fake = begin(live);
    snprintf(fake.checkin.version, sizeof fake.checkin.version, "1\xc3\xbc<\xc3\x28\x7f");
    fake_checkin(live, &fake, fake.bearer);
    live_settle(live);
    assert_int_equal(live_request(live, "GET", "/api/v1/devices", NULL), 200);
    json_t *device = json_array_get(json_object_get(live->json, "items"), 0);
    assert_string_equal(json_string_value(json_object_get(device, "version")), "1\xc3\xbc<?(?");
}

/* A cloned flash brings another id under a token that is taken. It hears so; the group that its
 * claim shares with others is not lost to a broken constraint. */
static void a_cloned_token_is_refused(void **state)
{
    struct live *live = *state;
    struct fake_device fake = begin(live), clone = fake_make(2);
    char claim[128];
    live_claim(live, 5, claim);
    memcpy(clone.checkin.token, fake.checkin.token, 32);
    assert_true(clone.checkin.has_token);
    int64_t rows = rows_count(live);
    assert_int_equal(fake_checkin(live, &clone, claim), 401);
    assert_string_equal(live_text(live, "type"), "token-taken");
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(rows_count(live), rows);
}

static void unknown_callers_get_401_and_change_nothing(void **state)
{
    struct live *live = *state;
    struct fake_device fake = begin(live), other = fake_make(2);
    int64_t rows = rows_count(live);
    char wrong[65];
    memcpy(wrong, fake.bearer, sizeof wrong);
    for (size_t i = 0; i < 64; i += 7) {
        CASE(i);
        char before = wrong[i];
        wrong[i] = before == '0' ? '1' : '0';
        assert_int_equal(fake_checkin(live, &fake, wrong), 401);
        wrong[i] = before;
    }
    assert_int_equal(fake_checkin(live, &fake, NULL), 401);
    assert_int_equal(fake_checkin(live, &fake, "00"), 401);
    /* a good token, but another device's id */
    other.checkin.has_token = false;
    assert_int_equal(fake_checkin(live, &other, fake.bearer), 401);
    /* an operator's token is no device's */
    assert_int_equal(fake_checkin(live, &fake, live->admin), 401);
    assert_int_equal(rows_count(live), rows);
}

/* An idle check-in writes nothing: the database file does not change by it. */
static void an_idle_checkin_touches_no_sql(void **state)
{
    struct live *live = *state;
    struct fake_device fake = begin(live);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    uint64_t before = live->app.fleet.transaction;
    for (int i = 0; i < 20; i++) {
        CASE(i);
        assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    }
    assert_int_equal(live->app.fleet.transaction, before);
    assert_true(live->body_size < 600);
}

/* Facts and history outlive the process. */
static void a_restart_goes_on(void **state)
{
    struct live *live = *state;
    struct fake_device fake = begin(live);
    deploy(live, "1.1.0");
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    uint64_t sequence = fake.instruction.sequence;
    live_stop(live);
    live_start(live);
    assert_string_equal(live->password, "");
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_true(fake_is_offered(&fake));
    assert_true(fake.instruction.sequence > sequence);
    assert_int_equal(live_request(live, "GET", "/api/v1/rollouts/1", NULL), 200);
    assert_int_equal(live_number(live, "offered"), 1);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
#define LIVE(test) cmocka_unit_test_setup_teardown(test, live_setup, teardown)
    const struct CMUnitTest tests[] = {
        LIVE(the_next_ca_is_announced),
        LIVE(joining),
        LIVE(installing),
        LIVE(rolling_back),
        LIVE(malformed_gets_400_and_changes_nothing),
        LIVE(a_cloned_token_is_refused),
        LIVE(an_older_rollout_does_not_wait_for_ever),
        LIVE(unknown_members_are_ignored),
        LIVE(texts_are_shown_plain),
        LIVE(unknown_callers_get_401_and_change_nothing),
        LIVE(an_idle_checkin_touches_no_sql),
        LIVE(a_restart_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
