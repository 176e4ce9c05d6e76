/* One wrapper for each function of the seam that can fail; see crypto_fault.h. */
#include "crypto_fault.h"

#include "base/crypto.h"

static crypto_fault_fn *hook_fn;
static void *hook_ctx;
static struct {
    enum crypto_call call;
    unsigned left;
} countdown;

godwit_err __real_godwit_hash_peek(const struct godwit_hash *hash, uint8_t *digest_out);
godwit_err __real_godwit_verify_rsa3072(const uint8_t modulus[static 384], uint32_t exponent,
                                        const uint8_t digest[static 32],
                                        const uint8_t signature[static 384]);
godwit_err __real_godwit_verify_p256(const uint8_t key[static 64], const uint8_t digest[static 32],
                                     const uint8_t signature[static 64]);
godwit_err __real_godwit_verify_p384(const uint8_t key[static 96], const uint8_t digest[static 48],
                                     const uint8_t signature[static 96]);
godwit_err __wrap_godwit_hash_peek(const struct godwit_hash *hash, uint8_t *digest_out);
godwit_err __wrap_godwit_verify_rsa3072(const uint8_t modulus[static 384], uint32_t exponent,
                                        const uint8_t digest[static 32],
                                        const uint8_t signature[static 384]);
godwit_err __wrap_godwit_verify_p256(const uint8_t key[static 64], const uint8_t digest[static 32],
                                     const uint8_t signature[static 64]);
godwit_err __wrap_godwit_verify_p384(const uint8_t key[static 96], const uint8_t digest[static 48],
                                     const uint8_t signature[static 96]);

void crypto_fault_set(crypto_fault_fn *hook, void *ctx)
{
    hook_fn = hook;
    hook_ctx = ctx;
}

static bool count_down(void *ctx, enum crypto_call call)
{
    (void)ctx;
    return call == countdown.call && countdown.left && --countdown.left == 0;
}

void crypto_fault_at(enum crypto_call call, unsigned n)
{
    countdown.call = call;
    countdown.left = n;
    crypto_fault_set(n ? count_down : NULL, NULL);
}

static bool fails(enum crypto_call call)
{
    return hook_fn && hook_fn(hook_ctx, call);
}

godwit_err __wrap_godwit_hash_peek(const struct godwit_hash *hash, uint8_t *digest_out)
{
    return fails(CRYPTO_HASH) ? GODWIT_ERR_IO : __real_godwit_hash_peek(hash, digest_out);
}

godwit_err __wrap_godwit_verify_rsa3072(const uint8_t modulus[static 384], uint32_t exponent,
                                        const uint8_t digest[static 32],
                                        const uint8_t signature[static 384])
{
    if (fails(CRYPTO_VERIFY)) return GODWIT_ERR_IO;
    return __real_godwit_verify_rsa3072(modulus, exponent, digest, signature);
}

godwit_err __wrap_godwit_verify_p256(const uint8_t key[static 64], const uint8_t digest[static 32],
                                     const uint8_t signature[static 64])
{
    if (fails(CRYPTO_VERIFY)) return GODWIT_ERR_IO;
    return __real_godwit_verify_p256(key, digest, signature);
}

godwit_err __wrap_godwit_verify_p384(const uint8_t key[static 96], const uint8_t digest[static 48],
                                     const uint8_t signature[static 96])
{
    if (fails(CRYPTO_VERIFY)) return GODWIT_ERR_IO;
    return __real_godwit_verify_p384(key, digest, signature);
}
