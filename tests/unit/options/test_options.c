/* The table of options: each kind, each way to be wrong, the help. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options/options.h"

static bool json;
static const char *key;
static uint32_t count;
static struct option_list to;
static struct option_secret secret;
static const char *arguments[2];
static size_t arguments_count;

static const struct option_row ROWS[] = {
    {"--json", OPTION_FLAG, &json, NULL, "print JSON"},
    {"--key", OPTION_TEXT, &key, "FILE", "a key"},
    {"--count", OPTION_NUMBER, &count, "N", "how many"},
    {"--to", OPTION_LIST, &to, "DEVICE", "a device"},
    {"--my-secret", OPTION_SECRET, &secret, "@FILE", "a secret"},
};
static const struct options OPTIONS = {"try", "A [B]", "Tries.", ROWS, 5, arguments, 1, 2};

static int parse(int argc, const char **argv)
{
    json = false;
    key = NULL;
    secret.text[0] = '\0';
    count = 7;
    to.count = arguments_count = 0;
    return options_parse(&OPTIONS, argc, (char **)argv, &arguments_count);
}
#define PARSE(...)                                                              \
    parse((int)(sizeof((const char *[]){"try", __VA_ARGS__}) / sizeof(char *)), \
          (const char *[]){"try", __VA_ARGS__})

static void test_good(void **state)
{
    (void)state;
    assert_int_equal(PARSE("a", "--json", "--key", "k", "b"), -1);
    assert_true(json);
    assert_string_equal(key, "k");
    assert_int_equal(arguments_count, 2);
    assert_string_equal(arguments[1], "b");
    assert_int_equal(count, 7);
    assert_int_equal(PARSE("--count=12", "--to", "x", "--to=y", "a"), -1);
    assert_int_equal(count, 12);
    assert_int_equal(to.count, 2);
    assert_string_equal(to.items[1], "y");
    assert_int_equal(PARSE("-state:failed", "--json"), -1); /* a filter's word */
    assert_string_equal(arguments[0], "-state:failed");
    assert_int_equal(PARSE("--count", "0x10", "--", "--json"), -1);
    assert_int_equal(count, 16);
    assert_false(json);
    assert_string_equal(arguments[0], "--json");
    assert_int_equal(PARSE("--count", "4294967294", "a"), -1);
    assert_int_equal(count, UINT32_MAX - 1);
    assert_int_equal(PARSE("-"), -1); /* a lone dash is a word */
}

static void test_wrong(void **state)
{
    (void)state;
    assert_int_equal(PARSE("a", "--count", "4294967295"), 2); /* would read as "not given" */
    assert_int_equal(PARSE("a", "--nothing"), 2);
    assert_int_equal(PARSE("a", "--js"), 2);
    assert_int_equal(PARSE("a", "--json=yes"), 2);
    assert_int_equal(PARSE("a", "--key"), 2);
    assert_int_equal(PARSE("--json"), 2);
    assert_int_equal(PARSE("a", "b", "c"), 2);
    assert_int_equal(PARSE("a", "--count", "-1"), 2);
    assert_int_equal(PARSE("a", "--count", "4294967296"), 2);
    assert_int_equal(PARSE("a", "--count", "12x"), 2);
    assert_int_equal(PARSE("a", "--count", ""), 2);
}

static void test_help(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--help"), 0);
    assert_int_equal(PARSE("a", "--", "-h"), -1);
}

static const char *file_of(const char *content)
{
    static char argument[64];
    snprintf(argument, sizeof argument, "@/tmp/godwit-secret-%d", (int)getpid());
    FILE *file = fopen(argument + 1, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
    return argument;
}

/* From a file, standard input, the environment; the line's own word counts first. */
static void test_secrets(void **state)
{
    (void)state;
    char longest[OPTION_SECRET_MAX + 1];
    memset(longest, 'x', sizeof longest);
    longest[OPTION_SECRET_MAX - 1] = '\0';
    unsetenv("GODWIT_MY_SECRET");
    assert_int_equal(PARSE("a"), -1);
    assert_string_equal(secret.text, "");
    assert_int_equal(PARSE("a", "--my-secret", file_of("hush\r\nmore")), -1);
    assert_string_equal(secret.text, "hush");
    assert_int_equal(PARSE("a", "--my-secret", file_of("no end")), -1);
    assert_string_equal(secret.text, "no end");
    assert_int_equal(PARSE("a", "--my-secret", file_of(longest)), -1);
    assert_string_equal(secret.text, longest);
    longest[OPTION_SECRET_MAX - 1] = 'x', longest[OPTION_SECRET_MAX] = '\0';
    assert_int_equal(PARSE("a", "--my-secret", file_of(longest)), 2);
    assert_int_equal(PARSE("a", "--my-secret", file_of("")), 2);
    assert_int_equal(PARSE("a", "--my-secret", file_of("\nsecond line")), 2);
    unlink(file_of("") + 1);
    assert_int_equal(PARSE("a", "--my-secret", "@/nowhere"), 2);
    setenv("GODWIT_MY_SECRET", "of the environment", 1);
    assert_int_equal(PARSE("a"), -1);
    assert_string_equal(secret.text, "of the environment");
    assert_int_equal(PARSE("a", "--my-secret", "typed"), -1);
    assert_string_equal(secret.text, "typed");
    setenv("GODWIT_MY_SECRET", "", 1);
    assert_int_equal(PARSE("a"), 2);
    unsetenv("GODWIT_MY_SECRET");
    assert_non_null(freopen("/dev/null", "r", stdin));
    assert_int_equal(PARSE("a", "--my-secret", "-"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
