/* A whole server on loopback, its handlers, and a peer on a real socket; for test_conn and
 * test_exchange. */
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/http.h"

/* --- the server under test --- */

static _Atomic unsigned aborted, finished;
static _Atomic bool gate_open;
static struct http_request *_Atomic held; /* a request that is answered later, by the test */

static void hello(struct http_request *request)
{
    http_reply(request, 200, "text/plain", "hello", 5);
}

static void echo(struct http_request *request)
{
    http_reply(request, 200, "text/plain", request->body.data, request->body.size);
}

static _Atomic unsigned stalled, let_on; /* how often; how many of them may go on */

/* The loop itself waits: what comes meanwhile is taken in one turn. */
static void stall(struct http_request *request)
{
    unsigned number = ++stalled;
    while (let_on < number)
        usleep(1000);
    http_reply(request, 200, "text/plain", "on", 2);
}

static void hold(struct http_request *request)
{
    held = request;
}

static _Atomic unsigned entered; /* of /block, which keeps its loop until it may go on */
static _Atomic bool may_go;

static void block(struct http_request *request)
{
    entered++;
    while (!may_go)
        usleep(1000);
    usleep(3000); /* longer than a turn */
    http_reply(request, 200, "text/plain", "hello", 5);
}

static _Atomic unsigned released, released_gone, refused_hold; /* of what is held or streamed */
static struct http_request *_Atomic streamed;

/* Whoever takes it out of `held` replies, the loop or the test. */
static void wait_over(struct http_request *request)
{
    struct http_request *expected = request;
    released++;
    if (request->is_gone) released_gone++;
    if (atomic_compare_exchange_strong(&held, &expected, NULL))
        http_reply_copy(request, 200, "text/plain", "over", 4);
}

static void wait_long(struct http_request *request)
{
    const char *text = http_query(request, "ms");
    unsigned ms = text ? (unsigned)strtoul(text, NULL, 10) : 60000;
    request->authenticated = true;
    if (!http_hold(request, ms, wait_over)) {
        refused_hold++;
        http_reply(request, 200, "text/plain", "now", 3);
        return;
    }
    held = request;
}

static void stream_over(struct http_request *request)
{
    struct http_request *expected = request;
    released++;
    if (request->is_gone) released_gone++;
    if (atomic_compare_exchange_strong(&streamed, &expected, NULL)) http_stream_end(request);
}

static void stream(struct http_request *request)
{
    struct http_stream_options options = {"text/event-stream", ":\n\n", 50};
    http_reply_header(request, "Cache-Control", "no-store");
    if (!http_stream_begin(request, &options, stream_over)) return;
    struct http_piece *piece = http_piece_new("first ", 6);
    http_stream_send(request, piece);
    http_piece_drop(piece);
    streamed = request;
    static const char many[60000] = "data: ";
    piece = http_piece_new(many, sizeof many);
    for (const char *more = request->query; *more; more++) /* one for each character */
        http_stream_send(request, piece);
    http_piece_drop(piece);
}

static void big(struct http_request *request)
{
    size_t size = 3000000;
    char *data = arena_alloc(request->arena, size);
    memset(data, 'x', size);
    http_reply(request, 200, "text/plain", data, size);
}

struct received {
    uint64_t size;
    uint32_t sum;
};

static void upload_begin(struct http_request *request)
{
    if (!http_bearer(request)) {
        http_reply_problem(request, &(struct http_problem){.status = 401,
                                                           .type = "no-token",
                                                           .title = "No token",
                                                           .detail = "Send a bearer token."});
        return;
    }
    request->user = arena_zalloc(request->arena, sizeof(struct received));
}

static void upload_write(struct http_request *request, const uint8_t *data, size_t size)
{
    struct received *received = request->user;
    /* Of the whole body: where later pieces begin depends on how busy the machine is. */
    bool poison = received->size == 0 && size && data[0] == '!';
    while (!gate_open)
        usleep(1000);
    for (size_t i = 0; i < size; i++)
        received->sum = received->sum * 31 + data[i];
    received->size += size;
    if (poison) http_reply(request, 422, "text/plain", "poison", 6);
}

static void upload_finish(struct http_request *request)
{
    struct received *received = request->user;
    const char *text =
        arena_print(request->arena, "%llu %u", (unsigned long long)received->size, received->sum);
    finished++;
    http_reply(request, 201, "text/plain", text, strlen(text));
}

static void upload_abort(struct http_request *request)
{
    assert_non_null(request->user);
    aborted++;
}

static unsigned identity_max; /* 0: nobody is counted by who it is */

/* What is under /gated needs a bearer; who sends one has authenticated. */
static bool gate(struct http_request *request)
{
    static const uint8_t identities[2][16] = {{1}, {2}};
    request->authenticated = http_bearer(request) != NULL;
    if (request->authenticated && identity_max) {
        request->identity = identities[*http_bearer(request) == 'u'];
        request->identity_max = identity_max;
    }
    if (!request->route_extra || http_bearer(request)) return true;
    http_reply(request, 401, "text/plain", "no bearer", 9);
    return false;
}

#ifndef FIXTURE_ROUTES /* of one test alone, each with a comma behind it */
#define FIXTURE_ROUTES
#endif

static const struct http_upload upload = {upload_begin, upload_write, upload_finish, upload_abort};
static const struct http_route routes[] = {
    {HTTP_METHOD_GET, "/hello", HTTP_INLINE, 0, hello, NULL, NULL},
    {HTTP_METHOD_POST, "/echo", HTTP_INLINE, 100000, echo, NULL, NULL},
    {HTTP_METHOD_POST, "/worker", HTTP_WORKER, 100000, echo, NULL, NULL},
    {HTTP_METHOD_GET, "/stall", HTTP_INLINE, 0, stall, NULL, NULL},
    {HTTP_METHOD_GET, "/hold", HTTP_INLINE, 0, hold, NULL, NULL},
    {HTTP_METHOD_GET, "/block", HTTP_INLINE, 0, block, NULL, NULL},
    {HTTP_METHOD_GET, "/wait", HTTP_INLINE, 0, wait_long, NULL, NULL},
    {HTTP_METHOD_GET, "/stream", HTTP_INLINE, 0, stream, NULL, NULL},
    {HTTP_METHOD_GET, "/worker-stream", HTTP_WORKER, 0, stream, NULL, NULL},
    {HTTP_METHOD_GET, "/big", HTTP_WORKER, 0, big, NULL, NULL},
    {HTTP_METHOD_PUT, "/upload", HTTP_UPLOAD, 16 << 20, NULL, &upload, NULL},
    {HTTP_METHOD_POST, "/gated", HTTP_INLINE, 100000, echo, NULL, "a bearer"},
    {HTTP_METHOD_PUT, "/gated/upload", HTTP_UPLOAD, 16 << 20, NULL, &upload, "a bearer"},
    FIXTURE_ROUTES};

struct fixture {
    struct work_pool *pool;
    struct http_server *server;
};

static struct fixture fixture_open_loops(struct http_limits limits, unsigned loops)
{
    struct fixture fixture;
    char note[200];
    struct http_options options = {.loops = loops, .routes = routes, .limits = limits};
    options.routes_count = sizeof routes / sizeof *routes;
    assert_int_equal(work_pool_open(2, 16, &fixture.pool), GODWIT_OK);
    options.workers = fixture.pool;
    options.gate = gate;
    gate_open = true;
    stalled = let_on = 0;
    aborted = finished = released = released_gone = refused_hold = 0;
    held = streamed = NULL;
    if (http_open(&options, note, sizeof note, &fixture.server)) fail_msg("%s", note);
    return fixture;
}

static inline struct fixture fixture_open(struct http_limits limits)
{
    return fixture_open_loops(limits, 2);
}

/* Whether input is kept for anybody. */
static inline bool fixture_holds(const struct fixture *fixture)
{
    struct http_stats stats;
    http_stats(fixture->server, &stats);
    return stats.input_held > 8000;
}

static void fixture_close(struct fixture *fixture)
{
    http_close(fixture->server, 2000);
    work_pool_close(fixture->pool);
}

/* --- the peer --- */

static int peer_open_from(const struct fixture *fixture, const char *source)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(http_port(fixture->server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, source, &from.sin_addr);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static inline int peer_open(const struct fixture *fixture)
{
    return peer_open_from(fixture, "127.0.0.1");
}

static void peer_send(int fd, const void *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t sent = send(fd, (const char *)data + at, size - at, MSG_NOSIGNAL);
        if (sent <= 0) return; /* the server may have refused and gone */
        at += (size_t)sent;
    }
}

static void peer_text(int fd, const char *text)
{
    peer_send(fd, text, strlen(text));
}

/* Reads until the text stands there or the end; size read. A peer that hangs fails, late. */
static size_t peer_read(int fd, char *out, size_t size_max, const char *until)
{
    size_t size = 0;
    out[0] = '\0';
    while (size + 1 < size_max) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, 60000) != 1) break;
        ssize_t got = recv(fd, out + size, size_max - size - 1, 0);
        if (got <= 0) break;
        size += (size_t)got;
        out[size] = '\0';
        if (until && strstr(out, until)) break;
    }
    return size;
}

#define PUT "PUT /upload HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\n"
