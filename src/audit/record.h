/* One record of the audit log, the chain that its hash makes, and a checkpoint: a place of the
 * chain that the deploy key has signed. To the byte: docs/FORMATS.md, "The audit log". */
#pragma once

#include "base/crypto.h"

#define AUDIT_TEXT_MAX 1024   /* of before and after; of a longer one the digest alone is kept */
#define AUDIT_WITNESS_SIZE 16 /* first bytes of a checkpoint's hash, as instructions carry them */

struct audit_record {
    int64_t sequence; /* 1, 2 … without gaps */
    int64_t time_s;   /* Unix time, by the server's clock */
    /* NUL-terminated UTF-8; longer ones are cut when the record is added */
    char org[65];
    char actor[97];   /* "user:NAME", "device:ID", "system" … */
    char address[64]; /* where the request came from; "": from this machine itself */
    char action[48];  /* "rollout.created"; server/audit_action.h */
    char object[129]; /* what was changed, as people name it */
    char before[AUDIT_TEXT_MAX + 1], after[AUDIT_TEXT_MAX + 1]; /* canonical JSON, or "" */
    uint8_t before_sha256[32], after_sha256[32]; /* of the whole text; zero: there was none */
    uint8_t previous[32];                        /* hash of the record before; zero for the first */
    uint8_t hash[32];
};

struct audit_checkpoint {
    int64_t sequence, time_s; /* of the record; when it was signed */
    uint8_t hash[32];         /* the record's */
    uint8_t key[64];          /* P-256, X‖Y: the deploy key that signed */
    uint8_t signature[64];    /* r‖s */
};

/* Copies a text that may be longer than its place; it ends between two characters. */
void audit_text_copy(char *out, size_t size_max, const char *text);
/* Puts a before or after with its digest; NULL or "": none. */
void audit_detail_copy(char out[static AUDIT_TEXT_MAX + 1], uint8_t sha256_out[static 32],
                       const char *text);
/* The hash that the record's other members make. IO: the engine failed. */
GODWIT_MUST_USE godwit_err audit_record_hash(const struct audit_record *record,
                                             uint8_t hash_out[static 32]);
/* What is signed: SHA-256 of context, sequence, time and hash. */
GODWIT_MUST_USE godwit_err audit_checkpoint_digest(const struct audit_checkpoint *checkpoint,
                                                   uint8_t digest_out[static 32]);
