/* figure clock: the agent's clock starts anywhere, jumps at every step of an update, lies again and
 * again, or starts anew at each boot; and the server's time in its instruction is any number. Two
 * scenarios: a good release, which must end confirmed and must never be rolled back from, and one
 * that has no network, which must be rolled back from. Both within two hours of true time.
 *     figure_clock [--replay CASE] */
#include <stdio.h>
#include <stdlib.h>

#include "snapshot.h"

#define FILE_SIZE 0x3000u
#define LIMIT_S 7200u
#define STEPS_MAX (LIMIT_S * 50u) /* more would be asking without a pause */
#define DAY_MS 86400000ll
#define YEAR_MS (36525ll * DAY_MS / 100)
#define NEVER UINT32_MAX

/* 2038-01-19 03:14:07 and 2106-02-07 06:28:15, as milliseconds since 1970. */
#define Y2038_MS 2147483647000ull
#define Y2106_MS 4294967295000ull

/* A minute before, just before, at and after: it is crossed while the device lives, or never was.
 */
#define AROUND(snapshot) \
    (snapshot) - 60000, (snapshot)-1000, (snapshot)-1, (snapshot), (snapshot) + 1

static const uint64_t STARTS[] = {
    0,
    1,
    AROUND(1ull << 31),
    AROUND(1ull << 32),
    AROUND(3ull << 31),
    AROUND(Y2038_MS),
    AROUND(Y2106_MS),
    AROUND(1ull << 42),
    AROUND(1000ull << 31), /* its seconds pass 2^31 */
    AROUND(1000ull << 32),
    AROUND(1ull << 63),
    UINT64_MAX - 60000, /* it wraps round */
    UINT64_MAX - 1000,
    UINT64_MAX,
};

static const int64_t JUMPS[] = {
    10 * YEAR_MS, -10 * YEAR_MS, 68 * YEAR_MS, 8 * DAY_MS,   -8 * DAY_MS,        6 * DAY_MS,
    -1,           -60000,        3600000,      -3600000,     1ll << 31,          -(1ll << 31),
    1ll << 32,    -(1ll << 32),  3ll << 30,    -(3ll << 30), (1ll << 31) - 1000, 1ll << 62,
};

static const uint64_t SERVER_TIMES[] = {
    0,
    1,
    AROUND(Y2038_MS),
    AROUND(Y2106_MS),
    AROUND(1ull << 63),
    281474976710655ull, /* year 10889: 48 bits of milliseconds */
    UINT64_MAX,
};
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

struct plan {
    char what[96];
    uint32_t jump_step;  /* before which step it jumps; NEVER: it does not */
    uint32_t back_after; /* back after so many steps; 0: never */
    uint32_t
        lies_every_s; /* … or there and back again every so many true seconds; 0: it does not */
    int64_t jump_ms;
    bool restarts; /* at each boot it starts at 0 */
};

static struct device device; /* static: the board points into itself */
static struct snapshot joined;
static struct firmware first, next, deaf;
static struct key *key;
static uint64_t server_time_ms;
static struct {
    uint32_t cases, stuck, next, replay;
    uint64_t longest_ms;
} count;

static bool has_joined(const struct device *d)
{
    return device_is_idle(d) && d->peer.checkins > 0;
}

static void begin(uint64_t start_ms)
{
    device_init(&device, NULL, &first, key, 4);
    device.board.clock_ahead_ms = start_ms;
    device_power_on(&device, GODWIT_RESET_POWER_ON);
    if (!device_run(&device, has_joined, LIMIT_S)) abort();
    snapshot_take(&joined, &device);
}

static void end(void)
{
    snapshot_drop(&joined);
    device_deinit(&device);
}

static bool is_confirmed(const struct device *d)
{
    return device_is_done(d) && device_runs(d, &next);
}

static bool is_returned(const struct device *d)
{
    return device_is_idle(d) && device_runs(d, &first) &&
           d->peer.outcome.stage == GODWIT_STAGE_ROLLED_BACK &&
           d->peer.outcome.reason == GODWIT_REASON_TRIAL_NO_CONTACT;
}

/* What the plan does to the clock before this step. */
static void turn_clock(const struct plan *plan, uint32_t step)
{
    uint64_t *ahead_ms = &device.board.clock_ahead_ms;
    if (plan->restarts && !device.board.is_started) *ahead_ms = 0 - device.now_ms;
    if (plan->lies_every_s) {
        uint64_t since_ms = device.now_ms - joined.device.now_ms;
        bool is_away = since_ms / 1000 / plan->lies_every_s % 2 == 1;
        *ahead_ms = is_away ? (uint64_t)plan->jump_ms : 0;
    } else if (plan->jump_step != NEVER) {
        if (step == plan->jump_step) *ahead_ms += (uint64_t)plan->jump_ms;
        if (plan->back_after && step == plan->jump_step + plan->back_after)
            *ahead_ms -= (uint64_t)plan->jump_ms;
    }
}

/* Steps it took; 0: it did not end as it should. */
static uint32_t play(const struct plan *plan, const struct firmware *file)
{
    uint32_t outcomes = joined.device.peer.outcomes, steps = 0;
    snapshot_restore(&joined, &device);
    peer_offer(&device.peer, file->data, file->size, 1);
    device_done *done = file == &next ? is_confirmed : is_returned;
    uint64_t end_ms = device.now_ms + LIMIT_S * 1000u;
    while (!done(&device)) {
        turn_clock(plan, steps++);
        if (device.now_ms > end_ms || steps > STEPS_MAX || !device_step(&device)) return 0;
    }
    uint64_t took_ms = device.now_ms - joined.device.now_ms;
    if (took_ms > count.longest_ms) count.longest_ms = took_ms;
    bool is_good = device.peer.outcomes == outcomes + 1 || file != &next;
    return is_good ? steps : 0;
}

static void run_case(const struct plan *plan, const struct firmware *file)
{
    count.next++;
    if (count.replay && count.replay != count.next) return;
    count.cases++;
    bool is_stuck = play(plan, file) == 0;
    count.stuck += is_stuck;
    if (!is_stuck && !count.replay) return;
    struct godwit_agent_status status = device_status(&device);
    fprintf(stderr, "%s, %s: %s; %s, state %s%s, heard %s %s, after %llu s (--replay %u)\n",
            file == &next ? "good release" : "release without network", plan->what,
            is_stuck ? "STUCK" : "well", device.board.running.label,
            godwit_state_name(status.state), status.on_trial ? " on trial" : "",
            godwit_stage_name(device.peer.outcome.stage),
            godwit_reason_id(device.peer.outcome.reason),
            (unsigned long long)(device.now_ms - joined.device.now_ms) / 1000, count.next);
}

static void run_both(const struct plan *plan)
{
    run_case(plan, &next);
    run_case(plan, &deaf);
}

/* Every start; there also with a clock that starts anew at each boot. */
static void run_starts(void)
{
    struct plan plan = {.jump_step = NEVER};
    for (size_t i = 0; i < COUNT_OF(STARTS); i++) {
        begin(STARTS[i]);
        for (int restarts = 0; restarts < 2; restarts++) {
            plan.restarts = restarts;
            snprintf(plan.what, sizeof plan.what, "clock starts at %llu ms%s",
                     (unsigned long long)STARTS[i], restarts ? " and at 0 at each boot" : "");
            run_both(&plan);
        }
        end();
    }
}

/* One jump before every step of the scenario; every seventh of them also jumps back soon after. */
static void run_jumps(const struct firmware *file)
{
    struct plan plan = {.jump_step = NEVER};
    uint32_t steps = play(&plan, file);
    uint32_t stride = file == &next ? 1 : 1 + steps / 100;
    if (!steps) fputs("the scenario does not end even without a jump\n", stderr), count.stuck++;
    for (plan.jump_step = 0; plan.jump_step < steps; plan.jump_step += stride)
        for (size_t i = 0; i < COUNT_OF(JUMPS); i++) {
            plan.jump_ms = JUMPS[i];
            plan.back_after = plan.jump_step % 7 ? 0 : 1 + plan.jump_step % 5;
            snprintf(plan.what, sizeof plan.what, "jump of %lld ms before step %u%s",
                     (long long)plan.jump_ms, plan.jump_step, plan.back_after ? ", and back" : "");
            run_case(&plan, file);
        }
}

/* A source of time that lies: there and back every so many seconds, as long as the scenario lasts.
 */
static void run_lies(void)
{
    static const uint32_t periods_s[] = {7, 30, 60, 61, 300, 599, 3600};
    struct plan plan = {.jump_step = NEVER};
    for (size_t i = 0; i < COUNT_OF(periods_s) * COUNT_OF(JUMPS); i++) {
        plan.lies_every_s = periods_s[i / COUNT_OF(JUMPS)];
        plan.jump_ms = JUMPS[i % COUNT_OF(JUMPS)];
        snprintf(plan.what, sizeof plan.what, "jumps of %lld ms, there and back every %u s",
                 (long long)plan.jump_ms, plan.lies_every_s);
        run_both(&plan);
    }
}

static void set_server_time(struct peer *peer, uint8_t instruction[static GODWIT_INSTRUCTION_SIZE])
{
    uint8_t digest[32];
    size_t size;
    godwit_store64(instruction + 48, server_time_ms);
    if (godwit_instruction_digest(instruction, digest) ||
        key_sign(peer->deploy_key, digest, 32, instruction + GODWIT_INSTRUCTION_BODY_SIZE, &size))
        abort();
}

static void run_server_times(void)
{
    struct plan plan = {.jump_step = NEVER};
    joined.device.peer.tamper = set_server_time;
    for (size_t i = 0; i < COUNT_OF(SERVER_TIMES); i++) {
        server_time_ms = SERVER_TIMES[i];
        snprintf(plan.what, sizeof plan.what, "server's time %llu ms",
                 (unsigned long long)server_time_ms);
        run_both(&plan);
    }
    joined.device.peer.tamper = NULL;
}

int main(int argc, char **argv)
{
    bool replays = argc == 3 && !strcmp(argv[1], "--replay");
    key = key_generate(GODWIT_SCHEME_ECDSA256);
    if (!key || (argc != 1 && !replays)) return 2;
    if (replays) count.replay = (uint32_t)strtoul(argv[2], NULL, 10);
    const struct behaviour healthy = {BEHAVIOUR_HEALTHY, 0}, cut_off = {BEHAVIOUR_NO_NETWORK, 0};
    first = firmware_make("1.0.0", healthy, FILE_SIZE, key);
    next = firmware_make("2.0.0", healthy, FILE_SIZE, key);
    deaf = firmware_make("3.0.0", cut_off, FILE_SIZE, key);
    run_starts();
    begin(0);
    run_jumps(&next);
    run_jumps(&deaf);
    run_lies();
    run_server_times();
    end();
    free(first.data);
    free(next.data);
    free(deaf.data);
    key_close(key);
    if (!count.cases) return 2;
    printf("figure clock cases=%u stuck=%u longest_s=%llu\n", count.cases, count.stuck,
           (unsigned long long)count.longest_ms / 1000);
    return count.stuck != 0;
}
