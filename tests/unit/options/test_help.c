/* The formats of help: asked for by name only, and nothing in a sentence breaks out of its place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "options/help.h"

static const struct option_row ROWS[] = {
    {"--flag", OPTION_FLAG, NULL, NULL, "it's [on]: or off\n.TH"},
    {"--list", OPTION_LIST, NULL, "A:B", "-x\\y"},
};
static const struct options OPTIONS = {
    "try it", "[--flag]\n       A", ".PP is text", ROWS, 2, NULL, 0, 0};

/* What options_help prints. */
static const char *printed_of(const struct options *options, const char *argument)
{
    static char text[2048];
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    int kept = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    assert_int_equal(options_help(options, argument), 0);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static const char *printed(const char *argument)
{
    return printed_of(&OPTIONS, argument);
}

/* Where a filter is typed, shells are told so: as an argument, or behind an option. */
static void test_filters(void **state)
{
    (void)state;
    static const struct option_row FIND_ROWS[] = {{"--sort", OPTION_TEXT, NULL, "FIELD", "s"},
                                                  {"--all", OPTION_FLAG, NULL, NULL, "a"}};
    static const struct option_row ROLL_ROWS[] = {
        {"--to", OPTION_LIST, NULL, "DEVICE|FILTER", "t"}};
    static const struct options FIND = {
        "find", "[DEVICE|FILTER] [--sort FIELD]", "", FIND_ROWS, 2, NULL, 0, 1};
    static const struct options ROLL = {
        "roll", "PRODUCT [--to DEVICE|FILTER]", "", ROLL_ROWS, 1, NULL, 0, 1};
    assert_string_equal(
        printed_of(&FIND, "--help=bash"),
        "    find) has_filter=1 valued=\" --sort \" words=\"--help --sort --all\" ;;\n");
    assert_string_equal(printed_of(&ROLL, "--help=bash"),
                        "    roll) filters=--to words=\"--help --to\" ;;\n");
    assert_non_null(strstr(printed_of(&FIND, "--help=zsh"), "'1:filter:_godwit_filter'"));
    const char *zsh = printed_of(&ROLL, "--help=zsh");
    assert_non_null(strstr(zsh, "'*--to[t]:DEVICE|FILTER:_godwit_filter'"));
    assert_null(strstr(zsh, "'1:filter"));
    assert_non_null(
        strstr(printed_of(&FIND, "--help=fish"), "_from find' -f -a '(__godwit_filter)'\n"));
    assert_non_null(strstr(printed_of(&ROLL, "--help=fish"), "-l to -x -a '(__godwit_filter)' -d"));
}

static void test_names(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"--help", "-h", "--help=man", "--help=bash", "--help=fish"};
    static const char *const BAD[] = {"--help=", "--help=MAN", "--helpx", "help", "-help", ""};
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++)
        assert_true(option_is_help(GOOD[i]));
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_false(option_is_help(BAD[i]));
    assert_int_equal(options_help(&OPTIONS, "--help=x"), 2);
}

static void test_formats(void **state)
{
    (void)state;
    assert_non_null(strstr(printed("--help"), "usage: godwit try it [--flag]\n       A\n"));
    const char *man = printed("--help=man");
    assert_non_null(strstr(man, "\\&.PP is text"));
    assert_non_null(strstr(man, "\n\\&.TH"));
    assert_non_null(strstr(man, "[\\-\\-flag] A"));
    assert_non_null(strstr(man, "\\-x\\ey"));
    assert_string_equal(printed("--help=bash"), "    try) words=\"--help --flag --list\" ;;\n");
    const char *zsh = printed("--help=zsh");
    assert_non_null(strstr(zsh, "'--flag[it'\\''s (on): or off .TH]'"));
    assert_non_null(strstr(zsh, "'*--list[-x\\y]:A B:_files'"));
    const char *fish = printed("--help=fish");
    assert_non_null(strstr(fish, "_from try' -l flag -d 'it'\\''s [on]: or off .TH'\n"));
    assert_non_null(strstr(fish, "-l list -r -d"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_filters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
