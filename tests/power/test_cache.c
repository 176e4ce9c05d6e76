/* The memory of signature checks: it answers only what it has seen in every byte, and what it
 * answers was checked for real. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "case.h"
#include "crypto_wrap.h"
#include "keys/keys.h"

struct triple {
    struct godwit_public_key key;
    uint8_t digest[48], signature[384];
    size_t key_size, digest_size, signature_size;
    enum godwit_scheme scheme;
};

static godwit_err verify(const struct triple *t)
{
    if (t->scheme == GODWIT_SCHEME_RSA3072)
        return godwit_verify_rsa3072(t->key.modulus, t->key.exponent, t->digest, t->signature);
    if (t->scheme == GODWIT_SCHEME_ECDSA256)
        return godwit_verify_p256(t->key.point, t->digest, t->signature);
    return godwit_verify_p384(t->key.point, t->digest, t->signature);
}

static struct triple make(enum godwit_scheme scheme)
{
    struct triple t = {.scheme = scheme, .digest_size = 32, .key_size = 64};
    struct key *key = key_generate(scheme);
    assert_non_null(key);
    if (scheme == GODWIT_SCHEME_ECDSA384) t.digest_size = 48, t.key_size = 96;
    if (scheme == GODWIT_SCHEME_RSA3072) t.key_size = 384;
    memset(t.digest, 0x17, sizeof t.digest);
    key_public(key, &t.key);
    assert_int_equal(key_sign(key, t.digest, t.digest_size, t.signature, &t.signature_size), 0);
    key_close(key);
    return t;
}

static void same_check_is_run_once(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        static const enum godwit_scheme schemes[] = {GODWIT_SCHEME_RSA3072, GODWIT_SCHEME_ECDSA256,
                                                     GODWIT_SCHEME_ECDSA384};
        struct triple t = make(schemes[i]);
        uint64_t real = cache_counts().real, asked = cache_counts().asked;
        for (int n = 0; n < 5; n++)
            assert_int_equal(verify(&t), GODWIT_OK);
        assert_int_equal(cache_counts().real, real + 1);
        assert_int_equal(cache_counts().asked, asked + 5);
    }
}

/* Each byte of key, digest and signature, right after the good one was remembered. */
static void a_flipped_input_is_checked_anew_and_refused(void **state)
{
    (void)state;
    struct triple t = make(GODWIT_SCHEME_ECDSA256);
    struct {
        uint8_t *bytes;
        size_t size;
    } const inputs[] = {
        {t.key.point, t.key_size}, {t.digest, t.digest_size}, {t.signature, t.signature_size}};
    for (size_t i = 0; i < 3; i++)
        for (size_t at = 0; at < inputs[i].size; at++) {
            CASE(at);
            assert_int_equal(verify(&t), GODWIT_OK);
            uint64_t real = cache_counts().real;
            inputs[i].bytes[at] ^= 1;
            assert_int_equal(verify(&t), GODWIT_ERR_TRUST);
            assert_int_equal(cache_counts().real, real + 1);
            assert_int_equal(verify(&t), GODWIT_ERR_TRUST); /* and so it stays */
            assert_int_equal(cache_counts().real, real + 1);
            inputs[i].bytes[at] ^= 1;
        }
    t = make(GODWIT_SCHEME_RSA3072);
    assert_int_equal(verify(&t), GODWIT_OK);
    t.key.exponent ^= 2;
    assert_int_equal(verify(&t), GODWIT_ERR_TRUST);
}

/* Made once for one digest by one key; another key or digest gets its own. */
static void signatures_are_remembered_by_key_and_digest(void **state)
{
    (void)state;
    struct key *keys[2];
    uint8_t digest[32] = {1}, first[96], second[96];
    size_t size;
    for (int i = 0; i < 2; i++)
        assert_non_null(keys[i] = key_generate(GODWIT_SCHEME_ECDSA256));
    assert_int_equal(key_sign(keys[0], digest, 32, first, &size), GODWIT_OK);
    assert_int_equal(key_sign(keys[0], digest, 32, second, &size), GODWIT_OK);
    assert_memory_equal(first, second, 64); /* ECDSA is random: a second one would differ */
    assert_int_equal(key_sign(keys[1], digest, 32, second, &size), GODWIT_OK);
    assert_memory_not_equal(first, second, 64);
    digest[31] ^= 1;
    assert_int_equal(key_sign(keys[0], digest, 32, second, &size), GODWIT_OK);
    assert_memory_not_equal(first, second, 64);
    key_close(keys[0]);
    key_close(keys[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_check_is_run_once),
        cmocka_unit_test(a_flipped_input_is_checked_anew_and_refused),
        cmocka_unit_test(signatures_are_remembered_by_key_and_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
