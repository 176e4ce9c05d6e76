/* Cells of one size for what there are very many of: no bytes between them, and given back cells
 * are used again before new memory is. Not thread-safe; the owner's lock is held. */
#pragma once

#include <stddef.h>

struct pool {
    /* private */
    size_t cell_size;
    void *free_cells; /* each begins with a pointer to the next */
    struct pool_block *blocks;
    size_t used_count; /* cells that are out */
};

void pool_init(struct pool *pool, size_t cell_size);
/* Gives all memory back, also of cells that are out. */
void pool_deinit(struct pool *pool);
/* Zeroed, aligned for any pointer or number; out of memory aborts. */
void *pool_take(struct pool *pool);
/* NULL is fine. */
void pool_give(struct pool *pool, void *cell);
