/* Answers in JSON: one place that knows how documents and problems are sent. */
#include "server/problem.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "server/api_schema.h"
#include "server/idempotency.h"
#include "server/json_text.h"
#include "server/operation.h"
#include "server/secret.h"

#define ETAG_BYTES ((JSON_ETAG_SIZE - 3) / 2) /* of a SHA-256 */

/* The state of a document is its text: what did not change is not sent again. */
void json_etag(const char *text, size_t size, char out[static JSON_ETAG_SIZE])
{
    uint8_t digest[32];
    secret_sha256(text, size, digest);
    out[0] = '"';
    godwit_hex_encode(digest, ETAG_BYTES, out + 1);
    memcpy(out + JSON_ETAG_SIZE - 2, "\"", 2);
}

static bool is_unchanged(struct http_request *request, const char *text, size_t size)
{
    char etag[JSON_ETAG_SIZE];
    json_etag(text, size, etag);
    return http_is_unchanged(request, etag);
}

void reply_json_text(struct http_request *request, int status, const char *text)
{
    size_t size = strlen(text);
    bool is_read = request->method == HTTP_METHOD_GET || request->method == HTTP_METHOD_HEAD;
    if (is_read && status == 200 && is_unchanged(request, text, size))
        http_reply(request, 304, NULL, NULL, 0);
    else
        http_reply_copy(request, status, "application/json", text, size);
}

void reply_json(struct http_request *request, int status, json_t *document)
{
    char *text = json_text_make(document, JSON_COMPACT);
    json_decref(document);
    if (!text) {
        problem(request, 500, "internal", "the reply could not be written as JSON", NULL);
        return;
    }
    if (request->keeper) keyed_keep(request->keeper, status, text);
    reply_json_text(request, status, text);
    free(text);
}

void problem(struct http_request *request, int status, const char *type, const char *detail,
             const char *field)
{
    if (request->keeper) keyed_forget(request->keeper);
    if (status == 401) http_reply_header(request, "WWW-Authenticate", "Bearer");
    if (status == 503) http_reply_retry(request, 0);
    http_reply_problem(
        request, &(struct http_problem){status, type, http_status_title(status), detail, field});
}

void problem_busy(struct http_request *request)
{
    problem(request, 503, "busy",
            "the server has more to do than it can; try again when Retry-After says", NULL);
}

void problem_of_error(struct http_request *request, godwit_err err)
{
    if (err == GODWIT_ERR_SPACE)
        problem(request, 507, "disk-full",
                "the server's disk is full and nothing was kept; free some space and try again",
                NULL);
    else
        problem(request, 500, "storage", "the server could not store it; see its log", NULL);
}

void problem_refusal(struct http_request *request, const struct refusal *refusal)
{
    problem(request, 409, refusal->id, refusal->sentence, NULL);
}

void problem_reserve(struct http_request *request, uint32_t reserve_mib)
{
    char detail[200];
    snprintf(detail, sizeof detail,
             "the server's disk is almost full, and its last %u MiB are kept for what devices "
             "report (--reserve); free some space and upload again",
             reserve_mib);
    problem(request, 507, "disk-full", detail, NULL);
}

static _Thread_local bool ran_short; /* of memory, since the last body */

static void *json_memory(size_t size)
{
    void *memory = malloc(size);
    if (!memory) ran_short = true;
    return memory;
}

/* Jansson does not always say that what it missed was memory. */
void body_memory_watch(void)
{
    json_set_alloc_funcs(json_memory, free);
}

json_t *body_object(struct http_request *request)
{
    json_error_t error;
    ran_short = false;
    json_t *body = json_loadb((const char *)request->body.data, request->body.size,
                              JSON_REJECT_DUPLICATES, &error);
    const struct operation *operation = request->route_extra;
    struct schema_fault fault;
    if (!body && (ran_short || json_error_code(&error) == json_error_out_of_memory))
        problem_busy(request);
    else if (!json_is_object(body))
        problem(request, 422, "malformed", "the body is not a JSON object; see docs/API.md", NULL);
    else if (!schema_check(schema_find(operation->body), body, &fault))
        problem(request, 422, "malformed", fault.detail, fault.field);
    else
        return body;
    json_decref(body);
    return NULL;
}

const char *body_text(struct http_request *request, json_t *body, const char *name, size_t size_max)
{
    json_t *member = json_object_get(body, name);
    const char *text = json_string_value(member);
    if (text && *text && json_string_length(member) <= size_max) return text;
    char detail[128];
    snprintf(detail, sizeof detail, "\"%s\" must be a text of 1 to %zu bytes", name, size_max);
    problem(request, 422, "malformed", detail, name);
    return NULL;
}
