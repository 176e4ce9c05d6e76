/* A crypto engine that fails when it is told to: in programs that link test_crypto_fault, where the
 * linker's --wrap puts this in front of base/crypto.h. Each call that can fail asks the hook first
 * and answers IO where it says so; without a hook nothing changes. */
#pragma once

#include <stdbool.h>

enum crypto_call { CRYPTO_HASH, CRYPTO_VERIFY };

/* True: this call fails. */
typedef bool crypto_fault_fn(void *ctx, enum crypto_call call);
/* hook NULL: none. */
void crypto_fault_set(crypto_fault_fn *hook, void *ctx);
/* The simplest hook: the n-th call of this sort from now on fails, once; 0: none any more. */
void crypto_fault_at(enum crypto_call call, unsigned n);
