/* Names on the command line, and how they get into addresses. */
#include "cli/names.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void names_are_checked_by_the_one_rule(void **state)
{
    (void)state;
    static const struct options OPTIONS = {.command = "test", .usage = ""};
    assert_int_equal(name_check(&OPTIONS, "--product", NULL), -1);
    assert_int_equal(name_check(&OPTIONS, "--product", "My Garden Sensor"), -1);
    assert_int_equal(name_check(&OPTIONS, "--product", ""), 2);
    assert_int_equal(name_check(&OPTIONS, "--product", "a/b"), 2);
    assert_int_equal(name_check(&OPTIONS, "--product",
                                "a name of far more than sixty-four bytes, which is cut where it "
                                "is shown to the person who typed it"),
                     2);
}

static void addresses_hold_any_name(void **state)
{
    (void)state;
    char address[64];
    struct godwit_text text;
    godwit_text_init(&text, address, sizeof address);
    godwit_text_add(&text, "/p/");
    address_add(&text, "Ger\xC3\xA4t #1?&%/~x");
    assert_string_equal(address, "/p/Ger%C3%A4t%20%231%3F%26%25%2F~x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_checked_by_the_one_rule),
        cmocka_unit_test(addresses_hold_any_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
