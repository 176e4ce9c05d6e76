/* How many connections one client may have that is known by its token. */
#include "case.h"
#include "unit/http/fixture.h"

#define ASK(token)                                                           \
    "POST /gated HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " token "\r\n" \
    "Content-Length: 2\r\n\r\nhi"

/* One client, known by its token, over many connections: two are all that it may have; another
 * client has its own, also on a connection that was the first one's. */
static void test_identity(void **state)
{
    (void)state;
    static const char *const asks[] = {ASK("t"), ASK("u")};
    static const struct {
        unsigned peer, who;
        const char *wanted;
    } rows[] = {
        {0, 0, "HTTP/1.1 200 "}, {1, 0, "HTTP/1.1 200 "}, {0, 0, "HTTP/1.1 200 "},
        {2, 0, "HTTP/1.1 429 "}, {3, 1, "HTTP/1.1 200 "}, {1, 1, "HTTP/1.1 200 "},
        {4, 0, "HTTP/1.1 200 "}, {5, 1, "HTTP/1.1 429 "},
    };
    identity_max = 2;
    struct fixture fixture = fixture_open((struct http_limits){0});
    int fds[6];
    for (unsigned i = 0; i < 6; i++)
        fds[i] = peer_open(&fixture);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        char reply[2048];
        peer_text(fds[rows[i].peer], asks[rows[i].who]);
        const char *until = rows[i].wanted[9] == '2' ? "\r\n\r\nhi" : NULL;
        peer_read(fds[rows[i].peer], reply, sizeof reply, until);
        assert_memory_equal(reply, rows[i].wanted, strlen(rows[i].wanted));
        if (rows[i].wanted[9] == '4') assert_non_null(strstr(reply, "Retry-After: "));
    }
    close(fds[0]); /* then there is room again */
    for (bool is_let_in = false; !is_let_in;) {
        char reply[2048];
        int fd = peer_open(&fixture);
        peer_text(fd, asks[0]);
        peer_read(fd, reply, sizeof reply, "hi");
        is_let_in = !strncmp(reply, "HTTP/1.1 200 ", 13);
        close(fd);
    }
    for (unsigned i = 1; i < 6; i++)
        close(fds[i]);
    fixture_close(&fixture);
    identity_max = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_identity)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
