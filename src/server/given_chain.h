/* A certificate that was given with --tls-cert: whether devices can know their server by it. They
 * know it by the key of a CA (docs/decisions/0012), so the chain must lead to a root that stays,
 * and the root must be sent along. */
#pragma once

#include "base/err.h"
#include "base/span.h"

struct given_chain {
    char *pem;             /* malloc'ed: the chain as it is sent, the root last */
    uint8_t ca_sha256[32]; /* of the root's SubjectPublicKeyInfo */
    char host[256];        /* the first name of the certificate that can be dialled; "": none */
    char ends[32];         /* "2027-01-31" */
    bool ends_soon;        /* within two weeks, or already */
};

/* ca NULL: the chain's last must be the root. FORMAT or TRUST, with a note that says what to do. */
GODWIT_MUST_USE godwit_err given_chain_load(const char *certificate, const char *ca,
                                            struct given_chain *out, char *note_out,
                                            size_t note_size);
void given_chain_free(struct given_chain *chain);
/* Whether the chain's certificate is for this host name or address. */
bool given_chain_covers(const struct given_chain *chain, const char *host);
