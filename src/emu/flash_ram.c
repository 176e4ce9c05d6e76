/* Flash in memory. An erased sector is a null pointer; a programmed one is counted and may belong
 * to several chips. A write makes its sector the chip's own; as soon as the next write goes
 * elsewhere the finished sector is looked up in the pool, so that ten thousand devices on one image
 * hold it once. Rejected: one flat array per chip (4 MiB each), and mapping one file copy-on-write,
 * which shares only what was never written. */
#include "emu/emu.h"

#include <stdlib.h>

#include "emu/chance.h"
#include "emu/nor.h"

#define BUCKETS_COUNT 8192u
#define NO_SECTOR UINT32_MAX

struct flash_sector {
    struct flash_sector *next; /* in its bucket */
    uint64_t hash;
    uint32_t owners;
    bool is_pooled;
    uint8_t bytes[FLASH_ERASE_SIZE];
};

static uint64_t content_hash(const uint8_t *bytes)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < FLASH_ERASE_SIZE; i += 8)
        hash = mix64(hash ^ godwit_load64(bytes + i));
    return hash;
}

static struct flash_sector **bucket(struct flash_pool *pool, uint64_t hash)
{
    return &pool->buckets[hash % pool->buckets_count];
}

static void pool_remove(struct flash_pool *pool, struct flash_sector *sector)
{
    struct flash_sector **link = bucket(pool, sector->hash);
    while (*link != sector)
        link = &(*link)->next;
    *link = sector->next;
    sector->is_pooled = false;
    pool->sectors_count--;
}

static void sector_drop(struct flash_pool *pool, struct flash_sector *sector)
{
    if (!sector || --sector->owners) return;
    if (sector->is_pooled) pool_remove(pool, sector);
    free(sector);
}

/* The sector just finished: shares its equal from the pool, or becomes the one others share. */
static void resolve(struct flash_ram *ram)
{
    struct flash_pool *pool = ram->pool;
    uint32_t index = ram->open;
    ram->open = NO_SECTOR;
    if (!pool || index == NO_SECTOR || !ram->sectors[index]) return;
    if (!pool->buckets) {
        pool->buckets = calloc(BUCKETS_COUNT, sizeof *pool->buckets);
        if (!pool->buckets) return; /* sharing is a saving, not a need */
        pool->buckets_count = BUCKETS_COUNT;
    }
    struct flash_sector *own = ram->sectors[index];
    own->hash = content_hash(own->bytes);
    struct flash_sector **head = bucket(pool, own->hash);
    for (struct flash_sector *s = *head; s; s = s->next)
        if (s->hash == own->hash && !memcmp(s->bytes, own->bytes, sizeof s->bytes)) {
            s->owners++;
            ram->sectors[index] = s;
            sector_drop(pool, own);
            return;
        }
    own->next = *head;
    own->is_pooled = true;
    *head = own;
    pool->sectors_count++;
}

/* The sector's bytes, belonging to this chip alone; NULL when memory is out. */
static uint8_t *own_bytes(struct flash_ram *ram, uint32_t index)
{
    struct flash_sector *old = ram->sectors[index];
    if (old && old->owners == 1) {
        if (old->is_pooled) pool_remove(ram->pool, old);
        return old->bytes;
    }
    struct flash_sector *own = calloc(1, sizeof *own);
    if (!own) return NULL;
    own->owners = 1;
    if (old)
        memcpy(own->bytes, old->bytes, sizeof own->bytes);
    else
        memset(own->bytes, 0xFF, sizeof own->bytes);
    sector_drop(ram->pool, old);
    ram->sectors[index] = own;
    return own->bytes;
}

/* Bytes from offset on that lie in one sector. */
static size_t piece_size(uint32_t offset, size_t size)
{
    size_t left = FLASH_ERASE_SIZE - offset % FLASH_ERASE_SIZE;
    return size < left ? size : left;
}

static godwit_err ram_read(void *ctx, uint32_t offset, uint8_t *data, size_t size)
{
    struct flash_ram *ram = ctx;
    nor_check(ram->size, offset, size, 1);
    while (size) {
        size_t piece = piece_size(offset, size);
        const struct flash_sector *sector = ram->sectors[offset / FLASH_ERASE_SIZE];
        if (sector)
            memcpy(data, sector->bytes + offset % FLASH_ERASE_SIZE, piece);
        else
            memset(data, 0xFF, piece);
        data += piece, size -= piece, offset += (uint32_t)piece;
    }
    return GODWIT_OK;
}

static godwit_err ram_write(void *ctx, uint32_t offset, const uint8_t *data, size_t size)
{
    struct flash_ram *ram = ctx;
    nor_check(ram->size, offset, size, ram->write_size);
    bool erased = true;
    while (size) {
        size_t piece = piece_size(offset, size);
        uint32_t index = offset / FLASH_ERASE_SIZE;
        if (index != ram->open) resolve(ram);
        uint8_t *bytes = own_bytes(ram, index);
        if (!bytes) return GODWIT_ERR_IO;
        ram->open = index;
        if (!nor_program(bytes + offset % FLASH_ERASE_SIZE, data, piece)) erased = false;
        data += piece, size -= piece, offset += (uint32_t)piece;
    }
    if (!erased) ram->violations++;
    return GODWIT_OK;
}

static godwit_err ram_erase(void *ctx, uint32_t offset, size_t size)
{
    struct flash_ram *ram = ctx;
    nor_check(ram->size, offset, size, FLASH_ERASE_SIZE);
    for (uint32_t i = offset / FLASH_ERASE_SIZE; size; i++, size -= FLASH_ERASE_SIZE) {
        sector_drop(ram->pool, ram->sectors[i]);
        ram->sectors[i] = NULL;
    }
    return GODWIT_OK;
}

godwit_err flash_ram_init(struct flash_ram *ram, uint32_t size, uint32_t write_size,
                          struct flash_pool *pool)
{
    assert(size && size % FLASH_ERASE_SIZE == 0);
    *ram =
        (struct flash_ram){.size = size, .write_size = write_size, .pool = pool, .open = NO_SECTOR};
    ram->sectors = calloc(size / FLASH_ERASE_SIZE, sizeof *ram->sectors);
    return ram->sectors ? GODWIT_OK : GODWIT_ERR_SPACE;
}

godwit_err flash_ram_clone(const struct flash_ram *from, struct flash_ram *to)
{
    godwit_err err = flash_ram_init(to, from->size, from->write_size, from->pool);
    if (err) return err;
    for (uint32_t i = 0; i < from->size / FLASH_ERASE_SIZE; i++) {
        to->sectors[i] = from->sectors[i];
        if (to->sectors[i]) to->sectors[i]->owners++;
    }
    return GODWIT_OK;
}

void flash_ram_deinit(struct flash_ram *ram)
{
    if (!ram->sectors) return;
    for (uint32_t i = 0; i < ram->size / FLASH_ERASE_SIZE; i++)
        sector_drop(ram->pool, ram->sectors[i]);
    free(ram->sectors);
    ram->sectors = NULL;
}

void flash_pool_deinit(struct flash_pool *pool)
{
    assert(!pool->sectors_count); /* its chips are gone */
    free(pool->buckets);
    *pool = (struct flash_pool){0};
}

struct godwit_flash flash_ram_port(struct flash_ram *ram)
{
    return (struct godwit_flash){.ctx = ram,
                                 .size = ram->size,
                                 .erase_size = FLASH_ERASE_SIZE,
                                 .write_size = ram->write_size,
                                 .read = ram_read,
                                 .write = ram_write,
                                 .erase = ram_erase};
}
