/* One delivery: what it is signed by, that a redirect is not followed, and that an address which is
 * not public is not reached, whatever its name says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <string.h>

#include "case.h"
#include "server/webhook_send.h"

static const uint8_t SECRET[WEBHOOK_SECRET_SIZE] = "01234567890123456789012345678901";

/* As `printf '1700000000.{}' | openssl dgst -sha256 -hmac 01234567890123456789012345678901`. */
static void a_signature_is_as_others_make_it(void **state)
{
    char signature[68];
    (void)state;
    webhook_signature(SECRET, 1700000000, "{}", signature);
    assert_string_equal(signature,
                        "v1=ecda773e6e53778bc980ea70b65b2e515c321182e61f5b116b8d8f3e49d2a854");
    char other[68];
    webhook_signature(SECRET, 1700000001, "{}", other);
    assert_string_not_equal(signature, other);
}

static const struct {
    const char *url;
    bool is_final;
} CASES[] = {
    {"ftp://example.com/", true},        {"https://u:p@example.com/", true},
    {"https://example.com:25/", true},   {"http://example.com/", true},
    {"https://127.0.0.1/", false},       {"https://[::1]/", false},
    {"https://169.254.169.254/", false}, {"https://10.1.2.3/", false},
};

static void what_must_not_be_reached_is_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct webhook_outcome out;
        const struct webhook_delivery delivery = {.url = CASES[i].url,
                                                  .id = "a",
                                                  .event = "test",
                                                  .body = "{}",
                                                  .secret = SECRET,
                                                  .now_s = 1,
                                                  .resolve = webhook_resolve};
        CASE(i);
        webhook_send(&delivery, &out);
        assert_false(out.is_delivered);
        assert_int_equal(out.status, 0);
        assert_true(strlen(out.note) > 0);
        if (CASES[i].is_final) assert_true(out.is_final);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_is_as_others_make_it),
        cmocka_unit_test(what_must_not_be_reached_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
