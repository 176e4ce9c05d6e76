/* The ETag of a document changes with all that it says, so that a device's lives no longer than
 * until its next check-in. People who edit it compare what they edit: its edit_etag. */
#include "server/precondition.h"

#include <stdlib.h>

#include "server/json_text.h"
#include "server/operation.h"
#include "server/problem.h"

static void etag_of_json(json_t *document, char out[static JSON_ETAG_SIZE])
{
    char *text = json_text_make(document, JSON_COMPACT);
    if (!text) abort();
    json_etag(text, strlen(text), out);
    free(text);
}

bool precondition_is_asked(const struct http_request *request)
{
    return http_header(request, "If-Match") != NULL;
}

bool precondition_may_be_met(struct http_request *request)
{
    const struct operation *operation = request->route_extra;
    bool is_read = request->method == HTTP_METHOD_GET || request->method == HTTP_METHOD_HEAD;
    bool is_taken = operation->query && strstr(operation->query, "If-Match");
    if (is_read || is_taken || !precondition_is_asked(request)) return true;
    problem(request, 412, "no-if-match",
            "this address does not take If-Match, so that nothing was compared and nothing "
            "changed; send the request without it",
            NULL);
    return false;
}

bool precondition_fails(const struct http_request *request, json_t *shown)
{
    char whole[JSON_ETAG_SIZE], edit[JSON_ETAG_SIZE] = "";
    const char *hex = json_string_value(json_object_get(shown, EDIT_ETAG));
    etag_of_json(shown, whole);
    if (hex) snprintf(edit, sizeof edit, "\"%s\"", hex);
    bool is_seen = http_is_matched(request, whole) || (hex && http_is_matched(request, edit));
    json_decref(shown);
    return !is_seen;
}

void precondition_refuse(struct http_request *request)
{
    problem(request, 412, "changed-meanwhile",
            "it is not as you have seen it: somebody or something has changed it since; read it "
            "again, then decide",
            NULL);
}

void precondition_mark(json_t *document, json_t *edited)
{
    char etag[JSON_ETAG_SIZE];
    etag_of_json(edited, etag);
    json_decref(edited);
    json_object_set_new(document, EDIT_ETAG, json_stringn(etag + 1, strlen(etag) - 2));
}
