/* The offset between the two clocks: while it stays, or comes back, the wall clock is believed. */
#include "rt/clock_watch.h"

#include <stdlib.h>

static int64_t offset_of(uint64_t now_ms, int64_t unix_s)
{
    return unix_s - (int64_t)(now_ms / 1000);
}

static bool is_jump(int64_t step_s)
{
    return llabs(step_s) > CLOCK_JUMP_S;
}

static void believe(struct clock_watch *watch)
{
    watch->doubted_until_ms = 0;
    watch->believed_s = watch->offset_s;
    watch->has_believed = true;
}

void clock_watch_open(struct clock_watch *watch, uint64_t now_ms, int64_t unix_s, int64_t known_s)
{
    *watch = (struct clock_watch){.offset_s = offset_of(now_ms, unix_s)};
    bool is_odd = unix_s < known_s - CLOCK_JUMP_S || unix_s > known_s + CLOCK_AWAY_S;
    if (known_s && is_odd)
        watch->doubted_until_ms = now_ms + CLOCK_DOUBT_MS;
    else
        believe(watch);
}

int64_t clock_watch_look(struct clock_watch *watch, uint64_t now_ms, int64_t unix_s)
{
    int64_t offset_s = offset_of(now_ms, unix_s), step_s = offset_s - watch->offset_s;
    watch->offset_s = offset_s;
    if (is_jump(step_s)) watch->doubted_until_ms = now_ms + CLOCK_DOUBT_MS;
    bool is_back = watch->has_believed && !is_jump(offset_s - watch->believed_s);
    if (is_back || now_ms >= watch->doubted_until_ms) believe(watch);
    return is_jump(step_s) ? step_s : 0;
}

bool clock_watch_doubts(const struct clock_watch *watch)
{
    return watch->doubted_until_ms != 0;
}
