/* CHECKIN, where the server may hold the reply: how long it is asked to, what the agent makes of
 * what the server says, and a line that does not bear it. */
#include "case.h"
#include "device_test.h"

static struct device device;

/* A server that holds, between the agent and the peer: its reply is made when the hold is over. */
static struct holder {
    struct godwit_net inner;
    struct godwit_request request;
    uint32_t grants_s; /* Preference-Applied; 0: it knows nothing of holding */
    uint32_t dies_s;   /* the line dies after so long; 0: it does not */
    int status;        /* … or something on it answers this instead */
    bool replies_at_once;
    bool is_held, is_mute; /* is_mute: nobody hears of the death */
    uint64_t since_ms;
    uint32_t asked_s[64]; /* of each check-in */
    uint64_t asked_ms[64];
    uint32_t count, held;
} holder;

static godwit_err holder_start(void *ctx, const struct godwit_request *request)
{
    (void)ctx;
    bool is_checkin = request->body != NULL;
    holder.request = *request;
    if (is_checkin && holder.count < 64) {
        holder.asked_ms[holder.count] = device.now_ms;
        holder.asked_s[holder.count++] = request->wait_s;
    }
    holder.is_held = is_checkin && request->wait_s && holder.grants_s && !holder.replies_at_once &&
                     device_status(&device).enrolled && !device.peer.file;
    holder.since_ms = device.now_ms;
    if (holder.is_held) holder.held++;
    return holder.is_held ? GODWIT_OK : holder.inner.start(holder.inner.ctx, request);
}

/* Whether it goes on; else *err_out is what came of it. */
static bool holds(godwit_err *err_out, struct godwit_reply *reply)
{
    uint64_t held_ms = device.now_ms - holder.since_ms;
    uint32_t wait_s = holder.request.wait_s;
    if (wait_s > holder.grants_s) wait_s = holder.grants_s;
    bool is_dead = holder.dies_s && held_ms >= holder.dies_s * 1000;
    *err_out = is_dead && !holder.is_mute ? GODWIT_ERR_NET : GODWIT_OK;
    if (is_dead && holder.status) *err_out = GODWIT_ERR_END, reply->status = holder.status;
    if (is_dead) return true;
    return !device.peer.file && held_ms < wait_s * 1000;
}

static godwit_err holder_read(void *ctx, uint8_t *data, size_t size_max, size_t *size_out,
                              struct godwit_reply *reply)
{
    (void)ctx;
    godwit_err err;
    *size_out = 0;
    if (holder.is_held && holds(&err, reply)) return err;
    if (holder.is_held && holder.inner.start(holder.inner.ctx, &holder.request))
        return GODWIT_ERR_NET;
    holder.is_held = false;
    err = holder.inner.read(holder.inner.ctx, data, size_max, size_out, reply);
    if (holder.request.wait_s && reply->status) reply->wait_s = holder.grants_s;
    return err;
}

static void holder_close(void *ctx)
{
    (void)ctx;
    holder.is_held = false;
    holder.inner.close(holder.inner.ctx);
}

static int setup(void **state)
{
    (void)state;
    device_prepare(&device, firmware_key(0));
    holder = (struct holder){.inner = device.options.net, .grants_s = 110};
    device.options.net.start = holder_start;
    device.options.net.read = holder_read;
    device.options.net.close = holder_close;
    device.options.wait_s = 3300;
    device_start(&device);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    device_end(&device);
    return 0;
}

static bool done_held(const struct device *any)
{
    (void)any;
    return holder.is_held;
}

static void a_deploy_is_heard_while_the_interval_is_far(void **state)
{
    (void)state;
    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    assert_true(device_run(&device, done_held, 60));
    device_run(&device, NULL, 50);
    assert_true(holder.is_held);
    uint64_t before_ms = device.now_ms;
    uint32_t checkins = holder.count;
    peer_offer(&device.peer, file.data, file.size, 5);
    while (device_status(&device).state != GODWIT_STATE_FETCH)
        assert_true(device_step(&device));
    assert_true(device.now_ms - before_ms < 1000);
    assert_int_equal(holder.count, checkins); /* it was this very check-in that heard of it */
    assert_true(device_run(&device, done_confirmed, 600));
    free(file.data);
}

/* What an install or a trial waits for is asked without a hold. */
static void nothing_is_held_that_an_install_waits_for(void **state)
{
    (void)state;
    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    assert_true(device_run(&device, done_held, 60));
    device.peer.withdraws = true;
    peer_offer(&device.peer, file.data, file.size, 5);
    assert_true(device_run(&device, done_verifying, 300));
    uint32_t before = holder.count;
    assert_true(device_run(&device, done_outcome, 20)); /* a hold would be longer */
    assert_int_equal(holder.asked_s[before], 0);
    device.peer.withdraws = false;
    peer_offer(&device.peer, file.data, file.size, 6);
    assert_true(device_run(&device, done_on_trial, 300));
    before = holder.count;
    assert_true(device_run(&device, done_confirmed, 300));
    assert_true(holder.count > before);
    assert_int_equal(holder.asked_s[before], 0);
    free(file.data);
}

/* It begins with 110 and follows what the server says, as far as the application lets it. */
static void the_server_chooses_how_long_within_what_the_application_wants(void **state)
{
    (void)state;
    static const struct {
        uint16_t wants_s;
        uint32_t grants_s, first_s, then_s;
    } rows[] = {{3300, 230, 110, 230}, {3300, 50, 110, 50},   {90, 230, 90, 90},
                {5, 110, 5, 5},        {3300, 110, 110, 110}, {3300, 3300, 110, 3300}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        holder.grants_s = rows[i].grants_s;
        device.board.options.wait_s = rows[i].wants_s;
        device_power_cycle(&device);
        holder.count = 0;
        device_run(&device, NULL, 3600);
        assert_int_equal(holder.asked_s[0], rows[i].first_s);
        assert_int_equal(holder.asked_s[1], rows[i].then_s);
    }
}

static void without_the_word_it_comes_by_its_interval(void **state)
{
    (void)state;
    device.options.wait_s = 0; /* the application does not want it, or … */
    device_start(&device);
    device_run(&device, NULL, 600);
    uint32_t count = holder.count;
    assert_in_range(count, 9, 14); /* the peer's interval is a minute */
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(holder.asked_s[i], 0);
    device.options.wait_s = 3300; /* … the server does not know it */
    holder.grants_s = 0;
    holder.count = 0;
    device_start(&device);
    device_run(&device, NULL, 600);
    assert_in_range(holder.count, 9, 14);
    assert_int_equal(holder.asked_s[5], 110);
}

/* A server that promises to hold and replies at once is not asked in a circle. */
static void a_hold_that_is_none_makes_no_circle(void **state)
{
    (void)state;
    holder.replies_at_once = true;
    device_run(&device, NULL, 60);
    assert_in_range(holder.count, 20, 60);
}

static void replies_follow_each_other_without_a_gap(void **state)
{
    (void)state;
    assert_true(device_run(&device, done_held, 60));
    holder.count = holder.held = 0;
    device_run(&device, NULL, 1105);
    assert_in_range(holder.held, 10, 11);
    for (uint32_t i = 1; i < holder.count; i++)
        assert_in_range(holder.asked_ms[i] - holder.asked_ms[i - 1], 110000, 110500);
}

/* Cut once: asked again soon, as before. Cut twice in a row: asked without a hold, so that a line
 * that bears no silence still gets its replies; the interval later it is tried again. */
static void a_line_that_cuts_what_is_held_still_gets_replies(void **state)
{
    (void)state;
    static const int statuses[] = {0, 504, 502, 408};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        CASE(i);
        holder.dies_s = 0;
        assert_true(device_run(&device, done_held, 200));
        holder.status = statuses[i];
        holder.dies_s = 3;
        holder.count = 0;
        device.peer.checkins = 0;
        device_run(&device, NULL, 3600);
        uint32_t count = holder.count < 64 ? holder.count : 64, plain = 0;
        for (uint32_t k = 0; k < count; k++) {
            plain += holder.asked_s[k] == 0;
            if (k >= 2 && holder.asked_s[k - 1] && holder.asked_s[k - 2])
                assert_int_equal(holder.asked_s[k], 0);
            if (k) assert_true(holder.asked_ms[k] - holder.asked_ms[k - 1] < 80000);
        }
        assert_true(plain >= count / 3);
        assert_true(device.peer.checkins >= 40); /* at about each interval, as without a hold */
    }
}

/* Nobody says that the line is dead: 30 s after the hold should have ended. */
static void a_line_that_dies_silently_is_left(void **state)
{
    (void)state;
    assert_true(device_run(&device, done_held, 60));
    holder.dies_s = 1;
    holder.is_mute = true;
    device_run(&device, NULL, 138);
    assert_int_equal(device_status(&device).state, GODWIT_STATE_CHECKIN);
    device_run(&device, NULL, 3);
    assert_int_equal(device_status(&device).state, GODWIT_STATE_IDLE);
    holder.dies_s = 0;
    device_run(&device, NULL, 20);
    assert_true(holder.is_held);
}

/* An offer that it may not try yet is no reason to ask in a circle. */
static void an_offer_that_is_not_due_is_asked_for_by_the_interval(void **state)
{
    (void)state;
    struct firmware file = firmware_signed("1.1.0", BEHAVIOUR_HEALTHY, 0);
    device.peer.image_status = 404;
    device.peer.offers_always = true;
    peer_offer(&device.peer, file.data, file.size, 5);
    device_run(&device, NULL, 7200);
    holder.count = 0;
    device_run(&device, NULL, 1200);
    assert_true(holder.count < 40);
    free(file.data);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_deploy_is_heard_while_the_interval_is_far),
        TEST(nothing_is_held_that_an_install_waits_for),
        TEST(the_server_chooses_how_long_within_what_the_application_wants),
        TEST(without_the_word_it_comes_by_its_interval),
        TEST(a_hold_that_is_none_makes_no_circle),
        TEST(replies_follow_each_other_without_a_gap),
        TEST(a_line_that_cuts_what_is_held_still_gets_replies),
        TEST(a_line_that_dies_silently_is_left),
        TEST(an_offer_that_is_not_due_is_asked_for_by_the_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
