/* figure trial: power lost on trial and inside confirming; see support/trial.h.
 *
 *     figure_trial                    everything
 *     figure_trial --replay CHOICES   one case, step by step */
#include <stdio.h>

#include "scenario.h"
#include "trial.h"

#define FAILURES_SHOWN 20
#define PROMISED 8 /* losses that the agent promises to survive; the bar asks for five */

static void print_choices(const struct exhaust *e, FILE *out)
{
    fprintf(out, "--replay ");
    for (uint32_t i = 0; i < e->used; i++)
        fprintf(out, "%s%u", i ? "." : "", e->picked[i]);
    fprintf(out, "\n");
}

static int replay(const char *choices)
{
    struct exhaust e = {0};
    exhaust_give_all(&e, choices);
    (void)exhaust_next(&e);
    lifetime_watch(stdout);
    bool is_good = trial_play(&e, 1);
    lifetime_watch(NULL);
    print_choices(&e, stdout);
    printf("%s\n", is_good ? "as it should be" : "not as it should be");
    return !is_good;
}

static double percent(uint32_t part, uint32_t whole)
{
    return whole ? 100.0 * part / whole : 0;
}

int main(int argc, char **argv)
{
    struct exhaust e = {0};
    uint32_t failed = 0;
    scenario_open();
    if (argc == 3 && !strcmp(argv[1], "--replay")) return replay(argv[2]);
    while (exhaust_next(&e))
        if (!trial_play(&e, 1) && failed++ < FAILURES_SHOWN) print_choices(&e, stderr);
    scenario_close();
    uint32_t k_max = trial.lost_at - 1 < PROMISED ? trial.lost_at - 1 : PROMISED;
    printf("figure trial cases=%u kept=%.4g%% downloaded=%.2fx k_max_kept=%u confirm_cuts=%u "
           "confirm_kept=%.4g%% reboots_max=%u failed=%u\n",
           trial.cases, percent(trial.kept, trial.kept_cases), trial.downloaded_max, k_max,
           trial.confirms, percent(trial.confirms_kept, trial.confirms), trial.reboots_max, failed);
    return failed || !trial.cases || trial.downloaded_max > 1.0;
}
