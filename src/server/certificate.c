/* Certificates through OpenSSL: P-256 keys, SHA-256, X.509 v3. */
#include "server/certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "server/text_file.h"

#define DAY_S (24L * 3600)
#define CA_DAYS (20 * 365)
#define SERVER_DAYS (10 * 365)
#define RENEW_DAYS 30
#define ALWAYS_NAMED "DNS:localhost,IP:127.0.0.1"

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

static bool make_ca(struct pair *ca)
{
    return begin(ca, "Godwit CA", CA_DAYS) &&
           X509_set_issuer_name(ca->certificate, X509_get_subject_name(ca->certificate)) &&
           add_extension(ca->certificate, ca->certificate, NID_basic_constraints,
                         "critical,CA:TRUE,pathlen:0") &&
           add_extension(ca->certificate, ca->certificate, NID_key_usage,
                         "critical,keyCertSign,cRLSign") &&
           add_extension(ca->certificate, ca->certificate, NID_subject_key_identifier, "hash") &&
           X509_sign(ca->certificate, ca->key, EVP_sha256());
}

static bool is_address(const char *name)
{
    uint8_t address[16];
    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

/* "a.example,192.168.1.4" → "DNS:localhost,IP:127.0.0.1,DNS:a.example,IP:192.168.1.4" */
static void alternative_names(const char *names, char *out, size_t size_max)
{
    char copy[512], *rest = copy;
    snprintf(copy, sizeof copy, "%s", names ? names : "");
    size_t used = (size_t)snprintf(out, size_max, "%s", ALWAYS_NAMED);
    for (char *name; (name = strsep(&rest, ", ")) && used < size_max;)
        if (*name)
            used += (size_t)snprintf(out + used, size_max - used, ",%s:%s",
                                     is_address(name) ? "IP" : "DNS", name);
}

static bool make_server(struct pair *server, const struct pair *ca, const char *names)
{
    char alternative[1024];
    alternative_names(names, alternative, sizeof alternative);
    return begin(server, "godwit", SERVER_DAYS) &&
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

static bool covers(const X509 *certificate, const char *names)
{
    char copy[512], *rest = copy;
    snprintf(copy, sizeof copy, "%s", names ? names : "");
    for (char *name; (name = strsep(&rest, ", "));) {
        if (!*name) continue;
        int found = is_address(name) ? X509_check_ip_asc((X509 *)certificate, name, 0)
                                     : X509_check_host((X509 *)certificate, name, 0, 0, NULL);
        if (found != 1) return false;
    }
    return true;
}

static bool is_due(const struct pair *server, const struct pair *ca, const char *names)
{
    if (!is_whole(server) || !covers(server->certificate, names)) return true;
    EVP_PKEY *ca_key = X509_get0_pubkey(ca->certificate);
    if (X509_verify(server->certificate, ca_key) != 1) return true;
    time_t soon = time(NULL) + RENEW_DAYS * DAY_S;
    return X509_cmp_time(X509_get0_notAfter(server->certificate), &soon) <= 0;
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

/* behind: a second certificate in the same file, or NULL. */
static godwit_err write_certificates(const char *folder, const char *name, X509 *certificate,
                                     X509 *behind)
{
    BIO *pem = BIO_new(BIO_s_mem());
    bool good =
        pem && PEM_write_bio_X509(pem, certificate) && (!behind || PEM_write_bio_X509(pem, behind));
    return write_pem(folder, name, pem, good, 0644);
}

/* ---- ensuring ---- */

/* Devices pin the CA's key: where only its certificate is missing, the key is kept. */
static godwit_err ensure_ca(const char *folder, struct pair *ca)
{
    read_pair(folder, "ca.pem", "ca-key.pem", ca);
    if (ca->certificate) return GODWIT_OK;
    bool has_key = ca->key != NULL;
    if (!make_ca(ca)) return GODWIT_ERR_IO;
    godwit_err err = has_key ? GODWIT_OK : write_key(folder, "ca-key.pem", ca->key);
    return err ? err : write_certificates(folder, "ca.pem", ca->certificate, NULL);
}

static godwit_err ensure_server(const char *folder, const struct pair *ca, const char *names,
                                struct pair *server)
{
    read_pair(folder, "server.pem", "server-key.pem", server);
    if (!is_due(server, ca, names)) return GODWIT_OK;
    if (!is_whole(ca)) return GODWIT_ERR_MISSING;
    pair_free(server);
    if (!make_server(server, ca, names)) return GODWIT_ERR_IO;
    godwit_err err = write_key(folder, "server-key.pem", server->key);
    if (err) return err;
    return write_certificates(folder, "server.pem", server->certificate, ca->certificate);
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

godwit_err certificate_ca_digest(const char *path, uint8_t digest_out[static 32])
{
    FILE *file = fopen(path, "r");
    if (!file) return GODWIT_ERR_MISSING;
    X509 *last = NULL;
    for (X509 *next; (next = PEM_read_X509(file, NULL, NULL, NULL)); last = next)
        X509_free(last);
    fclose(file);
    unsigned char *der = NULL;
    int size = last ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(last), &der) : -1;
    X509_free(last);
    if (size <= 0) return GODWIT_ERR_FORMAT;
    bool good = EVP_Digest(der, (size_t)size, digest_out, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    return good ? GODWIT_OK : GODWIT_ERR_IO;
}
