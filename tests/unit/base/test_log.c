/* An event reaches the back end whole, silence costs nothing, and a level that is compiled out is
 * gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define GODWIT_LOG_LEVEL GODWIT_LOG_INFO
#include "base/log.h"

static void keep(void *ctx, enum godwit_log_level level, const char *event, const char *format,
                 va_list args)
{
    char *line = ctx;
    int size = snprintf(line, 128, "%d %s ", (int)level, event);
    vsnprintf(line + size, 128 - (size_t)size, format, args);
}

static void hands_events_to_the_back_end(void **state)
{
    (void)state;
    char line[128] = "";
    godwit_log_set(keep, line);
    GODWIT_LOG(WARN, "install_begin", "release=%s slot=%u", "1.2.0", 1u);
    assert_string_equal(line, "1 install_begin release=1.2.0 slot=1");
    GODWIT_LOG(DEBUG, "piece", "size=%d", 7); /* compiled out */
    assert_string_equal(line, "1 install_begin release=1.2.0 slot=1");
    godwit_log_set(NULL, NULL);
    GODWIT_LOG(ERROR, "lost", "x=%d", 1);
    assert_string_equal(line, "1 install_begin release=1.2.0 slot=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hands_events_to_the_back_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
