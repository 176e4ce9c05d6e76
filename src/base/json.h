/* JSON read in one pass and written into a bounded buffer; no allocation. RFC 8259. Reading is
 * strict: one value, which is an object or an array, keys are strings, no trailing bytes, nesting
 * at most GODWIT_JSON_DEPTH_MAX, valid escapes, UTF-8 that is UTF-8. A key spelled with escapes is
 * found under no name. */
#pragma once

#include "base/err.h"
#include "base/span.h"
#include "base/text.h"

#define GODWIT_JSON_DEPTH_MAX 6

/* Where the reading stands. The caller walks through the text, in the text's order:
 *
 *     godwit_json_init(&json, text, size);
 *     err = godwit_json_open(&json, '{');
 *     while (!err && !(err = godwit_json_next(&json, &key)))
 *         err = godwit_json_is(&key, "a") ? godwit_json_u32(&json, &a) : godwit_json_skip(&json);
 *     if (err == GODWIT_ERR_END) err = godwit_json_finish(&json);
 *
 * Behind an error nothing more may be read. Only finish says that the whole was JSON. */
struct godwit_json {
    const char *at, *end; /* the caller's text, what is unread of it */
    uint32_t kinds;       /* of the open brackets, the newest in bit 0; 1: object */
    uint32_t depth;
    bool is_first; /* nothing of the newest was read yet */
};

/* What stands between a string's quotes, escapes as they are; lives as long as the text. */
struct godwit_json_text {
    const char *data;
    size_t size;
};

void godwit_json_init(struct godwit_json *json, const char *text, size_t size);
/* Enters the value that comes next; FORMAT when it does not begin with that bracket. */
GODWIT_MUST_USE godwit_err godwit_json_open(struct godwit_json *json, char bracket);
/* On to the next member or element; END: the open bracket has closed. key_out: of a member; NULL in
 * an array, or where nobody asks. */
GODWIT_MUST_USE godwit_err godwit_json_next(struct godwit_json *json,
                                            struct godwit_json_text *key_out);
bool godwit_json_is(const struct godwit_json_text *text, const char *name);
/* Each reads the value that comes next; FORMAT when it is of another kind. */
GODWIT_MUST_USE godwit_err godwit_json_raw(struct godwit_json *json,
                                           struct godwit_json_text *text_out);
/* Unescaped UTF-8, NUL-terminated; FORMAT also when an escape stands for NUL or half a surrogate
 * pair, SPACE when longer than size_max - 1. */
GODWIT_MUST_USE godwit_err godwit_json_string(struct godwit_json *json, char *out, size_t size_max);
/* An integer 0 … 2^32 - 1 in plain digits. */
GODWIT_MUST_USE godwit_err godwit_json_u32(struct godwit_json *json, uint32_t *value_out);
GODWIT_MUST_USE godwit_err godwit_json_bool(struct godwit_json *json, bool *value_out);
/* A string of exactly 2 * size hex digits. */
GODWIT_MUST_USE godwit_err godwit_json_hex(struct godwit_json *json, uint8_t *out, size_t size);
/* A base64 string of exactly `size` bytes. */
GODWIT_MUST_USE godwit_err godwit_json_base64(struct godwit_json *json, uint8_t *out, size_t size);
/* Any value, with all that it holds. */
GODWIT_MUST_USE godwit_err godwit_json_skip(struct godwit_json *json);
/* FORMAT when anything but white space is left. */
GODWIT_MUST_USE godwit_err godwit_json_finish(struct godwit_json *json);

/* Writer. name is NULL inside arrays and at the root. What does not fit sets overflow. The result
 * is always valid JSON: what of a value is no UTF-8 or a control character is written as "?". */
struct godwit_json_writer {
    struct godwit_text text;
    bool comma; /* a value stands in front in the open object or array */
};

void godwit_json_writer_init(struct godwit_json_writer *writer, char *data, size_t size_max);
void godwit_json_begin_object(struct godwit_json_writer *writer, const char *name);
void godwit_json_end_object(struct godwit_json_writer *writer);
void godwit_json_begin_array(struct godwit_json_writer *writer, const char *name);
void godwit_json_end_array(struct godwit_json_writer *writer);
void godwit_json_add_string(struct godwit_json_writer *writer, const char *name, const char *value);
void godwit_json_add_u32(struct godwit_json_writer *writer, const char *name, uint32_t value);
void godwit_json_add_bool(struct godwit_json_writer *writer, const char *name, bool value);
void godwit_json_add_hex(struct godwit_json_writer *writer, const char *name, const uint8_t *data,
                         size_t size);
void godwit_json_add_base64(struct godwit_json_writer *writer, const char *name,
                            const uint8_t *data, size_t size);
/* SPACE when anything overflowed; data is NUL-terminated, size without the NUL. */
GODWIT_MUST_USE godwit_err godwit_json_writer_finish(struct godwit_json_writer *writer,
                                                     size_t *size_out);
