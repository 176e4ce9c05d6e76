/* After Aumasson and Bernstein, "SipHash: a fast short-input PRF"; one round for each word, three
 * at the end, as hash tables use it. */
#include "rt/siphash.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/span.h"

struct siphash_seed siphash_seed_make(void)
{
    struct siphash_seed seed;
    if (getentropy(&seed, sizeof seed)) abort();
    return seed;
}

static uint64_t rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void sip_round(uint64_t v[static 4])
{
    v[0] += v[1], v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0], v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1], v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2], v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

/* Little-endian; size less than 8. */
static uint64_t word_of(const uint8_t *data, size_t size)
{
    uint64_t word = 0;
    for (size_t i = 0; i < size; i++)
        word |= (uint64_t)data[i] << 8 * i;
    return word;
}

uint64_t siphash(const struct siphash_seed *seed, const uint8_t *data, size_t size)
{
    uint64_t v[4] = {seed->words[0] ^ 0x736f6d6570736575U, seed->words[1] ^ 0x646f72616e646f6dU,
                     seed->words[0] ^ 0x6c7967656e657261U, seed->words[1] ^ 0x7465646279746573U};
    size_t at = 0;
    for (; at + 8 <= size; at += 8) {
        uint64_t word = godwit_load64(data + at);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    uint64_t last = word_of(data + at, size - at) | (uint64_t)size << 56;
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
