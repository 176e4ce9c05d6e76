/* A hash table with chains. Rejected: one that is widened as it fills; widening it would take the
 * fleet's lock for milliseconds where a fleet brings a million distinct values. */
#include "fleet/shared.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS ((size_t)1 << 16)

struct shared_value {
    struct shared_value *next;
    uint32_t holders, size;
    uint8_t bytes[];
};

void shared_init(struct shared *shared)
{
    *shared = (struct shared){.seed = siphash_seed_make()};
    shared->buckets = calloc(BUCKETS, sizeof(struct shared_value *));
    if (!shared->buckets) abort();
}

void shared_deinit(struct shared *shared)
{
    for (size_t i = 0; i < BUCKETS && shared->count; i++)
        for (struct shared_value *value = shared->buckets[i], *next; value; value = next) {
            next = value->next;
            free(value);
            shared->count--;
        }
    free(shared->buckets);
    shared->buckets = NULL;
}

static struct shared_value *value_of(const void *bytes)
{
    return (struct shared_value *)((uintptr_t)bytes - offsetof(struct shared_value, bytes));
}

static bool holds(const struct shared_value *value, const void *data, size_t size)
{
    return value->size == size && !memcmp(value->bytes, data, size);
}

static struct shared_value **bucket_of(const struct shared *shared, const void *data, size_t size)
{
    return &shared->buckets[siphash(&shared->seed, data, size) & (BUCKETS - 1)];
}

static struct shared_value *value_make(struct shared *shared, struct shared_value **bucket,
                                       const void *data, size_t size)
{
    struct shared_value *value = malloc(sizeof *value + size + 1);
    if (!value) abort();
    *value = (struct shared_value){.next = *bucket, .size = (uint32_t)size};
    memcpy(value->bytes, data, size);
    value->bytes[size] = 0;
    *bucket = value;
    shared->count++;
    return value;
}

void shared_put(struct shared *shared, const void **place, const void *data, size_t size)
{
    const void *old = *place;
    if (old && holds(value_of(old), data, size)) return;
    struct shared_value **bucket = bucket_of(shared, data, size), *value = *bucket;
    while (value && !holds(value, data, size))
        value = value->next;
    if (!value) value = value_make(shared, bucket, data, size);
    value->holders++;
    *place = value->bytes;
    shared_drop(shared, old);
}

void shared_drop(struct shared *shared, const void *bytes)
{
    if (!bytes) return;
    struct shared_value *value = value_of(bytes);
    if (--value->holders) return;
    struct shared_value **at = bucket_of(shared, value->bytes, value->size);
    while (*at != value)
        at = &(*at)->next;
    *at = value->next;
    free(value);
    shared->count--;
}
