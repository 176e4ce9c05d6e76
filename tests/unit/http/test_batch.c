/* Replies of one turn of the loop that leave together: each its own, each in its order, whole
 * before a close, and whatever becomes of the others. */
#include "unit/http/fixture.h"

#define PEERS 40
#define ROUNDS 600u
#define STALL "GET /stall HTTP/1.1\r\nHost: h\r\n\r\n"

static void peer_stall(int fd, unsigned number)
{
    peer_text(fd, STALL);
    while (stalled < number)
        usleep(1000);
}

/* One loop, and peers whose requests lie before it while it does not look. */
static void peers_open(struct fixture *fixture, int *fds, const char *header)
{
    *fixture = fixture_open_loops((struct http_limits){.unauthenticated_max = 1000}, 1);
    for (int i = 0; i <= PEERS; i++)
        fds[i] = peer_open(fixture);
    peer_stall(fds[PEERS], 1);
    for (int i = 0; i < PEERS; i++) {
        char text[400];
        snprintf(text, sizeof text,
                 "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\npeer%03d-a"
                 "POST /echo HTTP/1.1\r\nHost: h\r\n%sContent-Length: 9\r\n\r\npeer%03d-b",
                 i, header, i);
        peer_text(fds[i], text);
    }
}

static void peer_check(int fd, int number)
{
    char reply[2048], first[24], second[24];
    snprintf(first, sizeof first, "peer%03d-a", number);
    snprintf(second, sizeof second, "peer%03d-b", number);
    peer_read(fd, reply, sizeof reply, second);
    const char *found = strstr(reply, first);
    assert_non_null(found);
    assert_non_null(strstr(found, second));
    int bodies = 0;
    for (const char *at = reply; (at = strstr(at, "\r\n\r\npeer")); at++)
        bodies++;
    assert_int_equal(bodies, 2); /* nobody else's */
}

static void test_together(void **state)
{
    (void)state;
    struct fixture fixture;
    int fds[PEERS + 1];
    peers_open(&fixture, fds, "");
    let_on = 1;
    for (int i = 0; i < PEERS; i++)
        peer_check(fds[i], i);
    for (int i = 0; i <= PEERS; i++)
        close(fds[i]);
    fixture_close(&fixture);
}

static void test_whole_before_close(void **state)
{
    (void)state;
    struct fixture fixture;
    int fds[PEERS + 1];
    char rest[64];
    peers_open(&fixture, fds, "Connection: close\r\n");
    let_on = 1;
    for (int i = 0; i < PEERS; i++) {
        peer_check(fds[i], i);
        assert_int_equal(peer_read(fds[i], rest, sizeof rest, NULL), 0);
    }
    for (int i = 0; i <= PEERS; i++)
        close(fds[i]);
    fixture_close(&fixture);
}

static void peer_reset(int fd)
{
    struct linger reset = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
}

/* Every third has left with a reset: the others have their replies all the same. */
static void test_beside_resets(void **state)
{
    (void)state;
    struct fixture fixture;
    int fds[PEERS + 1];
    peers_open(&fixture, fds, "");
    for (int i = 0; i < PEERS; i += 3)
        peer_reset(fds[i]);
    let_on = 1;
    for (int i = 0; i < PEERS; i++)
        if (i % 3) peer_check(fds[i], i);
    for (int i = 0; i <= PEERS; i++)
        if (i % 3 || i == PEERS) close(fds[i]);
    fixture_close(&fixture);
}

/* One leaves between its reply and the end of the turn: that is found out while another's reply
 * is being built, which must not lose a byte by it. */
static void test_leaves_in_the_turn(void **state)
{
    (void)state;
    char reply[2048];
    struct fixture fixture = fixture_open_loops((struct http_limits){0}, 1);
    int first = peer_open(&fixture), leaves = peer_open(&fixture), stays = peer_open(&fixture);
    peer_stall(first, 1);
    peer_text(leaves, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    peer_text(stays, STALL);
    let_on = 1;
    while (stalled < 2)
        usleep(1000);
    peer_reset(leaves);
    let_on = 2;
    peer_read(stays, reply, sizeof reply, "\r\n\r\non");
    assert_non_null(strstr(reply, "200 OK"));
    close(first);
    close(stays);
    fixture_close(&fixture);
}

/* Two reads of one connection in one turn: the second reply stays behind the first. */
static void test_two_reads(void **state)
{
    (void)state;
    static char text[40000], reply[8192];
    struct fixture fixture = fixture_open_loops((struct http_limits){0}, 1);
    int stalls = peer_open(&fixture), fd = peer_open(&fixture);
    size_t size = 0;
    for (unsigned i = 0; i < 3; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n"
                                 "X-Long: %010000u\r\n\r\n%u",
                                 0U, i);
    }
    peer_stall(stalls, 1);
    peer_send(fd, text, size);
    let_on = 1;
    peer_read(fd, reply, sizeof reply, "\r\n\r\n2");
    const char *one = strstr(reply, "\r\n\r\n0"), *two = strstr(reply, "\r\n\r\n1");
    assert_true(one && two && one < two);
    close(stalls);
    close(fd);
    fixture_close(&fixture);
}

/* A connection that is thrown out in the turn of a reply still gets that reply. */
static void test_last_words(void **state)
{
    (void)state;
    static char text[60000], reply[4096];
    struct http_limits limits = {.input_max = 4096};
    struct fixture fixture = fixture_open_loops(limits, 1);
    int stalls = peer_open(&fixture), fd = peer_open(&fixture);
    size_t size = (size_t)snprintf(text, sizeof text,
                                   "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"
                                   "GET /wait HTTP/1.1\r\nHost: h\r\nX-Long: %016200u\r\n\r\n",
                                   0U);
    memset(text + size, 'x', 14000);
    peer_stall(stalls, 1);
    peer_send(fd, text, size + 14000);
    let_on = 1;
    peer_read(fd, reply, sizeof reply, NULL);
    assert_non_null(strstr(reply, "hello"));
    close(stalls);
    close(fd);
    fixture_close(&fixture);
}

static void *ask_on(void *ctx)
{
    static char text[1200];
    for (unsigned i = 0; i < ROUNDS; i++) {
        const char *last = i + 1 == ROUNDS ? "Connection: close\r\n" : "";
        int head = snprintf(text, sizeof text,
                            "POST /echo HTTP/1.1\r\nHost: h\r\n%sContent-Length: 1000\r\n\r\n"
                            "number%05u%0989u",
                            last, i, 0U);
        peer_send(*(int *)ctx, text, (size_t)head);
    }
    return NULL;
}

/* One that asks on and on and reads nothing for a while: what the network does not take waits, and
 * comes in its order. */
static void test_slow_reader(void **state)
{
    (void)state;
    static char reply[ROUNDS * 2000];
    struct fixture fixture = fixture_open_loops((struct http_limits){0}, 1);
    int fd = peer_open(&fixture);
    pthread_t asking;
    assert_int_equal(pthread_create(&asking, NULL, ask_on, &fd), 0);
    usleep(200000);
    peer_read(fd, reply, sizeof reply, NULL);
    pthread_join(asking, NULL);
    const char *at = reply;
    for (unsigned i = 0; i < ROUNDS; i++) {
        char body[24];
        snprintf(body, sizeof body, "\r\n\r\nnumber%05u", i);
        at = strstr(at, body);
        assert_non_null(at);
    }
    close(fd);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_together),      cmocka_unit_test(test_whole_before_close),
        cmocka_unit_test(test_beside_resets), cmocka_unit_test(test_leaves_in_the_turn),
        cmocka_unit_test(test_two_reads),     cmocka_unit_test(test_last_words),
        cmocka_unit_test(test_slow_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
