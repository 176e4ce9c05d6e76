/* figure nth: every story of tests/support/nth_scenario.c is told again with its n-th flash read,
 * write or erase failing, its n-th network request or read, its n-th hash or signature check, its
 * n-th request for randomness, for every n; each once, and from n on for half an hour. What must
 * hold stands in nth_scenario.h; besides, no case may crash or take longer than CASE_S_MAX.
 *
 *     figure_nth                                     all; two processes share the work
 *     figure_nth --replay SCENARIO SORT N once|lasts    one case, with the agent's log; N 0: no
 * fault figure_nth --scenarios NAME[,NAME…]              only these figure_nth --once no fault that
 * lasts */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "nth_files.h"
#include "nth_scenario.h"

#define PROCESSES 2u
#define CASE_S_MAX 60u
#define WRONG_SHOWN_MAX 400u

struct choice {
    bool has_scenario[64];
    int kinds; /* 1: faults of one call only; 2: also those that last */
};

/* Of one worker, seen by the parent when it has died. */
struct share {
    struct scenario_case now;
    uint64_t index; /* of the case at hand */
    uint64_t cases, wrong, redeploys;
};

static void print_case(const struct scenario_case *c, const char *what)
{
    printf("wrong: %s; figure_nth --replay %s %s %u %s\n", what, scenario_name(c->scenario),
           nth_sort_name(c->sort), c->at, c->lasts ? "lasts" : "once");
    fflush(stdout);
}

static void tell(const struct scenario_case *c, struct share *share)
{
    share->now = *c;
    alarm(CASE_S_MAX);
    struct scenario_end end = scenario_play(c);
    alarm(0);
    share->cases++;
    share->redeploys += end.redeploys;
    if (!end.wrong && c->at && !end.fails) end.wrong = "the fault was never met";
    if (!end.wrong) return;
    if (share->wrong++ < WRONG_SHOWN_MAX) print_case(c, end.wrong);
}

/* Every case of the chosen scenarios in a fixed order; this worker tells those of its share. */
static void work(const struct choice *choice, unsigned worker, struct share *share)
{
    uint64_t index = 0, from = share->index;
    for (unsigned scenario = 0; scenario_name(scenario); scenario++) {
        struct scenario_case c = {.scenario = scenario};
        if (!choice->has_scenario[scenario]) continue;
        struct scenario_end plain = scenario_play(&c);
        if (index >= from && index % PROCESSES == worker) tell(&c, share);
        index++;
        for (unsigned sort = 0; sort < NTH_SORTS; sort++)
            for (uint32_t at = 1; at <= plain.seen[sort]; at++)
                for (int lasts = 0; lasts < choice->kinds; lasts++, index++) {
                    if (index < from || index % PROCESSES != worker) continue;
                    share->index = index;
                    tell(&(struct scenario_case){scenario, (enum nth_sort)sort, at, lasts}, share);
                }
    }
}

/* A worker that dies has met a crash or a hang: that case is wrong, the next worker goes on. */
static void manage(const struct choice *choice, struct share *shares)
{
    pid_t children[PROCESSES] = {0};
    unsigned left = 0;
    for (unsigned i = 0; i < PROCESSES; i++, left++) {
        fflush(stdout);
        children[i] = fork();
        if (children[i] == 0) {
            work(choice, i, &shares[i]);
            exit(0);
        }
    }
    while (left > 0) {
        int status;
        pid_t pid = wait(&status);
        unsigned i = pid == children[0] ? 0 : 1;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
            left--;
            continue;
        }
        bool is_hang = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
        shares[i].cases++, shares[i].wrong++;
        print_case(&shares[i].now, is_hang ? "it hangs" : "it crashes");
        shares[i].index++;
        children[i] = fork();
        if (children[i] == 0) {
            work(choice, i, &shares[i]);
            exit(0);
        }
    }
}

static int all(const struct choice *choice)
{
    struct share *shares = mmap(NULL, PROCESSES * sizeof *shares, PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shares == MAP_FAILED) return 2;
    manage(choice, shares);
    uint64_t cases = 0, wrong = 0, redeploys = 0;
    for (unsigned i = 0; i < PROCESSES; i++) {
        cases += shares[i].cases;
        wrong += shares[i].wrong;
        redeploys += shares[i].redeploys;
    }
    printf("faults cases=%llu wrong=%llu redeploys=%llu\n", (unsigned long long)cases,
           (unsigned long long)wrong, (unsigned long long)redeploys);
    return wrong > 0;
}

static void print_log(void *ctx, enum godwit_log_level level, const char *event, const char *format,
                      va_list args)
{
    (void)ctx, (void)level;
    printf("  %s ", event);
    vprintf(format, args);
    putchar('\n');
}

static int replay(char **words)
{
    struct scenario_case c = {.at = (uint32_t)strtoul(words[2], NULL, 10),
                              .lasts = !strcmp(words[3], "lasts")};
    while (scenario_name(c.scenario) && strcmp(scenario_name(c.scenario), words[0]) != 0)
        c.scenario++;
    while (nth_sort_name(c.sort) && strcmp(nth_sort_name(c.sort), words[1]) != 0)
        c.sort++;
    if (!scenario_name(c.scenario) || !nth_sort_name(c.sort)) {
        fprintf(stderr, "figure_nth: no story '%s', or no sort '%s'\n", words[0], words[1]);
        return 2;
    }
    godwit_log_set(print_log, NULL);
    alarm(CASE_S_MAX);
    struct scenario_end end = scenario_play(&c);
    for (unsigned sort = 0; sort < NTH_SORTS; sort++)
        printf("%s=%u ", nth_sort_name(sort), end.seen[sort]);
    printf("\nfailed %u calls, deployed again %u times, last heard: %s\n%s\n", end.fails,
           end.redeploys, godwit_reason_id(end.last_reason),
           end.wrong ? end.wrong : "as it should");
    return end.wrong != NULL;
}

static void choose(struct choice *choice, const char *names)
{
    for (unsigned scenario = 0; scenario_name(scenario); scenario++) {
        const char *at = names ? strstr(names, scenario_name(scenario)) : NULL;
        size_t size = strlen(scenario_name(scenario));
        while (at && ((at > names && at[-1] != ',') || (at[size] && at[size] != ',')))
            at = strstr(at + 1, scenario_name(scenario));
        choice->has_scenario[scenario] = !names || at;
    }
}

int main(int argc, char **argv)
{
    struct choice choice = {.kinds = 2};
    bool is_replay = argc == 6 && !strcmp(argv[1], "--replay");
    bool has_names = argc == 3 && !strcmp(argv[1], "--scenarios");
    if (argc == 2 && !strcmp(argv[1], "--once")) choice.kinds = 1;
    if (argc > 1 && !is_replay && !has_names && choice.kinds == 2) {
        fputs("usage: figure_nth [--once | --scenarios NAME,… | --replay SCENARIO SORT N "
              "once|lasts]\n",
              stderr);
        return 2;
    }
    if (!nth_files_make()) return 2;
    choose(&choice, has_names ? argv[2] : NULL);
    int status = is_replay ? replay(argv + 2) : all(&choice);
    nth_files_drop();
    return status;
}
