/* What the reader takes and refuses (RFC 8259 and our limits), and what each value reader answers.
 */
#include "base/json.h"
#include "case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The whole text, read and thrown away; a root that is no object or array is the opener's affair.
 */
static godwit_err parse_bytes(const char *text, size_t size)
{
    struct godwit_json json;
    godwit_json_init(&json, text, size);
    godwit_err err = godwit_json_open(&json, '{');
    if (err) err = godwit_json_open(&json, '[');
    while (!err && !(err = godwit_json_next(&json, NULL)))
        err = godwit_json_skip(&json);
    return err == GODWIT_ERR_END ? godwit_json_finish(&json) : err;
}

static godwit_err parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

/* Inside the list that the text is, in front of its first element. */
static void enter(struct godwit_json *json, const char *text)
{
    godwit_json_init(json, text, strlen(text));
    assert_int_equal(godwit_json_open(json, '['), GODWIT_OK);
    assert_int_equal(godwit_json_next(json, NULL), GODWIT_OK);
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
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CASE(i);
        if (parse(good[i]) != GODWIT_OK) fail_msg("refused: %s", good[i]);
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
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CASE(i);
        godwit_err err = parse(bad[i]);
        if (err != GODWIT_ERR_FORMAT) fail_msg("%s: %s", godwit_err_name(err), bad[i]);
    }
    assert_int_equal(parse_bytes("[1]\0", 4), GODWIT_ERR_FORMAT);
    assert_int_equal(parse_bytes("[\"a\0b\"]", 7), GODWIT_ERR_FORMAT);
}

/* Each prefix of a good text is bad. */
static void refuses_every_truncation(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,{\"b\":\"\\u00e9\\n\"},true],\"c\":-0.5e2}";
    assert_int_equal(parse(text), GODWIT_OK);
    for (size_t size = 0; size < sizeof text - 1; size++) {
        CASE(size);
        assert_int_equal(parse_bytes(text, size), GODWIT_ERR_FORMAT);
    }
}

/* Keys and values come in the text's order; what is skipped is skipped whole. */
static void walks_through_members_and_elements(void **state)
{
    (void)state;
    static const char text[] = "{\"o\":{\"x\":1},\"list\":[[10,11],{\"x\":5},12],\"x\":2,"
                               "\"\\u0078\":3}";
    struct godwit_json json;
    struct godwit_json_text key;
    uint32_t value;
    godwit_json_init(&json, text, sizeof text - 1);
    assert_int_equal(godwit_json_open(&json, '{'), GODWIT_OK);
    assert_int_equal(godwit_json_next(&json, &key), GODWIT_OK);
    assert_true(godwit_json_is(&key, "o"));
    assert_false(godwit_json_is(&key, "") || godwit_json_is(&key, "oo"));
    assert_int_equal(godwit_json_skip(&json), GODWIT_OK);
    assert_int_equal(godwit_json_next(&json, &key), GODWIT_OK);
    assert_true(godwit_json_is(&key, "list"));
    assert_int_equal(godwit_json_open(&json, '['), GODWIT_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(godwit_json_next(&json, NULL), GODWIT_OK);
        assert_int_equal(godwit_json_skip(&json), GODWIT_OK);
    }
    assert_int_equal(godwit_json_next(&json, NULL), GODWIT_OK);
    assert_int_equal(godwit_json_u32(&json, &value), GODWIT_OK);
    assert_int_equal(value, 12);
    assert_int_equal(godwit_json_next(&json, NULL), GODWIT_ERR_END);
    assert_int_equal(godwit_json_next(&json, &key), GODWIT_OK);
    assert_int_equal(godwit_json_u32(&json, &value), GODWIT_OK);
    assert_int_equal(value, 2);
    assert_int_equal(godwit_json_next(&json, &key), GODWIT_OK);
    assert_false(godwit_json_is(&key, "x")); /* spelled with an escape: nobody's name */
    assert_int_equal(godwit_json_skip(&json), GODWIT_OK);
    assert_int_equal(godwit_json_finish(&json), GODWIT_ERR_FORMAT); /* not closed yet */
    assert_int_equal(godwit_json_next(&json, &key), GODWIT_ERR_END);
    assert_int_equal(godwit_json_finish(&json), GODWIT_OK);
}

static void opens_only_what_stands_there(void **state)
{
    (void)state;
    struct godwit_json json;
    enter(&json, "[{}]");
    assert_int_equal(godwit_json_open(&json, '['), GODWIT_ERR_FORMAT);
    enter(&json, "[[]]");
    assert_int_equal(godwit_json_open(&json, '{'), GODWIT_ERR_FORMAT);
    godwit_json_init(&json, "", 0);
    assert_int_equal(godwit_json_open(&json, '{'), GODWIT_ERR_FORMAT);
}

/* Each reader on its own fresh look at an element. */
static godwit_err string_of(const char *text, char *out, size_t size_max)
{
    struct godwit_json json;
    enter(&json, text);
    return godwit_json_string(&json, out, size_max);
}

static void reads_strings(void **state)
{
    (void)state;
    static const char signs[] = "[\"\\u00e9\\u20AC\\ud83d\\ude00\"]";
    char out[16];
    assert_int_equal(string_of("[\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", out, sizeof out), GODWIT_OK);
    assert_string_equal(out, "a\"\\/\b\f\n\r\t");
    assert_int_equal(string_of(signs, out, sizeof out), GODWIT_OK);
    assert_string_equal(out, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_int_equal(string_of(signs, out, 10), GODWIT_OK);
    memset(out, 0x55, sizeof out);
    assert_int_equal(string_of(signs, out, 4), GODWIT_ERR_SPACE);
    assert_true(godwit_all((uint8_t *)out + 4, sizeof out - 4, 0x55));
    assert_int_equal(string_of(signs, out, 9), GODWIT_ERR_SPACE);
    assert_int_equal(string_of("[\"\"]", out, 1), GODWIT_OK);
    assert_string_equal(out, "");
    assert_int_equal(string_of("[\"\"]", out, 0), GODWIT_ERR_SPACE);
    assert_int_equal(string_of("[7]", out, sizeof out), GODWIT_ERR_FORMAT);
    assert_int_equal(string_of("[[\"a\"]]", out, sizeof out), GODWIT_ERR_FORMAT);
}

/* JSON by its grammar, but no text. */
static void refuses_escapes_that_are_no_character(void **state)
{
    (void)state;
    static const char *const texts[] = {"[\"\\u0000\"]",  "[\"\\uD83D\"]",
                                        "[\"\\uD83Dx\"]", "[\"\\uD83D\\u0041\"]",
                                        "[\"\\uDE00\"]",  "[\"a\\uDE00\\uDE00\"]"};
    char out[16];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CASE(i);
        assert_int_equal(parse(texts[i]), GODWIT_OK);
        assert_int_equal(string_of(texts[i], out, sizeof out), GODWIT_ERR_FORMAT);
    }
}

/* The first element as a number, and behind it nothing that would make it another one. */
static godwit_err number_of(const char *text, uint32_t *value_out)
{
    struct godwit_json json;
    enter(&json, text);
    godwit_err err = godwit_json_u32(&json, value_out);
    if (err) return err;
    return godwit_json_next(&json, NULL) == GODWIT_ERR_END ? GODWIT_OK : GODWIT_ERR_FORMAT;
}

static godwit_err truth_of(const char *text, bool *value_out)
{
    struct godwit_json json;
    enter(&json, text);
    return godwit_json_bool(&json, value_out);
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
        {"[ 4294967295 ]", GODWIT_OK, UINT32_MAX},
        {"[4294967296]", GODWIT_ERR_FORMAT, 0},
        {"[4294967300]", GODWIT_ERR_FORMAT, 0},
        {"[42949672950]", GODWIT_ERR_FORMAT, 0},
        {"[18446744073709551616]", GODWIT_ERR_FORMAT, 0},
        {"[99999999999999999999999999]", GODWIT_ERR_FORMAT, 0},
        {"[01]", GODWIT_ERR_FORMAT, 0},
        {"[-1]", GODWIT_ERR_FORMAT, 0},
        {"[1.0]", GODWIT_ERR_FORMAT, 0},
        {"[1e3]", GODWIT_ERR_FORMAT, 0},
        {"[true]", GODWIT_ERR_FORMAT, 0},
        {"[\"1\"]", GODWIT_ERR_FORMAT, 0},
        {"[[1]]", GODWIT_ERR_FORMAT, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CASE(i);
        uint32_t value = 77;
        if (number_of(rows[i].text, &value) != rows[i].err) fail_msg("%s", rows[i].text);
        if (!rows[i].err) assert_int_equal(value, rows[i].value);
    }
    static const char *const no_truth[] = {"[null]", "[1]", "[\"true\"]", "[tru]"};
    bool value = false;
    assert_int_equal(truth_of("[true]", &value), GODWIT_OK);
    assert_true(value);
    assert_int_equal(truth_of("[ false]", &value), GODWIT_OK);
    assert_false(value);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(truth_of(no_truth[i], &value), GODWIT_ERR_FORMAT);
}

static godwit_err hex_of(const char *text, uint8_t *out, size_t size)
{
    struct godwit_json json;
    enter(&json, text);
    return godwit_json_hex(&json, out, size);
}

static godwit_err base64_of(const char *text, uint8_t *out, size_t size)
{
    struct godwit_json json;
    enter(&json, text);
    return godwit_json_base64(&json, out, size);
}

static void reads_bytes(void **state)
{
    (void)state;
    uint8_t out[4] = {0};
    assert_int_equal(hex_of("[\"00fFa5\"]", out, 3), GODWIT_OK);
    assert_memory_equal(out, "\x00\xff\xa5", 3);
    assert_int_equal(hex_of("[\"00fFa5\"]", out, 2), GODWIT_ERR_FORMAT);
    assert_int_equal(hex_of("[\"00fFa5\"]", out, 4), GODWIT_ERR_FORMAT);
    assert_int_equal(hex_of("[\"\\u0030\\u0030\"]", out, 1), GODWIT_ERR_FORMAT);
    assert_int_equal(hex_of("[7]", out, 1), GODWIT_ERR_FORMAT);
    assert_int_equal(base64_of("[\"AP+l\"]", out, 3), GODWIT_OK);
    assert_memory_equal(out, "\x00\xff\xa5", 3);
    assert_int_equal(base64_of("[\"AP+l\"]", out, 2), GODWIT_ERR_FORMAT);
    assert_int_equal(base64_of("[\"AP+l\"]", out, 4), GODWIT_ERR_FORMAT);
    assert_int_equal(base64_of("[7]", out, 3), GODWIT_ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_rfc_8259_allows),
        cmocka_unit_test(refuses_what_is_no_json),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(walks_through_members_and_elements),
        cmocka_unit_test(opens_only_what_stands_there),
        cmocka_unit_test(reads_strings),
        cmocka_unit_test(refuses_escapes_that_are_no_character),
        cmocka_unit_test(reads_integers_and_booleans),
        cmocka_unit_test(reads_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
