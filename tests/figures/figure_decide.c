/* `make figure-decide`: how many decisions one core makes in a second, and what they allocate. Over
 * devices of a whole fleet one after the other, so that each comes from memory and not from a cache
 * that holds one; by the time of the processor, for machines are shared. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/model_fleet.h"

enum { DEVICES = 20000, DECISIONS = 20000000, PER_S_MIN = 2000000 };

/* The linker leads each allocation of the program here. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static unsigned long allocations;

void *__wrap_malloc(size_t size)
{
    allocations++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    allocations++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    allocations++;
    return __real_realloc(block, size);
}

static double processor_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    bool is_quick = argc > 1 && !strcmp(argv[1], "quick");
    uint32_t devices = is_quick ? 1000 : DEVICES, rounds = (is_quick ? 10000 : DECISIONS) / devices;
    struct model_fleet *model = model_fleet_open(devices);
    model_fleet_deploy(model);
    unsigned long before = allocations;
    double begun_s = processor_s();
    uint64_t offers = model_fleet_decide(model, rounds);
    double took_s = processor_s() - begun_s;
    unsigned long made = allocations - before;
    double per_s = (double)devices * rounds / took_s;
    printf("%u devices, %u decisions of each, %llu of all were an offer\n", devices, rounds,
           (unsigned long long)offers);
    model_fleet_close(model);
    bool is_counting = before > 0; /* the fleet itself was allocated */
    printf("figure decide per_s=%.0f allocations=%lu devices=%u\n", per_s, made, devices);
    /* A sample is no measure of time. */
    return is_counting && made == 0 && offers > 0 && (is_quick || per_s >= PER_S_MIN) ? 0 : 1;
}
