/* Bytes looked at, little-endian loads and stores, and a cursor that can not run over its end.
 * Nothing here owns memory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct godwit_span {
    const uint8_t *data;
    size_t size; /* bytes */
};

/* Little-endian, from and to any alignment. Functions and not inline: on a chip that can not load
 * unaligned words each would be a dozen instructions at each of a hundred places. */
uint16_t godwit_load16(const uint8_t *p);
uint32_t godwit_load32(const uint8_t *p);
uint64_t godwit_load64(const uint8_t *p);
void godwit_store16(uint8_t *p, uint16_t v);
void godwit_store32(uint8_t *p, uint32_t v);
void godwit_store64(uint8_t *p, uint64_t v);

/* Digests, 32 bytes each. Functions, so that a chip loads their size once and not at each of forty
 * places. */
bool godwit_digest_is(const uint8_t *digest, const uint8_t *other);
void godwit_digest_copy(uint8_t *to, const uint8_t *digest);
void godwit_digest_clear(uint8_t *digest);

/* True when each byte of data equals value; true for size 0. */
bool godwit_all(const uint8_t *data, size_t size, uint8_t value);
