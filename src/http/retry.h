/* When a client that is turned away shall come again: the later, the more have been turned away
 * just now, and each at another second, so that those who came together do not come back together.
 * A device obeys it to the second. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#define RETRY_MAX_S 120
#define RETRY_QUIET_S 8    /* the longest where hardly anybody is turned away … */
#define RETRY_CROWDED_S 24 /* … so much more where all connections are open … */
#define RETRY_PER_S 500    /* … and a second more for so many who shall come back */
#define RETRY_PERIOD_MS 5000

struct retry_backlog {
    uint64_t connections, connections_max;
    uint64_t turned_away; /* lately, who will all come again */
};

/* 1 … RETRY_MAX_S. turn: a number that is another for each client; those that follow each other lie
 * far apart, and many fill the seconds evenly. */
unsigned retry_after_s(const struct retry_backlog *backlog, uint32_t turn);

/* Counts who is turned away, from any thread. Zeroed it is empty. */
struct retry_count {
    _Atomic uint64_t period;      /* of RETRY_PERIOD_MS, since the clock began */
    _Atomic uint32_t now, before; /* in this one, and in the one before */
    _Atomic uint32_t turns;
};

/* One more; how many it are in this period and the one before. */
uint64_t retry_count_add(struct retry_count *count, uint64_t now_ms, uint32_t *turn_out);
