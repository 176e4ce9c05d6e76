/* Names that may be given, names that may not and why, and what of a text is shown. */
#include "case.h"
#include "formats/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void names_and_what_is_wrong_with_them(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum godwit_name_fault fault;
    } rows[] = {
        {"thermostat", GODWIT_NAME_NONE},
        {"Gerät-Küche", GODWIT_NAME_NONE},
        {"My Garden Sensor", GODWIT_NAME_NONE},
        {"a'b\"c$d;e&f|g\\h?i#j%k", GODWIT_NAME_NONE},
        {"esp-idf: v4.4.6 3572900934", GODWIT_NAME_NONE},
        {"温度计", GODWIT_NAME_NONE},
        {"\xF0\x9F\x8C\xA1", GODWIT_NAME_NONE}, /* a thermometer */
        {"-rf", GODWIT_NAME_NONE},
        {"...", GODWIT_NAME_NONE},
        {"0123456789012345678901234567890", GODWIT_NAME_NONE},
        {"01234567890123456789012345678901", GODWIT_NAME_LONG},
        {"", GODWIT_NAME_MISSING},
        {"   ", GODWIT_NAME_MISSING},
        {"acme/thermo", GODWIT_NAME_SLASH},
        {".", GODWIT_NAME_DOTS},
        {"..", GODWIT_NAME_DOTS},
        {"a\tb", GODWIT_NAME_UNPRINTABLE},
        {"a\nb", GODWIT_NAME_UNPRINTABLE},
        {"\x1b[31mred", GODWIT_NAME_UNPRINTABLE},
        {"a\x7f", GODWIT_NAME_UNPRINTABLE},
        {"a\xC2\x9B"
         "31m",
         GODWIT_NAME_UNPRINTABLE}, /* C1: CSI */
        {"a\xE2\x80\xAE"
         "b",
         GODWIT_NAME_UNPRINTABLE}, /* right-to-left override */
        {"a\xE2\x80\x8B"
         "b",
         GODWIT_NAME_UNPRINTABLE}, /* zero width */
        {"\xFF\xFF\xFF", GODWIT_NAME_NOT_UTF8},
        {"a\xC3", GODWIT_NAME_NOT_UTF8},
        {"\xC0\xAF", GODWIT_NAME_NOT_UTF8}, /* a slash, overlong */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        enum godwit_name_fault fault = godwit_name_check(rows[i].name);
        if (fault != rows[i].fault) print_error("row %zu: '%s'\n", i, rows[i].name);
        assert_int_equal(fault, rows[i].fault);
        assert_true(strlen(godwit_name_fault_words(fault)) > 5);
    }
}

static void texts_are_shown_without_what_steers(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"", ""},
        {"acme/thermo 1.0-\xC3\xA4", "acme/thermo 1.0-\xC3\xA4"},
        {"\x1b]0;title\x07", "?]0;title?"},
        {"a\xC2\x9B"
         "31m",
         "a?31m"},
        {"a\xFF\xFE"
         "b",
         "a??b"},
        {"\xC3\xA4\xC3", "\xC3\xA4?"},
        {"ab\xE2\x80\xAE"
         "cd",
         "ab?cd"},
        {"a\r\nb", "a??b"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        char out[64];
        assert_string_equal(godwit_text_clean(rows[i].text, out), rows[i].shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_what_is_wrong_with_them),
        cmocka_unit_test(texts_are_shown_without_what_steers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
