/* After a fault the verifier believes the record that it has just seen, so that one deed is told
 * once and the next one too. */
#include "audit/verify.h"

static const struct {
    const char *id, *sentence;
} FAULTS[] = {
#define AUDIT_FAULT_ROW(name, id, sentence) {id, sentence},
    AUDIT_FAULTS(AUDIT_FAULT_ROW)
#undef AUDIT_FAULT_ROW
};

const char *audit_fault_id(enum audit_fault fault)
{
    return FAULTS[fault].id;
}

const char *audit_fault_sentence(enum audit_fault fault)
{
    return FAULTS[fault].sentence;
}

static void tell(struct audit_verifier *verifier, enum audit_fault fault, int64_t sequence)
{
    verifier->faults_count++;
    verifier->take(verifier->ctx, fault, sequence);
}

void audit_verify_begin(struct audit_verifier *verifier, audit_fault_take *take, void *ctx)
{
    *verifier = (struct audit_verifier){.take = take, .ctx = ctx, .is_rooted = true};
}

/* A text that was cut is judged by its digest alone; one that is there must have that digest. */
static bool fits_detail(const char *text, const uint8_t sha256[static 32])
{
    char copy[AUDIT_TEXT_MAX + 1];
    uint8_t digest[32];
    if (!*text) return true;
    audit_detail_copy(copy, digest, text);
    return !memcmp(digest, sha256, sizeof digest);
}

static bool fits(const struct audit_record *record)
{
    uint8_t hash[32];
    return !audit_record_hash(record, hash) && !memcmp(hash, record->hash, sizeof hash) &&
           fits_detail(record->before, record->before_sha256) &&
           fits_detail(record->after, record->after_sha256);
}

/* The first record of the log is the first of all, or a root: then its checkpoint comes next. */
static void check_root(struct audit_verifier *verifier)
{
    if (verifier->is_rooted) return;
    verifier->is_rooted = true;
    tell(verifier, AUDIT_NO_ROOT, verifier->first);
}

static void check_place(struct audit_verifier *verifier, const struct audit_record *record)
{
    static const uint8_t NONE[32];
    int64_t wanted = verifier->last + 1;
    if (verifier->records_count == 0 && record->sequence != 1) {
        verifier->first = record->sequence;
        verifier->is_rooted = false;
    } else if (record->sequence > wanted) {
        tell(verifier, AUDIT_MISSING, wanted);
    } else if (record->sequence < wanted) {
        tell(verifier, AUDIT_MOVED, record->sequence);
    } else if (memcmp(record->previous, verifier->last ? verifier->hash : NONE, 32)) {
        tell(verifier, AUDIT_UNCHAINED, record->sequence);
    }
    if (verifier->records_count == 0) verifier->first = record->sequence;
}

void audit_verify_record(struct audit_verifier *verifier, const struct audit_record *record)
{
    check_root(verifier);
    check_place(verifier, record);
    if (!fits(record)) tell(verifier, AUDIT_EDITED, record->sequence);
    for (size_t i = 0; i < verifier->witnesses_count; i++)
        if (!memcmp(record->hash, verifier->witnesses[i], AUDIT_WITNESS_SIZE))
            verifier->witnessed[i] = true;
    verifier->records_count++;
    verifier->last = record->sequence;
    memcpy(verifier->hash, record->hash, sizeof verifier->hash);
}

static bool is_signed(const struct audit_checkpoint *checkpoint)
{
    uint8_t digest[32];
    return !audit_checkpoint_digest(checkpoint, digest) &&
           !godwit_verify_p256(checkpoint->key, digest, checkpoint->signature);
}

static bool is_trusted(const struct audit_verifier *verifier,
                       const struct audit_checkpoint *checkpoint)
{
    for (size_t i = 0; i < verifier->keys_count; i++)
        if (!memcmp(verifier->keys[i], checkpoint->key, sizeof checkpoint->key)) return true;
    return verifier->keys_count == 0;
}

void audit_verify_checkpoint(struct audit_verifier *verifier,
                             const struct audit_checkpoint *checkpoint)
{
    verifier->checkpoints_count++;
    if (!is_signed(checkpoint)) {
        tell(verifier, AUDIT_UNSIGNED, checkpoint->sequence);
        return;
    }
    if (!is_trusted(verifier, checkpoint)) {
        tell(verifier, AUDIT_WRONG_KEY, checkpoint->sequence);
        return;
    }
    if (checkpoint->sequence > verifier->checkpoint) verifier->checkpoint = checkpoint->sequence;
    bool is_there = verifier->records_count && checkpoint->sequence == verifier->last;
    if (is_there && memcmp(checkpoint->hash, verifier->hash, sizeof verifier->hash))
        tell(verifier, AUDIT_REWRITTEN, checkpoint->sequence);
    else if (is_there)
        verifier->is_rooted = true;
    else if (checkpoint->sequence < verifier->last)
        tell(verifier, AUDIT_MOVED, checkpoint->sequence);
}

/* A checkpoint whose record is not the last one fed is told of here, once all records are seen. */
bool audit_verify_finish(struct audit_verifier *verifier)
{
    check_root(verifier);
    if (verifier->checkpoint > verifier->last) tell(verifier, AUDIT_CUT_OFF, verifier->last + 1);
    for (size_t i = 0; i < verifier->witnesses_count; i++)
        if (!verifier->witnessed[i]) tell(verifier, AUDIT_UNWITNESSED, 0);
    return verifier->faults_count == 0;
}
