/* Wrappers that count only while the agent is at work; see nth.h. A call back out of the agent
 * (into the make-believe server) stops the counting until it returns. */
#include "nth.h"

#include "crypto_wrap.h"

static struct nth *present; /* whose board calls for randomness: its context is the board */
static godwit_err (*board_random)(void *ctx, uint8_t *out, size_t size);

/* Counts a call; true when it is one that fails. */
static bool strikes(struct nth *nth, enum nth_sort sort)
{
    if (!nth->is_counting) return false;
    uint32_t count = ++nth->seen[sort];
    if (sort != nth->sort || !nth->at) return false;
    bool is_hit = nth->lasts ? count >= nth->at : count == nth->at;
    nth->fails += is_hit;
    return is_hit;
}

static godwit_err nth_read(void *ctx, uint32_t offset, uint8_t *data, size_t size)
{
    struct nth *nth = ctx;
    if (strikes(nth, NTH_READ)) return GODWIT_ERR_IO;
    const struct godwit_flash *inner = &nth->device->flash;
    return inner->read(inner->ctx, offset, data, size);
}

static godwit_err nth_write(void *ctx, uint32_t offset, const uint8_t *data, size_t size)
{
    struct nth *nth = ctx;
    if (strikes(nth, NTH_WRITE)) return GODWIT_ERR_IO;
    const struct godwit_flash *inner = &nth->device->flash;
    return inner->write(inner->ctx, offset, data, size);
}

static godwit_err nth_erase(void *ctx, uint32_t offset, size_t size)
{
    struct nth *nth = ctx;
    if (strikes(nth, NTH_ERASE)) return GODWIT_ERR_IO;
    const struct godwit_flash *inner = &nth->device->flash;
    return inner->erase(inner->ctx, offset, size);
}

static godwit_err nth_start(void *ctx, const struct godwit_request *request)
{
    struct nth *nth = ctx;
    if (strikes(nth, NTH_START)) return GODWIT_ERR_NET;
    bool was_counting = nth->is_counting;
    nth->is_counting = false;
    godwit_err err = nth->net.start(nth->net.ctx, request);
    nth->is_counting = was_counting;
    return err;
}

static godwit_err nth_body(void *ctx, uint8_t *data, size_t size_max, size_t *size_out,
                           struct godwit_reply *reply)
{
    struct nth *nth = ctx;
    *size_out = 0;
    if (strikes(nth, NTH_BODY)) return GODWIT_ERR_NET;
    bool was_counting = nth->is_counting;
    nth->is_counting = false;
    godwit_err err = nth->net.read(nth->net.ctx, data, size_max, size_out, reply);
    nth->is_counting = was_counting;
    return err;
}

static void nth_close(void *ctx)
{
    struct nth *nth = ctx;
    nth->net.close(nth->net.ctx);
}

static void nth_trust(void *ctx, const uint8_t ca_sha256[2][32])
{
    struct nth *nth = ctx;
    if (nth->net.trust) nth->net.trust(nth->net.ctx, ca_sha256);
}

static bool nth_crypto(void *ctx, enum crypto_call call)
{
    return strikes(ctx, call == CRYPTO_HASH ? NTH_HASH : NTH_VERIFY);
}

static godwit_err nth_random(void *ctx, uint8_t *out, size_t size)
{
    if (strikes(present, NTH_RANDOM)) return GODWIT_ERR_IO;
    return board_random(ctx, out, size);
}

void nth_init(struct nth *nth, struct device *device)
{
    struct board *board = &device->board;
    *nth = (struct nth){.device = device, .net = board->options.net, .flash = device->flash};
    nth->flash.ctx = nth;
    nth->flash.read = nth_read;
    nth->flash.write = nth_write;
    nth->flash.erase = nth_erase;
    board->options.flash = &nth->flash;
    board->options.net = (struct godwit_net){
        .ctx = nth, .start = nth_start, .read = nth_body, .close = nth_close, .trust = nth_trust};
    board_random = board->system.random;
    board->system.random = nth_random;
    present = nth;
    crypto_fault_set(nth_crypto, nth);
}

void nth_deinit(struct nth *nth)
{
    nth->device->board.system.random = board_random;
    crypto_fault_set(NULL, NULL);
    present = NULL;
}

void nth_arm(struct nth *nth, enum nth_sort sort, uint32_t at, bool lasts)
{
    memset(nth->seen, 0, sizeof nth->seen);
    nth->sort = sort;
    nth->at = at;
    nth->lasts = lasts;
    nth->fails = 0;
}

void nth_clear(struct nth *nth)
{
    nth->at = 0;
}

bool nth_step(struct nth *nth)
{
    nth->is_counting = nth->device->board.is_started;
    bool goes_on = device_step(nth->device);
    nth->is_counting = false;
    return goes_on;
}

const char *nth_sort_name(unsigned sort)
{
    static const char *const names[NTH_SORTS] = {"read", "write", "erase",  "start",
                                                 "body", "hash",  "verify", "random"};
    return sort < NTH_SORTS ? names[sort] : NULL;
}
