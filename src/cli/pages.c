/* Pages of lists, one after the other. */
#include "cli/pages.h"

#include <stdio.h>
#include <string.h>

#include "cli/names.h"

const char *page_next(const json_t *page)
{
    return json_text(page, "next");
}

bool page_get(const struct remote *remote, const char *path, uint32_t limit, const char *after,
              json_t **reply_out)
{
    char whole[5000]; /* a filter of 1024 bytes, each spelt by three, and a cursor */
    struct godwit_text text;
    godwit_text_init(&text, whole, sizeof whole);
    godwit_text_add(&text, path);
    godwit_text_add(&text, strchr(path, '?') ? "&limit=" : "?limit=");
    godwit_text_add_u32(&text, limit);
    if (*after) godwit_text_add(&text, "&after=");
    address_add(&text, after); /* what a server says can mean nothing else there */
    if (!text.overflow) return remote_call(remote, "GET", whole, NULL, reply_out);
    fprintf(stderr, "godwit: %s: the list's next page has an address that is too long\n", path);
    return false;
}

bool pages_get(const struct remote *remote, const char *path, const char *rows, json_t **reply_out)
{
    json_t *all, *page;
    if (!page_get(remote, path, PAGE_ROWS_ALL, "", &all)) return false;
    while (page_next(all)[0]) {
        if (!page_get(remote, path, PAGE_ROWS_ALL, page_next(all), &page)) {
            json_decref(all);
            return false;
        }
        json_array_extend(json_object_get(all, rows), json_object_get(page, rows));
        json_object_del(all, "next");
        if (page_next(page)[0]) json_object_set(all, "next", json_object_get(page, "next"));
        json_decref(page);
    }
    *reply_out = all;
    return true;
}
