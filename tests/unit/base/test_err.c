/* Every error has a name and a sentence of its own, and a number that is no count. */
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void every_code_is_named(void **state)
{
    (void)state;
#define ROW(name, code, sentence)                                          \
    assert_string_equal(godwit_err_name(GODWIT_ERR_##name), #name);        \
    assert_string_equal(godwit_err_sentence(GODWIT_ERR_##name), sentence); \
    assert_true(GODWIT_ERR_##name < 0);
    GODWIT_ERRORS(ROW)
#undef ROW
    assert_string_equal(godwit_err_name(GODWIT_OK), "OK");
    assert_string_equal(godwit_err_sentence(GODWIT_OK), "done");
    assert_string_equal(godwit_err_name((godwit_err)-99), "?");
    assert_true(strlen(godwit_err_sentence((godwit_err)1)) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_code_is_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
