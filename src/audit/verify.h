/* The verifier of an audit log: fed with what is there, record by record, it names the place of
 * whatever was edited, deleted, moved or cut off. It knows no database and no server, so that it
 * can be read in one sitting by whoever must not trust those.
 *
 *   records      each hash fits its record, and each record names the hash of the one before
 *   checkpoints  signed; a record must be there and have that hash
 *   witnesses    first bytes of a checkpoint's hash that a device was given: it must be there
 *
 * What nobody can see: a new end of the log behind the newest checkpoint that anyone has kept. */
#pragma once

#include "audit/record.h"

#define AUDIT_KEYS_MAX 16
#define AUDIT_WITNESSES_MAX 64

#define AUDIT_FAULTS(X)                                                                          \
    X(EDITED, "edited", "this record does not fit its hash: it was edited")                      \
    X(MISSING, "missing", "the records from here up to the next were deleted")                   \
    X(MOVED, "moved", "this record is not in its place: records were moved or added")            \
    X(UNCHAINED, "unchained",                                                                    \
      "this record does not name the hash of the one before: one of the two was made anew")      \
    X(NO_ROOT, "no-root", "the log begins here, and no signed checkpoint says that it may")      \
    X(REWRITTEN, "rewritten",                                                                    \
      "a signed checkpoint has another hash here: records were made anew up to here")            \
    X(CUT_OFF, "cut-off", "the log ends before this record, of which a signed checkpoint tells") \
    X(UNSIGNED, "unsigned", "the checkpoint of this record has no good signature")               \
    X(WRONG_KEY, "wrong-key",                                                                    \
      "the checkpoint of this record is signed by a key not to be trusted")                      \
    X(UNWITNESSED, "unwitnessed",                                                                \
      "a device was given a checkpoint that is not in this log: its end was cut off or made anew")

#define AUDIT_FAULT_ENUM(name, id, sentence) AUDIT_##name,
enum audit_fault { AUDIT_FAULTS(AUDIT_FAULT_ENUM) AUDIT_FAULTS_COUNT };
#undef AUDIT_FAULT_ENUM

const char *audit_fault_id(enum audit_fault fault);
const char *audit_fault_sentence(enum audit_fault fault);

/* sequence: of the record at fault, 0 where the fault is the whole log's. */
typedef void audit_fault_take(void *ctx, enum audit_fault fault, int64_t sequence);

struct audit_verifier {
    /* set by the caller after begin */
    audit_fault_take *take;
    void *ctx;
    size_t keys_count, witnesses_count;
    uint8_t keys[AUDIT_KEYS_MAX][64]; /* who may sign checkpoints; none: any key */
    uint8_t witnesses[AUDIT_WITNESSES_MAX][AUDIT_WITNESS_SIZE];
    /* results */
    uint64_t records_count, checkpoints_count, faults_count;
    int64_t first, last, checkpoint; /* sequences; 0: none */
    /* private */
    bool is_rooted;
    uint8_t hash[32]; /* of the last record */
    bool witnessed[AUDIT_WITNESSES_MAX];
};

void audit_verify_begin(struct audit_verifier *verifier, audit_fault_take *take, void *ctx);
/* The next record, in the order in which the log has them. */
void audit_verify_record(struct audit_verifier *verifier, const struct audit_record *record);
/* A checkpoint, directly behind its record; where that is missing, behind the one before it. */
void audit_verify_checkpoint(struct audit_verifier *verifier,
                             const struct audit_checkpoint *checkpoint);
/* True: no fault. */
bool audit_verify_finish(struct audit_verifier *verifier);
