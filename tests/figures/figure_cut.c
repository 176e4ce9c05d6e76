/* figure cut: power is cut at every flash operation of a device's life, in each way that the
 * power-cut injector knows, with write units of 4, 16 and 32 bytes; then power returns and it runs
 * on.
 *
 *     update  joins → install → switch → trial → confirm
 *     return  joins → install → switch → trial → crash → rollback → report
 *
 * Each is told from slot 0, from slot 1 (a device that was updated before) and from a factory
 * image. A torn operation is tried with several seeds, since it has many ways to go wrong. The bad
 * image crashes before its agent's first step; an otadata entry with number and CRC but no state
 * boots it unwatched then, and no agent can help: the kinds of cut that leave such entries are left
 * to figure power. */
#include <stdio.h>
#include <stdlib.h>

#include "cut.h"

#define FILE_SIZE (64u * 1024 + 3 * 4096)
#define TORN_SEEDS 6
#define OPS_MIN 30

struct figure {
    uint32_t ops, cases, ends[CUT_ENDS];
};

static const uint32_t WRITE_SIZES[] = {4, 16, 32};
static const char *const ENDS[] = {"finished", "unfinished", "bricked", "violated"};

static void run_case(struct figure *figure, const struct cut_scenario *scenario,
                     const struct cut_case *c)
{
    uint32_t operations;
    enum cut_end end = cut_run(scenario, c, &operations);
    figure->cases++;
    figure->ends[end]++;
    if (end)
        fprintf(stderr, "%s, write unit %u: cut %s operation %u, seed %llu: %s\n", scenario->name,
                c->write_size, power_cut_kind_name(c->kind), c->cut_at, (unsigned long long)c->seed,
                ENDS[end]);
}

static void run_operation(struct figure *figure, const struct cut_scenario *scenario,
                          struct cut_case c)
{
    enum power_cut_kind end = scenario->rolls_back ? POWER_CUT_SUFFIX : POWER_CUT_KINDS_COUNT;
    for (c.kind = POWER_CUT_BEFORE; c.kind < end; c.kind++) {
        bool is_torn = c.kind != POWER_CUT_BEFORE && c.kind != POWER_CUT_AFTER;
        uint64_t seeds = is_torn ? TORN_SEEDS : 1;
        for (c.seed = 0; c.seed < seeds; c.seed++)
            run_case(figure, scenario, &c);
    }
}

static bool run_scenario(struct figure *figure, const struct cut_scenario *scenario)
{
    uint32_t operations = 0, most = 0;
    for (size_t i = 0; i < 3; i++) {
        struct cut_case c = {.write_size = WRITE_SIZES[i]};
        if (cut_run(scenario, &c, &operations)) {
            fprintf(stderr, "%s, write unit %u: does not end well even without a cut\n",
                    scenario->name, c.write_size);
            return false;
        }
        if (operations > most) most = operations;
        for (c.cut_at = 1; c.cut_at <= operations; c.cut_at++) {
            c.cause = c.cut_at % 2 ? GODWIT_RESET_POWER_ON : GODWIT_RESET_BROWN_OUT;
            run_operation(figure, scenario, c);
        }
    }
    figure->ops += most;
    return true;
}

int main(void)
{
    struct key *key = key_generate(GODWIT_SCHEME_ECDSA256);
    const struct behaviour healthy = {BEHAVIOUR_HEALTHY, 0}, crash = {BEHAVIOUR_CRASH_AT_BOOT, 0};
    if (!key) return 1;
    struct firmware first = firmware_make("1.0.0", healthy, FILE_SIZE, key);
    struct firmware second = firmware_make("2.0.0", healthy, FILE_SIZE, key);
    struct firmware good = firmware_make("3.0.0", healthy, FILE_SIZE, key);
    struct firmware bad = firmware_make("4.0.0", crash, FILE_SIZE, key);
    const struct firmware none = {0};
    const struct board_layout two = {0}, factory = {.has_factory = true};
    const struct cut_scenario scenarios[] = {
        {"update from slot 0", two, key, first, none, good, false},
        {"return to slot 0", two, key, first, none, bad, true},
        {"update from slot 1", two, key, first, second, good, false},
        {"return to slot 1", two, key, first, second, bad, true},
        {"update from factory", factory, key, first, none, good, false},
        {"return to factory", factory, key, first, none, bad, true},
    };
    struct figure figure = {0};
    bool ran = true;
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        ran = run_scenario(&figure, &scenarios[i]) && ran;
    free(first.data);
    free(second.data);
    free(good.data);
    free(bad.data);
    key_close(key);
    uint32_t bricked = figure.ends[CUT_BRICKED], unfinished = figure.ends[CUT_UNFINISHED];
    uint32_t violations = figure.ends[CUT_VIOLATED];
    printf("figure cut ops=%u cases=%u bricked=%u unfinished=%u violations=%u\n", figure.ops,
           figure.cases, bricked, unfinished, violations);
    bool is_enough = figure.ops > OPS_MIN && figure.cases >= 9 * figure.ops;
    return !ran || !is_enough || bricked || unfinished || violations;
}
