/* Remembers what a signature check said, by the digest of all its inputs: scheme, key, digest,
 * signature. A million told stories ask a few thousand questions; each distinct one is answered by
 * the real check. In tests only, and only in programs that link test_memo: the linker's --wrap puts
 * it in front of the three functions of base/crypto.h. Signatures that the make-believe server
 * makes are remembered alike. */
#pragma once

#include <stdint.h>

struct memo_counts {
    uint64_t asked, real; /* checks asked for; those that were answered by the real function */
};
struct memo_counts memo_counts(void);
