/* The two numbers that RSA blocks carry for the chip, checked by their definition. */
#include "keys/keys.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <openssl/bn.h>

static void test_montgomery_numbers(void **state)
{
    (void)state;
    struct key *key = key_generate(GODWIT_SCHEME_RSA3072);
    struct godwit_public_key public;
    assert_non_null(key);
    key_public(key, &public);
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *n = BN_bin2bn(public.modulus, 384, NULL), *r = BN_bin2bn(public.rinv, 384, NULL);
    BIGNUM *want = BN_new();
    assert_int_equal(BN_num_bits(n), 3072);
    assert_int_equal(public.exponent, 65537);
    BN_set_bit(want, 6144); /* 2^6144 - rinv is a multiple of n, and rinv < n */
    BN_sub(want, want, r);
    assert_int_equal(BN_mod(want, want, n, ctx), 1);
    assert_true(BN_is_zero(want));
    assert_true(BN_cmp(r, n) < 0);
    uint32_t n_low = (uint32_t) public.modulus[383] | (uint32_t) public.modulus[382] << 8 |
                     (uint32_t) public.modulus[381] << 16 | (uint32_t) public.modulus[380] << 24;
    assert_int_equal((uint32_t)(n_low * public.m_prime), UINT32_MAX); /* n · m' = -1 mod 2^32 */
    BN_free(n), BN_free(r), BN_free(want);
    BN_CTX_free(ctx);
    key_close(key);
    key_close(NULL);
}

static void test_names_differ(void **state)
{
    (void)state;
    struct key *a = key_generate(GODWIT_SCHEME_ECDSA256), *b = key_generate(GODWIT_SCHEME_ECDSA256);
    uint8_t digest_a[32], digest_b[32];
    assert_int_equal(key_digest(a, digest_a), GODWIT_OK);
    assert_int_equal(key_digest(b, digest_b), GODWIT_OK);
    assert_memory_not_equal(digest_a, digest_b, 32);
    assert_null(key_generate(GODWIT_SCHEME_NONE));
    key_close(a), key_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_montgomery_numbers),
        cmocka_unit_test(test_names_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
