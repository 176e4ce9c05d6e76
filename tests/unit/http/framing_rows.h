/* The same bytes for test_proto (no socket) and test_conn (a real one). status 0: accepted, with so
 * many complete requests. */
#pragma once

#include <stddef.h>

struct framing_row {
    const char *name;
    const char *data;
    size_t size;
    int status;
    const char *reason; /* NULL: any */
    unsigned requests;
};

#define ROW(name, text, status, reason, requests)              \
    {                                                          \
        name, text, sizeof(text) - 1, status, reason, requests \
    }
#define POST "POST /echo HTTP/1.1\r\nHost: h\r\n"
#define GET "GET /hello HTTP/1.1\r\nHost: h\r\n"

static const struct framing_row framing_rows[] = {
    ROW("plain", GET "\r\n", 0, NULL, 1),
    ROW("pipelined", GET "\r\n" GET "\r\n" POST "Content-Length: 3\r\n\r\nabc" GET "\r\n", 0, NULL,
        4),
    ROW("chunked", POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 0, NULL, 1),
    ROW("chunked in capitals", POST "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 0,
        NULL, 1),
    ROW("offer to upgrade is ignored", GET "Connection: Upgrade\r\nUpgrade: x\r\n\r\n", 0, NULL, 1),
    ROW("1.0 without Host", "GET /hello HTTP/1.0\r\n\r\n", 0, NULL, 1),
    ROW("host with port", "GET /hello HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n", 0, NULL, 1),

    ROW("two different lengths", POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400,
        "two-lengths", 0),
    ROW("the same length twice", POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400,
        "two-lengths", 0),
    ROW("length list", POST "Content-Length: 3, 3\r\n\r\nabc", 400, "bad-length", 0),
    ROW("length and chunked",
        POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 400,
        NULL, 0),
    ROW("chunked and length",
        POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 400,
        NULL, 0),
    ROW("xchunked and length", POST "Transfer-Encoding: xchunked\r\nContent-Length: 3\r\n\r\nabc",
        400, NULL, 0),
    ROW("gzip, chunked and length",
        POST "Transfer-Encoding: gzip, chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        400, NULL, 0),
    ROW("xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 501,
        "unknown-coding", 0),
    ROW("gzip, chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 501,
        "unknown-coding", 0),
    ROW("chunked, gzip", POST "Transfer-Encoding: chunked, gzip\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 501,
        "unknown-coding", 0),
    ROW("two codings",
        POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501,
        "unknown-coding", 0),
    ROW("two codings, the last chunked",
        POST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
        "two-codings", 0),
    ROW("empty coding", POST "Transfer-Encoding:\r\n\r\n0\r\n\r\n", 501, "unknown-coding", 0),
    ROW("chunked in 1.0", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
        "coding-in-1.0", 0),
    ROW("length +3", POST "Content-Length: +3\r\n\r\nabc", 400, "bad-length", 0),
    ROW("length -1", POST "Content-Length: -1\r\n\r\nabc", 400, "bad-length", 0),
    ROW("length 0x3", POST "Content-Length: 0x3\r\n\r\nabc", 400, "bad-length", 0),
    ROW("length overflow", POST "Content-Length: 18446744073709551619\r\n\r\nabc", 400,
        "bad-length", 0),
    ROW("the largest length", POST "Content-Length: 18446744073709551615\r\n\r\nabc", 400,
        "bad-length", 0),
    ROW("empty length", POST "Content-Length:\r\n\r\n", 400, NULL, 0),
    ROW("space before colon", POST "Content-Length : 3\r\n\r\nabc", 400, "bad-header", 0),
    ROW("bare LF after a header", "POST /echo HTTP/1.1\r\nHost: h\nContent-Length: 3\r\n\r\nabc",
        400, NULL, 0),
    ROW("bare LF after the line", "GET /hello HTTP/1.1\nHost: h\r\n\r\n", 400, "bare-line-feed", 0),
    ROW("bare LF at the end", "GET /hello HTTP/1.1\r\nHost: h\r\n\n", 400, "bare-line-feed", 0),
    ROW("bare LF first", "\nGET /hello HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bare-line-feed", 0),
    ROW("bare LF after the last chunk", POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\n", 400, NULL,
        0),
    ROW("bare LF after the trailers", POST "Transfer-Encoding: chunked\r\n\r\n0\r\nT: t\r\n\n", 400,
        NULL, 0),
    ROW("all bare LF", "GET /hello HTTP/1.1\nHost: h\n\n", 400, NULL, 0),
    ROW("bare CR after the line", "GET /hello HTTP/1.1\rHost: h\r\n\r\n", 505, NULL, 0),
    ROW("chunk size 0x3", POST "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", 400,
        "bad-chunk", 0),
    ROW("chunk size overflow",
        POST "Transfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n", 400,
        "bad-chunk", 0),
    ROW("chunk size -1", POST "Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n", 400,
        "bad-chunk", 0),
    ROW("no chunk size", POST "Transfer-Encoding: chunked\r\n\r\n\r\nabc\r\n0\r\n\r\n", 400, NULL,
        0),
    ROW("chunk with bare LF", POST "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", 400,
        NULL, 0),
    ROW("chunk longer than its size",
        POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400, NULL, 0),
    ROW("NUL in a value", GET "X: a\0b\r\n\r\n", 400, NULL, 0),
    ROW("NUL in a name", GET "X\0Y: a\r\n\r\n", 400, NULL, 0),
    ROW("lone CR in a value", GET "X: a\rb\r\n\r\n", 400, NULL, 0),
    ROW("folding with a space", GET "X: a\r\n b\r\n\r\n", 400, "folded-header", 0),
    ROW("folding with a tab", GET "X: a\r\n\tb\r\n\r\n", 400, "folded-header", 0),
    ROW("folding a coding", POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400,
        "folded-header", 0),
    ROW("space before the first header", "GET /hello HTTP/1.1\r\n Host: h\r\n\r\n", 400, NULL, 0),
    ROW("no colon", GET "Nonsense\r\n\r\n", 400, NULL, 0),
    ROW("empty name", GET ": x\r\n\r\n", 400, "bad-header", 0),
    ROW("empty name and value", GET ":\r\n\r\n", 400, "bad-header", 0),

    ROW("no Host", "GET /hello HTTP/1.1\r\nA: b\r\n\r\n", 400, "host-missing", 0),
    ROW("no header at all", "GET /hello HTTP/1.1\r\n\r\n", 400, "host-missing", 0),
    ROW("two Hosts", GET "Host: h\r\n\r\n", 400, "two-hosts", 0),
    ROW("two Hosts in 1.0", "GET /hello HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400, "two-hosts",
        0),
    ROW("empty Host", "GET /hello HTTP/1.1\r\nHost:\r\n\r\n", 400, "bad-host", 0),
    ROW("Host list", "GET /hello HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, "bad-host", 0),
    ROW("Host with a path", "GET /hello HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "bad-host", 0),

    ROW("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "bad-framing", 0),
    ROW("HTTP/1.2", "GET /hello HTTP/1.2\r\nHost: h\r\n\r\n", 505, NULL, 0),
    ROW("HTTP/0.9", "GET /hello\r\n\r\n", 505, NULL, 0),
    ROW("CONNECT", "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", 501, "unknown-method", 0),
    ROW("unknown method", "BREW /hello HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad-method", 0),
    ROW("TLS sent to plain HTTP", "\x16\x03\x01\x02\x00\x01", 400, "bad-method", 0),
    ROW("two spaces", "GET  /hello HTTP/1.1\r\nHost: h\r\n\r\n", 400, "two-spaces", 0),
    ROW("two spaces before the version", "GET /hello  HTTP/1.1\r\nHost: h\r\n\r\n", 400,
        "two-spaces", 0),
    ROW("two spaces in a header", GET "X: a  b\r\n\r\n", 0, NULL, 1),
    ROW("target without slash", "GET hello HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad-target", 0),
    ROW("fragment", "GET /hello#x HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad-target", 0),
    ROW("foreign scheme", "GET ftp://h/hello HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad-target", 0),
    ROW("control byte in the target", "GET /he\x01llo HTTP/1.1\r\nHost: h\r\n\r\n", 400, NULL, 0),
    ROW("high byte in the target", "GET /he\xffllo HTTP/1.1\r\nHost: h\r\n\r\n", 400, NULL, 0),
    ROW("unknown expectation", POST "Expect: miracle\r\nContent-Length: 1\r\n\r\nx", 417,
        "unknown-expectation", 0),
};

#define framing_rows_count (sizeof framing_rows / sizeof *framing_rows)
#undef POST
#undef GET
