/* The OpenAPI 3.1 document of what the service answers, made from the table of routes. */
#pragma once

#include <jansson.h>

struct app;

/* The caller owns it; NULL: no memory. */
json_t *api_doc_make(void);
/* Makes the text that handle_openapi sends; freed with the app. */
void api_doc_open(struct app *app);
