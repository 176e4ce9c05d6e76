/* The OpenAPI 3.1 document of what the service answers, made from the table of routes. */
#pragma once

#include <jansson.h>

#include "server/problem.h"

struct app;

/* As it is sent: anybody may ask for it as often as he likes, so it is made once, and not copied.
 */
struct api_doc {
    char *text;
    size_t size;
    char etag[JSON_ETAG_SIZE];
};

/* The caller owns it; NULL: no memory. */
json_t *api_doc_make(void);
/* Makes the text that handle_openapi sends; freed with the app. */
void api_doc_open(struct app *app);
