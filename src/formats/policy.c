/* P1 read, judged and written. The offsets stand in policy.h; both directions use the same names
 * for them here, and what one writes the other must accept (tests, fuzz target `policy`). */
#include "formats/policy.h"

#include <assert.h>

#define VERSION 1

enum { /* offsets */
       AT_MAGIC = 0,
       AT_VERSION = 4,
       AT_THRESHOLD = 5,
       AT_IMAGE_KEYS_COUNT = 6,
       AT_DEPLOY_KEYS_COUNT = 7,
       AT_PRODUCT_ID = 8,
       AT_HARDWARE_MASK = 24,
       AT_COUNTER = 28,
       AT_FLOOR = 32,
       AT_FLAGS = 36,
       AT_IMAGE_KEYS = 40,
       AT_DEPLOY_KEYS = 200,
};

#define FLAGS_KNOWN                                                          \
    (GODWIT_POLICY_REQUIRE_INSTRUCTION | GODWIT_POLICY_ALLOW_PLAIN_HAWKBIT | \
     GODWIT_POLICY_REQUIRE_SECURE_BOOT | GODWIT_POLICY_ALLOW_LAN_PUSH |      \
     GODWIT_POLICY_CLEAN_BREAK | GODWIT_POLICY_OPEN)

static const uint8_t magic[4] = {'G', 'W', 'P', '1'};

static_assert(AT_DEPLOY_KEYS == AT_IMAGE_KEYS + GODWIT_POLICY_IMAGE_KEYS_MAX * 32, "layout");
static_assert(GODWIT_POLICY_BYTES == AT_DEPLOY_KEYS + GODWIT_POLICY_DEPLOY_KEYS_MAX * 64, "layout");

bool godwit_policy_is_present(const uint8_t data[static 4])
{
    return memcmp(data, magic, sizeof magic) == 0;
}

/* Keys count up from the front; behind the last one only zeros, so that one policy has one
 * spelling. The same key twice would count as two signers where somebody forgets to look. */
static bool keys_are_sound(const uint8_t *keys, size_t count, size_t count_max, size_t key_size)
{
    if (count > count_max) return false;
    if (!godwit_all(keys + count * key_size, (count_max - count) * key_size, 0)) return false;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (memcmp(keys + i * key_size, keys + k * key_size, key_size) == 0) return false;
    return true;
}

static bool threshold_is_sound(const struct godwit_policy *policy, bool is_seed)
{
    if (policy->flags & GODWIT_POLICY_OPEN)
        return is_seed && policy->threshold == 0 && policy->image_keys_count == 0;
    return policy->threshold >= 1 && policy->threshold <= policy->image_keys_count;
}

godwit_err godwit_policy_decode(const uint8_t data[static GODWIT_POLICY_BYTES], bool is_seed,
                                struct godwit_policy *out)
{
    *out = (struct godwit_policy){0};
    if (!godwit_policy_is_present(data) || data[AT_VERSION] != VERSION) return GODWIT_ERR_FORMAT;
    struct godwit_policy policy = {
        .threshold = data[AT_THRESHOLD],
        .image_keys_count = data[AT_IMAGE_KEYS_COUNT],
        .deploy_keys_count = data[AT_DEPLOY_KEYS_COUNT],
        .hardware_mask = godwit_load32(data + AT_HARDWARE_MASK),
        .counter = godwit_load32(data + AT_COUNTER),
        .floor = godwit_load32(data + AT_FLOOR),
        .flags = godwit_load32(data + AT_FLAGS),
    };
    if (!keys_are_sound(data + AT_IMAGE_KEYS, policy.image_keys_count, GODWIT_POLICY_IMAGE_KEYS_MAX,
                        32) ||
        !keys_are_sound(data + AT_DEPLOY_KEYS, policy.deploy_keys_count,
                        GODWIT_POLICY_DEPLOY_KEYS_MAX, 64))
        return GODWIT_ERR_FORMAT;
    if (policy.flags & ~(uint32_t)FLAGS_KNOWN) return GODWIT_ERR_FORMAT;
    if (policy.floor > policy.counter) return GODWIT_ERR_FORMAT;
    if (!threshold_is_sound(&policy, is_seed)) return GODWIT_ERR_FORMAT;

    memcpy(policy.product_id, data + AT_PRODUCT_ID, sizeof policy.product_id);
    memcpy(policy.image_keys, data + AT_IMAGE_KEYS, sizeof policy.image_keys);
    memcpy(policy.deploy_keys, data + AT_DEPLOY_KEYS, sizeof policy.deploy_keys);
    *out = policy;
    return GODWIT_OK;
}

void godwit_policy_encode(const struct godwit_policy *policy,
                          uint8_t data_out[static GODWIT_POLICY_BYTES])
{
    assert(policy->image_keys_count <= GODWIT_POLICY_IMAGE_KEYS_MAX);
    assert(policy->deploy_keys_count <= GODWIT_POLICY_DEPLOY_KEYS_MAX);
    memset(data_out, 0, GODWIT_POLICY_BYTES);
    memcpy(data_out + AT_MAGIC, magic, sizeof magic);
    data_out[AT_VERSION] = VERSION;
    data_out[AT_THRESHOLD] = policy->threshold;
    data_out[AT_IMAGE_KEYS_COUNT] = policy->image_keys_count;
    data_out[AT_DEPLOY_KEYS_COUNT] = policy->deploy_keys_count;
    memcpy(data_out + AT_PRODUCT_ID, policy->product_id, sizeof policy->product_id);
    godwit_store32(data_out + AT_HARDWARE_MASK, policy->hardware_mask);
    godwit_store32(data_out + AT_COUNTER, policy->counter);
    godwit_store32(data_out + AT_FLOOR, policy->floor);
    godwit_store32(data_out + AT_FLAGS, policy->flags);
    memcpy(data_out + AT_IMAGE_KEYS, policy->image_keys, policy->image_keys_count * 32u);
    memcpy(data_out + AT_DEPLOY_KEYS, policy->deploy_keys, policy->deploy_keys_count * 64u);
}

bool godwit_policy_trusts(const struct godwit_policy *policy, const uint8_t key_digest[static 32])
{
    for (size_t i = 0; i < policy->image_keys_count; i++)
        if (memcmp(policy->image_keys[i], key_digest, 32) == 0) return true;
    return false;
}

godwit_err godwit_product_id(const char *org, const char *name, uint8_t id_out[static 16])
{
    static const char prefix[] = "godwit-product:";
    const char *const parts[] = {prefix, org, "/", name};
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        godwit_hash_update(&hash, (const uint8_t *)parts[i], strlen(parts[i]));
    uint8_t digest[GODWIT_SHA256_SIZE];
    godwit_err err = godwit_hash_peek(&hash, digest);
    if (err) return err;
    memcpy(id_out, digest, 16);
    return GODWIT_OK;
}
