/* Bodies that are made while they are sent: whole, cut, and for who does not take them. */
#include <signal.h>

#include "case.h"
#include "http/produce.h"

static _Atomic unsigned made, given_back; /* pieces; bodies that were made while sent */

/* ctx points to what is left of the query, a letter for each piece: `s` is "small ", `b` 100,000
 * bytes, `e` the empty one, and `f` fails. The last is the last. */
static godwit_err produce_next(struct http_request *request, void *ctx,
                               struct godwit_span *piece_out)
{
    static const uint8_t many[100000] = {[0 ... 99999] = 'x'};
    const char **left = ctx;
    (void)request;
    made++;
    char letter = *(*left)++;
    if (letter == 'f') return GODWIT_ERR_IO;
    *piece_out = letter == 'b'
                     ? (struct godwit_span){many, sizeof many}
                     : (struct godwit_span){(const uint8_t *)"small ", letter == 's' ? 6 : 0};
    return **left ? GODWIT_OK : GODWIT_ERR_END;
}

static void produce_end(struct http_request *request, void *ctx)
{
    (void)request, (void)ctx;
    given_back++;
}

static void produce(struct http_request *request)
{
    static const struct http_producer producer = {"text/plain", produce_next, produce_end};
    void *left = arena_copy(request->arena, &request->query, sizeof request->query);
    request->authenticated = true;
    http_produce(request, &producer, left);
}

#define FIXTURE_ROUTES                                                  \
    {HTTP_METHOD_GET, "/produce", HTTP_INLINE, 0, produce, NULL, NULL}, \
        {HTTP_METHOD_GET, "/worker-produce", HTTP_WORKER, 0, produce, NULL, NULL},
#include "unit/http/fixture.h"

static struct fixture begin(struct http_limits limits)
{
    made = given_back = 0;
    return fixture_open(limits);
}

static void ask(int fd, const char *method, const char *target, const char *version)
{
    char text[400];
    snprintf(text, sizeof text, "%s %s HTTP/%s\r\nHost: h\r\n\r\n", method, target, version);
    peer_text(fd, text);
}

static void wait_given_back(unsigned count)
{
    while (given_back < count)
        usleep(1000);
    assert_int_equal(given_back, count);
}

static void expect_whole(const char *target)
{
    struct fixture fixture = begin((struct http_limits){0});
    char *reply = malloc(400000);
    int fd = peer_open(&fixture);
    ask(fd, "GET", target, "1.1");
    peer_read(fd, reply, 400000, "0\r\n\r\n");
    assert_non_null(strstr(reply, "Transfer-Encoding: chunked\r\n"));
    assert_null(strstr(reply, "Content-Length"));
    const char *first = strstr(reply, "\r\n\r\n6\r\nsmall \r\n186a0\r\nxxx");
    const char *last = strstr(reply, "xxx\r\n6\r\nsmall \r\n0\r\n\r\n");
    assert_true(first && last && last - first > 100000);
    ask(fd, "GET", "/hello", "1.1"); /* the connection stays */
    peer_read(fd, reply, 400000, "hello");
    assert_non_null(strstr(reply, "hello"));
    wait_given_back(1);
    assert_int_equal(made, 4);
    close(fd);
    free(reply);
    fixture_close(&fixture);
}

static void test_whole(void **state)
{
    (void)state;
    expect_whole("/produce?sbes");
    expect_whole("/worker-produce?sbes");
}

/* The last piece may be empty. */
static void test_empty(void **state)
{
    (void)state;
    struct fixture fixture = begin((struct http_limits){0});
    char reply[4096];
    int fd = peer_open(&fixture);
    ask(fd, "GET", "/produce?e", "1.1");
    peer_read(fd, reply, sizeof reply, "\r\n\r\n0\r\n\r\n");
    assert_non_null(strstr(reply, "\r\n\r\n0\r\n\r\n"));
    close(fd);
    fixture_close(&fixture);
}

/* What fails midway ends the connection, and not the body. */
static void test_fails(void **state)
{
    (void)state;
    struct fixture fixture = begin((struct http_limits){0});
    char reply[4096];
    int fd = peer_open(&fixture);
    ask(fd, "GET", "/produce?sfs", "1.1");
    peer_read(fd, reply, sizeof reply, NULL);
    assert_non_null(strstr(reply, "6\r\nsmall \r\n"));
    assert_null(strstr(reply, "0\r\n\r\n"));
    wait_given_back(1);
    assert_int_equal(made, 2);
    close(fd);
    fixture_close(&fixture);
}

/* Who reads nothing has no more made than the network takes, keeps no worker from others, and is
 * cut off in time. */
static void test_slow(void **state)
{
    (void)state;
    struct fixture fixture = begin((struct http_limits){.write_ms = 2000});
    char target[200] = "/produce?", reply[4096];
    memset(target + 9, 'b', 150);
    int fds[4];
    for (size_t i = 0; i < 4; i++) { /* twice as many as workers */
        fds[i] = peer_open(&fixture);
        ask(fds[i], "GET", target, "1.1");
    }
    int other = peer_open(&fixture);
    peer_text(other, "POST /worker HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok");
    peer_read(other, reply, sizeof reply, "ok");
    assert_non_null(strstr(reply, "\r\n\r\nok"));
    assert_int_equal(given_back, 0);
    wait_given_back(4);
    assert_in_range(made, 4, 4 * 100); /* of 600: the peer's kernel takes some megabytes */
    for (size_t i = 0; i < 4; i++)
        close(fds[i]);
    close(other);
    fixture_close(&fixture);
}

static void test_gone(void **state)
{
    (void)state;
    struct fixture fixture = begin((struct http_limits){0});
    char target[200] = "/worker-produce?", reply[4096];
    memset(target + 16, 'b', 150);
    for (unsigned i = 1; i <= 20; i++) {
        int fd = peer_open(&fixture);
        ask(fd, "GET", target, "1.1");
        if (i % 2) peer_read(fd, reply, sizeof reply, "\r\n\r\n");
        close(fd);
        wait_given_back(i);
    }
    fixture_close(&fixture);
}

/* A server that ends cuts what takes longer than it waits. */
static void test_drained(void **state)
{
    (void)state;
    struct fixture fixture = begin((struct http_limits){0});
    char target[200] = "/produce?", reply[4096];
    memset(target + 9, 'b', 150);
    int fd = peer_open(&fixture);
    ask(fd, "GET", target, "1.1");
    peer_read(fd, reply, sizeof reply, "\r\n\r\n");
    http_close(fixture.server, 100);
    assert_int_equal(given_back, 1);
    work_pool_close(fixture.pool);
    close(fd);
}

static void test_http_1_0(void **state)
{
    (void)state;
    struct fixture fixture = begin((struct http_limits){0});
    char reply[4096];
    int fd = peer_open(&fixture);
    ask(fd, "GET", "/produce?s", "1.0");
    peer_read(fd, reply, sizeof reply, NULL);
    assert_non_null(strstr(reply, " 505 "));
    assert_non_null(strstr(reply, "http-too-old"));
    assert_int_equal(given_back, 1);
    assert_int_equal(made, 0);
    close(fd);
    fixture_close(&fixture);
}

static void test_head(void **state)
{
    (void)state;
    struct fixture fixture = begin((struct http_limits){0});
    char reply[4096];
    int fd = peer_open(&fixture);
    ask(fd, "HEAD", "/produce?s", "1.1");
    ask(fd, "GET", "/hello", "1.1");
    peer_read(fd, reply, sizeof reply, "hello");
    assert_null(strstr(reply, "small"));
    assert_null(strstr(reply, "0\r\n\r\n"));
    assert_int_equal(given_back, 1);
    assert_int_equal(made, 0);
    close(fd);
    fixture_close(&fixture);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as `serve` does */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),    cmocka_unit_test(test_empty),
        cmocka_unit_test(test_fails),    cmocka_unit_test(test_slow),
        cmocka_unit_test(test_gone),     cmocka_unit_test(test_drained),
        cmocka_unit_test(test_http_1_0), cmocka_unit_test(test_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
