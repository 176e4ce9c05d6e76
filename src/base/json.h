/* JSON read over tokens and written into a bounded buffer; no allocation. RFC 8259. Reading is
 * strict: one value, which is an object or an array, keys are strings, no trailing bytes, nesting
 * at most GODWIT_JSON_DEPTH_MAX, valid escapes, UTF-8 that is UTF-8. A key given twice is no error:
 * the first one counts; a key spelled with escapes is found under no name. */
#pragma once

#include "base/err.h"
#include "base/span.h"

#define GODWIT_JSON_DEPTH_MAX 6

/* One value or key of the text; private to json.c. may_alias: a device keeps them in its sector
 * buffer. */
struct __attribute__((may_alias)) godwit_json_token {
    int type, start, end; /* bytes of the text, quotes not included */
    int size;             /* elements of an array, keys of an object */
};

/* A parsed text. Nodes are token indexes; 0 is the root; negative means "no such node", and each
 * reader below takes a negative node and answers MISSING, so that lookups chain without tests. */
struct godwit_json {
    const char *text; /* the caller's, must outlive this */
    const struct godwit_json_token *tokens;
    int count;
};

/* FORMAT when the text is not JSON, SPACE when it needs more tokens than given. */
GODWIT_MUST_USE godwit_err godwit_json_parse(struct godwit_json *json, const char *text,
                                             size_t size, struct godwit_json_token *tokens,
                                             size_t tokens_max);
/* The member's value node, or -1 (missing, or object is not an object). The first of equals wins.
 */
int godwit_json_member(const struct godwit_json *json, int object, const char *name);
/* Element index of an array, or -1. */
int godwit_json_element(const struct godwit_json *json, int array, size_t index);
bool godwit_json_is_object(const struct godwit_json *json, int node);

/* Unescaped UTF-8, NUL-terminated; FORMAT when not a string or when an escape stands for NUL or
 * half a surrogate pair, SPACE when longer than size_max - 1. */
GODWIT_MUST_USE godwit_err godwit_json_string(const struct godwit_json *json, int node, char *out,
                                              size_t size_max);
/* An integer 0 … 2^32 - 1 in plain digits; FORMAT otherwise. */
GODWIT_MUST_USE godwit_err godwit_json_u32(const struct godwit_json *json, int node,
                                           uint32_t *value_out);
GODWIT_MUST_USE godwit_err godwit_json_bool(const struct godwit_json *json, int node,
                                            bool *value_out);
/* A string of exactly 2 * size hex digits. */
GODWIT_MUST_USE godwit_err godwit_json_hex(const struct godwit_json *json, int node, uint8_t *out,
                                           size_t size);
/* A base64 string of at most size_max bytes. */
GODWIT_MUST_USE godwit_err godwit_json_base64(const struct godwit_json *json, int node,
                                              uint8_t *out, size_t size_max, size_t *size_out);

/* Writer. name is NULL inside arrays and at the root. What does not fit sets overflow. The result
 * is always valid JSON: bytes of a value that are no UTF-8 are written as "?". */
struct godwit_json_writer {
    char *data;
    size_t size_max, size;
    bool overflow;
    bool comma; /* a value stands in front in the open object or array */
};

void godwit_json_writer_init(struct godwit_json_writer *writer, char *data, size_t size_max);
void godwit_json_begin_object(struct godwit_json_writer *writer, const char *name);
void godwit_json_end_object(struct godwit_json_writer *writer);
void godwit_json_begin_array(struct godwit_json_writer *writer, const char *name);
void godwit_json_end_array(struct godwit_json_writer *writer);
void godwit_json_add_string(struct godwit_json_writer *writer, const char *name, const char *value);
void godwit_json_add_u64(struct godwit_json_writer *writer, const char *name, uint64_t value);
void godwit_json_add_bool(struct godwit_json_writer *writer, const char *name, bool value);
void godwit_json_add_hex(struct godwit_json_writer *writer, const char *name, const uint8_t *data,
                         size_t size);
void godwit_json_add_base64(struct godwit_json_writer *writer, const char *name,
                            const uint8_t *data, size_t size);
/* SPACE when anything overflowed; data is NUL-terminated, size without the NUL. */
GODWIT_MUST_USE godwit_err godwit_json_finish(struct godwit_json_writer *writer, size_t *size_out);
