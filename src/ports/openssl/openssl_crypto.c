/* base/crypto.h on OpenSSL 3, for every host program.
 *
 * Hashes use the low-level SHA256_CTX and SHA512_CTX, which OpenSSL 3.0 marks deprecated: they are
 * plain structs, and only plain structs can be copied by assignment and forgotten, which the seam
 * promises (docs/decisions/0001). EVP_MD_CTX would put each of them on the heap behind a pointer;
 * a pool of them was rejected: a simulated power cut would leak one. The speed is the same code.
 *
 * Verifying goes through EVP. Nothing here is shared between threads, and the thread's OpenSSL
 * error queue is left as it was found: a bad signature is a reply, not an error of the TLS
 * connection that is handled next on this thread. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/crypto.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

enum hash_state { HASH_NOT_BEGUN, HASH_RUNNING, HASH_FAILED };

struct __attribute__((may_alias)) hash {
    enum hash_state state;
    enum godwit_hash_kind kind;
    union {
        SHA256_CTX sha256;
        SHA512_CTX sha512;
    };
};
static_assert(sizeof(struct hash) <= sizeof(struct godwit_hash), "opaque is too small");
static_assert(_Alignof(struct hash) <= _Alignof(struct godwit_hash), "opaque is misaligned");

void godwit_hash_init(struct godwit_hash *hash, enum godwit_hash_kind kind)
{
    struct hash *h = (struct hash *)hash;
    *hash = (struct godwit_hash){0};
    h->kind = kind;
    int ok = kind == GODWIT_SHA384 ? SHA384_Init(&h->sha512) : SHA256_Init(&h->sha256);
    h->state = ok ? HASH_RUNNING : HASH_FAILED;
}

void godwit_hash_update(struct godwit_hash *hash, const uint8_t *data, size_t size)
{
    struct hash *h = (struct hash *)hash;
    if (h->state != HASH_RUNNING || !size) return;
    int ok = h->kind == GODWIT_SHA384 ? SHA384_Update(&h->sha512, data, size)
                                      : SHA256_Update(&h->sha256, data, size);
    if (!ok) h->state = HASH_FAILED;
}

godwit_err godwit_hash_peek(const struct godwit_hash *hash, uint8_t *digest_out)
{
    struct godwit_hash copy = *hash;
    struct hash *h = (struct hash *)&copy;
    if (h->state != HASH_RUNNING) return GODWIT_ERR_IO;
    int ok = h->kind == GODWIT_SHA384 ? SHA384_Final(digest_out, &h->sha512)
                                      : SHA256_Final(digest_out, &h->sha256);
    return ok ? GODWIT_OK : GODWIT_ERR_IO;
}

void godwit_md5(const uint8_t *data, size_t size, uint8_t digest_out[static 16])
{
    MD5(data, size, digest_out);
}

/* Takes key, which may be NULL where the bytes are no key: the reply is the same TRUST. */
static godwit_err verify(EVP_PKEY *key, bool is_rsa, const uint8_t *digest, size_t digest_size,
                         const uint8_t *signature, size_t signature_size)
{
    if (!key) return GODWIT_ERR_TRUST;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool good = ctx && EVP_PKEY_verify_init(ctx) == 1;
    if (good && is_rsa)
        good = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, 32) == 1;
    good = good && EVP_PKEY_verify(ctx, signature, signature_size, digest, digest_size) == 1;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    return good ? GODWIT_OK : GODWIT_ERR_TRUST;
}

static EVP_PKEY *key_from_params(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (ctx && params && EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}

godwit_err godwit_verify_rsa3072(const uint8_t modulus[static 384], uint32_t exponent,
                                 const uint8_t digest[static 32],
                                 const uint8_t signature[static 384])
{
    ERR_set_mark();
    EVP_PKEY *key = NULL;
    BIGNUM *n = BN_bin2bn(modulus, 384, NULL), *e = BN_new();
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    if (n && e && build && BN_num_bits(n) == 3072 && BN_set_word(e, exponent) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e))
        params = OSSL_PARAM_BLD_to_param(build);
    if (params) key = key_from_params("RSA", params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(n), BN_free(e);
    godwit_err err = verify(key, true, digest, 32, signature, 384);
    ERR_pop_to_mark();
    return err;
}

/* half: bytes of one coordinate, and of r and s. */
static godwit_err verify_ecdsa(const char *curve, size_t half, const uint8_t *point,
                               const uint8_t *digest, size_t digest_size, const uint8_t *signature)
{
    ERR_set_mark();
    uint8_t uncompressed[97] = {0x04}; /* X9.62: 04 ‖ X ‖ Y */
    memcpy(uncompressed + 1, point, 2 * half);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)curve, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, uncompressed, 1 + 2 * half),
        OSSL_PARAM_construct_end(),
    };
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, (int)half, NULL);
    BIGNUM *s = BN_bin2bn(signature + half, (int)half, NULL);
    uint8_t der[112], *end = der; /* 2 + 2 * (2 + 49) at most */
    godwit_err err = GODWIT_ERR_IO;
    if (pair && r && s && ECDSA_SIG_set0(pair, r, s)) {
        r = s = NULL; /* the pair owns them now */
        int size = i2d_ECDSA_SIG(pair, &end);
        err = size <= 0 ? GODWIT_ERR_TRUST
                        : verify(key_from_params("EC", params), false, digest, digest_size, der,
                                 (size_t)size);
    }
    BN_free(r), BN_free(s);
    ECDSA_SIG_free(pair);
    ERR_pop_to_mark();
    return err;
}

godwit_err godwit_verify_p256(const uint8_t key[static 64], const uint8_t digest[static 32],
                              const uint8_t signature[static 64])
{
    return verify_ecdsa("P-256", 32, key, digest, 32, signature);
}

godwit_err godwit_verify_p384(const uint8_t key[static 96], const uint8_t digest[static 48],
                              const uint8_t signature[static 96])
{
    return verify_ecdsa("P-384", 48, key, digest, 48, signature);
}
