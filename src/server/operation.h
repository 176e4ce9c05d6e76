/* What a row of the table of routes says besides address and handler. From it come dispatch and
 * permission, the check of a request's body, the OpenAPI document, docs/API.md and the matrix of
 * who may do what; so an address is described once, where it is made. */
#pragma once

#include "server/permission.h"

struct operation {
    const struct permission *permission;
    const char *name;     /* "listDevices": the document's operationId */
    const char *sentence; /* what it does */
    /* Names from PARAMETERS (api_schema.h), separated by spaces; one that begins with a capital is
     * a header. NULL: none. */
    const char *query;
    const char *body; /* a schema (api_schema.h), or OCTETS; NULL: none */
    /* "201 claim; 404 no-product; 409 in-use other-token": for each status a schema (or OCTETS,
     * TEXT, EMPTY) where it is well, else the types of the problems. What every address may say
     * (401, 422 malformed, 503 busy …) is not repeated. */
    const char *replies;
};

/* Bodies that are not JSON. */
#define OCTETS "octets"
#define TEXT "text"
#define EMPTY "empty"
#define EVENT_STREAM "event_stream"
#define DEVICE_EXPORT "device_export"
