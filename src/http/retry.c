/* Steps of the golden ratio (Weyl's sequence) spread better than chance does, and need no seed: of
 * any n in a row no two are nearer than about 1 / 2n of the whole. */
#include "http/retry.h"

#define GOLDEN 2654435769U /* 2^32 by the golden ratio */

/* Of crowded connections the last quarter counts: devices whose check-ins are held fill the rest.
 */
static uint64_t crowded_s(const struct retry_backlog *backlog)
{
    uint64_t max = backlog->connections_max, quarters = 4 * backlog->connections;
    if (!max || quarters <= 3 * max) return 0;
    if (quarters > 4 * max) quarters = 4 * max;
    return (quarters - 3 * max) * RETRY_CROWDED_S / max;
}

unsigned retry_after_s(const struct retry_backlog *backlog, uint32_t turn)
{
    uint64_t longest = RETRY_QUIET_S + crowded_s(backlog) + backlog->turned_away / RETRY_PER_S;
    if (longest > RETRY_MAX_S) longest = RETRY_MAX_S;
    uint32_t part = turn * GOLDEN;
    return 1 + (unsigned)(part * longest >> 32);
}

uint64_t retry_count_add(struct retry_count *count, uint64_t now_ms, uint32_t *turn_out)
{
    uint64_t period = now_ms / RETRY_PERIOD_MS, known = atomic_load(&count->period);
    if (known != period && atomic_compare_exchange_strong(&count->period, &known, period)) {
        uint32_t last = atomic_exchange(&count->now, 0);
        atomic_store(&count->before, period == known + 1 ? last : 0);
    }
    *turn_out = atomic_fetch_add(&count->turns, 1);
    return (uint64_t)atomic_fetch_add(&count->now, 1) + 1 + atomic_load(&count->before);
}
