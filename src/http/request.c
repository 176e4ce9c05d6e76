/* Looking things up in a request. Headers are few: a walk beats an index. */
#include <strings.h>

#include "http/internal.h"

const char *http_method_name(enum http_method method)
{
#define METHOD_NAME(name) #name,
    static const char *const names[] = {HTTP_METHODS(METHOD_NAME)};
#undef METHOD_NAME
    return method < HTTP_METHODS_COUNT ? names[method] : "?";
}

const char *http_header(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->headers_count; i++)
        if (strcasecmp(request->headers[i].name, name) == 0) return request->headers[i].value;
    return NULL;
}

const char *http_param(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < HTTP_PARAMS_MAX && request->param_names[i]; i++) {
        size_t size = strlen(name);
        const char *known = request->param_names[i]; /* points into the pattern */
        if (strncmp(known, name, size) == 0 && known[size] == '}') return request->params[i];
    }
    return NULL;
}

const char *http_bearer(const struct http_request *request)
{
    const char *value = http_header(request, "Authorization");
    if (!value || strncasecmp(value, "Bearer ", 7) != 0) return NULL;
    value += 7;
    while (*value == ' ')
        value++;
    return value;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

bool percent_decode(char *text, bool plus_is_space)
{
    char *out = text;
    for (; *text; text++) {
        if (*text == '%') {
            int high = hex_value(text[1]);
            int low = high < 0 ? -1 : hex_value(text[2]);
            if (low < 0 || (high == 0 && low == 0)) return false;
            *out++ = (char)(high << 4 | low);
            text += 2;
        } else {
            *out++ = plus_is_space && *text == '+' ? ' ' : *text;
        }
    }
    *out = '\0';
    return true;
}

const char *http_query(struct http_request *request, const char *name)
{
    size_t name_size = strlen(name);
    for (const char *member = request->query; *member;) {
        size_t size = strcspn(member, "&");
        bool named = strncmp(member, name, name_size) == 0;
        if (named && (size == name_size || (size > name_size && member[name_size] == '='))) {
            size_t skip = size == name_size ? size : name_size + 1;
            char *value = arena_copy(request->arena, member + skip, size - skip);
            return value && percent_decode(value, true) ? value : NULL;
        }
        member += size;
        if (*member) member++;
    }
    return NULL;
}
