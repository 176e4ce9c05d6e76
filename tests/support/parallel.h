/* Cases over processes: each of `workers` takes every workers-th case; what they add up lies in
 * memory that they share. Forked, so that a world made before is everybody's own copy. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed numbers that all workers see; aborts when memory is out. */
uint32_t *parallel_counts(size_t count);
void parallel_add(uint32_t *count, uint32_t number); /* from any worker */
void parallel_max(uint32_t *count, uint32_t number);
/* Runs work(case_index, arg) for 0 … cases − 1, skipping all but every `stride`-th; false: a worker
 * died. */
bool parallel_run(uint32_t cases, uint32_t stride, void (*work)(uint32_t case_index, void *arg),
                  void *arg);
