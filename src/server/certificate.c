/* Certificates through OpenSSL: P-256 keys, SHA-256, X.509 v3.
 *
 * A CA is followed by another through a third certificate, the cross: the next CA's key, signed by
 * the present CA. After the switch the server sends leaf, cross and the former CA, so that whoever
 * knows either CA's key verifies; every later switch puts one more cross in front. All our CAs have
 * one name: only so the cross counts as the CA's own rollover, not as a CA below a CA that allows
 * none (RFC 5280, 6.1.4). They are told apart by their key identifiers. */
#include "server/certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/text_file.h"

#define DAY_S (24L * 3600)
#define CA_DAYS (20 * 365)
#define SERVER_DAYS 365
#define RENEW_DAYS 30
#define ALWAYS_NAMED "DNS:localhost,IP:127.0.0.1,IP:::1"
#define NAMES_MAX 4096

struct pair {
    EVP_PKEY *key;
    X509 *certificate;
};

static void pair_free(struct pair *pair)
{
    EVP_PKEY_free(pair->key);
    X509_free(pair->certificate);
    *pair = (struct pair){NULL, NULL};
}

static void path_of(const char *folder, const char *name, char out[static 600])
{
    snprintf(out, 600, "%s/%s", folder, name);
}

/* ---- reading ---- */

static void read_pair(const char *folder, const char *certificate, const char *key,
                      struct pair *out)
{
    char path[600];
    path_of(folder, certificate, path);
    FILE *file = fopen(path, "r");
    if (file) {
        out->certificate = PEM_read_X509(file, NULL, NULL, NULL);
        fclose(file);
    }
    path_of(folder, key, path);
    file = fopen(path, "r");
    if (file) {
        out->key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
        fclose(file);
    }
}

static bool is_whole(const struct pair *pair)
{
    return pair->key && pair->certificate &&
           X509_check_private_key(pair->certificate, pair->key) == 1;
}

/* ---- making ---- */

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool added = extension && X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}

static bool set_serial(X509 *certificate)
{
    uint8_t bytes[16];
    if (RAND_bytes(bytes, sizeof bytes) != 1) return false;
    bytes[0] &= 0x7f;
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    return set;
}

/* An unsigned certificate for the key there is, else for a fresh one. */
static bool begin(struct pair *out, const char *common_name, long days)
{
    if (!out->key) out->key = EVP_EC_gen("P-256");
    out->certificate = X509_new();
    if (!out->key || !out->certificate) return false;
    X509_NAME *name = X509_get_subject_name(out->certificate);
    return X509_set_version(out->certificate, X509_VERSION_3) && set_serial(out->certificate) &&
           X509_gmtime_adj(X509_getm_notBefore(out->certificate), -DAY_S) &&
           X509_gmtime_adj(X509_getm_notAfter(out->certificate), days * DAY_S) &&
           X509_set_pubkey(out->certificate, out->key) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                      -1, -1, 0);
}

/* A CA's certificate by itself, or by another CA: the cross. */
static bool make_ca(struct pair *ca, const struct pair *issuer)
{
    if (!begin(ca, "Godwit CA", CA_DAYS)) return false;
    X509 *certificate = ca->certificate, *by = issuer ? issuer->certificate : certificate;
    return X509_set_issuer_name(certificate, X509_get_subject_name(by)) &&
           add_extension(certificate, by, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           add_extension(certificate, by, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           add_extension(certificate, by, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, by, NID_authority_key_identifier, "keyid:always") &&
           X509_sign(certificate, issuer ? issuer->key : ca->key, EVP_sha256());
}

static bool is_address(const char *name)
{
    uint8_t address[16];
    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

/* "a.example,192.168.1.4" → "DNS:localhost,IP:127.0.0.1,DNS:a.example,IP:192.168.1.4" */
static void alternative_names(const char *names, char *out, size_t size_max)
{
    char copy[NAMES_MAX], *rest = copy;
    snprintf(copy, sizeof copy, "%s", names ? names : "");
    size_t used = (size_t)snprintf(out, size_max, "%s", ALWAYS_NAMED);
    for (char *name; (name = strsep(&rest, ", ")) && used < size_max;)
        if (*name)
            used += (size_t)snprintf(out + used, size_max - used, ",%s:%s",
                                     is_address(name) ? "IP" : "DNS", name);
}

static bool is_of_now(X509 *certificate)
{
    return X509_cmp_time(X509_get0_notBefore(certificate), NULL) < 0 &&
           X509_cmp_time(X509_get0_notAfter(certificate), NULL) > 0;
}

/* Where the former one is not of this time, one of two clocks is wrong: the one that it was made
 * by, or the present one. The new one is good by both, so that callers whose clock is right take
 * it. */
static bool cover_former(X509 *certificate, X509 *former)
{
    if (!former || is_of_now(former)) return true;
    const ASN1_TIME *from = X509_get0_notBefore(former), *to = X509_get0_notAfter(former);
    bool is_set = true;
    if (ASN1_TIME_compare(from, X509_get0_notBefore(certificate)) < 0)
        is_set = X509_set1_notBefore(certificate, from);
    if (ASN1_TIME_compare(to, X509_get0_notAfter(certificate)) > 0)
        is_set = is_set && X509_set1_notAfter(certificate, to);
    return is_set;
}

/* former: the one that it takes the place of, or NULL. */
static bool make_server(struct pair *server, const struct pair *ca, const char *names, X509 *former)
{
    char alternative[2 * NAMES_MAX];
    alternative_names(names, alternative, sizeof alternative);
    return begin(server, "godwit", SERVER_DAYS) && cover_former(server->certificate, former) &&
           X509_set_issuer_name(server->certificate, X509_get_subject_name(ca->certificate)) &&
           add_extension(server->certificate, ca->certificate, NID_basic_constraints,
                         "critical,CA:FALSE") &&
           add_extension(server->certificate, ca->certificate, NID_key_usage,
                         "critical,digitalSignature") &&
           add_extension(server->certificate, ca->certificate, NID_ext_key_usage, "serverAuth") &&
           add_extension(server->certificate, ca->certificate, NID_authority_key_identifier,
                         "keyid") &&
           add_extension(server->certificate, ca->certificate, NID_subject_alt_name, alternative) &&
           X509_sign(server->certificate, ca->key, EVP_sha256());
}

bool certificate_is_for(X509 *certificate, const char *host)
{
    return (is_address(host) ? X509_check_ip_asc(certificate, host, 0)
                             : X509_check_host(certificate, host, 0, 0, NULL)) == 1;
}

static bool covers(X509 *certificate, const char *names)
{
    char copy[NAMES_MAX], *rest = copy;
    snprintf(copy, sizeof copy, "%s", names ? names : "");
    for (char *name; (name = strsep(&rest, ", "));) {
        if (*name && !certificate_is_for(certificate, name)) return false;
    }
    return true;
}

static bool is_due(const struct pair *server, const struct pair *ca, const char *names)
{
    if (!is_whole(server) || !covers(server->certificate, names)) return true;
    EVP_PKEY *ca_key = X509_get0_pubkey(ca->certificate);
    if (X509_verify(server->certificate, ca_key) != 1) return true;
    time_t soon = time(NULL) + RENEW_DAYS * DAY_S;
    return !is_of_now(server->certificate) ||
           X509_cmp_time(X509_get0_notAfter(server->certificate), &soon) <= 0;
}

/* ---- writing ---- */

static godwit_err write_pem(const char *folder, const char *name, BIO *pem, bool good,
                            unsigned mode)
{
    char path[600], *text = NULL;
    path_of(folder, name, path);
    godwit_err err = GODWIT_ERR_IO;
    if (good && BIO_write(pem, "", 1) == 1 && BIO_get_mem_data(pem, &text) > 0)
        err = text_file_write(path, text, mode);
    BIO_free(pem);
    return err;
}

static godwit_err write_key(const char *folder, const char *name, EVP_PKEY *key)
{
    BIO *pem = BIO_new(BIO_s_mem());
    bool good = pem && PEM_write_bio_PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL);
    return write_pem(folder, name, pem, good, 0600);
}

/* followed_by: a file of the folder whose certificates come next in the same file, or NULL. */
static godwit_err write_certificates(const char *folder, const char *name, X509 *certificate,
                                     const char *followed_by)
{
    BIO *pem = BIO_new(BIO_s_mem());
    bool good = pem && PEM_write_bio_X509(pem, certificate);
    char path[600];
    path_of(folder, followed_by ? followed_by : "", path);
    FILE *file = followed_by ? fopen(path, "r") : NULL;
    if (followed_by && !file) good = false;
    for (X509 *next; file && (next = PEM_read_X509(file, NULL, NULL, NULL)); X509_free(next))
        good = good && PEM_write_bio_X509(pem, next);
    if (file) fclose(file);
    return write_pem(folder, name, pem, good, 0644);
}

/* ---- ensuring ---- */

/* Devices pin the CA's key: where only its certificate is missing, the key is kept. */
static godwit_err ensure_ca(const char *folder, struct pair *ca)
{
    read_pair(folder, "ca.pem", "ca-key.pem", ca);
    if (ca->certificate) return GODWIT_OK;
    bool has_key = ca->key != NULL;
    if (!make_ca(ca, NULL)) return GODWIT_ERR_IO;
    godwit_err err = has_key ? GODWIT_OK : write_key(folder, "ca-key.pem", ca->key);
    return err ? err : write_certificates(folder, "ca.pem", ca->certificate, NULL);
}

static bool has_file(const char *folder, const char *name)
{
    char path[600];
    path_of(folder, name, path);
    return path_exists(path);
}

/* What the server sends after its own certificate. */
static const char *chain_of(const char *folder)
{
    return has_file(folder, "chain.pem") ? "chain.pem" : "ca.pem";
}

static godwit_err ensure_server(const char *folder, const struct pair *ca, const char *names,
                                struct pair *server)
{
    read_pair(folder, "server.pem", "server-key.pem", server);
    if (!is_due(server, ca, names)) return GODWIT_OK;
    if (!is_whole(ca)) return GODWIT_ERR_MISSING;
    X509 *former = server->certificate;
    server->certificate = NULL;
    pair_free(server);
    bool is_made = make_server(server, ca, names, former);
    X509_free(former);
    if (!is_made) return GODWIT_ERR_IO;
    godwit_err err = write_key(folder, "server-key.pem", server->key);
    if (err) return err;
    return write_certificates(folder, "server.pem", server->certificate, chain_of(folder));
}

godwit_err certificate_ensure(const char *folder, const char *names)
{
    struct pair ca = {NULL, NULL}, server = {NULL, NULL};
    if (mkdir(folder, 0700) && errno != EEXIST) return GODWIT_ERR_IO;
    godwit_err err = ensure_ca(folder, &ca);
    if (!err) err = ensure_server(folder, &ca, names, &server);
    pair_free(&ca);
    pair_free(&server);
    return err;
}

godwit_err certificate_key_digest(X509 *certificate, uint8_t digest_out[static 32])
{
    unsigned char *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    if (size <= 0) return GODWIT_ERR_FORMAT;
    bool good = EVP_Digest(der, (size_t)size, digest_out, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    return good ? GODWIT_OK : GODWIT_ERR_IO;
}

godwit_err certificate_ca_digest(const char *path, uint8_t digest_out[static 32])
{
    FILE *file = fopen(path, "r");
    if (!file) return GODWIT_ERR_MISSING;
    X509 *last = NULL;
    for (X509 *next; (next = PEM_read_X509(file, NULL, NULL, NULL)); last = next)
        X509_free(last);
    fclose(file);
    godwit_err err = last ? certificate_key_digest(last, digest_out) : GODWIT_ERR_FORMAT;
    X509_free(last);
    return err;
}

/* ---- the next CA ---- */

godwit_err certificate_next(const char *folder)
{
    struct pair ca = {NULL, NULL}, next = {NULL, NULL}, cross = {NULL, NULL};
    if (has_file(folder, "next-ca.pem")) return GODWIT_ERR_POLICY;
    read_pair(folder, "ca.pem", "ca-key.pem", &ca);
    godwit_err err = is_whole(&ca) ? GODWIT_OK : GODWIT_ERR_MISSING;
    if (!err && !make_ca(&next, NULL)) err = GODWIT_ERR_IO;
    if (!err && EVP_PKEY_up_ref(next.key)) cross.key = next.key;
    if (!err && (!cross.key || !make_ca(&cross, &ca))) err = GODWIT_ERR_IO;
    if (!err) err = write_key(folder, "next-ca-key.pem", next.key);
    if (!err) err = write_certificates(folder, "next-ca-cross.pem", cross.certificate, NULL);
    /* Last: a cut before it leaves nothing prepared. */
    if (!err) err = write_certificates(folder, "next-ca.pem", next.certificate, NULL);
    pair_free(&ca);
    pair_free(&next);
    pair_free(&cross);
    return err;
}

static X509 *read_first(const char *folder, const char *name)
{
    struct pair pair = {NULL, NULL};
    read_pair(folder, name, name, &pair);
    EVP_PKEY_free(pair.key);
    return pair.certificate;
}

/* The cross in front of what is sent now; not twice, where the power was lost after it. */
static godwit_err lengthen_chain(const char *folder)
{
    X509 *cross = read_first(folder, "next-ca-cross.pem");
    X509 *first = read_first(folder, chain_of(folder));
    godwit_err err = cross && first ? GODWIT_OK : GODWIT_ERR_MISSING;
    if (!err && X509_cmp(cross, first))
        err = write_certificates(folder, "chain.pem", cross, chain_of(folder));
    X509_free(cross);
    X509_free(first);
    return err;
}

static godwit_err move(const char *folder, const char *from, const char *to)
{
    char old[600], new[600];
    path_of(folder, from, old);
    path_of(folder, to, new);
    return rename(old, new) ? GODWIT_ERR_IO : GODWIT_OK;
}

godwit_err certificate_switch(const char *folder)
{
    char path[600];
    if (!has_file(folder, "next-ca.pem")) return GODWIT_ERR_MISSING;
    godwit_err err = lengthen_chain(folder);
    if (!err && has_file(folder, "next-ca-key.pem"))
        err = move(folder, "next-ca-key.pem", "ca-key.pem");
    if (!err) err = move(folder, "next-ca.pem", "ca.pem");
    path_of(folder, "next-ca-cross.pem", path);
    if (!err) unlink(path);
    return err;
}

godwit_err certificate_announced(const char *folder, uint8_t digest_out[static 32])
{
    char path[600];
    memset(digest_out, 0, 32);
    bool is_prepared = has_file(folder, "next-ca.pem");
    if (!is_prepared && !has_file(folder, "chain.pem")) return GODWIT_OK;
    path_of(folder, is_prepared ? "next-ca.pem" : "ca.pem", path);
    return certificate_ca_digest(path, digest_out);
}
