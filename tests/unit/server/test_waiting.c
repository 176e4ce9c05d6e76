/* Devices that wait over TLS for something to do, and what wakes them. */
#include "fake_device.h"
#include "fleet/rollout.h"
#include "fleet/silence.h"

#include <unistd.h>

/* A device on a connection of its own, which waits in a thread of its own. */
struct sleeper {
    struct live live;
    struct fake_device fake;
    pthread_t thread;
    atomic_bool is_answered;
};

static void *sleep_on(void *ctx)
{
    struct sleeper *sleeper = ctx;
    fake_checkin(&sleeper->live, &sleeper->fake, sleeper->fake.bearer);
    sleeper->is_answered = true;
    return NULL;
}

static void sleeper_start(struct sleeper *sleeper)
{
    sleeper->is_answered = false;
    sleeper->fake.header = "Prefer: wait=90";
    pthread_create(&sleeper->thread, NULL, sleep_on, sleeper);
}

static void sleeper_make(struct live *live, struct sleeper *sleeper, uint8_t n, const char *claim)
{
    sleeper->live = *live;
    sleeper->live.curl = curl_easy_init();
    sleeper->live.body = NULL;
    sleeper->live.json = NULL;
    sleeper->fake = fake_make(n);
    fake_enrol(&sleeper->live, &sleeper->fake, claim);
}

/* The one device of a product that has a release. */
static void sleeper_only(struct live *live, struct sleeper *sleeper)
{
    char claim[128];
    live_release(live, "1.1.0");
    live_claim(live, 1, claim);
    sleeper_make(live, sleeper, 1, claim);
}

static void sleeper_free(struct sleeper *sleeper)
{
    curl_easy_cleanup(sleeper->live.curl);
    free(sleeper->live.body);
    json_decref(sleeper->live.json);
}

static void sleeper_join(struct sleeper *sleeper)
{
    pthread_join(sleeper->thread, NULL);
    assert_int_equal(sleeper->live.status, 200);
    assert_true(sleeper->fake.reply.has_instruction);
}

static void until_waiting(struct live *live, size_t count)
{
    while (waiting_count(live->app.waiting) != count)
        usleep(1000);
}

static void wake(struct live *live, const char *id)
{
    char path[96];
    snprintf(path, sizeof path, "/api/v1/devices/%s/check-in-now", id);
    assert_int_equal(live_request(live, "POST", path, NULL), 200);
}

static void test_deploy(void **state)
{
    struct live *live = *state;
    static struct sleeper sleeper;
    sleeper_only(live, &sleeper);
    sleeper_start(&sleeper);
    until_waiting(live, 1);
    assert_int_equal(live_request(live, "POST", "/api/v1/rollouts",
                                  "{\"product\":\"thermostat\",\"version\":\"1.1.0\"}"),
                     201);
    sleeper_join(&sleeper);
    assert_true(fake_is_offered(&sleeper.fake));
    assert_string_equal(sleeper.live.applied, "wait=100");
    assert_int_equal(waiting_count(live->app.waiting), 0);
    /* What it is told to do is not waited for. */
    sleeper_start(&sleeper);
    sleeper_join(&sleeper);
    assert_true(fake_is_offered(&sleeper.fake));
    sleeper_free(&sleeper);
}

static void test_check_in_now(void **state)
{
    struct live *live = *state;
    static struct sleeper sleeper;
    sleeper_only(live, &sleeper);
    wake(live, "7cdfa1000001");
    assert_int_equal(live_number(live, "not_waiting"), 1);
    sleeper_start(&sleeper);
    until_waiting(live, 1);
    wake(live, "7cdfa1000001");
    assert_int_equal(live_number(live, "woken"), 1);
    sleeper_join(&sleeper);
    assert_false(fake_is_offered(&sleeper.fake));
    assert_string_equal(sleeper.live.applied, "wait=100");
    sleeper_start(&sleeper);
    until_waiting(live, 1);
    assert_int_equal(
        live_request(live, "POST", "/api/v1/check-in-now", "{\"devices\":[\"7cdfa1000001\"]}"),
        200);
    assert_int_equal(live_number(live, "woken"), 1);
    sleeper_join(&sleeper);
    assert_int_equal(
        live_request(live, "POST", "/api/v1/check-in-now", "{\"devices\":[\"7cdfa1000002\"]}"),
        404);
    sleeper_free(&sleeper);
}

/* Without the header, or with it for a server that holds none, it is answered at once. */
static void test_not_asked(void **state)
{
    struct live *live = *state;
    char claim[128];
    live_release(live, "1.1.0");
    live_claim(live, 1, claim);
    struct fake_device fake = fake_make(1);
    fake.header = "Prefer: wait=90"; /* a claim is answered at once too */
    fake_enrol(live, &fake, claim);
    assert_string_equal(live->applied, "wait=100"); /* and its next check-in may be held */
    fake.header = NULL;
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_string_equal(live->applied, "");
    live->settings.wait_s = 0;
    fake.header = "Prefer: wait=90";
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_string_equal(live->applied, "");
    live->settings.wait_s = 1; /* and what lasts to its end is a reply like any */
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_string_equal(live->applied, "wait=1");
    live->settings.wait_s = 100;
    fake.checkin.outcome = (struct godwit_outcome){.id = 1, .stage = GODWIT_STAGE_DOWNLOAD};
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(fake.reply.outcome_id, 1);
    assert_string_equal(live->applied, "wait=100");
    assert_int_equal(waiting_count(live->app.waiting), 0);
}

/* A device that comes again while it is held has lost its line: it waits once, on the new one. */
static void test_comes_again(void **state)
{
    struct live *live = *state;
    static struct sleeper first, second;
    char claim[128];
    live_release(live, "1.1.0");
    live_claim(live, 1, claim);
    sleeper_make(live, &first, 1, claim);
    second = first;
    second.live.curl = curl_easy_init();
    second.live.body = NULL;
    second.live.json = NULL;
    sleeper_start(&first);
    until_waiting(live, 1);
    sleeper_start(&second);
    pthread_join(first.thread, NULL);
    assert_int_equal(first.live.status, 503);
    assert_int_equal(waiting_count(live->app.waiting), 1);
    wake(live, "7cdfa1000001");
    sleeper_join(&second);
    sleeper_free(&first);
    sleeper_free(&second);
}

/* Its line was dead, it checked in on another one, and does not wait there: what it said on the old
 * one is older than what is known, and changes nothing. */
static void test_has_checked_in_since(void **state)
{
    struct live *live = *state;
    static struct sleeper sleeper;
    sleeper_only(live, &sleeper);
    sleeper.fake.checkin.boots = 3;
    sleeper.fake.checkin.checkins = 7;
    sleeper_start(&sleeper);
    until_waiting(live, 1);
    struct fake_device fake = sleeper.fake;
    fake.header = NULL;
    fake.checkin.checkins = 8;
    fake.checkin.nonce[1]++;
    memcpy(fake.checkin.version, "1.0.1", sizeof "1.0.1");
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    wake(live, "7cdfa1000001");
    pthread_join(sleeper.thread, NULL);
    assert_int_equal(sleeper.live.status, 503);
    fleet_lock(&live->app.fleet);
    struct device *device = device_find(&live->app.fleet, FLEET_ORG, fake.checkin.device_id);
    assert_string_equal(device->facts.running->version, "1.0.1");
    assert_int_equal(device->facts.checkins, 8);
    fleet_unlock(&live->app.fleet);
    sleeper_free(&sleeper);
}

/* A rollout to few devices lets one begin, and waits for a person where that fails. */
static void go_on(struct live *live, const char *verb)
{
    char path[64];
    snprintf(path, sizeof path, "/api/v1/rollouts/1/%s", verb);
    assert_int_equal(live_request(live, "POST", path, NULL), 200);
}

/* All wait, as many as the pace allows are told; who is done leaves its place to the next. */
static void test_pace(void **state)
{
    enum { ALL = 4, FIRST = 1 };
    struct live *live = *state;
    static struct sleeper sleepers[ALL];
    char claim[128];
    live_release(live, "1.1.0");
    live_claim(live, ALL, claim);
    for (uint8_t i = 0; i < ALL; i++) {
        sleeper_make(live, &sleepers[i], (uint8_t)(i + 1), claim);
        sleeper_start(&sleepers[i]);
    }
    until_waiting(live, ALL);
    assert_int_equal(live_request(live, "POST", "/api/v1/rollouts",
                                  "{\"product\":\"thermostat\",\"version\":\"1.1.0\"}"),
                     201);
    until_waiting(live, ALL - FIRST);
    struct sleeper *told = NULL;
    for (unsigned count = 0; count < FIRST;) { /* then each has its place */
        usleep(1000);
        count = 0;
        for (uint8_t i = 0; i < ALL; i++) {
            count += sleepers[i].is_answered;
            if (sleepers[i].is_answered) told = &sleepers[i];
        }
    }
    pthread_join(told->thread, NULL);
    assert_true(fake_is_offered(&told->fake));
    struct fake_device fake = told->fake;
    fake.checkin.outcome = (struct godwit_outcome){.id = 1,
                                                   .rollout_id = fake.instruction.rollout_id,
                                                   .stage = GODWIT_STAGE_TRIAL,
                                                   .reason = GODWIT_REASON_TRIAL_PANIC};
    memcpy(fake.checkin.outcome.file_sha256, fake.instruction.file_sha256, 32);
    fake.header = NULL;
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    go_on(live, "resume");
    until_waiting(live, ALL - FIRST - 1);
    for (unsigned i = 0; i < ALL; i++) {
        char id[16];
        snprintf(id, sizeof id, "7cdfa10000%02x", i + 1);
        wake(live, id);
    }
    for (uint8_t i = 0; i < ALL; i++) {
        if (&sleepers[i] != told) pthread_join(sleepers[i].thread, NULL);
        sleeper_free(&sleepers[i]);
    }
}

/* ---- by itself: waiters of a test, which nobody answers but it ---- */

static atomic_uint answered;

static void note_answer(struct waiter *waiter)
{
    (void)waiter;
    answered++;
}

struct bench {
    struct live *live;
    struct waiting *waiting;
    struct http_request requests[80];
    struct waiter waiters[80];
    int64_t product;
};

/* A device that has nothing to hear, and its waiter n. */
static struct bench *bench_make(struct live *live)
{
    static struct bench bench;
    char claim[128];
    memset(&bench, 0, sizeof bench);
    bench.live = live;
    answered = 0;
    live_release(live, "1.1.0");
    live_claim(live, 1, claim);
    struct fake_device fake = fake_make(1);
    fake_enrol(live, &fake, claim);
    assert_int_equal(waiting_open(&live->app.fleet, note_answer, &bench.waiting), GODWIT_OK);
    fleet_lock(&live->app.fleet);
    struct device *device = device_find(&live->app.fleet, FLEET_ORG, fake.checkin.device_id);
    bench.product = device->product->id;
    for (size_t i = 0; i < 80; i++) {
        bench.waiters[i] = (struct waiter){.request = &bench.requests[i], .product = bench.product};
        memcpy(bench.waiters[i].token_sha256, device->token_sha256, 32);
    }
    fleet_unlock(&live->app.fleet);
    return &bench;
}

static void expect_answered(unsigned count)
{
    for (int i = 0; i < 3000 && answered != count; i++)
        usleep(1000);
    assert_int_equal(answered, count);
}

/* Something changed between the decision that there is nothing to say and the wait: the waker has
 * passed by, and the next round is half a minute away. */
static void what_is_waked_since_the_mark_is_looked_at(void **state)
{
    struct bench *bench = bench_make(*state);
    struct waiting *waiting = bench->waiting;
    uint64_t mark = waiting_mark(waiting);
    memset(bench->waiters[0].token_sha256, 7, 32); /* nobody's: there is something to say */
    waiting_wake(waiting, bench->product);
    assert_null(waiting_add(waiting, &bench->waiters[0], mark));
    expect_answered(1);
    assert_int_equal(waiting_count(waiting), 0);
    memset(bench->waiters[1].token_sha256, 8, 32);
    assert_null(waiting_add(waiting, &bench->waiters[1], waiting_mark(waiting)));
    usleep(100000);
    assert_int_equal(waiting_count(waiting), 1); /* nothing was waked since: it is not looked at */
    waiting_wake(waiting, bench->product + 1);
    usleep(100000);
    assert_int_equal(waiting_count(waiting), 1); /* nor for what devices of others are told */
    waiting_wake(waiting, bench->product);
    expect_answered(2);
    waiting_close(waiting);
}

/* All of a product are looked at, in batches; those who have nothing to hear stay. */
static void a_round_passes_all(void **state)
{
    enum { ALL = 80 };
    struct bench *bench = bench_make(*state);
    struct waiting *waiting = bench->waiting;
    for (size_t i = 0; i < ALL; i++) {
        if (i) memset(bench->waiters[i].token_sha256, (int)i, 32);
        assert_null(waiting_add(waiting, &bench->waiters[i], waiting_mark(waiting)));
    }
    waiting_wake(waiting, bench->product);
    expect_answered(ALL - 1);
    assert_int_equal(waiting_count(waiting), 1);
    assert_ptr_equal(waiting_take(waiting, &bench->requests[0]), &bench->waiters[0]);
    waiting_close(waiting);
}

/* Who was taken out belongs to who took it: its loop, which ends the hold, gets nobody. */
static void who_is_taken_out_is_taken_once(void **state)
{
    struct bench *bench = bench_make(*state);
    struct waiting *waiting = bench->waiting;
    struct waiter *first = &bench->waiters[0], *second = &bench->waiters[1];
    assert_null(waiting_add(waiting, first, waiting_mark(waiting)));
    assert_ptr_equal(waiting_add(waiting, second, waiting_mark(waiting)), first);
    assert_null(waiting_take(waiting, first->request));
    assert_int_equal(waiting_count(waiting), 1);
    assert_true(waiting_wake_device(waiting, second->token_sha256));
    assert_int_equal(answered, 1);
    assert_null(waiting_take(waiting, second->request));
    assert_false(waiting_wake_device(waiting, second->token_sha256));
    assert_int_equal(waiting_count(waiting), 0);
    waiting_close(waiting);
}

/* ---- beside --devices-max ---- */

static unsigned holds_of(struct live *live, const struct sleeper *sleeper)
{
    fleet_lock(&live->app.fleet);
    struct device *device =
        device_find(&live->app.fleet, FLEET_ORG, sleeper->fake.checkin.device_id);
    unsigned holds = device ? device->holds : UINT_MAX;
    fleet_unlock(&live->app.fleet);
    return holds;
}

/* Where one device may stay in memory, those whose check-ins are held stay too: a round finds that
 * they have nothing to hear and lets them wait, a deploy reaches each. Afterwards they may go. */
static void held_devices_stay_in_memory(void **state)
{
    enum { ALL = 4 };
    struct live *live = *state;
    static struct sleeper sleepers[ALL];
    char claim[128];
    live->app.fleet.devices_max = 1;
    live_release(live, "1.1.0");
    live_claim(live, ALL, claim);
    for (uint8_t i = 0; i < ALL; i++) {
        sleeper_make(live, &sleepers[i], (uint8_t)(i + 1), claim);
        sleeper_start(&sleepers[i]);
        until_waiting(live, i + 1U);
    }
    live_settle(live);
    for (int i = 0; i < 3; i++) { /* each change lets go of what need not stay */
        live_claim(live, 1, claim);
        app_tick(&live->app);
        live_settle(live);
    }
    for (uint8_t i = 0; i < ALL; i++)
        assert_int_equal(holds_of(live, &sleepers[i]), 1);
    fleet_lock(&live->app.fleet);
    int64_t product = live->app.fleet.catalogue.products->id;
    fleet_unlock(&live->app.fleet);
    waiting_wake(live->app.waiting, product);
    usleep(200000);
    assert_int_equal(waiting_count(live->app.waiting), ALL);
    assert_int_equal(live_request(live, "POST", "/api/v1/rollouts",
                                  "{\"product\":\"thermostat\",\"version\":\"1.1.0\"}"),
                     201);
    go_on(live, "skip");
    for (uint8_t i = 0; i < ALL; i++) {
        sleeper_join(&sleepers[i]);
        assert_true(fake_is_offered(&sleepers[i].fake));
        for (int k = 0; k < 1000 && holds_of(live, &sleepers[i]) == 1; k++)
            usleep(1000); /* it is answered before it is let go */
        assert_int_not_equal(holds_of(live, &sleepers[i]), 1);
        sleeper_free(&sleepers[i]);
    }
}

/* However long it is held, it is there: nobody counts it among those that are missed. */
static void a_held_device_is_not_missed(void **state)
{
    struct live *live = *state;
    static struct sleeper sleeper;
    sleeper_only(live, &sleeper);
    sleeper_start(&sleeper);
    until_waiting(live, 1);
    fleet_lock(&live->app.fleet);
    struct device *device =
        device_find(&live->app.fleet, FLEET_ORG, sleeper.fake.checkin.device_id);
    int64_t later_s = device->facts.last_seen_s + 3600;
    assert_false(device_is_silent(device, 7, later_s));
    fleet_unlock(&live->app.fleet);
    wake(live, "7cdfa1000001");
    sleeper_join(&sleeper);
    fleet_lock(&live->app.fleet);
    for (int k = 0; k < 1000 && device->holds; k++) {
        fleet_unlock(&live->app.fleet);
        usleep(1000);
        fleet_lock(&live->app.fleet);
    }
    assert_true(device_is_silent(device, 7, device->facts.last_seen_s + 3600));
    fleet_unlock(&live->app.fleet);
    sleeper_free(&sleeper);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_deploy, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(test_check_in_now, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(test_not_asked, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(test_comes_again, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(test_has_checked_in_since, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(test_pace, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(what_is_waked_since_the_mark_is_looked_at, live_setup,
                                        live_teardown),
        cmocka_unit_test_setup_teardown(a_round_passes_all, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(who_is_taken_out_is_taken_once, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(held_devices_stay_in_memory, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(a_held_device_is_not_missed, live_setup, live_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
