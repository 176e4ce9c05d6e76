/* The reader of json.h: a cursor that checks the grammar of RFC 8259 as it goes. The open brackets
 * are bits of one byte, so there is no recursion: a device's stack is counted.
 *
 * Rejected: an index of tokens first and readers over it. It needs memory for the index, finds each
 * value twice, and costs a device a kilobyte more of code (docs/decisions/0003). */
#include "base/json.h"
#include "base/text.h"

/* ---- the grammar ---- */

void godwit_json_init(struct godwit_json *json, const char *text, size_t size)
{
    *json = (struct godwit_json){.at = text, .end = text + size};
}

/* The byte at hand; NUL at the end, for NUL is never right there. */
static char here(const struct godwit_json *json)
{
    return json->at < json->end ? *json->at : '\0';
}

/* Takes the byte at hand if it is c, white space in front of it not allowed. */
static bool take(struct godwit_json *json, char c)
{
    if (here(json) != c) return false;
    json->at++;
    return true;
}

/* The next byte that is no white space. */
static char peek(struct godwit_json *json)
{
    for (; json->at < json->end; json->at++) {
        char c = *json->at;
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return c;
    }
    return '\0';
}

/* The same where white space may stand in front of it. */
static __attribute__((noinline)) bool take_next(struct godwit_json *json, char c)
{
    (void)peek(json);
    return take(json, c);
}

godwit_err godwit_json_open(struct godwit_json *json, char bracket)
{
    if (json->depth == GODWIT_JSON_DEPTH_MAX || !take_next(json, bracket)) return GODWIT_ERR_FORMAT;
    json->depth++;
    json->kinds = json->kinds << 1 | (bracket == '{');
    json->is_first = true;
    return GODWIT_OK;
}

godwit_err godwit_json_next(struct godwit_json *json, struct godwit_json_text *key_out)
{
    struct godwit_json_text unasked;
    bool is_object = json->kinds & 1, was_first = json->is_first;
    json->is_first = false;
    if (take_next(json, is_object ? '}' : ']')) {
        json->depth--;
        json->kinds >>= 1;
        return GODWIT_ERR_END;
    }
    if (!was_first && !take(json, ',')) return GODWIT_ERR_FORMAT;
    if (!is_object) return GODWIT_OK;
    godwit_err err = godwit_json_raw(json, key_out ? key_out : &unasked);
    if (err) return err;
    return take_next(json, ':') ? GODWIT_OK : GODWIT_ERR_FORMAT;
}

/* The four hex digits of a \u escape. */
static bool hex4(const char *text, size_t size, uint32_t *value_out)
{
    uint8_t pair[2];
    if (size < 4 || godwit_hex_decode(text, 4, pair, sizeof pair) != GODWIT_OK) return false;
    *value_out = (uint32_t)pair[0] << 8 | pair[1];
    return true;
}

/* Bytes of an escape, backslash included; 0 when it is none. What it stands for is the reader's
 * affair: half a surrogate pair is JSON, but no text. */
static size_t scan_escape(const char *text, size_t size)
{
    if (size < 2) return 0;
    if (text[1] != 'u') return memchr("\"\\/bfnrt", text[1], 8) ? 2 : 0;
    uint32_t character;
    return hex4(text + 2, size - 2, &character) ? 6 : 0;
}

#if UINTPTR_MAX > UINT32_MAX
#define EACH_BYTE UINT64_C(0x0101010101010101)

/* Where eight bytes at once are all themselves; on the small cores of devices it would cost code
 * and save nothing. A byte that follows a special one may look special too: then the loop behind
 * sees to it. */
static const char *skip_words(const char *at, const char *end)
{
    for (uint64_t word; end - at >= 8; at += 8) {
        memcpy(&word, at, sizeof word);
        uint64_t quote = word ^ EACH_BYTE * '"', slash = word ^ EACH_BYTE * '\\';
        uint64_t special = (word - EACH_BYTE * 0x20) | word | ((quote - EACH_BYTE) & ~quote) |
                           ((slash - EACH_BYTE) & ~slash);
        if (special & EACH_BYTE * 0x80) break;
    }
    return at;
}
#else
static const char *skip_words(const char *at, const char *end)
{
    (void)end;
    return at;
}
#endif

/* Goes on to the next byte of a string that is not simply itself. Nearly all are: the loop over
 * characters and escapes need not see them. */
static void skip_plain(struct godwit_json *json)
{
    const char *at = skip_words(json->at, json->end);
    while (at < json->end && (uint8_t)(*at - 0x20) < 0x60 && *at != '"' && *at != '\\')
        at++;
    json->at = at;
}

godwit_err godwit_json_raw(struct godwit_json *json, struct godwit_json_text *text_out)
{
    if (!take_next(json, '"')) return GODWIT_ERR_FORMAT;
    const char *start = json->at;
    for (;;) {
        skip_plain(json);
        if (take(json, '"')) break;
        size_t left = (size_t)(json->end - json->at), size;
        if (here(json) == '\\')
            size = scan_escape(json->at, left);
        else
            size = (uint8_t)here(json) < 0x20 ? 0 : godwit_utf8_size(json->at, left);
        if (size == 0) return GODWIT_ERR_FORMAT;
        json->at += size;
    }
    *text_out = (struct godwit_json_text){start, (size_t)(json->at - start) - 1};
    return GODWIT_OK;
}

static bool skip_digits(struct godwit_json *json)
{
    const char *start = json->at;
    while (here(json) >= '0' && here(json) <= '9')
        json->at++;
    return json->at > start;
}

/* What follows (a digit behind a leading zero, a letter) is refused where the next byte is read. */
static bool skip_number(struct godwit_json *json)
{
    (void)take(json, '-');
    if (!take(json, '0') && !skip_digits(json)) return false;
    if (take(json, '.') && !skip_digits(json)) return false;
    if (!take(json, 'e') && !take(json, 'E')) return true;
    if (!take(json, '+')) (void)take(json, '-');
    return skip_digits(json);
}

static bool take_argument(struct godwit_json *json, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(json->end - json->at) < size || memcmp(json->at, word, size) != 0) return false;
    json->at += size;
    return true;
}

/* Enters a bracket; goes behind any other value. */
static godwit_err skip_or_open(struct godwit_json *json)
{
    struct godwit_json_text text;
    char c = peek(json);
    if (c == '{' || c == '[') return godwit_json_open(json, c);
    if (c == '"') return godwit_json_raw(json, &text);
    bool is_good = take_argument(json, "true") || take_argument(json, "false") ||
                   take_argument(json, "null") || skip_number(json);
    return is_good ? GODWIT_OK : GODWIT_ERR_FORMAT;
}

godwit_err godwit_json_skip(struct godwit_json *json)
{
    uint32_t depth = json->depth;
    godwit_err err = skip_or_open(json);
    while (!err && json->depth > depth) {
        err = godwit_json_next(json, NULL);
        if (err == GODWIT_ERR_END)
            err = GODWIT_OK;
        else if (!err)
            err = skip_or_open(json);
    }
    return err;
}

godwit_err godwit_json_finish(struct godwit_json *json)
{
    (void)peek(json);
    return json->depth == 0 && json->at == json->end ? GODWIT_OK : GODWIT_ERR_FORMAT;
}

/* ---- the readers ---- */

/* Bytes against bytes: a name spelled with escapes is nobody's name. */
bool godwit_json_is(const struct godwit_json_text *text, const char *name)
{
    return strlen(name) == text->size && memcmp(text->data, name, text->size) == 0;
}

godwit_err godwit_json_u32(struct godwit_json *json, uint32_t *value_out)
{
    uint32_t value = 0;
    (void)peek(json);
    const char *start = json->at;
    if (!take(json, '0') && !skip_digits(json)) return GODWIT_ERR_FORMAT;
    for (const char *at = start; at < json->at; at++) {
        uint32_t digit = (uint32_t)(*at - '0');
        if (value > (UINT32_MAX - digit) / 10) return GODWIT_ERR_FORMAT;
        value = value * 10 + digit;
    }
    *value_out = value;
    return GODWIT_OK;
}

godwit_err godwit_json_bool(struct godwit_json *json, bool *value_out)
{
    (void)peek(json);
    *value_out = take_argument(json, "true");
    return *value_out || take_argument(json, "false") ? GODWIT_OK : GODWIT_ERR_FORMAT;
}

godwit_err godwit_json_hex(struct godwit_json *json, uint8_t *out, size_t size)
{
    struct godwit_json_text text;
    godwit_err err = godwit_json_raw(json, &text);
    return err ? err : godwit_hex_decode(text.data, text.size, out, size);
}

godwit_err godwit_json_base64(struct godwit_json *json, uint8_t *out, size_t size)
{
    struct godwit_json_text text;
    size_t got;
    godwit_err err = godwit_json_raw(json, &text);
    if (!err) err = godwit_base64_decode(text.data, text.size, out, size, &got);
    return err || got != size ? GODWIT_ERR_FORMAT : GODWIT_OK;
}

/* ---- texts ---- */

/* \uXXXX behind its backslash: the character, and the bytes it takes, 0 when it is none. A
 * surrogate must come as a pair, and NUL may not come at all. */
static size_t unicode_escape_size(const char *text, size_t size, uint32_t *character_out)
{
    uint32_t high, low;
    if (!hex4(text + 1, size - 1, &high) || high == 0) return 0;
    *character_out = high;
    if (high < 0xD800 || high > 0xDFFF) return 5;
    if (high > 0xDBFF || size < 11 || text[5] != '\\' || text[6] != 'u') return 0;
    if (!hex4(text + 7, size - 7, &low) || low < 0xDC00 || low > 0xDFFF) return 0;
    *character_out = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    return 11;
}

/* The same for any escape. */
static size_t escape_size(const char *text, size_t size, uint32_t *character_out)
{
    static const char letters[] = "\"\\/bfnrt", characters[] = "\"\\/\b\f\n\r\t";
    if (size == 0) return 0;
    for (size_t i = 0; letters[i]; i++) {
        if (text[0] != letters[i]) continue;
        *character_out = (uint8_t)characters[i];
        return 1;
    }
    return text[0] == 'u' ? unicode_escape_size(text, size, character_out) : 0;
}

static size_t utf8_encode(uint32_t character, char out[static 4])
{
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    size_t size = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    static const uint8_t marks[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = size - 1; i > 0; i--, character >>= 6)
        out[i] = (char)(0x80 | (character & 0x3F));
    out[0] = (char)(marks[size] | character);
    return size;
}

/* The next piece of a string token's content, unescaped; at moves on. Returns its bytes, 0 when an
 * escape stands for no character. */
static size_t piece_next(const char **at, const char *end, char out[static 4])
{
    if (**at != '\\') {
        out[0] = *(*at)++;
        return 1;
    }
    uint32_t character = '?';
    size_t size = escape_size(*at + 1, (size_t)(end - *at - 1), &character);
    *at += 1 + size;
    return size ? utf8_encode(character, out) : 0;
}

godwit_err godwit_json_string(struct godwit_json *json, char *out, size_t size_max)
{
    struct godwit_json_text text;
    godwit_err err = godwit_json_raw(json, &text);
    if (err) return err;
    const char *at = text.data, *end = text.data + text.size;
    size_t size = 0;
    while (at < end) {
        char piece[4];
        size_t piece_size = piece_next(&at, end, piece);
        if (piece_size == 0) return GODWIT_ERR_FORMAT;
        if (size + piece_size >= size_max) return GODWIT_ERR_SPACE;
        memcpy(out + size, piece, piece_size);
        size += piece_size;
    }
    if (size >= size_max) return GODWIT_ERR_SPACE;
    out[size] = '\0';
    return GODWIT_OK;
}
