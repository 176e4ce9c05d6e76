/* Which TLS server an emulated device believes: one whose chain verifies up to a CA certificate
 * that the device knows, either by the digest of its public key (out of a claim token, the CA
 * itself comes with the server's chain) or as a file. The host name is checked by libcurl. */
#pragma once

#include <curl/curl.h>

#include "base/err.h"
#include "base/span.h"

struct host_trust {
    uint8_t spki_sha256[32]; /* used without ca_path */
    const char *ca_path;     /* PEM, or NULL; must outlive this */
};

/* Splits "gw1.<claim>.<SHA-256 of the CA's SPKI, base64url>"; FORMAT when it is not of that form.
 */
GODWIT_MUST_USE godwit_err host_trust_from_token(struct host_trust *trust, const char *token);
/* Sets the options of a handle; trust must outlive it. NET when libcurl refuses. */
GODWIT_MUST_USE godwit_err host_trust_apply(struct host_trust *trust, CURL *easy);
