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

struct http_request;
struct http_clients;
typedef void http_handler(struct http_request *request);

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
    void *user;   /* the handler's own, e.g. the state of an upload */
    void *keeper; /* the program's own: who keeps a copy of the reply; NULL at first */
    bool tls;
    bool is_gone; /* the client has left; only what was held or streamed looks at it */
    /* Set by the gate, or by a handler before it replies: the client has proved who it is. Its
     * connection then no longer counts among the unauthenticated ones, which are few and are closed
     * first. */
    bool authenticated;
    /* Set by the gate: 16 bytes that say who the client is, where it may have so many connections
     * and no more; NULL: as many as its address may. */
    const uint8_t *identity;
    unsigned identity_max;
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

/* Adds Retry-After to the coming 503 or 429: at least so many seconds, and 1 to 120 more (120 in
 * all), the more the more are turned away, and others for each client. */
void http_reply_retry(struct http_request *request, unsigned least_s);

/* Adds the header ETag ("\"ab12\"", copied), and says whether If-None-Match names it: then reply
 * 304 without a body. */
bool http_is_unchanged(struct http_request *request, const char *etag);

/* Whether If-Match names it, by strong comparison; false where there is no If-Match. */
bool http_is_matched(const struct http_request *request, const char *etag);

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

/* --- held requests ------------------------------------------------------------------------ */

/* Instead of a reply, from an INLINE handler, which returns then: the reply is made later, by
 * http_reply from any thread, and until then nothing is kept but the connection. Headers, params,
 * body, arena and user are void when this returns, so what is needed is copied before; app, peer
 * and what the handler puts into user afterwards stay.
 *
 * release is called at most once, on the loop: when hold_ms are over, the client has left
 * (is_gone), the server drains, or it needs the room for others. Who still has the request replies
 * then, at once or soon, also to nobody; where another thread has taken it already to reply,
 * release has nothing to do. False: no room to hold it, or the server drains; reply now. */
GODWIT_MUST_USE bool http_hold(struct http_request *request, unsigned hold_ms,
                               http_handler *release);

/* --- streamed replies --------------------------------------------------------------------- */

#define HTTP_STREAM_PIECES 64            /* that wait for one client … */
#define HTTP_STREAM_BYTES (256U * 1024U) /* … and their bytes; who is slower is dropped */

/* Bytes that many streams send: made once, shared, freed by the last who drops it. */
struct http_piece;
/* A copy of data; NULL: no memory, or no bytes. */
struct http_piece *http_piece_new(const void *data, size_t size);
/* NULL is fine. From any thread. */
void http_piece_drop(struct http_piece *piece);

struct http_stream_options {
    const char *content_type; /* static */
    const char *keep_alive;   /* static; sent every keep_alive_ms, ":\n\n" for text/event-stream */
    unsigned keep_alive_ms;   /* 0: never */
};

/* A reply whose body comes in pieces, for as long as both sides like. Called instead of a reply by
 * the handler itself, INLINE or WORKER, before it returns; http_reply_header goes before it. What
 * http_hold makes void is void here too.
 *
 * ended is called at most once, on the loop: the client has left, is too slow, or the server
 * drains. It sees to it that nobody sends any more, and calls http_stream_end. False: there are
 * streams_max already, and 503 was replied. */
GODWIT_MUST_USE bool http_stream_begin(struct http_request *request,
                                       const struct http_stream_options *options,
                                       http_handler *ended);
/* From any thread, in the order of the calls; takes its own share of the piece. */
void http_stream_send(struct http_request *request, struct http_piece *piece);
/* Exactly once for each that has begun, by ended or by whoever wants it over; from any thread. What
 * was sent before still goes out; the request must not be touched afterwards. */
void http_stream_end(struct http_request *request);

/* --- routes ------------------------------------------------------------------------------- */

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
    /* 2000: where they are full and none has been it for so long, nor for four times what others
     * needed lately, a new one waits in the kernel's queue. */
    unsigned young_ms;
    unsigned unauthenticated_body_max; /* 64 KiB: 413 */
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
    unsigned streams_max;  /* 10000, at most three fifths of connections_max: 503 */
    unsigned arena_max;    /* 4 MiB of memory per request, besides its body */
};

struct http_options {
    const char *address; /* "127.0.0.1", "::"; NULL: "127.0.0.1" */
    uint16_t port;       /* 0: any free one, see http_port */
    unsigned loops;      /* 0: as many as CPUs */
    /* PEM with the chain, and its key: files, or texts when the first byte is '-'. Both NULL: plain
     * HTTP, for tests. */
    const char *certificate, *key;
    /* Shown instead to who asks for a name that this one is for and the first is not; read again
     * with it. NULL: none. */
    const char *web_certificate, *web_key;
    /* Asks clients who they are (http/clients.h), but where web_certificate is shown; held by its
     * server. NULL: asks nobody. */
    struct http_clients *clients;
    const struct http_route *routes; /* alive while the server is; the first match wins */
    size_t routes_count;
    http_gate *gate;     /* NULL: every request is let in */
    const char *headers; /* static lines "Name: value\r\n" of every reply; NULL: none */
    const char *bare;    /* … but not of routes that begin so, which no browser reads; or NULL */
    /* The address of a proxy that is believed: a request from it counts as one of the client that
     * its last X-Forwarded-For or Forwarded names, as long as these do not contradict each other.
     * Its connections are bounded by connections_max alone. NULL: none. */
    const char *trusted_proxy;
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
    uint64_t input_held;    /* bytes, now */
    uint64_t held, streams; /* now */
    uint64_t displaced;     /* unauthenticated connections that were closed for a new one */
};
void http_stats(const struct http_server *server, struct http_stats *stats_out);
