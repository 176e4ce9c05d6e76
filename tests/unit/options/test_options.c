/* The table of options: each kind, each way to be wrong, the help. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "options/options.h"

static bool json;
static const char *key;
static uint32_t count;
static struct option_list to;
static const char *arguments[2];
static size_t arguments_count;

static const struct option_row ROWS[] = {
    {"--json", OPTION_FLAG, &json, NULL, "print JSON"},
    {"--key", OPTION_TEXT, &key, "FILE", "a key"},
    {"--count", OPTION_NUMBER, &count, "N", "how many"},
    {"--to", OPTION_LIST, &to, "DEVICE", "a device"},
};
static const struct options OPTIONS = {"try", "A [B]", "Tries.", ROWS, 4, arguments, 1, 2};

static int parse(int argc, const char **argv)
{
    json = false;
    key = NULL;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
