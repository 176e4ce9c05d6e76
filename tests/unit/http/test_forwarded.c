/* Whom a proxy names: its own last word, in either header, and nobody where they differ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#include "case.h"
#include "http/forwarded.h"

struct row {
    struct http_header headers[3];
    const char *found; /* NULL: nobody */
};

static const struct row rows[] = {
    {{{"Host", "h"}}, NULL},
    {{{"X-Forwarded-For", "192.0.2.1"}}, "192.0.2.1"},
    {{{"x-forwarded-for", " 192.0.2.1:4711 "}}, "192.0.2.1"},
    /* what the client wrote stands before what the proxy added */
    {{{"X-Forwarded-For", "198.51.100.9, 192.0.2.1"}}, "192.0.2.1"},
    {{{"X-Forwarded-For", "198.51.100.9"}, {"X-Forwarded-For", "192.0.2.1"}}, "192.0.2.1"},
    {{{"X-Forwarded-For", "2001:db8::1"}}, "2001:db8::1"},
    {{{"X-Forwarded-For", "[2001:db8::1]:443"}}, "2001:db8::1"},
    {{{"Forwarded", "for=192.0.2.1;proto=https"}}, "192.0.2.1"},
    {{{"Forwarded", "for=198.51.100.9, proto=https; For=\"[2001:db8::1]:80\""}}, "2001:db8::1"},
    {{{"Forwarded", "proto=https"}}, NULL},
    {{{"Forwarded", "for=_hidden"}}, NULL},
    {{{"Forwarded", "for=unknown"}}, NULL},
    {{{"X-Forwarded-For", "192.0.2.1,"}}, NULL},
    {{{"X-Forwarded-For", ""}}, NULL},
    {{{"X-Forwarded-For", "localhost"}}, NULL},
    {{{"X-Forwarded-For", "192.0.2.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1"}}, NULL},
    {{{"X-Forwarded-For", "192.0.2.1"}, {"Forwarded", "for=192.0.2.1"}}, "192.0.2.1"},
    /* the proxy wrote one of them, the client the other */
    {{{"X-Forwarded-For", "192.0.2.1"}, {"Forwarded", "for=198.51.100.9"}}, NULL},
    {{{"X-Forwarded-For", "192.0.2.1"}, {"Forwarded", "proto=http"}}, NULL},
};

static void test_find(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_request request = {.headers = rows[i].headers};
        while (request.headers_count < 3 && rows[i].headers[request.headers_count].name)
            request.headers_count++;
        char text[ADDRESS_SIZE] = "";
        uint8_t key[16];
        CASE(i);
        assert_int_equal(forwarded_find(&request, text, key), rows[i].found != NULL);
        if (rows[i].found) assert_string_equal(text, rows[i].found);
    }
}

static void test_is_proxy(void **state)
{
    (void)state;
    const struct http_options options = {.trusted_proxy = "192.0.2.1"}, none = {0};
    assert_true(forwarded_is_proxy(&options, "192.0.2.1"));
    assert_true(forwarded_is_proxy(&options, "::ffff:192.0.2.1"));
    assert_false(forwarded_is_proxy(&options, "192.0.2.10"));
    assert_false(forwarded_is_proxy(&options, "192.0.2"));
    assert_false(forwarded_is_proxy(&none, "192.0.2.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_is_proxy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
