/* The whole log of a database in the order in which the verifier and an export want it: each
 * checkpoint behind its record. */
#pragma once

#include "audit/trail.h"

struct audit_walk {
    audit_record_take *record;
    audit_checkpoint_take *checkpoint;
    void *ctx;
};

/* Reads a database file, also while a service writes it. The note says what is wrong. */
GODWIT_MUST_USE godwit_err audit_walk_file(const char *path, const struct audit_walk *walk,
                                           char *note_out, size_t note_size);
