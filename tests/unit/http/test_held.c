/* Requests that are held without anything of ours, and every way in which that ends. */
#include "case.h"
#include "unit/http/fixture.h"

static struct http_request *wait_held(const struct fixture *fixture, int fd, const char *query)
{
    char text[200];
    (void)fixture;
    snprintf(text, sizeof text, "GET /wait%s HTTP/1.1\r\nHost: h\r\n\r\n", query);
    peer_text(fd, text);
    while (!held)
        usleep(1000);
    return held;
}

static uint64_t held_now(const struct fixture *fixture)
{
    struct http_stats stats;
    http_stats(fixture->server, &stats);
    return stats.held;
}

static void test_replied(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){.head_ms = 50, .body_ms = 50});
    char reply[1024];
    int fd = peer_open(&fixture);
    for (unsigned i = 0; i < 3; i++) {
        struct http_request *request = wait_held(&fixture, fd, "");
        usleep(100000); /* no deadline of the engine's ends it */
        assert_int_equal(held_now(&fixture), 1);
        assert_string_equal(request->path, "");
        assert_null(http_header(request, "Host"));
        held = NULL;
        http_reply_copy(request, 200, "text/plain", "later", 5);
        peer_read(fd, reply, sizeof reply, "later");
        assert_non_null(strstr(reply, "200 OK"));
    }
    assert_int_equal(released, 0);
    assert_int_equal(held_now(&fixture), 0);
    close(fd);
    fixture_close(&fixture);
}

static void test_time_over(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){0});
    char reply[1024];
    int fd = peer_open(&fixture);
    wait_held(&fixture, fd, "?ms=30");
    peer_read(fd, reply, sizeof reply, "over");
    assert_non_null(strstr(reply, "over"));
    assert_int_equal(released, 1);
    assert_int_equal(released_gone, 0);
    peer_text(fd, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"); /* the connection stays */
    peer_read(fd, reply, sizeof reply, "hello");
    assert_non_null(strstr(reply, "hello"));
    close(fd);
    fixture_close(&fixture);
}

static void test_gone(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){0});
    int fd = peer_open(&fixture);
    wait_held(&fixture, fd, "");
    close(fd);
    while (!released)
        usleep(1000);
    assert_int_equal(released_gone, 1);
    assert_null(held);
    /* One that a thread of its own has already is told of it, and still replied to. */
    fd = peer_open(&fixture);
    struct http_request *request = wait_held(&fixture, fd, "");
    held = NULL;
    close(fd);
    while (released < 2)
        usleep(1000);
    http_reply_copy(request, 200, "text/plain", "nobody", 6);
    fixture_close(&fixture);
    assert_int_equal(released, 2);
}

static void test_drained(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){0});
    char reply[1024];
    int fd = peer_open(&fixture);
    wait_held(&fixture, fd, "");
    fixture_close(&fixture);
    peer_read(fd, reply, sizeof reply, NULL);
    assert_non_null(strstr(reply, "Connection: close"));
    assert_non_null(strstr(reply, "over"));
    close(fd);
}

/* An eighth of the connections is for those who have something to say; when those fill up too, who
 * was held for longest is answered. */
static void test_shed(void **state)
{
    (void)state;
    struct http_limits limits = {.connections_max = 32};
    struct fixture fixture = fixture_open_loops(limits, 1);
    char reply[1024];
    int first = peer_open(&fixture), others[30];
    wait_held(&fixture, first, "");
    for (unsigned i = 0; i < 30; i++) {
        others[i] = peer_open_from(&fixture, i & 1 ? "127.0.0.2" : "127.0.0.3");
        peer_text(others[i], "POST /gated HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\n"
                             "Content-Length: 2\r\n\r\nhi");
        peer_read(others[i], reply, sizeof reply, "hi");
    }
    peer_read(first, reply, sizeof reply, NULL);
    assert_non_null(strstr(reply, "over"));
    assert_non_null(strstr(reply, "Connection: close"));
    peer_text(others[0], "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    peer_read(others[0], reply, sizeof reply, "now");
    assert_int_equal(refused_hold, 1);
    close(first);
    for (unsigned i = 0; i < 30; i++)
        close(others[i]);
    fixture_close(&fixture);
}

/* What follows on the same connection waits its turn. */
static void test_pipelined(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){0});
    char reply[1024];
    int fd = peer_open(&fixture);
    struct http_request *request = wait_held(&fixture, fd, "");
    peer_text(fd, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    usleep(20000);
    held = NULL;
    http_reply_copy(request, 200, "text/plain", "later", 5);
    peer_read(fd, reply, sizeof reply, "hello");
    assert_true(strstr(reply, "later") < strstr(reply, "hello"));
    close(fd);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replied), cmocka_unit_test(test_time_over),
        cmocka_unit_test(test_gone),    cmocka_unit_test(test_drained),
        cmocka_unit_test(test_shed),    cmocka_unit_test(test_pipelined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
