/* Text without stdio: bounded append, hex, base64, UTF-8, and the order of versions.
 * Decoders are strict (one spelling per value), because what they read is compared and hashed. */
#include "base/text.h"

#define U32_DIGITS_MAX 10

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void godwit_text_init(struct godwit_text *text, char *data, size_t size_max)
{
    *text = (struct godwit_text){.data = data, .size_max = size_max};
    if (size_max > 0)
        data[0] = '\0';
    else
        text->overflow = true;
}

void godwit_text_add_bytes(struct godwit_text *text, const char *data, size_t size)
{
    /* Once over, always over: a text with a hole in the middle would look whole. */
    if (text->overflow || size >= text->size_max - text->size) {
        text->overflow = true;
        return;
    }
    memcpy(text->data + text->size, data, size);
    text->size += size;
    text->data[text->size] = '\0';
}

void godwit_text_add(struct godwit_text *text, const char *string)
{
    godwit_text_add_bytes(text, string, strlen(string));
}

void godwit_text_add_u32(struct godwit_text *text, uint32_t value)
{
    char digits[U32_DIGITS_MAX];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    godwit_text_add_bytes(text, digits + at, sizeof digits - at);
}

void godwit_text_add_hex(struct godwit_text *text, const uint8_t *data, size_t size)
{
    /* Checked as a whole first, so that half a digest is never left behind. */
    if (text->overflow || size > (text->size_max - text->size - 1) / 2) {
        text->overflow = true;
        return;
    }
    godwit_hex_encode(data, size, text->data + text->size);
    text->size += 2 * size;
}

static char hex_digit(unsigned value)
{
    return (char)(value < 10 ? '0' + value : 'a' - 10 + value);
}

void godwit_hex_encode(const uint8_t *data, size_t size, char *out)
{
    for (size_t i = 0; i < 2 * size; i++)
        *out++ = hex_digit(data[i / 2] >> (i % 2 ? 0 : 4) & 15);
    *out = '\0';
}

/* -1 when it is no hex digit. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20; /* lower case */
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

godwit_err godwit_hex_decode(const char *text, size_t text_size, uint8_t *out, size_t size)
{
    if (text_size % 2 != 0 || text_size / 2 != size) return GODWIT_ERR_FORMAT;
    for (size_t i = 0; i < text_size; i++) {
        int value = hex_value(text[i]);
        if (value < 0) return GODWIT_ERR_FORMAT;
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | value); /* what stood there goes out at the top */
    }
    return GODWIT_OK;
}

void godwit_base64_encode(const uint8_t *data, size_t size, char *out)
{
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t bits = (uint32_t)data[i] << 16;
        if (left > 1) bits |= (uint32_t)data[i + 1] << 8;
        if (left > 2) bits |= data[i + 2];
        *out++ = base64_digits[bits >> 18];
        *out++ = base64_digits[bits >> 12 & 63];
        *out++ = left > 1 ? base64_digits[bits >> 6 & 63] : '=';
        *out++ = left > 2 ? base64_digits[bits & 63] : '=';
    }
    *out = '\0';
}

godwit_err godwit_base64_decode(const char *text, size_t text_size, uint8_t *out, size_t size_max,
                                size_t *size_out)
{
    size_t digits = text_size, at = 0;
    uint32_t bits = 0, count = 0; /* read, and not yet written */
    *size_out = 0;
    if (text_size % 4 != 0) return GODWIT_ERR_FORMAT;
    while (digits > 0 && text_size - digits < 2 && text[digits - 1] == '=')
        digits--;
    for (size_t i = 0; i < digits; i++) {
        const char *digit = memchr(base64_digits, text[i], 64);
        if (!digit) return GODWIT_ERR_FORMAT;
        bits = bits << 6 | (uint32_t)(digit - base64_digits);
        count += 6;
        if (count < 8) continue;
        if (at == size_max) return GODWIT_ERR_SPACE;
        count -= 8;
        out[at++] = (uint8_t)(bits >> count);
    }
    /* Bits behind the last byte would be another spelling of the same bytes. */
    if (bits & ((1u << count) - 1)) return GODWIT_ERR_FORMAT;
    *size_out = at;
    return GODWIT_OK;
}

const char *godwit_text_at(const char *texts, unsigned index)
{
    for (; index > 0; index--)
        texts += strlen(texts) + 1;
    return texts;
}

size_t godwit_utf8_size(const char *data, size_t size)
{
    /* Table 3-7 of the Unicode standard, first and second byte as one number: the bounds rule out
     * overlong spellings, surrogates and what lies above U+10FFFF. */
    static const struct {
        uint16_t min, max, size;
    } rows[] = {{0xC280, 0xDFBF, 2}, {0xE0A0, 0xED9F, 3}, {0xEE80, 0xEFBF, 3}, {0xF090, 0xF48F, 4}};
    const uint8_t *p = (const uint8_t *)data;
    if (size == 0 || p[0] < 0x80) return size > 0;
    if (size == 1) return 0;
    unsigned pair = (unsigned)p[0] << 8 | p[1];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (pair < rows[i].min || pair > rows[i].max || size < rows[i].size) continue;
        for (size_t k = 1; k < rows[i].size; k++)
            if ((p[k] & 0xC0) != 0x80) return 0;
        return rows[i].size;
    }
    return 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* What may stand in the numbers part of a version. */
static bool is_core(char c)
{
    return c != '\0' && c != '-' && c != '+';
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

/* Two runs of digits by value, without a limit of length; both pointers move behind their run. */
static int number_compare(const char **a, const char **b)
{
    while (**a == '0')
        (*a)++;
    while (**b == '0')
        (*b)++;
    size_t a_size = 0, b_size = 0;
    while (is_digit((*a)[a_size]))
        a_size++;
    while (is_digit((*b)[b_size]))
        b_size++;
    int order = a_size != b_size ? (a_size < b_size ? -1 : 1) : sign(memcmp(*a, *b, a_size));
    *a += a_size;
    *b += b_size;
    return order;
}

/* The dot divides identifiers, so it comes before all that may stand inside one. */
static int weight(char c)
{
    return c == '.' ? 1 : (uint8_t)c;
}

/* One part (the numbers, or the pre-release) piece by piece: numbers as numbers, the rest as bytes;
 * a number comes before a letter and a shorter part before a longer one. */
static int part_compare(const char **a, const char **b, bool (*is_in)(char c))
{
    while (is_in(**a) && is_in(**b)) {
        int order;
        if (is_digit(**a) && is_digit(**b)) {
            order = number_compare(a, b);
        } else {
            order = weight(**a) - weight(**b);
            (*a)++;
            (*b)++;
        }
        if (order != 0) return order;
    }
    return (int)is_in(**a) - (int)is_in(**b);
}

static bool is_pre_release(char c)
{
    return c != '\0' && c != '+';
}

int godwit_version_compare(const char *a, const char *b)
{
    const char *a_whole = a, *b_whole = b;
    if (*a == 'v') a++;
    if (*b == 'v') b++;
    int order = part_compare(&a, &b, is_core);
    if (order != 0) return sign(order);
    /* "1.2.0-rc1" comes before "1.2.0". */
    if ((*a == '-') != (*b == '-')) return *a == '-' ? -1 : 1;
    order = part_compare(&a, &b, is_pre_release);
    if (order != 0) return sign(order);
    /* Equal in meaning ("v1.0" and "1.00"): by bytes, so that the order stays total. */
    size_t a_size = strlen(a_whole), b_size = strlen(b_whole);
    order = memcmp(a_whole, b_whole, a_size < b_size ? a_size : b_size);
    if (order != 0) return sign(order);
    return (a_size > b_size) - (a_size < b_size);
}
