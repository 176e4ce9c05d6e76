/* The server's own certificates: a CA that lives long and a server certificate under it. */
#pragma once

#include <openssl/types.h>

#include "base/err.h"
#include "base/span.h"

/* Makes ca.pem, ca-key.pem, server.pem (followed by what leads to the CA) and server-key.pem in
 * `folder` where they are missing. The server's certificate lasts a year; it is made anew when it
 * does not cover `names` (comma-separated, or NULL) or ends within 30 days. Certificates begin a
 * day early, for devices with a slow clock. MISSING: a new server certificate is due, but
 * ca-key.pem is gone. */
GODWIT_MUST_USE godwit_err certificate_ensure(const char *folder, const char *names);
/* Prepares the CA that shall follow: next-ca.pem, next-ca-key.pem and next-ca-cross.pem. POLICY:
 * one is prepared already; MISSING: there is no CA, or its key is gone. */
GODWIT_MUST_USE godwit_err certificate_next(const char *folder);
/* Makes the prepared CA the present one; the former one's key is gone then, its certificate stays
 * in chain.pem. The next certificate_ensure makes the server's own under it. Called again after a
 * power loss it continues. MISSING: none is prepared. */
GODWIT_MUST_USE godwit_err certificate_switch(const char *folder);
/* The CA that devices are told to take as their next: the prepared one, or after a switch the
 * present one, for those that slept; else zero. */
GODWIT_MUST_USE godwit_err certificate_announced(const char *folder, uint8_t digest_out[static 32]);
/* SHA-256 of a certificate's SubjectPublicKeyInfo: what devices know a CA by. */
GODWIT_MUST_USE godwit_err certificate_key_digest(X509 *certificate, uint8_t digest_out[static 32]);
/* Whether it is for this host name or address. */
bool certificate_is_for(X509 *certificate, const char *host);
/* SHA-256 of the SubjectPublicKeyInfo of the last certificate in a PEM file: the CA of a chain. */
GODWIT_MUST_USE godwit_err certificate_ca_digest(const char *path, uint8_t digest_out[static 32]);
