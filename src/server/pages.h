/* Lists by pages: {"items": […], "next": "…"}. `limit` rows, behind the row that `after` names,
 * with the members that `fields` names; "next" is what `after` has to be for the page behind, and
 * is left out on the last. */
#pragma once

#include <jansson.h>

#include "fleet/list.h"
#include "http/http.h"

struct page {
    size_t limit;
    bool has_after;
    struct list_place after;
    const char *of;     /* which list, in which order, under which filter */
    const char *fields; /* "a,b"; NULL: all */
};

/* Reads `limit` alone, for a list whose `after` is of another kind. False: answered with 422. */
bool page_limit(struct http_request *request, size_t *limit_out);
/* Reads `fields` alone; fields_out: as in a page. False: answered with 422. */
bool page_fields(struct http_request *request, const char *names, const char **fields_out);
/* Leaves no others in the item. */
void page_keep_fields(json_t *item, const char *fields);
/* Reads `limit`, `after` and `fields`. of: what a cursor belongs to, copied. names: the members of
 * an item, with spaces between. False: answered with 422. */
bool page_read(struct http_request *request, const char *of, const char *names, struct page *out);
/* The reply, which takes the items over. next: the place of the last of them; NULL: no more are
 * behind it. */
json_t *page_make(const struct page *page, json_t *items, const struct list_place *next);
