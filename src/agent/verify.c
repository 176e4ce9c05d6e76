/* VERIFY: the slot is read back and judged as if it came from a stranger; nothing that the download
 * saw is trusted. Checks 10–12: the whole file's digest, the image as the bootloader will parse it,
 * and the signatures of distinct trusted keys. Reading is one sector a step.
 *
 * Every block in the sector must be sound, also one that the threshold does not need: else its
 * bytes could be changed without notice. */
#include "agent/internal.h"
#include "formats/chip.h"
#include "formats/sigblock.h"

enum verify_phase { VERIFY_ENTER, VERIFY_READ, VERIFY_SECTOR, VERIFY_SHA384, VERIFY_BLOCKS };

_Static_assert(GODWIT_SIGSECTOR_SIZE == GODWIT_SECTOR_SIZE, "one sector buffer fits it");

void godwit_image_begin(struct godwit_agent *agent, const struct godwit_region *region,
                        bool as_bootloader_does)
{
    const struct godwit_device_facts *facts = &agent->facts;
    struct godwit_image_expect expect = {
        .chip = facts->chip,
        .size_max = region->size,
        .flash_offset = region->offset,
        .check_revision = true,
        .revision = facts->chip_revision,
        .as_bootloader_does = as_bootloader_does,
    };
    godwit_image_init(&agent->work.image, &expect, NULL);
}

/* P1 in the image: well formed, for this product and board, and the release that was announced. */
static enum godwit_reason judge_policy(const struct godwit_agent *agent,
                                       const struct godwit_image_info *info)
{
    struct godwit_policy policy;
    if (godwit_policy_decode(info->policy, false, &policy)) return GODWIT_REASON_POLICY_FORMAT;
    /* product id stands at offset 8 of both policies */
    if (memcmp(policy.product_id, agent->config.seed_policy + 8, sizeof policy.product_id) != 0)
        return GODWIT_REASON_WRONG_PRODUCT;
    uint32_t board = agent->facts.hardware_revision;
    if (policy.hardware_mask && (board > 31 || !(policy.hardware_mask >> board & 1u)))
        return GODWIT_REASON_CHIP_REVISION;
    if (policy.counter != agent->record.install.counter) return GODWIT_REASON_BODY_DIFFERS;
    return GODWIT_REASON_NONE;
}

enum godwit_reason godwit_judge_head(const struct godwit_agent *agent)
{
    const struct godwit_image_info *info = &agent->work.image.info;
    if (info->secure_version < agent->facts.secure_version) return GODWIT_REASON_SECURE_VERSION;
    return info->has_policy ? judge_policy(agent, info) : GODWIT_REASON_NONE;
}

godwit_err godwit_image_read_back(struct godwit_agent *agent, const struct godwit_region *region,
                                  uint32_t size)
{
    struct godwit_image *image = &agent->work.image;
    uint32_t piece = size - agent->offset;
    if (piece > GODWIT_SECTOR_SIZE) piece = GODWIT_SECTOR_SIZE;
    /* Reads need no alignment on a device: its driver does that. */
    godwit_err err = godwit_flash_read(agent, region->offset + agent->offset, agent->sector, piece);
    if (err) return GODWIT_ERR_IO;
    err = godwit_sink_write(&image->sink, agent->sector, piece);
    agent->offset += piece;
    if (!err && agent->offset < size) return GODWIT_OK;
    if (!err) err = godwit_sink_finish(&image->sink);
    return err ? GODWIT_ERR_FORMAT : GODWIT_ERR_END;
}

/* Which keys signed; the blocks of the sector buffer, each of which must be good. The parser's hash
 * has become the body's SHA-384 where a block asks for it. */
static enum godwit_reason check_blocks(const struct godwit_agent *agent,
                                       uint8_t keys_out[GODWIT_SIGBLOCKS_MAX][32],
                                       size_t *count_out)
{
    const struct godwit_image *image = &agent->work.image;
    uint8_t sha384[GODWIT_SHA384_SIZE];
    struct godwit_body_digests digests = {image->body_sha256, NULL};
    if (godwit_sigsector_has_sha384(agent->sector)) {
        digests.sha384 = sha384;
        if (godwit_hash_peek(&image->sha256, sha384)) return GODWIT_REASON_SIGNATURE_BAD;
    }
    *count_out = godwit_sigsector_count(agent->sector);
    if (*count_out == 0) return GODWIT_REASON_UNSIGNED;
    if (*count_out > GODWIT_SIGBLOCKS_MAX || !godwit_sigsector_is_tidy(agent->sector))
        return GODWIT_REASON_SIGNATURE_FORMAT;
    for (size_t i = 0; i < *count_out; i++) {
        struct godwit_sigblock block;
        godwit_err err =
            godwit_sigblock_check(agent->sector + i * GODWIT_SIGBLOCK_SIZE, &digests, &block);
        if (err)
            return block.reason != GODWIT_REASON_NONE ? block.reason : GODWIT_REASON_SIGNATURE_BAD;
        memcpy(keys_out[i], block.key_digest, 32);
    }
    return GODWIT_REASON_NONE;
}

/* Distinct keys of the list that the policy trusts, against its threshold. */
static enum godwit_reason count_keys(const struct godwit_policy *policy,
                                     uint8_t keys[GODWIT_SIGBLOCKS_MAX][32], size_t count)
{
    unsigned trusted = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_repeated = false;
        for (size_t j = 0; j < i; j++)
            is_repeated |= memcmp(keys[i], keys[j], 32) == 0;
        if (!is_repeated && godwit_policy_trusts(policy, keys[i])) trusted++;
    }
    if (trusted == 0) return GODWIT_REASON_SIGNATURE_KEY;
    return trusted < policy->threshold ? GODWIT_REASON_SIGNATURE_THRESHOLD : GODWIT_REASON_NONE;
}

/* Check 11. The policy is decoded once the blocks are through: both are too large for one stack. */
static __attribute__((noinline)) enum godwit_reason
judge_keys(const struct godwit_agent *agent, uint8_t keys[GODWIT_SIGBLOCKS_MAX][32], size_t count)
{
    struct godwit_policy policy;
    if (godwit_policy_decode(agent->config.seed_policy, true, &policy))
        return GODWIT_REASON_POLICY_FORMAT;
    return count_keys(&policy, keys, count);
}

static bool asks_no_signature(const struct godwit_agent *agent)
{
    /* flags stand at offset 36 of the policy */
    return godwit_load32(agent->config.seed_policy + 36) & GODWIT_POLICY_OPEN;
}

static enum godwit_reason load_sector(struct godwit_agent *agent)
{
    const struct godwit_image *image = &agent->work.image;
    if (!image->is_signed_size) return GODWIT_REASON_UNSIGNED;
    if (godwit_flash_read(agent, agent->slots.idle.offset + image->body_size, agent->sector,
                          GODWIT_SECTOR_SIZE))
        return GODWIT_REASON_FLASH;
    return GODWIT_REASON_NONE;
}

/* Looks which hashes the blocks ask for: SHA-384 costs a second reading, and few files need it. */
static enum godwit_reason look_at_sector(struct godwit_agent *agent)
{
    agent->phase = VERIFY_BLOCKS;
    if (asks_no_signature(agent)) return GODWIT_REASON_NONE;
    enum godwit_reason reason = load_sector(agent);
    if (reason || !godwit_sigsector_has_sha384(agent->sector)) return reason;
    godwit_hash_init(&agent->work.image.sha256, GODWIT_SHA384); /* the parser is done with it */
    agent->offset = 0;
    agent->phase = VERIFY_SHA384;
    return GODWIT_REASON_NONE;
}

static enum godwit_reason hash_body(struct godwit_agent *agent)
{
    struct godwit_image *image = &agent->work.image;
    if (godwit_flash_read(agent, agent->slots.idle.offset + agent->offset, agent->sector,
                          GODWIT_SECTOR_SIZE))
        return GODWIT_REASON_FLASH;
    godwit_hash_update(&image->sha256, agent->sector, GODWIT_SECTOR_SIZE);
    agent->offset += GODWIT_SECTOR_SIZE;
    if (agent->offset >= image->body_size) agent->phase = VERIFY_BLOCKS;
    return GODWIT_REASON_NONE;
}

static enum godwit_reason judge_signatures(struct godwit_agent *agent)
{
    if (asks_no_signature(agent)) return GODWIT_REASON_NONE;
    enum godwit_reason reason = load_sector(agent);
    if (reason) return reason;
    uint8_t keys[GODWIT_SIGBLOCKS_MAX][32];
    size_t count;
    reason = check_blocks(agent, keys, &count);
    return reason ? reason : judge_keys(agent, keys, count);
}

/* What read-back found, once it has ended with err. */
static enum godwit_reason judge_file(const struct godwit_agent *agent, godwit_err err)
{
    const struct godwit_image *image = &agent->work.image;
    if (err == GODWIT_ERR_IO) return GODWIT_REASON_FLASH;
    if (err != GODWIT_ERR_END) return image->reason ? image->reason : GODWIT_REASON_NOT_AN_IMAGE;
    if (memcmp(image->file_sha256, agent->record.install.file_sha256, 32) != 0)
        return GODWIT_REASON_FILE_DIGEST;
    return godwit_judge_head(agent);
}

static enum godwit_state refuse(struct godwit_agent *agent, enum godwit_reason reason)
{
    uint32_t at = agent->offset;
    agent->record.install_step = GODWIT_STEP_NONE; /* what lies there is good for nothing */
    agent->record.install_blocks = 0;
    return godwit_fail(agent, GODWIT_STAGE_VERIFY, reason, "at", at);
}

/* The slot is what it should be. */
static enum godwit_state accept(struct godwit_agent *agent)
{
    memcpy(agent->record.install.image_sha256, agent->work.image.info.image_sha256, 32);
    agent->is_verified = true;
    LOG(INFO, "verified", "size=%u", (unsigned)agent->record.install.size);
    return agent->record.install_step == GODWIT_STEP_CONFIRMED ? GODWIT_SWITCH : GODWIT_ASK;
}

/* One sector of the file; its end brings the next phase. */
static enum godwit_reason read_file(struct godwit_agent *agent)
{
    godwit_err err = godwit_image_read_back(agent, &agent->slots.idle, agent->record.install.size);
    if (err == GODWIT_OK) return GODWIT_REASON_NONE;
    agent->phase = VERIFY_SECTOR;
    return judge_file(agent, err);
}

enum godwit_state godwit_state_verify(struct godwit_agent *agent)
{
    enum godwit_reason reason = GODWIT_REASON_NONE;
    switch ((enum verify_phase)agent->phase) {
    case VERIFY_ENTER:
        agent->is_verified = false;
        agent->offset = 0;
        godwit_image_begin(agent, &agent->slots.idle, false);
        agent->phase = VERIFY_READ;
        break;
    case VERIFY_READ:
        reason = read_file(agent);
        break;
    case VERIFY_SECTOR:
        reason = look_at_sector(agent);
        break;
    case VERIFY_SHA384:
        reason = hash_body(agent);
        break;
    case VERIFY_BLOCKS:
        reason = judge_signatures(agent);
        if (!reason) return accept(agent);
        break;
    }
    return reason ? refuse(agent, reason) : GODWIT_VERIFY;
}
