/* Method and path → route. The table is walked from its top: with a few dozen rows, most of them
 * told apart by their first bytes, that is cheaper than any index; the hottest row stands first. */
#include <stdio.h>

#include "http/internal.h"

struct capture {
    const char *name;
    const char *value;
    size_t size;
};

/* Whether path (as sent, without query) fits the pattern. */
static bool pattern_match(const char *pattern, const char *path, struct capture *captures)
{
    size_t captures_count = 0;
    for (;;) {
        if (*pattern == '{') {
            size_t size = strcspn(path, "/");
            if (!size || captures_count == HTTP_PARAMS_MAX) return false;
            captures[captures_count++] = (struct capture){pattern + 1, path, size};
            pattern += strcspn(pattern, "}");
            if (*pattern) pattern++;
            path += size;
        }
        if (*pattern != *path) return false;
        if (!*pattern) break;
        pattern++;
        path++;
    }
    if (captures_count < HTTP_PARAMS_MAX) captures[captures_count].name = NULL;
    return true;
}

/* No name that anybody gives holds a control character, and in a log or a header it would do harm.
 */
static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F) return true;
    return false;
}

/* The pattern's own text is compared as it was sent, so a coded "/" ends no segment; then each
 * capture is decoded, once. */
static bool captures_decode(struct http_request *request, const struct capture *captures)
{
    for (size_t i = 0; i < HTTP_PARAMS_MAX && captures[i].name; i++) {
        char *value = arena_copy(request->arena, captures[i].value, captures[i].size);
        if (!value || !percent_decode(value, false) || has_control(value)) return false;
        request->params[i] = value;
        request->param_names[i] = captures[i].name;
    }
    return true;
}

static void allow_add(char *allow, size_t allow_size, enum http_method method)
{
    size_t used = strlen(allow);
    if (strstr(allow, http_method_name(method))) return; /* by another pattern */
    const char *also = method == HTTP_METHOD_GET ? ", HEAD" : "";
    snprintf(allow + used, allow_size - used, "%s%s%s", used ? ", " : "", http_method_name(method),
             also);
}

const struct http_route *route_find(const struct http_route *routes, size_t routes_count,
                                    struct http_request *request, int *status_out, char *allow_out,
                                    size_t allow_size)
{
    enum http_method wanted =
        request->method == HTTP_METHOD_HEAD ? HTTP_METHOD_GET : request->method;
    struct capture captures[HTTP_PARAMS_MAX];
    allow_out[0] = '\0';
    for (size_t i = 0; i < routes_count; i++) {
        const struct http_route *route = &routes[i];
        if (!pattern_match(route->pattern, request->path, captures)) continue;
        if (route->method != wanted) {
            allow_add(allow_out, allow_size, route->method);
            continue;
        }
        request->route_extra = route->extra;
        if (captures_decode(request, captures)) return route;
        *status_out = 400;
        return NULL;
    }
    *status_out = allow_out[0] ? 405 : 404;
    return NULL;
}
