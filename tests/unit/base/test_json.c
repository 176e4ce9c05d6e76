/* What the reader takes and refuses (RFC 8259 and our limits), and what each value reader answers.
 */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TOKENS_MAX 32

static struct godwit_json_token tokens[TOKENS_MAX];

static godwit_err parse(struct godwit_json *json, const char *text)
{
    return godwit_json_parse(json, text, strlen(text), tokens, TOKENS_MAX);
}

static void takes_what_rfc_8259_allows(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{}",
        "[]",
        " \t\r\n{ } \n",
        "{\"a\":1}",
        "{\"a\" : [ 1 , -2.5e+3 , 0 , 0.5E-1, true, false, null, \"x\" ] }",
        "[[[[[[1]]]]]]",
        "{\"\":\"\"}",
        "[\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u00e9 \\uD83D\\uDE00\"]",
        "[\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"]",
        "{\"a\":1,\"a\":2}",
    };
    struct godwit_json json;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (parse(&json, good[i]) != GODWIT_OK) fail_msg("refused: %s", good[i]);
    }
}

static const char *const bad[] = {
    "",
    " ",
    "5",
    "\"x\"",
    "\"x\",1",
    "5,",
    "null",
    "{",
    "}",
    "[",
    "[1",
    "[1}",
    "{\"a\":1]",
    "{}{}",
    "{} x",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1,,2]",
    "{,}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\" 1}",
    "{\"a\":1,}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1:2}",
    "{\"a\":\"b\":\"c\"}",
    "{a:1}",
    "{1:2}",
    "{[]:2}",
    "{true:1}",
    "{'a':1}",
    "[01]",
    "[-]",
    "[+1]",
    "[1.]",
    "[.5]",
    "[1e]",
    "[1e+]",
    "[1-2]",
    "[0x10]",
    "[tru]",
    "[truex]",
    "[nul]",
    "[NaN]",
    "[\"]",
    "[\"\\\"]",
    "[\"\\x\"]",
    "[\"\\u12\"]",
    "[\"\\u12g4\"]",
    "[\"\n\"]",
    "[\"\x1f\"]",
    "[\"\x80\"]",
    "[\"\xc3\"]",
    "[\"\xc0\xaf\"]",
    "[\"\xe0\x80\xaf\"]",
    "[\"\xed\xa0\x80\"]",
    "[\"\xf4\x90\x80\x80\"]",
    "[\"\xf5\x80\x80\x80\"]",
    "[[[[[[[1]]]]]]]",
    "/**/[]",
    "[1]//",
    "\xef\xbb\xbf[]",
};

static void refuses_what_is_no_json(void **state)
{
    (void)state;
    struct godwit_json json;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        godwit_err err = parse(&json, bad[i]);
        if (err != GODWIT_ERR_FORMAT) fail_msg("%s: %s", godwit_err_name(err), bad[i]);
        assert_int_equal(json.count, 0);
    }
    assert_int_equal(godwit_json_parse(&json, "[1]\0", 4, tokens, TOKENS_MAX), GODWIT_ERR_FORMAT);
    assert_int_equal(godwit_json_parse(&json, "[\"a\0b\"]", 7, tokens, TOKENS_MAX),
                     GODWIT_ERR_FORMAT);
}

/* Each prefix of a good text is bad. */
static void refuses_every_truncation(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,{\"b\":\"\\u00e9\\n\"},true],\"c\":-0.5e2}";
    struct godwit_json json;
    assert_int_equal(parse(&json, text), GODWIT_OK);
    for (size_t size = 0; size < sizeof text - 1; size++)
        assert_int_equal(godwit_json_parse(&json, text, size, tokens, TOKENS_MAX),
                         GODWIT_ERR_FORMAT);
}

static void says_space_when_tokens_run_out(void **state)
{
    (void)state;
    struct godwit_json json;
    const char *text = "{\"a\":1,\"b\":[2,3]}";
    assert_int_equal(godwit_json_parse(&json, text, strlen(text), tokens, 7), GODWIT_OK);
    assert_int_equal(godwit_json_parse(&json, text, strlen(text), tokens, 6), GODWIT_ERR_SPACE);
    assert_int_equal(godwit_json_parse(&json, text, strlen(text), tokens, 0), GODWIT_ERR_SPACE);
}

static void finds_members_and_elements(void **state)
{
    (void)state;
    struct godwit_json json;
    const char *text = "{\"o\":{\"x\":1},\"list\":[[10,11],{\"x\":5},12],\"x\":2,\"\\u0079\":3,"
                       "\"x\":4,\"xx\":6}";
    uint32_t value;
    assert_int_equal(parse(&json, text), GODWIT_OK);
    assert_true(godwit_json_is_object(&json, 0));

    assert_int_equal(godwit_json_u32(&json, godwit_json_member(&json, 0, "x"), &value), GODWIT_OK);
    assert_int_equal(value, 2); /* not the one inside, and the first of two */
    assert_int_equal(godwit_json_member(&json, 0, "y"), -1); /* spelled with an escape */
    assert_int_equal(godwit_json_u32(&json, godwit_json_member(&json, 0, "xx"), &value), GODWIT_OK);
    assert_int_equal(value, 6);

    int list = godwit_json_member(&json, 0, "list");
    assert_int_equal(godwit_json_u32(&json, godwit_json_element(&json, list, 2), &value),
                     GODWIT_OK);
    assert_int_equal(value, 12);
    int inner = godwit_json_element(&json, list, 1);
    assert_int_equal(godwit_json_u32(&json, godwit_json_member(&json, inner, "x"), &value),
                     GODWIT_OK);
    assert_int_equal(value, 5);

    /* What is not there, and lookups chained over what is not there. */
    assert_int_equal(godwit_json_member(&json, 0, "z"), -1);
    assert_int_equal(godwit_json_member(&json, 0, ""), -1);
    assert_int_equal(godwit_json_member(&json, list, "x"), -1);
    assert_int_equal(godwit_json_element(&json, 0, 0), -1);
    assert_int_equal(godwit_json_element(&json, list, 3), -1);
    assert_int_equal(godwit_json_element(&json, godwit_json_member(&json, -1, "z"), 0), -1);
    assert_int_equal(godwit_json_u32(&json, -1, &value), GODWIT_ERR_MISSING);
    assert_int_equal(godwit_json_u32(&json, json.count, &value), GODWIT_ERR_MISSING);
    assert_false(godwit_json_is_object(&json, -1));
    assert_false(godwit_json_is_object(&json, list));
}

static void reads_strings(void **state)
{
    (void)state;
    struct godwit_json json;
    char out[16];
    assert_int_equal(parse(&json,
                           "[\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\u00e9\\u20AC\\ud83d\\ude00\","
                           "\"\",7]"),
                     GODWIT_OK);
    assert_int_equal(godwit_json_string(&json, 1, out, sizeof out), GODWIT_OK);
    assert_string_equal(out, "a\"\\/\b\f\n\r\t");
    assert_int_equal(godwit_json_string(&json, 2, out, sizeof out), GODWIT_OK);
    assert_string_equal(out, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_int_equal(godwit_json_string(&json, 2, out, 10), GODWIT_OK);
    memset(out, 0x55, sizeof out);
    assert_int_equal(godwit_json_string(&json, 2, out, 4), GODWIT_ERR_SPACE);
    assert_true(godwit_all((uint8_t *)out + 4, sizeof out - 4, 0x55));
    assert_int_equal(godwit_json_string(&json, 2, out, 9), GODWIT_ERR_SPACE);
    assert_int_equal(godwit_json_string(&json, 3, out, 1), GODWIT_OK);
    assert_string_equal(out, "");
    assert_int_equal(godwit_json_string(&json, 3, out, 0), GODWIT_ERR_SPACE);
    assert_int_equal(godwit_json_string(&json, 4, out, sizeof out), GODWIT_ERR_FORMAT);
    assert_int_equal(godwit_json_string(&json, 0, out, sizeof out), GODWIT_ERR_FORMAT);
    assert_int_equal(godwit_json_string(&json, -1, out, sizeof out), GODWIT_ERR_MISSING);
}

/* JSON by its grammar, but no text. */
static void refuses_escapes_that_are_no_character(void **state)
{
    (void)state;
    static const char *const texts[] = {"[\"\\u0000\"]",  "[\"\\uD83D\"]",
                                        "[\"\\uD83Dx\"]", "[\"\\uD83D\\u0041\"]",
                                        "[\"\\uDE00\"]",  "[\"a\\uDE00\\uDE00\"]"};
    struct godwit_json json;
    char out[16];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(parse(&json, texts[i]), GODWIT_OK);
        assert_int_equal(godwit_json_string(&json, 1, out, sizeof out), GODWIT_ERR_FORMAT);
    }
}

static void reads_integers_and_booleans(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        godwit_err err;
        uint32_t value;
    } rows[] = {
        {"[0]", GODWIT_OK, 0},
        {"[4294967295]", GODWIT_OK, UINT32_MAX},
        {"[4294967296]", GODWIT_ERR_FORMAT, 0},
        {"[4294967300]", GODWIT_ERR_FORMAT, 0},
        {"[42949672950]", GODWIT_ERR_FORMAT, 0},
        {"[18446744073709551616]", GODWIT_ERR_FORMAT, 0},
        {"[99999999999999999999999999]", GODWIT_ERR_FORMAT, 0},
        {"[-1]", GODWIT_ERR_FORMAT, 0},
        {"[1.0]", GODWIT_ERR_FORMAT, 0},
        {"[1e3]", GODWIT_ERR_FORMAT, 0},
        {"[true]", GODWIT_ERR_FORMAT, 0},
        {"[\"1\"]", GODWIT_ERR_FORMAT, 0},
        {"[[1]]", GODWIT_ERR_FORMAT, 0},
    };
    struct godwit_json json;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t value = 77;
        assert_int_equal(parse(&json, rows[i].text), GODWIT_OK);
        assert_int_equal(godwit_json_u32(&json, 1, &value), rows[i].err);
        assert_true(value == (rows[i].err ? 77 : rows[i].value));
    }
    bool value = false;
    assert_int_equal(parse(&json, "[true,false,null,1,\"true\"]"), GODWIT_OK);
    assert_int_equal(godwit_json_bool(&json, 1, &value), GODWIT_OK);
    assert_true(value);
    assert_int_equal(godwit_json_bool(&json, 2, &value), GODWIT_OK);
    assert_false(value);
    for (int node = 3; node < 6; node++)
        assert_int_equal(godwit_json_bool(&json, node, &value), GODWIT_ERR_FORMAT);
}

static void reads_bytes(void **state)
{
    (void)state;
    struct godwit_json json;
    uint8_t out[4] = {0};
    size_t size;
    assert_int_equal(parse(&json, "[\"00fFa5\",\"AP+l\",\"\\u0030\\u0030\",7]"), GODWIT_OK);
    assert_int_equal(godwit_json_hex(&json, 1, out, 3), GODWIT_OK);
    assert_memory_equal(out, "\x00\xff\xa5", 3);
    assert_int_equal(godwit_json_hex(&json, 1, out, 2), GODWIT_ERR_FORMAT);
    assert_int_equal(godwit_json_hex(&json, 1, out, 4), GODWIT_ERR_FORMAT);
    assert_int_equal(godwit_json_hex(&json, 3, out, 1), GODWIT_ERR_FORMAT);
    assert_int_equal(godwit_json_hex(&json, 4, out, 1), GODWIT_ERR_FORMAT);
    assert_int_equal(godwit_json_base64(&json, 2, out, 3, &size), GODWIT_OK);
    assert_int_equal(size, 3);
    assert_memory_equal(out, "\x00\xff\xa5", 3);
    assert_int_equal(godwit_json_base64(&json, 2, out, 2, &size), GODWIT_ERR_SPACE);
    assert_int_equal(godwit_json_base64(&json, 4, out, 3, &size), GODWIT_ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_rfc_8259_allows),
        cmocka_unit_test(refuses_what_is_no_json),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(says_space_when_tokens_run_out),
        cmocka_unit_test(finds_members_and_elements),
        cmocka_unit_test(reads_strings),
        cmocka_unit_test(refuses_escapes_that_are_no_character),
        cmocka_unit_test(reads_integers_and_booleans),
        cmocka_unit_test(reads_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
