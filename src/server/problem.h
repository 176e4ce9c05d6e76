/* Answers in JSON: documents and problems (RFC 9457). */
#pragma once

#include <jansson.h>

#include "http/http.h"

#define JSON_ETAG_SIZE 35 /* 16 bytes in hex, with quotes and a NUL */

/* Of a document as it is sent. */
void json_etag(const char *text, size_t size, char out[static JSON_ETAG_SIZE]);
/* Sends and frees the document; of a GET with its ETag, or 304 where the client has it. */
void reply_json(struct http_request *request, int status, json_t *document);
/* The same of a text, which is copied. */
void reply_json_text(struct http_request *request, int status, const char *text);
/* type: a stable short id; detail: what is wrong and what to do; field may be NULL. */
void problem(struct http_request *request, int status, const char *type, const char *detail,
             const char *field);
/* Why something is not done as things stand. */
struct refusal {
    const char *id, *sentence;
};
/* 409 with it. */
void problem_refusal(struct http_request *request, const struct refusal *refusal);
/* 507: an upload that would leave less of the disk free than is reserved. */
void problem_reserve(struct http_request *request, uint32_t reserve_mib);
/* 503: ask again after so many seconds as Retry-After says; each 503 does. */
void problem_busy(struct http_request *request);
/* What an error of the store means to the person who asked: 507 for a full disk, else 500. */
void problem_of_error(struct http_request *request, godwit_err err);

/* Once, before the first body: want of memory is then told from what is malformed. */
void body_memory_watch(void);
/* The body as the JSON object that the row of the route names, checked by its schema; NULL:
 * answered with 422. The caller frees it. */
json_t *body_object(struct http_request *request);
/* A member that must be a text of 1 … size_max bytes; NULL: answered with 422. */
const char *body_text(struct http_request *request, json_t *body, const char *name,
                      size_t size_max);
