/* Each row is a leaky bucket as one number: a check moves the time at which all is back by the
 * lane's interval, and is refused where that would be further ahead than what is let through at
 * once. */
#include "server/login_budget.h"

#include <string.h>

/* Behind the rows of lanes: those of addresses, and of an account from one address. */
#define ADDRESSES LOGIN_LANES
#define PAIRS (LOGIN_LANES + 1)

static const struct {
    uint32_t at_once, an_hour;
} LIMITS[LOGIN_LANES + 2] = {
    [LOGIN_DEVICE] = {10, 10},  [LOGIN_ADDRESS] = {10, 10}, [LOGIN_LOCAL] = {10, 10},
    [LOGIN_UNKNOWN] = {20, 20}, [ADDRESSES] = {30, 60},     [PAIRS] = {4, 4},
};

static uint64_t interval_ms(unsigned table)
{
    return LOGIN_HOUR_MS / LIMITS[table].an_hour;
}

void login_budget_init(struct login_budget *budget)
{
    budget->seed = siphash_seed_make();
}

static struct login_row row_of(const struct login_budget *budget, unsigned table, const void *key,
                               size_t size)
{
    return (struct login_row){table, (uint32_t)(siphash(&budget->seed, key, size) % LOGIN_ROWS)};
}

/* 0: it may go on; else how long until it may. */
static uint64_t wait_ms(const struct login_budget *budget, struct login_row row, uint64_t now_ms)
{
    uint64_t free_ms = budget->free_ms[row.table][row.row],
             ahead_ms = (LIMITS[row.table].at_once - 1) * interval_ms(row.table);
    return free_ms > now_ms + ahead_ms ? free_ms - now_ms - ahead_ms : 0;
}

static void take(struct login_budget *budget, struct login_row row, uint64_t now_ms)
{
    uint64_t *free_ms = &budget->free_ms[row.table][row.row];
    *free_ms = (*free_ms > now_ms ? *free_ms : now_ms) + interval_ms(row.table);
}

static void give(struct login_budget *budget, struct login_row row)
{
    uint64_t *free_ms = &budget->free_ms[row.table][row.row];
    *free_ms -= *free_ms > interval_ms(row.table) ? interval_ms(row.table) : *free_ms;
}

/* What a check by this lane would take. */
static void find_rows(const struct login_budget *budget, const char *user, enum login_lane lane,
                      const uint8_t *network, struct login_claim *claim)
{
    uint8_t pair[16 + 8];
    *claim = (struct login_claim){.lane = lane};
    claim->rows[claim->count++] = row_of(budget, lane, user, strlen(user));
    if (!network) return;
    claim->rows[claim->count++] = row_of(budget, ADDRESSES, network, 16);
    if (lane != LOGIN_ADDRESS) return;
    uint64_t account = siphash(&budget->seed, (const uint8_t *)user, strlen(user));
    memcpy(pair, network, 16);
    memcpy(pair + 16, &account, sizeof account);
    claim->rows[claim->count++] = row_of(budget, PAIRS, pair, sizeof pair);
}

bool login_budget_take(struct login_budget *budget, const char *user, unsigned lanes,
                       const uint8_t *network, uint64_t now_ms, struct login_claim *claim_out,
                       unsigned *wait_s_out)
{
    uint64_t shortest_ms = UINT64_MAX;
    for (unsigned lane = 0; lane < LOGIN_LANES; lane++) {
        uint64_t lane_ms = 0;
        if (!(lanes & 1U << lane)) continue;
        find_rows(budget, user, (enum login_lane)lane, network, claim_out);
        for (unsigned i = 0; i < claim_out->count; i++) {
            uint64_t row_ms = wait_ms(budget, claim_out->rows[i], now_ms);
            if (row_ms > lane_ms) lane_ms = row_ms;
        }
        for (unsigned i = 0; i < claim_out->count && !lane_ms; i++)
            take(budget, claim_out->rows[i], now_ms);
        if (!lane_ms) return true;
        if (lane_ms < shortest_ms) shortest_ms = lane_ms;
    }
    *wait_s_out = (unsigned)((shortest_ms + 999) / 1000);
    return false;
}

void login_budget_give(struct login_budget *budget, const struct login_claim *claim)
{
    for (unsigned i = 0; i < claim->count; i++)
        give(budget, claim->rows[i]);
}
