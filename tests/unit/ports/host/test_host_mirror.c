/* Redirects, mirrors and entity tags, against a real nginx; the rules row by row are
 * test_host_redirect.c's. */
#include "case.h"
#include "nginx.h"

static const char *got_from(struct client *client, const struct godwit_request *request,
                            int *status_out)
{
    static char data[512];
    size_t size;
    struct godwit_reply reply;
    assert_int_equal(client_call(client, request, data, sizeof data - 1, &size, &reply),
                     GODWIT_ERR_END);
    data[size] = '\0';
    *status_out = reply.status;
    return data;
}

static void test_redirects_and_mirrors(void **state)
{
    (void)state;
    struct host_trust trust = trust_by_spki("ours");
    struct client client;
    char path[128], base[64];
    int status;
    client_open(&client, GOOD, &trust);
    struct godwit_request request = {
        .method = "GET", .path = "/moved", .bearer = "abc", .use_range = true, .range_from = 5};
    assert_starts_with(got_from(&client, &request, &status), "GET|Bearer abc|bytes=5-|");
    request.path = "/loop";
    got_from(&client, &request, &status);
    assert_int_equal(status, 302);
    request.path = path; /* from https to http: handed on, not followed */
    snprintf(path, sizeof path, "/to/?to=http://127.0.0.1:%d/echo", plain_port);
    got_from(&client, &request, &status);
    assert_int_equal(status, 307);
    snprintf(path, sizeof path, "/to/?to=https://127.0.0.1:%d/echo", ports[UNKNOWN]);
    struct godwit_reply reply; /* another host's CA is not in the system's store */
    size_t size;
    char data[64];
    assert_int_equal(client_call(&client, &request, data, sizeof data, &size, &reply),
                     GODWIT_ERR_NET);
    const struct godwit_request post = {
        .method = "POST", .path = "/moved", .bearer = "abc", .body = "{}", .body_size = 2};
    got_from(&client, &post, &status);
    assert_int_equal(status, 302);

    snprintf(base, sizeof base, "http://127.0.0.1:%d", plain_port);
    struct godwit_request mirror = {.method = "GET", .path = "/moved", .base = base};
    assert_starts_with(got_from(&client, &mirror, &status), "GET||||");
    mirror.bearer = "abc"; /* not even if it were asked */
    mirror.path = "/echo";
    assert_starts_with(got_from(&client, &mirror, &status), "GET||||");
    client_close(&client);
}

static void test_entity_tags(void **state)
{
    (void)state;
    static const struct {
        const char *tag, *path;
        bool is_other;
    } rows[] = {{"abc", "/tagged", false}, {"abd", "/tagged", true}, {"ab", "/tagged", true},
                {"abcd", "/tagged", true}, {NULL, "/tagged", false}, {"abc", "/echo", false}};
    struct host_trust trust = trust_by_spki("ours");
    struct client client;
    client_open(&client, GOOD, &trust);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        struct godwit_request request = {
            .method = "GET", .path = rows[i].path, .if_range = rows[i].tag};
        struct godwit_reply reply;
        size_t size;
        char data[512];
        assert_int_equal(client_call(&client, &request, data, sizeof data, &size, &reply),
                         GODWIT_ERR_END);
        assert_int_equal(reply.is_other, rows[i].is_other);
    }
    client_close(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redirects_and_mirrors),
        cmocka_unit_test(test_entity_tags),
    };
    return cmocka_run_group_tests(tests, peer_start, peer_stop);
}
