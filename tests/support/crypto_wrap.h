/* Stands in front of base/crypto.h and of the making of signatures, by the linker's --wrap; in
 * tests only, and only in programs that link test_crypto_wrap. It does two things:
 *
 * It remembers what a signature check said, by the digest of all its inputs: scheme, key, digest,
 * signature. A million scenarios ask for a few thousand checks; each distinct one is made by the
 * real function. Signatures that the make-believe server makes are remembered alike.
 *
 * It lets the crypto engine fail when it is told to: each call that can fail asks the hook first
 * and replies IO where the hook says so; without a hook nothing changes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cache_counts {
    uint64_t asked, real; /* checks asked for; those that the real function made */
};
struct cache_counts cache_counts(void);

enum crypto_call { CRYPTO_HASH, CRYPTO_VERIFY };

/* True: this call fails. */
typedef bool crypto_fault_fn(void *ctx, enum crypto_call call);
/* hook NULL: none. */
void crypto_fault_set(crypto_fault_fn *hook, void *ctx);
/* The simplest hook: the n-th call of this sort from now on fails, once; 0: none any more. */
void crypto_fault_at(enum crypto_call call, unsigned n);
