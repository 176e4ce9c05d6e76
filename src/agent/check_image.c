/* VERIFY: the slot is read back and checked as if nothing were known of it; nothing that the
 * download saw is trusted. Checks 10 to 13: the whole file's digest, the signatures of distinct
 * trusted keys, the image as the bootloader will parse it, its policy. Reading is one sector a
 * step.
 *
 * One reading serves the parser and both digests. Only where the parser finds a fault the file is
 * hashed again without it, so that the fault counts in its turn: a file that nobody signed, or that
 * is not the one announced, is called that and not "segments".
 *
 * Every block in the sector must be sound, also one that the threshold does not need: else its
 * bytes could be changed without notice. */
#include "agent/internal.h"
#include "agent/sources.h"
#include "formats/chip.h"
#include "formats/sigblock.h"

enum verify_phase {
    VERIFY_ENTER,
    VERIFY_READ,
    VERIFY_AGAIN, /* the digests, behind the parser's back */
    VERIFY_SECTOR,
    VERIFY_SHA384,
    VERIFY_BLOCKS,
    VERIFY_IMAGE,
};

_Static_assert(GODWIT_SIGSECTOR_SIZE == GODWIT_SECTOR_SIZE, "one sector buffer fits it");

/* Chip, revisions and eFuses lie alike in the two: one copy costs less code than five. */
#define CHIP_FACTS_SIZE offsetof(struct godwit_image_expect, check_revision)
#define CHIP_FACT_AT(fact, in_facts)                                    \
    _Static_assert(offsetof(struct godwit_image_expect, fact) ==        \
                       offsetof(struct godwit_device_facts, in_facts) - \
                           offsetof(struct godwit_device_facts, chip),  \
                   #fact)
CHIP_FACT_AT(revision, chip_revision);
CHIP_FACT_AT(block_revision, block_revision);
CHIP_FACT_AT(no_max_revision, no_max_revision);
CHIP_FACT_AT(no_max_block_revision, no_max_block_revision);

void godwit_image_begin(struct godwit_agent *agent, const struct godwit_region *region,
                        bool as_bootloader_does)
{
    const struct godwit_device_facts *facts = &agent->facts;
    struct godwit_image_expect expect = {
        .size_max = region->size,
        .flash_offset = region->offset,
        .check_revision = true,
        .as_bootloader_does = as_bootloader_does,
    };
    memcpy(&expect, &facts->chip, CHIP_FACTS_SIZE);
    godwit_image_init(&agent->work.image, &expect, NULL);
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

/* Another reading, by the parser's hash: the parser is done with it. */
static void begin_again(struct godwit_agent *agent, enum verify_phase phase)
{
    godwit_hash_init(&agent->work.image.sha256,
                     phase == VERIFY_SHA384 ? GODWIT_SHA384 : GODWIT_SHA256);
    agent->offset = 0;
    agent->phase = (uint8_t)phase;
}

static enum godwit_reason load_sector(struct godwit_agent *agent)
{
    return godwit_flash_read(agent, agent->slots.inactive.offset + agent->work.image.body_size,
                             agent->sector, GODWIT_SECTOR_SIZE)
               ? GODWIT_REASON_FLASH
               : GODWIT_REASON_NONE;
}

/* Looks which hashes the blocks ask for: SHA-384 costs a second reading, and few files need it. */
static enum godwit_reason look_at_sector(struct godwit_agent *agent)
{
    agent->phase = VERIFY_BLOCKS;
    if (!agent->work.image.is_signed_size) return GODWIT_REASON_NONE;
    enum godwit_reason reason = load_sector(agent);
    if (!reason && godwit_sigsector_has_sha384(agent->sector)) begin_again(agent, VERIFY_SHA384);
    return reason;
}

/* Every block of the sector buffer must be good, and distinct keys of the list that the policy
 * trusts meet its threshold. The parser's hash has become the body's SHA-384 where a block asks for
 * it. */
static __attribute__((noinline)) enum godwit_reason check_blocks(const struct godwit_agent *agent,
                                                                 const struct godwit_policy *policy)
{
    const struct godwit_image *image = &agent->work.image;
    uint8_t sha384[GODWIT_SHA384_SIZE];
    bool has_sha384 = agent->offset == image->body_size; /* the reading for it ended there */
    struct godwit_body_digests digests = {image->body_sha256, has_sha384 ? sha384 : NULL};
    size_t count = godwit_sigsector_count(agent->sector);
    if (count == 0) return GODWIT_REASON_UNSIGNED;
    size_t end = count * GODWIT_SIGBLOCK_SIZE;
    if (!godwit_all(agent->sector + end, GODWIT_SIGSECTOR_SIZE - end, 0xFF))
        return GODWIT_REASON_SIGNATURE_FORMAT;
    if (has_sha384 && godwit_hash_peek(&image->sha256, sha384)) return GODWIT_REASON_SIGNATURE_BAD;
    struct godwit_sigblock blocks[GODWIT_SIGBLOCKS_MAX];
    unsigned trusted = 0;
    for (size_t i = 0; i < count; i++) {
        struct godwit_sigblock *block = &blocks[i];
        if (godwit_sigblock_check(agent->sector + i * GODWIT_SIGBLOCK_SIZE, &digests, block)) {
            assert(block->reason);
            return block->reason;
        }
        bool is_repeated = false;
        for (size_t j = 0; j < i; j++)
            is_repeated |= godwit_digest_is(block->key_digest, blocks[j].key_digest);
        if (!is_repeated && godwit_policy_trusts(policy, block->key_digest)) trusted++;
    }
    if (trusted == 0) return GODWIT_REASON_SIGNATURE_KEY;
    return trusted < policy->threshold ? GODWIT_REASON_SIGNATURE_THRESHOLD : GODWIT_REASON_NONE;
}

/* Check 11. */
static __attribute__((noinline)) enum godwit_reason check_signatures(struct godwit_agent *agent)
{
    struct godwit_policy policy;
    enum godwit_reason reason = godwit_policy_running(agent, &policy);
    agent->phase = VERIFY_IMAGE;
    if (reason || policy.flags & GODWIT_POLICY_OPEN) return reason;
    if (!agent->work.image.is_signed_size) return GODWIT_REASON_UNSIGNED;
    reason = load_sector(agent);
    return reason ? reason : check_blocks(agent, &policy);
}

/* What has run and proven itself was judged before, by the policy that ruled then; an older image,
 * which a cut has brought back, may not know its keys any more. */
static bool is_proven(const struct godwit_agent *agent)
{
    return agent->journal.install_step == GODWIT_STEP_CONFIRMED;
}

/* Check 10. */
static __attribute__((noinline)) enum godwit_reason check_file(struct godwit_agent *agent)
{
    agent->phase = is_proven(agent) ? VERIFY_IMAGE : VERIFY_SECTOR;
    return godwit_digest_is(agent->work.image.file_sha256, agent->journal.install.file_sha256)
               ? GODWIT_REASON_NONE
               : GODWIT_REASON_FILE_DIGEST;
}

/* The body ends where a signature sector would begin. */
static enum godwit_reason hash_again(struct godwit_agent *agent)
{
    struct godwit_image *image = &agent->work.image;
    uint32_t end = agent->phase == VERIFY_SHA384 ? image->body_size : agent->journal.install.size;
    uint32_t piece = end - agent->offset;
    if (piece > GODWIT_SECTOR_SIZE) piece = GODWIT_SECTOR_SIZE;
    if (agent->offset == image->body_size && godwit_hash_peek(&image->sha256, image->body_sha256))
        return GODWIT_REASON_FILE_DIGEST;
    if (godwit_flash_read(agent, agent->slots.inactive.offset + agent->offset, agent->sector,
                          piece))
        return GODWIT_REASON_FLASH;
    godwit_hash_update(&image->sha256, agent->sector, piece);
    agent->offset += piece;
    if (agent->offset < end) return GODWIT_REASON_NONE;
    if (agent->phase == VERIFY_AGAIN)
        return godwit_hash_peek(&image->sha256, image->file_sha256) ? GODWIT_REASON_FILE_DIGEST
                                                                    : check_file(agent);
    agent->phase = VERIFY_BLOCKS;
    return GODWIT_REASON_NONE;
}

/* One sector of the file; its end brings the next phase. */
static enum godwit_reason read_file(struct godwit_agent *agent)
{
    struct godwit_image *image = &agent->work.image;
    uint32_t size = agent->journal.install.size;
    godwit_err err = godwit_image_read_back(agent, &agent->slots.inactive, size);
    if (err == GODWIT_OK) return GODWIT_REASON_NONE;
    if (err == GODWIT_ERR_IO) return GODWIT_REASON_FLASH;
    if (err == GODWIT_ERR_END) return check_file(agent);
    if (!image->reason) image->reason = GODWIT_REASON_NOT_AN_IMAGE;
    image->is_signed_size = size % GODWIT_SECTOR_SIZE == 0 && size > GODWIT_SECTOR_SIZE;
    image->body_size = image->is_signed_size ? size - GODWIT_SECTOR_SIZE : size;
    begin_again(agent, VERIFY_AGAIN);
    return GODWIT_REASON_NONE;
}

static __attribute__((noinline)) enum godwit_state refuse(struct godwit_agent *agent,
                                                          enum godwit_reason reason)
{
    struct godwit_journal *journal = &agent->journal;
    uint32_t at = agent->work.image.reason ? agent->work.image.file_size : agent->offset;
    journal->install_step = GODWIT_STEP_NONE; /* what lies there is good for nothing */
    journal->install_sectors = 0;
    /* Other bytes than announced: the way here is to blame, and a whole download was in vain. */
    if (reason == GODWIT_REASON_FILE_DIGEST || reason == GODWIT_REASON_FLASH)
        godwit_retry_later(agent, 3);
    else
        godwit_attempts_add(journal, journal->install.file_sha256, reason, false);
    (void)godwit_fail(agent, GODWIT_STAGE_VERIFY, reason);
    godwit_fail_detail(agent, "at", "=", at, "");
    agent->outcome_is_new = true; /* even the same again: the attempts are written with it */
    return GODWIT_STATE_REPORT;
}

/* The slot is what it should be. */
static enum godwit_state accept(struct godwit_agent *agent)
{
    godwit_digest_copy(agent->journal.install.image_sha256, agent->work.image.info.image_sha256);
    agent->is_verified = true;
    if (agent->journal.retries) {
        agent->journal.retries = 0;
        (void)!godwit_journal_commit(agent); /* else with the switch */
    }
    GODWIT_LOG(INFO, "verified", "size=%u", (unsigned)agent->journal.install.size);
    return is_proven(agent) ? GODWIT_STATE_SWITCH : GODWIT_STATE_CHECKIN;
}

enum godwit_state godwit_state_verify(struct godwit_agent *agent)
{
    enum godwit_reason reason = GODWIT_REASON_NONE;
    switch ((enum verify_phase)agent->phase) {
    case VERIFY_ENTER:
        agent->is_verified = false;
        agent->offset = 0;
        godwit_image_begin(agent, &agent->slots.inactive, false);
        agent->phase = VERIFY_READ;
        break;
    case VERIFY_READ:
        reason = read_file(agent);
        break;
    case VERIFY_AGAIN:
    case VERIFY_SHA384:
        reason = hash_again(agent);
        break;
    case VERIFY_SECTOR:
        reason = look_at_sector(agent);
        break;
    case VERIFY_BLOCKS:
        reason = check_signatures(agent);
        break;
    case VERIFY_IMAGE: /* 12 and 13; and 8 again, by the present instruction */
        reason = agent->work.image.reason;
        if (!reason && !is_proven(agent)) reason = godwit_check_image(agent, true);
        if (!reason) return accept(agent);
        break;
    }
    /* Other bytes than announced: from another source, before anything is reported. */
    if (reason == GODWIT_REASON_FILE_DIGEST && godwit_sources_blame(agent))
        return GODWIT_STATE_FETCH;
    return reason ? refuse(agent, reason) : GODWIT_STATE_VERIFY;
}
