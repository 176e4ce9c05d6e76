/* The server's own certificates: what devices pin stays, the rest is renewed when it must be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "server/certificate.h"
#include "temp_dir.h"

static char dir[64], tls[80], ca[96], ca_key[96], server[96];

static int setup(void **state)
{
    (void)state;
    temp_dir_make(dir);
    snprintf(tls, sizeof tls, "%s/tls", dir);
    snprintf(ca, sizeof ca, "%s/ca.pem", tls);
    snprintf(ca_key, sizeof ca_key, "%s/ca-key.pem", tls);
    snprintf(server, sizeof server, "%s/server.pem", tls);
    return certificate_ensure(tls, NULL);
}

static int teardown(void **state)
{
    (void)state;
    temp_dir_drop(dir);
    return 0;
}

static X509 *read_first(const char *path)
{
    FILE *file = fopen(path, "r");
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    assert_non_null(certificate);
    return certificate;
}

static void the_chain_holds(void **state)
{
    (void)state;
    X509 *root = read_first(ca), *leaf = read_first(server);
    assert_int_equal(X509_verify(leaf, X509_get0_pubkey(root)), 1);
    assert_int_equal(X509_check_host(leaf, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(leaf, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_host(leaf, "elsewhere", 0, 0, NULL), 0);
    assert_int_equal(X509_check_ca(root), 1);
    assert_int_equal(X509_check_ca(leaf), 0);
    /* for devices with a slow clock: already good 23 hours ago, not two days ago */
    time_t recent = time(NULL) - 23 * 3600, past = time(NULL) - 48 * 3600;
    assert_int_equal(X509_cmp_time(X509_get0_notBefore(leaf), &recent), -1);
    assert_int_equal(X509_cmp_time(X509_get0_notBefore(leaf), &past), 1);
    X509_free(root);
    X509_free(leaf);
}

static void the_pin_is_the_ca(void **state)
{
    (void)state;
    uint8_t alone[32], chained[32];
    assert_int_equal(certificate_ca_digest(ca, alone), GODWIT_OK);
    assert_int_equal(certificate_ca_digest(server, chained), GODWIT_OK);
    assert_memory_equal(alone, chained, 32);
    assert_int_equal(certificate_ca_digest(ca_key, alone), GODWIT_ERR_FORMAT);
    assert_int_equal(certificate_ca_digest("/nowhere", alone), GODWIT_ERR_MISSING);
}

static void serial(const char *path, char out[static 64])
{
    X509 *certificate = read_first(path);
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *text = BN_bn2hex(number);
    snprintf(out, 64, "%s", text);
    OPENSSL_free(text);
    BN_free(number);
    X509_free(certificate);
}

static void a_new_name_renews_only_the_server(void **state)
{
    (void)state;
    char ca_before[64], before[64], after[64];
    serial(ca, ca_before);
    serial(server, before);
    assert_int_equal(certificate_ensure(tls, NULL), GODWIT_OK);
    serial(server, after);
    assert_string_equal(before, after);
    assert_int_equal(certificate_ensure(tls, "ota.example.org,192.168.1.4"), GODWIT_OK);
    serial(server, after);
    assert_string_not_equal(before, after);
    X509 *leaf = read_first(server);
    assert_int_equal(X509_check_host(leaf, "ota.example.org", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(leaf, "192.168.1.4", 0), 1);
    X509_free(leaf);
    serial(ca, after);
    assert_string_equal(ca_before, after);
}

static void without_the_ca_key_nothing_new_is_made_up(void **state)
{
    (void)state;
    uint8_t before[32], after[32];
    assert_int_equal(certificate_ca_digest(ca, before), GODWIT_OK);
    unlink(ca_key);
    assert_int_equal(certificate_ensure(tls, NULL), GODWIT_OK);
    assert_int_equal(certificate_ensure(tls, "new.example.org"), GODWIT_ERR_MISSING);
    assert_int_equal(certificate_ca_digest(ca, after), GODWIT_OK);
    assert_memory_equal(before, after, 32);
}

/* A cut between the CA's key and its certificate: the key stays, so the pin does. */
static void a_lost_ca_certificate_keeps_its_key(void **state)
{
    (void)state;
    uint8_t before[32], after[32];
    assert_int_equal(certificate_ca_digest(ca, before), GODWIT_OK);
    unlink(ca);
    assert_int_equal(certificate_ensure(tls, NULL), GODWIT_OK);
    assert_int_equal(certificate_ca_digest(ca, after), GODWIT_OK);
    assert_memory_equal(before, after, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_chain_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(the_pin_is_the_ca, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_name_renews_only_the_server, setup, teardown),
        cmocka_unit_test_setup_teardown(without_the_ca_key_nothing_new_is_made_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_ca_certificate_keeps_its_key, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
