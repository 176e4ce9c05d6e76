/* figure power: power is lost at every flash operation of a device's life, in every way that the
 * saw knows, once, twice or three times; told by two processes. See support/power.h.
 *
 *     figure_power                    everything; the line at the end, failing cases in front of it
 *     figure_power --all              with all kinds: twice as many, 10 minutes may not do
 *     figure_power --replay CHOICES   one case, step by step
 *     figure_power --task FROM TO     a part, with its counts */
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crypto_wrap.h"
#include "power.h"

#define WORKERS 2
#define FAILURES_SHOWN 20
#define CASES_MIN 1000000
#define SECONDS_MAX 600

/* Every pair of operations, with half of the first one's kinds. */
static struct power_scope scope = {.seeds = 4, .pairs_every = 2, .kinds_again = 2};

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void add(struct power_counts *to, const struct power_counts *more)
{
    to->cases += more->cases;
    to->singles += more->singles;
    to->pairs += more->pairs;
    to->triples += more->triples;
    for (int i = 0; i < LIFETIME_ENDS; i++)
        to->ends[i] += more->ends[i];
}

static uint64_t failures(const struct power_counts *counts)
{
    return counts->cases - counts->ends[LIFETIME_FINISHED] - counts->ends[LIFETIME_STATELESS];
}

/* Each process takes every other task, and sends its counts through a pipe. */
static struct power_counts play_share(uint32_t from, uint32_t to, uint32_t step)
{
    struct power_counts counts = {0};
    for (uint32_t task = from; task < to; task += step) {
        uint64_t shown = failures(&counts);
        uint32_t left = shown < FAILURES_SHOWN ? (uint32_t)(FAILURES_SHOWN - shown) : 0;
        power_play_task(task, &scope, stderr, left, &counts);
    }
    return counts;
}

static bool play_all(struct power_counts *counts_out)
{
    int pipes[WORKERS][2], status;
    bool is_good = true;
    for (uint32_t i = 0; i < WORKERS; i++) {
        if (pipe(pipes[i])) return false;
        pid_t pid = fork();
        if (pid < 0) return false;
        if (pid == 0) {
            struct power_counts counts = play_share(i, power_tasks_count(), WORKERS);
            bool sent = write(pipes[i][1], &counts, sizeof counts) == (ssize_t)sizeof counts;
            _exit(!sent);
        }
        close(pipes[i][1]);
    }
    for (int i = 0; i < WORKERS; i++) {
        struct power_counts counts;
        bool is_whole = read(pipes[i][0], &counts, sizeof counts) == (ssize_t)sizeof counts;
        if (is_whole) add(counts_out, &counts);
        close(pipes[i][0]);
        is_good = is_good && is_whole;
    }
    for (int i = 0; i < WORKERS; i++)
        is_good = wait(&status) > 0 && WIFEXITED(status) && !WEXITSTATUS(status) && is_good;
    return is_good;
}

/* What may not be, in the order of the line. */
static int print(const struct power_counts *counts, double seconds)
{
    const uint64_t *ends = counts->ends;
    printf("%llu single cuts, %llu pairs, %llu triples; in %llu cases an image that fails before "
           "its agent's first step was started by an entry without its state\n",
           (unsigned long long)counts->singles, (unsigned long long)counts->pairs,
           (unsigned long long)counts->triples, (unsigned long long)ends[LIFETIME_STATELESS]);
    printf("figure power cases=%llu bricked=%llu lost=%llu unfinished=%llu violations=%llu "
           "stateless=%llu seconds=%.0f\n",
           (unsigned long long)counts->cases, (unsigned long long)ends[LIFETIME_BRICKED],
           (unsigned long long)ends[LIFETIME_LOST], (unsigned long long)ends[LIFETIME_UNFINISHED],
           (unsigned long long)ends[LIFETIME_VIOLATED],
           (unsigned long long)ends[LIFETIME_STATELESS], seconds);
    bool is_late = scope.pairs_every > 1 && seconds > SECONDS_MAX;
    return counts->cases < CASES_MIN || failures(counts) || is_late;
}

int main(int argc, char **argv)
{
    double begin = seconds_now();
    struct power_counts counts = {0};
    scenario_open();
    int result = 1;
    if (argc == 3 && !strcmp(argv[1], "--replay")) {
        scope.pairs_every = 1; /* whichever of the two told it */
        result = power_replay(argv[2], &scope, stdout) != LIFETIME_FINISHED;
    } else if (argc == 4 && !strcmp(argv[1], "--task")) {
        uint32_t from = (uint32_t)strtoul(argv[2], NULL, 10);
        uint32_t to = (uint32_t)strtoul(argv[3], NULL, 10);
        counts = play_share(from, to, 1);
        (void)print(&counts, seconds_now() - begin);
        result = failures(&counts) != 0;
    } else if (argc == 1 || (argc == 2 && !strcmp(argv[1], "--all"))) {
        scope.pairs_every = argc == 1 ? scope.pairs_every : 1;
        result = !play_all(&counts) || print(&counts, seconds_now() - begin);
    } else {
        fprintf(stderr, "usage: figure_power [--all | --replay CHOICES | --task FROM TO]\n");
    }
    scenario_close();
    return result;
}
