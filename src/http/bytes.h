/* A growing run of bytes. Who adds bounds the size first; false: no memory, and nothing was added.
 */
#pragma once

#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/span.h"

struct bytes {
    uint8_t *data;
    size_t size, size_max;
};

GODWIT_MUST_USE static inline bool bytes_reserve(struct bytes *bytes, size_t more)
{
    if (more <= bytes->size_max - bytes->size) return true;
    size_t wanted = bytes->size_max ? 2 * bytes->size_max : 2048;
    while (wanted - bytes->size < more)
        wanted *= 2;
    uint8_t *data = realloc(bytes->data, wanted);
    if (!data) return false;
    bytes->data = data;
    bytes->size_max = wanted;
    return true;
}

GODWIT_MUST_USE static inline bool bytes_add(struct bytes *bytes, const void *data, size_t size)
{
    if (!size) return true;
    if (!bytes_reserve(bytes, size)) return false;
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
    return true;
}

/* Drops the first size bytes. */
static inline void bytes_drop(struct bytes *bytes, size_t size)
{
    bytes->size -= size;
    if (size && bytes->size) memmove(bytes->data, bytes->data + size, bytes->size);
}

static inline void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}
