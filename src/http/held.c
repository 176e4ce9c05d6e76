/* Requests that wait for their reply without anything of ours but their connection.
 *
 * Such an exchange is owed a reply like any other, and whoever has it replies from any thread. All
 * that is new is the other direction: the loop tells the handler once, by release, that waiting is
 * over. The handler alone knows whether a thread of its own has the request by then, so the loop
 * takes nothing away from anybody.
 *
 * Rejected: cancelling by the loop (each handler would then need a lock against the engine's), and
 * a timer of the handler's (the connection's own has nothing else to do while it waits). */
#include <netinet/tcp.h>

#include "http/held.h"

/* A peer that went without a word is noticed after two minutes; a NAT's memory of it lasts. */
#define PROBE_AFTER_S 60
#define PROBE_EACH_S 15
#define PROBES 4

static void conn_probe(struct conn *conn)
{
    static const struct {
        int option, value;
    } rows[] = {{TCP_KEEPINTVL, PROBE_EACH_S}, {TCP_KEEPCNT, PROBES}};
    int fd;
    if (conn->is_probed || uv_tcp_keepalive(&conn->tcp, 1, PROBE_AFTER_S)) return;
    conn->is_probed = true;
    if (uv_fileno((uv_handle_t *)&conn->tcp, &fd)) return;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        (void)!setsockopt(fd, IPPROTO_TCP, rows[i].option, &rows[i].value, sizeof rows[i].value);
}

static void held_link(struct exchange *exchange)
{
    struct loop *loop = exchange->loop;
    exchange->older = loop->held_newest;
    exchange->newer = NULL;
    if (exchange->older)
        exchange->older->newer = exchange;
    else
        loop->held_oldest = exchange;
    loop->held_newest = exchange;
}

void exchange_unhold(struct exchange *exchange)
{
    struct loop *loop = exchange->loop;
    if (!exchange->is_held) return;
    exchange->is_held = false;
    exchange->release = NULL;
    if (exchange->newer)
        exchange->newer->older = exchange->older;
    else
        loop->held_newest = exchange->older;
    if (exchange->older)
        exchange->older->newer = exchange->newer;
    else
        loop->held_oldest = exchange->newer;
    atomic_fetch_sub(&loop->server->held, 1);
}

bool http_hold(struct http_request *request, unsigned hold_ms, http_handler *release)
{
    struct exchange *exchange = (struct exchange *)request;
    struct loop *loop = exchange->loop;
    unsigned max = loop->server->options.limits.connections_max;
    /* An eighth is left for those who come with something to say. */
    if (loop->draining || !exchange->conn || !exchange_is_called(exchange)) return false;
    if (atomic_load(&loop->server->connections) > max - max / 8) return false;
    exchange_give_back(exchange);
    request->user = NULL;
    exchange->hold_ms = hold_ms ? hold_ms : 1;
    exchange->release = release;
    exchange->is_held = true;
    held_link(exchange);
    atomic_fetch_add(&loop->server->held, 1);
    conn_probe(exchange->conn);
    return true;
}

void exchange_let_go(struct exchange *exchange)
{
    struct loop *loop = exchange->loop;
    struct exchange *calling = loop->calling;
    if (!exchange_may_end(exchange)) return;
    http_handler *release = exchange->release;
    exchange_unhold(exchange);
    exchange->release = NULL;
    loop->calling = exchange;
    release(&exchange->request);
    loop->calling = calling;
}

void held_shed(struct loop *loop)
{
    unsigned max = loop->server->options.limits.connections_max;
    struct exchange *oldest = loop->held_oldest;
    if (!oldest || !oldest->conn || atomic_load(&loop->server->connections) < max - max / 16)
        return;
    oldest->keep_alive = false;
    conn_let_go(oldest->conn);
}
