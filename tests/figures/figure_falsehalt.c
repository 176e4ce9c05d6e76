/* `make figure-falsehalt`: how often a good release is halted, of which 0.2 % of devices roll back
 * by chance: 1,000 runs on 2,000 devices; and whether a line that breaks for a tenth of the
 * devices for an hour halts it: 100 runs. `figure_falsehalt quick` plays a few. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model_runs.h"

enum { SEEDS_MAX = 1000, SOAK_S = 600 };

struct sum {
    uint32_t halted, unfinished;
    int64_t reached_s[3]; /* medians */
};

static int by_time(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static struct sum sum_up(const struct model_end *ends, uint32_t count)
{
    static int64_t times[SEEDS_MAX];
    struct sum sum = {0};
    for (uint32_t i = 0; i < count; i++) {
        sum.halted += ends[i].is_halted;
        sum.unfinished += !ends[i].is_halted && !ends[i].is_finished;
    }
    for (size_t part = 0; part < 3; part++) {
        uint32_t good = 0;
        for (uint32_t i = 0; i < count; i++)
            if (!ends[i].is_halted) times[good++] = ends[i].reached_s[part];
        qsort(times, good, sizeof *times, by_time);
        sum.reached_s[part] = good ? times[good / 2] : 0;
    }
    return sum;
}

static struct sum play(const char *what, uint32_t devices, uint32_t seeds,
                       const struct model_run *run)
{
    static struct model_end ends[SEEDS_MAX];
    struct model_fleet *model = model_fleet_open(devices);
    struct sum sum = {0};
    for (uint32_t done = 0; done < seeds; done += 20) { /* a word now and then */
        struct model_run next = *run;
        next.first_seed = done;
        uint32_t count = seeds - done < 20 ? seeds - done : 20;
        model_runs(model, next, ends + done, count);
        sum = sum_up(ends, done + count);
        fprintf(stderr, "\r%s: %u of %u runs, %u halted", what, done + count, seeds, sum.halted);
    }
    fputc('\n', stderr);
    model_fleet_close(model);
    printf("%-22s devices=%u runs=%u halted=%u unfinished=%u; hours to 50 %% %.1f, 95 %% %.1f, "
           "99 %% %.1f\n",
           what, devices, seeds, sum.halted, sum.unfinished, (double)sum.reached_s[0] / 3600,
           (double)sum.reached_s[1] / 3600, (double)sum.reached_s[2] / 3600);
    return sum;
}

int main(int argc, char **argv)
{
    bool is_quick = argc > 1 && !strcmp(argv[1], "quick");
    uint32_t devices = is_quick ? 500 : 2000, seeds = is_quick ? 4 : SEEDS_MAX;
    time_t begun = time(NULL);
    const struct model_run good = {.fault = MODEL_CRASH, .share = 0.002, .soak_s = SOAK_S},
                           line = {.fault = MODEL_CRASH, .cut_share = 0.1, .soak_s = SOAK_S};
    const struct sum chance = play("good, 0.2 % by chance", devices, seeds, &good),
                     cut = play("a line breaks", devices, is_quick ? seeds : 100, &line);
    double halted = 100.0 * chance.halted / seeds;
    bool is_met = halted < 5 && !cut.halted && !chance.unfinished && !cut.unfinished;
    printf("figure falsehalt halted=%.1f line_halts=%u unfinished=%u hours_99=%.1f devices=%u "
           "seeds=%u seconds=%ld\n",
           halted, cut.halted, chance.unfinished + cut.unfinished,
           (double)chance.reached_s[2] / 3600, devices, seeds, (long)(time(NULL) - begun));
    return is_met ? 0 : 1;
}
