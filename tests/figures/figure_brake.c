/* `make figure-brake`: how many of 100,000 devices a bad release reaches before its rollout halts
 * by itself, by what it does to them and to how many; 100 runs of each. Each run is a child of a
 * process that has made the fleet once. `figure_brake quick` plays a few, on a small fleet. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model_runs.h"

enum { SEEDS_MAX = 100, OFFERED_MAX = 1200, SOAK_S = 600 };

static const struct {
    double share;
    const char *shown;
} SHARES[] = {{0.001, "0.1"}, {0.01, "1"}, {0.05, "5"}, {0.1, "10"}, {0.2, "20"}, {1, "100"}};

struct cell {
    struct model_end ends[SEEDS_MAX];
    uint32_t count;
};

/* ---- results ---- */

static int by_offered(const void *a, const void *b)
{
    const struct model_end *x = a, *y = b;
    return (x->offered > y->offered) - (x->offered < y->offered);
}

static uint32_t offered_at(struct cell *cell, double share)
{
    qsort(cell->ends, cell->count, sizeof *cell->ends, by_offered);
    return cell->ends[(uint32_t)(share * (cell->count - 1))].offered;
}

static uint32_t count_over(const struct cell *cell, uint32_t limit)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < cell->count; i++)
        count += cell->ends[i].offered > limit;
    return count;
}

static uint32_t count_halted(const struct cell *cell, bool in_part)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < cell->count; i++)
        count += in_part ? cell->ends[i].is_halted_in_part && !cell->ends[i].is_halted
                         : cell->ends[i].is_halted;
    return count;
}

struct verdict {
    uint32_t exposed_100, over_10, median_5;
    int64_t stop_s;
};

static void judge(struct verdict *verdict, double share, struct cell *cell)
{
    uint32_t most = offered_at(cell, 1), median = offered_at(cell, 0.5),
             over = count_over(cell, 1000) * 100;
    for (uint32_t i = 0; i < cell->count; i++)
        if (cell->ends[i].stop_s > verdict->stop_s) verdict->stop_s = cell->ends[i].stop_s;
    if (share >= 1 && most > verdict->exposed_100) verdict->exposed_100 = most;
    if (share >= 0.1 && over > verdict->over_10 * cell->count)
        verdict->over_10 = over / cell->count;
    if (share > 0.04 && share < 0.06 && median > verdict->median_5) verdict->median_5 = median;
}

int main(int argc, char **argv)
{
    static struct cell cell;
    bool is_quick = argc > 1 && !strcmp(argv[1], "quick");
    uint32_t devices = is_quick ? 2000 : 100000, seeds = is_quick ? 2 : SEEDS_MAX;
    struct verdict verdict = {0};
    time_t begun = time(NULL);
    struct model_fleet *model = model_fleet_open(devices);
    printf("%u devices, %u runs of each; offered when the rollout halts (a run ends at %d)\n"
           "%-11s %6s  %7s %7s %7s  %7s  %s\n",
           devices, seeds, OFFERED_MAX, "fault", "share", "median", "99 %", "most", "halted",
           "for that revision alone");
    for (size_t i = is_quick ? 4 : 0; i < sizeof SHARES / sizeof *SHARES; i++)
        for (enum model_fault fault = 0; fault < MODEL_FAULTS_COUNT; fault++) {
            const struct model_run run = {.fault = fault,
                                          .share = SHARES[i].share,
                                          .soak_s = SOAK_S,
                                          .offered_max = OFFERED_MAX};
            model_runs(model, run, cell.ends, seeds);
            cell.count = seeds;
            judge(&verdict, SHARES[i].share, &cell);
            printf("%-11s %4s %%  %7u %7u %7u  %7u  %u\n", model_fault_id(fault), SHARES[i].shown,
                   offered_at(&cell, 0.5), offered_at(&cell, 0.99), offered_at(&cell, 1),
                   count_halted(&cell, false), count_halted(&cell, true));
            fflush(stdout);
        }
    model_fleet_close(model);
    bool is_met = verdict.exposed_100 <= 20 && verdict.over_10 <= 1 && verdict.median_5 <= 1000 &&
                  verdict.stop_s <= 60;
    printf("figure brake exposed_100=%u over_1000_percent=%u median_5=%u stop_s=%lld devices=%u "
           "seeds=%u "
           "seconds=%ld\n",
           verdict.exposed_100, verdict.over_10, verdict.median_5, (long long)verdict.stop_s,
           devices, seeds, (long)(time(NULL) - begun));
    return is_met ? 0 : 1;
}
