/* The emulator's only source of chance, so that each run can be replayed. */
#pragma once

#include <stdint.h>

/* The x-th number of one well-mixed sequence (SplitMix64, public domain). */
static inline uint64_t mix64(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}
