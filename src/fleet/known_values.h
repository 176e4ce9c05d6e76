/* Which values devices have in a field of filters, for completion: found by an index, on a read
 * connection, in a number of steps that does not grow with the fleet. */
#pragma once

#include "filter/filter.h"
#include "store/store.h"

#define KNOWN_VALUES_MAX 128

struct known_query {
    const char *org;
    const char *product;     /* of its devices alone; "": of all */
    enum filter_field field; /* one without such values finds none */
    const char *part;        /* folded: what a value begins with, where the index can tell */
};

struct known_values {
    size_t count;
    char texts[KNOWN_VALUES_MAX][72]; /* those that are longer are left out */
};

/* In the order of the field. Where there are too many, those that come first. */
GODWIT_MUST_USE godwit_err known_values(struct db *db, const struct known_query *query,
                                        struct known_values *out);
