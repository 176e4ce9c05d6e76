/* A verdict is OpenSSL's error code of the connection, so it rides in session tickets by itself,
 * and the session's context id is the digest of all lists: a ticket from under others is not
 * resumed. So neither a CA that was replaced nor a revocation is outlived by a session.
 *
 * Dates: those of CAs are not asked, nor whether a revocation list is overdue, for no date of the
 * maker's may end a fleet (docs/decisions/0012); the client's own are the gate's to judge.
 *
 * Rejected: OpenSSL's own check of revocation lists, which wants one from every CA in the chain,
 * and refuses all where one is overdue. */
#include "http/clients.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CA_FILE_MAX (256L << 10)
#define CRL_FILE_MAX (16L << 20)
#define NAME_MAX_SIZE 64

struct http_clients {
    _Atomic unsigned holders;
    uint64_t generation;
    uint8_t digest[32]; /* of all certificates and lists */
    X509_STORE *store;
    STACK_OF(X509) * cas;
    STACK_OF(X509_CRL) * crls;
    http_client_name *name;
    bool is_overdue;
};

/* ---- reading ---- */

static void subject_of(const X509_NAME *name, char *out, size_t size_max)
{
    int size = X509_NAME_get_text_by_NID((X509_NAME *)name, NID_commonName, out, (int)size_max);
    if (size <= 0) snprintf(out, size_max, "without a name");
    for (char *at = out; *at; at++)
        if (*at < ' ' || *at > '~') *at = '?';
}

static FILE *file_open(const char *path, long size_max, char *note, size_t note_size)
{
    struct stat found;
    FILE *file = fopen(path, "re");
    bool is_found = file && !fstat(fileno(file), &found);
    if (!is_found) {
        snprintf(note, note_size, "%s can not be read: %s", path, strerror(errno));
    } else if (found.st_size > size_max) {
        snprintf(note, note_size, "%s has more than %ld KiB; is it the right file?", path,
                 size_max >> 10);
        fclose(file);
        file = NULL;
    }
    return file;
}

/* Whether reading stopped at the file's end, and not in the middle of something: half a file must
 * not count as a shorter list. */
static bool is_at_end(void)
{
    unsigned long error = ERR_peek_last_error();
    bool is_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return is_end;
}

/* Nobody is asked for one. */
static int no_passphrase(char *out, int size, int writes, void *ctx)
{
    (void)out, (void)size, (void)writes, (void)ctx;
    return -1;
}

static godwit_err check_ca(X509 *ca, const char *path, char *note, size_t note_size)
{
    char name[80];
    if (X509_check_ca(ca) == 1) return GODWIT_OK;
    subject_of(X509_get_subject_name(ca), name, sizeof name);
    snprintf(note, note_size,
             "%s holds a certificate that is no CA's (\"%s\"); give those of the CAs that sign "
             "devices' certificates",
             path, name);
    return GODWIT_ERR_TRUST;
}

static godwit_err read_cas(struct http_clients *clients, const char *path, char *note,
                           size_t note_size)
{
    FILE *file = file_open(path, CA_FILE_MAX, note, note_size);
    godwit_err err = file ? GODWIT_OK : GODWIT_ERR_IO;
    for (X509 *ca; !err && (ca = PEM_read_X509(file, NULL, no_passphrase, NULL));) {
        if (!sk_X509_push(clients->cas, ca) || !X509_STORE_add_cert(clients->store, ca)) abort();
        err = check_ca(ca, path, note, note_size);
    }
    if (file) fclose(file);
    if (err) return err;
    int count = sk_X509_num(clients->cas);
    if (is_at_end() && count && count <= CLIENT_CAS_MAX) return GODWIT_OK;
    if (count > CLIENT_CAS_MAX)
        snprintf(note, note_size,
                 "%s holds %d CAs, and each is named in every handshake; give %d "
                 "at most",
                 path, count, CLIENT_CAS_MAX);
    else
        snprintf(note, note_size,
                 "%s %s; give the certificates of the CAs that sign devices' certificates (PEM)",
                 path, count ? "is damaged behind its first certificate" : "holds no certificate");
    return GODWIT_ERR_FORMAT;
}

/* Whom a list is by: only a CA that is believed may revoke. */
static bool is_signed(const struct http_clients *clients, X509_CRL *crl)
{
    for (int i = 0; i < sk_X509_num(clients->cas); i++) {
        X509 *ca = sk_X509_value(clients->cas, i);
        if (X509_NAME_cmp(X509_get_subject_name(ca), X509_CRL_get_issuer(crl))) continue;
        if (X509_CRL_verify(crl, X509_get0_pubkey(ca)) == 1) return true;
    }
    ERR_clear_error();
    return false;
}

static godwit_err check_crl(const struct http_clients *clients, X509_CRL *crl, const char *path,
                            char *note, size_t note_size)
{
    char name[80];
    subject_of(X509_CRL_get_issuer(crl), name, sizeof name);
    if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
        snprintf(note, note_size, "%s holds a delta list of \"%s\"; give the whole one", path,
                 name);
    else if (!is_signed(clients, crl))
        snprintf(note, note_size,
                 "%s holds a revocation list of \"%s\" that no CA of the devices' signed; is that "
                 "CA's certificate among theirs?",
                 path, name);
    else
        return GODWIT_OK;
    return GODWIT_ERR_TRUST;
}

static bool is_over(const ASN1_TIME *time)
{
    return time && X509_cmp_current_time(time) < 0;
}

/* Entries are sorted by the first look-up, which is made here and not on a loop. */
static void prepare(struct http_clients *clients, X509_CRL *crl)
{
    X509_REVOKED *found;
    (void)X509_CRL_get0_by_cert(crl, &found, sk_X509_value(clients->cas, 0));
    clients->is_overdue |= is_over(X509_CRL_get0_nextUpdate(crl));
}

static godwit_err read_crls(struct http_clients *clients, const char *path, char *note,
                            size_t note_size)
{
    FILE *file = file_open(path, CRL_FILE_MAX, note, note_size);
    godwit_err err = file ? GODWIT_OK : GODWIT_ERR_IO;
    for (X509_CRL *crl; !err && (crl = PEM_read_X509_CRL(file, NULL, no_passphrase, NULL));) {
        if (!sk_X509_CRL_push(clients->crls, crl)) abort();
        err = check_crl(clients, crl, path, note, note_size);
        if (!err) prepare(clients, crl);
    }
    if (file) fclose(file);
    if (err) return err;
    int count = sk_X509_CRL_num(clients->crls);
    if (is_at_end() && count) return GODWIT_OK;
    snprintf(note, note_size,
             "%s %s; give the revocation lists of the devices' CAs (PEM, as `openssl ca -gencrl` "
             "makes them)",
             path, count ? "is damaged behind its first list" : "holds no revocation list");
    return GODWIT_ERR_FORMAT;
}

static void add_digest(EVP_MD_CTX *hash, uint8_t *der, int size)
{
    if (size <= 0 || EVP_DigestUpdate(hash, der, (size_t)size) != 1) abort();
    OPENSSL_free(der);
}

static void digest(struct http_clients *clients)
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1) abort();
    for (int i = 0; i < sk_X509_num(clients->cas); i++) {
        uint8_t *der = NULL;
        int size = i2d_X509(sk_X509_value(clients->cas, i), &der);
        add_digest(hash, der, size);
    }
    for (int i = 0; i < sk_X509_CRL_num(clients->crls); i++) {
        uint8_t *der = NULL;
        int size = i2d_X509_CRL(sk_X509_CRL_value(clients->crls, i), &der);
        add_digest(hash, der, size);
    }
    if (EVP_DigestFinal_ex(hash, clients->digest, NULL) != 1) abort();
    EVP_MD_CTX_free(hash);
}

godwit_err http_clients_open(const char *ca, const char *crl, http_client_name *name,
                             char *note_out, size_t note_size, struct http_clients **clients_out)
{
    static _Atomic uint64_t generations;
    struct http_clients *clients = calloc(1, sizeof *clients);
    if (!clients) abort();
    clients->holders = 1;
    clients->generation = atomic_fetch_add(&generations, 1) + 1;
    clients->name = name;
    clients->store = X509_STORE_new();
    clients->cas = sk_X509_new_null();
    clients->crls = sk_X509_CRL_new_null();
    if (!clients->store || !clients->cas || !clients->crls) abort();
    ERR_clear_error();
    godwit_err err = read_cas(clients, ca, note_out, note_size);
    if (!err && crl) err = read_crls(clients, crl, note_out, note_size);
    if (!err) digest(clients);
    ERR_clear_error();
    if (err)
        http_clients_close(clients);
    else
        *clients_out = clients;
    return err;
}

struct http_clients *http_clients_hold(struct http_clients *clients)
{
    if (clients) atomic_fetch_add(&clients->holders, 1);
    return clients;
}

void http_clients_close(struct http_clients *clients)
{
    if (!clients || atomic_fetch_sub(&clients->holders, 1) > 1) return;
    X509_STORE_free(clients->store);
    sk_X509_pop_free(clients->cas, X509_free);
    sk_X509_CRL_pop_free(clients->crls, X509_CRL_free);
    free(clients);
}

bool http_clients_are_same(const struct http_clients *a, const struct http_clients *b)
{
    return !memcmp(a->digest, b->digest, sizeof a->digest);
}

uint64_t http_clients_generation(const struct http_clients *clients)
{
    return clients->generation;
}

bool http_clients_are_overdue(const struct http_clients *clients)
{
    return clients->is_overdue;
}

/* ---- the name ---- */

struct naming {
    http_client_name *name;
    unsigned count; /* of different clients that are named */
    uint8_t id[16];
};

static void take_name(struct naming *naming, const ASN1_STRING *string)
{
    char text[NAME_MAX_SIZE];
    uint8_t id[16];
    int size = ASN1_STRING_length(string);
    if (size <= 0 || size >= NAME_MAX_SIZE) return;
    memcpy(text, ASN1_STRING_get0_data(string), (size_t)size);
    text[size] = 0;
    if (strlen(text) != (size_t)size || !naming->name(text, id)) return;
    if (naming->count && !memcmp(naming->id, id, sizeof id)) return;
    naming->count++;
    memcpy(naming->id, id, sizeof id);
}

/* Whom it names; false: nobody, or several. */
static bool find_name(const struct http_clients *clients, const X509 *leaf, uint8_t id_out[16])
{
    struct naming naming = {.name = clients->name};
    const X509_NAME *subject = X509_get_subject_name(leaf);
    for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;)
        take_name(&naming, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS) take_name(&naming, name->d.dNSName);
    }
    GENERAL_NAMES_free(names);
    memcpy(id_out, naming.id, sizeof naming.id);
    return naming.count == 1;
}

/* ---- judging, once a handshake ---- */

static bool is_revoked(const struct http_clients *clients, X509 *one)
{
    for (int i = 0; i < sk_X509_CRL_num(clients->crls); i++) {
        X509_CRL *crl = sk_X509_CRL_value(clients->crls, i);
        X509_REVOKED *found;
        if (X509_CRL_get0_by_cert(crl, &found, one) == 1) return true; /* by issuer and number */
    }
    return false;
}

/* An X509_V_ code of the chain that leads to a CA of the list. */
static int judge(const struct http_clients *clients, STACK_OF(X509) * chain)
{
    uint8_t id[16];
    X509 *leaf = sk_X509_value(chain, 0);
    for (int i = 0; i < sk_X509_num(chain); i++)
        if (is_revoked(clients, sk_X509_value(chain, i))) return X509_V_ERR_CERT_REVOKED;
    if (X509_check_ca(leaf)) return X509_V_ERR_INVALID_PURPOSE;
    if (!find_name(clients, leaf, id)) return X509_V_ERR_APPLICATION_VERIFICATION;
    return X509_V_OK;
}

/* In place of OpenSSL's own; its verdict stays with the connection and its sessions. */
static int on_certificate(X509_STORE_CTX *context, void *ctx)
{
    const struct http_clients *clients = ctx;
    X509_STORE_CTX_set_flags(context, X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_PARTIAL_CHAIN);
    X509_STORE_CTX_set_depth(context, CLIENT_DEPTH_MAX);
    if (X509_verify_cert(context) == 1)
        X509_STORE_CTX_set_error(context, judge(clients, X509_STORE_CTX_get0_chain(context)));
    else if (X509_STORE_CTX_get_error(context) == X509_V_OK)
        X509_STORE_CTX_set_error(context, X509_V_ERR_UNSPECIFIED);
    ERR_clear_error();
    return 1;
}

void clients_tell_apart(const struct http_clients *clients, SSL_CTX *ctx)
{
    if (SSL_CTX_set_session_id_context(ctx, clients->digest, sizeof clients->digest) != 1) abort();
}

void clients_ask(struct http_clients *clients, SSL_CTX *ctx)
{
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
    for (int i = 0; i < sk_X509_num(clients->cas); i++) {
        X509_NAME *name = X509_NAME_dup(X509_get_subject_name(sk_X509_value(clients->cas, i)));
        if (!names || !name || !sk_X509_NAME_push(names, name)) abort();
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    if (SSL_CTX_set1_verify_cert_store(ctx, clients->store) != 1) abort();
    SSL_CTX_set_cert_verify_callback(ctx, on_certificate, clients);
    SSL_CTX_set_max_cert_list(ctx, CLIENT_CHAIN_MAX);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    clients_tell_apart(clients, ctx);
}

/* ---- looking, with each request ---- */

static enum client_state state_of(long verdict)
{
    switch (verdict) {
    case X509_V_OK:
        return CLIENT_GOOD;
    case X509_V_ERR_CERT_REVOKED:
        return CLIENT_REVOKED;
    case X509_V_ERR_INVALID_PURPOSE:
        return CLIENT_PURPOSE;
    case X509_V_ERR_APPLICATION_VERIFICATION:
        return CLIENT_NAMELESS;
    default:
        return CLIENT_UNTRUSTED;
    }
}

static int64_t unix_s(const ASN1_TIME *time, int64_t unknown)
{
    struct tm parts;
    return ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) : unknown;
}

void clients_look(const struct http_clients *clients, const SSL *ssl, struct http_client *out)
{
    const X509 *leaf = clients ? SSL_get0_peer_certificate(ssl) : NULL;
    if (!leaf) return;
    long verdict = SSL_get_verify_result(ssl);
    out->generation = clients->generation;
    out->state = state_of(verdict);
    if (out->state == CLIENT_GOOD && !find_name(clients, leaf, out->id))
        out->state = CLIENT_NAMELESS;
    out->why = X509_verify_cert_error_string(verdict);
    /* A date that can not be read is over. */
    out->from_s = unix_s(X509_get0_notBefore(leaf), INT64_MAX);
    out->until_s = unix_s(X509_get0_notAfter(leaf), INT64_MIN);
}
