/* Paths and methods → rows of the table; what a handler looks up in its request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/internal.h"

static const int secret = 7;
static const struct http_route routes[] = {
    {HTTP_METHOD_POST, "/v1/checkin", HTTP_INLINE, 0, NULL, NULL, &secret},
    {HTTP_METHOD_GET, "/api/devices", HTTP_INLINE, 0, NULL, NULL, NULL},
    {HTTP_METHOD_GET, "/api/devices/{id}", HTTP_INLINE, 0, NULL, NULL, NULL},
    {HTTP_METHOD_DELETE, "/api/devices/{id}", HTTP_INLINE, 0, NULL, NULL, NULL},
    {HTTP_METHOD_GET, "/api/{a}/x/{bb}", HTTP_INLINE, 0, NULL, NULL, NULL},
    {HTTP_METHOD_DELETE, "/api/devices/all", HTTP_INLINE, 0, NULL, NULL, NULL},
};

static int find(struct http_request *request, enum http_method method, const char *path)
{
    int status = 0;
    char allow[96];
    request->method = method;
    request->path = path;
    const struct http_route *route =
        route_find(routes, sizeof routes / sizeof *routes, request, &status, allow, sizeof allow);
    if (status == 405) assert_string_equal(allow, "GET, HEAD, DELETE");
    return route ? (int)(route - routes) : -status;
}

static void test_routes(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct http_request request = {.arena = &arena};
    assert_int_equal(find(&request, HTTP_METHOD_POST, "/v1/checkin"), 0);
    assert_ptr_equal(request.route_extra, &secret);
    assert_int_equal(find(&request, HTTP_METHOD_POST, "/v1/checkin/"), -404);
    assert_int_equal(find(&request, HTTP_METHOD_POST, "/v1/checki"), -404);
    assert_int_equal(find(&request, HTTP_METHOD_GET, "/api/devices"), 1);
    assert_int_equal(find(&request, HTTP_METHOD_HEAD, "/api/devices"), 1);
    assert_int_equal(find(&request, HTTP_METHOD_GET, "/api/devices/a%2Fb%20c"), 2);
    assert_string_equal(http_param(&request, "id"), "a/b c");
    assert_null(http_param(&request, "i"));
    assert_null(http_param(&request, "idx"));
    assert_int_equal(find(&request, HTTP_METHOD_DELETE, "/api/devices/7"), 3);
    assert_int_equal(find(&request, HTTP_METHOD_PUT, "/api/devices/7"), -405);
    assert_int_equal(find(&request, HTTP_METHOD_PUT, "/api/devices/all"), -405); /* DELETE once */
    assert_int_equal(find(&request, HTTP_METHOD_GET, "/api/devices/"), -404);
    assert_int_equal(find(&request, HTTP_METHOD_GET, "/api/1/x/2"), 4);
    assert_string_equal(http_param(&request, "a"), "1");
    assert_string_equal(http_param(&request, "bb"), "2");
    assert_int_equal(find(&request, HTTP_METHOD_GET, "/api/devices/%2541"), 2); /* decoded once */
    assert_string_equal(http_param(&request, "id"), "%41");
    assert_int_equal(find(&request, HTTP_METHOD_GET, "/api/devices/a+b"), 2); /* no form */
    assert_string_equal(http_param(&request, "id"), "a+b");
    assert_int_equal(find(&request, HTTP_METHOD_GET, "/api/%64evices/1"), -404);
    assert_int_equal(find(&request, HTTP_METHOD_GET, "/api/devices%2F1"), -404);
    assert_int_equal(find(&request, HTTP_METHOD_GET, "/api/devices/%00"), -400);
    assert_int_equal(find(&request, HTTP_METHOD_GET, "/api/devices/a%0Ab"), -400);
    assert_int_equal(find(&request, HTTP_METHOD_GET, "/api/devices/%7f"), -400);
    assert_int_equal(find(&request, HTTP_METHOD_GET, "/api/devices/%2"), -400);
    assert_int_equal(find(&request, HTTP_METHOD_GET, "/api/devices/%zz"), -400);
    arena_deinit(&arena);
}

static void test_lookups(void **state)
{
    (void)state;
    static const struct http_header headers[] = {
        {"host", "h"}, {"Authorization", "bearer  abc"}, {"X-A", "1"}, {"x-a", "2"}};
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct http_request request = {.arena = &arena,
                                   .headers = headers,
                                   .headers_count = 4,
                                   .query = "a=1&bb=x%20y+z&c&&=q&d=%0&aa=2"};
    assert_string_equal(http_header(&request, "HOST"), "h");
    assert_string_equal(http_header(&request, "x-A"), "1");
    assert_null(http_header(&request, "x"));
    assert_string_equal(http_bearer(&request), "abc");
    assert_string_equal(http_query(&request, "a"), "1");
    assert_string_equal(http_query(&request, "bb"), "x y z");
    assert_string_equal(http_query(&request, "c"), "");
    assert_string_equal(http_query(&request, "aa"), "2");
    assert_null(http_query(&request, "b"));
    assert_null(http_query(&request, "d")); /* malformed */
    assert_null(http_query(&request, "zz"));
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_routes),
                                       cmocka_unit_test(test_lookups)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
