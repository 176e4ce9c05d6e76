/* The server: N threads with a libuv loop each. Every loop has its own listening socket on the same
 * port (listener.h), so the kernel spreads connections and no connection ever changes threads.
 *
 * Rejected: one acceptor that hands connections out (a second wake-up for each). */
#include <malloc.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "http/internal.h"

#define LOOPS_MAX 64U
#define WAKE_MAX 256U /* exchanges that go on in one turn */
#define TRIM_EACH_MS 10000U
#define TRIM_AFTER 512U /* connections that have ended */

/* --- one loop ----------------------------------------------------------------------------- */

const char *loop_date(struct loop *loop)
{
    int64_t now_s = clock_unix_s(&loop->server->clock);
    if (now_s == loop->date_s) return loop->date;
    time_t now = (time_t)now_s;
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(loop->date, sizeof loop->date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    loop->date_s = now_s;
    return loop->date;
}

void loop_check_end(struct loop *loop)
{
    if (!loop->draining || loop->ending || loop->conns || loop->exchanges) return;
    loop->ending = true;
    uv_close((uv_handle_t *)&loop->drain, NULL);
    uv_close((uv_handle_t *)&loop->wake, NULL);
    turns_close(loop);
    batch_close(loop);
}

static void on_drain_over(uv_timer_t *timer)
{
    struct loop *loop = timer->data;
    for (struct conn *conn = loop->conns, *next; conn; conn = next) {
        next = conn->next;
        conn_abort(conn);
    }
}

static void loop_drain(struct loop *loop)
{
    loop->draining = true;
    listener_close(&loop->listener);
    uv_timer_start(&loop->drain, on_drain_over, loop->drain_ms, 0);
    for (struct conn *conn = loop->conns, *next; conn; conn = next) {
        next = conn->next;
        conn_drain(conn);
    }
    loop_check_end(loop);
}

static struct exchange *queue_take(struct loop *loop, unsigned *posted_out)
{
    pthread_mutex_lock(&loop->mutex);
    struct exchange *exchange = loop->queue_first;
    if (exchange) {
        loop->queue_first = exchange->next;
        if (!loop->queue_first) loop->queue_last = NULL;
        *posted_out = exchange->posted;
        exchange->posted = 0;
    }
    pthread_mutex_unlock(&loop->mutex);
    return exchange;
}

/* Certificate and key stay as they are: a file of theirs that can not be read just now must not
 * keep a revocation from counting. Without memory for it the loop goes on asking itself to. */
static void clients_take(struct loop *loop, struct http_clients *clients)
{
    bool is_there = !loop->tls || tls_context_clients(loop->tls) == clients;
    struct tls_context *asking = is_there ? NULL : tls_context_asking(loop->tls, clients);
    if (asking) {
        tls_context_close(loop->tls);
        loop->tls = asking;
    }
    if (asking || is_there) {
        http_clients_close(clients);
        return;
    }
    pthread_mutex_lock(&loop->mutex);
    if (loop->clients_next)
        http_clients_close(clients);
    else
        loop->clients_next = clients;
    uv_async_send(&loop->wake);
    pthread_mutex_unlock(&loop->mutex);
}

static void on_wake(uv_async_t *wake)
{
    struct loop *loop = wake->data;
    struct exchange *exchange;
    unsigned posted;
    for (unsigned i = 0; i < WAKE_MAX && (exchange = queue_take(loop, &posted)); i++)
        conn_event(exchange, posted);
    pthread_mutex_lock(&loop->mutex);
    if (loop->queue_first) uv_async_send(wake); /* the sockets have their turn first */
    bool drain = loop->drain_wanted && !loop->draining;
    struct tls_context *next = loop->tls_next;
    struct http_clients *clients = loop->clients_next;
    loop->tls_next = NULL;
    loop->clients_next = NULL;
    pthread_mutex_unlock(&loop->mutex);
    if (next) {
        tls_context_close(loop->tls);
        loop->tls = next;
    }
    if (clients) clients_take(loop, clients);
    if (drain) loop_drain(loop);
}

static void *loop_thread(void *ctx)
{
    struct loop *loop = ctx;
    loop->thread = pthread_self();
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    return NULL;
}

/* --- listening ---------------------------------------------------------------------------- */

static godwit_err server_listen(struct http_server *server, char *note_out, size_t note_size)
{
    const char *where = server->options.address;
    struct sockaddr_storage address = {0};
    if (listener_address(where, server->port, &address)) {
        snprintf(note_out, note_size,
                 "%s is not an IP address; give one such as 127.0.0.1 or ::", where);
        return GODWIT_ERR_FORMAT;
    }
    int failed = listener_probe(&address);
    for (unsigned i = 0; i < server->loops_count && !failed; i++) {
        failed = listener_open(server->loops[i], &address);
        if (failed || server->port) continue;
        server->port = listener_port(&server->loops[i]->listener);
        (void)!listener_address(where, server->port, &address);
    }
    if (!failed) return GODWIT_OK;
    if (failed == UV_EADDRINUSE) {
        snprintf(note_out, note_size,
                 "port %u on %s is in use; stop the other program or choose another port",
                 server->port, where);
        return GODWIT_ERR_BUSY;
    }
    snprintf(note_out, note_size, "can not listen on %s port %u: %s; choose another address", where,
             server->port, uv_strerror(failed));
    return GODWIT_ERR_IO;
}

/* --- server ------------------------------------------------------------------------------- */

static unsigned loops_wanted(unsigned loops)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (!loops) loops = cpus > 0 ? (unsigned)cpus : 1;
    return loops < LOOPS_MAX ? loops : LOOPS_MAX;
}

static struct loop *loop_open(struct http_server *server)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop || uv_loop_init(&loop->uv)) abort();
    loop->server = server;
    loop->date_s = -1;
    pthread_mutex_init(&loop->mutex, NULL);
    uv_async_init(&loop->uv, &loop->wake, on_wake);
    uv_timer_init(&loop->uv, &loop->drain);
    loop->wake.data = loop->drain.data = loop;
    turns_open(loop);
    batch_open(loop);
    return loop;
}

static void loop_free(struct loop *loop)
{
    int left = uv_loop_close(&loop->uv);
    if (left) GODWIT_LOG(ERROR, "http_loop_left", "error=%s", uv_err_name(left));
    tls_context_close(loop->tls);
    tls_context_close(loop->tls_next);
    http_clients_close(loop->clients_next);
    bytes_free(&loop->out);
    bytes_free(&loop->head);
    pthread_mutex_destroy(&loop->mutex);
    free(loop);
}

/* Ends what never ran or has run out. */
static void server_free(struct http_server *server)
{
    for (unsigned i = 0; i < server->loops_count; i++) {
        struct loop *loop = server->loops[i];
        if (!loop->has_thread) {
            loop_drain(loop);
            uv_run(&loop->uv, UV_RUN_DEFAULT);
        }
        loop_free(loop);
    }
    tls_tickets_close(server->tickets);
    http_clients_close(server->options.clients);
    peers_close(server->peers);
    peers_close(server->identities);
    free(server);
}

static struct http_server *server_new(const struct http_options *options)
{
    unsigned loops = loops_wanted(options->loops);
    struct http_server *server = calloc(1, sizeof *server + loops * sizeof *server->loops);
    if (!server) abort();
    server->options = *options;
    http_clients_hold(options->clients);
    if (!options->address) server->options.address = "127.0.0.1";
    limits_open(&server->options.limits);
    const struct http_limits *limits = &server->options.limits;
    server->budget.max = limits->input_max;
    server->proto_limits =
        (struct proto_limits){limits->line_max, limits->head_max, limits->headers_max};
    server->clock = options->clock ? *options->clock : clock_real;
    server->port = options->port;
    server->peers = peers_open();
    server->identities = peers_open();
    server->tickets = tls_tickets_open(&server->clock);
    for (; server->loops_count < loops; server->loops_count++)
        server->loops[server->loops_count] = loop_open(server);
    return server;
}

/* With the other certificate, where there is one. */
static godwit_err context_open(const struct http_server *server, const char *certificate,
                               const char *key, char *note_out, size_t note_size,
                               struct tls_context **context_out)
{
    const struct http_options *options = &server->options;
    godwit_err err =
        tls_context_open(certificate, key, server->tickets, note_out, note_size, context_out);
    if (!err && options->web_certificate)
        err = tls_context_also(*context_out, options->web_certificate, options->web_key,
                               server->tickets, note_out, note_size);
    if (!err && options->clients) tls_context_ask(*context_out, options->clients);
    return err;
}

static godwit_err server_start(struct http_server *server, char *note_out, size_t note_size)
{
    const struct http_options *options = &server->options;
    for (unsigned i = 0; i < server->loops_count && options->certificate; i++) {
        godwit_err err = context_open(server, options->certificate, options->key, note_out,
                                      note_size, &server->loops[i]->tls);
        if (err) return err;
    }
    return server_listen(server, note_out, note_size);
}

godwit_err http_check(const struct http_options *options, char *note_out, size_t note_size)
{
    struct http_server *server = server_new(options);
    godwit_err err = server_start(server, note_out, note_size);
    server_free(server);
    return err;
}

godwit_err http_open(const struct http_options *options, char *note_out, size_t note_size,
                     struct http_server **server_out)
{
    struct http_server *server = server_new(options);
    godwit_err err = server_start(server, note_out, note_size);
    if (err) {
        server_free(server);
        return err;
    }
    for (unsigned i = 0; i < server->loops_count; i++) {
        struct loop *loop = server->loops[i];
        if (pthread_create(&loop->joined, NULL, loop_thread, loop)) {
            snprintf(note_out, note_size, "can not start a thread; raise the limit on threads");
            http_close(server, 0);
            return GODWIT_ERR_IO;
        }
        loop->has_thread = true;
    }
    const struct http_limits *limits = &server->options.limits;
    GODWIT_LOG(INFO, "http_limits", "connections_max=%u unauthenticated_max=%u",
               limits->connections_max, limits->unauthenticated_max);
    *server_out = server;
    return GODWIT_OK;
}

/* One context a loop, all made before the first is handed over. */
godwit_err http_certificate(struct http_server *server, const char *certificate, const char *key,
                            char *note_out, size_t note_size)
{
    struct tls_context *contexts[LOOPS_MAX] = {NULL};
    godwit_err err = GODWIT_OK;
    for (unsigned i = 0; i < server->loops_count && !err; i++)
        err = context_open(server, certificate, key, note_out, note_size, &contexts[i]);
    for (unsigned i = 0; i < server->loops_count; i++) {
        struct loop *loop = server->loops[i];
        struct tls_context *unused = contexts[i];
        if (!err) {
            pthread_mutex_lock(&loop->mutex);
            unused = loop->tls_next;
            loop->tls_next = contexts[i];
            uv_async_send(&loop->wake);
            pthread_mutex_unlock(&loop->mutex);
        }
        tls_context_close(unused);
    }
    return err;
}

void http_clients_change(struct http_server *server, struct http_clients *clients)
{
    http_clients_hold(clients);
    http_clients_close(server->options.clients);
    server->options.clients = clients; /* for the next http_certificate */
    for (unsigned i = 0; i < server->loops_count; i++) {
        struct loop *loop = server->loops[i];
        pthread_mutex_lock(&loop->mutex);
        http_clients_close(loop->clients_next);
        loop->clients_next = http_clients_hold(clients);
        uv_async_send(&loop->wake);
        pthread_mutex_unlock(&loop->mutex);
    }
}

uint16_t http_port(const struct http_server *server)
{
    return server->port;
}

void http_close(struct http_server *server, unsigned drain_ms)
{
    if (!server) return;
    for (unsigned i = 0; i < server->loops_count; i++) {
        struct loop *loop = server->loops[i];
        pthread_mutex_lock(&loop->mutex);
        loop->drain_wanted = true;
        loop->drain_ms = drain_ms;
        uv_async_send(&loop->wake);
        pthread_mutex_unlock(&loop->mutex);
    }
    for (unsigned i = 0; i < server->loops_count; i++)
        if (server->loops[i]->has_thread) pthread_join(server->loops[i]->joined, NULL);
    server_free(server);
}

/* Connections are what a flood leaves behind, each with its TLS, its buffers and a request's arena;
 * freed in the order of their ends, they hold pages that the allocator keeps. */
void http_tick(struct http_server *server)
{
    struct http_stats stats;
    http_stats(server, &stats);
    uint64_t now_ms = clock_now_ms(&clock_real),
             closed = stats.connections - stats.connections_open;
    if (now_ms - server->trimmed_ms < TRIM_EACH_MS) return;
    if (closed - server->trimmed_closed < TRIM_AFTER) return;
    server->trimmed_ms = now_ms;
    server->trimmed_closed = closed;
    malloc_trim(0);
}

void http_stats(const struct http_server *server, struct http_stats *stats_out)
{
    *stats_out = (struct http_stats){.connections_open = atomic_load(&server->connections),
                                     .held = atomic_load(&server->held),
                                     .streams = atomic_load(&server->streams),
                                     .input_held = atomic_load(&server->budget.used)};
    for (unsigned i = 0; i < server->loops_count; i++) {
        const struct counters *counters = &server->loops[i]->counters;
        stats_out->connections += counters->connections;
        stats_out->requests += counters->requests;
        stats_out->refused_limit += counters->refused_limit;
        stats_out->displaced += counters->displaced;
        stats_out->refused_framing += counters->refused_framing;
        stats_out->handshakes += counters->handshakes;
        stats_out->resumed += counters->resumed;
        stats_out->deadlines += counters->deadlines;
    }
}
