/* The server's own certificates: what devices pin stays, the rest is renewed when it must be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "case.h"
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

/* The server's certificate with other dates, in days from now. */
static void set_dates(int from, int to)
{
    X509 *leaf = read_first(server);
    FILE *file = fopen(ca_key, "r");
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(leaf), from * 86400L));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(leaf), to * 86400L));
    assert_true(X509_sign(leaf, key, EVP_sha256()));
    file = fopen(server, "w");
    assert_int_equal(PEM_write_X509(file, leaf), 1);
    fclose(file);
    EVP_PKEY_free(key);
    X509_free(leaf);
}

/* Made by a clock that was ahead, or looked at by one that is: the next one is good by both. */
static void one_of_another_time_is_followed_by_one_of_both(void **state)
{
    (void)state;
    static const struct {
        int from, to;
    } rows[] = {{3650, 4000}, {2, 360}, {-4000, -3650}, {-400, -1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CASE(i);
        set_dates(rows[i].from, rows[i].to);
        assert_int_equal(certificate_ensure(tls, NULL), GODWIT_OK);
        X509 *leaf = read_first(server);
        time_t now = time(NULL), before = now + rows[i].from * 86400 + 60,
               after = now + rows[i].to * 86400 - 60;
        time_t first = before < now ? before : now, last = after > now ? after : now;
        assert_int_equal(X509_cmp_time(X509_get0_notBefore(leaf), &first), -1);
        assert_int_equal(X509_cmp_time(X509_get0_notAfter(leaf), &last), 1);
        X509_free(leaf);
    }
}

static void one_that_ends_soon_is_followed_by_a_plain_one(void **state)
{
    (void)state;
    set_dates(-340, 20);
    assert_int_equal(certificate_ensure(tls, NULL), GODWIT_OK);
    X509 *leaf = read_first(server);
    time_t past = time(NULL) - 2 * 86400, later = time(NULL) + 300 * 86400;
    assert_int_equal(X509_cmp_time(X509_get0_notBefore(leaf), &past), 1);
    assert_int_equal(X509_cmp_time(X509_get0_notAfter(leaf), &later), 1);
    X509_free(leaf);
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

/* ---- the next CA ---- */

static void path_in(const char *name, char out[static 128])
{
    snprintf(out, 128, "%s/%s", tls, name);
}

static bool is_there(const char *name)
{
    char path[128];
    path_in(name, path);
    return access(path, F_OK) == 0;
}

/* Whether someone who knows only the key of `known` believes what the server sends; without: the
 * certificates of this file are left out of it, or NULL. */
static bool is_believed(X509 *known, X509 *without)
{
    STACK_OF(X509) *sent = sk_X509_new_null(), *anchors = sk_X509_new_null();
    FILE *file = fopen(server, "r");
    X509 *leaf = PEM_read_X509(file, NULL, NULL, NULL);
    for (X509 *next; (next = PEM_read_X509(file, NULL, NULL, NULL));) {
        if (without && !X509_cmp(next, without)) {
            X509_free(next);
            continue;
        }
        bool is_anchor = EVP_PKEY_eq(X509_get0_pubkey(next), X509_get0_pubkey(known)) == 1;
        if (is_anchor) sk_X509_push(anchors, next);
        sk_X509_push(sent, next);
    }
    fclose(file);
    X509_STORE *none = X509_STORE_new();
    X509_STORE_CTX *store = X509_STORE_CTX_new();
    assert_int_equal(X509_STORE_CTX_init(store, none, leaf, sent), 1);
    X509_STORE_CTX_set0_trusted_stack(store, anchors);
    X509_STORE_CTX_set_purpose(store, X509_PURPOSE_SSL_SERVER);
    X509_STORE_CTX_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_X509_STRICT);
    bool is_good = X509_verify_cert(store) == 1;
    X509_STORE_CTX_free(store);
    X509_STORE_free(none);
    sk_X509_free(anchors);
    sk_X509_pop_free(sent, X509_free);
    X509_free(leaf);
    return is_good;
}

static void digests(uint8_t ca_out[static 32], uint8_t announced_out[static 32])
{
    assert_int_equal(certificate_ca_digest(ca, ca_out), GODWIT_OK);
    assert_int_equal(certificate_announced(tls, announced_out), GODWIT_OK);
}

static void preparing_changes_nothing_but_what_is_announced(void **state)
{
    (void)state;
    static const uint8_t none[32];
    uint8_t before[32], present[32], announced[32], next[32];
    char was[64], is[64], path[128];
    serial(server, was);
    digests(before, announced);
    assert_memory_equal(announced, none, 32);
    assert_int_equal(certificate_switch(tls), GODWIT_ERR_MISSING);

    assert_int_equal(certificate_next(tls), GODWIT_OK);
    assert_int_equal(certificate_ensure(tls, NULL), GODWIT_OK);
    serial(server, is);
    assert_string_equal(was, is);
    digests(present, announced);
    assert_memory_equal(present, before, 32);
    path_in("next-ca.pem", path);
    assert_int_equal(certificate_ca_digest(path, next), GODWIT_OK);
    assert_memory_equal(announced, next, 32);
    assert_memory_not_equal(announced, before, 32);
    assert_int_equal(certificate_next(tls), GODWIT_ERR_POLICY); /* not a third one */
}

static void without_the_ca_key_no_next_is_prepared(void **state)
{
    (void)state;
    unlink(ca_key);
    assert_int_equal(certificate_next(tls), GODWIT_ERR_MISSING);
    assert_false(is_there("next-ca.pem"));
}

/* Three generations: who knows any of them believes the server, and only through the crosses. */
static void whoever_knows_a_former_ca_comes_in(void **state)
{
    (void)state;
    X509 *generations[3] = {read_first(ca)};
    X509 *stranger = NULL;
    uint8_t present[32], announced[32];
    for (int i = 1; i < 3; i++) {
        char path[128];
        assert_int_equal(certificate_next(tls), GODWIT_OK);
        path_in("next-ca-cross.pem", path);
        X509 *cross = read_first(path);
        assert_int_equal(certificate_switch(tls), GODWIT_OK);
        assert_int_equal(certificate_ensure(tls, "ota.example.org"), GODWIT_OK);
        generations[i] = read_first(ca);
        digests(present, announced);
        assert_memory_equal(present, announced, 32); /* for devices that slept */
        for (int known = 0; known <= i; known++) {
            CASE(known);
            assert_true(is_believed(generations[known], NULL));
            /* only the newest could do without the cross that was made last */
            if (known < i) assert_false(is_believed(generations[known], cross));
        }
        X509_free(cross);
    }
    assert_false(is_there("next-ca.pem"));
    assert_false(is_there("next-ca-key.pem"));
    assert_false(is_there("next-ca-cross.pem"));
    X509 *leaf = read_first(server);
    assert_int_equal(X509_verify(leaf, X509_get0_pubkey(generations[2])), 1);
    assert_int_equal(X509_check_host(leaf, "ota.example.org", 0, 0, NULL), 1);

    char other[80], other_ca[96]; /* a stranger's CA is still a stranger's */
    snprintf(other, sizeof other, "%s/other", dir);
    snprintf(other_ca, sizeof other_ca, "%s/ca.pem", other);
    assert_int_equal(certificate_ensure(other, NULL), GODWIT_OK);
    stranger = read_first(other_ca);
    assert_false(is_believed(stranger, NULL));
    X509_free(leaf);
    X509_free(stranger);
    for (int i = 0; i < 3; i++)
        X509_free(generations[i]);
}

static void copy_behind(const char *from, const char *to, const char *how)
{
    char from_path[128], to_path[128], text[8192];
    path_in(from, from_path);
    path_in(to, to_path);
    FILE *file = fopen(from_path, "r");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    file = fopen(to_path, how);
    fwrite(text, 1, size, file);
    fclose(file);
}

/* Power goes between any two steps of a switch: the service still starts and is believed, and the
 * same command goes on. */
static void a_cut_switch_goes_on(void **state)
{
    (void)state;
    for (int step = 1; step <= 2; step++) {
        char key[128], next_key[128];
        X509 *former = read_first(ca);
        assert_int_equal(certificate_next(tls), GODWIT_OK);
        path_in("ca-key.pem", key);
        path_in("next-ca-key.pem", next_key);
        bool was_switched = is_there("chain.pem");
        copy_behind(was_switched ? "chain.pem" : "ca.pem", "behind", "w");
        copy_behind("next-ca-cross.pem", "chain.pem", "w");
        copy_behind("behind", "chain.pem", "a");
        if (step == 2) assert_int_equal(rename(next_key, key), 0);

        assert_int_equal(certificate_ensure(tls, NULL), GODWIT_OK);
        assert_true(is_believed(former, NULL));
        assert_int_equal(certificate_switch(tls), GODWIT_OK);
        assert_int_equal(certificate_ensure(tls, NULL), GODWIT_OK);
        X509 *present = read_first(ca);
        assert_true(is_believed(former, NULL));
        assert_true(is_believed(present, NULL));
        assert_false(is_there("next-ca.pem"));
        X509_free(former);
        X509_free(present);
    }
    FILE *file = fopen(server, "r"); /* leaf, two crosses, the first CA: nothing twice */
    int count = 0;
    for (X509 *next; (next = PEM_read_X509(file, NULL, NULL, NULL)); X509_free(next))
        count++;
    fclose(file);
    assert_int_equal(count, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(preparing_changes_nothing_but_what_is_announced, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(without_the_ca_key_no_next_is_prepared, setup, teardown),
        cmocka_unit_test_setup_teardown(whoever_knows_a_former_ca_comes_in, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cut_switch_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(the_chain_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(the_pin_is_the_ca, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_name_renews_only_the_server, setup, teardown),
        cmocka_unit_test_setup_teardown(one_of_another_time_is_followed_by_one_of_both, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_that_ends_soon_is_followed_by_a_plain_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(without_the_ca_key_nothing_new_is_made_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_ca_certificate_keeps_its_key, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
