/* The operating system's clocks, and one that is moved by hand. */
#include "rt/clock.h"

#include <time.h>

static uint64_t real_now_ms(void *ctx)
{
    (void)ctx;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int64_t real_unix_s(void *ctx)
{
    (void)ctx;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

const struct clock clock_real = {NULL, real_now_ms, real_unix_s};

static uint64_t set_now_ms(void *ctx)
{
    return ((struct clock_set *)ctx)->now_ms;
}

static int64_t set_unix_s(void *ctx)
{
    return ((struct clock_set *)ctx)->unix_s;
}

struct clock clock_set_view(struct clock_set *set)
{
    return (struct clock){set, set_now_ms, set_unix_s};
}
