/* Each text goes into the hash behind its length, so that no byte can move from one member to its
 * neighbour under the same hash. */
#include "audit/record.h"

#include <string.h>

#include "base/text.h"

static const char RECORD_CONTEXT[] = "GODWIT-RECORD-v1";
static const char CHECKPOINT_CONTEXT[] = "GODWIT-CHKPNT-v1";

void audit_text_copy(char *out, size_t size_max, const char *text)
{
    size_t size = strlen(text), used = 0;
    while (used < size) {
        size_t one = godwit_utf8_size(text + used, size - used);
        if (used + (one ? one : 1) >= size_max) break;
        for (size_t i = 0; i < (one ? one : 1); i++, used++)
            out[used] = one ? text[used] : '?'; /* SQL and JSON hold UTF-8 alone */
    }
    out[used] = 0;
}

void audit_detail_copy(char out[static AUDIT_TEXT_MAX + 1], uint8_t sha256_out[static 32],
                       const char *text)
{
    struct godwit_hash hash;
    out[0] = 0;
    memset(sha256_out, 0, 32);
    if (!text || !*text) return;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, (const uint8_t *)text, strlen(text));
    if (godwit_hash_peek(&hash, sha256_out)) memset(sha256_out, 0, 32);
    if (strlen(text) <= AUDIT_TEXT_MAX) audit_text_copy(out, AUDIT_TEXT_MAX + 1, text);
}

static void add_number(struct godwit_hash *hash, int64_t number)
{
    uint8_t bytes[8];
    godwit_store64(bytes, (uint64_t)number);
    godwit_hash_update(hash, bytes, sizeof bytes);
}

static void add_text(struct godwit_hash *hash, const char *text)
{
    uint8_t size[4];
    godwit_store32(size, (uint32_t)strlen(text));
    godwit_hash_update(hash, size, sizeof size);
    godwit_hash_update(hash, (const uint8_t *)text, strlen(text));
}

godwit_err audit_record_hash(const struct audit_record *record, uint8_t hash_out[static 32])
{
    const char *const texts[] = {record->org,    record->actor,  record->address, record->action,
                                 record->object, record->before, record->after};
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, (const uint8_t *)RECORD_CONTEXT, sizeof RECORD_CONTEXT - 1);
    godwit_hash_update(&hash, record->previous, sizeof record->previous);
    add_number(&hash, record->sequence);
    add_number(&hash, record->time_s);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        add_text(&hash, texts[i]);
    godwit_hash_update(&hash, record->before_sha256, sizeof record->before_sha256);
    godwit_hash_update(&hash, record->after_sha256, sizeof record->after_sha256);
    return godwit_hash_peek(&hash, hash_out);
}

godwit_err audit_checkpoint_digest(const struct audit_checkpoint *checkpoint,
                                   uint8_t digest_out[static 32])
{
    struct godwit_hash hash;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, (const uint8_t *)CHECKPOINT_CONTEXT, sizeof CHECKPOINT_CONTEXT - 1);
    add_number(&hash, checkpoint->sequence);
    add_number(&hash, checkpoint->time_s);
    godwit_hash_update(&hash, checkpoint->hash, sizeof checkpoint->hash);
    return godwit_hash_peek(&hash, digest_out);
}
