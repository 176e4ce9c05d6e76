/* Connections over real sockets: framing, pipelining, deadlines, limits, endings. curl as the
 * peer is in test_tls.c. */
#include "case.h"
#include "unit/http/fixture.h"
#include "unit/http/framing_rows.h"
#include "unit/http/served.h"

static const struct http_limits quick = {.head_ms = 300,
                                         .body_ms = 300,
                                         .write_ms = 300,
                                         .idle_ms = 300,
                                         .connections_max = 40,
                                         .address_max = 4,
                                         .arena_max = 8 << 20};

static unsigned occurrences(const char *text, const char *part)
{
    unsigned count = 0;
    while ((text = strstr(text, part))) {
        count++;
        text += strlen(part);
    }
    return count;
}

/* --- framing --- */

static void row_play(const struct fixture *fixture, const struct framing_row *row, size_t piece)
{
    char reply[8192];
    int fd = peer_open(fixture);
    for (size_t at = 0; at < row->size; at += piece)
        peer_send(fd, row->data + at, row->size - at < piece ? row->size - at : piece);
    shutdown(fd, SHUT_WR);
    peer_read(fd, reply, sizeof reply, NULL); /* to the end: the server closes */
    close(fd);
    char wanted[40];
    snprintf(wanted, sizeof wanted, "HTTP/1.1 %d ", row->status ? row->status : 200);
    unsigned good = occurrences(reply, "HTTP/1.1 200 "), all = occurrences(reply, "\r\nDate: ");
    bool sound = good == row->requests && all == row->requests + (row->status != 0);
    if (row->status) sound = sound && strstr(reply, wanted) && strstr(reply, "problem+json");
    if (!sound) fail_msg("%s: %s", row->name, reply);
}

static void test_framing(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){0});
    for (size_t i = 0; i < framing_rows_count; i++) {
        CASE(i);
        row_play(&fixture, &framing_rows[i], 4096);
        row_play(&fixture, &framing_rows[i], 7);
    }
    fixture_close(&fixture);
}

static void test_pipeline(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){0});
    char request[200], reply[65536], *all = calloc(1, 100 * 200);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(request, sizeof request,
                 "POST /%s HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n%04u",
                 i % 2 ? "echo" : "worker", i);
        memcpy(all + strlen(all), request, strlen(request));
    }
    int fd = peer_open(&fixture);
    peer_text(fd, all);
    peer_read(fd, reply, sizeof reply, "\r\n\r\n0099");
    char *at = reply;
    for (unsigned i = 0; i < 100; i++) {
        CASE(i);
        /* in order, whoever answered them */
        snprintf(request, sizeof request, "\r\n\r\n%04u", i);
        at = strstr(at, request);
        assert_non_null(at);
    }
    assert_int_equal(occurrences(reply, "HTTP/1.1 200 OK"), 100);
    close(fd);
    free(all);
    fixture_close(&fixture);
}

/* A request that is refused behind one that a worker, or the test itself, has: the refusal comes
 * out of the walk through what was kept, and must not take that away. */
static void test_refused_behind(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
    } rows[] = {
        {"POST /worker HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", "NONSENSE\r\n\r\n"},
        {"POST /worker HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
         "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999\r\n\r\n"},
        {"POST /worker HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
         "POST /gated HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n"},
        {"GET /big HTTP/1.1\r\nHost: h\r\n\r\n", "BREW / HTTP/1.1\r\n\r\n"},
        {PUT "Content-Length: 1\r\n\r\nx", "GET /none HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"},
    };
    struct fixture fixture = fixture_open((struct http_limits){.arena_max = 8 << 20});
    char rest[6000], *reply = malloc(4000000);
    memset(rest, 'y', sizeof rest);
    for (unsigned i = 0; i < 5 * sizeof rows / sizeof *rows; i++) {
        CASE(i);
        size_t row = i % (sizeof rows / sizeof *rows), size = strlen(rows[row].first);
        char all[8192];
        memcpy(all, rows[row].first, size);
        memcpy(all + size, rows[row].second, strlen(rows[row].second));
        size += strlen(rows[row].second);
        memcpy(all + size, rest, sizeof rest); /* in one piece, so that it waits behind the first */
        int fd = peer_open(&fixture);
        peer_send(fd, all, size + sizeof rest);
        peer_read(fd, reply, 4000000, NULL);
        if (occurrences(reply, "HTTP/1.1 2") != 1 || occurrences(reply, "HTTP/1.1 4") != 1)
            fail_msg("%s: %.300s", rows[row].second, reply);
        close(fd);
    }
    free(reply);
    fixture_close(&fixture);
}

static void test_errors(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){0});
    char reply[4096];
    int fd = peer_open(&fixture);
    peer_text(fd, "GET /none HTTP/1.1\r\nHost: h\r\n\r\n");
    peer_read(fd, reply, sizeof reply, "path.\"}");
    assert_non_null(strstr(reply, "HTTP/1.1 404 Not Found\r\n"));
    assert_null(strstr(reply, "Connection: close"));
    peer_text(fd, "DELETE /hello HTTP/1.1\r\nHost: h\r\n\r\n"); /* the connection goes on */
    peer_read(fd, reply, sizeof reply, "takes.\"}");
    assert_non_null(strstr(reply, "HTTP/1.1 405 Method Not Allowed\r\n"));
    assert_non_null(strstr(reply, "\r\nAllow: GET, HEAD\r\n"));
    peer_text(fd, "HEAD /hello HTTP/1.1\r\nHost: h\r\n\r\nGET /hello HTTP/1.0\r\n\r\n");
    peer_read(fd, reply, sizeof reply, NULL); /* 1.0 closes */
    assert_int_equal(occurrences(reply, "Content-Length: 5\r\n"), 2);
    assert_int_equal(occurrences(reply, "hello"), 1);
    close(fd);
    fd = peer_open(&fixture);
    peer_text(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n\r\n");
    peer_read(fd, reply, sizeof reply, NULL);
    assert_non_null(strstr(reply, "HTTP/1.1 413 Content Too Large\r\n"));
    assert_non_null(strstr(reply, "Connection: close\r\n"));
    close(fd);
    fd = peer_open(&fixture); /* no length tells beforehand that it is too much */
    char *chunk = malloc(100001);
    memset(chunk, 'x', 100001);
    peer_text(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n186A1\r\n");
    peer_send(fd, chunk, 100001);
    peer_read(fd, reply, sizeof reply, NULL);
    assert_non_null(strstr(reply, "HTTP/1.1 413 Content Too Large\r\n"));
    assert_non_null(strstr(reply, "body-too-large"));
    free(chunk);
    close(fd);
    fixture_close(&fixture);
}

/* --- deadlines --- */

static void test_deadlines(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *wanted; /* NULL: closed without a word */
    } rows[] = {
        {"", NULL},
        {"GET /hello HTTP/1.1\r\nHo", "HTTP/1.1 408 "},
        {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc", "HTTP/1.1 408 "},
        {PUT "Content-Length: 9\r\n\r\nabc", "HTTP/1.1 408 "},
        {"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 "},
    };
    struct fixture fixture = fixture_open(quick);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        char reply[1024];
        int fd = peer_open(&fixture);
        peer_text(fd, rows[i].text);
        size_t size = peer_read(fd, reply, sizeof reply, NULL);
        char extra;
        assert_int_equal(recv(fd, &extra, 1, MSG_DONTWAIT), 0); /* closed, not given up by us */
        if (rows[i].wanted)
            assert_memory_equal(reply, rows[i].wanted, strlen(rows[i].wanted));
        else
            assert_int_equal(size, 0);
        close(fd);
    }
    int fd = peer_open(&fixture); /* asks, but never reads */
    int small = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (unsigned i = 0; i < 8; i++)
        peer_text(fd, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    struct http_stats stats = wait_for_none(&fixture, sizeof rows / sizeof *rows + 1);
    assert_int_equal(stats.deadlines, 4);
    close(fd);
    fixture_close(&fixture);
}

static void *reply_later(void *ctx)
{
    usleep(200000);
    http_reply(ctx, 200, "text/plain", "at last", 7);
    return NULL;
}

static void test_drain(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){0});
    int idle = peer_open(&fixture), busy = peer_open(&fixture);
    held = NULL;
    peer_text(busy, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    while (!held)
        usleep(1000);
    pthread_t later;
    pthread_create(&later, NULL, reply_later, held);
    http_close(fixture.server, 5000);
    pthread_join(later, NULL);
    char reply[1024];
    peer_read(busy, reply, sizeof reply, NULL);
    assert_non_null(strstr(reply, "at last"));
    assert_non_null(strstr(reply, "Connection: close\r\n"));
    assert_false(peer_is_served(idle, UNAUTHENTICATED));
    close(idle);
    close(busy);
    work_pool_close(fixture.pool);
}

static void test_busy_port(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){0});
    struct http_options options = {.port = http_port(fixture.server), .workers = fixture.pool};
    struct http_server *second;
    char note[200];
    assert_int_equal(http_open(&options, note, sizeof note, &second), GODWIT_ERR_BUSY);
    assert_non_null(strstr(note, "is in use"));
    options.address = "nowhere";
    assert_int_equal(http_open(&options, note, sizeof note, &second), GODWIT_ERR_FORMAT);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_framing),        cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_refused_behind), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_deadlines),      cmocka_unit_test(test_drain),
        cmocka_unit_test(test_busy_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
