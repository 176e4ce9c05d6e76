/* Who may be connected, and who leaves for whom, over real sockets. */
#include "case.h"
#include "unit/http/served.h"

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
    static const struct http_limits few = {.connections_max = 40,
                                           .unauthenticated_max = 8,
                                           .address_unauthenticated_max = 4,
                                           .young_ms = 1};
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

/* Who has just come does not leave for a newcomer, who waits in the kernel's queue meanwhile. */
static void test_young_ones_stay(void **state)
{
    (void)state;
    enum { YOUNG_MS = 300 };
    static const struct http_limits few = {
        .connections_max = 40, .unauthenticated_max = 2, .young_ms = YOUNG_MS};
    struct fixture fixture = fixture_open_loops(few, 1);
    uint64_t came_ms = clock_now_ms(&clock_real);
    int first = peer_open_from(&fixture, "127.0.0.2"),
        second = peer_open_from(&fixture, "127.0.0.3");
    assert_true(peer_is_served(first, UNAUTHENTICATED));
    assert_true(peer_is_served(second, UNAUTHENTICATED));
    int newcomer = peer_open_from(&fixture, "127.0.0.4");
    assert_true(peer_is_served(newcomer, UNAUTHENTICATED));
    assert_true(clock_now_ms(&clock_real) - came_ms >= YOUNG_MS);
    assert_true(peer_is_closed(first));
    close(first);
    close(second);
    close(newcomer);
    fixture_close(&fixture);
}

/* Of what is not read, the kernel keeps little for who may be anybody. */
static void test_little_for_strangers(void **state)
{
    (void)state;
    static const struct http_limits defaults;
    struct fixture fixture = fixture_open_loops(defaults, 1);
    int fd = peer_open(&fixture), small = 4096;
    size_t sent = 0;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    peer_text(fd, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    char first, piece[65536];
    assert_int_equal(recv(fd, &first, 1, MSG_PEEK), 1);
    fixture_close(&fixture); /* what the kernel has comes all the same */
    for (ssize_t size; (size = recv(fd, piece, sizeof piece, 0)) > 0;)
        sent += (size_t)size;
    assert_in_range(sent, 1, 128 << 10);
    close(fd);
}

/* Whoever has been unauthenticated for longest leaves for the next; who has authenticated, or waits
 * for a reply, stays. */
static void test_displaced(void **state)
{
    (void)state;
    static const struct http_limits few[] = {
        {.connections_max = 40,
         .unauthenticated_max = 8,
         .address_unauthenticated_max = 4,
         .young_ms = 1},
        {.connections_max = 5, .unauthenticated_max = 2, .address_max = 5, .young_ms = 1}};
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connections_max),  cmocka_unit_test(test_address_max),
        cmocka_unit_test(test_crowding_address), cmocka_unit_test(test_displaced),
        cmocka_unit_test(test_young_ones_stay),  cmocka_unit_test(test_little_for_strangers),
        cmocka_unit_test(test_input_budget),     cmocka_unit_test(test_unauthenticated_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
