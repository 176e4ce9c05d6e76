/* Range and entity tags, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "case.h"
#include "http/internal.h"

static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        uint64_t size;
        enum range_kind kind;
        uint64_t first, last;
    } rows[] = {
        {"bytes=0-0", 10, RANGE_PART, 0, 0},
        {"bytes=0-9", 10, RANGE_PART, 0, 9},
        {"bytes=3-", 10, RANGE_PART, 3, 9},
        {"bytes=3-100", 10, RANGE_PART, 3, 9},
        {"bytes=-3", 10, RANGE_PART, 7, 9},
        {"bytes=-30", 10, RANGE_PART, 0, 9},
        {"bytes=9-9", 10, RANGE_PART, 9, 9},
        {"bytes=10-", 10, RANGE_NONE, 0, 0},
        {"bytes=10-20", 10, RANGE_NONE, 0, 0},
        {"bytes=-0", 10, RANGE_NONE, 0, 0},
        {"bytes=0-", 0, RANGE_NONE, 0, 0},
        {"bytes=-1", 0, RANGE_NONE, 0, 0},
        {"bytes=5-3", 10, RANGE_WHOLE, 0, 0},
        {"bytes=0-1,3-4", 10, RANGE_WHOLE, 0, 0},
        {"bytes=-", 10, RANGE_WHOLE, 0, 0},
        {"bytes=", 10, RANGE_WHOLE, 0, 0},
        {"bytes=a-b", 10, RANGE_WHOLE, 0, 0},
        {"bytes=1-2x", 10, RANGE_WHOLE, 0, 0},
        {"bytes=+1-2", 10, RANGE_WHOLE, 0, 0},
        {"bytes=99999999999999999999-", 10, RANGE_WHOLE, 0, 0},
        {"lines=0-1", 10, RANGE_WHOLE, 0, 0},
        {"", 10, RANGE_WHOLE, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        uint64_t first = 0, last = 0;
        enum range_kind kind = range_parse(rows[i].value, rows[i].size, &first, &last);
        if (kind != rows[i].kind || first != rows[i].first || last != rows[i].last)
            fail_msg("%s of %d", rows[i].value, (int)rows[i].size);
    }
}

static void test_etags(void **state)
{
    (void)state;
    assert_true(etag_listed("\"a\"", "\"a\""));
    assert_true(etag_listed("W/\"a\"", "\"a\""));
    assert_true(etag_listed("\"b\", \"a\"", "\"a\""));
    assert_true(etag_listed("*", "\"a\""));
    assert_false(etag_listed("\"b\"", "\"a\""));
    assert_false(etag_listed("\"aa\"", "\"a\""));
    assert_false(etag_listed("a", "\"a\""));
    assert_false(etag_listed("\"a", "\"a\""));
    assert_false(etag_listed("", "\"a\""));
    assert_true(etag_listed_strongly("W/\"a\", \"a\"", "\"a\""));
    assert_true(etag_listed_strongly("*", "\"a\""));
    assert_false(etag_listed_strongly("W/\"a\"", "\"a\""));
    assert_false(etag_listed_strongly("\"b\"", "\"a\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ranges), cmocka_unit_test(test_etags)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
