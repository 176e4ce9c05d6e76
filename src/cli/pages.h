/* Lists of the server, which come by pages. */
#pragma once

#include "cli/remote.h"

#define PAGE_ROWS 100     /* of the first, which is soon there */
#define PAGE_ROWS_ALL 500 /* where all pages are asked for */

/* A page of the list at this address, with its query; after: "" for the first, else the "next" of
 * the page before. False after a printed line; reply_out is the caller's. */
bool page_get(const struct remote *remote, const char *path, uint32_t limit, const char *after,
              json_t **reply_out);
/* Where the page behind this one begins; "": this is the last. */
const char *page_next(const json_t *page);
/* All pages as one reply, whose list is called `rows`, without "next". */
bool pages_get(const struct remote *remote, const char *path, const char *rows, json_t **reply_out);
