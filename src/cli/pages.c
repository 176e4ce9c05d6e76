/* Pages of lists, one after the other. */
#include "cli/pages.h"

#include <stdio.h>
#include <string.h>

/* A server says what the next address holds: nothing but the digits of a cursor gets there. */
const char *page_next(const json_t *page)
{
    const char *next = json_text(page, "next");
    return strspn(next, "0123456789abcdef") == strlen(next) ? next : "";
}

bool page_get(const struct remote *remote, const char *path, size_t limit, const char *after,
              json_t **reply_out)
{
    char whole[5000]; /* a filter of 1024 bytes, each spelt by three, and a cursor */
    snprintf(whole, sizeof whole, "%s%climit=%zu%s%s", path, strchr(path, '?') ? '&' : '?', limit,
             *after ? "&after=" : "", after);
    return remote_call(remote, "GET", whole, NULL, reply_out);
}

bool pages_get(const struct remote *remote, const char *path, json_t **reply_out)
{
    json_t *all, *page;
    if (!page_get(remote, path, PAGE_ROWS_ALL, "", &all)) return false;
    while (page_next(all)[0]) {
        if (!page_get(remote, path, PAGE_ROWS_ALL, page_next(all), &page)) {
            json_decref(all);
            return false;
        }
        json_array_extend(json_object_get(all, "items"), json_object_get(page, "items"));
        json_object_del(all, "next");
        if (page_next(page)[0]) json_object_set(all, "next", json_object_get(page, "next"));
        json_decref(page);
    }
    *reply_out = all;
    return true;
}
