/* P1 read, judged and written. The offsets stand in policy.h; both directions use the same names
 * for them here, and what one writes the other must accept (tests, fuzz target `policy`). */
#include "formats/policy.h"

#include <assert.h>

#define MAGIC 0x31505747u /* "GWP1" */
#define VERSION 1

enum { /* offsets */
       AT_MAGIC = 0,
       AT_VERSION = 4,
       AT_THRESHOLD = 5,
       AT_IMAGE_KEYS_COUNT = 6,
       AT_DEPLOY_KEYS_COUNT = 7,
       AT_MEMBERS = 8, /* product_id to deploy_keys */
};
#define MEMBERS_SIZE (GODWIT_POLICY_BYTES - AT_MEMBERS)

#define FLAGS_KNOWN                                                          \
    (GODWIT_POLICY_REQUIRE_INSTRUCTION | GODWIT_POLICY_ALLOW_PLAIN_HAWKBIT | \
     GODWIT_POLICY_REQUIRE_SECURE_BOOT | GODWIT_POLICY_ALLOW_LAN_PUSH |      \
     GODWIT_POLICY_TRUST_RESET | GODWIT_POLICY_OPEN)

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "members are copied as they lie");
#define AT(member, offset) \
    static_assert(AT_MEMBERS + offsetof(struct godwit_policy, member) == (offset), #member)
AT(product_id, 8);
AT(hardware_mask, 24);
AT(counter, 28);
AT(rollback_floor, 32);
AT(flags, 36);
AT(image_keys, 40);
AT(deploy_keys, 200);
AT(threshold, GODWIT_POLICY_BYTES);

__attribute__((noinline)) bool godwit_policy_is_present(const uint8_t data[static 4])
{
    return godwit_load32(data + AT_MAGIC) == MAGIC;
}

static bool has_key(const uint8_t *keys, size_t count, const uint8_t *key, size_t key_size)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(keys + i * key_size, key, key_size) == 0) return true;
    return false;
}

/* Keys count up from the front; behind the last one only zeros, so that one policy has one
 * spelling. The same key twice would count as two signers where somebody forgets to look. */
static bool keys_are_sound(const uint8_t *keys, size_t count, size_t count_max, size_t key_size)
{
    if (count > count_max) return false;
    if (!godwit_all(keys + count * key_size, (count_max - count) * key_size, 0)) return false;
    for (size_t i = 0; i < count; i++)
        if (has_key(keys, i, keys + i * key_size, key_size)) return false;
    return true;
}

static bool threshold_is_sound(const struct godwit_policy *policy, bool is_initial)
{
    if (policy->flags & GODWIT_POLICY_OPEN)
        return is_initial && policy->threshold == 0 && policy->image_keys_count == 0;
    return policy->threshold >= 1 && policy->threshold <= policy->image_keys_count;
}

godwit_err godwit_policy_decode(const uint8_t data[static GODWIT_POLICY_BYTES], bool is_initial,
                                struct godwit_policy *out)
{
    struct godwit_policy *policy = out;
    memcpy(policy, data + AT_MEMBERS, MEMBERS_SIZE);
    policy->threshold = data[AT_THRESHOLD];
    policy->image_keys_count = data[AT_IMAGE_KEYS_COUNT];
    policy->deploy_keys_count = data[AT_DEPLOY_KEYS_COUNT];
    policy->is_initial = is_initial;
    bool is_sound = godwit_policy_is_present(data) && data[AT_VERSION] == VERSION &&
                    keys_are_sound(policy->image_keys[0], policy->image_keys_count,
                                   GODWIT_POLICY_IMAGE_KEYS_MAX, 32) &&
                    keys_are_sound(policy->deploy_keys[0], policy->deploy_keys_count,
                                   GODWIT_POLICY_DEPLOY_KEYS_MAX, 64) &&
                    !(policy->flags & ~(uint32_t)FLAGS_KNOWN) &&
                    policy->rollback_floor <= policy->counter &&
                    threshold_is_sound(policy, is_initial);
    if (is_sound) return GODWIT_OK;
    *out = (struct godwit_policy){0};
    return GODWIT_ERR_FORMAT;
}

void godwit_policy_encode(const struct godwit_policy *policy,
                          uint8_t data_out[static GODWIT_POLICY_BYTES])
{
    assert(policy->image_keys_count <= GODWIT_POLICY_IMAGE_KEYS_MAX);
    assert(policy->deploy_keys_count <= GODWIT_POLICY_DEPLOY_KEYS_MAX);
    memset(data_out, 0, GODWIT_POLICY_BYTES);
    godwit_store32(data_out + AT_MAGIC, MAGIC);
    data_out[AT_VERSION] = VERSION;
    data_out[AT_THRESHOLD] = policy->threshold;
    data_out[AT_IMAGE_KEYS_COUNT] = policy->image_keys_count;
    data_out[AT_DEPLOY_KEYS_COUNT] = policy->deploy_keys_count;
    memcpy(data_out + AT_MEMBERS, policy, MEMBERS_SIZE);
}

bool godwit_policy_trusts(const struct godwit_policy *policy, const uint8_t key_digest[static 32])
{
    return has_key(policy->image_keys[0], policy->image_keys_count, key_digest, 32);
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
