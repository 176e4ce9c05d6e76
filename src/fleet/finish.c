/* Looked for among those that are not finished, which are few, and not noticed where a device's
 * state changes: that is in many places, and each would have to know all the others. */
#include "fleet/finish.h"

static godwit_err take_row(struct db_rows *rows, godwit_err err, struct finish *out)
{
    if (!err) err = db_next(rows);
    if (!err) {
        out->rollout = db_column_int(rows, 0);
        db_column_text(rows, 1, out->org, sizeof out->org);
        db_column_text(rows, 2, out->product, sizeof out->product);
        db_column_text(rows, 3, out->version, sizeof out->version);
        out->selected = db_column_int(rows, 4);
        out->succeeded = db_column_int(rows, 5);
        out->failed = db_column_int(rows, 6);
        out->state = db_column_int(rows, 7);
    }
    db_rows_close(rows);
    return err == GODWIT_ERR_END ? GODWIT_ERR_MISSING : err;
}

godwit_err finish_take(struct db *db, uint32_t swept, int64_t now_s, struct finish *out)
{
    struct db_rows rows;
    *out = (struct finish){0};
    godwit_err err = db_query(
        db, &rows,
        "select id, org, product, version, selected, succeeded, failed, state from ("
        "select r.id, r.org, p.name as product, l.version, r.succeeded, r.failed, r.state,"
        " case when r.is_targeted = 1 then r.members else coalesce((select sum(c.count)"
        " from device_counts c where c.org = r.org and c.product_name = p.name"
        " and c.state <> 'retired'), 0) end as selected"
        " from rollouts r join releases l on l.id = r.release join products p on p.id = l.product"
        " where r.finished = 0 and r.id <= $1 and r.in_progress = 0"
        " and r.soaking = 0 and not exists ("
        "select 1 from device_counts q where q.org = r.org and q.product_name = p.name"
        " and q.rollout = r.id and q.rollout_state = 'queued' and q.state <> 'retired'"
        " and q.count > 0) and r.state < 2) as done where selected > 0 order by id limit 1",
        DB_ARGS(db_int(swept)));
    err = take_row(&rows, err, out);
    if (err) return err;
    return db_run(db, "update rollouts set finished = $2 where id = $1",
                  DB_ARGS(db_int(out->rollout), db_int(now_s)));
}

godwit_err halt_take(struct db *db, struct finish *out)
{
    struct db_rows rows;
    *out = (struct finish){0};
    godwit_err err =
        db_query(db, &rows,
                 "select r.id, r.org, p.name, l.version, 0, r.succeeded, r.failed, r.state"
                 " from rollouts r"
                 " join releases l on l.id = r.release join products p on p.id = l.product"
                 " where r.is_untold = 1 order by r.id limit 1",
                 NULL, 0);
    err = take_row(&rows, err, out);
    if (err) return err;
    return db_run(db, "update rollouts set is_untold = 0 where id = $1",
                  DB_ARGS(db_int(out->rollout)));
}
