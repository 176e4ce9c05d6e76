/* The rules of redirects, row by row. That the port keeps to them is test_host_net.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "case.h"
#include "godwit_port.h"
#include "ports/host/host_redirect.h"

#define SERVER "https://ota.example:8443"
#define FROM SERVER "/v1/image/ab12"

static void which_redirects_are_followed(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        int status;
        const char *location, *to; /* NULL: nowhere */
    } rows[] = {
        {FROM, 302, "/files/x", SERVER "/files/x"},
        {FROM, 301, "x?y=1", SERVER "/v1/image/x?y=1"},
        {FROM, 303, "../x", SERVER "/v1/x"},
        {FROM, 307, "https://cdn.example/x", "https://cdn.example/x"},
        {FROM, 308, "//cdn.example/x", "https://cdn.example/x"},
        {FROM, 302, "/x#part", SERVER "/x"},
        {FROM, 302, "HTTPS://CDN.example/x", "https://CDN.example/x"},
        {"http://m.example/x", 302, "http://n.example/y", "http://n.example/y"},
        {"http://m.example/x", 302, "https://n.example/y", "https://n.example/y"},
        /* never from https to http, however it is said */
        {FROM, 302, "http://ota.example:8443/x", NULL},
        {FROM, 302, "http://cdn.example/x", NULL},
        {FROM, 302, "HTTP://cdn.example/x", NULL},
        /* nothing but HTTP, and no names and passwords of others */
        {FROM, 302, "ftp://cdn.example/x", NULL},
        {FROM, 302, "file:///etc/passwd", NULL},
        {FROM, 302, "javascript:x", NULL},
        {"http://m.example/x", 302, "file:///etc/passwd", NULL},
        {FROM, 302, "https://user:word@cdn.example/x", NULL},
        {FROM, 302, "https://ota.example@cdn.example/x", NULL},
        {FROM, 302, "https://", NULL},
        {FROM, 302, "https://cdn.example:99999/x", NULL},
        {FROM, 302, "https://cdn example/x", NULL},
        {FROM, 302, "", NULL},
        {FROM, 302, NULL, NULL},
        /* statuses that do not ask for it */
        {FROM, 300, "/x", NULL},
        {FROM, 304, "/x", NULL},
        {FROM, 305, "/x", NULL},
        {FROM, 306, "/x", NULL},
        {FROM, 200, "/x", NULL},
        {FROM, 404, "/x", NULL},
        {"", 302, "https://cdn.example/x", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        char to[HOST_URL_SIZE] = "";
        bool goes = host_redirect(rows[i].from, rows[i].status, rows[i].location, 0, to);
        if (goes != (rows[i].to != NULL)) fail_msg("row %zu: %d, \"%s\"", i, goes, to);
        if (goes) assert_string_equal(to, rows[i].to);
    }
}

static void a_chain_of_redirects_ends(void **state)
{
    (void)state;
    char at[HOST_URL_SIZE] = FROM;
    for (unsigned hops = 0; hops < 10; hops++) {
        CASE(hops);
        assert_int_equal(host_redirect(at, 302, "/again", hops, at), hops < GODWIT_REDIRECTS_MAX);
    }
}

static void an_address_that_is_too_long_is_not_followed(void **state)
{
    (void)state;
    char location[HOST_URL_SIZE * 2], to[HOST_URL_SIZE];
    memset(location, 'a', sizeof location);
    location[0] = '/';
    location[HOST_URL_SIZE - sizeof SERVER] = 0; /* just as long as there is room */
    assert_true(host_redirect(FROM, 302, location, 0, to));
    assert_int_equal(strlen(to), HOST_URL_SIZE - 1);
    location[HOST_URL_SIZE - sizeof SERVER] = 'a';
    location[HOST_URL_SIZE - sizeof SERVER + 1] = 0;
    assert_false(host_redirect(FROM, 302, location, 0, to));
}

static void the_token_goes_to_one_origin(void **state)
{
    (void)state;
    static const char *const same[] = {SERVER "/x", SERVER, "HTTPS://OTA.example:8443/y"};
    static const char *const others[] = {"https://ota.example/x",
                                         "https://ota.example:8444/x",
                                         "http://ota.example:8443/x",
                                         "https://ota.example.evil/x",
                                         "https://evil.example:8443/x",
                                         "https://evil/ota.example:8443",
                                         "",
                                         "ota.example:8443"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        CASE(i);
        assert_true(host_is_same_origin(same[i], SERVER));
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        CASE(i);
        assert_false(host_is_same_origin(others[i], SERVER));
    }
    assert_true(host_is_same_origin("https://a.example", "https://a.example:443/x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_redirects_are_followed),
        cmocka_unit_test(a_chain_of_redirects_ends),
        cmocka_unit_test(an_address_that_is_too_long_is_not_followed),
        cmocka_unit_test(the_token_goes_to_one_origin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
