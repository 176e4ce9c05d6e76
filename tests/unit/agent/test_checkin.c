/* ASK: first contact, silence, busy servers, answers that are none, and a change of mind. */
#include "case.h"
#include "device_test.h"
#include "wire.h"

static struct device device;

static int setup(void **state)
{
    (void)state;
    device_begin(&device);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    device_end(&device);
    return 0;
}

static void the_token_is_stored_before_it_is_sent(void **state)
{
    (void)state;
    assert_true(device_run(&device, done_checked_in, 60));
    uint8_t token[32];
    memcpy(token, device.peer.token, 32);
    device_power_cycle(&device);
    device.peer.is_enrolled = false; /* as if the first reply had never arrived */
    device_run(&device, NULL, 60);
    assert_memory_equal(device.board.agent.journal.tokens[0], token, 32);
    assert_false(godwit_all(token, 32, 0));
}

static void a_cut_claim_is_repeated_with_the_same_token(void **state)
{
    (void)state;
    device.peer.status = 503;
    device_run(&device, NULL, 30);
    uint8_t token[32];
    memcpy(token, device.board.agent.journal.tokens[0], 32);
    assert_false(device_status(&device).enrolled);
    device_power_cycle(&device);
    device.peer.status = 0;
    assert_true(device_run(&device, done_checked_in, 900));
    assert_memory_equal(device.peer.token, token, 32);
    assert_true(device_status(&device).enrolled);
}

static void a_server_that_forgot_us_gets_the_claim_again(void **state)
{
    (void)state;
    assert_true(device_run(&device, done_checked_in, 60));
    device.peer.is_enrolled = false;
    device_run(&device, NULL, 300);
    assert_int_equal(device.peer.claims, 2);
    assert_true(device_status(&device).enrolled);
    assert_false(device_status(&device).is_pending);
}

static void another_token_waits_for_a_person(void **state)
{
    (void)state;
    device.peer.is_enrolled = true; /* this id came with another token before */
    memset(device.peer.token, 7, 32);
    device_run(&device, NULL, 300);
    assert_true(device.peer.claims >= 4); /* "pending" is asked again, at the interval */
    assert_true(device_status(&device).is_pending);
    assert_false(device_status(&device).enrolled);
    assert_int_equal(device_status(&device).last_reason, GODWIT_REASON_NONE);
}

static void silence_is_answered_with_patience(void **state)
{
    (void)state;
    device.peer.is_silent = true;
    device_run(&device, NULL, 3600);
    uint32_t tries = device_status(&device).checkins;
    assert_in_range(tries, 12, 40); /* 2 s, doubling to 5 min, half of it jitter */
    device.peer.is_silent = false;
    assert_true(device_run(&device, done_checked_in, 400));
}

static uint32_t retry_after_s;
static struct godwit_net inner;
static uint64_t answered_ms;

static godwit_err read_with_retry_after(void *ctx, uint8_t *data, size_t size_max, size_t *size_out,
                                        struct godwit_reply *reply)
{
    (void)ctx;
    godwit_err err = inner.read(inner.ctx, data, size_max, size_out, reply);
    reply->retry_after_s = retry_after_s;
    if (err == GODWIT_ERR_END) answered_ms = device.now_ms;
    return err;
}

static void retry_after_is_obeyed(void **state)
{
    (void)state;
    inner = device.board.options.net;
    device.board.options.net.read = read_with_retry_after;
    device.peer.status = 503;
    retry_after_s = 1234;
    device_run(&device, NULL, 10);
    assert_true(answered_ms > 0);
    uint64_t first_ms = answered_ms;
    device_run(&device, NULL, 1200);
    assert_int_equal(answered_ms, first_ms);
    device_run(&device, NULL, 60);
    assert_true(answered_ms >= first_ms + 1234000);
}

static godwit_err never_reads(void *ctx, uint8_t *data, size_t size_max, size_t *size_out,
                              struct godwit_reply *reply)
{
    (void)ctx, (void)data, (void)size_max, (void)reply;
    *size_out = 0;
    return GODWIT_OK;
}

static void a_server_that_never_replies_is_left_after_half_a_minute(void **state)
{
    (void)state;
    inner = device.board.options.net;
    device.board.options.net.read = never_reads;
    device_run(&device, NULL, 29);
    assert_int_equal(device_status(&device).state, GODWIT_STATE_CHECKIN);
    device_run(&device, NULL, 2);
    assert_int_equal(device_status(&device).state, GODWIT_STATE_IDLE);
    device.board.options.net = inner;
    assert_true(device_run(&device, done_checked_in, 60));
}

static size_t reply_size;
static const char *reply_text;
static godwit_err reads_a_text(void *ctx, uint8_t *data, size_t size_max, size_t *size_out,
                               struct godwit_reply *reply)
{
    (void)ctx;
    *reply = (struct godwit_reply){.status = 200, .content_length = UINT32_MAX};
    *size_out = reply_size < size_max ? reply_size : size_max;
    if (*size_out == 0) return GODWIT_ERR_END;
    for (size_t i = 0; i < *size_out; i++)
        data[i] = reply_text ? (uint8_t)*reply_text++ : ' ';
    reply_size -= *size_out;
    return GODWIT_OK;
}

static void replies_that_are_none_are_refused_and_reported(void **state)
{
    (void)state;
    static const char *const texts[] = {
        NULL,
        "",
        "{",
        "[]",
        "{\"interval_s\":60}",
        "{\"interval_s\":0,\"instruction\":\"R1dJMQ==\"}",
        "{\"interval_s\":60,\"outcome_id\":0,\"instruction\":\"R1dJMQ==\"}"};
    assert_true(device_run(&device, done_checked_in, 60));
    inner = device.board.options.net;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CASE(i);
        device.board.options.net = inner;
        device.board.options.net.read = reads_a_text;
        reply_text = texts[i];
        reply_size = texts[i] ? strlen(texts[i]) : 100000; /* NULL: no end of blanks */
        godwit_agent_wake(&device.board.agent);
        device.peer.outcomes = 0;
        device_run(&device, NULL, 0);
        device.board.options.net = inner;
        assert_true(device_run(&device, done_outcome, 1000));
        assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_REPLY_MALFORMED);
        assert_int_equal(device.peer.outcome.rollout_id, 0); /* nobody is blamed for it */
        device_run(&device, NULL, 10);
        assert_int_equal(device_status(&device).state, GODWIT_STATE_IDLE);
    }
}

/* A sound answer with blanks behind it: 1,024 bytes are taken, not one more. */
static void a_reply_has_a_largest_size(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {GODWIT_CHECKIN_REPLY_MAX, GODWIT_CHECKIN_REPLY_MAX + 1};
    struct wire wire;
    assert_true(device_run(&device, done_checked_in, 60));
    wire_init(&wire, &device.board.options.net, &device.now_ms);
    device.board.options.net = wire_port(&wire);
    for (size_t i = 0; i < 2; i++) {
        wire.turns[WIRE_CHECKIN] = (struct wire_turn){
            .cuts = 1, .cut_at = sizes[i], .is_false = true, .extra = 2000, .times = 1};
        wire.requests[WIRE_CHECKIN] = 0;
        godwit_agent_wake(&device.board.agent);
        device_run(&device, NULL, 10);
        assert_int_equal(wire.reply_size, sizes[i]);
        assert_int_equal(device_status(&device).last_reason,
                         i ? GODWIT_REASON_REPLY_MALFORMED : GODWIT_REASON_NONE);
    }
}

/* What the application says of its device is told as it stands; what is too long, is not, and keeps
 * nobody away. */
static void the_application_says_what_the_device_is(void **state)
{
    (void)state;
    static char text[GODWIT_ATTRIBUTES_SIZE + 1];
    assert_true(device_run(&device, done_checked_in, 60));
    assert_string_equal(device.peer.last.attributes, "");
    device.board.options.attributes = text;
    snprintf(text, sizeof text, "site=berlin room=2");
    device_power_cycle(&device);
    device_run(&device, NULL, 10);
    assert_string_equal(device.peer.last.attributes, "site=berlin room=2");
    snprintf(text, sizeof text, "site=paris"); /* between two steps */
    device_run(&device, NULL, 90);
    assert_string_equal(device.peer.last.attributes, "site=paris");
    memset(text, '"', GODWIT_ATTRIBUTES_SIZE - 1); /* the largest that there is */
    device_run(&device, NULL, 90);
    assert_string_equal(device.peer.last.attributes, text);
    text[GODWIT_ATTRIBUTES_SIZE - 1] = '"';
    uint32_t checkins = device.peer.checkins;
    device_run(&device, NULL, 90);
    assert_true(device.peer.checkins > checkins);
    assert_string_equal(device.peer.last.attributes, "");
}

static void a_release_withdrawn_before_the_switch_stays_away(void **state)
{
    (void)state;
    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    device.peer.withdraws = true;
    peer_offer(&device.peer, file.data, file.size, 5);
    assert_true(device_run(&device, done_outcome, 300));
    assert_int_equal(device.peer.outcome.reason, GODWIT_REASON_WITHDRAWN);
    assert_int_equal(device.peer.outcome.stage, GODWIT_STAGE_SWITCH);
    device_run(&device, NULL, 600);
    assert_int_equal(device.peer.outcomes, 1);
    assert_int_equal(device.board.counters.boots, 1);
    assert_memory_equal(device.peer.last.staged_file_sha256, device.peer.file_sha256, 32);
    /* offered again, it is switched to at once */
    device.peer.withdraws = false;
    peer_offer(&device.peer, file.data, file.size, 6);
    assert_true(device_run(&device, done_confirmed, 300));
    assert_int_equal(device.peer.image_requests, 1);
    free(file.data);
}

/* While it asks "may I switch now?" the reply names another file: that one is fetched. */
static void the_fresh_reply_must_name_what_was_verified(void **state)
{
    (void)state;
    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    struct firmware other = firmware_signed("1.2.0", BEHAVIOUR_HEALTHY, 0);
    peer_offer(&device.peer, file.data, file.size, 5);
    assert_true(device_run(&device, done_verifying, 300));
    peer_offer(&device.peer, other.data, other.size, 6);
    assert_true(device_run(&device, done_confirmed, 600));
    assert_string_equal(device.peer.last.version, "1.2.0");
    assert_int_equal(device.board.counters.boots, 2);
    free(file.data);
    free(other.data);
}

static void a_verified_slot_waits_for_a_server_that_is_gone(void **state)
{
    (void)state;
    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    peer_offer(&device.peer, file.data, file.size, 5);
    assert_true(device_run(&device, done_verifying, 300));
    device.peer.is_silent = true;
    device_run(&device, NULL, 3600);
    assert_int_equal(device.board.counters.boots, 1);
    device.peer.is_silent = false;
    assert_true(device_run(&device, done_confirmed, 900));
    assert_int_equal(device.peer.image_requests, 1);
    free(file.data);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_token_is_stored_before_it_is_sent),
        TEST(a_cut_claim_is_repeated_with_the_same_token),
        TEST(a_server_that_forgot_us_gets_the_claim_again),
        TEST(another_token_waits_for_a_person),
        TEST(silence_is_answered_with_patience),
        TEST(retry_after_is_obeyed),
        TEST(a_server_that_never_replies_is_left_after_half_a_minute),
        TEST(replies_that_are_none_are_refused_and_reported),
        TEST(a_reply_has_a_largest_size),
        TEST(the_application_says_what_the_device_is),
        TEST(a_release_withdrawn_before_the_switch_stays_away),
        TEST(the_fresh_reply_must_name_what_was_verified),
        TEST(a_verified_slot_waits_for_a_server_that_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
