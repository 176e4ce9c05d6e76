/* Events out of bytes, however they are cut, and whatever a server sends. */
#include "case.h"
#include "cli/event_lines.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

struct heard {
    char text[200];
};

static void hear(void *ctx, const struct event_lines *event)
{
    struct heard *heard = ctx;
    size_t used = strlen(heard->text);
    snprintf(heard->text + used, sizeof heard->text - used, "%s@%s ", event->kind, event->id);
}

static const char LONG[] =
    "01234567890123456789012345678901234567890123456789012345678901234567890"
    "01234567890123456789012345678901234567890123456789012345678901234567890";

static const struct {
    const char *text, *heard;
} CASES[] = {
    {"", ""},
    {":\n\n:\n\n", ""},
    {"retry: 2000\nid: 7-1\nevent: ready\ndata: {}\n\n", "ready@7-1 "},
    {"id: 7-2\r\nevent: device\r\n\r\nevent:rollout\n\n", "device@7-2 rollout@ "},
    {"id: 7-2\nevent: device\n", ""}, /* it has not ended */
    {"data: event: device\n\n", ""},
    {"id: 1\nX-Evil: 1\nevent: a\n\n", "a@1 "},
    {"id: 1 2\nevent: a\n\n", "a@ "},
    {"id: 1\033[2J\nevent: a\n\n", "a@ "},
    {"id: 1111111111222222222233333333334444444444555555555566666\nevent: a\n\n", "a@ "},
    {"event: a\nevent: b\n\n", "b@ "},
};

static void events_are_found_however_they_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        for (size_t piece = 1; piece < 40; piece++) {
            struct event_lines lines = {0};
            struct heard heard = {0};
            size_t size = strlen(CASES[i].text);
            CASE(i);
            for (size_t at = 0; at < size; at += piece)
                event_lines_feed(&lines, CASES[i].text + at, size - at < piece ? size - at : piece,
                                 hear, &heard);
            assert_string_equal(heard.text, CASES[i].heard);
        }
}

static void a_line_without_end_is_no_event(void **state)
{
    (void)state;
    struct event_lines lines = {0};
    struct heard heard = {0};
    for (int i = 0; i < 10000; i++)
        event_lines_feed(&lines, LONG, sizeof LONG - 1, hear, &heard);
    event_lines_feed(&lines, "\nevent: a\n\n", 11, hear, &heard);
    assert_string_equal(heard.text, "a@ ");
}

static void keep_data(void *ctx, const struct event_lines *event)
{
    snprintf(ctx, sizeof((struct event_lines *)0)->data, "%s", event->data);
}

/* Of the event that it belongs to, and whole or not at all. */
static void data_is_kept(void **state)
{
    (void)state;
    struct event_lines lines = {0};
    char data[sizeof lines.data] = "", text[700];
    static const char FIRST[] = "event: device\ndata: {\"a\": 1}\n\n", SECOND[] = "event: b\n\n";
    event_lines_feed(&lines, FIRST, sizeof FIRST - 1, keep_data, data);
    assert_string_equal(data, "{\"a\": 1}");
    event_lines_feed(&lines, SECOND, sizeof SECOND - 1, keep_data, data);
    assert_string_equal(data, "");
    for (size_t size = 400; size < 600; size++) {
        int used = snprintf(text, sizeof text, "event: a\ndata: %0*d\n\n", (int)size, 7);
        event_lines_feed(&lines, text, (size_t)used, keep_data, data);
        size_t kept = strlen(data);
        assert_true(kept == size || (kept == 0 && size >= sizeof lines.data));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_found_however_they_are_cut),
        cmocka_unit_test(a_line_without_end_is_no_event),
        cmocka_unit_test(data_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
