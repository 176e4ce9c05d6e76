/* Chains that were given: a root that stays is taken, whatever else they end in is refused with a
 * sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "server/certificate.h"
#include "server/given_chain.h"
#include "temp_dir.h"

struct party {
    EVP_PKEY *key;
    X509 *certificate;
};

static char dir[64], note[600];
static struct party root, middle, leaf, other_root;

static bool extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool added = extension && X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}

/* by NULL: by itself; names NULL: a CA. */
static struct party make(const char *name, const struct party *by, const char *names, long ends_s)
{
    struct party party = {EVP_EC_gen("P-256"), X509_new()};
    X509 *one = party.certificate, *issuer = by ? by->certificate : one;
    X509_set_version(one, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(one), (long)strlen(name) + 7);
    X509_gmtime_adj(X509_getm_notBefore(one), -86400);
    X509_gmtime_adj(X509_getm_notAfter(one), ends_s);
    X509_set_pubkey(one, party.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(one), "CN", MBSTRING_UTF8,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(one, X509_get_subject_name(issuer));
    assert_true(
        extend(one, issuer, NID_basic_constraints, names ? "CA:FALSE" : "critical,CA:TRUE"));
    assert_true(extend(one, issuer, NID_subject_key_identifier, "hash"));
    if (names) assert_true(extend(one, issuer, NID_subject_alt_name, names));
    assert_true(X509_sign(one, by ? by->key : party.key, EVP_sha256()) > 0);
    return party;
}

static void party_free(struct party *party)
{
    EVP_PKEY_free(party->key);
    X509_free(party->certificate);
}

static int setup(void **state)
{
    (void)state;
    temp_dir_make(dir);
    root = make("Root", NULL, NULL, 1 << 30);
    other_root = make("Other Root", NULL, NULL, 1 << 30);
    middle = make("Middle", &root, NULL, 1 << 30);
    leaf = make("leaf", &middle, "DNS:*.example.org,DNS:ota.example.org,IP:192.0.2.1", 90 * 86400);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    party_free(&root);
    party_free(&other_root);
    party_free(&middle);
    party_free(&leaf);
    temp_dir_drop(dir);
    return 0;
}

/* A PEM file of up to three certificates. */
static const char *file_of(const char *name, X509 *one, X509 *two, X509 *three)
{
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    X509 *const all[] = {one, two, three};
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    fputs("what stands before is not read\n", file);
    for (size_t i = 0; i < 3; i++)
        if (all[i]) PEM_write_X509(file, all[i]);
    fclose(file);
    return path;
}

static size_t certificates_in(const char *pem)
{
    size_t count = 0;
    for (const char *at = pem; (at = strstr(at, "-----BEGIN CERT")); at++)
        count++;
    return count;
}

static void expect_root(const char *chain_file, const char *ca, X509 *expected)
{
    struct given_chain chain;
    uint8_t digest[32];
    godwit_err err = given_chain_load(chain_file, ca, &chain, note, sizeof note);
    if (err) print_message("%s\n", note);
    assert_int_equal(err, GODWIT_OK);
    assert_int_equal(certificate_key_digest(expected, digest), GODWIT_OK);
    assert_memory_equal(chain.ca_sha256, digest, 32);
    assert_int_equal(certificates_in(chain.pem), 3); /* the root is sent, and once */
    assert_int_equal(chain.pem[0], '-');
    given_chain_free(&chain);
}

static void expect_refused(const char *chain_file, const char *ca, const char *words)
{
    struct given_chain chain;
    assert_int_not_equal(given_chain_load(chain_file, ca, &chain, note, sizeof note), GODWIT_OK);
    if (!strstr(note, words)) print_message("%s\n", note);
    assert_non_null(strstr(note, words));
    assert_null(chain.pem);
    given_chain_free(&chain);
}

static void a_root_that_stays(void **state)
{
    (void)state;
    X509 *l = leaf.certificate, *m = middle.certificate, *r = root.certificate;
    expect_root(file_of("whole", l, m, r), NULL, r);
    expect_root(file_of("whole", l, m, r), file_of("ca", r, NULL, NULL), r);
    expect_root(file_of("short", l, m, NULL), file_of("ca", r, NULL, NULL), r);
    expect_root(file_of("short", l, m, NULL), file_of("cas", other_root.certificate, r, NULL), r);
}

static void what_can_not_be_pinned(void **state)
{
    (void)state;
    X509 *l = leaf.certificate, *m = middle.certificate, *r = root.certificate;
    /* As a public CA hands it out: the intermediate last. */
    expect_refused(file_of("short", l, m, NULL), NULL, "below \"Root\"");
    expect_refused(file_of("short", l, m, NULL), NULL, "--ca FILE");
    expect_refused(file_of("bare", l, NULL, NULL), NULL, "below \"Middle\"");
    expect_refused(file_of("short", l, m, NULL), file_of("ca", m, NULL, NULL), "holds no root");
    expect_refused(file_of("short", l, m, NULL), file_of("ca", other_root.certificate, NULL, NULL),
                   "does not lead to the CA in");
    expect_refused(file_of("gap", l, NULL, NULL), file_of("ca", r, NULL, NULL),
                   "all intermediates");
    expect_refused(file_of("wrong", l, other_root.certificate, NULL), NULL, "--ca FILE");
    expect_refused(file_of("none", NULL, NULL, NULL), NULL, "holds no certificate");
    expect_refused(file_of("short", l, m, NULL), file_of("none", NULL, NULL, NULL),
                   "holds no certificate");
    expect_refused("/nowhere", NULL, "holds no certificate");
    /* Signed by itself, but no CA: no device takes it for one. */
    struct party alone = make("alone", NULL, "DNS:alone", 1 << 30);
    expect_refused(file_of("alone", alone.certificate, NULL, NULL), NULL, "--ca FILE");
    party_free(&alone);
}

static void its_names_and_its_end(void **state)
{
    (void)state;
    struct given_chain chain;
    X509 *m = middle.certificate, *r = root.certificate;
    assert_int_equal(
        given_chain_load(file_of("whole", leaf.certificate, m, r), NULL, &chain, note, sizeof note),
        GODWIT_OK);
    assert_string_equal(chain.host, "ota.example.org"); /* a pattern can not be dialled */
    assert_true(given_chain_covers(&chain, "ota.example.org"));
    assert_true(given_chain_covers(&chain, "192.0.2.1"));
    assert_false(given_chain_covers(&chain, "127.0.0.1"));
    assert_int_equal(strlen(chain.ends), 10);
    assert_false(chain.ends_soon);
    given_chain_free(&chain);
    /* Over, and all the same shown: a device looks at the date itself. */
    struct party old = make("old", &middle, "DNS:old.example.org", -3600);
    assert_int_equal(
        given_chain_load(file_of("old", old.certificate, m, r), NULL, &chain, note, sizeof note),
        GODWIT_OK);
    assert_true(chain.ends_soon);
    given_chain_free(&chain);
    party_free(&old);
}

int main(void)
{
#define CHAIN(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CHAIN(a_root_that_stays),
        CHAIN(what_can_not_be_pinned),
        CHAIN(its_names_and_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
