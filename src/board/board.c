/* A reset of any cause is one thing here: memory is forgotten, the cause is noted, the next step
 * boots. What an image does once it runs is read from the image itself and bends the board from
 * outside: the agent inside it is always the real one. */
#include "board/board.h"

#include <sys/random.h>

#include "emu/chance.h"

#define RESET_MS 300u /* from reset to the app's first line, as an ESP32 takes */
#define FREE_HEAP_BYTES 180000u
#define WATCHDOG_MS 5000u /* how long the task watchdog of ESP-IDF waits by default */
#define NEVER UINT64_MAX

/* ---- what the agent sees ---- */

static void board_facts(void *ctx, struct godwit_device_facts *out)
{
    const struct board *board = ctx;
    const struct bootloader *bootloader = &board->options.bootloader;
    *out = (struct godwit_device_facts){
        .chip = bootloader->chip,
        .chip_revision = bootloader->revision,
        .block_revision = bootloader->block_revision,
        .no_max_revision = bootloader->no_max_revision,
        .no_max_block_revision = bootloader->no_max_block_revision,
        .hardware_revision = board->options.hardware_revision,
        .secure_version = board->efuses.secure_version,
        .running_offset = board->running.offset,
        .reset = board->reset,
        .has_secure_boot = board->efuses.has_secure_boot,
    };
    memcpy(out->device_id, board->options.mac, sizeof board->options.mac);
}

static godwit_err board_random(void *ctx, uint8_t *out, size_t size)
{
    struct board *board = ctx;
    if (board->options.has_true_random)
        return getrandom(out, size, 0) == (ssize_t)size ? GODWIT_OK : GODWIT_ERR_IO;
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)mix64(board->random_state++);
    return GODWIT_OK;
}

static uint64_t delay_ms(const struct board *board, uint64_t least_ms)
{
    uint64_t ms = (uint64_t)board->behaviour.delay_s * 1000;
    return ms > least_ms ? ms : least_ms;
}

static uint32_t board_free_heap(void *ctx)
{
    const struct board *board = ctx;
    if (board->behaviour.kind != BEHAVIOUR_LEAK) return FREE_HEAP_BYTES;
    uint64_t lifetime_ms = delay_ms(board, 1000), age_ms = board->now_ms - board->boot_ms;
    return (uint32_t)(age_ms < lifetime_ms ? FREE_HEAP_BYTES * (lifetime_ms - age_ms) / lifetime_ms
                                           : 0);
}

static godwit_err board_self_test(void *ctx)
{
    const struct board *board = ctx;
    if (board->behaviour.kind == BEHAVIOUR_NEVER_CONFIRM) return GODWIT_ERR_BUSY;
    if (board->behaviour.kind != BEHAVIOUR_WRONG_CONFIG) return GODWIT_OK;
    bool is_over = board->now_ms - board->boot_ms >= delay_ms(board, 0);
    return is_over ? GODWIT_ERR_FORMAT : GODWIT_ERR_BUSY;
}

static void board_restart(void *ctx)
{
    struct board *board = ctx;
    board->wants_restart = true;
}

static godwit_err board_net_start(void *ctx, const struct godwit_request *request)
{
    struct board *board = ctx;
    const struct godwit_net *net = &board->options.net;
    if (board->request_ms == NEVER) board->request_ms = board->now_ms;
    if (board->behaviour.kind == BEHAVIOUR_NO_NETWORK) return GODWIT_ERR_NET;
    if (board->behaviour.kind == BEHAVIOUR_NO_REPLY) return GODWIT_OK;
    return net->start(net->ctx, request);
}

static godwit_err board_net_read(void *ctx, uint8_t *data, size_t size_max, size_t *size_out,
                                 struct godwit_reply *reply)
{
    struct board *board = ctx;
    const struct godwit_net *net = &board->options.net;
    *size_out = 0;
    if (board->behaviour.kind == BEHAVIOUR_NO_REPLY) return GODWIT_OK;
    godwit_err err = net->read(net->ctx, data, size_max, size_out, reply);
    if (reply->status && board->contact_ms == NEVER) board->contact_ms = board->now_ms;
    return err;
}

static void board_net_close(void *ctx)
{
    struct board *board = ctx;
    board->options.net.close(board->options.net.ctx);
}

static void board_net_trust(void *ctx, const uint8_t ca_sha256[2][32])
{
    const struct godwit_net *net = &((struct board *)ctx)->options.net;
    if (net->trust) net->trust(net->ctx, ca_sha256);
}

/* ---- power and boot ---- */

void board_init(struct board *board, const struct board_options *options)
{
    *board = (struct board){.options = *options, .efuses = options->efuses};
    board->net = (struct godwit_net){.ctx = board,
                                     .start = board_net_start,
                                     .read = board_net_read,
                                     .close = board_net_close,
                                     .trust = board_net_trust};
    board->system = (struct godwit_system){.ctx = board,
                                           .facts = board_facts,
                                           .random = board_random,
                                           .free_heap = board_free_heap,
                                           .restart = board_restart,
                                           .self_test = board_self_test};
    uint64_t mac = 0;
    for (size_t i = 0; i < sizeof options->mac; i++)
        mac = mac << 8 | options->mac[i];
    board->random_state = mix64(options->random_seed) ^ mix64(mac);
}

/* Memory is gone; an open connection breaks. */
static void forget(struct board *board)
{
    if (board->is_started) board->options.net.close(board->options.net.ctx);
    board->is_started = board->wants_restart = false;
    board->behaviour = (struct behaviour){BEHAVIOUR_HEALTHY, 0};
    memset(&board->agent, 0, sizeof board->agent);
}

void board_power_on(struct board *board, enum godwit_reset cause)
{
    board->is_on = true;
    board->is_bricked = false;
    board->aborts = 0;
    board->reset = cause;
}

void board_power_off(struct board *board)
{
    forget(board);
    board->is_on = false;
}

static uint64_t reset(struct board *board, enum godwit_reset cause, uint32_t *counter,
                      uint64_t now_ms)
{
    forget(board);
    board->reset = cause;
    ++*counter;
    return now_ms + RESET_MS;
}

static void start_agent(struct board *board)
{
    const struct godwit_agent_config config = {.flash = board->options.flash,
                                               .net = &board->net,
                                               .system = &board->system,
                                               .initial_policy = board->options.initial_policy,
                                               .claim_token = board->options.claim_token,
                                               .interval_s = board->options.interval_s,
                                               .wait_s = board->options.wait_s,
                                               .attributes = board->options.attributes};
    godwit_agent_setup(&board->agent, &config);
}

/* From reset to the app: whoever the bootloader chooses, with the behaviour that it carries. */
static uint64_t boot(struct board *board, uint64_t now_ms)
{
    const struct godwit_flash *flash = board->options.flash;
    uint8_t block[BEHAVIOUR_SIZE];
    struct boot result;
    if (bootloader_run(&board->options.bootloader, flash, &board->efuses, &result))
        return now_ms + RESET_MS; /* the flash does not answer: the chip tries again */
    board->counters.boots++;
    if (result.loaded && !result.boots && board->aborts++ < BOOT_RESETS_MAX)
        return reset(board, GODWIT_RESET_PANIC, &board->counters.panics, now_ms);
    board->is_bricked = !result.boots;
    if (board->is_bricked) return NEVER;
    board->aborts = 0;
    board->running = result.partition;
    if (flash->read(flash->ctx, result.partition.offset + BEHAVIOUR_OFFSET, block, sizeof block))
        return now_ms + RESET_MS;
    board->behaviour = behaviour_decode(block);
    board->boot_ms = now_ms;
    board->step_ms = board->request_ms = board->contact_ms = board->confirmed_ms = NEVER;
    board->is_started = true;
    start_agent(board);
    return now_ms;
}

/* ---- running ---- */

/* What ends a boot, by the image's behaviour: a reset, so long after a moment of this boot. The
 * field of the moment; 0: nothing ends it. */
#define SINCE(moment) offsetof(struct board, moment)
static const struct {
    size_t since;
    enum godwit_reset cause;
    uint32_t least_ms; /* the delay is at least so long … */
    uint32_t more_ms;  /* … and this comes on top */
    bool stands_still; /* from the moment (and where more_ms is, the delay) on no step is made */
} ENDS[BEHAVIOUR_COUNT] = {
    [BEHAVIOUR_CRASH_AT_BOOT] = {SINCE(boot_ms), GODWIT_RESET_PANIC, 0, 0, false},
    [BEHAVIOUR_HANG] = {SINCE(boot_ms), GODWIT_RESET_WATCHDOG, 1000, 0, true},
    [BEHAVIOUR_CRASH_AFTER_CONFIRM] = {SINCE(confirmed_ms), GODWIT_RESET_PANIC, 0, 0, false},
    [BEHAVIOUR_CRASH_AFTER_STEP] = {SINCE(step_ms), GODWIT_RESET_PANIC, 0, 0, false},
    [BEHAVIOUR_HANG_AFTER_CONTACT] = {SINCE(contact_ms), GODWIT_RESET_WATCHDOG, 1000, 0, true},
    [BEHAVIOUR_DEADLOCK] = {SINCE(boot_ms), GODWIT_RESET_WATCHDOG, 0, WATCHDOG_MS, true},
    [BEHAVIOUR_STACK_OVERFLOW] = {SINCE(request_ms), GODWIT_RESET_PANIC, 0, 0, false},
    [BEHAVIOUR_LEAK] = {SINCE(boot_ms), GODWIT_RESET_PANIC, 1000, 0, false},
    [BEHAVIOUR_SELF_RESET] = {SINCE(boot_ms), GODWIT_RESET_SOFTWARE, 0, 0, false},
};

/* When the image's behaviour ends this boot, and from when on its agent stands still. */
static uint64_t end_of_boot(const struct board *board, uint64_t *still_ms_out)
{
    enum behaviour_kind kind = board->behaviour.kind;
    uint64_t since_ms = NEVER;
    *still_ms_out = NEVER;
    if (ENDS[kind].since) memcpy(&since_ms, (const char *)board + ENDS[kind].since, 8);
    bool is_proven = kind == BEHAVIOUR_SELF_RESET && board->confirmed_ms != NEVER;
    if (since_ms == NEVER || is_proven) return NEVER;
    uint64_t end_ms = since_ms + delay_ms(board, ENDS[kind].least_ms);
    if (ENDS[kind].stands_still) *still_ms_out = ENDS[kind].more_ms ? end_ms : since_ms;
    return end_ms + ENDS[kind].more_ms;
}

static uint64_t end_boot(struct board *board)
{
    enum godwit_reset cause = ENDS[board->behaviour.kind].cause;
    struct board_counters *counters = &board->counters;
    uint32_t *counter = cause == GODWIT_RESET_PANIC      ? &counters->panics
                        : cause == GODWIT_RESET_WATCHDOG ? &counters->watchdogs
                                                         : &counters->restarts;
    return reset(board, cause, counter, board->now_ms);
}

/* Moments that the agent's step has brought. */
static void note_times(struct board *board)
{
    struct godwit_agent_status status;
    if (board->step_ms == NEVER) board->step_ms = board->now_ms;
    godwit_agent_get_status(&board->agent, &status);
    if (board->confirmed_ms == NEVER && status.state != GODWIT_STATE_BOOT && !status.on_trial)
        board->confirmed_ms = board->now_ms;
}

uint64_t board_step(struct board *board, uint64_t now_ms)
{
    uint64_t still_ms;
    board->now_ms = now_ms;
    if (!board->is_on || board->is_bricked) return NEVER;
    if (!board->is_started) return boot(board, now_ms);
    uint64_t end_ms = end_of_boot(board, &still_ms);
    if (now_ms >= end_ms) return end_boot(board);
    if (now_ms >= still_ms) return end_ms;
    uint64_t ahead_ms = board->clock_ahead_ms;
    uint64_t next_ms = godwit_agent_step(&board->agent, now_ms + ahead_ms) - ahead_ms;
    if (board->wants_restart)
        return reset(board, GODWIT_RESET_SOFTWARE, &board->counters.restarts, now_ms);
    note_times(board);
    end_ms = end_of_boot(board, &still_ms);
    if (next_ms > end_ms) next_ms = end_ms;
    return next_ms > still_ms && still_ms > now_ms ? still_ms : next_ms;
}

void board_status(const struct board *board, struct godwit_agent_status *out)
{
    *out = (struct godwit_agent_status){0};
    if (board->is_started) godwit_agent_get_status(&board->agent, out);
}
