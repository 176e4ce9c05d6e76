/* The format is walked once; numbers go to snprintf one at a time, texts through the escape. */
#include "rt/log_line.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct line {
    char *text;
    size_t size, size_max;
};

static void add(struct line *line, const char *text, size_t size)
{
    size_t room = line->size_max - line->size;
    if (size > room) size = room;
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static bool is_control(unsigned char byte)
{
    return byte < 0x20 || byte == 0x7F;
}

/* One byte of a value, as it may stand between quotes. */
static void add_escaped(struct line *line, char byte)
{
    char text[5] = {'\\', byte, 0};
    size_t size = 1;
    if (byte == '"' || byte == '\\')
        size = 2;
    else if (byte == '\n')
        text[1] = 'n', size = 2;
    else if (is_control((unsigned char)byte))
        size = (size_t)snprintf(text, sizeof text, "\\x%02x", (unsigned char)byte);
    else
        text[0] = byte;
    if (size <= line->size_max - line->size) add(line, text, size); /* no half escapes */
}

static bool is_plain(const char *value)
{
    if (!*value) return false;
    for (; *value; value++)
        if (is_control((unsigned char)*value) || strchr(" \"\\=", *value)) return false;
    return true;
}

static void add_value(struct line *line, const char *value)
{
    bool is_quoted = line->size && line->text[line->size - 1] == '"';
    bool quote = !is_quoted && !is_plain(value);
    if (quote) add(line, "\"", 1);
    for (; *value; value++)
        add_escaped(line, *value);
    if (quote) add(line, "\"", 1);
}

/* One number by its own conversion, copied out of the format. */
static void add_number(struct line *line, const char *conversion, size_t conversion_size,
                       va_list *args)
{
    char one[16] = "", text[32];
    int size;
    if (conversion_size >= sizeof one) return;
    memcpy(one, conversion, conversion_size);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* checked where the event was written */
    if (strstr(one, "ll"))
        size = snprintf(text, sizeof text, one, va_arg(*args, unsigned long long));
    else if (strchr(one, 'l') || strchr(one, 'z'))
        size = snprintf(text, sizeof text, one, va_arg(*args, size_t));
    else
        size = snprintf(text, sizeof text, one, va_arg(*args, unsigned));
#pragma GCC diagnostic pop
    if (size > 0) add(line, text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1);
}

size_t log_line_format(char *out, size_t size, const char *format, va_list args)
{
    struct line line = {out, 0, size - 1};
    va_list rest;
    va_copy(rest, args);
    while (*format) {
        size_t plain = strcspn(format, "%");
        add(&line, format, plain);
        format += plain;
        if (!*format) break;
        size_t conversion = 1 + strspn(format + 1, "0123456789.-lz");
        char kind = format[conversion];
        if (kind == 's') {
            const char *value = va_arg(rest, const char *);
            add_value(&line, value ? value : "");
        } else if (kind == '%') {
            add(&line, "%", 1);
        } else if (kind && strchr("duxXc", kind)) {
            add_number(&line, format, conversion + 1, &rest);
        } else { /* a conversion that we do not know: what follows can not be trusted */
            add(&line, "?", 1);
            break;
        }
        format += conversion + 1;
    }
    va_end(rest);
    line.text[line.size] = '\0';
    return line.size;
}
