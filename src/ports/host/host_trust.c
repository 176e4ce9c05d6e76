/* Trust by the digest of a CA's public key. The server sends its CA in the chain; of the
 * certificates that it sends, only a CA with the known key becomes an anchor, and OpenSSL then
 * verifies the whole chain against that anchor alone (signatures, dates, purpose). Comparing the
 * digest in a callback after a verification by the system's store was rejected: a private CA is in
 * no system's store, and a public one has no say here. */
#include "ports/host/host_trust.h"

#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/text.h"

#define SPKI_TEXT_SIZE 43 /* 32 bytes in base64url without padding */

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
    godwit_err err = godwit_base64_decode(plain, SPKI_TEXT_SIZE + 1, trust->spki_sha256,
                                          sizeof trust->spki_sha256, &size);
    if (err || size != sizeof trust->spki_sha256) return GODWIT_ERR_FORMAT;
    return GODWIT_OK;
}

static bool is_known_ca(X509 *cert, const uint8_t spki_sha256[static 32])
{
    if (X509_check_ca(cert) != 1) return false; /* 1: says so itself, CA:TRUE */
    uint8_t *der = NULL, digest[32];
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    if (size <= 0) return false;
    SHA256(der, (size_t)size, digest);
    OPENSSL_free(der);
    return !memcmp(digest, spki_sha256, sizeof digest);
}

/* OpenSSL's hook in place of its own verification: same work, but with our anchor. */
static int chain_verify(X509_STORE_CTX *store, void *ctx)
{
    const struct host_trust *trust = ctx;
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);
    STACK_OF(X509) *anchors = sk_X509_new_null();
    for (int i = 0; anchors && i < sk_X509_num(sent); i++)
        if (is_known_ca(sk_X509_value(sent, i), trust->spki_sha256))
            sk_X509_push(anchors, sk_X509_value(sent, i));
    int is_good = 0;
    if (anchors && sk_X509_num(anchors) > 0) {
        X509_STORE_CTX_set0_trusted_stack(store, anchors);
        X509_STORE_CTX_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN); /* the CA may be no root */
        is_good = X509_verify_cert(store);
    } else {
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    }
    sk_X509_free(anchors);
    return is_good > 0;
}

static CURLcode context_made(CURL *easy, void *ssl_context, void *trust)
{
    (void)easy;
    SSL_CTX_set_cert_verify_callback(ssl_context, chain_verify, trust);
    return CURLE_OK;
}

godwit_err host_trust_apply(struct host_trust *trust, CURL *easy)
{
    CURLcode bad = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
    bad |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    bad |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    bad |= curl_easy_setopt(easy, CURLOPT_CAINFO, trust->ca_path);
    if (!trust->ca_path) {
        bad |= curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, context_made);
        bad |= curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, trust);
    }
    return bad ? GODWIT_ERR_NET : GODWIT_OK;
}
