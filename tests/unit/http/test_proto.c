/* Framing, row by row: what RFC 9112 and the known smuggling tricks send, whole and byte by byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "case.h"
#include "http/proto.h"
#include "unit/http/framing_rows.h"

struct seen {
    unsigned heads, done;
    int status;
    char reason[40], target[64], body[256];
    size_t body_size, headers_count;
    bool keep_alive, expect_continue;
    char value[64]; /* of the last header */
};

static int on_head(void *ctx, const struct proto_head *head)
{
    struct seen *seen = ctx;
    seen->heads++;
    snprintf(seen->target, sizeof seen->target, "%s", head->target);
    seen->headers_count = head->headers_count;
    seen->keep_alive = head->keep_alive;
    seen->expect_continue = head->expect_continue;
    if (head->headers_count)
        snprintf(seen->value, sizeof seen->value, "%s",
                 head->headers[head->headers_count - 1].value);
    return 0;
}

static int on_body(void *ctx, const uint8_t *data, size_t size)
{
    struct seen *seen = ctx;
    assert_true(seen->body_size + size < sizeof seen->body);
    memcpy(seen->body + seen->body_size, data, size);
    seen->body_size += size;
    return 0;
}

static const struct proto_events events = {on_head, on_body};
static const struct proto_limits limits = {200, 1000, 8};

/* Feeds bytes in pieces of piece, request after request. */
static struct seen feed(const char *data, size_t size, size_t piece)
{
    struct seen seen = {0};
    struct proto proto;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    proto_init(&proto, &limits, &events, &seen);
    proto_next(&proto, &arena);
    for (size_t at = 0; at < size && !seen.status;) {
        CASE(at);
        size_t given = size - at < piece ? size - at : piece, used;
        enum proto_state state = proto_feed(&proto, (const uint8_t *)data + at, given, &used);
        assert_true(used <= given);
        at += used;
        if (state == PROTO_REFUSED) {
            seen.status = proto.status;
            snprintf(seen.reason, sizeof seen.reason, "%s", proto.reason);
        } else if (state == PROTO_DONE) {
            seen.done++;
            proto_next(&proto, &arena);
        } else {
            assert_int_equal(used, given);
        }
    }
    arena_deinit(&arena);
    return seen;
}

static void test_rows(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < framing_rows_count; i++) {
        CASE(i);
        const struct framing_row *row = &framing_rows[i];
        for (size_t piece = 1; piece <= row->size; piece += piece < 8 ? 1 : row->size - piece + 1) {
            CASE(piece);
            struct seen seen = feed(row->data, row->size, piece);
            if (seen.status != row->status || seen.done != row->requests ||
                (row->reason && strcmp(seen.reason, row->reason) != 0))
                wrong++, print_error("%s (pieces of %zu): status %d, reason %s, %u requests\n",
                                     row->name, piece, seen.status, seen.reason, seen.done);
        }
    }
    assert_int_equal(wrong, 0);
}

/* Each body that is accepted comes out the same however it was cut. */
static void test_bodies(void **state)
{
    (void)state;
    static const char chunked[] =
        "POST /x?a=1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\nA;ext=1\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n";
    for (size_t piece = 1; piece <= sizeof chunked - 1; piece++) {
        CASE(piece);
        struct seen seen = feed(chunked, sizeof chunked - 1, piece);
        assert_int_equal(seen.status, 0);
        assert_int_equal(seen.done, 1);
        assert_string_equal(seen.target, "/x?a=1");
        assert_int_equal(seen.body_size, 13);
        assert_memory_equal(seen.body, "abc0123456789", 13);
        assert_int_equal(seen.headers_count, 2); /* trailers are dropped */
    }
}

static void test_head(void **state)
{
    (void)state;
    static const char text[] =
        "\r\nPUT http://other:81/p HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n"
        "Content-Length: 1\r\nX-Y: \t a b \t\r\n\r\nz";
    for (size_t piece = 1; piece <= sizeof text - 1; piece++) {
        CASE(piece);
        struct seen seen = feed(text, sizeof text - 1, piece);
        assert_int_equal(seen.done, 1);
        assert_string_equal(seen.target, "/p");
        assert_string_equal(seen.value, "a b");
        assert_true(seen.expect_continue);
        assert_true(seen.keep_alive);
    }
}

static void test_keep_alive(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool keep;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        struct seen seen = feed(rows[i].text, strlen(rows[i].text), 1000);
        assert_int_equal(seen.done, 1);
        assert_int_equal(seen.keep_alive, rows[i].keep);
    }
}

static void limit_row(const char *before, char filler, size_t count, const char *after, int status)
{
    char text[8192];
    size_t size = strlen(before);
    memcpy(text, before, size);
    memset(text + size, filler, count);
    memcpy(text + size + count, after, strlen(after));
    size += count + strlen(after);
    for (size_t piece = 1; piece <= size; piece += 37) {
        CASE(piece);
        struct seen seen = feed(text, size, piece);
        assert_int_equal(seen.status, status);
        assert_int_equal(seen.done, status ? 0 : 1);
    }
}

static void test_limits(void **state)
{
    (void)state;
    static const char rest[] = " HTTP/1.1\r\nHost: h\r\n\r\n", get[] = "GET /";
    size_t fixed = strlen("GET / HTTP/1.1\r\n");
    limit_row(get, 'a', 200 - fixed, rest, 0);
    limit_row(get, 'a', 201 - fixed, rest, 414);
    limit_row(get, 'a', 3000, rest, 414);
    static const char head[] = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
    limit_row(head, 'a', 1000 - strlen(head) - 4, "\r\n\r\n", 0);
    limit_row(head, 'a', 1001 - strlen(head) - 4, "\r\n\r\n", 431);
    limit_row("", '\r', 1500, "", 431);
    static const char chunk[] = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    char trailer[128];
    snprintf(trailer, sizeof trailer, "%s0\r\nT: ", chunk);
    limit_row(trailer, 'a', 1500, "\r\n\r\n", 431);
    char extension[128];
    static const char after[] = "\r\nabc\r\n0\r\n\r\n";
    snprintf(extension, sizeof extension, "%s3;", chunk);
    limit_row(extension, 'a', 4096, after, 0);
    limit_row(extension, 'a', 4097, after, 400);
    static const char header[] = "A: b\r\n";
    for (unsigned count = 7; count <= 8; count++) {
        CASE(count);
        char text[256] = "GET / HTTP/1.1\r\nHost: h\r\n";
        for (unsigned i = 0; i < count; i++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s", header);
        limit_row(text, ' ', 0, "\r\n", count == 7 ? 0 : 431);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),   cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_head),   cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
