/* One condition for both questions, so that what was counted is what is changed. */
#include "server/device_found.h"

#include <stdio.h>

#define SQL_MAX (FILTER_SQL_TEXT_MAX + 256)
#define PLACE "1 = 1" /* where the filter's condition goes; without it each text is SQL as well */
#define FOUND                                                                           \
    "from devices where id > $1 and org = $2 and ($3 = '' or product_name = $3)"        \
    " and id <= $5 and ($6 = 0 or not exists (select 1 from members where rollout = $6" \
    " and device = devices.id)) and " PLACE

static godwit_err query_open(struct db *db, const struct found_query *query, size_t limit,
                             const char *format, struct db_rows *rows)
{
    char sql[SQL_MAX];
    struct db_value values[FOUND_FIRST - 1 + FILTER_SQL_VALUES_MAX] = {
        db_int(query->after),
        db_text(query->org),
        db_text(query->product),
        db_int((int64_t)limit),
        db_int(query->up_to ? query->up_to : INT64_MAX),
        db_int(query->outside_rollout)};
    memcpy(values + FOUND_FIRST - 1, query->filter->values,
           query->filter->values_count * sizeof *values);
    const char *at = strstr(format, PLACE), *after = at + sizeof PLACE - 1;
    snprintf(sql, sizeof sql, "%.*s%s%s", (int)(at - format), format, query->filter->text, after);
    return db_query_text(db, rows, sql, values, FOUND_FIRST - 1 + query->filter->values_count);
}

godwit_err found_count(struct db *db, const struct found_query *query, size_t limit,
                       uint64_t *count_out)
{
    struct db_rows rows;
    *count_out = 0;
    godwit_err err = query_open(
        db, query, limit, "select count(*) from (select id " FOUND " limit $4) as found", &rows);
    if (!err) err = db_next(&rows);
    if (!err) *count_out = (uint64_t)db_column_int(&rows, 0);
    db_rows_close(&rows);
    return err;
}

godwit_err found_list(struct db *db, const struct found_query *query, size_t limit,
                      struct found *out, size_t *count_out)
{
    struct db_rows rows;
    *count_out = 0;
    godwit_err err =
        query_open(db, query, limit, "select id, device_id " FOUND " order by id limit $4", &rows);
    while (!err && *count_out < limit && !(err = db_next(&rows))) {
        out[*count_out].id = db_column_int(&rows, 0);
        db_column_blob(&rows, 1, out[(*count_out)++].device_id, 16);
    }
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}
