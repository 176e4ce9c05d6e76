/* What we sign must verify by our own check here; espsecure's opinion is asked in figure interop.
 */
#include "keys/keys.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "case.h"
#include "formats/image.h"
#include "support/golden.h"

static const enum godwit_scheme SCHEMES[] = {GODWIT_SCHEME_RSA3072, GODWIT_SCHEME_ECDSA256,
                                             GODWIT_SCHEME_ECDSA384};
static struct key *keys[3];

static int make_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        if (!(keys[i] = key_generate(SCHEMES[i]))) return -1;
    return 0;
}

static int drop_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        key_close(keys[i]);
    return 0;
}

/* The parser's view of a signed file; asserts that each of `count` blocks is good. */
static void check_signed(const uint8_t *data, size_t size, size_t count,
                         struct godwit_sigblock blocks[3])
{
    static const struct godwit_image_expect ANY = {0};
    struct godwit_image image;
    uint8_t sector[4096];
    struct godwit_body384 body384;
    godwit_image_init_any(&image, &ANY, sector);
    godwit_image_want_sha384(&image, &body384);
    assert_int_equal(godwit_sink_write(&image.sink, data, size), GODWIT_OK);
    assert_int_equal(godwit_sink_finish(&image.sink), GODWIT_OK);
    assert_true(image.is_signed_size);
    assert_true(godwit_sigsector_is_tidy(sector));
    assert_int_equal(godwit_sigsector_count(sector), count);
    const struct godwit_body_digests digests = {image.body_sha256, body384.digest};
    for (size_t i = 0; i < count; i++) {
        CASE(i);
        assert_int_equal(
            godwit_sigblock_check(sector + i * GODWIT_SIGBLOCK_SIZE, &digests, &blocks[i]),
            GODWIT_OK);
    }
}

static void test_signs_digests(void **state)
{
    (void)state;
    uint8_t digest[48], signature[384];
    size_t size;
    memset(digest, 0x5A, sizeof digest);
    for (size_t i = 0; i < 3; i++) {
        struct godwit_public_key public;
        size_t digest_size = SCHEMES[i] == GODWIT_SCHEME_ECDSA384 ? 48 : 32;
        key_public(keys[i], &public);
        assert_int_equal(public.scheme, SCHEMES[i]);
        assert_int_equal(key_sign(keys[i], digest, digest_size, signature, &size), GODWIT_OK);
        assert_int_equal(key_sign(keys[i], digest, digest_size - 1, signature, &size),
                         GODWIT_ERR_FORMAT);
        godwit_err err = GODWIT_ERR_TRUST;
        if (SCHEMES[i] == GODWIT_SCHEME_RSA3072)
            err = godwit_verify_rsa3072(public.modulus, public.exponent, digest, signature);
        else if (SCHEMES[i] == GODWIT_SCHEME_ECDSA256)
            err = godwit_verify_p256(public.point, digest, signature);
        else
            err = godwit_verify_p384(public.point, digest, signature);
        assert_int_equal(err, GODWIT_OK);
        assert_int_equal(size, SCHEMES[i] == GODWIT_SCHEME_RSA3072 ? 384 : 2 * digest_size);
    }
}

/* Only Secure Boot's own salt verifies. */
static void test_other_salts_do_not_verify(void **state)
{
    (void)state;
    uint8_t digest[32] = {1}, signature[384];
    struct godwit_public_key public;
    for (size_t i = 0; i < 3; i++) {
        key_public(keys[i], &public);
        bool is_rsa = SCHEMES[i] == GODWIT_SCHEME_RSA3072;
        for (int salt = 0; salt <= 64; salt += 16) {
            CASE(salt);
            godwit_err err = key_sign_salted(keys[i], digest, salt, signature);
            assert_int_equal(err, is_rsa ? GODWIT_OK : GODWIT_ERR_FORMAT);
            if (!is_rsa) continue;
            err = godwit_verify_rsa3072(public.modulus, public.exponent, digest, signature);
            assert_int_equal(err, salt == 32 ? GODWIT_OK : GODWIT_ERR_TRUST);
        }
    }
}

static void test_signs_images_up_to_three_times(void **state)
{
    (void)state;
    size_t size, signed_size;
    enum godwit_reason reason;
    uint8_t *data = golden_read("images/minimal.bin", &size), digest[32];
    for (size_t i = 0; i < 3; i++) {
        struct godwit_sigblock blocks[3];
        uint8_t *file;
        assert_int_equal(image_sign(keys[i], data, size, &file, &signed_size, &reason), GODWIT_OK);
        assert_int_equal(signed_size, 8192);
        if (i > 0) assert_memory_equal(file, data, 4096 + i * GODWIT_SIGBLOCK_SIZE);
        check_signed(file, signed_size, i + 1, blocks);
        for (size_t k = 0; k <= i; k++) {
            CASE(k);
            assert_int_equal(blocks[k].scheme, SCHEMES[k]);
            assert_int_equal(key_digest(keys[k], digest), GODWIT_OK);
            assert_memory_equal(blocks[k].key_digest, digest, 32);
        }
        free(data);
        data = file, size = signed_size;
        for (size_t k = 0; k <= i; k++) {
            CASE(k);
            /* never twice by one key */
            assert_int_equal(image_sign(keys[k], data, size, &file, &signed_size, &reason),
                             GODWIT_ERR_BUSY);
            assert_null(file);
        }
    }
    uint8_t *file;
    struct key *fourth = key_generate(GODWIT_SCHEME_ECDSA256);
    assert_non_null(fourth);
    assert_int_equal(image_sign(fourth, data, size, &file, &signed_size, &reason),
                     GODWIT_ERR_SPACE);
    assert_null(file);
    key_close(fourth);
    free(data);
}

/* Ours beside theirs. */
static void test_adds_to_a_file_signed_by_espsecure(void **state)
{
    (void)state;
    size_t size, signed_size;
    enum godwit_reason reason;
    uint8_t *file, *data = golden_read("images/minimal-rsa3072.bin", &size);
    struct godwit_sigblock blocks[3];
    assert_int_equal(image_sign(keys[1], data, size, &file, &signed_size, &reason), GODWIT_OK);
    check_signed(file, signed_size, 2, blocks);
    assert_memory_equal(file, data, 4096 + GODWIT_SIGBLOCK_SIZE);
    free(file), free(data);
}

static void expect_refusal(const uint8_t *data, size_t size, enum godwit_reason wanted)
{
    uint8_t *file;
    size_t signed_size;
    enum godwit_reason reason;
    assert_int_equal(image_sign(keys[1], data, size, &file, &signed_size, &reason),
                     GODWIT_ERR_FORMAT);
    assert_int_equal(reason, wanted);
    assert_null(file);
}

static void test_refuses_what_is_no_sound_image(void **state)
{
    (void)state;
    size_t size;
    uint8_t *data = golden_read("images/minimal-rsa3072.bin", &size);
    expect_refusal((const uint8_t *)"hello", 5, GODWIT_REASON_NOT_AN_IMAGE);
    expect_refusal(data, 500, GODWIT_REASON_TRUNCATED);
    data[size - 1] = 0; /* behind the block */
    expect_refusal(data, size, GODWIT_REASON_SIGNATURE_FORMAT);
    data[size - 1] = 0xFF;
    data[4096 + 900] ^= 1; /* in the signature */
    expect_refusal(data, size, GODWIT_REASON_SIGNATURE_FORMAT);
    free(data);
}

static void *sign_many(void *ctx)
{
    static const uint8_t DIGEST[32] = {1, 2, 3};
    struct godwit_public_key public;
    key_public(keys[1], &public);
    for (int i = 0; i < 200; i++) {
        uint8_t signature[64];
        size_t size;
        bool ok = key_sign(keys[1], DIGEST, 32, signature, &size) == GODWIT_OK &&
                  godwit_verify_p256(public.point, DIGEST, signature) == GODWIT_OK;
        if (!ok) return ctx;
    }
    return NULL;
}

static void test_one_key_signs_in_several_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    void *failed;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_many, threads), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signs_digests),
        cmocka_unit_test(test_other_salts_do_not_verify),
        cmocka_unit_test(test_signs_images_up_to_three_times),
        cmocka_unit_test(test_adds_to_a_file_signed_by_espsecure),
        cmocka_unit_test(test_refuses_what_is_no_sound_image),
        cmocka_unit_test(test_one_key_signs_in_several_threads),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
