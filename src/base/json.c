/* The reader of json.h: one pass that checks the grammar of RFC 8259 and indexes what passed, and
 * readers over the index, which may therefore trust each token's shape.
 *
 * A stack of one index per open bracket and no recursion: a device's stack is counted. jsmn was
 * here first and was dropped: even in strict mode it takes {"a" "b"}, [1,] and 1-2, so the check
 * stood in front of it anyway, and it cost a kilobyte to find the same tokens once more
 * (docs/decisions/0003). */
#include "base/json.h"
#include "base/text.h"

#include <assert.h>

#define TEXT_SIZE_MAX (1u << 20) /* bytes; token positions are ints */

enum type { OBJECT, ARRAY, STRING, PRIMITIVE };

/* ---- the grammar ---- */

enum expect { VALUE, VALUE_OR_END, KEY, KEY_OR_END, COLON, COMMA_OR_END, NOTHING };

struct scan {
    const char *text, *at, *end;
    enum expect expect;
    int open[GODWIT_JSON_DEPTH_MAX]; /* tokens of the brackets that are open */
    int depth;
    struct godwit_json_token *tokens;
    size_t tokens_max, count;
    bool is_full;
};

/* A token that starts here, and counts as a child where the open bracket counts it: elements of an
 * array, keys of an object. False when there is no room. */
static bool token_add(struct scan *scan, enum type type)
{
    if (scan->count == scan->tokens_max) {
        scan->is_full = true;
        return false;
    }
    bool is_key = scan->expect == KEY || scan->expect == KEY_OR_END;
    if (scan->depth > 0) {
        struct godwit_json_token *parent = &scan->tokens[scan->open[scan->depth - 1]];
        if (is_key || parent->type == ARRAY) parent->size++;
    }
    int start = (int)(scan->at - scan->text);
    scan->tokens[scan->count++] = (struct godwit_json_token){type, start, start, 0};
    return true;
}

static bool is_hex_digit(char c)
{
    char lower = (char)(c | 0x20);
    return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'f');
}

/* Bytes of an escape, backslash included; 0 when it is none. What it stands for is the reader's
 * affair: half a surrogate pair is JSON, but no text. */
static size_t scan_escape(const char *text, size_t size)
{
    if (size < 2) return 0;
    if (text[1] != 'u') return memchr("\"\\/bfnrt", text[1], 8) ? 2 : 0;
    if (size < 6) return 0;
    for (int i = 2; i < 6; i++)
        if (!is_hex_digit(text[i])) return 0;
    return 6;
}

/* From the opening quote to behind the closing one; the token holds what is between. */
static bool scan_string(struct scan *scan)
{
    scan->at++;
    if (!token_add(scan, STRING)) return false;
    struct godwit_json_token *token = &scan->tokens[scan->count - 1];
    while (scan->at < scan->end && *scan->at != '"') {
        size_t left = (size_t)(scan->end - scan->at), size;
        if (*scan->at == '\\')
            size = scan_escape(scan->at, left);
        else
            size = (uint8_t)*scan->at < 0x20 ? 0 : godwit_utf8_size(scan->at, left);
        if (size == 0) return false;
        scan->at += size;
    }
    if (scan->at == scan->end) return false;
    token->end = (int)(scan->at++ - scan->text);
    return true;
}

static size_t scan_digits(struct scan *scan)
{
    size_t count = 0;
    for (; scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9'; count++)
        scan->at++;
    return count;
}

static bool scan_is(struct scan *scan, char c)
{
    if (scan->at == scan->end || *scan->at != c) return false;
    scan->at++;
    return true;
}

static bool scan_number(struct scan *scan)
{
    scan_is(scan, '-');
    if (!scan_is(scan, '0') && scan_digits(scan) == 0) return false;
    if (scan_is(scan, '.') && scan_digits(scan) == 0) return false;
    if (scan_is(scan, 'e') || scan_is(scan, 'E')) {
        if (!scan_is(scan, '+')) scan_is(scan, '-');
        if (scan_digits(scan) == 0) return false;
    }
    /* What follows (a digit behind a leading zero, a letter) is judged as punctuation. */
    return true;
}

static bool scan_word(struct scan *scan)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t size = strlen(words[i]);
        if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, words[i], size) != 0)
            continue;
        scan->at += size;
        return true;
    }
    return false;
}

static bool scan_open(struct scan *scan)
{
    bool is_object = *scan->at == '{';
    if (scan->depth == GODWIT_JSON_DEPTH_MAX || !token_add(scan, is_object ? OBJECT : ARRAY))
        return false;
    scan->open[scan->depth++] = (int)scan->count - 1;
    scan->expect = is_object ? KEY_OR_END : VALUE_OR_END;
    scan->at++;
    return true;
}

static bool scan_close(struct scan *scan)
{
    if (scan->depth == 0) return false;
    struct godwit_json_token *token = &scan->tokens[scan->open[scan->depth - 1]];
    if (*scan->at != (token->type == OBJECT ? '}' : ']')) return false;
    scan->depth--;
    token->end = (int)(++scan->at - scan->text);
    scan->expect = scan->depth > 0 ? COMMA_OR_END : NOTHING;
    return true;
}

static bool scan_value(struct scan *scan)
{
    char c = *scan->at;
    if (c == '{' || c == '[') return scan_open(scan);
    if (scan->depth == 0) return false;
    if (c == '"') {
        if (!scan_string(scan)) return false;
    } else {
        if (!token_add(scan, PRIMITIVE)) return false;
        bool is_number = c == '-' || (c >= '0' && c <= '9');
        if (!(is_number ? scan_number(scan) : scan_word(scan))) return false;
        scan->tokens[scan->count - 1].end = (int)(scan->at - scan->text);
    }
    scan->expect = COMMA_OR_END;
    return true;
}

/* One step: the piece of text that the state allows here. */
static bool scan_step(struct scan *scan)
{
    char c = *scan->at;
    switch (scan->expect) {
    case VALUE_OR_END:
        return c == ']' ? scan_close(scan) : scan_value(scan);
    case VALUE:
        return scan_value(scan);
    case KEY_OR_END:
        if (c == '}') return scan_close(scan);
        __attribute__((fallthrough));
    case KEY:
        if (c != '"' || !scan_string(scan)) return false;
        scan->expect = COLON;
        return true;
    case COLON:
        scan->expect = VALUE;
        return scan_is(scan, ':');
    case COMMA_OR_END:
        if (c == ']' || c == '}') return scan_close(scan);
        scan->expect = scan->tokens[scan->open[scan->depth - 1]].type == OBJECT ? KEY : VALUE;
        return scan_is(scan, ',');
    case NOTHING:
        break;
    }
    return false;
}

godwit_err godwit_json_parse(struct godwit_json *json, const char *text, size_t size,
                             struct godwit_json_token *tokens, size_t tokens_max)
{
    *json = (struct godwit_json){.text = text, .tokens = tokens};
    if (size > TEXT_SIZE_MAX) return GODWIT_ERR_FORMAT;
    struct scan scan = {.text = text,
                        .at = text,
                        .end = text + size,
                        .expect = VALUE,
                        .tokens = tokens,
                        .tokens_max = tokens_max};
    while (scan.at < scan.end) {
        char c = *scan.at;
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
            scan.at++;
        else if (!scan_step(&scan))
            return scan.is_full ? GODWIT_ERR_SPACE : GODWIT_ERR_FORMAT;
    }
    if (scan.expect != NOTHING) return GODWIT_ERR_FORMAT;
    json->count = (int)scan.count;
    return GODWIT_OK;
}

/* ---- the readers ---- */

static const struct godwit_json_token *token_at(const struct godwit_json *json, int node)
{
    return node >= 0 && node < json->count ? &json->tokens[node] : NULL;
}

/* The first node behind node and all it contains. */
static int node_behind(const struct godwit_json *json, int node)
{
    int end = json->tokens[node].end;
    do
        node++;
    while (node < json->count && json->tokens[node].start < end);
    return node;
}

/* Bytes against bytes: a name spelled with escapes is nobody's name. */
static bool string_is(const struct godwit_json *json, const struct godwit_json_token *token,
                      const char *name)
{
    size_t size = (size_t)(token->end - token->start);
    return strlen(name) == size && memcmp(json->text + token->start, name, size) == 0;
}

int godwit_json_member(const struct godwit_json *json, int object, const char *name)
{
    if (!godwit_json_is_object(json, object)) return -1;
    int key = object + 1;
    for (int left = json->tokens[object].size; left > 0; left--) {
        if (string_is(json, &json->tokens[key], name)) return key + 1;
        key = node_behind(json, key + 1);
    }
    return -1;
}

int godwit_json_element(const struct godwit_json *json, int array, size_t index)
{
    const struct godwit_json_token *token = token_at(json, array);
    if (!token || token->type != ARRAY || index >= (size_t)token->size) return -1;
    int node = array + 1;
    for (; index > 0; index--)
        node = node_behind(json, node);
    return node;
}

bool godwit_json_is_object(const struct godwit_json *json, int node)
{
    const struct godwit_json_token *token = token_at(json, node);
    return token && token->type == OBJECT;
}

/* The token when it is of that type; MISSING or FORMAT otherwise. */
static godwit_err token_of(const struct godwit_json *json, int node, int type,
                           const struct godwit_json_token **token_out)
{
    *token_out = token_at(json, node);
    if (!*token_out) return GODWIT_ERR_MISSING;
    return (*token_out)->type == type ? GODWIT_OK : GODWIT_ERR_FORMAT;
}

/* ---- texts ---- */

/* The four hex digits of a \u escape. */
static bool hex4(const char *text, size_t size, uint32_t *value_out)
{
    uint8_t pair[2];
    if (size < 4 || godwit_hex_decode(text, 4, pair, sizeof pair) != GODWIT_OK) return false;
    *value_out = (uint32_t)pair[0] << 8 | pair[1];
    return true;
}

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

godwit_err godwit_json_string(const struct godwit_json *json, int node, char *out, size_t size_max)
{
    const struct godwit_json_token *token;
    godwit_err err = token_of(json, node, STRING, &token);
    if (err) return err;
    const char *at = json->text + token->start, *end = json->text + token->end;
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

godwit_err godwit_json_u32(const struct godwit_json *json, int node, uint32_t *value_out)
{
    const struct godwit_json_token *token;
    godwit_err err = token_of(json, node, PRIMITIVE, &token);
    if (err) return err;
    uint32_t value = 0;
    for (int i = token->start; i < token->end; i++) {
        uint32_t digit = (uint32_t)(json->text[i] - '0');
        if (digit > 9 || value > (UINT32_MAX - digit) / 10) return GODWIT_ERR_FORMAT;
        value = value * 10 + digit;
    }
    *value_out = value;
    return GODWIT_OK;
}

godwit_err godwit_json_bool(const struct godwit_json *json, int node, bool *value_out)
{
    const struct godwit_json_token *token;
    godwit_err err = token_of(json, node, PRIMITIVE, &token);
    if (err) return err;
    char first = json->text[token->start];
    if (first != 't' && first != 'f') return GODWIT_ERR_FORMAT;
    *value_out = first == 't';
    return GODWIT_OK;
}

godwit_err godwit_json_hex(const struct godwit_json *json, int node, uint8_t *out, size_t size)
{
    const struct godwit_json_token *token;
    godwit_err err = token_of(json, node, STRING, &token);
    if (err) return err;
    return godwit_hex_decode(json->text + token->start, (size_t)(token->end - token->start), out,
                             size);
}

godwit_err godwit_json_base64(const struct godwit_json *json, int node, uint8_t *out,
                              size_t size_max, size_t *size_out)
{
    const struct godwit_json_token *token;
    godwit_err err = token_of(json, node, STRING, &token);
    if (err) return err;
    return godwit_base64_decode(json->text + token->start, (size_t)(token->end - token->start), out,
                                size_max, size_out);
}
