/* Keys made, wrapped and named. The public parts are taken out as a signature block wants them;
 * RSA brings along two numbers that let the chip's ROM multiply faster (Montgomery form). */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "keys/internal.h"

#define RSA_BITS 3072

struct curve {
    enum godwit_scheme scheme;
    const char *name; /* as OpenSSL reports the group */
    int size;         /* bytes of a coordinate */
};

static const struct curve CURVES[] = {
    {GODWIT_SCHEME_ECDSA256, "prime256v1", 32},
    {GODWIT_SCHEME_ECDSA384, "secp384r1", 48},
};
#define CURVES_COUNT (sizeof CURVES / sizeof *CURVES)

static BIGNUM *number(const EVP_PKEY *pkey, const char *name)
{
    BIGNUM *value = NULL;
    return EVP_PKEY_get_bn_param(pkey, name, &value) == 1 ? value : NULL;
}

/* rinv = 2^6144 mod n; m_prime = -n^-1 mod 2^32. */
static bool montgomery(const BIGNUM *n, struct godwit_public_key *out)
{
    bool ok = false;
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *a = BN_new(), *word = BN_new();
    if (ctx && a && word && BN_set_bit(a, 2 * RSA_BITS) && BN_mod(a, a, n, ctx) &&
        BN_bn2binpad(a, out->rinv, sizeof out->rinv) == sizeof out->rinv && BN_set_bit(word, 32) &&
        BN_mod_inverse(a, n, word, ctx) && BN_sub(a, word, a)) {
        out->m_prime = (uint32_t)BN_get_word(a);
        ok = true;
    }
    BN_free(a), BN_free(word);
    BN_CTX_free(ctx);
    return ok;
}

static bool take_rsa(const EVP_PKEY *pkey, struct godwit_public_key *out)
{
    BIGNUM *n = number(pkey, OSSL_PKEY_PARAM_RSA_N), *e = number(pkey, OSSL_PKEY_PARAM_RSA_E);
    bool ok = n && e && BN_num_bits(n) == RSA_BITS && BN_is_odd(n) && BN_num_bits(e) <= 32 &&
              BN_bn2binpad(n, out->modulus, sizeof out->modulus) == sizeof out->modulus &&
              montgomery(n, out);
    if (ok) {
        out->scheme = GODWIT_SCHEME_RSA3072;
        out->exponent = (uint32_t)BN_get_word(e);
    }
    BN_free(n), BN_free(e);
    return ok;
}

static bool take_ec(const EVP_PKEY *pkey, struct godwit_public_key *out)
{
    char name[32] = "";
    if (EVP_PKEY_get_group_name(pkey, name, sizeof name, NULL) != 1) return false;
    const struct curve *curve = NULL;
    for (size_t i = 0; i < CURVES_COUNT; i++)
        if (!strcmp(CURVES[i].name, name)) curve = &CURVES[i];
    if (!curve) return false;
    BIGNUM *x = number(pkey, OSSL_PKEY_PARAM_EC_PUB_X), *y = number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y);
    bool ok = x && y && BN_bn2binpad(x, out->point, curve->size) == curve->size &&
              BN_bn2binpad(y, out->point + curve->size, curve->size) == curve->size;
    if (ok) out->scheme = curve->scheme;
    BN_free(x), BN_free(y);
    return ok;
}

struct key *key_wrap(EVP_PKEY *pkey, bool is_private)
{
    struct key *key = calloc(1, sizeof *key);
    if (key) key->spare = calloc(1, sizeof *key->spare);
    bool ok = pkey && key && key->spare;
    if (ok && EVP_PKEY_is_a(pkey, "RSA"))
        ok = take_rsa(pkey, &key->public_part);
    else if (ok)
        ok = EVP_PKEY_is_a(pkey, "EC") && take_ec(pkey, &key->public_part);
    if (!ok) {
        EVP_PKEY_free(pkey);
        if (key) free(key->spare);
        free(key);
        ERR_clear_error();
        return NULL;
    }
    key->pkey = pkey;
    key->is_private = is_private;
    return key;
}

struct key *key_generate(enum godwit_scheme scheme)
{
    EVP_PKEY *pkey = NULL;
    if (scheme == GODWIT_SCHEME_RSA3072) pkey = EVP_RSA_gen(RSA_BITS);
    for (size_t i = 0; i < CURVES_COUNT; i++)
        if (CURVES[i].scheme == scheme) pkey = EVP_EC_gen(CURVES[i].name);
    return key_wrap(pkey, true);
}

void key_close(struct key *key)
{
    if (!key) return;
    EVP_PKEY_CTX_free(atomic_load(key->spare));
    free(key->spare);
    EVP_PKEY_free(key->pkey);
    free(key);
}

enum godwit_scheme key_scheme(const struct key *key)
{
    return key->public_part.scheme;
}

bool key_is_private(const struct key *key)
{
    return key->is_private;
}

void key_public(const struct key *key, struct godwit_public_key *out)
{
    *out = key->public_part;
}

godwit_err key_digest(const struct key *key, uint8_t digest_out[static 32])
{
    static const uint8_t ZERO[48] = {0};
    const struct godwit_body_digests none = {ZERO, ZERO};
    uint8_t block[GODWIT_SIGBLOCK_SIZE];
    godwit_err err = godwit_sigblock_begin(block, &key->public_part, &none);
    return err ? err : godwit_sigblock_key_digest(block, digest_out);
}
