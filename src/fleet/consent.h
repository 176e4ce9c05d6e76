/* What a release's policy does to devices that nobody does by mistake: a person must say that it is
 * meant before it is rolled out. */
#pragma once

#include "fleet/fleet.h"

/* name, text id (JSON; with dashes the CLI's option and the problem's type) */
#define CONSENTS(X)                                                              \
    X(CLEAN_BREAK, "clean_break")     /* may drop every image key they know */   \
    X(NO_DEPLOY_KEY, "no_deploy_key") /* take instructions unsigned from then */ \
    X(RELISTED_KEY, "relisted_key")   /* trust a key again that was dropped */

#define CONSENT_ENUM(name, id) CONSENT_##name,
enum consent { CONSENTS(CONSENT_ENUM) CONSENT_COUNT };
#undef CONSENT_ENUM

struct consents {
    bool asks[CONSENT_COUNT];
    const uint8_t *relisted_key;      /* RELISTED_KEY: 32 bytes, the first of them */
    const struct release *dropped_by; /* RELISTED_KEY: the release that had dropped it */
};

/* Against what went out before it: the release below, and so on down to the seed. Writer. */
struct consents consents_of(struct fleet *fleet, const struct image *image);
const char *consent_id(enum consent consent);
