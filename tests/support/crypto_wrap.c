/* Each function is asked in this order: the hook, whether it fails; the cache; the real one.
 *
 * The cache is a table with one place for each value of the first bits of the inputs' digest: what
 * comes later takes the place of what was there and is checked anew when it is asked again. Never a
 * wrong reply, so no need to grow. */
#include "crypto_wrap.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "keys/keys.h"

#define PLACES_COUNT (1u << 16)
#define SIGNATURE_SIZE_MAX 384

enum request { REQUEST_NONE, REQUEST_RSA3072, REQUEST_P256, REQUEST_P384, REQUEST_SIGN };

struct inputs {
    uint8_t digest[32];
};

struct verdict {
    struct inputs inputs;
    godwit_err err;
};

struct signature {
    struct inputs inputs;
    size_t size;
    uint8_t bytes[SIGNATURE_SIZE_MAX];
};

static struct verdict verdicts[PLACES_COUNT];
static struct signature signatures[PLACES_COUNT / 16];
static struct cache_counts counts;
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
godwit_err __real_key_sign(const struct key *key, const uint8_t *digest, size_t digest_size,
                           uint8_t *signature_out, size_t *size_out);
godwit_err __wrap_godwit_hash_peek(const struct godwit_hash *hash, uint8_t *digest_out);
godwit_err __wrap_godwit_verify_rsa3072(const uint8_t modulus[static 384], uint32_t exponent,
                                        const uint8_t digest[static 32],
                                        const uint8_t signature[static 384]);
godwit_err __wrap_godwit_verify_p256(const uint8_t key[static 64], const uint8_t digest[static 32],
                                     const uint8_t signature[static 64]);
godwit_err __wrap_godwit_verify_p384(const uint8_t key[static 96], const uint8_t digest[static 48],
                                     const uint8_t signature[static 96]);
godwit_err __wrap_key_sign(const struct key *key, const uint8_t *digest, size_t digest_size,
                           uint8_t *signature_out, size_t *size_out);

/* ---- the fault ---- */

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

/* ---- the cache ---- */

struct cache_counts cache_counts(void)
{
    return counts;
}

static struct godwit_hash begin(enum request request)
{
    struct godwit_hash hash;
    const uint8_t first = (uint8_t)request;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, &first, 1);
    return hash;
}

static void end(const struct godwit_hash *hash, struct inputs *out)
{
    if (__real_godwit_hash_peek(hash, out->digest)) abort();
}

/* The place of these inputs; *knows: it holds their verdict. */
static struct verdict *find(const struct godwit_hash *hash, bool *knows)
{
    struct inputs inputs;
    *knows = false;
    counts.asked++;
    end(hash, &inputs);
    struct verdict *place = &verdicts[godwit_load32(inputs.digest) % PLACES_COUNT];
    *knows = memcmp(&place->inputs, &inputs, sizeof inputs) == 0;
    place->inputs = inputs;
    if (!*knows) counts.real++;
    return place;
}

godwit_err __wrap_godwit_verify_rsa3072(const uint8_t modulus[static 384], uint32_t exponent,
                                        const uint8_t digest[static 32],
                                        const uint8_t signature[static 384])
{
    if (fails(CRYPTO_VERIFY)) return GODWIT_ERR_IO;
    struct godwit_hash hash = begin(REQUEST_RSA3072);
    uint8_t number[4];
    bool knows;
    godwit_store32(number, exponent);
    godwit_hash_update(&hash, modulus, 384);
    godwit_hash_update(&hash, number, sizeof number);
    godwit_hash_update(&hash, digest, 32);
    godwit_hash_update(&hash, signature, 384);
    struct verdict *verdict = find(&hash, &knows);
    if (!knows) verdict->err = __real_godwit_verify_rsa3072(modulus, exponent, digest, signature);
    return verdict->err;
}

godwit_err __wrap_godwit_verify_p256(const uint8_t key[static 64], const uint8_t digest[static 32],
                                     const uint8_t signature[static 64])
{
    if (fails(CRYPTO_VERIFY)) return GODWIT_ERR_IO;
    struct godwit_hash hash = begin(REQUEST_P256);
    bool knows;
    godwit_hash_update(&hash, key, 64);
    godwit_hash_update(&hash, digest, 32);
    godwit_hash_update(&hash, signature, 64);
    struct verdict *verdict = find(&hash, &knows);
    if (!knows) verdict->err = __real_godwit_verify_p256(key, digest, signature);
    return verdict->err;
}

godwit_err __wrap_godwit_verify_p384(const uint8_t key[static 96], const uint8_t digest[static 48],
                                     const uint8_t signature[static 96])
{
    if (fails(CRYPTO_VERIFY)) return GODWIT_ERR_IO;
    struct godwit_hash hash = begin(REQUEST_P384);
    bool knows;
    godwit_hash_update(&hash, key, 96);
    godwit_hash_update(&hash, digest, 48);
    godwit_hash_update(&hash, signature, 96);
    struct verdict *verdict = find(&hash, &knows);
    if (!knows) verdict->err = __real_godwit_verify_p384(key, digest, signature);
    return verdict->err;
}

godwit_err __wrap_key_sign(const struct key *key, const uint8_t *digest, size_t digest_size,
                           uint8_t *signature_out, size_t *size_out)
{
    struct godwit_hash hash = begin(REQUEST_SIGN);
    struct godwit_public_key public;
    struct inputs inputs;
    key_public(key, &public);
    godwit_hash_update(&hash, (const uint8_t *)&public, sizeof public);
    godwit_hash_update(&hash, digest, digest_size);
    end(&hash, &inputs);
    struct signature *place = &signatures[godwit_load32(inputs.digest) % (PLACES_COUNT / 16)];
    if (!place->size || memcmp(&place->inputs, &inputs, sizeof inputs) != 0) {
        godwit_err err = __real_key_sign(key, digest, digest_size, place->bytes, &place->size);
        if (err) place->size = 0;
        if (err) return err;
        place->inputs = inputs;
    }
    memcpy(signature_out, place->bytes, place->size);
    *size_out = place->size;
    return GODWIT_OK;
}
