/* Packs and signs with the code of the product; see firmware.h. */
#include "firmware.h"

#include <stdio.h>
#include <stdlib.h>

#include "formats/image.h"
#include "formats/sigblock.h"
#include "peer.h"

static void must(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "firmware: %s failed\n", what);
    abort();
}

const struct key *firmware_key(int index)
{
    static struct key *keys[FIRMWARE_KEYS];
    if (!keys[index]) keys[index] = key_generate(GODWIT_SCHEME_ECDSA256);
    must(keys[index], "making a key");
    return keys[index];
}

struct pack_options firmware_options(const char *version)
{
    return (struct pack_options){.chip = godwit_chip_by_name("esp32c3"),
                                 .project = PEER_PRODUCT,
                                 .version = version,
                                 .size = FIRMWARE_SIZE - GODWIT_SECTOR_SIZE,
                                 .seed = godwit_load32((const uint8_t *)version)};
}

struct firmware firmware_pack(const struct pack_options *options)
{
    struct firmware file;
    must(!pack_image(options, &file.data, &file.size), "packing");
    return file;
}

static struct firmware sign(struct firmware file, const struct key *key)
{
    struct firmware out;
    enum godwit_reason reason;
    must(!image_sign(key, file.data, file.size, &out.data, &out.size, &reason), "signing");
    free(file.data);
    return out;
}

struct firmware firmware_sign(struct firmware file, int key_index)
{
    return sign(file, firmware_key(key_index));
}

struct firmware firmware_sign_any(struct firmware file, int key_index)
{
    size_t body_size =
        (file.size + GODWIT_SECTOR_SIZE - 1) / GODWIT_SECTOR_SIZE * GODWIT_SECTOR_SIZE;
    struct firmware out = {malloc(body_size + GODWIT_SIGSECTOR_SIZE),
                           body_size + GODWIT_SIGSECTOR_SIZE};
    struct godwit_public_key public;
    struct godwit_hash hash;
    uint8_t digest[32], signature[64];
    size_t size;
    must(out.data, "memory");
    memset(out.data, 0xFF, out.size);
    memcpy(out.data, file.data, file.size);
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, out.data, body_size);
    must(!godwit_hash_peek(&hash, digest), "hashing");
    key_public(firmware_key(key_index), &public);
    struct godwit_body_digests digests = {digest, NULL};
    must(!godwit_sigblock_begin(out.data + body_size, &public, &digests), "a signature block");
    must(!key_sign(firmware_key(key_index), digest, 32, signature, &size), "signing");
    must(!godwit_sigblock_commit(out.data + body_size, signature, size), "a signature block");
    free(file.data);
    return out;
}

struct firmware firmware_make_ruled(const char *version, struct behaviour behaviour, uint32_t size,
                                    const struct key *key, const struct godwit_policy *policy)
{
    uint8_t block[GODWIT_POLICY_BYTES];
    struct pack_options options = firmware_options(version);
    if (policy) godwit_policy_encode(policy, block);
    options.size = key ? size - GODWIT_SECTOR_SIZE : size;
    options.behaviour = behaviour;
    options.policy = policy ? block : NULL;
    struct firmware plain = firmware_pack(&options);
    return key ? sign(plain, key) : plain;
}

struct firmware firmware_make(const char *version, struct behaviour behaviour, uint32_t size,
                              const struct key *key)
{
    return firmware_make_ruled(version, behaviour, size, key, NULL);
}

struct firmware firmware_signed(const char *version, enum behaviour_kind kind, uint32_t delay_s)
{
    return firmware_make(version, (struct behaviour){kind, delay_s}, FIRMWARE_SIZE,
                         firmware_key(0));
}

struct firmware firmware_ruled(const char *version, const struct godwit_policy *policy)
{
    return firmware_make_ruled(version, (struct behaviour){BEHAVIOUR_HEALTHY, 0}, FIRMWARE_SIZE,
                               firmware_key(0), policy);
}
