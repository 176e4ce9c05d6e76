/* Trust by the digest of a CA's public key. The server sends its CA in the chain; of the
 * certificates that it sends, only a CA with a known key becomes an anchor, and OpenSSL then
 * verifies the whole chain against these anchors alone. Comparing the digest in a callback after a
 * verification by the system's store was rejected: a private CA is in no system's store, and a
 * public one has no say here.
 *
 *     the chain          ends in the present or the next CA, known by its key; else refused
 *     the host's name    is among the leaf's alternative names (DNS or IP); else refused
 *     the leaf's dates   hold by the clock; a clock before the build was never set: then the leaf
 *                        must not have ended before the build, and may begin later
 *     the CA's dates     are not looked at: it is known by its key, and must not end a fleet
 *     the reply's end   is known by its length; the connection's end is a break (host_net.c)
 *     the protocol       TLS 1.3, or 1.2 with ECDHE and an AEAD; no renegotiation
 *     a resumed session  counts only under the very trust that it was begun under
 *
 * A refusal is "no reply" for the agent: it waits, asks again, and keeps nothing. */
#include "ports/host/host_trust.h"

#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define SPKI_TEXT_SIZE 43 /* 32 bytes in base64url without padding */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=2"

godwit_err host_trust_from_token(struct host_trust *trust, const char *token)
{
    memset(trust, 0, sizeof *trust);
    if (strncmp(token, "gw1.", 4)) return GODWIT_ERR_FORMAT;
    const char *dot = strchr(token + 4, '.');
    if (!dot || dot == token + 4 || strlen(dot + 1) != SPKI_TEXT_SIZE) return GODWIT_ERR_FORMAT;
    char plain[SPKI_TEXT_SIZE + 2];
    for (size_t i = 0; i < SPKI_TEXT_SIZE; i++) {
        char c = dot[1 + i];
        if (c == '+' || c == '/') return GODWIT_ERR_FORMAT;
        plain[i] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    memcpy(plain + SPKI_TEXT_SIZE, "=", 2);
    size_t size;
    godwit_err err = godwit_base64_decode(plain, SPKI_TEXT_SIZE + 1, trust->ca_sha256[0],
                                          sizeof trust->ca_sha256[0], &size);
    if (err || size != sizeof trust->ca_sha256[0]) return GODWIT_ERR_FORMAT;
    return GODWIT_OK;
}

void host_trust_change(struct host_trust *trust, const uint8_t ca_sha256[2][32])
{
    if (!godwit_all(ca_sha256[0], 32, 0)) {
        memcpy(trust->ca_sha256[0], ca_sha256[0], 32);
        trust->ca_path = NULL;
    }
    memcpy(trust->ca_sha256[1], ca_sha256[1], 32);
}

/* ── one chain ─────────────────────────────────────────────────────────────────────────────── */

/* Whether the certificate is a CA's with the present (0) or next (1) known key. */
static bool is_ca(const struct host_trust *trust, int which, X509 *cert)
{
    const uint8_t *known = trust->ca_sha256[which];
    if (godwit_all(known, 32, 0)) return false;
    if (X509_check_ca(cert) != 1) return false; /* 1: says so itself, CA:TRUE */
    uint8_t *der = NULL, digest[32];
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    if (size <= 0) return false;
    SHA256(der, (size_t)size, digest);
    OPENSSL_free(der);
    return !memcmp(digest, known, sizeof digest);
}

/* libcurl looks for the host in the subject where no alternative name could hold it. */
static bool has_name(X509 *leaf)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    bool has_one = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type = sk_GENERAL_NAME_value(names, i)->type;
        has_one = has_one || type == GEN_DNS || type == GEN_IPADD;
    }
    GENERAL_NAMES_free(names);
    return has_one;
}

static bool is_known_ca(const struct host_trust *trust, X509 *cert)
{
    return is_ca(trust, 0, cert) || is_ca(trust, 1, cert);
}

/* OpenSSL found a fault: whether it is one by our rules of dates. */
static int fault_found(int is_good, X509_STORE_CTX *store)
{
    const struct host_trust *trust = X509_STORE_CTX_get_app_data(store);
    const struct clock *clock = trust->clock ? trust->clock : &clock_real;
    int fault = X509_STORE_CTX_get_error(store), depth = X509_STORE_CTX_get_error_depth(store);
    bool is_early = fault == X509_V_ERR_CERT_NOT_YET_VALID;
    if (is_good) return 1;
    if (!is_early && fault != X509_V_ERR_CERT_HAS_EXPIRED) return 0;
    bool is_last = depth == sk_X509_num(X509_STORE_CTX_get0_chain(store)) - 1;
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    bool is_anchor = depth > 0 && (is_last || is_known_ca(trust, cert));
    if (!is_anchor && !(is_early && clock_unix_s(clock) < HOST_BUILT_S)) return 0;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

/* With a file, its certificates are anchors too: libcurl has put them into the store. */
static STACK_OF(X509) * anchors_of(const struct host_trust *trust, X509_STORE_CTX *store)
{
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);
    STACK_OF(X509) *anchors = sk_X509_new_null();
    STACK_OF(X509) *filed = NULL;
    if (trust->ca_path) filed = X509_STORE_get1_all_certs(X509_STORE_CTX_get0_store(store));
    bool is_whole = anchors;
    for (int i = 0; is_whole && i < sk_X509_num(filed); i++)
        if ((is_whole = sk_X509_push(anchors, sk_X509_value(filed, i))))
            X509_up_ref(sk_X509_value(filed, i));
    for (int i = 0; is_whole && i < sk_X509_num(sent); i++)
        if (is_known_ca(trust, sk_X509_value(sent, i)) &&
            (is_whole = sk_X509_push(anchors, sk_X509_value(sent, i))))
            X509_up_ref(sk_X509_value(sent, i));
    sk_X509_pop_free(filed, X509_free);
    return anchors;
}

/* OpenSSL's place in a session for the mark that it was proven by the next CA. */
static int entry_index(void)
{
    static int index = -1;
    if (index < 0) index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    return index;
}

static void mark(const struct host_trust *trust, X509_STORE_CTX *store)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store);
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    for (int i = 1; i < sk_X509_num(chain); i++)
        if (is_ca(trust, 1, sk_X509_value(chain, i)))
            SSL_SESSION_set_ex_data(SSL_get_session(ssl), entry_index(), (void *)1);
}

/* OpenSSL's hook in place of its own verification: same work, with our anchors and dates. */
static int chain_verify(X509_STORE_CTX *store, void *ctx)
{
    struct host_trust *trust = ctx;
    const struct clock *clock = trust->clock ? trust->clock : &clock_real;
    int64_t now_s = clock_unix_s(clock);
    STACK_OF(X509) *anchors = anchors_of(trust, store);
    int is_good = 0;
    if (anchors && sk_X509_num(anchors) > 0) {
        X509_STORE_CTX_set0_trusted_stack(store, anchors);
        X509_STORE_CTX_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN); /* the CA may be no root */
        X509_STORE_CTX_set_time(store, 0, (time_t)(now_s < HOST_BUILT_S ? HOST_BUILT_S : now_s));
        X509_STORE_CTX_set_app_data(store, trust);
        X509_STORE_CTX_set_verify_cb(store, fault_found);
        is_good = X509_verify_cert(store);
        if (is_good > 0 && !has_name(X509_STORE_CTX_get0_cert(store))) {
            X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
            is_good = 0;
        }
        if (is_good > 0) mark(trust, store);
    } else {
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    }
    sk_X509_pop_free(anchors, X509_free);
    return is_good > 0;
}

/* ── libcurl ───────────────────────────────────────────────────────────────────────────────── */

static CURLcode context_made(CURL *easy, void *ssl_context, void *trust)
{
    (void)easy;
    SSL_CTX_set_cert_verify_callback(ssl_context, chain_verify, trust);
    SSL_CTX_set_options(ssl_context, SSL_OP_NO_RENEGOTIATION);
    return CURLE_OK;
}

/* libcurl gives a kept connection or session to whoever asks with the same options. The folder of
 * CAs is one of them: never looked into, and not there, it keeps apart what was proven to one trust
 * from what must be proven anew to another. */
static void name_make(struct host_trust *trust)
{
    char present[65], next[65];
    godwit_hex_encode(trust->ca_sha256[0], 32, present);
    godwit_hex_encode(trust->ca_sha256[1], 32, next);
    snprintf(trust->name, sizeof trust->name, "/dev/null/%s-%s", present, next);
}

godwit_err host_trust_apply(struct host_trust *trust, CURL *easy)
{
    name_make(trust);
    CURLcode bad = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
    bad |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    bad |= curl_easy_setopt(easy, CURLOPT_SSL_CIPHER_LIST, CIPHERS);
    bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    bad |= curl_easy_setopt(easy, CURLOPT_CAPATH, trust->name);
    bad |= curl_easy_setopt(easy, CURLOPT_CAINFO, trust->ca_path);
    bad |= curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, context_made);
    bad |= curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, trust);
    return bad ? GODWIT_ERR_NET : GODWIT_OK;
}

bool host_trust_is_by_next_ca(CURL *easy)
{
    struct curl_tlssessioninfo *info = NULL;
    if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &info) || !info) return false;
    if (info->backend != CURLSSLBACKEND_OPENSSL || !info->internals) return false;
    SSL_SESSION *session = SSL_get_session(info->internals);
    return session && SSL_SESSION_get_ex_data(session, entry_index());
}
