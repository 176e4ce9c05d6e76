/* Lines of the log: conversions, and values that try to leave their place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "case.h"
#include "rt/log_line.h"

static char out[64];

__attribute__((format(printf, 1, 2))) static const char *line(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t size = log_line_format(out, sizeof out, format, args);
    va_end(args);
    assert_int_equal(size, strlen(out));
    return out;
}

static void test_conversions(void **state)
{
    (void)state;
    assert_string_equal(line("a=%d b=%u c=%zu", -7, 7u, (size_t)8), "a=-7 b=7 c=8");
    assert_string_equal(line("a=%llu b=%02x c=%c%%", 1ull << 40, 10u, 'x'),
                        "a=1099511627776 b=0a c=x%");
    assert_string_equal(line("peer=%s status=%d", "192.0.2.1", 400), "peer=192.0.2.1 status=400");
    assert_string_equal(line("a=%s", (const char *)NULL), "a=\"\"");
}

static void test_values_stay_in_place(void **state)
{
    (void)state;
    static const struct {
        const char *value, *quoted, *bare;
    } rows[] = {
        {"plain-1.0", "v=\"plain-1.0\"", "v=plain-1.0"},
        {"a b", "v=\"a b\"", "v=\"a b\""},
        {"a=b", "v=\"a=b\"", "v=\"a=b\""},
        {"x\" level=error y=\"", "v=\"x\\\" level=error y=\\\"\"",
         "v=\"x\\\" level=error y=\\\"\""},
        {"x\ntime=0 event=forged", "v=\"x\\ntime=0 event=forged\"",
         "v=\"x\\ntime=0 event=forged\""},
        {"\x1b[31m\r\t\x7f", "v=\"\\x1b[31m\\x0d\\x09\\x7f\"", "v=\"\\x1b[31m\\x0d\\x09\\x7f\""},
        {"back\\slash", "v=\"back\\\\slash\"", "v=\"back\\\\slash\""},
        {"Küche", "v=\"Küche\"", "v=Küche"},
        {"", "v=\"\"", "v=\"\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        assert_string_equal(line("v=\"%s\"", rows[i].value), rows[i].quoted);
        assert_string_equal(line("v=%s", rows[i].value), rows[i].bare);
    }
}

static void test_too_long(void **state)
{
    (void)state;
    char value[200];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    assert_int_equal(strlen(line("v=%s", value)), sizeof out - 1);
    memset(value, '\n', sizeof value - 1); /* never half an escape */
    assert_int_equal(strlen(line("v=%s", value)) % 2, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversions),
        cmocka_unit_test(test_values_stay_in_place),
        cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
