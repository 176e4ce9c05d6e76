/* The server's own certificates: a CA that lives long and a server certificate under it. */
#pragma once

#include "base/err.h"
#include "base/span.h"

/* tls/ca.pem, ca-key.pem, server.pem (with the CA behind it), server-key.pem in `folder`. Made
 * where missing; the server's is made anew when it does not cover `names` (comma-separated, or
 * NULL) or ends within 30 days. They start a day early, for devices with a slow clock. MISSING: a
 * new server certificate is due, but ca-key.pem is gone. */
GODWIT_MUST_USE godwit_err certificate_ensure(const char *folder, const char *names);
/* SHA-256 of the SubjectPublicKeyInfo of the last certificate in a PEM file: the CA of a chain. */
GODWIT_MUST_USE godwit_err certificate_ca_digest(const char *path, uint8_t digest_out[static 32]);
