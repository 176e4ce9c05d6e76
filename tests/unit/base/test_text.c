/* Bounded append at every size, the codecs against RFC 4648's vectors, UTF-8's borders, and the
 * order of versions, shown total. */
#include "base/text.h"
#include "case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void build(struct godwit_text *text)
{
    godwit_text_add(text, "slot=");
    godwit_text_add_u32(text, 0);
    godwit_text_add_bytes(text, " x=yy", 4);
    godwit_text_add_u32(text, UINT32_MAX);
    godwit_text_add(text, " ");
    godwit_text_add_hex(text, (const uint8_t *)"\x0F\xA0", 2);
}

static void appends_within_bounds(void **state)
{
    (void)state;
    static const char whole[] = "slot=0 x=y4294967295 0fa0";
    char data[64];
    struct godwit_text text;
    for (size_t size_max = 0; size_max <= sizeof data; size_max++) {
        CASE(size_max);
        memset(data, 0x55, sizeof data);
        godwit_text_init(&text, data, size_max);
        build(&text);
        assert_true(text.overflow == (size_max < sizeof whole));
        assert_true(godwit_all((uint8_t *)data + size_max, sizeof data - size_max, 0x55));
        if (size_max == 0) continue;
        assert_int_equal(strlen(data), text.size);
        assert_memory_equal(data, whole, text.size); /* a piece is there whole or not at all */
    }
    assert_string_equal(data, whole);
}

static void adds_nothing_behind_a_hole(void **state)
{
    (void)state;
    char data[8];
    struct godwit_text text;
    godwit_text_init(&text, data, sizeof data);
    godwit_text_add(&text, "abc");
    godwit_text_add(&text, "too large");
    godwit_text_add(&text, "d");
    godwit_text_add_hex(&text, (const uint8_t *)"e", 1);
    assert_string_equal(data, "abc");
    assert_true(text.overflow);
}

static void hex_goes_both_ways(void **state)
{
    (void)state;
    uint8_t bytes[256], back[256];
    char text[513];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    godwit_hex_encode(bytes, sizeof bytes, text);
    assert_int_equal(strlen(text), 512);
    assert_memory_equal(text + 2 * 0xAF, "af", 2);
    assert_int_equal(godwit_hex_decode(text, 512, back, 256), GODWIT_OK);
    assert_memory_equal(back, bytes, sizeof bytes);
    assert_int_equal(godwit_hex_decode("aF", 2, back, 1), GODWIT_OK);
    assert_int_equal(back[0], 0xAF);

    assert_int_equal(godwit_hex_decode("aff", 3, back, 1), GODWIT_ERR_FORMAT);
    assert_int_equal(godwit_hex_decode("a", 1, back, 0), GODWIT_ERR_FORMAT);
    assert_int_equal(godwit_hex_decode("affe", 4, back, 1), GODWIT_ERR_FORMAT);
    assert_int_equal(godwit_hex_decode("a", 1, back, 1), GODWIT_ERR_FORMAT);
    static const char near[] = "/:@G`g \0";
    for (size_t i = 0; i < sizeof near; i++) {
        CASE(i);
        char pair[2] = {'0', near[i]};
        assert_int_equal(godwit_hex_decode(pair, 2, back, 1), GODWIT_ERR_FORMAT);
        char other[2] = {near[i], '0'};
        assert_int_equal(godwit_hex_decode(other, 2, back, 1), GODWIT_ERR_FORMAT);
    }
}

static void base64_agrees_with_rfc_4648(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/"},
    };
    char text[16];
    uint8_t back[16];
    size_t size;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CASE(i);
        size_t plain_size = strlen(rows[i][0]);
        godwit_base64_encode((const uint8_t *)rows[i][0], plain_size, text);
        assert_string_equal(text, rows[i][1]);
        assert_int_equal(godwit_base64_decode(text, strlen(text), back, plain_size, &size),
                         GODWIT_OK);
        assert_int_equal(size, plain_size);
        assert_memory_equal(back, rows[i][0], size);
        if (size > 0)
            assert_int_equal(godwit_base64_decode(text, strlen(text), back, plain_size - 1, &size),
                             GODWIT_ERR_SPACE);
    }
}

static void base64_has_one_spelling(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Z",        "Zg",   "Zg=",   "Zg===", "Zh==",  "Zm9=", "Z===", "====",
        "Zg==Zg==", "Z=g=", "Zm9v ", "Zm 9",  "Zm9\n", "Zm9-", "Zm9_", "=Zm9",
    };
    uint8_t out[16];
    size_t size;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CASE(i);
        if (godwit_base64_decode(bad[i], strlen(bad[i]), out, sizeof out, &size) !=
            GODWIT_ERR_FORMAT)
            fail_msg("taken: %s", bad[i]);
        assert_int_equal(size, 0);
    }
}

static void utf8_borders(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size, expected;
    } rows[] = {
        {"a", 1, 1},
        {"\x7F", 1, 1},
        {"\x80", 1, 0},
        {"\xC1\xBF", 2, 0},
        {"\xC2\x80", 2, 2},
        {"\xDF\xBF", 2, 2},
        {"\xE0\x9F\xBF", 3, 0},
        {"\xE0\xA0\x80", 3, 3},
        {"\xED\x9F\xBF", 3, 3},
        {"\xED\xA0\x80", 3, 0},
        {"\xEF\xBF\xBF", 3, 3},
        {"\xF0\x8F\xBF\xBF", 4, 0},
        {"\xF0\x90\x80\x80", 4, 4},
        {"\xF4\x8F\xBF\xBF", 4, 4},
        {"\xF4\x90\x80\x80", 4, 0},
        {"\xF5\x80\x80\x80", 4, 0},
        {"\xC2\x41", 2, 0},
        {"\xE2\x82\x41", 3, 0},
        {"\xE2\x82\xAC", 2, 0}, /* cut */
        {"", 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CASE(i);
        assert_int_equal(godwit_utf8_size(rows[i].bytes, rows[i].size), rows[i].expected);
    }
}

/* In ascending order, from SemVer 2.0 section 11 and from what versions look like in the field. */
static const char *const versions[] = {
    "",
    "0.9",
    "1",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-alpha-x",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.0+build1",
    "1.0.1",
    "1.9.3",
    "v1.10.0-rc2",
    "1.10.0-rc10",
    "1.10.0",
    "v1.10.0",
    "1.10.0.1",
    "2.0.0",
    "2024.1.1",
    "99999999999999999999.0",
    "100000000000000000000.0",
    "garbage",
};

static void versions_are_ordered_and_the_order_is_total(void **state)
{
    (void)state;
    const int count = sizeof versions / sizeof versions[0];
    for (int i = 0; i < count; i++) {
        CASE(i);
        for (int k = 0; k < count; k++) {
            CASE(k);
            int order = godwit_version_compare(versions[i], versions[k]);
            int expected = (i > k) - (i < k);
            if (order != expected) fail_msg("%s against %s: %d", versions[i], versions[k], order);
        }
    }
}

static void versions_equal_in_meaning_still_differ(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"v1.0.0", "1.0.0"}, {"1.00.0", "1.0.0"}, {"1.0.0+a", "1.0.0+b"}, {"1.0.0-01", "1.0.0-1"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        CASE(i);
        int order = godwit_version_compare(pairs[i][0], pairs[i][1]);
        assert_int_not_equal(order, 0);
        assert_int_equal(godwit_version_compare(pairs[i][1], pairs[i][0]), -order);
    }
    assert_int_equal(godwit_version_compare("1.0.0", "1.0.0"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_within_bounds),
        cmocka_unit_test(adds_nothing_behind_a_hole),
        cmocka_unit_test(hex_goes_both_ways),
        cmocka_unit_test(base64_agrees_with_rfc_4648),
        cmocka_unit_test(base64_has_one_spelling),
        cmocka_unit_test(utf8_borders),
        cmocka_unit_test(versions_are_ordered_and_the_order_is_total),
        cmocka_unit_test(versions_equal_in_meaning_still_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
