/* The audit log in the database: records are added inside the writer's transaction of the change
 * that they tell of, and so stand or fall with it. Nothing edits or deletes one but
 * audit_prune, which leaves a signed checkpoint as the new root. */
#pragma once

#include "audit/record.h"
#include "store/store.h"

#define AUDIT_PAGE_MAX 500

/* Gives the record its sequence, its place in the chain and its hash, and adds it. The caller has
 * filled in time, org, actor, address, action, object, before and after with their digests. Writer.
 */
GODWIT_MUST_USE godwit_err audit_add(struct db *db, struct audit_record *record);

/* What a page asks for; "" and 0: anything. */
struct audit_query {
    const char *org;                     /* exactly; NULL: all */
    const char *actor, *action, *object; /* exactly, or what they begin with before a last "*" */
    int64_t after;                       /* records with a larger sequence, oldest first */
    int64_t before; /* records with a smaller sequence, newest first; INT64_MAX: the newest */
};

typedef void audit_record_take(void *ctx, const struct audit_record *record);
typedef void audit_checkpoint_take(void *ctx, const struct audit_checkpoint *checkpoint);

/* At most limit records; by after where before is 0. Any connection. */
GODWIT_MUST_USE godwit_err audit_list(struct db *db, const struct audit_query *query, size_t limit,
                                      audit_record_take *take, void *ctx);
/* The newest record; MISSING: there is none. */
GODWIT_MUST_USE godwit_err audit_last(struct db *db, struct audit_record *out);

GODWIT_MUST_USE godwit_err audit_checkpoint_add(struct db *db,
                                                const struct audit_checkpoint *checkpoint);
/* The newest; MISSING: there is none. */
GODWIT_MUST_USE godwit_err audit_checkpoint_last(struct db *db, struct audit_checkpoint *out);
/* At most limit with a larger sequence than after, oldest first. Any connection. */
GODWIT_MUST_USE godwit_err audit_checkpoint_list(struct db *db, int64_t after, size_t limit,
                                                 audit_checkpoint_take *take, void *ctx);

/* Deletes about rows_max records from before older_than_s, up to a checkpoint that is as old. Its
 * record stays, and the log begins with it from then on: root_out, or 0 where nothing went. Writer.
 */
GODWIT_MUST_USE godwit_err audit_prune(struct db *db, int64_t older_than_s, size_t rows_max,
                                       int64_t *root_out);
