/* A connection's way out: replies, refusals, and the last bytes before it closes. */
#include <stdio.h>

#include "base/log.h"
#include "http/held.h"
#include "http/produced.h"

#define STREAM_KERNEL_BYTES (64 << 10)  /* that the kernel keeps of one stream */
#define UNKNOWN_KERNEL_BYTES (32 << 10) /* … of a large reply to who has not authenticated */

struct pending_write {
    uv_write_t request; /* first: freed by conn_on_written */
    uint8_t data[];
};

/* --- output ------------------------------------------------------------------------------- */

void conn_send(struct conn *conn, const uint8_t *data, size_t size)
{
    size_t sent = 0;
    if (!conn->writes_pending) {
        uv_buf_t whole = uv_buf_init((char *)data, (unsigned)size);
        int taken = uv_try_write((uv_stream_t *)&conn->tcp, &whole, 1);
        if (taken < 0 && taken != UV_EAGAIN) {
            conn_abort(conn);
            return;
        }
        if (taken > 0) sent = (size_t)taken;
    }
    if (sent == size) return;
    struct pending_write *pending = malloc(sizeof *pending + size - sent);
    if (!pending) {
        conn_abort(conn);
        return;
    }
    memcpy(pending->data, data + sent, size - sent);
    pending->request.data = conn;
    uv_buf_t rest = uv_buf_init((char *)pending->data, (unsigned)(size - sent));
    if (uv_write(&pending->request, (uv_stream_t *)&conn->tcp, &rest, 1, conn_on_written)) {
        free(pending);
        conn_abort(conn);
        return;
    }
    conn->writes_pending++;
}

/* Sends what is in the loop's out buffer, or lets it wait for the end of the loop's turn. */
void conn_flush(struct conn *conn)
{
    struct loop *loop = conn->loop;
    batch_look(loop);
    if (!loop->out.size || (conn->phase != PHASE_CLOSING && batch_add(conn))) return;
    if (conn->batched) batch_send(loop);
    if (conn->phase != PHASE_CLOSING) conn_send(conn, loop->out.data, loop->out.size);
    loop->out.size = 0;
}

/* False: the connection is gone. */
bool conn_write(struct conn *conn, const void *data, size_t size)
{
    struct loop *loop = conn->loop;
    bool sound =
        conn->is_tls ? tls_write(&conn->tls, data, size) : bytes_add(&loop->out, data, size);
    if (!sound) conn_abort(conn);
    /* What the network does not take is kept: little for who may be anybody. */
    if (loop->out.size >= (conn->authenticated ? PIECE_SIZE : PLAIN_SIZE)) conn_flush(conn);
    return conn->phase != PHASE_CLOSING;
}

static void on_shut(uv_shutdown_t *request, int status)
{
    (void)status;
    free(request);
}

/* Sends a close notify and closes; with input left unread it reads and drops that for a while
 * first, so that the last reply is not lost to a reset. */
void conn_finish(struct conn *conn)
{
    if (conn->phase == PHASE_CLOSING || conn->lingering) return;
    if (conn->tls.ssl && !conn->notified) tls_close_notify(&conn->tls);
    conn->notified = true;
    conn_flush(conn);
    if (conn->batched) batch_send(conn->loop);
    if (conn->phase == PHASE_CLOSING || conn->writes_pending) return;
    if (conn->request_complete || conn->eof) {
        conn_abort(conn);
        return;
    }
    uv_shutdown_t *shut = malloc(sizeof *shut);
    conn->lingering = true;
    if (!shut || uv_shutdown(shut, (uv_stream_t *)&conn->tcp, on_shut)) {
        free(shut);
        conn_abort(conn);
    }
}

/* --- replying ----------------------------------------------------------------------------- */

static void conn_exchange_over(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    conn->exchange = NULL;
    conn->sending = false;
    exchange->conn = NULL;
    exchange->over = true;
    exchange_release(exchange);
    if (conn->closing_after)
        conn->finishing = true;
    else
        conn->request_complete = false;
}

/* The next piece of a body that is in memory. */
static bool send_memory(struct conn *conn, struct reply *reply)
{
    uint64_t left = reply->size - reply->sent;
    size_t size = left < PLAIN_SIZE ? (size_t)left : PLAIN_SIZE;
    const uint8_t *data = reply->data + reply->sent;
    reply->sent += size;
    return conn_write(conn, data, size);
}

/* False when the connection is gone or a piece has to be read first. */
static bool send_file(struct conn *conn, struct exchange *exchange)
{
    struct reply *reply = &exchange->reply;
    if (reply->file_failed) {
        GODWIT_LOG(ERROR, "http_file_short", "path=%s", exchange->request.path);
        conn_abort(conn);
        return false;
    }
    for (size_t at = 0; at < reply->piece_size; at += PLAIN_SIZE) {
        size_t left = reply->piece_size - at;
        if (!conn_write(conn, reply->piece + at, left < PLAIN_SIZE ? left : PLAIN_SIZE))
            return false;
    }
    reply->sent += reply->piece_size;
    reply->piece_size = 0;
    if (reply->sent == reply->size) return true;
    exchange_read_file(exchange);
    return false;
}

bool conn_write_piece(struct conn *conn, struct http_piece *piece)
{
    struct godwit_span wire = stream_piece(piece, !conn->exchange->http_1_0);
    bool sound = conn_write(conn, wire.data, wire.size);
    http_piece_drop(piece);
    return sound;
}

/* What waits of a stream, as far as the network takes it. */
static void send_stream(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    struct http_piece *piece;
    bool is_head = !reply_has_body(exchange);
    if (is_head) exchange_let_go(exchange);
    while (!is_head && !conn->writes_pending && (piece = stream_take(exchange)))
        if (!conn_write_piece(conn, piece)) return;
    enum stream_state state = stream_look(exchange);
    if (state == STREAM_TOO_SLOW) {
        count(&conn->loop->counters.refused_limit);
        GODWIT_LOG(INFO, "http_stream_slow", "peer=%s", conn->peer);
        conn_abort(conn);
    } else if ((state == STREAM_ENDED || is_head) && !conn->writes_pending) {
        bool in_chunks = !is_head && !exchange->http_1_0;
        if (!in_chunks || conn_write(conn, "0\r\n\r\n", 5)) conn_exchange_over(conn);
    }
}

/* More of a piece, which is one chunk. */
static bool send_piece(struct conn *conn, struct produced *produced)
{
    char head[24];
    size_t left = produced->piece.size - produced->sent;
    size_t size = left < PLAIN_SIZE ? left : PLAIN_SIZE;
    int head_size = snprintf(head, sizeof head, "%zx\r\n", produced->piece.size);
    if (!produced->sent && !conn_write(conn, head, (size_t)head_size)) return false;
    if (!conn_write(conn, produced->piece.data + produced->sent, size)) return false;
    produced->sent += size;
    return produced->sent < produced->piece.size || conn_write(conn, "\r\n", 2);
}

/* What was made, as far as the network takes it; then the next piece is asked for. Without its last
 * chunk a body is not whole. */
static void send_produced(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    struct produced *produced = exchange->produced;
    bool is_head = !reply_has_body(exchange);
    while (!is_head && produced->sent < produced->piece.size && !conn->writes_pending)
        if (!send_piece(conn, produced)) return;
    if (conn->writes_pending) return; /* on_written goes on */
    if (is_head) {
        conn_exchange_over(conn);
    } else if (!produced->at) {
        exchange_produce(exchange);
    } else if (produced->at != GODWIT_ERR_END) {
        GODWIT_LOG(WARN, "http_body_cut", "peer=%s", conn->peer);
        conn_abort(conn);
    } else if (conn_write(conn, "0\r\n\r\n", 5)) {
        conn_exchange_over(conn);
    }
}

void conn_send_on(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    struct reply *reply = &exchange->reply;
    if (exchange->job_running) return;
    if (exchange->stream || exchange->produced) {
        (exchange->stream ? send_stream : send_produced)(conn);
        return;
    }
    while (reply_has_body(exchange) && reply->sent < reply->size) {
        if (conn->writes_pending) return; /* on_written goes on */
        bool more = reply->data ? send_memory(conn, reply) : send_file(conn, exchange);
        if (!more) return;
    }
    if (!conn->writes_pending) conn_exchange_over(conn);
}

/* The head into the loop's buffer, and as much of a body in memory as fits the same record. */
static bool head_build(struct exchange *exchange)
{
    struct loop *loop = exchange->loop;
    struct reply *reply = &exchange->reply;
    loop->head.size = 0;
    if (!reply_head_write(exchange, loop_date(loop), &loop->head)) return false;
    if (!reply->data || !reply_has_body(exchange) || loop->head.size >= PLAIN_SIZE) return true;
    size_t room = PLAIN_SIZE - loop->head.size;
    reply->sent = reply->size < room ? reply->size : room;
    return bytes_add(&loop->head, reply->data, (size_t)reply->sent);
}

/* Else it grows to megabytes for each client that does not read: none is found to be slow, and what
 * nobody reads is encrypted all the same. */
static void kernel_bound(struct conn *conn)
{
    const struct exchange *exchange = conn->exchange;
    int size = STREAM_KERNEL_BYTES;
    if (!conn->authenticated && exchange->reply.size > PLAIN_SIZE)
        size = UNKNOWN_KERNEL_BYTES;
    else if (!exchange->stream && !exchange->produced)
        return;
    (void)uv_send_buffer_size((uv_handle_t *)&conn->tcp, &size);
}

/* Begins to send the reply as soon as there is one and its worker has let go. */
void conn_try_reply(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    struct loop *loop = conn->loop;
    if (!exchange || !exchange->replied || exchange->job_running || conn->sending) return;
    if (!conn->request_complete || loop->draining) exchange->keep_alive = false;
    if (exchange->stream && exchange->http_1_0) exchange->keep_alive = false;
    conn->closing_after = !exchange->keep_alive;
    conn->sending = true;
    if (exchange->request.authenticated) conn_authenticated(conn);
    if (!head_build(exchange)) { /* no memory for a head: only closing tells the client */
        conn_abort(conn);
        return;
    }
    kernel_bound(conn);
    for (size_t at = 0; at < loop->head.size; at += PLAIN_SIZE) {
        size_t left = loop->head.size - at;
        if (!conn_write(conn, loop->head.data + at, left < PLAIN_SIZE ? left : PLAIN_SIZE)) return;
    }
    if (exchange->stream) exchange_give_back(exchange);
    conn_send_on(conn);
}

/* --- refusing ----------------------------------------------------------------------------- */

/* Answers with status as soon as nobody else has the exchange, then closes. */
void conn_refuse(struct conn *conn, int status, const char *reason)
{
    struct exchange *exchange = conn->exchange;
    struct counters *counters = &conn->loop->counters;
    enum upload_state upload = exchange->upload.state;
    count(status == 400 || status >= 500 ? &counters->refused_framing : &counters->refused_limit);
    if (conn->sending || exchange->refusal) return;
    if (!exchange->replied) {
        const char *named = exchange->refusal_reason ? exchange->refusal_reason : reason;
        GODWIT_LOG(INFO, "http_refused", "peer=%s status=%d reason=%s", conn->peer, status, named);
        exchange->refusal = status;
        exchange->refusal_reason = named;
        if (upload == UPLOAD_BEGINNING || upload == UPLOAD_RUNNING) {
            exchange->upload.abort_wanted = true;
            exchange_upload_step(exchange);
            return; /* conn_event answers once the upload is aborted */
        }
        reply_refusal(exchange, status, named);
    }
    conn_try_reply(conn);
}
