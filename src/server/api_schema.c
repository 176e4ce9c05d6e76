/* Looks objects up and holds a body to one: the first fault ends it, named by member and sentence.
 */
#include "server/api_schema.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "options/nearest.h"

#define DEPTH_MAX 4

const struct schema_row *schema_find(const char *name)
{
    const struct schema_row *const tables[] = {SCHEMA_REQUESTS, SCHEMA_REPLIES};
    for (size_t i = 0; name && i < sizeof tables / sizeof *tables; i++)
        for (const struct schema_row *row = tables[i]; row->name; row++)
            if (row->type == SCHEMA && !strcmp(row->name, name)) return row;
    return NULL;
}

bool schema_is_member(const struct schema_row *row)
{
    return row->name && row->type != SCHEMA;
}

/* NULL: none is near enough to be meant. */
static const char *nearest(const struct schema_row *object, const char *name)
{
    const char *best = NULL;
    size_t away = 0;
    for (const struct schema_row *row = object + 1; schema_is_member(row); row++)
        nearest_take(name, row->name, &best, &away);
    return best;
}

/* ---- values ---- */

static bool is_hex(const char *text, size_t size)
{
    return strspn(text, "0123456789abcdefABCDEF") == size;
}

static bool is_word_of(const char *words, const char *text, size_t size)
{
    for (const char *at = words; size && (at = strstr(at, text)); at++)
        if ((at == words || at[-1] == ' ') && (at[size] == ' ' || !at[size])) return true;
    return false;
}

static bool is_sized(const struct schema_row *row, int64_t size)
{
    return (!row->min || size >= row->min) && (!row->max || size <= row->max);
}

static bool is_whole(const struct schema_row *row, const json_t *value)
{
    int64_t number = json_integer_value(value);
    return json_is_integer(value) && number >= row->min && (!row->max || number <= row->max);
}

static bool is_fine(const struct schema_row *row, const json_t *value)
{
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    switch (row->type) {
    case SCHEMA_STRING:
        return text && is_sized(row, (int64_t)size);
    case SCHEMA_HEX:
        return text && is_sized(row, (int64_t)size) && is_hex(text, size);
    case SCHEMA_CHOICE:
        return text && is_word_of(row->of, text, size);
    case SCHEMA_WHOLE:
    case SCHEMA_TIME:
        return is_whole(row, value);
    case SCHEMA_REAL:
        return json_is_number(value) && json_number_value(value) >= 0;
    case SCHEMA_FLAG:
        return json_is_boolean(value);
    default:
        return json_is_object(value);
    }
}

/* "a text of 1 to 32 bytes" */
static void describe(const struct schema_row *row, char *out, size_t size)
{
    static const struct {
        const char *one, *sized, *exact, *many; /* sized takes min and max, exact one number */
    } TEXTS[SCHEMA_TYPES_COUNT] = {
        [SCHEMA_STRING] = {"a text", "a text of %lld to %lld bytes", "a text of %lld bytes",
                           "texts"},
        [SCHEMA_WHOLE] = {"a whole number that is not negative", "a number from %lld to %lld",
                          "%lld", "whole numbers"},
        [SCHEMA_REAL] = {"a number that is not negative", NULL, NULL, "numbers"},
        [SCHEMA_FLAG] = {"true or false", NULL, NULL, "true or false"},
        [SCHEMA_HEX] = {"hex digits", "%lld to %lld hex digits", "%lld hex digits",
                        "texts of hex digits"},
        [SCHEMA_TIME] = {"a time in seconds since 1970", NULL, NULL, "times"},
        [SCHEMA_CHOICE] = {"one of: ", NULL, NULL, "words"},
        [SCHEMA_OBJECT] = {"an object", NULL, NULL, "objects"},
    };
    long long most = row->items_max ? row->items_max : LLONG_MAX;
    if (row->flags & SCHEMA_LIST && most == LLONG_MAX)
        snprintf(out, size, "a list of %s", TEXTS[row->type].many);
    else if (row->flags & SCHEMA_LIST)
        snprintf(out, size, "a list of %lld to %lld %s", (long long)row->items_min, most,
                 TEXTS[row->type].many);
    else if (row->max && row->min == row->max && TEXTS[row->type].exact)
        snprintf(out, size, TEXTS[row->type].exact, (long long)row->max);
    else if (row->max && TEXTS[row->type].sized)
        snprintf(out, size, TEXTS[row->type].sized, (long long)row->min, (long long)row->max);
    else
        snprintf(out, size, "%s%s", TEXTS[row->type].one,
                 row->type == SCHEMA_CHOICE ? row->of : "");
}

/* ---- objects ---- */

struct check {
    struct schema_fault *fault;
    char path[sizeof((struct schema_fault *)0)->field]; /* "rows.", of the objects around it */
};

static bool object_check(struct check *check, const struct schema_row *object, const json_t *value,
                         unsigned depth);

/* The names are the caller's, so what anybody sends is cut where it does not fit. */
static bool fail(struct check *check, const char *name)
{
    size_t size = sizeof check->fault->field;
    (void)!snprintf(check->fault->field, size, "%s%s", check->path, name);
    return false;
}

/* row: what the value, or one value of the list, should have been. */
static bool fail_value(struct check *check, const struct schema_row *row)
{
    char what[160];
    describe(row, what, sizeof what);
    snprintf(check->fault->detail, sizeof check->fault->detail, "\"%s\" must be %s", row->name,
             what);
    return fail(check, row->name);
}

static bool fail_unknown(struct check *check, const struct schema_row *object, const char *name)
{
    const char *meant = nearest(object, name);
    snprintf(check->fault->detail, sizeof check->fault->detail,
             "there is no member \"%.40s\" here%s%s%s", name, meant ? "; did you mean \"" : "",
             meant ? meant : "; docs/API.md lists those that there are", meant ? "\"?" : "");
    return fail(check, name);
}

static bool inner_check(struct check *check, const struct schema_row *row, const json_t *value,
                        unsigned depth)
{
    size_t size = strlen(check->path);
    snprintf(check->path + size, sizeof check->path - size, "%s.", row->name);
    bool good = object_check(check, schema_find(row->of), value, depth + 1);
    check->path[size] = '\0';
    return good;
}

static bool one_check(struct check *check, const struct schema_row *row, const json_t *value,
                      unsigned depth)
{
    struct schema_row one = *row;
    one.flags &= ~(unsigned)SCHEMA_LIST;
    if (!is_fine(row, value)) return fail_value(check, &one);
    return row->type != SCHEMA_OBJECT || inner_check(check, row, value, depth);
}

static bool list_check(struct check *check, const struct schema_row *row, const json_t *list,
                       unsigned depth)
{
    int64_t count = (int64_t)json_array_size(list);
    bool good = json_is_array(list) && count >= row->items_min &&
                (!row->items_max || count <= row->items_max);
    if (!good) return fail_value(check, row);
    for (size_t i = 0; i < (size_t)count && good; i++)
        good = one_check(check, row, json_array_get(list, i), depth);
    return good;
}

static bool member_check(struct check *check, const struct schema_row *row, const json_t *object,
                         unsigned depth)
{
    const json_t *value = json_object_get(object, row->name);
    if (!value && row->flags & SCHEMA_OPTIONAL) return true;
    if (json_is_null(value) && row->flags & SCHEMA_NULLABLE) return true;
    if (!value) return fail_value(check, row);
    if (row->flags & SCHEMA_LIST) return list_check(check, row, value, depth);
    return one_check(check, row, value, depth);
}

static bool is_known(const struct schema_row *object, const char *name)
{
    const struct schema_row *row = object + 1;
    while (schema_is_member(row) && strcmp(row->name, name) != 0)
        row++;
    return schema_is_member(row);
}

static bool object_check(struct check *check, const struct schema_row *object, const json_t *value,
                         unsigned depth)
{
    const char *name;
    json_t *member;
    if (!object || depth == DEPTH_MAX) return true;
    json_object_foreach((json_t *)value, name,
                        member) if (!is_known(object, name)) return fail_unknown(check, object,
                                                                                 name);
    for (const struct schema_row *row = object + 1; schema_is_member(row); row++)
        if (!member_check(check, row, value, depth)) return false;
    return true;
}

bool schema_check(const struct schema_row *object, const json_t *value,
                  struct schema_fault *fault_out)
{
    struct check check = {.fault = fault_out};
    *fault_out = (struct schema_fault){0};
    return object_check(&check, object, value, 0);
}
