/* One connection's life.
 *
 *   network → raw → [TLS] → plain → proto → exchange → handler → reply → [TLS] → out → network
 *
 * Input is taken only while conn_wants says so; what came too early waits in raw (as received) or
 * plain (decrypted), and reading stops when raw is full, so TCP pushes back. Output is gathered in
 * the loop's one out buffer and sent at the end of each event in one write, a small one at the end
 * of the loop's turn (batch.c); only what the kernel does not take is copied. Each event ends in
 * conn_advance, which alone says the last words, gives input back and sets deadlines: a reply or a
 * refusal in the middle of an event only notes that this is to happen (finishing), because whoever
 * called may still walk the input.
 *
 * Rejected: a callback per state with its own timers (each new state forgot one). */
#include "base/log.h"
#include "http/held.h"

/* --- budget ------------------------------------------------------------------------------- */

/* Tells the budget what is kept of this connection's input; false when there is no room for it. */
static bool input_count(struct conn *conn)
{
    return budget_hold(&conn->loop->server->budget, &conn->holding,
                       conn->raw.size + conn->plain.size, conn->authenticated);
}

/* --- closing ------------------------------------------------------------------------------ */

static void on_closed(uv_handle_t *handle)
{
    struct conn *conn = handle->data;
    if (--conn->handles_open) return;
    struct loop *loop = conn->loop;
    if (conn->next) conn->next->prev = conn->prev;
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        loop->conns = conn->next;
    if (conn->tls.ssl) tls_close(&conn->tls);
    bytes_free(&conn->raw);
    bytes_free(&conn->plain);
    input_count(conn);
    free(conn);
    loop_check_end(loop);
}

void conn_abort(struct conn *conn)
{
    if (conn->batched) batch_send(conn->loop); /* its last words */
    if (conn->phase == PHASE_CLOSING) return;
    conn->phase = PHASE_CLOSING;
    conn->loop->out.size = 0;
    conn_leave(conn);
    turns_drop(&conn->loop->turns, conn);
    if (conn->exchange) exchange_abandon(conn->exchange);
    conn->exchange = NULL;
    uv_close((uv_handle_t *)&conn->tcp, on_closed);
    uv_close((uv_handle_t *)&conn->timer, on_closed);
}

/* --- input -------------------------------------------------------------------------------- */

/* Keeps input that came too early; a server that has no room for it closes. */
static void input_keep(struct conn *conn, struct bytes *where, const uint8_t *data, size_t size)
{
    if (conn->phase == PHASE_CLOSING || conn->finishing) return;
    if (bytes_add(where, data, size) && input_count(conn)) return;
    count(&conn->loop->counters.refused_limit);
    GODWIT_LOG(WARN, "http_input_full", "peer=%s", conn->peer);
    conn_abort(conn);
}

static int on_head(void *ctx, const struct proto_head *head)
{
    struct conn *conn = ctx;
    count(&conn->loop->counters.requests);
    conn->requests++;
    int status = exchange_head(conn->exchange, head);
    if (conn->exchange->request.authenticated) conn_authenticated(conn);
    return status;
}

static int on_body(void *ctx, const uint8_t *data, size_t size)
{
    return exchange_body(((struct conn *)ctx)->exchange, data, size);
}

const struct proto_events conn_events = {on_head, on_body};

static bool conn_wants(const struct conn *conn)
{
    if (conn->phase == PHASE_CLOSING || conn->finishing || conn->lingering) return false;
    if (conn->request_complete || conn->sending || conn->writes_pending) return false;
    return !conn->exchange || exchange_wants_body(conn->exchange);
}

/* "Go on" to a client that asked before it sends its body. */
static void conn_expect(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    if (!exchange || !exchange->expect_continue || !exchange->route) return;
    if (exchange->replied || exchange->refusal || exchange->upload.state == UPLOAD_BEGINNING)
        return;
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    exchange->expect_continue = false;
    conn_write(conn, text, sizeof text - 1);
}

static bool conn_begin_request(struct conn *conn)
{
    if (conn->exchange) return true;
    conn->exchange = exchange_open(conn);
    if (conn->exchange)
        proto_next(&conn->proto, &conn->exchange->arena);
    else
        conn_abort(conn);
    return conn->exchange != NULL;
}

/* Feeds plain bytes while they are wanted; returns how many were taken. */
static size_t conn_take_plain(struct conn *conn, const uint8_t *data, size_t size)
{
    struct loop *loop = conn->loop;
    size_t taken = 0;
    while (taken < size && conn_wants(conn)) {
        size_t slice = size - taken < PLAIN_SIZE ? size - taken : PLAIN_SIZE, used;
        if (!conn_begin_request(conn)) break;
        loop->calling = conn->exchange;
        enum proto_state state = proto_feed(&conn->proto, data + taken, slice, &used);
        taken += used;
        if (state == PROTO_DONE) {
            conn->request_complete = true;
            exchange_complete(conn->exchange);
            if (loop->draining) exchange_let_go(conn->exchange);
            conn_try_reply(conn);
        } else if (state == PROTO_REFUSED) {
            conn_refuse(conn, conn->proto.status, conn->proto.reason);
            taken = size;
        } else {
            exchange_upload_step(conn->exchange);
            conn_expect(conn);
        }
        loop->calling = NULL;
    }
    return taken;
}

/* Decrypts and feeds until the window of network bytes is empty or nothing more is wanted. */
static void conn_take_tls(struct conn *conn)
{
    struct loop *loop = conn->loop;
    while (conn_wants(conn) && !conn->eof) {
        size_t size;
        enum tls_state state = tls_read(&conn->tls, loop->plain, PLAIN_SIZE, &size);
        if (!conn->established && tls_established(&conn->tls)) {
            conn->established = true;
            count(&loop->counters.handshakes);
            if (tls_resumed(&conn->tls)) count(&loop->counters.resumed);
        }
        if (state == TLS_DATA) {
            size_t used = conn_take_plain(conn, loop->plain, size);
            input_keep(conn, &conn->plain, loop->plain + used, size - used);
            if (conn->phase == PHASE_CLOSING || !tls_has_input(&conn->tls)) return;
        } else if (state == TLS_ENDED) {
            conn->eof = true;
        } else if (state == TLS_BROKEN) {
            conn_flush(conn); /* the alert says why */
            conn_abort(conn);
        } else {
            return;
        }
    }
}

/* Who connects and sends nothing costs no TLS. */
static bool conn_open_tls(struct conn *conn)
{
    if (conn->tls.ssl) return true;
    if (!tls_open(&conn->tls, conn->loop->tls)) {
        conn_abort(conn);
        return false;
    }
    conn->tls.out = &conn->loop->out;
    return true;
}

/* Takes network bytes; returns how many. */
static size_t conn_take_raw(struct conn *conn, const uint8_t *data, size_t size)
{
    if (!conn->is_tls) return conn_take_plain(conn, data, size);
    if (!conn_open_tls(conn)) return size;
    conn->tls.in = data;
    conn->tls.in_size = size;
    conn_take_tls(conn);
    if (conn->phase == PHASE_CLOSING) return size;
    size_t left = conn->tls.in_size;
    conn->tls.in_size = 0;
    return size - left;
}

/* Goes on with input that had to wait. */
static void conn_take(struct conn *conn)
{
    if (conn->plain.size) {
        bytes_drop(&conn->plain, conn_take_plain(conn, conn->plain.data, conn->plain.size));
    }
    if (conn->plain.size || !conn_wants(conn)) return;
    if (conn->tls.ssl || conn->raw.size)
        bytes_drop(&conn->raw, conn_take_raw(conn, conn->raw.data, conn->raw.size));
}

/* --- what happens to it ------------------------------------------------------------------- */

void conn_on_written(uv_write_t *request, int status)
{
    struct conn *conn = request->data;
    free(request);
    conn->writes_pending--;
    conn->writes_done++;
    if (conn->phase == PHASE_CLOSING) return;
    if (status < 0) {
        conn_abort(conn);
        return;
    }
    if (!conn->writes_pending) {
        if (conn->sending) conn_send_on(conn);
        conn_take(conn);
    }
    conn_advance(conn);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct conn *conn = handle->data;
    unsigned size = conn->authenticated ? NET_READ_SIZE : NET_READ_SIZE_FIRST;
    if (conn->is_tls && !conn->established) size = NET_READ_SIZE_HANDSHAKE;
    *buffer = uv_buf_init((char *)conn->loop->net, size);
}

static void input_come(struct conn *conn, const uint8_t *data, size_t size)
{
    if (conn->lingering || conn->finishing) {
        conn->linger_bytes += (uint64_t)size;
        if (conn->linger_bytes > LINGER_BYTES) conn_abort(conn);
    } else if (conn->raw.size || conn->plain.size || !conn_wants(conn)) {
        input_keep(conn, &conn->raw, data, size);
    } else if (turn_is_over(conn)) {
        turns_add(&conn->loop->turns, conn);
        input_keep(conn, &conn->raw, data, size);
    } else {
        size_t used = conn_take_raw(conn, data, size);
        input_keep(conn, &conn->raw, data + used, size - used);
    }
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct conn *conn = stream->data;
    if (size == 0 || conn->phase == PHASE_CLOSING) return;
    uint64_t begun_ns = turn_begin(conn);
    if (size < 0) {
        uv_read_stop(stream);
        conn->reading = false;
        conn->eof = true;
        if (size != UV_EOF || conn->lingering) conn_abort(conn);
    } else {
        input_come(conn, (const uint8_t *)buffer->base, (size_t)size);
    }
    conn_advance(conn);
    turn_end(conn->loop, begun_ns);
}

void conn_turn(struct conn *conn)
{
    uint64_t begun_ns = turn_begin(conn);
    conn_take(conn);
    conn_advance(conn);
    turn_end(conn->loop, begun_ns);
}

void conn_event(struct exchange *exchange, unsigned posted)
{
    struct conn *conn = exchange->conn;
    struct loop *loop = exchange->loop;
    if (posted & EXCHANGE_REPLIED) exchange->replied = true;
    if (posted & EXCHANGE_JOB_DONE) exchange->job_running = false;
    exchange_upload_step(exchange);
    if (exchange->replied && exchange->is_held) exchange_unhold(exchange);
    if (!conn) {
        exchange_let_go(exchange); /* begun by a worker when the client had left */
        exchange_release(exchange);
        return;
    }
    bool upload_over = exchange->upload.state == UPLOAD_ENDED && !exchange->job_running;
    if (exchange->refusal && upload_over && !exchange->replied && !exchange->reply_owed) {
        loop->calling = exchange;
        reply_refusal(exchange, exchange->refusal, exchange->refusal_reason);
        loop->calling = NULL;
    }
    conn_expect(conn);
    if (conn->sending)
        conn_send_on(conn);
    else
        conn_try_reply(conn);
    conn_take(conn);
    conn_advance(conn);
}

void conn_drain(struct conn *conn)
{
    if (conn->phase == PHASE_CLOSING) return;
    conn->closing_after = true;
    if (!conn->exchange && !conn->writes_pending) {
        conn->request_complete = true; /* nothing to linger for */
        conn->finishing = true;
    }
    conn_let_go(conn);
}

void conn_let_go(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    if (exchange && exchange_may_end(exchange)) {
        conn->loop->calling = exchange;
        exchange_let_go(exchange);
        conn->loop->calling = NULL;
        if (conn->sending)
            conn_send_on(conn);
        else
            conn_try_reply(conn);
    }
    conn_advance(conn);
}

/* --- deadlines ---------------------------------------------------------------------------- */

static enum conn_phase conn_phase_find(const struct conn *conn)
{
    if (conn->lingering) return PHASE_LINGER;
    if (conn->is_tls && !conn->established) return PHASE_HANDSHAKE;
    if (conn->writes_pending) return PHASE_WRITE;
    if (!conn->exchange) return PHASE_IDLE;
    if (conn->sending && conn->exchange->stream) return PHASE_STREAM;
    if (conn->exchange->is_held) return PHASE_HELD;
    if (!conn_wants(conn)) return PHASE_REPLY;
    return conn->exchange->route ? PHASE_BODY : PHASE_HEAD;
}

static unsigned phase_ms(const struct conn *conn, enum conn_phase phase)
{
    const struct http_limits *limits = &conn->loop->server->options.limits;
    switch (phase) {
    case PHASE_HELD:
        return conn->exchange->hold_ms;
    case PHASE_STREAM:
        return stream_options(conn->exchange->stream)->keep_alive_ms;
    case PHASE_HANDSHAKE:
        return limits->handshake_ms;
    case PHASE_IDLE:
        return limits->idle_ms;
    case PHASE_HEAD:
        return limits->head_ms;
    case PHASE_BODY:
        return limits->body_ms;
    case PHASE_WRITE:
        return limits->write_ms;
    case PHASE_LINGER:
        return LINGER_MS;
    default:
        return 0;
    }
}

/* Says to who listens, and to what is in between, that the stream is alive. */
static void conn_beat(struct conn *conn)
{
    const char *text = stream_options(conn->exchange->stream)->keep_alive;
    struct http_piece *piece = http_piece_new(text, strlen(text));
    if (piece) conn_write_piece(conn, piece);
    conn->beats++;
    conn_advance(conn);
}

static void on_deadline(uv_timer_t *timer)
{
    struct conn *conn = timer->data;
    uint64_t now_ms = uv_now(&conn->loop->uv);
    conn->due_ms = UINT64_MAX;
    if (conn->phase == PHASE_CLOSING || conn->deadline_ms == UINT64_MAX) return;
    if (now_ms < conn->deadline_ms) { /* was moved since */
        conn->due_ms = conn->deadline_ms;
        uv_timer_start(timer, on_deadline, conn->deadline_ms - now_ms, 0);
        return;
    }
    if (conn->phase == PHASE_HELD) {
        conn_let_go(conn);
        return;
    }
    if (conn->phase == PHASE_STREAM) {
        conn_beat(conn);
        return;
    }
    if (conn->phase != PHASE_IDLE) count(&conn->loop->counters.deadlines);
    bool can_reply = conn->phase == PHASE_HEAD || conn->phase == PHASE_BODY;
    if (can_reply && !conn->eof) {
        conn->loop->calling = conn->exchange;
        conn_refuse(conn, 408, "too-slow");
        conn->loop->calling = NULL;
        conn_advance(conn);
    } else {
        conn_abort(conn);
    }
}

void conn_deadline(struct conn *conn)
{
    enum conn_phase phase = conn_phase_find(conn);
    uint64_t progress = conn->writes_done;
    if (phase == PHASE_BODY) progress = conn->exchange->received / BODY_STEP;
    if (phase == PHASE_IDLE) progress = conn->requests;
    if (phase == PHASE_STREAM) progress = conn->beats;
    if (phase == conn->phase && progress == conn->progress) return;
    conn->phase = phase;
    conn->progress = progress;
    uint64_t wait_ms = phase_ms(conn, phase);
    conn->deadline_ms = wait_ms ? uv_now(&conn->loop->uv) + wait_ms : UINT64_MAX;
    if (conn->deadline_ms >= conn->due_ms) return;
    conn->due_ms = conn->deadline_ms;
    uv_timer_start(&conn->timer, on_deadline, wait_ms, 0);
}

static void input_give_back(struct conn *conn)
{
    if (conn->finishing) conn->raw.size = conn->plain.size = 0;
    if (!conn->raw.size) bytes_free(&conn->raw);
    if (!conn->plain.size) bytes_free(&conn->plain);
    (void)!input_count(conn); /* it can only be less now */
}

static bool conn_may_read(const struct conn *conn)
{
    return !conn->eof && !conn->waits_turn && conn->raw.size < PENDING_MAX;
}

/* The end of every event: nobody walks the input any more. */
void conn_advance(struct conn *conn)
{
    if (conn->phase == PHASE_CLOSING) return;
    if (conn->finishing && !conn->writes_pending)
        conn_finish(conn);
    else
        conn_flush(conn);
    input_give_back(conn);
    if (conn->phase == PHASE_CLOSING) return;
    /* Whoever listens or lets us hold its request does not half-close. */
    bool is_left = conn_wants(conn) || (conn->exchange && exchange_may_end(conn->exchange));
    if (conn->eof && is_left) conn_abort(conn);
    if (conn->phase == PHASE_CLOSING) return;
    bool read = conn_may_read(conn);
    if (read && !conn->reading) uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read);
    if (!read && conn->reading) uv_read_stop((uv_stream_t *)&conn->tcp);
    conn->reading = read;
    conn_deadline(conn);
}
