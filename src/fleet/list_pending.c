/* Tokens that wait. */
#include "fleet/list_pending.h"

godwit_err list_pending(struct db *db, const char *org, int64_t before, struct list_pending *out,
                        size_t count_max, size_t *count_out)
{
    struct db_rows rows;
    *count_out = 0;
    godwit_err err =
        db_query(db, &rows,
                 "select t.id, d.device_id, t.token_sha256, p.name, t.version, t.requested"
                 " from pending_tokens t join devices d on d.id = t.device join products p on"
                 " p.id = t.product where t.org = $1 and t.is_rejected = 0 and t.id < $2"
                 " order by t.id desc limit $3",
                 DB_ARGS(db_text(org), db_int(before), db_int((int64_t)count_max)));
    while (!err && *count_out < count_max && !(err = db_next(&rows))) {
        struct list_pending *row = &out[(*count_out)++];
        *row = (struct list_pending){.id = db_column_int(&rows, 0),
                                     .requested_s = db_column_int(&rows, 5)};
        db_column_blob(&rows, 1, row->device_id, sizeof row->device_id);
        db_column_blob(&rows, 2, row->token_sha256, sizeof row->token_sha256);
        db_column_text(&rows, 3, row->product, sizeof row->product);
        db_column_text(&rows, 4, row->version, sizeof row->version);
    }
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}
