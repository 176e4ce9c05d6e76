/* A whole data directory as a folder that can be carried away, and back. A backup holds a copy of
 * the database (one moment of it), the blobs that it names, the keys and the certificates; it is
 * whole when its file "backup" is there, which is written last. It holds every secret of the
 * service: whoever has it can command every device. */
#pragma once

#include "base/err.h"
#include "base/span.h"

struct backup_report {
    uint64_t blobs, blob_bytes, files; /* copied */
    char made_with[33];                /* version of the program that made the backup */
    int64_t made_s;
    uint64_t sessions_ended, tokens_ended, tokens_kept; /* by a restore */
};

/* Called while it works, every few megabytes and blobs. */
typedef void backup_progress(void *ctx, const char *what, uint64_t done, uint64_t total);

struct backup_job {
    const char *from, *to;
    backup_progress *tell; /* may be NULL */
    void *ctx;
    bool keeps_tokens; /* a restore leaves API tokens valid, those too that were ended since */
    struct backup_report report; /* out */
    char note[700];              /* out: what is wrong and what to do, where it failed */
};

/* Copies the data directory `from`, also one that is served from at the moment, to `to`, which is
 * made or must be empty. */
GODWIT_MUST_USE godwit_err backup_make(struct backup_job *job);
/* Makes the data directory `to`, which must be missing or empty, of the backup `from`. Every byte
 * is checked: the database by itself, each blob by its name. What was given out after the backup
 * was made is not given again (restored.h). */
GODWIT_MUST_USE godwit_err backup_restore(struct backup_job *job);
