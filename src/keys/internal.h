/* What a key is inside this folder: OpenSSL's object, and the parts that a signature block wants,
 * taken out once when the key is made or read. */
#pragma once

#include <openssl/evp.h>
#include <stdatomic.h>

#include "keys/keys.h"

struct key {
    EVP_PKEY *pkey;
    /* A context ready to sign, or NULL while a thread has it: making one costs a tenth of a P-256
     * signature. Points to its own memory, because signing leaves the key itself as it is. */
    _Atomic(EVP_PKEY_CTX *) *spare;
    bool is_private;
    struct godwit_public_key public_part;
};

/* Takes pkey over in any case. NULL: no RSA-3072, P-256 or P-384 key, or out of memory. */
struct key *key_wrap(EVP_PKEY *pkey, bool is_private);
