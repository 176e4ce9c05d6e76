/* Loads, stores and a look at bytes that are all alike. */
#include "base/span.h"

#include <assert.h>

#define DIGEST_SIZE 32
#define NOINLINE __attribute__((noinline))

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are copied as they lie");

uint16_t godwit_load16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

uint32_t godwit_load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

uint64_t godwit_load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

void godwit_store16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

void godwit_store32(uint8_t *p, uint32_t v)
{
    godwit_store16(p, (uint16_t)v);
    godwit_store16(p + 2, (uint16_t)(v >> 16));
}

void godwit_store64(uint8_t *p, uint64_t v)
{
    godwit_store32(p, (uint32_t)v);
    godwit_store32(p + 4, (uint32_t)(v >> 32));
}

NOINLINE bool godwit_digest_is(const uint8_t *digest, const uint8_t *other)
{
    return memcmp(digest, other, DIGEST_SIZE) == 0;
}

NOINLINE void godwit_digest_copy(uint8_t *to, const uint8_t *digest)
{
    memcpy(to, digest, DIGEST_SIZE);
}

NOINLINE void godwit_digest_clear(uint8_t *digest)
{
    memset(digest, 0, DIGEST_SIZE);
}

bool godwit_all(const uint8_t *data, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != value) return false;
    return true;
}
