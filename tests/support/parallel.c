/* See parallel.h. As many workers as the machine has processors; one and no fork where there is
 * one, which a debugger likes better too. */
#include "parallel.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

uint32_t *parallel_counts(size_t count)
{
    void *memory = mmap(NULL, count * sizeof(uint32_t), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) abort();
    return memory;
}

void parallel_add(uint32_t *count, uint32_t number)
{
    __atomic_add_fetch(count, number, __ATOMIC_RELAXED);
}

void parallel_max(uint32_t *count, uint32_t number)
{
    uint32_t old = __atomic_load_n(count, __ATOMIC_RELAXED);
    while (old < number && !__atomic_compare_exchange_n(count, &old, number, false,
                                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

static void take(uint32_t first, uint32_t step, uint32_t cases, void (*work)(uint32_t, void *),
                 void *arg)
{
    for (uint64_t i = first; i < cases; i += step)
        work((uint32_t)i, arg);
}

bool parallel_run(uint32_t cases, uint32_t stride, void (*work)(uint32_t, void *), void *arg)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t workers = processors > 1 ? (uint32_t)processors : 1;
    bool is_well = true;
    if (workers == 1) {
        take(0, stride, cases, work, arg);
        return true;
    }
    fflush(NULL); /* else each worker would print what waits */
    for (uint32_t i = 0; i < workers; i++) {
        pid_t child = fork();
        if (child < 0) abort();
        if (child) continue;
        take(i * stride, workers * stride, cases, work, arg);
        fflush(NULL);
        _exit(0);
    }
    for (uint32_t i = 0; i < workers; i++) {
        int status;
        if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status)) is_well = false;
    }
    return is_well;
}
