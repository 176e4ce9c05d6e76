/* What the certificate that a device shows comes to for its request: a pure decision, and a
 * sentence for each that is not taken. */
#pragma once

#include "http/clients.h"

enum certificate_verdict {
    CERTIFICATE_ABSENT, /* and need not be there */
    CERTIFICATE_GOOD,
    CERTIFICATE_NEEDED,
    CERTIFICATE_UNTRUSTED,
    CERTIFICATE_REVOKED,
    CERTIFICATE_PURPOSE,
    CERTIFICATE_NAMELESS,
    CERTIFICATE_EARLY,
    CERTIFICATE_EXPIRED,
    CERTIFICATE_OTHER, /* it is good, and another device's than the request's */
    CERTIFICATE_STALE,
    CERTIFICATE_COUNT
};

struct certificate_facts {
    const struct http_client *client;
    bool is_required;      /* no device is taken without one */
    bool is_clock_doubted; /* then nothing is refused for its dates */
    int64_t now_s;
};

/* All but OTHER. */
enum certificate_verdict certificate_judge(const struct certificate_facts *facts);
/* Stable: "certificate-needed"; "" of those that are taken. */
const char *certificate_type(enum certificate_verdict verdict);
/* For what is not taken. */
void certificate_refuse(struct http_request *request, enum certificate_verdict verdict);
