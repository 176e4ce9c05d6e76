/* Whether the wall clock can be believed. Somebody sets it wrong, a battery is empty, a machine
 * slept: then it jumps against the clock that only counts. What is deleted by age waits until it
 * has gone on without a jump for a day, or has come back. Pure; one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_JUMP_S 60          /* less is what time daemons do */
#define CLOCK_DOUBT_MS 86400000u /* without a jump: it is believed again */
#define CLOCK_AWAY_S \
    (30 * 86400) /* a start that long after the last one known is looked at twice */

struct clock_watch {
    int64_t offset_s, believed_s; /* wall less counting clock: now; while it was believed */
    bool has_believed;
    uint64_t doubted_until_ms; /* 0: it is believed */
};

/* known_s: a time that was believed and is past; 0: none. */
void clock_watch_open(struct clock_watch *watch, uint64_t now_ms, int64_t unix_s, int64_t known_s);
/* Every few seconds. By how much it jumped since the last look; 0: it did not. */
int64_t clock_watch_look(struct clock_watch *watch, uint64_t now_ms, int64_t unix_s);
bool clock_watch_doubts(const struct clock_watch *watch);
