/* HTTP/1 framing without a socket: bytes in, events out. llhttp inside; on top of it exactly one
 * Host, no line folding, no unknown transfer coding, limits with their own status. Deterministic in
 * the bytes alone: how they are cut into pieces changes nothing but where body events are cut, and
 * which name a refusal gets where a limit and a fault meet.
 *
 *   head ─ body* ─ PROTO_DONE ─ proto_next ─ head …
 *   anything wrong → PROTO_REFUSED with status and name: answer, close, feed no more */
#pragma once

#include <llhttp.h>
#include <stdbool.h>

#include "http/http.h"

struct proto_limits {
    size_t line_max, head_max, headers_max;
};

struct proto_head {
    enum http_method method;
    const char *target; /* as sent; origin form ("/…"), absolute forms are cut down to it */
    const struct http_header *headers;
    size_t headers_count;
    uint64_t body_size; /* UINT64_MAX: chunked */
    bool expect_continue, keep_alive, http_1_0;
};

/* Both return 0 to go on or a status to refuse with, the name then being "refused". */
struct proto_events {
    int (*head)(void *ctx, const struct proto_head *head);
    int (*body)(void *ctx, const uint8_t *data, size_t size);
};

enum proto_state { PROTO_MORE, PROTO_DONE, PROTO_REFUSED };

struct proto {
    const struct proto_limits *limits;
    const struct proto_events *events;
    void *ctx;
    struct arena *arena; /* of the request that is being read; set by proto_next */
    /* out, for PROTO_REFUSED */
    int status;
    const char *reason; /* "two-hosts", "head-too-large" … static */
    /* private */
    llhttp_t parser;
    enum proto_state state;
    uint8_t phase, line_at;
    bool in_name, chunked;
    uint8_t last_byte;
    size_t line_size, head_size, extension_size;
    char *text; /* target and headers, NUL-separated, growing */
    size_t text_size, text_max;
    uint32_t *offsets; /* name and value of each header, in text */
    size_t headers_count;
};

/* limits, events and ctx outlive the proto; limits->headers_max ≤ 128. */
void proto_init(struct proto *proto, const struct proto_limits *limits,
                const struct proto_events *events, void *ctx);
/* Ready for the next request, whose head is kept in arena. */
void proto_next(struct proto *proto, struct arena *arena);
/* Takes bytes until they end (MORE), a request is complete (DONE) or refused; used_out counts those
 * taken. */
enum proto_state proto_feed(struct proto *proto, const uint8_t *data, size_t size,
                            size_t *used_out);
/* Whether a request has begun: the end of input is then a fault, else a close. */
bool proto_begun(const struct proto *proto);
