/* A small HTTPS server. It knows requests and replies, and nothing of firmware.
 *
 * N event loops, each with its own SO_REUSEPORT listener; TLS 1.2 and 1.3; HTTP/1.1 and 1.0.
 * A route says where its handler runs:
 *
 *   HTTP_INLINE  on the loop, with the whole body. It must not block: memory and arithmetic only.
 *   HTTP_WORKER  on a worker thread, with the whole body. It may block (SQL, files).
 *   HTTP_UPLOAD  on a worker thread, with the body in pieces; at most HTTP_UPLOAD_WINDOW is held.
 *
 * A handler replies exactly once, by one of the http_reply functions, from any thread, now or
 * later. The request and its arena stay valid until then, even when the client has gone; after the
 * reply the handler must not touch them. Only one thread at a time may touch a request. HEAD is
 * routed to the handler of GET, and the body of its reply is left out. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/span.h"
#include "rt/arena.h"
#include "rt/clock.h"
#include "rt/work.h"

#define HTTP_PARAMS_MAX 4                 /* {name} in one pattern */
#define HTTP_UPLOAD_WINDOW (256U * 1024U) /* bytes of one upload in memory */

/* --- request ------------------------------------------------------------------------------ */

/* HTTP_METHOD_GET … */
#define HTTP_METHODS(X) X(GET) X(HEAD) X(POST) X(PUT) X(PATCH) X(DELETE) X(OPTIONS)
#define HTTP_METHOD_ENUM(name) HTTP_METHOD_##name,
enum http_method { HTTP_METHODS(HTTP_METHOD_ENUM) HTTP_METHODS_COUNT };
#undef HTTP_METHOD_ENUM

struct http_header {
    const char *name, *value; /* name as sent, value trimmed; no NUL inside either */
};

struct http_request {
    enum http_method method;
    const char *path;            /* as sent, without the query; begins with "/" */
    const char *query;           /* as sent, behind the "?"; "" without one */
    struct godwit_span body;     /* INLINE and WORKER; NUL-terminated; empty for UPLOAD */
    uint64_t body_size;          /* UPLOAD: Content-Length, or UINT64_MAX when chunked */
    const char *peer;            /* address of the client as text, without the port */
    const uint8_t *peer_network; /* 16 bytes: what counts as one client; IPv4, or the /64 of IPv6 */
    struct arena *arena;         /* lives until the reply is sent */
    void *app;                   /* http_options.app */
    const void *route_extra;     /* http_route.extra */
    const struct clock *clock;
    void *user; /* the handler's own, e.g. the state of an upload */
    bool tls;
    /* Set by the gate, or by a handler before it replies: the client has proved who it is. Its
     * connection then no longer counts among the unauthenticated ones, which are few and are closed
     * first. */
    bool authenticated;
    /* private: internal.h */
    const struct http_header *headers;
    size_t headers_count;
    const char *params[HTTP_PARAMS_MAX], *param_names[HTTP_PARAMS_MAX];
};

/* Value of the first header of this name (any case); NULL when absent. */
const char *http_header(const struct http_request *request, const char *name);
/* The {name} of the route's pattern, percent-decoded, never empty; NULL when there is no such one.
 */
const char *http_param(const struct http_request *request, const char *name);
/* A query member, decoded into the arena ("" for "?name"); NULL when absent or malformed. */
const char *http_query(struct http_request *request, const char *name);
/* What follows "Authorization: Bearer "; NULL when absent. */
const char *http_bearer(const struct http_request *request);
/* "GET" …; static. */
const char *http_method_name(enum http_method method);
/* "Not Found" …; static. */
const char *http_status_title(int status);

/* --- reply -------------------------------------------------------------------------------- */

/* Adds a header to the coming reply. Both texts are copied; a value with CR or LF is dropped whole.
 * The engine itself writes Date, Content-Length, Connection and X-Content-Type-Options. */
void http_reply_header(struct http_request *request, const char *name, const char *value);
/* data is NOT copied: it is static, in the request's arena, or otherwise valid until it is sent.
 * content_type NULL: no body, no such header. */
void http_reply(struct http_request *request, int status, const char *content_type,
                const void *data, size_t size);
/* The same, data copied. */
void http_reply_copy(struct http_request *request, int status, const char *content_type,
                     const void *data, size_t size);

/* RFC 9457 application/problem+json. type is a stable id ("godwit:wrong-chip"), title a short name,
 * detail a sentence a person can act on, field the member at fault or NULL. All are copied and may
 * hold any UTF-8. */
struct http_problem {
    int status;
    const char *type, *title, *detail, *field;
};
void http_reply_problem(struct http_request *request, const struct http_problem *problem);

/* A file or a part of it: 200, 206, 304 or 416 as Range, If-Range and If-None-Match ask; several
 * ranges are answered whole. Read with pread away from the loop. fd now belongs to the engine,
 * which closes it in every case. etag with its quotes ("\"ab12\""), copied; NULL: no conditions. */
struct http_file {
    int fd;
    uint64_t size;
    const char *content_type, *etag;
};
void http_reply_file(struct http_request *request, const struct http_file *file);

/* --- routes ------------------------------------------------------------------------------- */

typedef void http_handler(struct http_request *request);

/* The one place where a request is let in: called on the loop for every request that has a route,
 * when its head is complete and before any byte of its body is kept. Method, path, headers, params
 * and route_extra are there. False: it has replied (401, 403 …), and neither body nor handler
 * follows. Must be as quick as an INLINE handler. */
typedef bool http_gate(struct http_request *request);

/* An upload, step by step, on worker threads but never two at a time. begin sees the head before
 * any byte of the body is asked for (100-continue waits for it) and may reply there (401, 413 …):
 * then nothing else is called and the connection closes. write may reply early too, with the same
 * effect. finish: the body is complete, reply now or later. abort: the client left or broke the
 * framing; everything begin took is given back here, no reply is needed. After a begin that did not
 * reply, exactly one of these ends the upload: a write that replied, finish, abort. */
struct http_upload {
    http_handler *begin;
    void (*write)(struct http_request *request, const uint8_t *data, size_t size);
    http_handler *finish;
    http_handler *abort;
};

enum http_mode { HTTP_INLINE, HTTP_WORKER, HTTP_UPLOAD };

struct http_route {
    enum http_method method; /* GET covers HEAD */
    const char *pattern;     /* "/api/v1/devices/{id}": a {name} is one non-empty segment */
    enum http_mode mode;
    uint64_t body_max;                /* bytes; more is 413 */
    http_handler *handle;             /* INLINE and WORKER */
    const struct http_upload *upload; /* UPLOAD */
    const void *extra;                /* the program's own, e.g. a permission */
};

/* --- server ------------------------------------------------------------------------------- */

/* Zero means the default that the comment names. Where a limit is passed, the client gets a problem
 * with a name if it can still get a reply; else the connection is closed, and the log says so. */
struct http_limits {
    unsigned connections_max; /* 20000, all loops together; fewer where fewer files may be open */
    /* Half of that: connections of one address (IPv6: one /64) that have authenticated. What is
     * more counts as if it had not. */
    unsigned address_max;
    /* Connections that have not authenticated. Where these are full, the oldest of a crowding
     * address is closed for a new one, so that who sits idle locks nobody out. */
    unsigned unauthenticated_max;         /* 4096, at most half of connections_max */
    unsigned address_unauthenticated_max; /* 1024 from one address, at most half of that */
    unsigned unauthenticated_body_max;    /* 64 KiB: 413 */
    size_t input_max;  /* 64 MiB of input held for all connections, a quarter of it for those that
                          have not authenticated: 503 */
    unsigned line_max; /* 4096 bytes of request line: 414 */
    unsigned head_max; /* 16384 bytes of request line and headers: 431 */
    unsigned headers_max;  /* 64: 431 */
    unsigned handshake_ms; /* 10000 to finish TLS */
    unsigned head_ms;      /* 10000 from a request's first byte to the end of its head: 408 */
    unsigned body_ms;      /* 20000 for each 16 KiB of body (or the rest of it): 408 */
    unsigned write_ms;     /* 30000 for each 64 KiB of reply */
    unsigned idle_ms;      /* 120000 between requests */
    unsigned arena_max;    /* 4 MiB of memory per request, besides its body */
};

struct http_options {
    const char *address; /* "127.0.0.1", "::"; NULL: "127.0.0.1" */
    uint16_t port;       /* 0: any free one, see http_port */
    unsigned loops;      /* 0: as many as CPUs */
    /* PEM with the chain, and its key: files, or texts when the first byte is '-'. Both NULL: plain
     * HTTP, for tests. */
    const char *certificate, *key;
    const struct http_route *routes; /* alive while the server is; the first match wins */
    size_t routes_count;
    http_gate *gate; /* NULL: every request is let in */
    void *app;
    struct work_pool *workers; /* for WORKER, UPLOAD and files; outlives the server */
    const struct clock *clock; /* NULL: clock_real. Deadlines always use the loop's own time */
    struct http_limits limits;
};

struct http_server;

/* Whether http_open would find its certificate sound and its address free; nothing stays open. */
GODWIT_MUST_USE godwit_err http_check(const struct http_options *options, char *note_out,
                                      size_t note_size);
/* Listens and starts the loops. On failure note_out says in one line what is wrong and what to do
 * (BUSY: the port is taken; FORMAT: certificate or key; IO: the rest). */
GODWIT_MUST_USE godwit_err http_open(const struct http_options *options, char *note_out,
                                     size_t note_size, struct http_server **server_out);
/* Shows another certificate from the next connection on; those that are open keep theirs. On
 * failure (FORMAT, with a note) the one before stays. From any one thread. */
GODWIT_MUST_USE godwit_err http_certificate(struct http_server *server, const char *certificate,
                                            const char *key, char *note_out, size_t note_size);
uint16_t http_port(const struct http_server *server);
/* Drains for at most drain_ms: takes no new connections, closes idle ones, finishes requests that
 * are running. Then it closes what is left, ends the loops and frees the server. NULL is fine. */
void http_close(struct http_server *server, unsigned drain_ms);

/* For a thread that may wait, every few seconds: gives memory that a flood has left with the
 * allocator back to the system. */
void http_tick(struct http_server *server);

/* Counters since the start, summed over the loops; each is exact, their set is not one instant. */
struct http_stats {
    uint64_t connections, connections_open, requests, refused_limit, refused_framing;
    uint64_t handshakes, resumed, deadlines;
    uint64_t input_held; /* bytes, now */
    uint64_t displaced;  /* unauthenticated connections that were closed for a new one */
};
void http_stats(const struct http_server *server, struct http_stats *stats_out);
