/* Known answers: FIPS 180-4 and RFC 1321 examples, RFC 6979 A.2.5 and A.2.6 (ECDSA, "sample").
 * RSA-PSS has its answers in tests/unit/keys, against OpenSSL's signer, and in the golden files. */
#include "base/crypto.h"
#include "case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <stdio.h>

static void unhex(const char *text, uint8_t *out)
{
    for (; *text; text += 2) {
        unsigned byte;
        assert_int_equal(sscanf(text, "%2x", &byte), 1);
        *out++ = (uint8_t)byte;
    }
}

static void test_hash_known_replies(void **state)
{
    (void)state;
    uint8_t want[48], got[48];
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, (const uint8_t *)"abc", 3);
    assert_int_equal(godwit_hash_peek(&hash, got), GODWIT_OK);
    unhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", want);
    assert_memory_equal(got, want, 32);
    godwit_hash_init(&hash, GODWIT_SHA384);
    godwit_hash_update(&hash, (const uint8_t *)"abc", 3);
    assert_int_equal(godwit_hash_peek(&hash, got), GODWIT_OK);
    unhex("cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
          "8086072ba1e7cc2358baeca134c825a7",
          want);
    assert_memory_equal(got, want, 48);
    godwit_md5((const uint8_t *)"abc", 3, got);
    unhex("900150983cd24fb0d6963f7d28e17f72", want);
    assert_memory_equal(got, want, 16);
}

/* A peek must not disturb the stream, and a copy must live on its own. */
static void test_hash_peek_and_copy(void **state)
{
    (void)state;
    uint8_t data[300], want[48], got[48];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    for (int kind = GODWIT_SHA256; kind <= GODWIT_SHA384; kind++) {
        CASE(kind);
        struct godwit_hash hash, copy = {0};
        size_t size = kind == GODWIT_SHA384 ? 48 : 32;
        godwit_hash_init(&hash, (enum godwit_hash_kind)kind);
        for (size_t i = 0; i < sizeof data; i++) {
            CASE(i);
            if (i == 100) copy = hash;
            godwit_hash_update(&hash, data + i, 1);
            assert_int_equal(godwit_hash_peek(&hash, got), GODWIT_OK);
            kind == GODWIT_SHA384 ? SHA384(data, i + 1, want) : SHA256(data, i + 1, want);
            assert_memory_equal(got, want, size);
        }
        godwit_hash_update(&copy, data + 100, 200);
        assert_int_equal(godwit_hash_peek(&copy, got), GODWIT_OK);
        assert_memory_equal(got, want, size);
    }
    struct godwit_hash zero = {0};
    godwit_hash_update(&zero, data, sizeof data);
    assert_int_equal(godwit_hash_peek(&zero, got), GODWIT_ERR_IO);
}

static void test_verify_p256(void **state)
{
    (void)state;
    uint8_t key[64], digest[32], signature[64];
    unhex("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
          "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
          key);
    unhex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
          "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
          signature);
    SHA256((const uint8_t *)"sample", 6, digest);
    assert_int_equal(godwit_verify_p256(key, digest, signature), GODWIT_OK);
    for (size_t bit = 0; bit < 8 * sizeof signature; bit += 5) {
        CASE(bit);
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(godwit_verify_p256(key, digest, signature), GODWIT_ERR_TRUST);
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    digest[31] ^= 1;
    assert_int_equal(godwit_verify_p256(key, digest, signature), GODWIT_ERR_TRUST);
    digest[31] ^= 1;
    key[0] ^= 1; /* no longer a point of the curve */
    assert_int_equal(godwit_verify_p256(key, digest, signature), GODWIT_ERR_TRUST);
    key[0] ^= 1;
    memset(signature, 0, sizeof signature); /* r = s = 0: the "psychic" signature */
    assert_int_equal(godwit_verify_p256(key, digest, signature), GODWIT_ERR_TRUST);
    memset(key, 0, sizeof key);
    assert_int_equal(godwit_verify_p256(key, digest, signature), GODWIT_ERR_TRUST);
}

static void test_verify_p384(void **state)
{
    (void)state;
    uint8_t key[96], digest[48], signature[96];
    unhex("ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64"
          "def8f0ea9055866064a254515480bc13"
          "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1"
          "288b231c3ae0d4fe7344fd2533264720",
          key);
    unhex("94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c"
          "81a648152e44acf96e36dd1e80fabe46"
          "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94f"
          "a329c145786e679e7b82c71a38628ac8",
          signature);
    SHA384((const uint8_t *)"sample", 6, digest);
    assert_int_equal(godwit_verify_p384(key, digest, signature), GODWIT_OK);
    signature[95] ^= 1;
    assert_int_equal(godwit_verify_p384(key, digest, signature), GODWIT_ERR_TRUST);
}

/* Whatever the bytes: a reply, and nothing left in the thread's error queue. */
static void test_verify_rsa_nonsense(void **state)
{
    (void)state;
    uint8_t modulus[384] = {0}, digest[32] = {1}, signature[384] = {0};
    assert_int_equal(godwit_verify_rsa3072(modulus, 65537, digest, signature), GODWIT_ERR_TRUST);
    memset(modulus, 0xff, sizeof modulus);
    assert_int_equal(godwit_verify_rsa3072(modulus, 65537, digest, signature), GODWIT_ERR_TRUST);
    assert_int_equal(godwit_verify_rsa3072(modulus, 0, digest, signature), GODWIT_ERR_TRUST);
    modulus[383] = 0xfe; /* even */
    assert_int_equal(godwit_verify_rsa3072(modulus, 3, digest, signature), GODWIT_ERR_TRUST);
    assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_known_replies),  cmocka_unit_test(test_hash_peek_and_copy),
        cmocka_unit_test(test_verify_p256),         cmocka_unit_test(test_verify_p384),
        cmocka_unit_test(test_verify_rsa_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
