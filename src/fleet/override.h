/* What a release's policy does to devices that nobody does by mistake: a person must say that it is
 * meant before it is rolled out. */
#pragma once

#include "fleet/fleet.h"

/* name, text id (JSON; with dashes the CLI's option and the problem's type) */
#define OVERRIDES(X)                                                             \
    X(TRUST_RESET, "trust_reset")     /* may drop every image key they know */   \
    X(NO_DEPLOY_KEY, "no_deploy_key") /* take instructions unsigned from then */ \
    X(RETRUSTED_KEY, "retrusted_key") /* trust a key again that was dropped */   \
    X(NO_RETURN, "no_return")         /* can not go back to the release before */

#define OVERRIDE_ENUM(name, id) OVERRIDE_##name,
enum override { OVERRIDES(OVERRIDE_ENUM) OVERRIDE_COUNT };
#undef OVERRIDE_ENUM

struct overrides {
    bool needs[OVERRIDE_COUNT];
    const uint8_t *retrusted_key;     /* RETRUSTED_KEY: 32 bytes, the first of them */
    const struct release *dropped_by; /* RETRUSTED_KEY: the release that had dropped it */
};

/* Against what went out before it: the release below, and so on down to the initial policy. Writer.
 */
struct overrides overrides_of(struct fleet *fleet, struct db *db, const struct image *image);
const char *override_id(enum override override);
