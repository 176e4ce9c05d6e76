/* What a restored database must know that the copy of it can not say by itself: that it is one. */
#pragma once

#include "server/backup.h"
#include "store/store.h"

/* Brings a restored database to the present schema and to its new life: numbers and sequences that
 * were given since the backup are not given again, sessions and (but where they are kept) API
 * tokens are over, and the audit log says so. job->report gets the counts. note: what went wrong.
 */
GODWIT_MUST_USE godwit_err restored_begin(struct db *db, struct backup_job *job, char *note_out,
                                          size_t note_size);
