/* Words that a shell reads back as they were: asked of a real shell. */
#include "files/shell_quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void a_shell_reads_them_back(void **state)
{
    (void)state;
    static const char *const WORDS[] = {"plain-1.0.0",
                                        "My Garden Sensor",
                                        "it's",
                                        "$(reboot)",
                                        "`reboot`",
                                        "a;b|c&d",
                                        "a\"b\\c",
                                        "*?[x]",
                                        "Ger\xC3\xA4t",
                                        "",
                                        "~",
                                        "#x",
                                        "a=b",
                                        "!!",
                                        "{a,b}",
                                        "-n",
                                        "esp-idf: v4.4.6 3572900934",
                                        "''"};
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        char quoted[SHELL_NAME_SIZE], command[256], read[128] = "";
        shell_quote(WORDS[i], quoted, sizeof quoted);
        snprintf(command, sizeof command, "printf '%%s' %s", quoted);
        FILE *shell = popen(command, "r");
        assert_non_null(shell);
        read[fread(read, 1, sizeof read - 1, shell)] = '\0';
        pclose(shell);
        assert_string_equal(read, WORDS[i]);
    }
}

static void only_where_it_is_needed(void **state)
{
    (void)state;
    char out[SHELL_NAME_SIZE];
    assert_string_equal(shell_quote("thermostat", out, sizeof out), "thermostat");
    assert_string_equal(shell_quote("2.0 beta", out, sizeof out), "'2.0 beta'");
    assert_string_equal(shell_quote("it's", out, sizeof out), "'it'\\''s'");
    assert_string_equal(shell_quote("too long", out, 8), "''"); /* never half a word */
    shell_quote("'''''''''''''''''''''''''''''''", out, sizeof out);
    assert_int_equal(strlen(out), 4 * 31 + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shell_reads_them_back),
        cmocka_unit_test(only_where_it_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
