/* Files of keys: espsecure's public ones, our own, and what is no key. */
#include "keys/keys.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "support/golden.h"

static char folder[] = "/tmp/godwit-pem-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/key.pem", folder);
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void test_reads_espsecure_public_keys(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"rsa3072", "ecdsa256", "ecdsa384"};
    size_t size;
    char *digests = (char *)golden_read("images/key-digests.txt", &size);
    for (size_t i = 0; i < 3; i++) {
        char name[256];
        uint8_t want[32], got[32];
        struct key *key;
        snprintf(name, sizeof name, "%s/tests/golden/images/%s.pub.pem", GODWIT_SOURCE_DIR,
                 NAMES[i]);
        assert_int_equal(key_open(name, &key), GODWIT_OK);
        assert_string_equal(godwit_scheme_name(key_scheme(key)), NAMES[i]);
        assert_false(key_is_private(key));
        assert_int_equal(key_digest(key, got), GODWIT_OK);
        const char *row = strstr(digests, NAMES[i]);
        assert_int_equal(godwit_hex_decode(row + strlen(NAMES[i]) + 1, 64, want, 32), GODWIT_OK);
        assert_memory_equal(got, want, 32);
        uint8_t signature[384];
        assert_int_equal(key_sign(key, want, 32, signature, &size), GODWIT_ERR_FORMAT);
        assert_int_equal(key_save(key, path), GODWIT_ERR_FORMAT);
        key_close(key);
    }
    free(digests);
}

static void test_saves_and_reads_back(void **state)
{
    (void)state;
    static const enum godwit_scheme SCHEMES[] = {GODWIT_SCHEME_RSA3072, GODWIT_SCHEME_ECDSA256,
                                                 GODWIT_SCHEME_ECDSA384};
    for (size_t i = 0; i < 3; i++) {
        struct key *key = key_generate(SCHEMES[i]), *again;
        uint8_t digest[32], digest_again[32];
        struct stat info;
        assert_non_null(key);
        assert_int_equal(key_save(key, path), GODWIT_OK);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
        assert_int_equal(key_save(key, path), GODWIT_ERR_BUSY); /* never over a file */
        assert_int_equal(key_open(path, &again), GODWIT_OK);
        assert_true(key_is_private(again));
        assert_int_equal(key_digest(key, digest), GODWIT_OK);
        assert_int_equal(key_digest(again, digest_again), GODWIT_OK);
        assert_memory_equal(digest, digest_again, 32);
        key_close(key), key_close(again);
        assert_int_equal(unlink(path), 0);
    }
    assert_null(key_generate(GODWIT_SCHEME_ECDSA192));
    struct key *key = key_generate(GODWIT_SCHEME_ECDSA256);
    assert_int_equal(key_save(key, "/nowhere/at/all.pem"), GODWIT_ERR_IO);
    key_close(key);
}

/* The public half can be handed on, and the private one is not in it. */
static void test_prints_the_public_half(void **state)
{
    (void)state;
    struct key *key = key_generate(GODWIT_SCHEME_ECDSA256), *again;
    uint8_t digest[32], digest_again[32];
    assert_non_null(key);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(key_print_public(key, file), GODWIT_OK);
    fclose(file);
    assert_int_equal(key_open(path, &again), GODWIT_OK);
    assert_false(key_is_private(again));
    assert_int_equal(key_digest(key, digest), GODWIT_OK);
    assert_int_equal(key_digest(again, digest_again), GODWIT_OK);
    assert_memory_equal(digest, digest_again, 32);
    file = fopen("/dev/full", "w");
    assert_non_null(file);
    assert_int_equal(key_print_public(key, file), GODWIT_ERR_IO);
    fclose(file);
    key_close(key), key_close(again);
    assert_int_equal(unlink(path), 0);
}

static godwit_err open_text(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    struct key *key;
    godwit_err err = key_open(path, &key);
    if (err) assert_null(key);
    key_close(key);
    unlink(path);
    return err;
}

static void test_refuses_what_is_no_key(void **state)
{
    (void)state;
    struct key *key;
    size_t size;
    assert_int_equal(key_open("/nowhere/at/all.pem", &key), GODWIT_ERR_MISSING);
    assert_int_equal(open_text(""), GODWIT_ERR_FORMAT);
    assert_int_equal(open_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
                     GODWIT_ERR_FORMAT);
    assert_int_equal(key_open("/dev/zero", &key), GODWIT_ERR_FORMAT); /* bounded, and no key */
    char *p192 = (char *)golden_read("images/ecdsa192.pub.pem", &size);
    assert_int_equal(open_text(p192), GODWIT_ERR_FORMAT);
    free(p192);
    char *p256 = (char *)golden_read("images/ecdsa256.pub.pem", &size);
    assert_int_equal(open_text(p256), GODWIT_OK);
    free(p256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_espsecure_public_keys),
        cmocka_unit_test(test_saves_and_reads_back),
        cmocka_unit_test(test_prints_the_public_half),
        cmocka_unit_test(test_refuses_what_is_no_key),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
