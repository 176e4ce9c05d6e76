/* The operating system's clocks, and one that is moved by hand. */
#include "rt/clock.h"

#include <time.h>

static uint64_t read_ms(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t real_now_ms(void *ctx)
{
    (void)ctx;
    return read_ms(CLOCK_MONOTONIC);
}

static uint64_t real_unix_ms(void *ctx)
{
    (void)ctx;
    return read_ms(CLOCK_REALTIME);
}

const struct clock clock_real = {NULL, real_now_ms, real_unix_ms};

static uint64_t set_now_ms(void *ctx)
{
    return ((struct clock_set *)ctx)->now_ms;
}

static uint64_t set_unix_ms(void *ctx)
{
    return (uint64_t)((struct clock_set *)ctx)->unix_s * 1000;
}

struct clock clock_set_view(struct clock_set *set)
{
    return (struct clock){set, set_now_ms, set_unix_ms};
}
