/* What every reply carries for browsers, and what devices are spared. */
#include "fake_device.h"

static char heads[8192];

static size_t collect(char *data, size_t one, size_t size, void *ctx)
{
    (void)one, (void)ctx;
    size_t used = strlen(heads);
    snprintf(heads + used, sizeof heads - used, "%.*s", (int)size, data);
    return size;
}

static size_t drop(char *data, size_t one, size_t size, void *ctx)
{
    (void)data, (void)ctx;
    return one * size;
}

static const char *heads_of(struct live *live, const char *path)
{
    char url[128];
    heads[0] = '\0';
    snprintf(url, sizeof url, "%s%s", live->url, path);
    curl_easy_reset(live->curl);
    curl_easy_setopt(live->curl, CURLOPT_URL, url);
    curl_easy_setopt(live->curl, CURLOPT_CAINFO, live->ca);
    curl_easy_setopt(live->curl, CURLOPT_HEADERFUNCTION, collect);
    curl_easy_setopt(live->curl, CURLOPT_WRITEFUNCTION, drop);
    assert_int_equal(curl_easy_perform(live->curl), CURLE_OK);
    return heads;
}

static void test_headers(void **state)
{
    static const char *const wanted[] = {
        ("Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; "
         "frame-ancestors 'none'\r\n"),
        "X-Frame-Options: DENY\r\n",
        "X-Content-Type-Options: nosniff\r\n",
        "Referrer-Policy: no-referrer\r\n",
        "Permissions-Policy: ",
        "Cross-Origin-Resource-Policy: same-origin\r\n",
    };
    static const char *const paths[] = {"/", "/healthz", "/no-such-page", "/api/v1/status"};
    struct live *live = *state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const char *got = heads_of(live, paths[i]);
        for (size_t j = 0; j < sizeof wanted / sizeof *wanted; j++)
            assert_non_null(strstr(got, wanted[j]));
        /* our own CA is no browser's: who has clicked its warning away is not locked in */
        assert_null(strstr(got, "Strict-Transport-Security"));
    }
    assert_null(strstr(heads_of(live, "/v1/image/00"), "Content-Security-Policy"));
    assert_non_null(strstr(heads_of(live, "/"), "200 OK"));
}

static void test_public_certificate(void **state)
{
    struct live *live = *state;
    struct http_options options = {0};
    live->settings.tls_cert = "chain.pem";
    routes_serve(&live->app, &options);
    assert_non_null(strstr(options.headers, "Strict-Transport-Security: max-age=31536000\r\n"));
    live->settings.ca = "ca.pem";
    routes_serve(&live->app, &options);
    assert_null(strstr(options.headers, "Strict-Transport-Security"));
    live->settings.tls_cert = live->settings.ca = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_headers, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(test_public_certificate, live_setup, live_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
