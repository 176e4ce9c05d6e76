/* I1 read, verified and written. Verification looks at bytes only: the agent verifies first and
 * decodes afterwards, so that nothing an attacker wrote is interpreted. */
#include "formats/instruction.h"

#include <assert.h>

#define MAGIC 0x31495747u /* "GWI1" */
#define VERSION 1

enum { /* offsets */
       AT_MAGIC = 0,
       AT_VERSION = 4,
       AT_FLAGS = 5,
       AT_LENGTH = 6,
       AT_MEMBERS = 8, /* device_id to next_ca */
       AT_SIGNATURE = 192,
};

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "members are copied as they lie");
#define AT(member, offset) \
    static_assert(AT_MEMBERS + offsetof(struct godwit_instruction, member) == (offset), #member)
AT(device_id, 8);
AT(nonce, 24);
AT(sequence, 40);
AT(server_time_ms, 48);
AT(valid_s, 56);
AT(file_size, 60);
AT(file_sha256, 64);
AT(counter, 96);
AT(secure_version, 100);
AT(chip_id, 104);
AT(zero, 106);
AT(product_id, 108);
AT(delta_base_counter, 124);
AT(patch_sha256, 128);
AT(patch_size, 160);
AT(rollout_id, 164);
AT(checkpoint, 168);
AT(next_ca, 184);
AT(flags, AT_SIGNATURE);

#define FLAGS_KNOWN                                              \
    (GODWIT_INSTRUCTION_NO_UPDATE | GODWIT_INSTRUCTION_INSTALL | \
     GODWIT_INSTRUCTION_ALLOW_DOWNGRADE | GODWIT_INSTRUCTION_DELTA | GODWIT_INSTRUCTION_FORCE_NOW)
#define FLAGS_VERB (GODWIT_INSTRUCTION_NO_UPDATE | GODWIT_INSTRUCTION_INSTALL)

void godwit_instruction_encode(const struct godwit_instruction *instruction,
                               uint8_t data_out[static GODWIT_INSTRUCTION_BODY_SIZE])
{
    memset(data_out, 0, GODWIT_INSTRUCTION_BODY_SIZE);
    godwit_store32(data_out + AT_MAGIC, MAGIC);
    data_out[AT_VERSION] = VERSION;
    data_out[AT_FLAGS] = instruction->flags;
    godwit_store16(data_out + AT_LENGTH, GODWIT_INSTRUCTION_BODY_SIZE);
    memcpy(data_out + AT_MEMBERS, instruction, AT_SIGNATURE - AT_MEMBERS);
}

/* Exactly one verb, and no flag that this version would not understand: an order half understood
 * is not obeyed. */
static bool flags_are_sound(uint8_t flags)
{
    uint8_t verb = flags & FLAGS_VERB;
    return (flags & ~FLAGS_KNOWN) == 0 && verb != 0 && verb != FLAGS_VERB;
}

godwit_err godwit_instruction_decode(const uint8_t data[static GODWIT_INSTRUCTION_BODY_SIZE],
                                     struct godwit_instruction *out)
{
    memcpy(out, data + AT_MEMBERS, AT_SIGNATURE - AT_MEMBERS);
    out->flags = data[AT_FLAGS];
    bool is_sound = godwit_load32(data + AT_MAGIC) == MAGIC && data[AT_VERSION] == VERSION &&
                    godwit_load16(data + AT_LENGTH) == GODWIT_INSTRUCTION_BODY_SIZE &&
                    flags_are_sound(out->flags) && out->zero == 0;
    if (is_sound) return GODWIT_OK;
    *out = (struct godwit_instruction){0};
    return GODWIT_ERR_FORMAT;
}

godwit_err godwit_instruction_digest(const uint8_t data[static GODWIT_INSTRUCTION_BODY_SIZE],
                                     uint8_t digest_out[static 32])
{
    static const char context[] = "GODWIT-DEPLOY-v1";
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, (const uint8_t *)context, sizeof context - 1);
    godwit_hash_update(&hash, data, GODWIT_INSTRUCTION_BODY_SIZE);
    return godwit_hash_peek(&hash, digest_out);
}

godwit_err godwit_instruction_verify(const uint8_t data[static GODWIT_INSTRUCTION_SIZE],
                                     const struct godwit_policy *policy, uint32_t *key_index_out)
{
    const uint8_t *signature = data + AT_SIGNATURE;
    *key_index_out = 0;
    if (policy->deploy_keys_count == 0)
        return godwit_all(signature, 64, 0) ? GODWIT_OK : GODWIT_ERR_TRUST;

    uint8_t digest[32];
    godwit_err err = godwit_instruction_digest(data, digest);
    if (err) return err;
    for (uint32_t i = 0; i < policy->deploy_keys_count; i++) {
        err = godwit_verify_p256(policy->deploy_keys[i], digest, signature);
        if (err) continue;
        *key_index_out = i;
        return GODWIT_OK;
    }
    return err;
}
