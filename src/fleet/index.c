/* Open addressing with linear probing, at most half full. The hash is keyed and seeded for each
 * index: whoever holds a claim chooses device ids as it likes, and must not be able to make all of
 * them meet in one place. */
#include "fleet/index.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 64

void index_init(struct index *index, size_t key_offset, size_t key_size)
{
    *index =
        (struct index){.key_offset = key_offset, .key_size = key_size, .seed = siphash_seed_make()};
}

void index_deinit(struct index *index, bool free_values)
{
    for (size_t i = 0; free_values && i < index->slots_count; i++)
        free(index->slots[i]);
    free(index->slots);
    index_init(index, index->key_offset, index->key_size);
}

static const uint8_t *key_of(const struct index *index, const void *value)
{
    return (const uint8_t *)value + index->key_offset;
}

/* The slot of this key: its value, or the free place where it belongs. */
static size_t slot_of(const struct index *index, const uint8_t *key)
{
    size_t mask = index->slots_count - 1;
    size_t slot = (size_t)siphash(&index->seed, key, index->key_size) & mask;
    while (index->slots[slot] && memcmp(key_of(index, index->slots[slot]), key, index->key_size))
        slot = (slot + 1) & mask;
    return slot;
}

bool index_widen(const struct index *index, struct index *wider_out)
{
    if (2 * (index->count + 1) <= index->slots_count) return false;
    *wider_out = *index;
    wider_out->slots_count = index->slots_count ? index->slots_count * 2 : SLOTS_MIN;
    wider_out->slots = calloc(wider_out->slots_count, sizeof *wider_out->slots);
    if (!wider_out->slots) abort();
    for (size_t i = 0; i < index->slots_count; i++)
        if (index->slots[i])
            wider_out->slots[slot_of(wider_out, key_of(index, index->slots[i]))] = index->slots[i];
    return true;
}

void index_add(struct index *index, void *value)
{
    struct index wider;
    if (index_widen(index, &wider)) {
        free(index->slots);
        *index = wider;
    }
    size_t slot = slot_of(index, key_of(index, value));
    if (!index->slots[slot]) index->count++;
    index->slots[slot] = value;
}

/* The run of values behind the gap moves up, each where its key would be looked for. */
void index_remove(struct index *index, const void *value)
{
    if (index_find(index, key_of(index, value)) != value) return;
    size_t mask = index->slots_count - 1, gap = slot_of(index, key_of(index, value));
    index->slots[gap] = NULL;
    index->count--;
    for (size_t at = (gap + 1) & mask; index->slots[at]; at = (at + 1) & mask) {
        void *moved = index->slots[at];
        index->slots[at] = NULL;
        index->slots[slot_of(index, key_of(index, moved))] = moved;
    }
}

void *index_find(const struct index *index, const uint8_t *key)
{
    return index->slots_count ? index->slots[slot_of(index, key)] : NULL;
}
