/* Streamed replies: pieces in their order, for many at once, and every way in which they end. */
#include "case.h"
#include "unit/http/fixture.h"

static struct http_request *stream_open(int fd, const char *path, const char *version)
{
    char text[200];
    snprintf(text, sizeof text, "GET %s HTTP/%s\r\nHost: h\r\n\r\n", path, version);
    streamed = NULL;
    peer_text(fd, text);
    while (!streamed)
        usleep(1000);
    return streamed;
}

static void say(struct http_request *request, const char *text)
{
    struct http_piece *piece = http_piece_new(text, strlen(text));
    http_stream_send(request, piece);
    http_piece_drop(piece);
}

static uint64_t streams_now(const struct fixture *fixture)
{
    struct http_stats stats;
    http_stats(fixture->server, &stats);
    return stats.streams;
}

static void stream_ended(const char *path)
{
    struct fixture fixture = fixture_open((struct http_limits){0});
    char reply[4096];
    int fd = peer_open(&fixture);
    struct http_request *request = stream_open(fd, path, "1.1");
    say(request, "second");
    peer_read(fd, reply, sizeof reply, "6\r\nsecond\r\n");
    assert_non_null(strstr(reply, "Transfer-Encoding: chunked\r\n"));
    assert_non_null(strstr(reply, "Cache-Control: no-store\r\n"));
    assert_null(strstr(reply, "Content-Length"));
    assert_non_null(strstr(reply, "\r\n\r\n6\r\nfirst \r\n"));
    peer_read(fd, reply, sizeof reply, "3\r\n:\n\n\r\n"); /* more than once, by itself */
    peer_read(fd, reply, sizeof reply, "3\r\n:\n\n\r\n");
    say(request, "last");
    streamed = NULL;
    http_stream_end(request);
    peer_text(fd, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"); /* the connection stays */
    peer_read(fd, reply, sizeof reply, "hello");
    const char *last = strstr(reply, "4\r\nlast\r\n"), *end = strstr(reply, "0\r\n\r\n");
    assert_true(last && end && last < end && strstr(end, "hello"));
    assert_int_equal(released, 0);
    assert_int_equal(streams_now(&fixture), 0);
    close(fd);
    fixture_close(&fixture);
}

static void test_ended(void **state)
{
    (void)state;
    stream_ended("/stream");
    stream_ended("/worker-stream");
}

static void test_http_1_0(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){0});
    char reply[4096];
    int fd = peer_open(&fixture);
    struct http_request *request = stream_open(fd, "/stream", "1.0");
    streamed = NULL;
    http_stream_end(request);
    peer_read(fd, reply, sizeof reply, NULL);
    assert_null(strstr(reply, "chunked"));
    assert_non_null(strstr(reply, "\r\n\r\nfirst "));
    close(fd);
    fixture_close(&fixture);
}

static void test_head(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){0});
    char reply[4096];
    int fd = peer_open(&fixture);
    peer_text(fd, "HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\nGET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    peer_read(fd, reply, sizeof reply, "hello");
    assert_null(strstr(reply, "first"));
    assert_int_equal(released, 1);
    close(fd);
    fixture_close(&fixture);
}

static void test_gone(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){0});
    int fd = peer_open(&fixture);
    stream_open(fd, "/stream", "1.1");
    close(fd);
    while (!released)
        usleep(1000);
    assert_int_equal(released_gone, 1);
    while (streams_now(&fixture))
        usleep(1000);
    /* One that another thread is still sending to. */
    fd = peer_open(&fixture);
    struct http_request *request = stream_open(fd, "/worker-stream", "1.1");
    streamed = NULL;
    close(fd);
    while (released < 2) {
        say(request, "to nobody");
        usleep(1000);
    }
    say(request, "to nobody");
    http_stream_end(request);
    while (streams_now(&fixture))
        usleep(1000);
    fixture_close(&fixture);
}

/* Who does not read is cut off, and holds no more than its queue and what the kernel takes. */
static void test_slow(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){0});
    static char text[60000];
    memset(text, 'x', sizeof text - 1);
    int slow = peer_open(&fixture), quick = peer_open(&fixture);
    struct http_request *to_slow = stream_open(slow, "/stream", "1.1");
    struct http_request *to_quick = stream_open(quick, "/stream", "1.1");
    streamed = to_slow; /* it is taken out by stream_over */
    char *reply = malloc(80000);
    struct http_piece *piece = http_piece_new(text, sizeof text - 1);
    for (unsigned i = 0; i < 2000 && !released; i++) {
        http_stream_send(to_slow, piece);
        usleep(1000);
    }
    assert_int_equal(released, 1);
    http_stream_send(to_quick, piece);
    say(to_quick, "still there");
    peer_read(quick, reply, 80000, "still there");
    assert_non_null(strstr(reply, "still there"));
    http_piece_drop(piece);
    free(reply);
    streamed = NULL;
    http_stream_end(to_quick);
    close(slow);
    close(quick);
    fixture_close(&fixture);
}

/* The queue holds so many bytes, also of few pieces: five of 60,000 are too many at once. */
static void test_queue(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){0});
    char reply[4096];
    int fd = peer_open(&fixture);
    struct http_request *four = stream_open(fd, "/stream?four", "1.1");
    peer_read(fd, reply, sizeof reply, "data: ");
    assert_int_equal(released, 0);
    int other = peer_open(&fixture);
    peer_text(other, "GET /stream?fiver HTTP/1.1\r\nHost: h\r\n\r\n");
    while (!released)
        usleep(1000);
    struct http_stats stats; /* for its queue, not because it took nothing for so long */
    http_stats(fixture.server, &stats);
    assert_int_equal(stats.refused_limit, 1);
    http_stream_end(four);
    close(other);
    close(fd);
    fixture_close(&fixture);
}

static void test_drained(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){0});
    char reply[4096];
    int fd = peer_open(&fixture);
    stream_open(fd, "/stream", "1.1");
    fixture_close(&fixture);
    peer_read(fd, reply, sizeof reply, NULL);
    assert_non_null(strstr(reply, "0\r\n\r\n"));
    assert_int_equal(released, 1);
    close(fd);
}

static void test_too_many(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){.streams_max = 1});
    char reply[4096];
    int fd = peer_open(&fixture), other = peer_open(&fixture);
    stream_open(fd, "/stream", "1.1");
    peer_text(other, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    peer_read(other, reply, sizeof reply, "busy");
    assert_non_null(strstr(reply, "503 "));
    assert_non_null(strstr(reply, "Retry-After: "));
    close(other);
    close(fd);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ended),   cmocka_unit_test(test_http_1_0),
        cmocka_unit_test(test_head),    cmocka_unit_test(test_gone),
        cmocka_unit_test(test_slow),    cmocka_unit_test(test_queue),
        cmocka_unit_test(test_drained), cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
