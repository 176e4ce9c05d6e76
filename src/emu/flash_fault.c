/* The failing flash: power stays, one operation does not do what it should. An error is what a
 * driver reports; a silent failure is what a worn or badly wired chip does, and the only way to see
 * it is to read back. */
#include "emu/chance.h"
#include "emu/nor.h"

#define SECTOR_BITS (FLASH_ERASE_SIZE * 8u)

/* Counts an operation; true when it fails. */
static bool strikes(struct fault *fault, enum fault_sort sort)
{
    if (!(fault->sorts & sort)) return false;
    fault->operations++;
    bool fails = fault->fail_at && (fault->lasts ? fault->operations >= fault->fail_at
                                                 : fault->operations == fault->fail_at);
    if (fails) fault->fails++;
    return fails;
}

static godwit_err reply(const struct fault *fault)
{
    return fault->is_silent ? GODWIT_OK : GODWIT_ERR_IO;
}

static godwit_err fault_read(void *ctx, uint32_t offset, uint8_t *data, size_t size)
{
    struct fault *fault = ctx;
    if (!strikes(fault, FAULT_READ)) return fault->inner.read(fault->inner.ctx, offset, data, size);
    memset(data, 0xFF, size);
    return reply(fault);
}

static godwit_err fault_write(void *ctx, uint32_t offset, const uint8_t *data, size_t size)
{
    struct fault *fault = ctx;
    if (strikes(fault, FAULT_WRITE)) return reply(fault);
    return fault->inner.write(fault->inner.ctx, offset, data, size);
}

static godwit_err fault_erase(void *ctx, uint32_t offset, size_t size)
{
    struct fault *fault = ctx;
    if (strikes(fault, FAULT_ERASE)) return reply(fault);
    for (size_t i = 0; fault->erases && i < size / FLASH_ERASE_SIZE; i++)
        fault->erases[offset / FLASH_ERASE_SIZE + i]++;
    return fault->inner.erase(fault->inner.ctx, offset, size);
}

void fault_init(struct fault *fault, const struct godwit_flash *inner)
{
    *fault = (struct fault){.inner = *inner, .sorts = FAULT_ANY};
}

struct godwit_flash fault_port(struct fault *fault)
{
    struct godwit_flash port = fault->inner;
    port.ctx = fault;
    port.read = fault_read;
    port.write = fault_write;
    port.erase = fault_erase;
    return port;
}

void fault_clear(struct fault *fault)
{
    fault->fail_at = 0;
}

godwit_err flash_rot(const struct godwit_flash *flash, uint32_t sector_offset, uint32_t bits,
                     uint64_t seed)
{
    uint8_t bytes[FLASH_ERASE_SIZE], flipped[SECTOR_BITS / 8] = {0};
    assert(bits <= SECTOR_BITS && sector_offset % FLASH_ERASE_SIZE == 0);
    godwit_err err = flash->read(flash->ctx, sector_offset, bytes, sizeof bytes);
    if (err) return err;
    for (uint32_t done = 0, i = 0; done < bits; i++) {
        uint32_t bit = (uint32_t)(mix64(seed ^ (uint64_t)sector_offset << 32 ^ i) % SECTOR_BITS);
        uint8_t mask = (uint8_t)(1u << bit % 8);
        if (flipped[bit / 8] & mask) continue;
        flipped[bit / 8] |= mask;
        bytes[bit / 8] ^= mask;
        done++;
    }
    err = flash->erase(flash->ctx, sector_offset, sizeof bytes);
    return err ? err : flash->write(flash->ctx, sector_offset, bytes, sizeof bytes);
}
