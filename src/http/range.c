/* Range and entity tags: pure functions over header text. */
#include "http/internal.h"

#define DIGITS "0123456789"

/* Digits at *text; false without any or when the number passes 2^63. */
static bool number_take(const char **text, uint64_t *number_out)
{
    uint64_t number = 0;
    size_t size = strspn(*text, DIGITS);
    if (size == 0 || size > 18) return false;
    for (size_t i = 0; i < size; i++)
        number = number * 10 + (uint64_t)((*text)[i] - '0');
    *text += size;
    *number_out = number;
    return true;
}

/* "-500": the last so many bytes. */
static enum range_kind suffix_parse(const char *value, uint64_t size, uint64_t *first_out,
                                    uint64_t *last_out)
{
    uint64_t suffix;
    if (!number_take(&value, &suffix) || *value) return RANGE_WHOLE;
    if (suffix == 0 || size == 0) return RANGE_NONE;
    *first_out = suffix < size ? size - suffix : 0;
    *last_out = size - 1;
    return RANGE_PART;
}

enum range_kind range_parse(const char *value, uint64_t size, uint64_t *first_out,
                            uint64_t *last_out)
{
    uint64_t first, last = UINT64_MAX;
    if (strncmp(value, "bytes=", 6) != 0) return RANGE_WHOLE;
    value += 6;
    if (*value == '-') return suffix_parse(value + 1, size, first_out, last_out);
    if (!number_take(&value, &first) || *value++ != '-') return RANGE_WHOLE;
    if (*value && (!number_take(&value, &last) || *value || last < first)) return RANGE_WHOLE;
    if (first >= size) return RANGE_NONE;
    *first_out = first;
    *last_out = last < size ? last : size - 1;
    return RANGE_PART;
}

static bool is_listed(const char *list, const char *etag, bool is_strong)
{
    if (strcmp(list, "*") == 0) return true;
    size_t etag_size = strlen(etag);
    while (*list) {
        list += strspn(list, " \t,");
        bool is_weak = strncmp(list, "W/", 2) == 0;
        if (is_weak) list += 2;
        if (*list != '"') return false;
        const char *end = strchr(list + 1, '"');
        if (!end) return false;
        size_t size = (size_t)(end - list) + 1;
        bool is_same = size == etag_size && memcmp(list, etag, size) == 0;
        if (is_same && !(is_weak && is_strong)) return true;
        list = end + 1;
    }
    return false;
}

bool etag_listed(const char *list, const char *etag)
{
    return is_listed(list, etag, false);
}

bool etag_listed_strongly(const char *list, const char *etag)
{
    return is_listed(list, etag, true);
}
