/* The hostile side of HTTPS. The engine of src/http was not used for framing: it can not send a
 * wrong length, a broken chunk or a megabyte of headers; its TLS is. */
#include "sim/attack_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 16384u
#define PIECE_SIZE 16384u
#define RATE_TICK_MS 50

/* ---- sockets ---- */

static int listen_on(const char *address, uint16_t port, uint16_t *port_out)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_PASSIVE};
    struct addrinfo *found = NULL;
    struct sockaddr_storage own;
    socklen_t own_size = sizeof own;
    char service[8];
    int yes = 1, fd = -1;
    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(address, service, &hints, &found)) return -1;
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_open = fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) &&
                   !bind(fd, found->ai_addr, found->ai_addrlen) && !listen(fd, 16) &&
                   !getsockname(fd, (struct sockaddr *)&own, &own_size);
    freeaddrinfo(found);
    if (!is_open) {
        if (fd >= 0) close(fd);
        return -1;
    }
    *port_out = ntohs(own.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&own)->sin6_port
                                                : ((struct sockaddr_in *)&own)->sin_port);
    return fd;
}

static void conn_close(struct attack_conn *conn)
{
    if (conn->fd < 0) return;
    close(conn->fd);
    tls_close(&conn->tls);
    bytes_free(&conn->in);
    bytes_free(&conn->request);
    bytes_free(&conn->out);
    *conn = (struct attack_conn){.fd = -1};
}

static void conn_accept(struct attack_listener *listener)
{
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    struct attack_conn *conn = NULL;
    for (size_t i = 0; i < ATTACK_CONNS_MAX && !conn; i++)
        if (listener->conns[i].fd < 0) conn = &listener->conns[i];
    if (!conn) {
        conn = &listener->conns[0];
        conn_close(conn);
    }
    *conn = (struct attack_conn){.fd = fd};
    if (!tls_open(&conn->tls, listener->context)) abort();
    conn->tls.out = &conn->out;
}

/* Whoever comes here was led away from TLS: the first line says what he gave away. */
static void plain_accept(struct attack_listener *listener)
{
    char line[512] = "";
    int fd = accept4(listener->plain_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) return;
    const struct timeval wait = {.tv_sec = 1};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    ssize_t size = recv(fd, line, sizeof line - 1, 0);
    if (size > 0) line[size] = 0;
    listener->overheard(listener->ctx, line);
    close(fd);
}

/* ---- requests ---- */

/* The value of a header in a NUL-terminated head, copied; false: not there. */
static bool header_find(const char *head, const char *name, char *out, size_t out_size)
{
    size_t size = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, size) != 0 || line[2 + size] != ':') continue;
        const char *value = line + 3 + size;
        value += strspn(value, " ");
        snprintf(out, out_size, "%.*s", (int)strcspn(value, "\r"), value);
        return true;
    }
    return false;
}

struct head {
    char method[8], path[200], bearer[200], if_range[100];
    struct attack_request request;
};

static bool head_parse(char *text, struct head *head)
{
    char value[200];
    size_t method = strcspn(text, " "), path = strcspn(text + method + 1, " ?");
    if (method >= sizeof head->method || path >= sizeof head->path) return false;
    memcpy(head->method, text, method);
    memcpy(head->path, text + method + 1, path);
    head->request = (struct attack_request){.method = head->method, .path = head->path};
    if (header_find(text, "Authorization", value, sizeof value) && !strncmp(value, "Bearer ", 7)) {
        memcpy(head->bearer, value + 7, strlen(value + 7) + 1);
        head->request.bearer = head->bearer;
    }
    if (header_find(text, "If-Range", value, sizeof value)) {
        size_t size = strlen(value);
        bool is_quoted = size > 2 && value[0] == '"';
        if (size >= sizeof head->if_range) return false;
        snprintf(head->if_range, sizeof head->if_range, "%.*s", (int)(is_quoted ? size - 2 : size),
                 value + is_quoted);
        head->request.if_range = head->if_range;
    }
    if (header_find(text, "Range", value, sizeof value) && !strncmp(value, "bytes=", 6)) {
        head->request.use_range = true;
        head->request.range_from = (uint32_t)strtoul(value + 6, NULL, 10);
    }
    head->request.body_size = 0;
    if (header_find(text, "Content-Length", value, sizeof value))
        head->request.body_size = strtoul(value, NULL, 10);
    return head->request.body_size <= REQUEST_MAX;
}

static void conn_reply(struct attack_listener *listener, struct attack_conn *conn,
                       const struct head *head)
{
    for (size_t i = 0; i < ATTACK_CONNS_MAX; i++) /* what they still send is the case's no more */
        if (&listener->conns[i] != conn && listener->conns[i].is_answering)
            conn_close(&listener->conns[i]);
    listener->ask(listener->ctx, &head->request, &conn->response);
    const char *slash = strrchr(head->path, '/');
    const char *tag = conn->response.etag ? conn->response.etag : slash + 1;
    snprintf(conn->tag, sizeof conn->tag, "%.78s", tag);
    conn->is_answering = true;
    conn->has_head = false;
    conn->is_chunked = conn->response.has_no_length || conn->response.is_endless;
    if (conn->response.stated_size) conn->is_chunked = false;
    conn->closes = conn->response.stated_size || conn->response.cuts || conn->response.is_endless;
    conn->sent = 0;
    conn->begin_ms = clock_now_ms(&clock_real);
}

/* False: the connection is worth nothing any more. */
static bool conn_look(struct attack_listener *listener, struct attack_conn *conn)
{
    struct head head = {0};
    if (!bytes_reserve(&conn->request, 1)) return false;
    conn->request.data[conn->request.size] = 0;
    char *text = (char *)conn->request.data, *end = strstr(text, "\r\n\r\n");
    if (!end) return conn->request.size < REQUEST_MAX;
    end[2] = 0;
    bool is_sound = head_parse(text, &head);
    end[2] = '\r';
    if (!is_sound) return false;
    size_t head_size = (size_t)(end - text) + 4;
    if (conn->request.size < head_size + head.request.body_size) return true;
    char body[REQUEST_MAX + 1];
    memcpy(body, text + head_size, head.request.body_size);
    body[head.request.body_size] = 0;
    if (head.request.body_size) head.request.body = body;
    bytes_drop(&conn->request, head_size + head.request.body_size);
    conn_reply(listener, conn, &head);
    return true;
}

static bool conn_read(struct attack_listener *listener, struct attack_conn *conn)
{
    uint8_t data[PIECE_SIZE];
    ssize_t got = recv(conn->fd, data, sizeof data, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
    if (got > 0 && !bytes_add(&conn->in, data, (size_t)got)) return false;
    conn->tls.in = conn->in.data;
    conn->tls.in_size = conn->in.size;
    for (;;) {
        size_t size;
        enum tls_state state = tls_read(&conn->tls, data, sizeof data, &size);
        if (state == TLS_DATA && !bytes_add(&conn->request, data, size)) return false;
        if (state == TLS_MORE) break;
        if (state == TLS_ENDED || state == TLS_BROKEN) return false;
    }
    conn->in.size = 0; /* all taken */
    return conn->is_answering || conn_look(listener, conn);
}

/* ---- answers ---- */

static void add_line(struct attack_conn *conn, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_line(struct attack_conn *conn, const char *format, ...)
{
    char line[2048];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (size > 0) (void)!tls_write(&conn->tls, (const uint8_t *)line, (size_t)size);
}

static void send_head(const struct attack_listener *listener, struct attack_conn *conn)
{
    static const char trap[] = "http://127.0.0.1:9/"; /* a case's word for our plain port */
    const struct attack_response *response = &conn->response;
    size_t size = response->stated_size ? response->stated_size : response->body_size;
    add_line(conn, "HTTP/1.1 %d X\r\nContent-Type: application/octet-stream\r\n", response->status);
    for (uint32_t i = 0; i < response->junk_headers; i++)
        add_line(conn, "X-Junk-%u: %01000u\r\n", i, i);
    if (conn->tag[0]) add_line(conn, "ETag: \"%s\"\r\n", conn->tag);
    if (response->retry_after_s) add_line(conn, "Retry-After: %u\r\n", response->retry_after_s);
    if (response->location && !strncmp(response->location, trap, sizeof trap - 1))
        add_line(conn, "Location: http://%s:%u/x\r\n", listener->host, listener->plain_port);
    else if (response->location && !strcmp(response->location, ATTACK_ELSEWHERE))
        add_line(conn, "Location: https://%s:%u%s\r\n", listener->other_host, listener->port,
                 ATTACK_ELSEWHERE_PATH);
    else if (response->location)
        add_line(conn, "Location: %s\r\n", response->location);
    if (response->status == 206 && response->range_total)
        add_line(conn, "Content-Range: bytes %u-%u/%u\r\n", response->range_from,
                 response->range_total - 1, response->range_total);
    else if (response->status == 206)
        add_line(conn, "Content-Range: bytes %u-%u/*\r\n", response->range_from,
                 response->range_from + (uint32_t)response->body_size - 1);
    if (conn->is_chunked)
        add_line(conn, "Transfer-Encoding: chunked\r\n\r\n");
    else
        add_line(conn, "Content-Length: %zu\r\n\r\n", size);
    conn->has_head = true;
}

/* Bytes of the body that may go out now. */
static size_t allowance(const struct attack_conn *conn, uint64_t now_ms)
{
    const struct attack_response *response = &conn->response;
    uint64_t end = response->is_endless && response->body_size ? UINT64_MAX : response->body_size;
    if (response->cuts && response->cut_at < end) end = response->cut_at;
    if (response->stalls && response->stall_at < end) end = response->stall_at;
    if (response->rate && (now_ms - conn->begin_ms) * response->rate / 100000 < end)
        end = (now_ms - conn->begin_ms) * response->rate / 100000;
    uint64_t size = end > conn->sent ? end - conn->sent : 0;
    return size < PIECE_SIZE ? (size_t)size : PIECE_SIZE;
}

static void send_piece(struct attack_conn *conn, size_t size)
{
    const struct attack_response *response = &conn->response;
    uint8_t piece[PIECE_SIZE];
    for (size_t i = 0; i < size; i++)
        piece[i] = response->body[(conn->sent + i) % response->body_size];
    if (conn->is_chunked) add_line(conn, "%zx\r\n", size);
    (void)!tls_write(&conn->tls, piece, size);
    if (conn->is_chunked) add_line(conn, "\r\n");
    conn->sent += size;
}

/* The next of the reply into `out`; false: cut here. */
static bool conn_go_on(const struct attack_listener *listener, struct attack_conn *conn)
{
    const struct attack_response *response = &conn->response;
    if (!response->status) return false;
    if (response->is_silent) return true;
    if (!conn->has_head) send_head(listener, conn);
    size_t size = allowance(conn, clock_now_ms(&clock_real));
    if (size) send_piece(conn, size);
    if (response->cuts && conn->sent >= response->cut_at && conn->sent < response->body_size)
        return conn->out.size > conn->out_sent; /* first out with what is there */
    bool is_over =
        !(response->is_endless && response->body_size) && conn->sent >= response->body_size;
    if (!is_over) return true;
    if (conn->is_chunked) add_line(conn, "0\r\n\r\n");
    conn->is_answering = false;
    return true;
}

static bool conn_write(struct attack_conn *conn)
{
    size_t left = conn->out.size - conn->out_sent;
    ssize_t sent = send(conn->fd, conn->out.data + conn->out_sent, left, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent > 0) conn->out_sent += (size_t)sent;
    if (conn->out_sent < conn->out.size) return true;
    conn->out.size = conn->out_sent = 0;
    return conn->is_answering || !conn->closes;
}

static void conn_step(struct attack_listener *listener, struct attack_conn *conn, short events)
{
    bool is_good = true;
    if (events & (POLLIN | POLLHUP | POLLERR)) is_good = conn_read(listener, conn);
    if (is_good && conn->is_answering && conn->out.size == conn->out_sent)
        is_good = conn_go_on(listener, conn);
    if (is_good && conn->out.size > conn->out_sent) is_good = conn_write(conn);
    if (!is_good) conn_close(conn);
}

/* What to wait for; how long at most is the reply, for one that is paced. */
static int want(const struct attack_conn *conn, struct pollfd *poll_out, int wait_ms)
{
    bool has_more = conn->fd >= 0 && conn->is_answering && !conn->response.is_silent;
    bool is_paced = has_more && conn->has_head && conn->response.rate;
    *poll_out = (struct pollfd){.fd = conn->fd, .events = POLLIN};
    if (conn->out.size > conn->out_sent || (has_more && !is_paced)) poll_out->events |= POLLOUT;
    return is_paced && wait_ms > RATE_TICK_MS ? RATE_TICK_MS : wait_ms;
}

void attack_listener_step(struct attack_listener *listener, int wait_ms)
{
    struct pollfd polls[ATTACK_CONNS_MAX + 2] = {{.fd = listener->fd, .events = POLLIN},
                                                 {.fd = listener->plain_fd, .events = POLLIN}};
    for (size_t i = 0; i < ATTACK_CONNS_MAX; i++)
        wait_ms = want(&listener->conns[i], &polls[i + 2], wait_ms);
    if (poll(polls, ATTACK_CONNS_MAX + 2, wait_ms) < 0) return;
    for (size_t i = 0; i < ATTACK_CONNS_MAX; i++) {
        struct attack_conn *conn = &listener->conns[i];
        bool is_same = conn->fd >= 0 && conn->fd == polls[i + 2].fd;
        if (is_same && (polls[i + 2].revents || conn->is_answering))
            conn_step(listener, conn, polls[i + 2].revents);
    }
    if (polls[0].revents) conn_accept(listener);
    if (polls[1].revents) plain_accept(listener);
}

/* ---- open and close ---- */

bool attack_listener_open(struct attack_listener *listener, const char *address, uint16_t port,
                          const char *certificate, const char *key, char *note, size_t note_size)
{
    listener->fd = listener->plain_fd = -1;
    for (size_t i = 0; i < ATTACK_CONNS_MAX; i++)
        listener->conns[i].fd = -1;
    listener->tickets = tls_tickets_open(&clock_real);
    if (tls_context_open(certificate, key, listener->tickets, note, note_size, &listener->context))
        return false;
    listener->fd = listen_on(address, port, &listener->port);
    listener->plain_fd = listen_on(address, 0, &listener->plain_port);
    if (listener->fd >= 0 && listener->plain_fd >= 0) return true;
    snprintf(note, note_size, "can not listen on %s:%u: %s", address, port, strerror(errno));
    return false;
}

void attack_listener_close(struct attack_listener *listener)
{
    for (size_t i = 0; i < ATTACK_CONNS_MAX; i++)
        conn_close(&listener->conns[i]);
    if (listener->fd >= 0) close(listener->fd);
    if (listener->plain_fd >= 0) close(listener->plain_fd);
    tls_context_close(listener->context);
    tls_tickets_close(listener->tickets);
}
