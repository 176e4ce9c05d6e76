/* `make figure-fleetsim`: ten thousand real agents on emulated flash and the real fleet code live
 * through thirty days in which everything goes wrong (fleetsim_story.c), for twenty seeds.
 *
 *     figure_fleetsim [--devices N] [--seeds S] [--seed S] [--show DEVICE] [--control NAME]
 *
 * At least 72 devices: a rollout to fewer waits for a person at each failure. --seed plays one
 * seed; with --show it prints the history of one device, as a line of a broken promise asks. A
 * control takes away what one number of the figure stands on, which must show:
 *
 *     unsigned     a device trusts every key
 *     limits       the server knows no pace, halt or gate
 *     bricked      a device confirms whatever has booted
 *     unfinished   a device never tries again what its line has spoilt
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/internal.h"
#include "fleet/turn.h"
#include "fleetsim.h"
#include "parallel.h"

/* ---- controls ---- */

static const char *control = "";

static bool is_control(const char *name)
{
    return !strcmp(control, name);
}

#define WRAPPED(type, name, ...)     \
    type __real_##name(__VA_ARGS__); \
    type __wrap_##name(__VA_ARGS__); \
    type __wrap_##name(__VA_ARGS__)

WRAPPED(bool, godwit_policy_trusts, const struct godwit_policy *policy, const uint8_t digest[32])
{
    return is_control("unsigned") || __real_godwit_policy_trusts(policy, digest);
}

WRAPPED(enum decision_reason, turn_check, const struct turn *turn)
{
    return is_control("limits") ? DECISION_OFFERED : __real_turn_check(turn);
}

WRAPPED(enum godwit_state, godwit_state_trial, struct godwit_agent *agent)
{
    return is_control("bricked") ? godwit_trial_finish(agent) : __real_godwit_state_trial(agent);
}

WRAPPED(bool, godwit_retry_is_due, struct godwit_agent *agent,
        const struct godwit_instruction *install)
{
    bool is_due = __real_godwit_retry_is_due(agent, install);
    return is_due && (!is_control("unfinished") || agent->journal.retries == 0);
}

/* ---- the seeds ---- */

/* The numbers of the figure, in memory that the processes share. */
enum sum { BRICKED, UNSIGNED, LIMITS, UNFINISHED, UNHALTED, FALSE_HALTS, EXPOSED, RETRIED, SUMS };

struct words {
    uint32_t devices, seeds, show;
    uint64_t seed; /* 0: the first of several is 1 */
    uint32_t *sums;
};

static void print_row(const struct fleetsim *sim)
{
    const struct fleetsim_result *result = &sim->result;
    const struct herd *herd = &sim->herd;
    uint32_t troubles = 0;
    for (size_t i = 1; i < TROUBLE_COUNT; i++)
        troubles += herd->troubles[i];
    printf("seed %2llu: bricked %u, unsigned %u, limits broken %u, unfinished %u; unhalted %u, "
           "halted falsely %u, bad ones reached %u; cuts %u, dark %u, lines down %u, line faults "
           "%u, jumps %u, restarts %u; check-ins %llu, retried %u, trace %08x\n",
           (unsigned long long)sim->seed, result->bricked, result->unsigned_runs,
           result->limits_broken, result->unfinished, result->unhalted, result->false_halts,
           result->exposed_max, herd->cuts, herd->darks, herd->downs, troubles, herd->jumps,
           result->restarts, (unsigned long long)sim->server.checkins, result->retried,
           sim->watch.trace);
    fflush(stdout);
}

static void play(uint32_t index, void *arg)
{
    const struct words *words = arg;
    static struct fleetsim sim;
    sim = (struct fleetsim){.seed = (words->seed ? words->seed : 1) + index,
                            .count = words->devices,
                            .control = control,
                            .watch = {.show = words->show}};
    fleetsim_play(&sim);
    print_row(&sim);
    const struct fleetsim_result *result = &sim.result;
    parallel_add(&words->sums[BRICKED], result->bricked);
    parallel_add(&words->sums[UNSIGNED], result->unsigned_runs);
    parallel_add(&words->sums[LIMITS], result->limits_broken);
    parallel_add(&words->sums[UNFINISHED], result->unfinished);
    parallel_add(&words->sums[UNHALTED], result->unhalted);
    parallel_add(&words->sums[FALSE_HALTS], result->false_halts);
    parallel_add(&words->sums[RETRIED], result->retried);
    parallel_max(&words->sums[EXPOSED], result->exposed_max);
}

static bool parse(int argc, char **argv, struct words *out)
{
    *out = (struct words){.devices = 10000, .seeds = 20, .show = UINT32_MAX};
    for (int i = 1; i + 1 < argc; i += 2) {
        unsigned long long value = strtoull(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "--devices"))
            out->devices = (uint32_t)value;
        else if (!strcmp(argv[i], "--seeds"))
            out->seeds = (uint32_t)value;
        else if (!strcmp(argv[i], "--seed"))
            out->seed = value;
        else if (!strcmp(argv[i], "--show"))
            out->show = (uint32_t)value;
        else if (!strcmp(argv[i], "--control"))
            control = argv[i + 1];
        else
            return false;
    }
    if (out->seed) out->seeds = 1;
    return argc % 2 && out->devices >= SMALL_FLEET && out->seeds;
}

int main(int argc, char **argv)
{
    struct words words;
    time_t begun = time(NULL);
    if (!parse(argc, argv, &words)) {
        fprintf(stderr, "figure_fleetsim [--devices N] [--seeds S] [--seed S] [--show DEVICE] "
                        "[--control NAME]\n");
        return 2;
    }
    const uint32_t *sums = words.sums = parallel_counts(SUMS);
    bool is_well = parallel_run(words.seeds, 1, play, &words);
    printf("figure fleetsim bricked=%u unsigned=%u limits_broken=%u unfinished=%u unhalted=%u "
           "false_halts=%u exposed_max=%u retried=%u devices=%u days=30 seeds=%u seconds=%ld\n",
           sums[BRICKED], sums[UNSIGNED], sums[LIMITS], sums[UNFINISHED], sums[UNHALTED],
           sums[FALSE_HALTS], sums[EXPOSED], sums[RETRIED], words.devices, words.seeds,
           (long)(time(NULL) - begun));
    bool is_met =
        !sums[BRICKED] && !sums[UNSIGNED] && !sums[LIMITS] && !sums[UNFINISHED] && !sums[UNHALTED];
    return is_well && is_met ? 0 : 1;
}
