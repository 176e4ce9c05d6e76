/* What the server understood of an uploaded file, in a line or two. */
#pragma once

#include <jansson.h>

void upload_print(const json_t *reply);
