/* Each row is a leaky bucket as one number: a check moves the time at which all is back by the
 * lane's interval, and is refused where that would be further ahead than what is let through at
 * once. */
#include "server/login_budget.h"

#include <string.h>

#define ADDRESSES LOGIN_LANES /* the rows of addresses stand behind those of lanes */

static const struct {
    uint32_t at_once, an_hour;
} LIMITS[LOGIN_LANES + 1] = {
    [LOGIN_DEVICE] = {10, 10},   [LOGIN_ADDRESS] = {10, 10}, [LOGIN_LOCAL] = {10, 10},
    [LOGIN_UNKNOWN] = {20, 20}, [ADDRESSES] = {30, 60},
};

static uint64_t interval_ms(unsigned lane)
{
    return LOGIN_HOUR_MS / LIMITS[lane].an_hour;
}

void login_budget_init(struct login_budget *budget)
{
    memset(budget, 0, sizeof *budget);
    budget->seed = siphash_seed_make();
}

/* 0: it may go on; else how long until it may. */
static uint64_t wait_ms(const struct login_budget *budget, unsigned lane, uint32_t row,
                        uint64_t now_ms)
{
    uint64_t free_ms = budget->free_ms[lane][row],
             ahead_ms = (LIMITS[lane].at_once - 1) * interval_ms(lane);
    return free_ms > now_ms + ahead_ms ? free_ms - now_ms - ahead_ms : 0;
}

static void take(struct login_budget *budget, unsigned lane, uint32_t row, uint64_t now_ms)
{
    uint64_t *free_ms = &budget->free_ms[lane][row];
    *free_ms = (*free_ms > now_ms ? *free_ms : now_ms) + interval_ms(lane);
}

static void give(struct login_budget *budget, unsigned lane, uint32_t row)
{
    uint64_t *free_ms = &budget->free_ms[lane][row];
    *free_ms -= *free_ms > interval_ms(lane) ? interval_ms(lane) : *free_ms;
}

bool login_budget_take(struct login_budget *budget, const char *user, unsigned lanes,
                       const uint8_t *network, uint64_t now_ms, struct login_claim *claim_out,
                       unsigned *wait_s_out)
{
    struct login_claim claim = {.is_of_address = network != NULL};
    uint64_t shortest_ms = UINT64_MAX, address_ms = 0;
    claim.account_row =
        (uint32_t)(siphash(&budget->seed, (const uint8_t *)user, strlen(user)) % LOGIN_ROWS);
    if (network) {
        claim.address_row = (uint32_t)(siphash(&budget->seed, network, 16) % LOGIN_ROWS);
        address_ms = wait_ms(budget, ADDRESSES, claim.address_row, now_ms);
    }
    for (unsigned lane = 0; lane < LOGIN_LANES; lane++) {
        if (!(lanes & 1U << lane)) continue;
        uint64_t lane_ms = wait_ms(budget, lane, claim.account_row, now_ms);
        if (!lane_ms && !address_ms) {
            claim.lane = (enum login_lane)lane;
            take(budget, lane, claim.account_row, now_ms);
            if (network) take(budget, ADDRESSES, claim.address_row, now_ms);
            *claim_out = claim;
            return true;
        }
        if (lane_ms < shortest_ms) shortest_ms = lane_ms;
    }
    uint64_t all_ms = shortest_ms > address_ms ? shortest_ms : address_ms;
    *wait_s_out = (unsigned)((all_ms + 999) / 1000);
    return false;
}

void login_budget_give(struct login_budget *budget, const struct login_claim *claim)
{
    give(budget, claim->lane, claim->account_row);
    if (claim->is_of_address) give(budget, ADDRESSES, claim->address_row);
}
