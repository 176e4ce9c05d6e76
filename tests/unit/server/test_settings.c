/* The options of `godwit serve`: defaults, values, refusals; and the address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "case.h"
#include "server/settings.h"
#include "temp_dir.h"

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

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

/* In a file, then in the environment, then in the command line; each wins over the one before. */
static void sources(void **state)
{
    (void)state;
    struct settings settings;
    char dir[64], path[96], words[160];
    temp_dir_make(dir);
    snprintf(path, sizeof path, "%s/settings", dir);
    snprintf(words, sizeof words, "--settings %s", path);
    write_text(path, "# ours\n\ninterval = 7\n  listen=[::1]:1\r\nmirror = https://a\n"
                     "mirror = https://b\n");
    assert_int_equal(parse(&settings, words), -1);
    assert_int_equal(settings.interval_s, 7);
    assert_string_equal(settings.listen, "[::1]:1");
    assert_string_equal(settings.mirrors[1], "https://b");
    settings_free(&settings);
    setenv("GODWIT_INTERVAL", "8", 1);
    setenv("GODWIT_MIRROR", "https://c", 1);
    setenv("GODWIT_CLAIM", "another's", 1);
    assert_int_equal(parse(&settings, words), -1);
    assert_int_equal(settings.interval_s, 8);
    assert_string_equal(settings.mirrors[0], "https://c");
    assert_null(settings.mirrors[1]);
    settings_free(&settings);
    snprintf(words, sizeof words, "--interval 9 --settings=%s", path);
    assert_int_equal(parse(&settings, words), -1);
    assert_int_equal(settings.interval_s, 9);
    settings_free(&settings);
    setenv("GODWIT_INTERVALL", "8", 1);
    assert_int_equal(parse(&settings, words), 2);
    unsetenv("GODWIT_INTERVALL");
    static const char *const WRONG[] = {"intervall = 7",
                                        "interval",
                                        "interval =",
                                        "interval = x",
                                        "= 7",
                                        "--interval = 7",
                                        "settings = x y\nnonsense = 1",
                                        "a-name-that-is-longer-than-any-setting-could-ever-be = 1"};
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        CASE(i);
        write_text(path, WRONG[i]);
        assert_int_equal(parse(&settings, words), 2);
    }
    unsetenv("GODWIT_INTERVAL"), unsetenv("GODWIT_MIRROR"), unsetenv("GODWIT_CLAIM");
    assert_int_equal(parse(&settings, "--settings /nowhere/at/all"), 2);
    temp_dir_drop(dir);
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
        "--wait 3301",
        "--web-listen 0.0.0.0:80",
        "--web-listen 127.0.0.1",
        "--web-cert web.pem",
        "--trusted-proxy proxy.example",
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
        cmocka_unit_test(sources),
        cmocka_unit_test(wrong_words),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
