/* Pages of tokens that wait for an operator, who asked last first; by SQL on a read connection. */
#pragma once

#include "fleet/pending.h"

struct list_pending {
    int64_t id;
    uint8_t device_id[16], token_sha256[32];
    char product[33], version[33];
    int64_t requested_s;
};

/* Only those of lower id than before; reads at most count_max. */
GODWIT_MUST_USE godwit_err list_pending(struct db *db, const char *org, int64_t before,
                                        struct list_pending *out, size_t count_max,
                                        size_t *count_out);
