/* Hex, base64, UTF-8, version order and bounded append. Never allocates, always ends with NUL. */
#pragma once

#include "base/err.h"
#include "base/span.h"

/* Text in the caller's buffer; a piece that does not fit adds nothing and sets overflow. */
struct godwit_text {
    char *data;
    size_t size_max; /* bytes in data, NUL included */
    size_t size;     /* bytes used, NUL not included */
    bool overflow;
};

void godwit_text_init(struct godwit_text *text, char *data, size_t size_max);
void godwit_text_add(struct godwit_text *text, const char *string);
void godwit_text_add_bytes(struct godwit_text *text, const char *data, size_t size);
void godwit_text_add_u32(struct godwit_text *text, uint32_t value);
void godwit_text_add_hex(struct godwit_text *text, const uint8_t *data, size_t size);

/* Lower-case hex; out holds 2 * size + 1 bytes. */
void godwit_hex_encode(const uint8_t *data, size_t size, char *out);
/* Exactly 2 * size hex digits of either case; FORMAT otherwise, also for another text_size. */
GODWIT_MUST_USE godwit_err godwit_hex_decode(const char *text, size_t text_size, uint8_t *out,
                                             size_t size);

/* RFC 4648 section 4, padded. out holds 4 * ((size + 2) / 3) + 1 bytes. */
void godwit_base64_encode(const uint8_t *data, size_t size, char *out);
/* Strict: canonical padding, no white space. FORMAT when malformed, SPACE when over size_max. */
GODWIT_MUST_USE godwit_err godwit_base64_decode(const char *text, size_t text_size, uint8_t *out,
                                                size_t size_max, size_t *size_out);

/* Bytes of the UTF-8 sequence at data, 0 when it is none (overlong, surrogate, too large, cut). */
size_t godwit_utf8_size(const char *data, size_t size);

/* The index-th of texts that stand one behind the other, each ended by NUL. */
const char *godwit_text_at(const char *texts, unsigned index);

/* Order of two version texts: < 0, 0, > 0. Numbers compare as numbers ("1.10.0" after "1.9.3"),
 * a leading "v" is skipped, and a pre-release ("-rc1") comes before its release (SemVer 2.0 §11);
 * anything else compares byte by byte, so the order is total. */
int godwit_version_compare(const char *a, const char *b);
