/* Which TLS server an emulated device believes: one whose chain verifies up to a CA that the device
 * knows: by the digest of its public key (out of a claim token or the journal; the CA itself comes
 * with the server's chain), or as a file. The rules stand in host_trust.c and docs/PROTOCOL.md. */
#pragma once

#include <curl/curl.h>

#include "base/err.h"
#include "base/span.h"
#include "rt/clock.h"

/* 2026-01-01: a clock that says an earlier time was never set. */
#define HOST_BUILT_S 1767225600

struct host_trust {
    uint8_t ca_sha256[2][32];  /* of the public keys of the present and the next CA; zero: none */
    const char *ca_path;       /* PEM, in place of the present one, or NULL; must outlive this */
    const struct clock *clock; /* NULL: the system's */
    char name[160]; /* private: tells connections and sessions of one trust from others */
};

/* Splits "gw1.<claim>.<SHA-256 of the CA's SPKI, base64url>"; FORMAT when it is not of that form.
 */
GODWIT_MUST_USE godwit_err host_trust_from_token(struct host_trust *trust, const char *token);
/* What the journal says; its present one zero: what the trust began with stays. */
void host_trust_change(struct host_trust *trust, const uint8_t ca_sha256[2][32]);
/* Sets the options of a handle; trust must outlive its connections' handshakes. NET when libcurl
 * refuses. */
GODWIT_MUST_USE godwit_err host_trust_apply(struct host_trust *trust, CURL *easy);
/* Whether the server that the handle is connected to now has proven itself by the next CA. */
bool host_trust_is_by_next_ca(CURL *easy);
