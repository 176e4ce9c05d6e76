/* Remembers what a signature check said, by the digest of all its inputs: scheme, key, digest,
 * signature. A million told scenarios ask a few thousand requests; each distinct one is answered by
 * the real check. In tests only, and only in programs that link test_cache: the linker's --wrap
 * puts it in front of the three functions of base/crypto.h. Signatures that the make-believe server
 * makes are remembered alike. */
#pragma once

#include <stdint.h>

struct cache_counts {
    uint64_t asked, real; /* checks asked for; those that were answered by the real function */
};
struct cache_counts cache_counts(void);
