/* What a deploy of a product needs before it begins: a second person who approves it, or a bench
 * device of each chip on which the release was installed and taken back again. */
#pragma once

#include "fleet/fleet.h"

#define BENCH_TAG "bench" /* of devices that try releases first */

struct locks {
    bool approval, bench;
};

/* Writer. */
GODWIT_MUST_USE godwit_err locks_set(struct fleet *fleet, struct db *db, struct product *product,
                                     const struct locks *locks);
/* Whether the device has that tag. Writer. */
GODWIT_MUST_USE godwit_err bench_has(struct db *db, int64_t device, bool *has_out);
/* Whether a bench device of the image's chip has confirmed the release and gone back to what it
 * came from. Writer. */
GODWIT_MUST_USE godwit_err bench_has_proven(struct db *db, const struct image *image,
                                            bool *has_out);
