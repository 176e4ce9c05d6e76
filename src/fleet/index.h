/* A map from fixed-size byte keys to pointers: open addressing, grows by doubling, never
 * shrinks. Holds pointers only; the key lies in the value. */
#pragma once

#include "base/span.h"
#include "rt/siphash.h"

struct index {
    /* private from here */
    void **slots;
    size_t slots_count, count;
    size_t key_offset, key_size; /* of the key inside each value */
    struct siphash_seed seed;
};

void index_init(struct index *index, size_t key_offset, size_t key_size);
/* free_values: the values came from malloc and are this index's own. */
void index_deinit(struct index *index, bool free_values);
/* Whether the next value makes it grow; then *wider_out is made with the same values and room for
 * more. For an index that many read: widened beside it, and put in its place under their lock. */
bool index_widen(const struct index *index, struct index *wider_out);
/* The value must stay where it is; a value of an equal key is replaced. Out of memory aborts. */
void index_add(struct index *index, void *value);
/* Takes this very value out; nothing happens where another or none has its key. */
void index_remove(struct index *index, const void *value);
void *index_find(const struct index *index, const uint8_t *key);
