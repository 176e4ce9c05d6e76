/* Time comes in from outside: the real clock in programs, a set one in tests and simulations. */
#pragma once

#include <stdint.h>

struct clock {
    void *ctx;
    uint64_t (*now_ms)(void *ctx);  /* monotonic: for deadlines and differences */
    uint64_t (*unix_ms)(void *ctx); /* wall clock, since 1970 UTC: for people and records */
};

/* The operating system's clocks. */
extern const struct clock clock_real;

static inline uint64_t clock_now_ms(const struct clock *clock)
{
    return clock->now_ms(clock->ctx);
}

static inline int64_t clock_unix_s(const struct clock *clock)
{
    return (int64_t)(clock->unix_ms(clock->ctx) / 1000);
}

static inline uint64_t clock_unix_ms(const struct clock *clock)
{
    return clock->unix_ms(clock->ctx);
}

/* A clock that stands still until it is moved; clock_set_view gives it as a struct clock. */
struct clock_set {
    uint64_t now_ms;
    int64_t unix_s;
};
struct clock clock_set_view(struct clock_set *set);
