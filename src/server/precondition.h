/* If-Match (RFC 9110, 13.1.1): a change that its caller wants only of what he has seen. Rows of the
 * table of routes that name the header take it; at all others a change that brings one is refused,
 * for nothing there can be compared, and the caller must not believe that it was. */
#pragma once

#include <jansson.h>

#include "server/app.h"

#define EDIT_ETAG "edit_etag" /* member of a document: the etag of what people change in it */

/* The gate: false where it is refused. */
bool precondition_may_be_met(struct http_request *request);
/* Whether shown, which is what a GET says of the object now, is not what the caller has seen: by
 * its ETag or by its edit_etag. Frees shown. Writer, before anything is changed. */
bool precondition_fails(const struct http_request *request, json_t *shown);
bool precondition_is_asked(const struct http_request *request);
/* 412. */
void precondition_refuse(struct http_request *request);
/* Adds edit_etag to a document: of what else is given, which is freed. */
void precondition_mark(json_t *document, json_t *edited);
