/* SipHash-1-3: a hash of short keys that nobody can aim who does not know the seed, so that no
 * choice of keys makes a table slow. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct siphash_seed {
    uint64_t words[2];
};

/* Of the system's entropy; aborts where there is none. */
struct siphash_seed siphash_seed_make(void);
uint64_t siphash(const struct siphash_seed *seed, const uint8_t *data, size_t size);
