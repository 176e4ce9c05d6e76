/* What a rollout makes of its devices comes from two places: its members' counts, which are its
 * own for ever, and the counts of devices to which it speaks now. What neither has is either taken
 * over by a newer rollout or, while the sweep that a rollout begins with is under way, not looked
 * at yet; so the sums are right at every moment. */
#include "fleet/counts.h"

#include <stdio.h>
#include <stdlib.h>

#include "fleet/memory.h"
#include "fleet/standing.h"

static void *grow(void *items, size_t count, size_t size)
{
    void *grown = realloc(items, (count + 1) * size);
    if (!grown) abort();
    return grown;
}

/* ---- rollouts ---- */

static void take_rollout(struct counts *counts, const struct db_rows *rows)
{
    counts->rollouts = grow(counts->rollouts, counts->rollouts_count, sizeof *counts->rollouts);
    struct rollout_counts *rollout = &counts->rollouts[counts->rollouts_count++];
    *rollout = (struct rollout_counts){.id = (uint32_t)db_column_int(rows, 0),
                                       .created_s = db_column_int(rows, 3),
                                       .is_targeted = db_column_int(rows, 4),
                                       .allow_downgrade = db_column_int(rows, 5),
                                       .again = db_column_int(rows, 6),
                                       .selected = db_column_int(rows, 7),
                                       .offered = db_column_int(rows, 8),
                                       .succeeded = db_column_int(rows, 9),
                                       .failed = db_column_int(rows, 10),
                                       .in_progress = db_column_int(rows, 11),
                                       .soaking = db_column_int(rows, 15),
                                       .undoing = db_column_int(rows, 16),
                                       .undone = db_column_int(rows, 17),
                                       .soak_s = db_column_int(rows, 19),
                                       .gates_open = db_column_int(rows, 20),
                                       .is_skipped = db_column_int(rows, 21),
                                       .state = (enum rollout_state)db_column_int(rows, 12),
                                       .state_s = db_column_int(rows, 14)};
    db_column_text(rows, 22, rollout->selection, sizeof rollout->selection);
    rollout->priority = (enum rollout_priority)db_column_int(rows, 23);
    guards_read(rows, 24, &rollout->guards);
    db_column_text(rows, 18, rollout->gates, sizeof rollout->gates);
    db_column_text(rows, 13, rollout->state_by, sizeof rollout->state_by);
    db_column_text(rows, 1, rollout->product, sizeof rollout->product);
    db_column_text(rows, 2, rollout->version, sizeof rollout->version);
    rollout->superseded = rollout->selected - rollout->succeeded - rollout->failed -
                          rollout->in_progress - rollout->soaking - rollout->undoing -
                          rollout->undone;
}

/* Of all devices of a product, their number is in the kept counts. */
static godwit_err read_rollouts(struct db *db, const struct counts_query *query,
                                struct counts *counts)
{
    struct db_rows rows;
    godwit_err err = db_query(
        db, &rows,
        "select r.id, p.name, l.version, r.created, r.is_targeted, r.allow_downgrade, r.again,"
        " case when r.is_targeted = 1 then r.members else coalesce((select sum(c.count)"
        " from device_counts c where c.org = r.org and c.product_name = p.name"
        " and c.state <> 'retired'), 0) end,"
        " r.offered, r.succeeded, r.failed, r.in_progress, r.state, r.state_by, r.state_time,"
        " r.soaking, r.undoing, r.undone, r.gates, r.soak, r.gates_open, r.is_skipped,"
        " r.selection, r.priority,"
        " " GUARDS_COLUMNS
        " from rollouts r join releases l on l.id = r.release join products p on p.id = l.product"
        " where r.org = $1 and r.id < $2 and ($3 = 0 or r.id = $3)"
        " and ($5 = '' or p.name = $5) order by r.id desc limit $4",
        DB_ARGS(db_text(query->org), db_int(query->before), db_int(query->only),
                db_int((int64_t)query->limit), db_text(query->product)));
    while (!err && !(err = db_next(&rows)))
        take_rollout(counts, &rows);
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

static struct rollout_counts *find_rollout(const struct counts *counts, int64_t id)
{
    size_t low = 0, high = counts->rollouts_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (counts->rollouts[middle].id == id) return &counts->rollouts[middle];
        if (counts->rollouts[middle].id > id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- devices ---- */

/* Members that were offered it are counted already, whether it speaks to them or not. */
static void count_state(struct rollout_counts *rollout, const char *state, int64_t count)
{
    const struct {
        const char *state;
        int64_t *to;
    } states[] = {{"queued", &rollout->queued},
                  {"incompatible", &rollout->incompatible},
                  {"up-to-date", &rollout->up_to_date},
                  {"halted", &rollout->halted},
                  {ROLLOUT_STATE_REFUSED, &rollout->failed}};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if (strcmp(states[i].state, state) != 0) continue;
        *states[i].to += count;
        rollout->superseded -= count;
    }
}

static void count_presence(struct rollout_counts *rollout, const char *presence, int64_t count)
{
    if (*presence && strcmp(presence, PRESENCE_MISSED) != 0) rollout->expected += count;
    if (*presence && strcmp(presence, PRESENCE_SEEN) != 0) rollout->not_seen += count;
}

static void count_image(struct counts *counts, const char *product, int64_t image, int64_t count)
{
    size_t at = 0;
    while (at < counts->images_count &&
           (counts->images[at].image != image || strcmp(counts->images[at].product, product) != 0))
        at++;
    if (at == counts->images_count) {
        counts->images = grow(counts->images, counts->images_count++, sizeof *counts->images);
        counts->images[at] = (struct image_count){.image = image};
        snprintf(counts->images[at].product, sizeof counts->images[at].product, "%s", product);
    }
    counts->images[at].count += count;
}

static void take_group(struct counts *counts, const struct db_rows *rows)
{
    char product[33], state[16], reason[32], presence[8];
    int64_t image = db_column_int(rows, 5), key = db_column_int(rows, 6),
            count = db_column_int(rows, 7);
    db_column_text(rows, 0, product, sizeof product);
    db_column_text(rows, 2, state, sizeof state);
    db_column_text(rows, 3, reason, sizeof reason);
    db_column_text(rows, 4, presence, sizeof presence);
    struct rollout_counts *rollout = find_rollout(counts, db_column_int(rows, 1));
    if (rollout) {
        count_state(rollout, state, count);
        count_presence(rollout, presence, count);
    }
    counts->devices += count;
    if (!strcmp(reason, decision_reason_id(DECISION_ON_TRIAL))) counts->on_trial += count;
    if (image == 0) counts->unknown_release += count;
    if (key >= 0 && key < COUNTS_KEYS_MAX) counts->deploy_keys[key] += count;
    count_image(counts, product, image, count);
}

static godwit_err read_devices(struct db *db, const struct counts_query *query,
                               struct counts *counts)
{
    struct db_rows rows;
    godwit_err err =
        db_query(db, &rows,
                 "select product_name, rollout, rollout_state, reason, presence,"
                 " image, deploy_key, count from device_counts"
                 " where org = $1 and count > 0 and state <> 'retired' order by product_name",
                 DB_ARGS(db_text(query->org)));
    while (!err && !(err = db_next(&rows)))
        take_group(counts, &rows);
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

godwit_err counts_devices(struct db *db, int64_t *count_out)
{
    return db_run_returning(
        db, "select coalesce(sum(count), 0) from device_counts where state <> 'retired'", NULL, 0,
        count_out);
}

/* While rows wait for the sweep, a new rollout may speak to those that nothing else counts. */
static void take_unswept(struct counts *counts, uint32_t swept)
{
    for (size_t i = 0; i < counts->rollouts_count && counts->rollouts[i].id > swept; i++) {
        struct rollout_counts *rollout = &counts->rollouts[i];
        rollout->queued += rollout->superseded;
        rollout->expected += rollout->superseded;
        rollout->not_seen += rollout->superseded;
        rollout->superseded = 0;
    }
}

/* ---- few numbers ---- */

static godwit_err read_number(struct db *db, const char *sql, const struct db_value *values,
                              size_t count, int64_t *number_out)
{
    godwit_err err = db_run_returning(db, sql, values, count, number_out);
    return err == GODWIT_ERR_MISSING ? GODWIT_OK : err;
}

static godwit_err read_sums(struct db *db, const struct counts_query *query, struct counts *counts)
{
    godwit_err err =
        read_number(db, "select coalesce(sum(in_progress), 0) from rollouts where org = $1",
                    DB_ARGS(db_text(query->org)), &counts->in_progress);
    if (err) return err;
    return read_number(db,
                       "select count(*) from (select 1 from pending_tokens where org = $1 and"
                       " is_rejected = 0 limit $2) as waiting",
                       DB_ARGS(db_text(query->org), db_int(COUNTS_PENDING_MAX)), &counts->pending);
}

godwit_err counts_read(struct db *db, const struct counts_query *query, struct counts *out)
{
    *out = (struct counts){0};
    godwit_err err = db_script(db, "begin"); /* one snapshot */
    if (err) return err;
    err = read_rollouts(db, query, out);
    if (!err) err = read_devices(db, query, out);
    if (!err) err = read_sums(db, query, out);
    godwit_err end = db_commit(db);
    take_unswept(out, query->swept);
    return err ? err : end;
}

void counts_free(struct counts *counts)
{
    free(counts->rollouts);
    free(counts->images);
}

bool rollout_is_running(const struct rollout_counts *counts)
{
    return counts->queued > 0 || counts->in_progress > 0 || counts->soaking > 0;
}
