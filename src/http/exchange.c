/* One request and its reply: found a route, given to a handler, handed between loop and workers.
 *
 * Who has it: the loop, unless job_running (a worker) or reply_owed and not replied (the handler,
 * wherever it keeps it). Whatever a worker does ends in exchange_post; the loop acts only then. */
#include <stdio.h>
#include <unistd.h>

#include "http/forwarded.h"
#include "http/held.h"
#include "http/produced.h"

#define BODY_IN_ARENA_MAX 2048U

struct exchange *exchange_open(struct conn *conn)
{
    struct loop *loop = conn->loop;
    const struct http_server *server = loop->server;
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange) return NULL;
    arena_init(&exchange->arena, server->options.limits.arena_max);
    exchange->loop = loop;
    exchange->conn = conn;
    exchange->reply.fd = -1;
    memcpy(exchange->peer, conn->peer, sizeof conn->peer);
    exchange->request.arena = &exchange->arena;
    exchange->request.peer = exchange->peer;
    exchange->request.app = server->options.app;
    exchange->request.clock = &server->clock;
    exchange->request.tls = conn->is_tls;
    exchange->request.peer_network = exchange->network;
    memcpy(exchange->network, conn->address, sizeof conn->address);
    exchange->request.authenticated = !server->options.gate;
    exchange->request.path = exchange->request.query = "";
    loop->exchanges++;
    return exchange;
}

static bool upload_is_live(const struct exchange *exchange)
{
    enum upload_state state = exchange->upload.state;
    return state == UPLOAD_BEGINNING || state == UPLOAD_RUNNING;
}

void exchange_release(struct exchange *exchange)
{
    bool waits = exchange->reply_owed && !exchange->replied;
    if (!exchange->over || exchange->job_running || waits || upload_is_live(exchange)) return;
    if (exchange->stream && !stream_close(exchange)) return;
    struct loop *loop = exchange->loop;
    exchange_unhold(exchange);
    if (exchange->produced) produced_end(exchange);
    if (exchange->reply.has_file) close(exchange->reply.fd);
    free(exchange->reply.piece);
    if (!exchange->body_in_arena) bytes_free(&exchange->body);
    bytes_free(&exchange->upload.fill);
    bytes_free(&exchange->upload.work);
    (void)!budget_hold(&loop->server->budget, &exchange->holding, 0, false); /* gives all back */
    arena_deinit(&exchange->arena);
    free(exchange);
    loop->exchanges--;
    loop_check_end(loop);
}

bool exchange_is_called(const struct exchange *exchange)
{
    const struct loop *loop = exchange->loop;
    return pthread_equal(loop->thread, pthread_self()) && loop->calling == exchange;
}

void exchange_queue(struct exchange *exchange, enum exchange_event event)
{
    struct loop *loop = exchange->loop;
    if (!exchange->posted) {
        exchange->next = NULL;
        if (loop->queue_last)
            loop->queue_last->next = exchange;
        else
            loop->queue_first = exchange;
        loop->queue_last = exchange;
    }
    exchange->posted |= event;
    uv_async_send(&loop->wake); /* under the mutex: the loop can not end before */
}

void exchange_post(struct exchange *exchange, enum exchange_event event)
{
    struct loop *loop = exchange->loop;
    if (exchange_is_called(exchange)) {
        exchange->replied = true; /* only replies are posted from the loop itself */
        return;
    }
    pthread_mutex_lock(&loop->mutex);
    exchange_queue(exchange, event);
    pthread_mutex_unlock(&loop->mutex);
}

/* --- workers ------------------------------------------------------------------------------ */

static void job_run(struct work_job *job)
{
    struct exchange *exchange = (struct exchange *)((char *)job - offsetof(struct exchange, job));
    exchange->job_run(exchange);
    exchange_post(exchange, EXCHANGE_JOB_DONE);
}

static void job_prepare(struct exchange *exchange, void (*run)(struct exchange *exchange))
{
    exchange->job.run = job_run;
    exchange->job_run = run;
    exchange->job_running = true;
}

/* The first job of a request: refused when the workers are busy. */
static bool job_begin(struct exchange *exchange, void (*run)(struct exchange *exchange))
{
    job_prepare(exchange, run);
    if (work_pool_submit(exchange->loop->server->options.workers, &exchange->job))
        exchange->job_running = false;
    return exchange->job_running;
}

void exchange_go_on(struct exchange *exchange, void (*run)(struct exchange *exchange))
{
    job_prepare(exchange, run);
    work_pool_resubmit(exchange->loop->server->options.workers, &exchange->job);
}

static void run_handler(struct exchange *exchange)
{
    exchange->route->handle(&exchange->request);
}

static void run_begin(struct exchange *exchange)
{
    exchange->route->upload->begin(&exchange->request);
}

static void run_write(struct exchange *exchange)
{
    struct bytes *work = &exchange->upload.work;
    exchange->route->upload->write(&exchange->request, work->data, work->size);
}

static void run_finish(struct exchange *exchange)
{
    exchange->route->upload->finish(&exchange->request);
}

static void run_abort(struct exchange *exchange)
{
    exchange->route->upload->abort(&exchange->request);
}

/* --- request ------------------------------------------------------------------------------ */

/* Answers before the body: without one the connection goes on, else the caller refuses. */
static int reply_early(struct exchange *exchange, const struct proto_head *head, int status,
                       const char *reason)
{
    reply_refusal(exchange, status, reason);
    return head->body_size ? status : 0;
}

static void request_fill(struct exchange *exchange, const struct proto_head *head)
{
    struct http_request *request = &exchange->request;
    char *query = strchr(head->target, '?'); /* in our own copy of the head */
    if (query) *query++ = '\0';
    request->method = head->method;
    request->path = head->target;
    request->query = query ? query : "";
    request->headers = head->headers;
    request->headers_count = head->headers_count;
    exchange->keep_alive = head->keep_alive;
    exchange->http_1_0 = head->http_1_0;
    exchange->expect_continue = head->expect_continue;
}

/* What the route takes, and what is taken from one who has not authenticated. */
static uint64_t body_max(const struct exchange *exchange)
{
    uint64_t max = exchange->route->body_max;
    unsigned unauthenticated_max = exchange->loop->server->options.limits.unauthenticated_body_max;
    if (!exchange->request.authenticated && max > unauthenticated_max) max = unauthenticated_max;
    return max;
}

/* allow: the methods of the address, for one that it does not take. */
static int reply_no_route(struct exchange *exchange, const struct proto_head *head, int status,
                          const char *allow)
{
    if (status != 405)
        return reply_early(exchange, head, status,
                           status == 404 ? "no-such-address" : "bad-target");
    http_reply_header(&exchange->request, "Allow", allow);
    if (head->method != HTTP_METHOD_OPTIONS || head->body_size)
        return reply_early(exchange, head, status, "wrong-method");
    http_reply(&exchange->request, 204, NULL, NULL, 0);
    return 0;
}

int exchange_head(struct exchange *exchange, const struct proto_head *head)
{
    const struct http_options *options = &exchange->loop->server->options;
    char allow[96];
    int status = 0;
    request_fill(exchange, head);
    if (exchange->conn->is_proxy) forwarded_take(exchange);
    exchange->route = route_find(options->routes, options->routes_count, &exchange->request,
                                 &status, allow, sizeof allow);
    if (!exchange->route) return reply_no_route(exchange, head, status, allow);
    if (options->gate && !options->gate(&exchange->request))
        return head->body_size ? exchange->reply.status : 0;
    if (!conn_identify(exchange->conn, &exchange->request))
        return reply_early(exchange, head, 429, "too-many-connections");
    if (head->body_size != UINT64_MAX && head->body_size > body_max(exchange))
        return reply_early(exchange, head, 413, "body-too-large");
    if (exchange->route->mode != HTTP_UPLOAD) {
        if (head->body_size > BODY_IN_ARENA_MAX) return 0;
        exchange->body.data = arena_alloc(&exchange->arena, head->body_size + 1);
        if (!exchange->body.data) return reply_early(exchange, head, 503, "busy");
        exchange->body_in_arena = true;
        return 0;
    }
    exchange->request.body_size = head->body_size;
    exchange->upload.state = UPLOAD_BEGINNING;
    if (job_begin(exchange, run_begin)) return 0;
    exchange->upload.state = UPLOAD_ENDED;
    return reply_early(exchange, head, 503, "busy");
}

void http_client(struct http_request *request, struct http_client *out)
{
    struct exchange *exchange = (struct exchange *)request;
    const struct conn *conn = exchange->conn;
    *out = (struct http_client){.state = CLIENT_NONE};
    if (!conn || !conn->tls.ssl) return;
    struct http_clients *clients = tls_context_clients(conn->tls.context);
    clients_look(clients, conn->tls.ssl, out);
    if (out->state == CLIENT_NONE || clients == tls_context_clients(conn->loop->tls)) return;
    out->state = CLIENT_STALE;
    exchange->keep_alive = false;
}

/* Counts what is held of the body, and so much more; false when the server has no room for it. */
static bool body_count(struct exchange *exchange, size_t more)
{
    const struct upload *upload = &exchange->upload;
    size_t held = exchange->body.size + upload->fill.size + upload->work.size;
    return budget_hold(&exchange->loop->server->budget, &exchange->holding, held + more,
                       exchange->request.authenticated);
}

int exchange_body(struct exchange *exchange, const uint8_t *data, size_t size)
{
    exchange->received += size;
    if (exchange->received > body_max(exchange)) {
        exchange->refusal_reason = "body-too-large";
        return 413;
    }
    if (exchange->body_in_arena) {
        memcpy(exchange->body.data + exchange->body.size, data, size);
        exchange->body.size += size;
        return 0;
    }
    bool uploads = exchange->route->mode == HTTP_UPLOAD;
    struct bytes *into = uploads ? &exchange->upload.fill : &exchange->body;
    if (body_count(exchange, size) && bytes_add(into, data, size)) return 0;
    exchange->refusal_reason = "busy";
    return 503;
}

static bool body_hand_over(struct exchange *exchange)
{
    struct bytes *body = &exchange->body;
    if (!exchange->body_in_arena && !bytes_reserve(body, 1)) return false;
    body->data[body->size] = '\0';
    exchange->request.body = (struct godwit_span){body->data, body->size};
    exchange->request.body_size = body->size;
    return true;
}

void exchange_complete(struct exchange *exchange)
{
    if (exchange->replied) return;
    if (exchange->route->mode == HTTP_UPLOAD) {
        exchange->upload.body_complete = true;
        exchange_upload_step(exchange);
        return;
    }
    exchange->reply_owed = true;
    bool taken = body_hand_over(exchange);
    if (taken && exchange->route->mode == HTTP_INLINE)
        exchange->route->handle(&exchange->request);
    else if (!taken || !job_begin(exchange, run_handler))
        reply_refusal(exchange, 503, "busy");
}

void exchange_give_back(struct exchange *exchange)
{
    struct http_request *request = &exchange->request;
    size_t size_max = exchange->arena.size_max;
    if (!exchange->body_in_arena) bytes_free(&exchange->body);
    exchange->body = (struct bytes){0};
    (void)!budget_hold(&exchange->loop->server->budget, &exchange->holding, 0, false);
    arena_deinit(&exchange->arena);
    arena_init(&exchange->arena, size_max);
    exchange->reply.headers = NULL;
    exchange->reply.headers_size = 0;
    request->headers = NULL;
    request->headers_count = 0;
    request->path = request->query = "";
    request->body = (struct godwit_span){NULL, 0};
    memset(request->params, 0, sizeof request->params);
    memset(request->param_names, 0, sizeof request->param_names);
}

/* --- upload ------------------------------------------------------------------------------- */

bool exchange_wants_body(const struct exchange *exchange)
{
    if (exchange->replied || exchange->refusal) return false;
    if (!exchange->route || exchange->route->mode != HTTP_UPLOAD) return true;
    return exchange->upload.state == UPLOAD_RUNNING && !exchange->upload.abort_wanted &&
           exchange->upload.fill.size + PLAIN_SIZE <= UPLOAD_FILL_MAX;
}

void exchange_upload_step(struct exchange *exchange)
{
    struct upload *upload = &exchange->upload;
    if (exchange->job_running || !upload_is_live(exchange)) return;
    if (exchange->replied) { /* begin or write refused */
        upload->state = UPLOAD_ENDED;
        return;
    }
    upload->state = UPLOAD_RUNNING;
    if (upload->abort_wanted) {
        upload->state = UPLOAD_ENDED;
        exchange_go_on(exchange, run_abort);
    } else if (upload->fill.size && (upload->fill.size >= UPLOAD_KICK || upload->body_complete)) {
        struct bytes filled = upload->fill;
        upload->fill = upload->work;
        upload->fill.size = 0;
        upload->work = filled;
        (void)!body_count(exchange, 0); /* what was written before is gone */
        exchange_go_on(exchange, run_write);
    } else if (upload->body_complete) {
        upload->state = UPLOAD_ENDED;
        exchange->reply_owed = true;
        exchange_go_on(exchange, run_finish);
    }
}

void exchange_abandon(struct exchange *exchange)
{
    exchange->conn = NULL;
    exchange->over = true;
    exchange->request.is_gone = true;
    exchange_let_go(exchange);
    exchange->upload.abort_wanted = true;
    exchange_upload_step(exchange);
    exchange_release(exchange);
}
