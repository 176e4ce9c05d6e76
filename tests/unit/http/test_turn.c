/* Who has not authenticated waits for its turn, and addresses take turns. */
#include "case.h"
#include "http/internal.h"
#include "unit/http/fixture.h"

/* An address that asks for much, two that ask once, and one that leaves while it waits. */
static void test_order(void **state)
{
    (void)state;
    static struct turns turns = {.salt = 1};
    struct conn conns[8] = {0};
    static const uint8_t addresses[8] = {1, 1, 1, 1, 1, 2, 3, 4};
    static const unsigned order[] = {0, 5, 6, 1, 3, 4};
    for (unsigned i = 0; i < 8; i++) {
        conns[i].address[0] = addresses[i];
        turns_add(&turns, &conns[i]);
        assert_true(conns[i].waits_turn);
    }
    turns_drop(&turns, &conns[2]);
    turns_drop(&turns, &conns[7]);
    turns_drop(&turns, &conns[7]); /* it does not wait any more */
    for (unsigned i = 0; i < sizeof order / sizeof *order; i++) {
        CASE(i);
        assert_ptr_equal(turns_take(&turns), &conns[order[i]]);
        assert_false(conns[order[i]].waits_turn);
    }
    assert_null(turns_take(&turns));
    assert_int_equal(turns.waiting, 0);
    turns_add(&turns, &conns[7]);
    assert_ptr_equal(turns_take(&turns), &conns[7]);
}

static void test_accepts(void **state)
{
    (void)state;
    struct loop *loop = calloc(1, sizeof *loop);
    struct http_server server = {.loops_count = 1, .options.limits.unauthenticated_max = 1};
    loop->server = &server;
    unsigned accepted = 0;
    while (turn_accepts(loop))
        accepted++;
    assert_in_range(accepted, 8, 256);
    assert_true(loop->turns.accept_owed);
    loop->turns.accepted = 0;
    assert_true(turn_accepts(loop));
    loop->turns.waiting = 1000; /* they would only wait longer */
    assert_false(turn_accepts(loop));
    free(loop);
}

/* Where all places of the unauthenticated are taken: by whom, and for how long. */
static void test_newcomer(void **state)
{
    (void)state;
    static const struct {
        unsigned usual_ms, age_ms, others;
        bool is_owed, comes;
    } rows[] = {
        {0, 0, 6, false, true},        {0, 1999, 7, false, false},   {0, 2000, 7, false, true},
        {500, 2000, 7, false, true},   {501, 2003, 7, false, false}, {501, 2004, 7, false, true},
        {1500, 5000, 7, false, false}, {0, 5000, 7, true, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        struct loop *loop = calloc(1, sizeof *loop);
        struct conn *oldest = calloc(1, sizeof *oldest), *newest = calloc(1, sizeof *newest);
        struct http_server server = {
            .loops_count = 2, .options.limits = {.unauthenticated_max = 8, .young_ms = 2000}};
        loop->server = &server;
        loop->uv.time = 100000;
        loop->usual_ms = rows[i].usual_ms;
        loop->oldest = oldest;
        loop->newest = oldest->newer = newest;
        oldest->came_ms = 100000 - rows[i].age_ms;
        oldest->waits_turn = rows[i].is_owed;
        newest->came_ms = 100000;
        server.unauthenticated = rows[i].others;
        assert_int_equal(conn_may_come(loop), rows[i].comes);
        assert_int_equal(turn_accepts(loop), rows[i].comes);
        free(oldest);
        free(newest);
        free(loop);
    }
}

#define OTHERS 40

static int other_open(const struct fixture *fixture)
{
    int fd = peer_open_from(fixture, "127.0.0.2");
    char reply[1024];
    peer_text(fd, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"); /* so that it is accepted */
    peer_read(fd, reply, sizeof reply, "hello");
    return fd;
}

/* Forty ask for much at once, before a device that the server knows does: it is answered first, and
 * they are answered too. */
static void test_known_first(void **state)
{
    (void)state;
    static const char asks[] = "POST /gated HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\n"
                               "Content-Length: 5\r\n\r\nhello";
    struct fixture fixture = fixture_open_loops((struct http_limits){0}, 1);
    char reply[1024];
    int known = peer_open(&fixture), others[OTHERS];
    peer_text(known, asks);
    peer_read(known, reply, sizeof reply, "hello");
    for (unsigned i = 0; i < OTHERS; i++)
        others[i] = other_open(&fixture);
    entered = 0;
    may_go = false;
    for (unsigned i = 0; i < OTHERS; i++) {
        peer_text(others[i], "GET /block HTTP/1.1\r\nHost: h\r\n\r\n");
        while (!entered)
            usleep(1000);
    }
    peer_text(known, asks);
    may_go = true;
    peer_read(known, reply, sizeof reply, "hello");
    assert_non_null(strstr(reply, "hello"));
    assert_in_range(entered, 1, OTHERS / 4);
    for (unsigned i = 0; i < OTHERS; i++) {
        CASE(i);
        peer_read(others[i], reply, sizeof reply, "hello");
        assert_non_null(strstr(reply, "hello"));
        close(others[i]);
    }
    assert_int_equal(entered, OTHERS);
    close(known);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_newcomer),
        cmocka_unit_test(test_known_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
