/* A document as text, whole or not at all. json_dumps of jansson 2.14 does not look whether there
 * was memory for an object's key: where a single allocation fails, its text lacks the key. */
#pragma once

#include <jansson.h>

/* malloc'ed; flags as of json_dumps. NULL: no memory, or no document. */
char *json_text_make(const json_t *document, size_t flags);
