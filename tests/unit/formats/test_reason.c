/* The list of reasons keeps its promises: numbers and ids are unique, ids are of one shape, and a
 * sentence stands behind each. */
#include "case.h"
#include "formats/reason.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ROW(name, number, id, sentence) {number, id, sentence},
static const struct {
    uint32_t number;
    const char *id, *sentence;
} rows[] = {GODWIT_REASONS(ROW)};
#undef ROW

static void every_reason_is_found_by_its_number(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CASE(i);
        assert_string_equal(godwit_reason_id(rows[i].number), rows[i].id);
        assert_string_equal(godwit_reason_sentence(rows[i].number), rows[i].sentence);
        assert_true(strlen(rows[i].sentence) > 5);
        assert_int_equal(strspn(rows[i].id, "abcdefghijklmnopqrstuvwxyz-"), strlen(rows[i].id));
        for (size_t k = 0; k < i; k++) {
            CASE(k);
            assert_true(rows[k].number < rows[i].number);
            assert_string_not_equal(rows[k].id, rows[i].id);
        }
    }
}

static void an_unknown_number_is_said_to_be_unknown(void **state)
{
    (void)state;
    assert_string_equal(godwit_reason_id(4000), "unknown");
    assert_true(strlen(godwit_reason_sentence(4000)) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_is_found_by_its_number),
        cmocka_unit_test(an_unknown_number_is_said_to_be_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
