/* Connections over real sockets: framing, pipelining, deadlines, limits, endings. curl as the
 * peer is in test_tls.c. */
#include "case.h"
#include "unit/http/fixture.h"
#include "unit/http/framing_rows.h"

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

/* So many were accepted and none is left, however long a busy machine takes; one that never comes
 * ends with the test's own time limit. */
static struct http_stats wait_for_none(const struct fixture *fixture, uint64_t accepted)
{
    struct http_stats stats = {0};
    while (stats.connections < accepted) {
        http_stats(fixture->server, &stats);
        usleep(1000);
    }
    do {
        usleep(1000);
        http_stats(fixture->server, &stats);
    } while (stats.connections_open);
    return stats;
}

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

/* --- who may be connected --- */

#define AUTHENTICATED \
    "POST /gated HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\nContent-Length: 5\r\n\r\nhello"
#define UNAUTHENTICATED "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"

/* Answered or closed: either is definite, however late it comes. */
static bool peer_is_served(int fd, const char *request)
{
    char reply[1024];
    peer_text(fd, request);
    peer_read(fd, reply, sizeof reply, "hello");
    return strstr(reply, "hello") != NULL;
}

static bool peer_is_closed(int fd)
{
    char byte;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    return poll(&ready, 1, 60000) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

/* Where all have authenticated, nobody leaves for a newcomer. */
static void test_connections_max(void **state)
{
    (void)state;
    struct fixture fixture =
        fixture_open((struct http_limits){.connections_max = 3, .address_max = 4});
    for (unsigned round = 0; round < 2; round++) { /* there is room again */
        int fds[6];
        for (unsigned i = 0; i < 6; i++) {
            CASE(i);
            fds[i] = peer_open(&fixture);
            assert_int_equal(peer_is_served(fds[i], AUTHENTICATED), i < 3);
        }
        for (unsigned i = 0; i < 6; i++)
            close(fds[i]);
        wait_for_none(&fixture, 0); /* each was answered or refused */
    }
    fixture_close(&fixture);
}

/* What one address has authenticated beyond its number leaves like the unauthenticated. */
static void test_address_max(void **state)
{
    (void)state;
    static const struct http_limits few = {.connections_max = 40,
                                           .unauthenticated_max = 8,
                                           .address_unauthenticated_max = 4,
                                           .address_max = 3};
    struct fixture fixture = fixture_open_loops(few, 1);
    int fds[5], idle[4];
    for (unsigned i = 0; i < 5; i++) {
        fds[i] = peer_open(&fixture);
        assert_true(peer_is_served(fds[i], AUTHENTICATED));
    }
    for (unsigned i = 0; i < 4; i++) {
        idle[i] = peer_open(&fixture);
        assert_true(peer_is_served(idle[i], UNAUTHENTICATED));
    }
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(peer_is_served(fds[i], AUTHENTICATED), i < 3);
        close(fds[i]);
    }
    for (unsigned i = 0; i < 4; i++)
        close(idle[i]);
    fixture_close(&fixture);
}

/* Who has many addresses' worth of connections leaves first, not who came first. */
static void test_crowding_address(void **state)
{
    (void)state;
    static const struct http_limits few = {
        .connections_max = 40, .unauthenticated_max = 8, .address_unauthenticated_max = 4};
    struct fixture fixture = fixture_open_loops(few, 1);
    int first = peer_open_from(&fixture, "127.0.0.1"), crowd[7];
    assert_true(peer_is_served(first, UNAUTHENTICATED));
    for (unsigned i = 0; i < 7; i++) {
        CASE(i);
        crowd[i] = peer_open_from(&fixture, i < 4 ? "127.0.0.2" : "127.0.0.3");
        assert_true(peer_is_served(crowd[i], UNAUTHENTICATED));
    }
    int newcomer = peer_open_from(&fixture, "127.0.0.4");
    assert_true(peer_is_served(newcomer, UNAUTHENTICATED));
    assert_true(peer_is_served(first, UNAUTHENTICATED));
    assert_true(peer_is_closed(crowd[0]));
    for (unsigned i = 0; i < 7; i++)
        close(crowd[i]);
    close(first);
    close(newcomer);
    fixture_close(&fixture);
}

/* Whoever has been unauthenticated for longest leaves for the next; who has authenticated, or waits
 * for a reply, stays. */
static void test_displaced(void **state)
{
    (void)state;
    static const struct http_limits few[] = {
        {.connections_max = 40, .unauthenticated_max = 8, .address_unauthenticated_max = 4},
        {.connections_max = 5, .unauthenticated_max = 2, .address_max = 5}};
    for (size_t i = 0; i < 2; i++) {
        struct fixture fixture = fixture_open_loops(few[i], 1);
        unsigned room = i == 0 ? 4 : 1;
        int known = peer_open(&fixture), idle[12];
        assert_true(peer_is_served(known, AUTHENTICATED));
        int waits = peer_open(&fixture);
        held = NULL;
        if (i == 0) peer_text(waits, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
        while (i == 0 && !held)
            usleep(1000);
        for (unsigned at = 0; at < 12; at++) {
            CASE(at);
            idle[at] = peer_open(&fixture);
            assert_true(peer_is_served(idle[at], UNAUTHENTICATED));
        }
        room -= i == 0; /* the one that waits has a place too */
        for (unsigned at = 0; at < 12; at++) {
            CASE(at);
            assert_int_equal(peer_is_served(idle[at], UNAUTHENTICATED), at >= 12 - room);
        }
        assert_true(peer_is_served(known, AUTHENTICATED));
        struct http_stats stats;
        http_stats(fixture.server, &stats);
        assert_int_equal(stats.displaced, i == 0 ? 9 : 12);
        if (i == 0) {
            http_reply(held, 200, "text/plain", "hello", 5);
            assert_true(peer_is_served(waits, ""));
        } else {
            assert_true(peer_is_closed(waits));
        }
        for (unsigned at = 0; at < 12; at++)
            close(idle[at]);
        close(known);
        close(waits);
        fixture_close(&fixture);
    }
}

/* The bodies of all share one budget, and those who have not authenticated a quarter of it. */
static void test_input_budget(void **state)
{
    (void)state;
    static const char body[12000];
    struct fixture fixture = fixture_open_loops((struct http_limits){.input_max = 64000}, 1);
    char reply[2048];
    int holds = peer_open(&fixture), refused = peer_open(&fixture), known = peer_open(&fixture);
    peer_text(holds, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 12001\r\n\r\n");
    peer_send(holds, body, sizeof body);
    while (!fixture_holds(&fixture))
        usleep(1000);
    peer_text(refused, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 12000\r\n\r\n");
    peer_send(refused, body, sizeof body);
    peer_read(refused, reply, sizeof reply, NULL);
    assert_non_null(strstr(reply, "HTTP/1.1 503 "));
    assert_non_null(strstr(reply, "Retry-After: "));
    peer_text(known, "POST /gated HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\n"
                     "Content-Length: 12000\r\n\r\n");
    peer_send(known, body, sizeof body);
    peer_read(known, reply, sizeof reply, "\r\n\r\n");
    assert_non_null(strstr(reply, "HTTP/1.1 200 "));
    close(holds); /* gives its part back */
    close(refused);
    close(known);
    wait_for_none(&fixture, 3);
    int again = peer_open(&fixture);
    peer_text(again, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 12000\r\n\r\n");
    peer_send(again, body, sizeof body);
    peer_read(again, reply, sizeof reply, "\r\n\r\n");
    assert_non_null(strstr(reply, "HTTP/1.1 200 "));
    close(again);
    fixture_close(&fixture);
}

/* A body that one who has not authenticated may not send, whatever the route takes. */
static void test_unauthenticated_body(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n",
        "PUT /upload HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n"};
    struct fixture fixture = fixture_open((struct http_limits){0});
    for (size_t i = 0; i < 2; i++) {
        char reply[2048];
        int fd = peer_open(&fixture);
        peer_text(fd, heads[i]);
        peer_read(fd, reply, sizeof reply, NULL);
        assert_non_null(strstr(reply, "HTTP/1.1 413 "));
        assert_non_null(strstr(reply, "X-Content-Type-Options: nosniff\r\n"));
        close(fd);
    }
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
        cmocka_unit_test(test_framing),
        cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_refused_behind),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_connections_max),
        cmocka_unit_test(test_address_max),
        cmocka_unit_test(test_crowding_address),
        cmocka_unit_test(test_displaced),
        cmocka_unit_test(test_input_budget),
        cmocka_unit_test(test_unauthenticated_body),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_busy_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
