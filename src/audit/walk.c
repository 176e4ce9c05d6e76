/* Two cursors, by pages: a log may be larger than memory. */
#include "audit/walk.h"

#include <stdio.h>

struct walker {
    struct db *db;
    const struct audit_walk *walk;
    struct audit_checkpoint next;
    bool has_next;
    int64_t checkpoint_after, after;
    size_t records_count;
};

static void take_next(void *ctx, const struct audit_checkpoint *checkpoint)
{
    struct walker *walker = ctx;
    walker->next = *checkpoint;
    walker->has_next = true;
}

static godwit_err read_next(struct walker *walker)
{
    walker->has_next = false;
    godwit_err err =
        audit_checkpoint_list(walker->db, walker->checkpoint_after, 1, take_next, walker);
    if (walker->has_next) walker->checkpoint_after = walker->next.sequence;
    return err;
}

/* Those before a sequence. */
static godwit_err give_checkpoints(struct walker *walker, int64_t before)
{
    godwit_err err = GODWIT_OK;
    while (!err && walker->has_next && walker->next.sequence < before) {
        walker->walk->checkpoint(walker->walk->ctx, &walker->next);
        err = read_next(walker);
    }
    return err;
}

static void take_record(void *ctx, const struct audit_record *record)
{
    struct walker *walker = ctx;
    (void)!give_checkpoints(walker, record->sequence); /* an error shows at the next page */
    walker->walk->record(walker->walk->ctx, record);
    walker->after = record->sequence;
    walker->records_count++;
}

static godwit_err walk_all(struct walker *walker)
{
    godwit_err err = read_next(walker);
    do {
        const struct audit_query query = {.after = walker->after};
        walker->records_count = 0;
        if (!err) err = audit_list(walker->db, &query, AUDIT_PAGE_MAX, take_record, walker);
    } while (!err && walker->records_count == AUDIT_PAGE_MAX);
    return err ? err : give_checkpoints(walker, INT64_MAX);
}

godwit_err audit_walk_file(const char *path, const struct audit_walk *walk, char *note_out,
                           size_t note_size)
{
    struct walker walker = {.walk = walk, .checkpoint_after = INT64_MIN, .after = INT64_MIN};
    godwit_err err = db_open(path, true, &walker.db, note_out, note_size);
    if (err) return err;
    err = walk_all(&walker);
    if (err) snprintf(note_out, note_size, "%s", db_note(walker.db));
    db_close(walker.db);
    return err;
}
