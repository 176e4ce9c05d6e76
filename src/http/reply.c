/* What a handler says, and how it looks on the wire. */
#include <assert.h>
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "http/internal.h"

#define HEAD_FIXED_MAX \
    512U /* of a reply's head: all but the content type and the handler's headers */

static struct exchange *exchange_of(struct http_request *request)
{
    return (struct exchange *)request;
}

/* --- replies of handlers ------------------------------------------------------------------ */

void http_reply_header(struct http_request *request, const char *name, const char *value)
{
    struct reply *reply = &exchange_of(request)->reply;
    if (strpbrk(value, "\r\n")) return;
    const char *before = reply->headers ? reply->headers : "";
    const char *headers = arena_print(request->arena, "%s%s: %s\r\n", before, name, value);
    if (!headers) return;
    reply->headers = headers;
    reply->headers_size = strlen(headers);
}

void http_reply(struct http_request *request, int status, const char *content_type,
                const void *data, size_t size)
{
    struct exchange *exchange = exchange_of(request);
    assert(!exchange->reply.status); /* answered twice */
    exchange->reply.status = status;
    exchange->reply.content_type = content_type;
    exchange->reply.data = data;
    exchange->reply.size = content_type ? size : 0;
    exchange_post(exchange, EXCHANGE_REPLIED);
}

void http_reply_copy(struct http_request *request, int status, const char *content_type,
                     const void *data, size_t size)
{
    const void *copy = arena_copy(request->arena, data, size);
    if (copy)
        http_reply(request, status, content_type, copy, size);
    else
        reply_refusal(exchange_of(request), 500, "reply-too-large");
}

void http_reply_problem(struct http_request *request, const struct http_problem *problem)
{
    const char *field = problem->field ? problem->field : "";
    size_t text_size =
        strlen(problem->type) + strlen(problem->title) + strlen(problem->detail) + strlen(field);
    size_t size_max = 6 * text_size + 128; /* each byte as \u00XX, and the names */
    size_t size = 0;
    char *text = arena_alloc(request->arena, size_max);
    if (!text) {
        http_reply(request, problem->status, NULL, NULL, 0);
        return;
    }
    struct godwit_json_writer json;
    godwit_json_writer_init(&json, text, size_max);
    godwit_json_begin_object(&json, NULL);
    godwit_json_add_string(&json, "type", problem->type);
    godwit_json_add_string(&json, "title", problem->title);
    godwit_json_add_u32(&json, "status", (uint32_t)problem->status);
    godwit_json_add_string(&json, "detail", problem->detail);
    if (problem->field) godwit_json_add_string(&json, "field", field);
    godwit_json_end_object(&json);
    if (godwit_json_writer_finish(&json, &size)) size = 0;
    http_reply(request, problem->status, "application/problem+json", text, size);
}

static const struct {
    int status;
    const char *detail;
} refusals[] = {
    {400, "The request breaks the rules of HTTP/1.1; send it well-formed."},
    {404, "There is nothing at this address; check the path."},
    {405, "This address does not take this method; the Allow header names those it takes."},
    {408, "The request came too slowly; send it again."},
    {413, "The body is larger than this address takes; send less."},
    {414, "The request line is too long; use a shorter address."},
    {417, "Only the expectation 100-continue is known; leave the Expect header out."},
    {429, "This client has as many connections as it may; close some, or wait."},
    {431, "The headers are too many or too large; send fewer."},
    {500, "The server could not make its reply; its log says why."},
    {501, "This method or transfer coding is not known here; use a common one."},
    {503, "The server is busy; try again in a few seconds."},
    {505, "Only HTTP/1.1 and HTTP/1.0 are spoken here; use one of them."},
};

void http_reply_retry(struct http_request *request, unsigned least_s)
{
    struct http_server *server = exchange_of(request)->loop->server;
    struct retry_backlog backlog = {.connections = atomic_load(&server->connections),
                                    .connections_max = server->options.limits.connections_max};
    char text[16];
    uint32_t turn;
    backlog.turned_away =
        retry_count_add(&server->turned_away, clock_now_ms(&server->clock), &turn);
    unsigned seconds = least_s + retry_after_s(&backlog, turn);
    snprintf(text, sizeof text, "%u", seconds < RETRY_MAX_S ? seconds : RETRY_MAX_S);
    http_reply_header(request, "Retry-After", text);
}

void reply_refusal(struct exchange *exchange, int status, const char *reason)
{
    const char *detail = "The request was refused.";
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (refusals[i].status == status) detail = refusals[i].detail;
    if (status == 503 || status == 429) http_reply_retry(&exchange->request, 0);
    http_reply_problem(&exchange->request,
                       &(struct http_problem){.status = status,
                                              .type = reason,
                                              .title = http_status_title(status),
                                              .detail = detail});
}

/* Whether If-Range allows a part: no such header, or the very etag (strong comparison). */
static bool part_allowed(const struct http_request *request, const char *etag)
{
    const char *if_range = http_header(request, "If-Range");
    return !if_range || (etag && strcmp(if_range, etag) == 0);
}

static void file_part(struct http_request *request, const struct http_file *file)
{
    struct exchange *exchange = exchange_of(request);
    uint64_t first = 0, last = 0;
    char text[80];
    const char *range = http_header(request, "Range");
    enum range_kind kind = RANGE_WHOLE;
    if (range && request->method == HTTP_METHOD_GET && part_allowed(request, file->etag))
        kind = range_parse(range, file->size, &first, &last);
    if (kind == RANGE_NONE) {
        snprintf(text, sizeof text, "bytes */%llu", (unsigned long long)file->size);
        http_reply_header(request, "Content-Range", text);
        http_reply_problem(request,
                           &(struct http_problem){.status = 416,
                                                  .type = "range-behind-end",
                                                  .title = http_status_title(416),
                                                  .detail = "The range begins behind the end of "
                                                            "the file; ask for less."});
        return;
    }
    http_reply_header(request, "Accept-Ranges", "bytes");
    exchange->reply.offset = first;
    uint64_t size = kind == RANGE_PART ? last - first + 1 : file->size;
    if (kind == RANGE_PART) {
        snprintf(text, sizeof text, "bytes %llu-%llu/%llu", (unsigned long long)first,
                 (unsigned long long)last, (unsigned long long)file->size);
        http_reply_header(request, "Content-Range", text);
    }
    http_reply(request, kind == RANGE_PART ? 206 : 200, file->content_type, NULL, size);
}

bool http_is_unchanged(struct http_request *request, const char *etag)
{
    const char *listed = http_header(request, "If-None-Match");
    http_reply_header(request, "ETag", etag);
    return listed && etag_listed(listed, etag);
}

bool http_is_matched(const struct http_request *request, const char *etag)
{
    const char *listed = http_header(request, "If-Match");
    return listed && etag_listed_strongly(listed, etag);
}

void http_reply_file(struct http_request *request, const struct http_file *file)
{
    struct exchange *exchange = exchange_of(request);
    exchange->reply.has_file = true;
    exchange->reply.fd = file->fd;
    if (file->etag && http_is_unchanged(request, file->etag))
        http_reply(request, 304, NULL, NULL, 0);
    else
        file_part(request, file);
}

/* --- on the wire -------------------------------------------------------------------------- */

/* The statuses that this engine and its handlers use; the text is for people only. */
static const struct {
    int status;
    const char *title;
} titles[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *http_status_title(int status)
{
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (titles[i].status == status) return titles[i].title;
    return "Other";
}

bool reply_has_body(const struct exchange *exchange)
{
    int status = exchange->reply.status;
    return exchange->request.method != HTTP_METHOD_HEAD && status != 204 && status != 304;
}

/* reply_head_write has made room. */
static void text_add(struct bytes *out, const char *text)
{
    (void)!bytes_add(out, text, strlen(text));
}

static void number_add(struct bytes *out, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    (void)!bytes_add(out, digits + at, sizeof digits - at);
}

bool reply_head_write(const struct exchange *exchange, const char *now, struct bytes *out)
{
    const struct reply *reply = &exchange->reply;
    size_t type_size = reply->content_type ? strlen(reply->content_type) : 0;
    const char *also = exchange->loop->server->options.headers;
    const char *bare = exchange->loop->server->options.bare;
    bool is_bare =
        bare && exchange->route && !strncmp(exchange->route->pattern, bare, strlen(bare));
    if (!also || is_bare) also = "";
    size_t size = HEAD_FIXED_MAX + strlen(also) + type_size + reply->headers_size;
    if (!bytes_reserve(out, size)) return false;
    text_add(out, "HTTP/1.1 ");
    number_add(out, (uint64_t)reply->status);
    text_add(out, " ");
    text_add(out, http_status_title(reply->status));
    text_add(out, "\r\nX-Content-Type-Options: nosniff\r\nDate: ");
    text_add(out, now);
    if (reply->content_type) {
        text_add(out, "\r\nContent-Type: ");
        text_add(out, reply->content_type);
    }
    if (exchange->stream || exchange->produced) {
        text_add(out, exchange->http_1_0 ? "" : "\r\nTransfer-Encoding: chunked");
    } else if (reply->status != 204 && reply->status != 304) {
        text_add(out, "\r\nContent-Length: ");
        number_add(out, reply->size);
    }
    text_add(out, "\r\n");
    text_add(out, also);
    (void)!bytes_add(out, reply->headers, reply->headers_size);
    if (!exchange->keep_alive)
        text_add(out, "Connection: close\r\n");
    else if (exchange->http_1_0)
        text_add(out, "Connection: keep-alive\r\n");
    text_add(out, "\r\n");
    return true;
}
