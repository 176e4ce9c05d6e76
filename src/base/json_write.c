/* The writer of json.h: a comma before each value but the first, and all text made valid on the
 * way. Nesting is the caller's, in the open: begin and end stand next to each other in its code. */
#include "base/json.h"
#include "base/text.h"

#define BASE64_STEP 48u /* bytes encoded at once; a multiple of 3 */

void godwit_json_writer_init(struct godwit_json_writer *writer, char *data, size_t size_max)
{
    writer->comma = false;
    godwit_text_init(&writer->text, data, size_max);
}

static void put(struct godwit_json_writer *writer, const char *data, size_t size)
{
    godwit_text_add_bytes(&writer->text, data, size);
}

static void put_byte(struct godwit_json_writer *writer, char byte)
{
    put(writer, &byte, 1);
}

/* Control characters would need six bytes each, and the longest message has a known size: "?". */
static void put_quoted(struct godwit_json_writer *writer, const char *value)
{
    put_byte(writer, '"');
    for (size_t left = strlen(value); left > 0;) {
        size_t size = godwit_utf8_size(value, left);
        if (size == 0 || (uint8_t)value[0] < 0x20) {
            put_byte(writer, '?');
            size = 1;
        } else {
            if (value[0] == '"' || value[0] == '\\') put_byte(writer, '\\');
            put(writer, value, size);
        }
        value += size;
        left -= size;
    }
    put_byte(writer, '"');
}

/* What stands in front of a value: the comma that divides it from the one before, and its name. */
static void put_front(struct godwit_json_writer *writer, const char *name)
{
    if (writer->comma) put_byte(writer, ',');
    writer->comma = true;
    if (!name) return;
    put_quoted(writer, name);
    put_byte(writer, ':');
}

static __attribute__((noinline)) void put_open(struct godwit_json_writer *writer, const char *name,
                                               char bracket)
{
    put_front(writer, name);
    put_byte(writer, bracket);
    writer->comma = false;
}

static void put_close(struct godwit_json_writer *writer, char bracket)
{
    put_byte(writer, bracket);
    writer->comma = true;
}

void godwit_json_begin_object(struct godwit_json_writer *writer, const char *name)
{
    put_open(writer, name, '{');
}

void godwit_json_end_object(struct godwit_json_writer *writer)
{
    put_close(writer, '}');
}

void godwit_json_begin_array(struct godwit_json_writer *writer, const char *name)
{
    put_open(writer, name, '[');
}

void godwit_json_end_array(struct godwit_json_writer *writer)
{
    put_close(writer, ']');
}

void godwit_json_add_string(struct godwit_json_writer *writer, const char *name, const char *value)
{
    put_front(writer, name);
    put_quoted(writer, value);
}

void godwit_json_add_u32(struct godwit_json_writer *writer, const char *name, uint32_t value)
{
    put_front(writer, name);
    godwit_text_add_u32(&writer->text, value);
}

void godwit_json_add_bool(struct godwit_json_writer *writer, const char *name, bool value)
{
    put_front(writer, name);
    put(writer, value ? "true" : "false", value ? 4 : 5);
}

void godwit_json_add_hex(struct godwit_json_writer *writer, const char *name, const uint8_t *data,
                         size_t size)
{
    put_front(writer, name);
    put_byte(writer, '"');
    for (size_t i = 0; i < size; i++) {
        char hex[3];
        godwit_hex_encode(data + i, 1, hex);
        put(writer, hex, 2);
    }
    put_byte(writer, '"');
}

void godwit_json_add_base64(struct godwit_json_writer *writer, const char *name,
                            const uint8_t *data, size_t size)
{
    put_front(writer, name);
    put_byte(writer, '"');
    for (size_t i = 0; i < size; i += BASE64_STEP) {
        char digits[BASE64_STEP / 3 * 4 + 1];
        size_t step = size - i < BASE64_STEP ? size - i : BASE64_STEP;
        godwit_base64_encode(data + i, step, digits);
        put(writer, digits, (step + 2) / 3 * 4);
    }
    put_byte(writer, '"');
}

godwit_err godwit_json_writer_finish(struct godwit_json_writer *writer, size_t *size_out)
{
    *size_out = writer->text.size;
    return writer->text.overflow ? GODWIT_ERR_SPACE : GODWIT_OK;
}
