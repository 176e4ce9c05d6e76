/* Pages: what each list takes and gives alike. */
#include "server/pages.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/permission.h"
#include "server/problem.h"

#define OF_MAX 2048

bool page_limit(struct http_request *request, size_t *limit_out)
{
    const char *text = http_query(request, "limit");
    *limit_out = LIST_LIMIT;
    if (!text) return true;
    char *end;
    unsigned long limit = strtoul(text, &end, 10);
    bool is_number = text[0] >= '0' && text[0] <= '9' && !*end;
    *limit_out = limit;
    if (is_number && limit >= 1 && limit <= LIST_LIMIT_MAX) return true;
    problem(request, 422, "malformed", "`limit` must be a number from 1 to 500", "limit");
    return false;
}

/* Whether the word of that size is one of those, which stand with spaces or commas between. */
static bool has_word(const char *words, const char *word, size_t size)
{
    for (const char *at = words; *at;) {
        size_t one = strcspn(at, " ,");
        if (one == size && !memcmp(at, word, size)) return true;
        at += one + (at[one] != '\0');
    }
    return false;
}

bool page_fields(struct http_request *request, const char *names, const char **fields_out)
{
    const char *fields = *fields_out = http_query(request, "fields");
    for (const char *at = fields; at && *at;) {
        size_t size = strcspn(at, ",");
        if (!has_word(names, at, size)) {
            char detail[512];
            snprintf(detail, sizeof detail, "`fields` has a name that is not one of: %s", names);
            problem(request, 422, "malformed", detail, "fields");
            return false;
        }
        at += size + (at[size] == ',');
    }
    return true;
}

bool page_read(struct http_request *request, const char *of, const char *names, struct page *out)
{
    char *whose = arena_alloc(request->arena, OF_MAX);
    const char *after = http_query(request, "after");
    if (!whose) {
        problem_busy(request);
        return false;
    }
    snprintf(whose, OF_MAX, "%s of %s", of, permission_org(request));
    *out = (struct page){.of = whose, .has_after = after != NULL};
    if (!page_limit(request, &out->limit) || !page_fields(request, names, &out->fields))
        return false;
    if (!after || !list_cursor_read(whose, after, &out->after)) return true;
    problem(request, 422, "other-list",
            "`after` belongs to another list, order or filter, or is damaged; ask for the first "
            "page without it",
            "after");
    return false;
}

void page_keep_fields(json_t *item, const char *fields)
{
    if (!fields) return;
    const char *name;
    void *next;
    json_t *value;
    json_object_foreach_safe(item, next, name, value) if (!has_word(fields, name, strlen(name)))
        json_object_del(item, name);
}

json_t *page_make(const struct page *page, json_t *items, const struct list_place *next)
{
    size_t index;
    json_t *item;
    json_array_foreach(items, index, item) page_keep_fields(item, page->fields);
    json_t *reply = json_pack("{s:o}", "items", items);
    if (next) {
        char cursor[LIST_CURSOR_MAX];
        list_cursor_write(page->of, next, cursor);
        json_object_set_new(reply, "next", json_string(cursor));
    }
    return reply;
}
