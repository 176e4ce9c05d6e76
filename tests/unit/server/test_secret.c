/* Secrets that are handed out: their form, and that no two are alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <string.h>

#include "server/secret.h"

static void a_token_says_its_kind(void **state)
{
    char one[SECRET_TOKEN_SIZE], other[SECRET_TOKEN_SIZE];
    (void)state;
    memset(one, 'x', sizeof one);
    assert_int_equal(secret_token("gwa.", one), GODWIT_OK);
    assert_int_equal(secret_token("gws.", other), GODWIT_OK);
    assert_int_equal(strlen(one), SECRET_TOKEN_SIZE - 1);
    assert_memory_equal(one, "gwa.", 4);
    assert_memory_equal(other, "gws.", 4);
    assert_int_equal(strspn(one + 4, "0123456789abcdef"), 64);
    assert_string_not_equal(one + 4, other + 4);
}

static void a_made_password_is_its_own(void **state)
{
    char one[32], other[32], hash[SECRET_HASH_MAX];
    (void)state;
    assert_int_equal(password_make(one), GODWIT_OK);
    assert_int_equal(password_make(other), GODWIT_OK);
    assert_string_not_equal(one, other);
    assert_int_equal(password_hash(one, hash, sizeof hash), GODWIT_OK);
    assert_true(password_is_good(hash, one));
    assert_false(password_is_good(hash, other));
    assert_true(password_hash_is_strong(hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_says_its_kind),
        cmocka_unit_test(a_made_password_is_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
