/* The options of `godwit serve`: defaults, values, refusals; and the address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#include "case.h"
#include "server/settings.h"

static int parse(struct settings *out, const char *words)
{
    static char copy[256];
    char *argv[16] = {(char *)"serve"}, *rest = copy;
    int argc = 1;
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word; (word = strsep(&rest, " "));)
        if (*word) argv[argc++] = word;
    return settings_parse(argc, argv, out);
}

static void defaults_and_values(void **state)
{
    (void)state;
    struct settings settings;
    assert_int_equal(parse(&settings, ""), -1);
    assert_string_equal(settings.data, "./godwit-data");
    assert_string_equal(settings.listen, "127.0.0.1:8443");
    assert_int_equal(settings.interval_s, 60);
    assert_null(settings.tls_cert);
    assert_int_equal(parse(&settings, "--data /x --interval=2 --name a,b"), -1);
    assert_string_equal(settings.data, "/x");
    assert_string_equal(settings.name, "a,b");
    assert_int_equal(settings.interval_s, 2);
    assert_null(settings.mirrors[0]);
    assert_int_equal(parse(&settings, "--mirror https://one/fw --mirror=http://two:8443"), -1);
    assert_string_equal(settings.mirrors[0], "https://one/fw");
    assert_string_equal(settings.mirrors[1], "http://two:8443");
}

static void wrong_words(void **state)
{
    (void)state;
    struct settings settings;
    static const char *const WRONG[] = {
        "--nonsense",
        "word",
        "--data",
        "--interval 0",
        "--interval x",
        "--interval 604801",
        "--interval",
        "--loops 65",
        "--mirror",
        "--mirror ftp://x",
        "--mirror https://",
        "--mirror https://x/",
        "--mirror https://x?y",
        "--mirror https://a --mirror https://b --mirror https://c",
        ("--mirror https://0123456789012345678901234567890123456789"
         "012345678901234567890123456789abcdefghij"),
    };
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        CASE(i);
        assert_int_equal(parse(&settings, WRONG[i]), 2);
    }
    assert_int_equal(parse(&settings, "--help"), 0);
}

static void addresses(void **state)
{
    (void)state;
    const struct {
        const char *listen, *address;
        uint16_t port;
    } good[] = {{"127.0.0.1:8443", "127.0.0.1", 8443}, {"[::1]:0", "::1", 0}};
    static const char *const BAD[] = {"", "8443", ":8443", "host:", "host:x", "host:65536"};
    char address[64];
    uint16_t port;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(settings_listen(good[i].listen, address, sizeof address, &port),
                         GODWIT_OK);
        assert_string_equal(address, good[i].address);
        assert_int_equal(port, good[i].port);
    }
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        CASE(i);
        assert_int_equal(settings_listen(BAD[i], address, sizeof address, &port),
                         GODWIT_ERR_FORMAT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_and_values),
        cmocka_unit_test(wrong_words),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
