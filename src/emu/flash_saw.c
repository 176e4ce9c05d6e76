/* The saw: power is cut at the n-th write or erase, before, in the middle of or after it. What a
 * torn operation leaves is worse than any one chip: a write stops inside a unit, with only some
 * bits of it programmed; an erase stops with a sector that is neither old nor blank, either raised
 * bit by bit or blank up to some byte. Which of these is chosen by the seed, so that a case can be
 * replayed.
 * Not modelled: the units of one write programmed out of order. Some chips might; an otadata entry
 * then keeps number and CRC without its state, boots unwatched, and a crash at boot never flies
 * back. ESP-IDF's own bootloader writes such entries too: no agent alone can close that gap. */
#include "emu/chance.h"
#include "emu/nor.h"

/* A number below `count`, the which-th choice inside the present operation. */
static uint32_t pick(const struct saw *saw, uint32_t which, uint32_t count)
{
    uint64_t x = mix64(saw->seed ^ (uint64_t)saw->operations << 32 ^ which);
    return (uint32_t)(x % count);
}

static godwit_err torn_write(struct saw *saw, uint32_t offset, const uint8_t *data, size_t size)
{
    const struct godwit_flash *inner = &saw->inner;
    uint32_t unit = inner->write_size;
    uint32_t whole = pick(saw, 0, (uint32_t)(size / unit)) * unit;
    uint8_t partial[32];
    assert(unit <= sizeof partial);
    for (uint32_t i = 0; i < unit; i++)
        partial[i] = data[whole + i] | (uint8_t)pick(saw, 1 + i, 256);
    godwit_err err = whole ? inner->write(inner->ctx, offset, data, whole) : GODWIT_OK;
    return err ? err : inner->write(inner->ctx, offset + whole, partial, unit);
}

static godwit_err half_erase(struct saw *saw, uint32_t offset)
{
    const struct godwit_flash *inner = &saw->inner;
    uint8_t bytes[FLASH_ERASE_SIZE];
    godwit_err err = inner->read(inner->ctx, offset, bytes, sizeof bytes);
    if (err) return err;
    if (pick(saw, 1, 2))
        memset(bytes, 0xFF, 1 + pick(saw, 2, FLASH_ERASE_SIZE - 1));
    else
        for (uint32_t i = 0; i < sizeof bytes; i++)
            bytes[i] |= (uint8_t)pick(saw, 3 + i, 256);
    err = inner->erase(inner->ctx, offset, sizeof bytes);
    return err ? err : inner->write(inner->ctx, offset, bytes, sizeof bytes);
}

static godwit_err torn_erase(struct saw *saw, uint32_t offset, size_t size)
{
    const struct godwit_flash *inner = &saw->inner;
    uint32_t whole = pick(saw, 0, (uint32_t)(size / FLASH_ERASE_SIZE)) * FLASH_ERASE_SIZE;
    godwit_err err = whole ? inner->erase(inner->ctx, offset, whole) : GODWIT_OK;
    return err ? err : half_erase(saw, offset + whole);
}

/* Counts an operation; true when power goes during it. */
static bool strikes(struct saw *saw)
{
    saw->operations++;
    saw->is_off = saw->cut_at && saw->operations >= saw->cut_at;
    return saw->is_off;
}

static godwit_err saw_read(void *ctx, uint32_t offset, uint8_t *data, size_t size)
{
    struct saw *saw = ctx;
    if (saw->is_off) return GODWIT_ERR_IO;
    return saw->inner.read(saw->inner.ctx, offset, data, size);
}

static godwit_err saw_write(void *ctx, uint32_t offset, const uint8_t *data, size_t size)
{
    struct saw *saw = ctx;
    if (saw->is_off) return GODWIT_ERR_IO;
    if (!strikes(saw)) return saw->inner.write(saw->inner.ctx, offset, data, size);
    if (saw->kind == SAW_TORN && size) (void)!torn_write(saw, offset, data, size);
    if (saw->kind == SAW_AFTER) (void)!saw->inner.write(saw->inner.ctx, offset, data, size);
    return GODWIT_ERR_IO;
}

static godwit_err saw_erase(void *ctx, uint32_t offset, size_t size)
{
    struct saw *saw = ctx;
    if (saw->is_off) return GODWIT_ERR_IO;
    if (!strikes(saw)) return saw->inner.erase(saw->inner.ctx, offset, size);
    if (saw->kind == SAW_TORN && size) (void)!torn_erase(saw, offset, size);
    if (saw->kind == SAW_AFTER) (void)!saw->inner.erase(saw->inner.ctx, offset, size);
    return GODWIT_ERR_IO;
}

void saw_init(struct saw *saw, const struct godwit_flash *inner)
{
    *saw = (struct saw){.inner = *inner};
}

struct godwit_flash saw_port(struct saw *saw)
{
    struct godwit_flash port = saw->inner;
    port.ctx = saw;
    port.read = saw_read;
    port.write = saw_write;
    port.erase = saw_erase;
    return port;
}

void saw_power_on(struct saw *saw)
{
    saw->is_off = false;
    saw->cut_at = 0;
}
