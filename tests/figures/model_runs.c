/* A child has a copy of the fleet and its database, both of which are in memory alone; what it does
 * to them nobody else sees. Two at a time: the machines of our tests have as many cores. */
#include "model_runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN = 2 };

static int start(struct model_fleet *model, const struct model_run *run)
{
    int ends[2];
    if (pipe(ends)) abort();
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) abort();
    if (child == 0) {
        const struct model_end end = model_fleet_run(model, run);
        _exit(write(ends[1], &end, sizeof end) == sizeof end ? 0 : 1);
    }
    close(ends[1]);
    return ends[0];
}

static void take(int line, struct model_end *out)
{
    if (read(line, out, sizeof *out) != sizeof *out) {
        fprintf(stderr, "a run ended without a result\n");
        exit(1);
    }
    close(line);
    wait(NULL);
}

void model_runs(struct model_fleet *model, struct model_run run, struct model_end *ends_out,
                uint32_t seeds)
{
    int lines[CHILDREN];
    for (uint32_t done = 0; done < seeds;) {
        uint32_t started = 0;
        for (; started < CHILDREN && done + started < seeds; started++) {
            run.seed = run.first_seed + done + started + 1;
            lines[started] = start(model, &run);
        }
        for (uint32_t i = 0; i < started; i++)
            take(lines[i], &ends_out[done++]);
    }
}
