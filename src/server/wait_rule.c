/* How long a check-in is held, as a ladder that each device climbs and falls from. */
#include "server/wait_rule.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Below what is common: proxies cut at 30, 60, 120 or 300 s, home routers at 300 s to an hour. */
static const uint16_t RUNGS[] = {0, 20, 50, 110, 230, 290, 590, 1790, WAIT_MAX_S};
#define RUNGS_COUNT (sizeof RUNGS / sizeof *RUNGS)
#define RUNG_FIRST 3
#define RUNGS_DOWN_MAX 2 /* for one death, which may be a device that was switched off */
#define LASTED_MIN 4U    /* before a longer one is tried */
#define BACKOFF_MAX 5

struct habit {
    unsigned rung, backoff, lasted;
};

/* Four bits of rung (one more than it is, so that 0 is new), four of backoff, eight of lasted. */
static struct habit unpack(uint16_t packed)
{
    unsigned rung = packed & 15;
    return (struct habit){rung ? rung - 1 : RUNG_FIRST, packed >> 4 & 15, packed >> 8};
}

static uint16_t pack(struct habit habit)
{
    return (uint16_t)((habit.rung + 1) | habit.backoff << 4 | habit.lasted << 8);
}

uint32_t wait_rule_asked(const char *prefer)
{
    while (prefer && *prefer) {
        prefer += strspn(prefer, " \t,;");
        if (!strncasecmp(prefer, "wait=", 5)) {
            char *end;
            unsigned long seconds = strtoul(prefer + 5, &end, 10);
            bool is_number = end > prefer + 5 && prefer[5] >= '0' && prefer[5] <= '9';
            if (!is_number || (*end && !strchr(" \t,;", *end))) return 0;
            return seconds < WAIT_MAX_S ? (uint32_t)seconds : WAIT_MAX_S;
        }
        prefer += strcspn(prefer, ",");
    }
    return 0;
}

uint32_t wait_rule_s(uint16_t habit)
{
    return RUNGS[unpack(habit).rung];
}

uint16_t wait_rule_died(uint16_t packed, uint64_t lived_s)
{
    struct habit habit = unpack(packed);
    unsigned floor = habit.rung > RUNGS_DOWN_MAX ? habit.rung - RUNGS_DOWN_MAX : 0;
    if (habit.rung) habit.rung--;
    while (habit.rung > floor && RUNGS[habit.rung] >= lived_s)
        habit.rung--;
    if (habit.backoff < BACKOFF_MAX) habit.backoff++;
    habit.lasted = 0;
    return pack(habit);
}

uint16_t wait_rule_lasted(uint16_t packed)
{
    struct habit habit = unpack(packed);
    if (habit.rung + 1 == RUNGS_COUNT) return pack(habit);
    if (++habit.lasted >= LASTED_MIN << habit.backoff) {
        habit.rung++;
        habit.lasted = 0;
    }
    return pack(habit);
}

uint32_t wait_rule_hold_ms(uint32_t wait_s, uint32_t chance)
{
    return wait_s * 1000 - chance % (wait_s * 100);
}
