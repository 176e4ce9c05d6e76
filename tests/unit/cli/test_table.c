/* Nothing that a device or a user has sent commands a terminal, and columns stay straight. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/table.h"

static void expect_shown(const char *text, const char *shown, size_t width)
{
    char *got = shown_text(text);
    assert_string_equal(got, shown);
    assert_int_equal(shown_width(got), width);
    free(got);
}

static void texts(void **state)
{
    (void)state;
    expect_shown("", "", 0);
    expect_shown("1.2.0-rc.1", "1.2.0-rc.1", 10);
    expect_shown("größe", "größe", 5);
    expect_shown("温度計", "温度計", 6);
    expect_shown("e\xcc\x81", "e\xcc\x81", 1);               /* an accent that joins */
    expect_shown("\xf0\x9f\x8f\xa0", "\xf0\x9f\x8f\xa0", 2); /* a house */
}

static void what_fits(void **state)
{
    (void)state;
    assert_int_equal(shown_fit("abc", 2), 2);
    assert_int_equal(shown_fit("abc", 3), 3);
    assert_int_equal(shown_fit("", 3), 0);
    assert_int_equal(shown_fit("größe", 3), 4);
    assert_int_equal(shown_fit("温度計", 3), 3); /* half of one does not fit */
    assert_int_equal(shown_fit("e\xcc\x81"
                               "a",
                               1),
                     3); /* the accent is on the letter */
    assert_int_equal(shown_fit("a", 0), 0);
}

static void what_a_terminal_would_obey(void **state)
{
    (void)state;
    static const char *const COMMANDS[] = {
        "\x1b",         "\x07",         "\r",           "\n",       "\t",
        "\b",           "\x7f",         "\x01",         "\xc2\x9b", /* CSI in one character */
        "\xe2\x80\xae",                                             /* from right to left */
        "\xe2\x81\xa6", "\xe2\x80\xa8", "\xef\xbb\xbf", "\xff",     "\xc3",
        "\xed\xa0\x80", "\xc0\xaf", /* no UTF-8 */
    };
    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++) {
        char text[32];
        snprintf(text, sizeof text, "a%s[2Jb", COMMANDS[i]);
        char *shown = shown_text(text);
        assert_null(strstr(shown, COMMANDS[i]));
        assert_true(shown[0] == 'a' && shown[1] == '?' && strstr(shown, "[2Jb"));
        free(shown);
    }
}

/* Each byte alone and in front of each other: no control, no half a character comes out. */
static void every_pair_of_bytes(void **state)
{
    (void)state;
    for (int first = 1; first < 256; first++)
        for (int second = 1; second < 256; second++) {
            const char text[3] = {(char)first, (char)second, 0};
            char *shown = shown_text(text), *again = shown_text(shown);
            for (const unsigned char *at = (unsigned char *)shown; *at; at++)
                assert_true(*at >= ' ' && *at != 0x7f);
            assert_string_equal(shown, again);
            free(shown);
            free(again);
        }
}

static void columns_stay_straight(void **state)
{
    (void)state;
    char text[512] = "";
    fflush(stdout);
    int kept = dup(1), pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    dup2(pipe_fds[1], 1);
    struct table table;
    table_init(&table, 3);
    const char *const CELLS[] = {
        "DEVICE",    "VERSION", "WHY",        "1",    "0123456789abcdef0123456789abcdef",
        "too long?", "温度",    "1.0\x1b[2J", "wide", "3",
        "",          ""};
    for (size_t i = 0; i < sizeof CELLS / sizeof *CELLS; i++)
        table_add(&table, CELLS[i]);
    table_print(&table);
    fflush(stdout);
    dup2(kept, 1);
    close(kept);
    close(pipe_fds[1]);
    assert_true(read(pipe_fds[0], text, sizeof text - 1) > 0);
    close(pipe_fds[0]);
    assert_string_equal(text, "DEVICE  VERSION                           WHY\n"
                              "1       0123456789abcdef0123456789abcdef  too long?\n"
                              "温度    1.0?[2J                           wide\n"
                              "3\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(what_fits),
        cmocka_unit_test(what_a_terminal_would_obey),
        cmocka_unit_test(every_pair_of_bytes),
        cmocka_unit_test(columns_stay_straight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
