/* A reset of any cause is one thing here: memory is forgotten, the cause is noted, the next step
 * boots. What an image does once it runs is read from the image itself and bends the board from
 * outside: the agent inside it is always the real one. */
#include "board/board.h"

#include <sys/random.h>

#include "emu/chance.h"

#define RESET_MS 300u /* from reset to the app's first line, as an ESP32 takes */
#define FREE_HEAP_BYTES 180000u
#define NEVER UINT64_MAX

/* ---- what the agent sees ---- */

static void board_facts(void *ctx, struct godwit_device_facts *out)
{
    const struct board *board = ctx;
    const struct bootloader *bootloader = &board->options.bootloader;
    *out = (struct godwit_device_facts){
        .chip = bootloader->chip,
        .chip_revision = bootloader->revision,
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

static uint32_t board_free_heap(void *ctx)
{
    (void)ctx;
    return FREE_HEAP_BYTES;
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
    if (board->behaviour.kind == BEHAVIOUR_NO_NETWORK) return GODWIT_ERR_NET;
    return net->start(net->ctx, request);
}

static godwit_err board_net_read(void *ctx, uint8_t *data, size_t size_max, size_t *size_out,
                                 struct godwit_answer *answer)
{
    struct board *board = ctx;
    const struct godwit_net *net = &board->options.net;
    return net->read(net->ctx, data, size_max, size_out, answer);
}

static void board_net_close(void *ctx)
{
    struct board *board = ctx;
    board->options.net.close(board->options.net.ctx);
}

/* ---- power and boot ---- */

void board_init(struct board *board, const struct board_options *options)
{
    *board = (struct board){.options = *options, .efuses = options->efuses};
    board->net = (struct godwit_net){
        .ctx = board, .start = board_net_start, .read = board_net_read, .close = board_net_close};
    board->system = (struct godwit_system){.ctx = board,
                                           .facts = board_facts,
                                           .random = board_random,
                                           .free_heap = board_free_heap,
                                           .restart = board_restart};
    uint64_t mac = 0;
    for (size_t i = 0; i < sizeof options->mac; i++)
        mac = mac << 8 | options->mac[i];
    board->random_state = mix64(options->random_seed) ^ mix64(mac);
}

/* Memory is gone; an open connection breaks. */
static void forget(struct board *board)
{
    if (board->is_started) board->options.net.close(board->options.net.ctx);
    board->is_started = board->is_confirmed = board->wants_restart = false;
    board->behaviour = (struct behaviour){BEHAVIOUR_HEALTHY, 0};
    memset(&board->agent, 0, sizeof board->agent);
}

void board_power_on(struct board *board, enum godwit_reset cause)
{
    board->is_on = true;
    board->is_bricked = false;
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
                                               .seed_policy = board->options.seed_policy,
                                               .claim_token = board->options.claim_token,
                                               .interval_s = board->options.interval_s};
    godwit_agent_init(&board->agent, &config);
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
    board->is_bricked = !result.boots;
    if (board->is_bricked) return NEVER;
    board->running = result.partition;
    if (flash->read(flash->ctx, result.partition.offset + BEHAVIOUR_OFFSET, block, sizeof block))
        return now_ms + RESET_MS;
    board->behaviour = behaviour_decode(block);
    board->boot_ms = now_ms;
    board->is_started = true;
    start_agent(board);
    return now_ms;
}

/* ---- running ---- */

/* When the image's behaviour ends this boot. */
static uint64_t end_of_boot(const struct board *board)
{
    uint64_t delay_ms = (uint64_t)board->behaviour.delay_s * 1000;
    switch (board->behaviour.kind) {
    case BEHAVIOUR_CRASH_AT_BOOT:
        return board->boot_ms + delay_ms;
    case BEHAVIOUR_HANG:
        return board->boot_ms + (delay_ms ? delay_ms : 1000);
    case BEHAVIOUR_CRASH_AFTER_CONFIRM:
        return board->is_confirmed ? board->confirmed_ms + delay_ms : NEVER;
    default:
        return NEVER;
    }
}

static void note_confirmed(struct board *board, uint64_t now_ms)
{
    struct godwit_agent_status status;
    if (board->is_confirmed || board->behaviour.kind != BEHAVIOUR_CRASH_AFTER_CONFIRM) return;
    godwit_agent_status(&board->agent, &status);
    if (status.state == GODWIT_BOOT || status.on_trial) return;
    board->is_confirmed = true;
    board->confirmed_ms = now_ms;
}

uint64_t board_step(struct board *board, uint64_t now_ms)
{
    if (!board->is_on || board->is_bricked) return NEVER;
    if (!board->is_started) return boot(board, now_ms);
    uint64_t end_ms = end_of_boot(board);
    bool hangs = board->behaviour.kind == BEHAVIOUR_HANG;
    if (now_ms >= end_ms && hangs)
        return reset(board, GODWIT_RESET_WATCHDOG, &board->counters.watchdogs, now_ms);
    if (now_ms >= end_ms) return reset(board, GODWIT_RESET_PANIC, &board->counters.panics, now_ms);
    if (hangs) return end_ms;
    uint64_t next_ms = godwit_agent_step(&board->agent, now_ms);
    if (board->wants_restart)
        return reset(board, GODWIT_RESET_SOFTWARE, &board->counters.restarts, now_ms);
    note_confirmed(board, now_ms);
    end_ms = end_of_boot(board);
    return next_ms < end_ms ? next_ms : end_ms;
}

void board_status(const struct board *board, struct godwit_agent_status *out)
{
    *out = (struct godwit_agent_status){0};
    if (board->is_started) godwit_agent_status(&board->agent, out);
}
