/* I1 read, verified and written. Verification looks at bytes only: the agent verifies first and
 * decodes afterwards, so that nothing an attacker wrote is interpreted. */
#include "formats/instruction.h"

#define VERSION 1

enum { /* offsets */
       AT_MAGIC = 0,
       AT_VERSION = 4,
       AT_FLAGS = 5,
       AT_LENGTH = 6,
       AT_DEVICE_ID = 8,
       AT_NONCE = 24,
       AT_SEQUENCE = 40,
       AT_SERVER_TIME = 48,
       AT_VALID = 56,
       AT_FILE_SIZE = 60,
       AT_FILE_SHA256 = 64,
       AT_COUNTER = 96,
       AT_SECURE_VERSION = 100,
       AT_CHIP_ID = 104,
       AT_ZERO = 106,
       AT_PRODUCT_ID = 108,
       AT_DELTA_BASE_COUNTER = 124,
       AT_PATCH_SHA256 = 128,
       AT_PATCH_SIZE = 160,
       AT_ROLLOUT_ID = 164,
       AT_CHECKPOINT = 168,
       AT_RESERVED = 184,
       AT_SIGNATURE = 192,
};

#define FLAGS_KNOWN                                                                              \
    (GODWIT_INSTRUCTION_STAY | GODWIT_INSTRUCTION_INSTALL | GODWIT_INSTRUCTION_ALLOW_DOWNGRADE | \
     GODWIT_INSTRUCTION_DELTA | GODWIT_INSTRUCTION_FORCE_NOW)
#define FLAGS_VERB (GODWIT_INSTRUCTION_STAY | GODWIT_INSTRUCTION_INSTALL)

static const uint8_t magic[4] = {'G', 'W', 'I', '1'};

void godwit_instruction_encode(const struct godwit_instruction *instruction,
                               uint8_t data_out[static GODWIT_INSTRUCTION_BODY_SIZE])
{
    memset(data_out, 0, GODWIT_INSTRUCTION_BODY_SIZE);
    memcpy(data_out + AT_MAGIC, magic, sizeof magic);
    data_out[AT_VERSION] = VERSION;
    data_out[AT_FLAGS] = instruction->flags;
    godwit_store16(data_out + AT_LENGTH, GODWIT_INSTRUCTION_BODY_SIZE);
    memcpy(data_out + AT_DEVICE_ID, instruction->device_id, 16);
    memcpy(data_out + AT_NONCE, instruction->nonce, 16);
    godwit_store64(data_out + AT_SEQUENCE, instruction->sequence);
    godwit_store64(data_out + AT_SERVER_TIME, instruction->server_time_ms);
    godwit_store32(data_out + AT_VALID, instruction->valid_s);
    godwit_store32(data_out + AT_FILE_SIZE, instruction->file_size);
    memcpy(data_out + AT_FILE_SHA256, instruction->file_sha256, 32);
    godwit_store32(data_out + AT_COUNTER, instruction->counter);
    godwit_store32(data_out + AT_SECURE_VERSION, instruction->secure_version);
    godwit_store16(data_out + AT_CHIP_ID, instruction->chip_id);
    memcpy(data_out + AT_PRODUCT_ID, instruction->product_id, 16);
    godwit_store32(data_out + AT_DELTA_BASE_COUNTER, instruction->delta_base_counter);
    memcpy(data_out + AT_PATCH_SHA256, instruction->patch_sha256, 32);
    godwit_store32(data_out + AT_PATCH_SIZE, instruction->patch_size);
    godwit_store32(data_out + AT_ROLLOUT_ID, instruction->rollout_id);
    memcpy(data_out + AT_CHECKPOINT, instruction->checkpoint, 16);
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
    *out = (struct godwit_instruction){0};
    if (memcmp(data + AT_MAGIC, magic, sizeof magic) != 0 || data[AT_VERSION] != VERSION ||
        godwit_load16(data + AT_LENGTH) != GODWIT_INSTRUCTION_BODY_SIZE)
        return GODWIT_ERR_FORMAT;
    if (!flags_are_sound(data[AT_FLAGS])) return GODWIT_ERR_FORMAT;
    if (!godwit_all(data + AT_ZERO, AT_PRODUCT_ID - AT_ZERO, 0) ||
        !godwit_all(data + AT_RESERVED, AT_SIGNATURE - AT_RESERVED, 0))
        return GODWIT_ERR_FORMAT;

    out->flags = data[AT_FLAGS];
    memcpy(out->device_id, data + AT_DEVICE_ID, 16);
    memcpy(out->nonce, data + AT_NONCE, 16);
    out->sequence = godwit_load64(data + AT_SEQUENCE);
    out->server_time_ms = godwit_load64(data + AT_SERVER_TIME);
    out->valid_s = godwit_load32(data + AT_VALID);
    out->file_size = godwit_load32(data + AT_FILE_SIZE);
    memcpy(out->file_sha256, data + AT_FILE_SHA256, 32);
    out->counter = godwit_load32(data + AT_COUNTER);
    out->secure_version = godwit_load32(data + AT_SECURE_VERSION);
    out->chip_id = godwit_load16(data + AT_CHIP_ID);
    memcpy(out->product_id, data + AT_PRODUCT_ID, 16);
    out->delta_base_counter = godwit_load32(data + AT_DELTA_BASE_COUNTER);
    memcpy(out->patch_sha256, data + AT_PATCH_SHA256, 32);
    out->patch_size = godwit_load32(data + AT_PATCH_SIZE);
    out->rollout_id = godwit_load32(data + AT_ROLLOUT_ID);
    memcpy(out->checkpoint, data + AT_CHECKPOINT, 16);
    return GODWIT_OK;
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
