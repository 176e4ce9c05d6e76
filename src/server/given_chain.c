/* Pinned is a root only: an intermediate is exchanged by its owner without a word, and every device
 * that knew it would be lost. Dates are not asked here: a server whose clock was never set still
 * starts, and a device looks at the leaf's itself. */
#include "server/given_chain.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/certificate.h"

#define SOON_S (14L * 24 * 3600)

/* All certificates of a PEM file; empty where it holds none. */
static STACK_OF(X509) * read_all(const char *path)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    FILE *file = fopen(path, "r");
    for (X509 *next; file && all && (next = PEM_read_X509(file, NULL, NULL, NULL));)
        if (!sk_X509_push(all, next)) X509_free(next);
    if (file) fclose(file);
    ERR_clear_error();
    return all;
}

static void common_name(const X509_NAME *name, char *out, size_t size_max)
{
    int size = X509_NAME_get_text_by_NID((X509_NAME *)name, NID_commonName, out, (int)size_max);
    if (size <= 0) snprintf(out, size_max, "its issuer");
    for (char *at = out; *at; at++)
        if (*at < ' ' || *at > '~') *at = '?';
}

/* A CA that signed itself and says that it is a CA: what a device takes for an anchor. */
static bool is_root(X509 *certificate)
{
    return X509_self_signed(certificate, 1) == 1 && X509_check_ca(certificate) == 1;
}

static bool leads_to(STACK_OF(X509) * chain, X509 *root)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    bool leads = store && context && X509_STORE_add_cert(store, root) == 1 &&
                 X509_STORE_CTX_init(context, store, sk_X509_value(chain, 0), chain) == 1;
    if (leads) {
        X509_STORE_CTX_set_flags(context, X509_V_FLAG_NO_CHECK_TIME);
        leads = X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER) == 1 &&
                X509_verify_cert(context) == 1;
    }
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    ERR_clear_error();
    return leads;
}

static godwit_err find_root(STACK_OF(X509) * chain, STACK_OF(X509) * roots, const char *ca,
                            X509 **root_out, char *note, size_t note_size)
{
    char name[80];
    X509 *last = sk_X509_value(chain, sk_X509_num(chain) - 1);
    *root_out = NULL;
    for (int i = 0; i < sk_X509_num(roots) && !*root_out; i++) {
        X509 *one = sk_X509_value(roots, i);
        if (is_root(one) && leads_to(chain, one)) *root_out = one;
    }
    if (!roots && is_root(last) && leads_to(chain, last)) *root_out = last;
    if (*root_out) return GODWIT_OK;
    common_name(X509_get_issuer_name(last), name, sizeof name);
    if (roots && sk_X509_num(roots) && !is_root(sk_X509_value(roots, 0)))
        snprintf(note, note_size,
                 "--ca %s holds no root but a certificate that another signed, which may change "
                 "any day; give the root's own certificate",
                 ca);
    else if (roots)
        snprintf(note, note_size,
                 "the chain of --tls-cert does not lead to the CA in %s but to \"%s\"; give the "
                 "certificate of that root with --ca, and all intermediates with --tls-cert",
                 ca, name);
    else
        snprintf(note, note_size,
                 "the chain of --tls-cert ends below \"%s\", and devices can only know a root, for "
                 "an intermediate may change any day; give that root's certificate with --ca FILE",
                 name);
    return GODWIT_ERR_TRUST;
}

static bool add_pem(BIO *out, STACK_OF(X509) * chain, X509 *root)
{
    bool is_sent = false;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *one = sk_X509_value(chain, i);
        if (!PEM_write_bio_X509(out, one)) return false;
        if (!X509_cmp(one, root)) is_sent = true;
    }
    return is_sent || PEM_write_bio_X509(out, root);
}

/* A leaf's name that is no pattern. */
static void first_host(X509 *leaf, char *out, size_t size_max)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    *out = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !*out; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS) continue;
        const char *text = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
        int size = ASN1_STRING_length(name->d.dNSName);
        bool is_plain = size > 0 && (size_t)size < size_max && !memchr(text, '*', (size_t)size) &&
                        strlen(text) == (size_t)size;
        if (is_plain) snprintf(out, size_max, "%s", text);
    }
    GENERAL_NAMES_free(names);
}

static void note_end(X509 *leaf, struct given_chain *out)
{
    struct tm end;
    time_t soon = time(NULL) + SOON_S;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &end) == 1)
        strftime(out->ends, sizeof out->ends, "%Y-%m-%d", &end);
    out->ends_soon = X509_cmp_time(X509_get0_notAfter(leaf), &soon) <= 0;
}

static godwit_err fill(STACK_OF(X509) * chain, X509 *root, struct given_chain *out)
{
    BIO *pem = BIO_new(BIO_s_mem());
    char *text = NULL;
    godwit_err err = certificate_key_digest(root, out->ca_sha256);
    if (!err && (!pem || !add_pem(pem, chain, root) || BIO_write(pem, "", 1) != 1))
        err = GODWIT_ERR_IO;
    if (!err && BIO_get_mem_data(pem, &text) > 0) out->pem = strdup(text);
    BIO_free(pem);
    if (!out->pem) return GODWIT_ERR_IO;
    first_host(sk_X509_value(chain, 0), out->host, sizeof out->host);
    note_end(sk_X509_value(chain, 0), out);
    return err;
}

godwit_err given_chain_load(const char *certificate, const char *ca, struct given_chain *out,
                            char *note_out, size_t note_size)
{
    *out = (struct given_chain){0};
    STACK_OF(X509) *chain = read_all(certificate), *roots = ca ? read_all(ca) : NULL;
    godwit_err err = GODWIT_OK;
    X509 *root = NULL;
    if (sk_X509_num(chain) < 1 || (ca && sk_X509_num(roots) < 1)) {
        snprintf(note_out, note_size, "%s holds no certificate (PEM); check --tls-cert and --ca",
                 sk_X509_num(chain) < 1 ? certificate : ca);
        err = GODWIT_ERR_FORMAT;
    }
    if (!err) err = find_root(chain, roots, ca, &root, note_out, note_size);
    if (!err && (err = fill(chain, root, out)))
        snprintf(note_out, note_size, "the chain of --tls-cert can not be used: %s",
                 godwit_err_sentence(err));
    sk_X509_pop_free(chain, X509_free);
    sk_X509_pop_free(roots, X509_free);
    return err;
}

void given_chain_free(struct given_chain *chain)
{
    free(chain->pem);
    *chain = (struct given_chain){0};
}

bool given_chain_covers(const struct given_chain *chain, const char *host)
{
    BIO *pem = chain->pem ? BIO_new_mem_buf(chain->pem, -1) : NULL;
    X509 *leaf = pem ? PEM_read_bio_X509(pem, NULL, NULL, NULL) : NULL;
    bool covers = leaf && certificate_is_for(leaf, host);
    X509_free(leaf);
    BIO_free(pem);
    return covers;
}
