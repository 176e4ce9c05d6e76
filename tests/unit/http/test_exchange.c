/* Requests that outlast a moment: answers that come later, large ones, and uploads. */
#include "case.h"
#include "unit/http/fixture.h"

/* --- handlers that reply later --- */

static void test_held(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){0});
    char reply[1024];
    int fd = peer_open(&fixture);
    held = NULL;
    peer_text(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    while (!held)
        usleep(1000);
    http_reply(held, 200, "text/plain", "later", 5);
    peer_read(fd, reply, sizeof reply, "later");
    assert_non_null(strstr(reply, "200 OK"));
    held = NULL;
    peer_text(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    while (!held)
        usleep(1000);
    close(fd); /* leaves; the request stays ours until it is answered */
    usleep(50000);
    assert_string_equal(held->path, "/hold");
    http_reply(held, 200, "text/plain", "nobody", 6);
    fixture_close(&fixture);
}

static void test_big_reply(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){.arena_max = 8 << 20});
    char *reply = malloc(4000000);
    int fd = peer_open(&fixture);
    peer_text(fd, "GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    usleep(100000); /* the sockets fill up first */
    size_t size = peer_read(fd, reply, 4000000, NULL);
    const char *body = strstr(reply, "\r\n\r\n") + 4;
    assert_int_equal(size - (size_t)(body - reply), 3000000);
    free(reply);
    close(fd);
    fixture_close(&fixture);
}

/* --- uploads --- */

static void test_upload(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){0});
    size_t size = 16 << 20;
    uint8_t *data = malloc(size);
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)((i * 2654435761U) >> 13);
        sum = sum * 31 + data[i];
    }
    struct rusage before, after;
    char reply[1024], wanted[64];
    getrusage(RUSAGE_SELF, &before);
    int fd = peer_open(&fixture);
    peer_text(fd, PUT "Content-Length: 16777216\r\n\r\n");
    peer_send(fd, data, size);
    snprintf(wanted, sizeof wanted, "\r\n\r\n%zu %u", size, sum);
    peer_read(fd, reply, sizeof reply, wanted);
    getrusage(RUSAGE_SELF, &after);
    assert_non_null(strstr(reply, wanted));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* these keep what is freed */
    /* KiB: the window, the threads' first pages and the kernel's rounding; an eighth of the body */
    assert_in_range(after.ru_maxrss - before.ru_maxrss, 0, 2048);
#endif
    free(data);
    close(fd);
    fixture_close(&fixture);
}

static void test_upload_back_pressure(void **state)
{
    (void)state;
    struct fixture fixture = fixture_open((struct http_limits){0});
    static const char block[65536];
    int fd = peer_open(&fixture);
    int small = 65536;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    gate_open = false; /* the worker stands still */
    peer_text(fd, PUT "Content-Length: 16777216\r\n\r\n");
    size_t taken = 0;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (unsigned waits = 0; waits < 20;) { /* on end; each that takes something starts anew */
        ssize_t sent = send(fd, block, sizeof block, MSG_NOSIGNAL);
        if (sent > 0) taken += (size_t)sent, waits = 0;
        if (sent < 0) waits++, usleep(10000);
    }
    assert_in_range(taken, 65536, 8 << 20); /* sockets and window, not the whole */
    close(fd);
    gate_open = true;
    while (!aborted) /* once for certain; when, is the scheduler's */
        usleep(1000);
    assert_int_equal(aborted, 1);
    assert_int_equal(finished, 0);
    fixture_close(&fixture);
}

static void test_upload_refused(void **state)
{
    (void)state;
    static const struct {
        const char *request, *wanted;
        bool aborts;
    } rows[] = {
        {"PUT /upload HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n", "HTTP/1.1 401 ", 0},
        {"PUT /upload HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
         "HTTP/1.1 401 ", 0},
        {PUT "Content-Length: 16777217\r\n\r\n", "HTTP/1.1 413 ", 0},
        {PUT "Content-Length: 3\r\n\r\n!ab", "HTTP/1.1 422 ", 0},
        {PUT "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n", "HTTP/1.1 400 ", 1},
        {PUT "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "HTTP/1.1 201 ", 0},
        {PUT "Content-Length: 0\r\n\r\n", "HTTP/1.1 201 ", 0},
    };
    struct fixture fixture = fixture_open((struct http_limits){0});
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        char reply[1024];
        int fd = peer_open(&fixture);
        aborted = 0;
        peer_text(fd, rows[i].request);
        shutdown(fd, SHUT_WR);
        peer_read(fd, reply, sizeof reply, NULL);
        close(fd);
        if (strncmp(reply, rows[i].wanted, strlen(rows[i].wanted)) != 0)
            fail_msg("%s: %s", rows[i].request, reply);
        while (rows[i].aborts && !aborted) /* a worker's, who may come after the reply */
            usleep(1000);
        assert_int_equal(aborted, rows[i].aborts);
    }
    fixture_close(&fixture);
}

/* The gate answers when the head is there: nobody waits for the body, and no handler sees it. */
static void test_gate(void **state)
{
    (void)state;
    static const struct {
        const char *request, *wanted;
    } rows[] = {
        {"POST /gated HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n", "HTTP/1.1 401 "},
        {"POST /gated HTTP/1.1\r\nHost: h\r\nContent-Length: 999999\r\n\r\n", "HTTP/1.1 401 "},
        {"POST /gated HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 401 "},
        {"PUT /gated/upload HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n", "HTTP/1.1 401 "},
        {"POST /gated HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\nConnection: close\r\n"
         "Content-Length: 3\r\n\r\nabc",
         "HTTP/1.1 200 "},
    };
    struct fixture fixture = fixture_open((struct http_limits){0});
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        char reply[1024];
        int fd = peer_open(&fixture);
        aborted = finished = 0;
        peer_text(fd, rows[i].request);
        peer_read(fd, reply, sizeof reply, NULL);
        if (strncmp(reply, rows[i].wanted, strlen(rows[i].wanted)) != 0)
            fail_msg("%s: %s", rows[i].request, reply);
        assert_int_equal(aborted + finished, 0);
        close(fd);
    }
    char reply[1024]; /* without a body the connection goes on */
    int fd = peer_open(&fixture);
    peer_text(fd, "POST /gated HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
                  "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    peer_read(fd, reply, sizeof reply, "hello");
    assert_non_null(strstr(reply, "HTTP/1.1 401 "));
    assert_non_null(strstr(reply, "HTTP/1.1 200 "));
    close(fd);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_held),           cmocka_unit_test(test_big_reply),
        cmocka_unit_test(test_upload),         cmocka_unit_test(test_upload_back_pressure),
        cmocka_unit_test(test_upload_refused), cmocka_unit_test(test_gate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
