/* HTTP at its ugliest: named cases of what the server, its mirrors and the path to them answer to
 * a device that updates, and what must come of it. */
#pragma once

#include "formats/reason.h"
#include "wire.h"

struct ugly_case {
    const char *name;
    uint32_t mirrors;
    struct wire_turn turns[WIRE_PLACES];
    /* The failure that is reported first; afterwards, with honest peers, the update must go
     * through. NONE: it goes through at once, and nothing else is reported. */
    enum godwit_reason reason;
};

extern const struct ugly_case ugly_cases[];
extern const uint32_t ugly_cases_count;
