/* Patterns. */
#include "filter/fields.h"
#include "fixture.h"

#include <string.h>

static void a_pattern_is_the_whole_text(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool is;
    } ROWS[] = {{"", "", true},
                {"", "a", false},
                {"\1", "", true},
                {"\1", "ab", true},
                {"a\1", "ba", false},
                {"\1a", "ba", true},
                {"a\1b", "aab", true},
                {"a\1b", "abx", false},
                {"\1a\1", "xay", true},
                {"a\1a", "a", false},
                {"ab", "AB", true},
                {"\1\1", "", true},
                {"a\1b\1c", "axbxbxc", true},
                {"_", "a", false},
                {"%", "a", false}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        if (filter_pattern_is(ROWS[i].pattern, strlen(ROWS[i].pattern), ROWS[i].text) != ROWS[i].is)
            fail_msg("row %zu", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_is_the_whole_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
