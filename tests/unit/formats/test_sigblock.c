/* Against files signed by espsecure, and against each of their bytes changed. */
#include "formats/sigblock.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crc.h"
#include "base/crypto.h"
#include "base/text.h"
#include "case.h"
#include "support/golden.h"

struct signed_file {
    uint8_t *data;
    uint8_t sector[GODWIT_SIGSECTOR_SIZE];
    uint8_t sha256[32], sha384[48];
    struct godwit_body_digests digests;
};

static void file_open(struct signed_file *file, const char *name)
{
    size_t size;
    file->data = golden_read(name, &size);
    assert_true(size > GODWIT_SIGSECTOR_SIZE && size % GODWIT_SIGSECTOR_SIZE == 0);
    size_t body = size - GODWIT_SIGSECTOR_SIZE;
    memcpy(file->sector, file->data + body, GODWIT_SIGSECTOR_SIZE);
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, file->data, body);
    assert_int_equal(godwit_hash_peek(&hash, file->sha256), GODWIT_OK);
    godwit_hash_init(&hash, GODWIT_SHA384);
    godwit_hash_update(&hash, file->data, body);
    assert_int_equal(godwit_hash_peek(&hash, file->sha384), GODWIT_OK);
    file->digests = (struct godwit_body_digests){file->sha256, file->sha384};
    free(file->data);
}

/* What espsecure digest-sbv2-public-key said of the key. */
static void key_digest_of(const char *scheme, uint8_t digest[32])
{
    size_t size;
    char *text = (char *)golden_read("images/key-digests.txt", &size);
    char *row = strstr(text, scheme);
    assert_non_null(row);
    assert_int_equal(godwit_hex_decode(row + strlen(scheme) + 1, 64, digest, 32), GODWIT_OK);
    free(text);
}

static const struct {
    enum godwit_scheme scheme;
    const char *name, *file;
} SCHEMES[] = {
    {GODWIT_SCHEME_RSA3072, "rsa3072", "images/minimal-rsa3072.bin"},
    {GODWIT_SCHEME_ECDSA256, "ecdsa256", "images/minimal-ecdsa256.bin"},
    {GODWIT_SCHEME_ECDSA384, "ecdsa384", "images/minimal-ecdsa384.bin"},
};
#define SCHEMES_COUNT (sizeof SCHEMES / sizeof *SCHEMES)

static void test_reads_espsecure(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMES_COUNT; i++) {
        CASE(i);
        struct signed_file file;
        struct godwit_sigblock block;
        uint8_t digest[32], again[32];
        file_open(&file, SCHEMES[i].file);
        key_digest_of(SCHEMES[i].name, digest);
        assert_int_equal(godwit_sigsector_count(file.sector), 1);
        assert_true(godwit_sigsector_is_tidy(file.sector));
        assert_int_equal(godwit_sigblock_check(file.sector, &file.digests, &block), GODWIT_OK);
        assert_int_equal(block.scheme, SCHEMES[i].scheme);
        assert_string_equal(godwit_scheme_name(block.scheme), SCHEMES[i].name);
        assert_int_equal(block.reason, GODWIT_REASON_NONE);
        assert_memory_equal(block.key_digest, digest, 32);
        assert_int_equal(godwit_sigblock_key_digest(file.sector, again), GODWIT_OK);
        assert_memory_equal(again, digest, 32);
    }
}

static void test_three_blocks_of_mixed_schemes(void **state)
{
    (void)state;
    struct signed_file file;
    file_open(&file, "images/minimal-three.bin");
    assert_int_equal(godwit_sigsector_count(file.sector), 3);
    assert_true(godwit_sigsector_is_tidy(file.sector));
    for (size_t i = 0; i < 3; i++) {
        struct godwit_sigblock block;
        const uint8_t *at = file.sector + i * GODWIT_SIGBLOCK_SIZE;
        assert_int_equal(godwit_sigblock_check(at, &file.digests, &block), GODWIT_OK);
        assert_int_equal(block.scheme, SCHEMES[i].scheme);
    }
}

static void test_p192_is_named_and_refused(void **state)
{
    (void)state;
    struct signed_file file;
    struct godwit_sigblock block;
    uint8_t digest[32];
    file_open(&file, "images/minimal-ecdsa192.bin");
    key_digest_of("ecdsa192", digest);
    assert_int_equal(godwit_sigblock_check(file.sector, &file.digests, &block), GODWIT_ERR_TRUST);
    assert_int_equal(block.scheme, GODWIT_SCHEME_ECDSA192);
    assert_memory_equal(block.key_digest, digest, 32);
    assert_int_equal(block.reason, GODWIT_REASON_SIGNATURE_BAD);
    assert_true(godwit_sigsector_is_tidy(file.sector));
}

/* No byte of a sector is free: each change is seen by the check or by tidiness. With the CRC put
 * right afterwards, as an attacker would, only digest, key and signature are left to see it; the
 * two numbers of RSA that verifying does not use then change the key's name. */
static void test_every_byte_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMES_COUNT; i++) {
        CASE(i);
        struct signed_file file;
        struct godwit_sigblock block;
        uint8_t digest[32];
        file_open(&file, SCHEMES[i].file);
        key_digest_of(SCHEMES[i].name, digest);
        for (size_t at = 0; at < GODWIT_SIGSECTOR_SIZE; at++) {
            CASE(at);
            file.sector[at] ^= 0x10;
            bool good = godwit_sigblock_check(file.sector, &file.digests, &block) == GODWIT_OK;
            assert_false(good && godwit_sigsector_is_tidy(file.sector));
            if (at < 1200) assert_false(good);
            file.sector[at] ^= 0x10;
        }
        uint32_t crc = godwit_load32(file.sector + 1196);
        for (size_t at = 0; at < 1196; at++) {
            CASE(at);
            file.sector[at] ^= 0x10;
            godwit_store32(file.sector + 1196, godwit_crc32(0, file.sector, 1196));
            bool good = godwit_sigblock_check(file.sector, &file.digests, &block) == GODWIT_OK;
            assert_false(good && memcmp(block.key_digest, digest, 32) == 0);
            assert_int_not_equal(good, block.reason != GODWIT_REASON_NONE);
            file.sector[at] ^= 0x10;
        }
        godwit_store32(file.sector + 1196, crc);
        assert_int_equal(godwit_sigblock_check(file.sector, &file.digests, &block), GODWIT_OK);
    }
}

static void test_reasons(void **state)
{
    (void)state;
    struct signed_file file;
    struct godwit_sigblock block;
    file_open(&file, "images/minimal-ecdsa384.bin");
    const struct godwit_body_digests without_384 = {file.sha256, NULL};
    assert_int_equal(godwit_sigblock_check(file.sector, &without_384, &block), GODWIT_ERR_TRUST);
    assert_int_equal(block.reason, GODWIT_REASON_SIGNATURE_DIGEST);
    file.sha384[0] ^= 1;
    assert_int_equal(godwit_sigblock_check(file.sector, &file.digests, &block), GODWIT_ERR_TRUST);
    assert_int_equal(block.reason, GODWIT_REASON_SIGNATURE_DIGEST);
    file.sha384[0] ^= 1;
    file.sector[300] ^= 1; /* a byte that must be zero */
    assert_int_equal(godwit_sigblock_check(file.sector, &file.digests, &block), GODWIT_ERR_FORMAT);
    assert_int_equal(block.reason, GODWIT_REASON_SIGNATURE_FORMAT);
    memset(file.sector, 0xFF, sizeof file.sector);
    assert_int_equal(godwit_sigsector_count(file.sector), 0);
    assert_true(godwit_sigsector_is_tidy(file.sector));
    assert_int_equal(godwit_sigblock_check(file.sector, &file.digests, &block), GODWIT_ERR_FORMAT);
    assert_int_equal(godwit_sigblock_key_digest(file.sector, file.sha256), GODWIT_ERR_FORMAT);
}

static void test_golden_files_are_untouched(void **state)
{
    (void)state;
    size_t size, rows = 0;
    char *list = (char *)golden_read("images/SHA256SUMS", &size);
    for (char *row = list; *row; rows++) {
        size_t length = strcspn(row, "\n");
        char path[128];
        uint8_t want[32], got[32];
        assert_true(length > 66 && row[length] == '\n');
        assert_int_equal(godwit_hex_decode(row, 64, want, 32), GODWIT_OK);
        snprintf(path, sizeof path, "images/%.*s", (int)length - 66, row + 66);
        uint8_t *data = golden_read(path, &size);
        struct godwit_hash hash;
        godwit_hash_init(&hash, GODWIT_SHA256);
        godwit_hash_update(&hash, data, size);
        assert_int_equal(godwit_hash_peek(&hash, got), GODWIT_OK);
        assert_memory_equal(got, want, 32);
        free(data);
        row += length + 1;
    }
    assert_int_equal(rows, 11);
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_espsecure),
        cmocka_unit_test(test_three_blocks_of_mixed_schemes),
        cmocka_unit_test(test_p192_is_named_and_refused),
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_golden_files_are_untouched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
