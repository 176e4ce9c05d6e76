/* A growing run of bytes. Out of memory aborts; whoever adds bounds the size first. */
#pragma once

#include <stdlib.h>

#include "base/span.h"

struct bytes {
    uint8_t *data;
    size_t size, size_max;
};

static inline void bytes_reserve(struct bytes *bytes, size_t more)
{
    if (more <= bytes->size_max - bytes->size) return;
    size_t wanted = bytes->size_max ? 2 * bytes->size_max : 2048;
    while (wanted - bytes->size < more)
        wanted *= 2;
    bytes->data = realloc(bytes->data, wanted);
    if (!bytes->data) abort();
    bytes->size_max = wanted;
}

static inline void bytes_add(struct bytes *bytes, const void *data, size_t size)
{
    if (!size) return;
    bytes_reserve(bytes, size);
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
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
