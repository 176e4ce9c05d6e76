/* Which passwords are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <string.h>

#include "server/password_rules.h"
#include "server/secret.h"

/* sentence: a part of what is said; NULL: it is taken. */
static const struct {
    const char *password, *user, *sentence;
} ROWS[] = {
    {"four odd words here", "vera", NULL},
    {"kdJ3!mmz82pq", "vera", NULL},
    {"", "vera", "at least 12"},
    {"kdJ3!mmz82p", "vera", "at least 12"},
    {"aaaaaaaaaaaaaaaa", "vera", "repeats"},
    {"abababababababab", "vera", "repeats"},
    {"1 1 1 1 1 1 1 1 1 1", "vera", "repeats"},
    {"password1234", "vera", "tried first"},
    {"Pass-Word-1234", "vera", "tried first"},
    {"P.a.s.s.w.o.r.d!!", "vera", "tried first"},
    {"letmeinletmein", "vera", "tried first"},
    {"qwertyqwerty12", "vera", "tried first"},
    {"godwitgodwit", "vera", "tried first"},
    {"verasmith12345", "verasmith", "user's name"},
    {"VeraSmith-VeraSmith", "verasmith", "user's name"},
    {"a password of many other words", "vera", NULL},
    {"ann likes ann and others", "ann", NULL}, /* too short a name to matter */
    {"пароль из слов", "vera", NULL},
};

static void rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const char *fault = password_fault(ROWS[i].password, ROWS[i].user);
        if (!fault != !ROWS[i].sentence) print_message("%s: %s\n", ROWS[i].password, fault);
        assert_int_equal(!fault, !ROWS[i].sentence);
        if (fault) assert_non_null(strstr(fault, ROWS[i].sentence));
    }
}

static void the_longest(void **state)
{
    char password[PASSWORD_SIZE_MAX + 2];
    (void)state;
    for (size_t i = 0; i <= PASSWORD_SIZE_MAX; i++)
        password[i] = (char)('a' + i % 23);
    password[PASSWORD_SIZE_MAX + 1] = 0;
    assert_non_null(strstr(password_fault(password, "vera"), "at most 256"));
    password[PASSWORD_SIZE_MAX] = 0;
    assert_null(password_fault(password, "vera"));
}

/* What the server makes it takes. */
static void a_made_one(void **state)
{
    char password[32];
    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(password_make(password), GODWIT_OK);
        assert_null(password_fault(password, "vera"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows), cmocka_unit_test(the_longest),
                                       cmocka_unit_test(a_made_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
