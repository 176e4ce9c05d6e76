/* Blocks of 64 KiB cut into cells. Where AddressSanitizer looks on, each cell is a block of its own
 * and goes when it is given back, so that one that is used too late is found. */
#include "rt/pool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)64 * 1024)

#if defined(__SANITIZE_ADDRESS__)
#define IS_WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_WATCHED 1
#endif
#endif
#ifndef IS_WATCHED
#define IS_WATCHED 0
#endif

struct pool_block {
    struct pool_block *next, *before; /* before is set where IS_WATCHED; a pool may be moved */
    max_align_t cells[];
};

void pool_init(struct pool *pool, size_t cell_size)
{
    size_t unit = sizeof(void *);
    *pool = (struct pool){.cell_size = (cell_size + unit - 1) / unit * unit};
}

void pool_deinit(struct pool *pool)
{
    for (struct pool_block *block = pool->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    pool_init(pool, pool->cell_size);
}

static struct pool_block *block_add(struct pool *pool, size_t size)
{
    struct pool_block *block = malloc(sizeof *block + size);
    if (!block) abort();
    block->next = pool->blocks;
    pool->blocks = block;
    return block;
}

static void widen(struct pool *pool)
{
    uint8_t *cells = (uint8_t *)block_add(pool, BLOCK_SIZE)->cells;
    for (size_t at = BLOCK_SIZE / pool->cell_size; at-- > 0;) {
        void **cell = (void **)(void *)(cells + at * pool->cell_size);
        *cell = pool->free_cells;
        pool->free_cells = cell;
    }
}

void *pool_take(struct pool *pool)
{
    pool->used_count++;
    if (IS_WATCHED) {
        struct pool_block *block = block_add(pool, pool->cell_size);
        if (block->next) block->next->before = block;
        block->before = NULL;
        return memset(block->cells, 0, pool->cell_size);
    }
    if (!pool->free_cells) widen(pool);
    void **cell = pool->free_cells;
    pool->free_cells = *cell;
    return memset(cell, 0, pool->cell_size);
}

void pool_give(struct pool *pool, void *cell)
{
    if (!cell) return;
    pool->used_count--;
    if (IS_WATCHED) {
        struct pool_block *block =
            (struct pool_block *)((uintptr_t)cell - offsetof(struct pool_block, cells));
        if (block->next) block->next->before = block->before;
        *(block->before ? &block->before->next : &pool->blocks) = block->next;
        free(block);
        return;
    }
    *(void **)cell = pool->free_cells;
    pool->free_cells = cell;
}
