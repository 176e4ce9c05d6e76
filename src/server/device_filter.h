/* `?filter=` of a request, read against the products of its organisation. */
#pragma once

#include "filter/sql.h"
#include "http/http.h"

/* The condition and its values, from place `first` on, in the request's arena; an absent filter
 * finds all devices that are not retired. NULL: answered with 422. */
const struct filter_sql *filter_read(struct http_request *request, size_t first);
/* The same of a text from elsewhere, NULL: an absent one; field: where, for the reply. */
const struct filter_sql *filter_read_text(struct http_request *request, const char *field,
                                          const char *text, size_t first);
