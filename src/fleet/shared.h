/* Values that many devices have in common, kept once and counted: what runs, digests, short texts.
 * A fleet has few of them, and then a device costs a pointer for each; where every device brings
 * its own, each still keeps no more than one value in each of its places. A value goes with the
 * last who holds it. No call grows with the number of devices: the table has its full width from
 * the start (its pages are the system's until they are used) and is never moved. */
#pragma once

#include "base/span.h"
#include "rt/siphash.h"

struct shared {
    /* private */
    struct shared_value **buckets;
    struct siphash_seed seed;
    size_t count; /* distinct values */
};

/* Out of memory aborts, here and below. */
void shared_init(struct shared *shared);
/* Frees every value, held or not. */
void shared_deinit(struct shared *shared);
/* Lets *place (NULL, or a value of this table) hold these bytes instead; what it held is given
 * back. The same bytes again cost one comparison. A NUL that is not counted follows them. The
 * owner's lock is held. */
void shared_put(struct shared *shared, const void **place, const void *data, size_t size);
/* Gives it back; NULL is fine. */
void shared_drop(struct shared *shared, const void *bytes);
