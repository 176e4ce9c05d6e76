/* A walk over every combination of choices, without chance and without a stack: the body asks
 * exhaust_pick wherever it has a choice; the loop runs until each path was taken once.
 *
 *     struct exhaust e = {0};
 *     while (exhaust_next(&e)) { cut_at = exhaust_pick(&e, operations + 1); … }
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define EXHAUST_DEPTH_MAX 32

struct exhaust {
    bool is_begun;
    uint32_t given;       /* choices of the first run that exhaust_give has made already */
    uint32_t depth, used; /* choices of the last run; choices made in this run */
    uint32_t picked[EXHAUST_DEPTH_MAX], counts[EXHAUST_DEPTH_MAX];
};

/* Moves to the next combination: the deepest choice with something left goes on, those behind it
 * start anew. False when all were seen. */
static inline bool exhaust_next(struct exhaust *e)
{
    uint32_t depth = e->is_begun ? e->used : e->given;
    if (e->is_begun)
        while (depth && e->picked[depth - 1] + 1 == e->counts[depth - 1])
            depth--;
    if (e->is_begun && !depth) return false;
    if (e->is_begun) e->picked[depth - 1]++;
    e->is_begun = true;
    e->depth = depth;
    e->used = 0;
    return true;
}

/* Begins at a given combination instead of the first one; what is not given is 0. To be called
 * once for each choice, in front of exhaust_next. */
static inline void exhaust_give(struct exhaust *e, uint32_t choice)
{
    assert(!e->is_begun && e->given < EXHAUST_DEPTH_MAX);
    e->picked[e->given++] = choice;
}

/* The same for a printed line of choices, joined by points. */
static inline void exhaust_give_all(struct exhaust *e, const char *choices)
{
    char *end;
    for (; *choices; choices = *end ? end + 1 : end)
        exhaust_give(e, (uint32_t)strtoul(choices, &end, 10));
}

/* A number 0 … count - 1. */
static inline uint32_t exhaust_pick(struct exhaust *e, uint32_t count)
{
    assert(count && e->used < EXHAUST_DEPTH_MAX);
    if (e->used >= e->depth) e->picked[e->used] = 0;
    e->counts[e->used] = count;
    if (e->picked[e->used] >= count) e->picked[e->used] = count - 1; /* given, and too large */
    return e->picked[e->used++];
}
