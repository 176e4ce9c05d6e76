/* Memory of one request: taken piece by piece, given back whole. Not thread-safe; the owner of the
 * moment (loop, then worker, then loop) uses it alone. size_max bounds what one request may take.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

struct arena {
    size_t size_max;
    /* private */
    struct arena_block *blocks;
    uint8_t *next, *end;
    size_t size; /* bytes held from the system */
};

void arena_init(struct arena *arena, size_t size_max);
/* Gives everything back; safe on a zeroed arena; usable again after arena_init. */
void arena_deinit(struct arena *arena);

/* 16-byte aligned, not cleared; NULL where size_max would be passed, or without memory. */
GODWIT_MUST_USE void *arena_alloc(struct arena *arena, size_t size);
/* The same, all zero. */
GODWIT_MUST_USE void *arena_zalloc(struct arena *arena, size_t size);
/* size bytes copied, and a NUL behind them that is not counted. */
GODWIT_MUST_USE char *arena_copy(struct arena *arena, const void *data, size_t size);
GODWIT_MUST_USE char *arena_text(struct arena *arena, const char *text);
/* printf into the arena; NULL as above. */
GODWIT_MUST_USE char *arena_print(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
