/* Flash encryption as the chips do it: the bytes of a block of 16 mean nothing one by one. What a
 * cut leaves of a block, and what an erase leaves, reads as noise; so does a single flipped bit.
 *
 * The cipher is none that keeps a secret: three rounds over two halves, each a mix of the other
 * with the block's address, are enough to spread any change over the whole block. AES would cost a
 * hundred times as much in figures that read a slot a million times, and show nothing more. */
#include "emu/nor.h"

#define BLOCK_SIZE 16u
#define PIECE_SIZE FLASH_ERASE_SIZE

/* Both halves of a product with an odd constant: one multiplication mixes enough here. */
static inline uint64_t fold(uint64_t x)
{
    unsigned __int128 product = (unsigned __int128)x * 0x9E3779B97F4A7C15u;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The rounds read the same backwards, so doing it twice undoes it. */
static void scramble(uint8_t *bytes, uint32_t offset)
{
    uint64_t halves[2], outer = offset + 1ull, inner = ~outer << 20;
    memcpy(halves, bytes, sizeof halves);
    halves[0] ^= fold(halves[1] ^ outer);
    halves[1] ^= fold(halves[0] ^ inner);
    halves[0] ^= fold(halves[1] ^ outer);
    memcpy(bytes, halves, sizeof halves);
}

static bool is_plain(const struct flash_cipher *cipher, uint32_t offset)
{
    return offset - cipher->plain_offset < cipher->plain_size;
}

/* Reads need no alignment: whole blocks are read, and what was asked for is cut out. */
static godwit_err cipher_read(void *ctx, uint32_t offset, uint8_t *data, size_t size)
{
    const struct flash_cipher *cipher = ctx;
    const struct godwit_flash *inner = &cipher->inner;
    if (is_plain(cipher, offset)) return inner->read(inner->ctx, offset, data, size);
    while (size) {
        uint8_t piece[PIECE_SIZE];
        uint32_t skip = offset % BLOCK_SIZE, from = offset - skip;
        uint32_t wanted = size < sizeof piece - skip ? (uint32_t)size : PIECE_SIZE - skip;
        uint32_t whole = (skip + wanted + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE;
        godwit_err err = inner->read(inner->ctx, from, piece, whole);
        if (err) return err;
        for (uint32_t at = 0; at < whole; at += BLOCK_SIZE)
            scramble(piece + at, from + at);
        memcpy(data, piece + skip, wanted);
        data += wanted;
        offset += wanted;
        size -= wanted;
    }
    return GODWIT_OK;
}

/* In one write, as it was asked for: it is one operation, and may be cut as one. */
static godwit_err cipher_write(void *ctx, uint32_t offset, const uint8_t *data, size_t size)
{
    const struct flash_cipher *cipher = ctx;
    const struct godwit_flash *inner = &cipher->inner;
    uint8_t bytes[FLASH_ERASE_SIZE];
    if (is_plain(cipher, offset)) return inner->write(inner->ctx, offset, data, size);
    nor_check(inner->size, offset, size, BLOCK_SIZE);
    assert(size <= sizeof bytes);
    memcpy(bytes, data, size);
    for (uint32_t at = 0; at < size; at += BLOCK_SIZE)
        scramble(bytes + at, offset + at);
    return inner->write(inner->ctx, offset, bytes, size);
}

static godwit_err cipher_erase(void *ctx, uint32_t offset, size_t size)
{
    const struct flash_cipher *cipher = ctx;
    return cipher->inner.erase(cipher->inner.ctx, offset, size);
}

void flash_cipher_init(struct flash_cipher *cipher, const struct godwit_flash *inner,
                       uint32_t plain_offset, uint32_t plain_size)
{
    assert(inner->write_size % BLOCK_SIZE == 0);
    *cipher = (struct flash_cipher){*inner, plain_offset, plain_size};
}

struct godwit_flash flash_cipher_port(struct flash_cipher *cipher)
{
    struct godwit_flash port = cipher->inner;
    port.ctx = cipher;
    port.read = cipher_read;
    port.write = cipher_write;
    port.erase = cipher_erase;
    return port;
}
