/* Codes of RFC 6238, the window, and recovery codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <stdio.h>

#include "server/totp.h"

static const uint8_t SECRET[ACCOUNT_TOTP_SIZE + 1] = "12345678901234567890";

/* Appendix B of RFC 6238, the last six of its eight digits. */
static const struct {
    int64_t now_s;
    const char *code;
} VECTORS[] = {
    {59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
    {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"},
};
#define VECTORS_COUNT (sizeof VECTORS / sizeof *VECTORS)

static void the_vectors_of_the_rfc(void **state)
{
    char code[7];
    (void)state;
    for (size_t i = 0; i < VECTORS_COUNT; i++) {
        totp_code(SECRET, VECTORS[i].now_s, code);
        assert_string_equal(code, VECTORS[i].code);
        assert_int_equal(totp_step(SECRET, code, VECTORS[i].now_s, 0), VECTORS[i].now_s / 30);
    }
}

static void one_step_early_or_late(void **state)
{
    const int64_t now_s = 1234567890, step = now_s / 30;
    (void)state;
    for (int away = -3; away <= 3; away++) {
        char code[7];
        totp_code(SECRET, now_s + 30 * away, code);
        assert_int_equal(totp_step(SECRET, code, now_s, 0),
                         away >= -1 && away <= 1 ? step + away : -1);
    }
}

/* A step that was used is over, and so is every one before it. */
static void a_step_counts_once(void **state)
{
    const int64_t now_s = 1234567890, step = now_s / 30;
    char before[7], now[7], next[7];
    (void)state;
    totp_code(SECRET, now_s - 30, before);
    totp_code(SECRET, now_s, now);
    totp_code(SECRET, now_s + 30, next);
    assert_int_equal(totp_step(SECRET, now, now_s, step), -1);
    assert_int_equal(totp_step(SECRET, before, now_s, step), -1);
    assert_int_equal(totp_step(SECRET, next, now_s, step), step + 1);
}

static void what_is_no_code(void **state)
{
    static const char *const TEXTS[] = {"",       "05924",  "0005924", "00592x", "00592 ",
                                        "+05924", "005925", "-5924",   "٠٠٥٩٢٤"};
    uint8_t other[ACCOUNT_TOTP_SIZE] = {0};
    (void)state;
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
        assert_int_equal(totp_step(SECRET, TEXTS[i], 1234567890, 0), -1);
    assert_int_equal(totp_step(other, "005924", 1234567890, 0), -1);
}

/* As every app reads it: 32 letters of RFC 4648. */
static void the_secret_as_text(void **state)
{
    char text[TOTP_SECRET_TEXT_MAX], uri[TOTP_URI_MAX], longest[33];
    (void)state;
    totp_secret_text(SECRET, text);
    assert_string_equal(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    totp_uri(SECRET, "vera@example.org", "acme", uri);
    assert_string_equal(uri, "otpauth://totp/Godwit%20acme:vera@example.org?secret="
                             "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Godwit%20acme");
    memset(longest, 'a', 32);
    longest[32] = 0;
    totp_uri(SECRET, longest, longest, uri);
    assert_string_equal(uri + strlen(uri) - 32, longest);
}

static void recovery_codes(void **state)
{
    char code[RECOVERY_CODE_MAX], other[RECOVERY_CODE_MAX], typed[40];
    uint8_t digest[32], again[32];
    (void)state;
    assert_int_equal(recovery_code_make(code), GODWIT_OK);
    assert_int_equal(recovery_code_make(other), GODWIT_OK);
    assert_string_not_equal(code, other);
    assert_int_equal(strlen(code), 14);
    assert_true(recovery_code_digest(code, digest));
    snprintf(typed, sizeof typed, " %.4s %.4s%.4s ", code, code + 5, code + 10);
    for (char *at = typed; *at; at++)
        if (*at >= 'a' && *at <= 'z') *at = (char)(*at - 'a' + 'A');
    assert_true(recovery_code_digest(typed, again));
    assert_memory_equal(digest, again, 32);
    assert_true(recovery_code_digest(other, again));
    assert_memory_not_equal(digest, again, 32);
    static const char *const BAD[] = {
        "", "abcd-efgh-jkm", "abcd-efgh-jkmnp", "abcd-efgh-jkm0", "abcd_efgh_jkmn", "123456"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_false(recovery_code_digest(BAD[i], again));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_rfc), cmocka_unit_test(one_step_early_or_late),
        cmocka_unit_test(a_step_counts_once),     cmocka_unit_test(what_is_no_code),
        cmocka_unit_test(the_secret_as_text),     cmocka_unit_test(recovery_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
