/* Blocks are chained; each new one doubles, so a request of any allowed size costs few of them. */
#include "rt/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK_SIZE_MIN 4096U
#define BLOCK_SIZE_MAX (256U * 1024U)
#define ALIGN 16U

struct arena_block {
    struct arena_block *next;
    size_t size;
};
static_assert(sizeof(struct arena_block) % ALIGN == 0, "what follows a block's head is aligned");

void arena_init(struct arena *arena, size_t size_max)
{
    *arena = (struct arena){.size_max = size_max};
}

void arena_deinit(struct arena *arena)
{
    struct arena_block *block = arena->blocks;
    while (block) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
    *arena = (struct arena){0};
}

static bool arena_grow(struct arena *arena, size_t size)
{
    if (size > arena->size_max) return false;
    size_t block_size = arena->blocks ? 2 * arena->blocks->size : BLOCK_SIZE_MIN;
    if (block_size > BLOCK_SIZE_MAX) block_size = BLOCK_SIZE_MAX;
    if (block_size < size + sizeof(struct arena_block))
        block_size = size + sizeof(struct arena_block);
    if (block_size > arena->size_max - arena->size) block_size = arena->size_max - arena->size;
    if (block_size < size + sizeof(struct arena_block)) return false;
    struct arena_block *block = malloc(block_size);
    if (!block) return false;
    *block = (struct arena_block){arena->blocks, block_size};
    arena->blocks = block;
    arena->next = (uint8_t *)(block + 1);
    arena->end = (uint8_t *)block + block_size;
    arena->size += block_size;
    return true;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX - 2 * ALIGN) return NULL;
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (size > (size_t)(arena->end - arena->next) && !arena_grow(arena, size)) return NULL;
    if (!arena->next && !arena_grow(arena, size)) return NULL;
    void *taken = arena->next;
    arena->next += size;
    return taken;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    void *taken = arena_alloc(arena, size);
    if (taken) memset(taken, 0, size);
    return taken;
}

char *arena_copy(struct arena *arena, const void *data, size_t size)
{
    if (size == SIZE_MAX) return NULL;
    char *copy = arena_alloc(arena, size + 1);
    if (!copy) return NULL;
    if (size) memcpy(copy, data, size);
    copy[size] = '\0';
    return copy;
}

char *arena_text(struct arena *arena, const char *text)
{
    return arena_copy(arena, text, strlen(text));
}

char *arena_print(struct arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    char *text = size < 0 ? NULL : arena_alloc(arena, (size_t)size + 1);
    if (text) vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}
