/* Names and foreign texts, character by character. The table of what is not printable is short on
 * purpose: controls, and the format characters that can make one text look like another. Joiners
 * (U+200C, U+200D) are printable: several languages and all families of emoji need them. */
#include "formats/name.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

static const struct {
    uint32_t first, last;
} UNPRINTABLE[] = {{0x00, 0x1F},     {0x7F, 0x9F},       {0xAD, 0xAD},     {0x61C, 0x61C},
                   {0x180E, 0x180E}, {0x200B, 0x200B},   {0x200E, 0x200F}, {0x2028, 0x202E},
                   {0x2060, 0x206F}, {0xFEFF, 0xFEFF},   {0xFFF9, 0xFFFB}, {0xFFFE, 0xFFFF},
                   {0xE000, 0xF8FF}, {0xE0000, 0x10FFFF}};

static uint32_t code_point(const char *text, size_t size)
{
    static const uint8_t LEAD_BITS[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t code = (uint8_t)text[0] & LEAD_BITS[size];
    for (size_t i = 1; i < size; i++)
        code = code << 6 | ((uint8_t)text[i] & 0x3F);
    return code;
}

static bool is_printable(uint32_t code)
{
    for (size_t i = 0; i < sizeof UNPRINTABLE / sizeof *UNPRINTABLE; i++)
        if (code >= UNPRINTABLE[i].first && code <= UNPRINTABLE[i].last) return false;
    return true;
}

static bool is_dots(const char *name)
{
    return !strcmp(name, ".") || !strcmp(name, "..");
}

enum godwit_name_fault godwit_name_check(const char *name)
{
    size_t size = strlen(name), part;
    bool is_seen = false;
    if (size > GODWIT_NAME_SIZE_MAX) return GODWIT_NAME_LONG;
    for (size_t at = 0; at < size; at += part) {
        part = godwit_utf8_size(name + at, size - at);
        if (!part) return GODWIT_NAME_NOT_UTF8;
        if (!is_printable(code_point(name + at, part))) return GODWIT_NAME_UNPRINTABLE;
        if (name[at] == '/') return GODWIT_NAME_SLASH;
        is_seen = is_seen || name[at] != ' ';
    }
    if (!is_seen) return GODWIT_NAME_MISSING;
    return is_dots(name) ? GODWIT_NAME_DOTS : GODWIT_NAME_NONE;
}

const char *godwit_name_fault_words(enum godwit_name_fault fault)
{
#define WORDS(name, words) words,
    static const char *const FAULTS[] = {GODWIT_NAME_FAULTS(WORDS)};
#undef WORDS
    return (unsigned)fault < GODWIT_NAME_FAULTS_COUNT ? FAULTS[fault] : "can not be used";
}

const char *godwit_text_clean(const char *text, char *out)
{
    size_t size = strlen(text), at = 0, to = 0;
    while (at < size) {
        size_t part = godwit_utf8_size(text + at, size - at);
        if (part && is_printable(code_point(text + at, part))) {
            memcpy(out + to, text + at, part);
            to += part;
        } else {
            out[to++] = '?';
        }
        at += part ? part : 1;
    }
    out[to] = '\0';
    return out;
}
