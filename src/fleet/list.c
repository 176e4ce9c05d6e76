/* Which way is quick depends on how many devices a filter finds, and where they lie in the order
 * that is asked for; no database knows both. So a page is looked for in the cheap way first:
 *
 *   1. walk along the index of the order and keep what the filter takes, for at most WALK_MAX rows;
 *      that fills a page wherever the filter takes one of twenty;
 *   2. where it does not, and the filter finds no more than SORT_MAX devices, find them all by an
 *      index of the filter's own and sort them;
 *   3. else walk on: what is frequent can not be far.
 *
 * A filter on the very column of the order needs none of this, for one index serves both. Rejected:
 * leaving it to the planner: without statistics it sorts a million rows for a page of a hundred,
 * and with them it still does for a value that is rarer or more frequent than the average. */
#include "fleet/list.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "fleet/fleet.h"

#define WALK_MAX 2000
#define SORT_MAX 20000
#define SQL_MAX 24576

static const struct list_order ORDERS[] = {
    {"device_id", "device_id", LIST_BYTES},  {"name", "name_key", LIST_TEXT},
    {"product", "product_name", LIST_TEXT},  {"chip", "chip", LIST_TEXT},
    {"version", "version_key", LIST_TEXT},   {"slot", "slot", LIST_TEXT},
    {"state", "state", LIST_TEXT},           {"on_trial", "on_trial", LIST_NUMBER},
    {"last_seen", "last_seen", LIST_NUMBER}, {"reason", "reason", LIST_TEXT},
    {"cause", "cause", LIST_TEXT},
};

const struct list_order *list_order_at(size_t index)
{
    return index < sizeof ORDERS / sizeof *ORDERS ? &ORDERS[index] : NULL;
}

const struct list_order *list_order_find(const char *name)
{
    for (size_t i = 0; i < sizeof ORDERS / sizeof *ORDERS; i++)
        if (!strcmp(ORDERS[i].name, name)) return &ORDERS[i];
    return NULL;
}

/* ---- cursors ---- */

/* FNV-1a; it keeps cursors apart, and guards nothing: whoever makes one up gets a page that they
 * could have asked for. */
static uint32_t sum_of(const char *text, uint32_t sum)
{
    for (; *text; text++)
        sum = (sum ^ (uint8_t)*text) * 16777619U;
    return sum;
}

void list_cursor_write(const char *of, const struct list_place *place,
                       char out[static LIST_CURSOR_MAX])
{
    char text[LIST_KEY_MAX + 40];
    int size = snprintf(text, sizeof text, "%lld %s", (long long)place->id, place->key);
    uint32_t sum = sum_of(text, sum_of(of, 2166136261U));
    int used = snprintf(out, LIST_CURSOR_MAX, "%08x", (unsigned)sum);
    godwit_hex_encode((const uint8_t *)text, (size_t)size, out + used);
}

godwit_err list_cursor_read(const char *of, const char *text, struct list_place *place_out)
{
    char plain[LIST_KEY_MAX + 40] = "", again[LIST_CURSOR_MAX];
    size_t size = strlen(text);
    *place_out = (struct list_place){0};
    if (size < 8 || size % 2 || size >= LIST_CURSOR_MAX || (size - 8) / 2 >= sizeof plain)
        return GODWIT_ERR_FORMAT;
    if (godwit_hex_decode(text + 8, size - 8, (uint8_t *)plain, (size - 8) / 2))
        return GODWIT_ERR_FORMAT;
    char *key;
    place_out->id = strtoll(plain, &key, 10);
    if (*key != ' ' || strlen(key + 1) >= sizeof place_out->key) return GODWIT_ERR_FORMAT;
    snprintf(place_out->key, sizeof place_out->key, "%s", key + 1);
    list_cursor_write(of, place_out, again);
    return strcmp(again, text) ? GODWIT_ERR_FORMAT : GODWIT_OK;
}

/* ---- statements ---- */

#define COLUMNS                                                                               \
    "id, device_id, product_name, chip, shown_version, slot, state, reason, cause, on_trial," \
    " last_seen, rollout, is_retried, outcome_detail"
#define COLUMN_KEY 14

/* One look for a page. */
struct look {
    struct db *db;
    const struct list_query *query;
    struct db_value values[LIST_WHERE_FIRST - 1 + LIST_VALUES_MAX];
    size_t values_count;
    uint8_t key[LIST_KEY_MAX / 2];
    char key_sql[64]; /* what is sorted by: the column, or an expression that no index has */
    char after[96];   /* " and (key, id) > ($2, $3)", or "" */
    char *sql;        /* SQL_MAX bytes */
};

static struct db_value key_value(struct look *look, const char *text)
{
    size_t size = strlen(text) / 2;
    switch (look->query->order->kind) {
    case LIST_NUMBER:
        return db_int(strtoll(text, NULL, 10));
    case LIST_BYTES:
        if (size > sizeof look->key || godwit_hex_decode(text, 2 * size, look->key, size)) size = 0;
        return db_blob(look->key, size);
    default:
        return db_text(text);
    }
}

/* The values $1 to $3, and the filter's. A statement names all: a place that is not used would be
 * refused, so the first page compares $2 and $3 with themselves. */
static void take_values(struct look *look)
{
    const struct list_query *query = look->query;
    look->values[0] = db_text(query->org);
    look->values[1] = key_value(look, query->after ? query->after->key : "");
    look->values[2] = db_int(query->after ? query->after->id : 0);
    look->values_count = LIST_WHERE_FIRST - 1;
    for (size_t i = 0; query->where && i < query->values_count; i++)
        look->values[look->values_count++] = query->values[i];
}

/* by_index: the order is one that an index has. */
static void take_order(struct look *look, bool by_index)
{
    const struct list_order *order = look->query->order;
    static const char *const EXPRESSIONS[] = {"%s || ''", "%s + 0", "coalesce(%s, null)"};
    const char *format = by_index ? "%s" : EXPRESSIONS[order->kind];
    char *out = look->key_sql;
    const char *at = strstr(format, "%s");
    snprintf(out, sizeof look->key_sql, "%.*s%s%s", (int)(at - format), format, order->column,
             at + 2);
    if (look->query->after)
        snprintf(look->after, sizeof look->after, " and (%s, id) %s ($2, $3)", look->key_sql,
                 look->query->is_descending ? "<" : ">");
    else
        snprintf(look->after, sizeof look->after, " and $2 = $2 and $3 = $3");
}

static void take_row(const struct list_query *query, const struct db_rows *rows,
                     struct list_device *row)
{
    uint8_t bytes[16];
    *row = (struct list_device){.id = db_column_int(rows, 0),
                                .on_trial = db_column_int(rows, 9),
                                .last_seen_s = db_column_int(rows, 10),
                                .rollout = db_column_int(rows, 11),
                                .is_retried = db_column_int(rows, 12)};
    db_column_blob(rows, 1, row->device_id, sizeof row->device_id);
    db_column_text(rows, 2, row->product, sizeof row->product);
    db_column_text(rows, 3, row->chip, sizeof row->chip);
    db_column_text(rows, 4, row->version, sizeof row->version);
    db_column_text(rows, 5, row->slot, sizeof row->slot);
    db_column_text(rows, 6, row->state, sizeof row->state);
    db_column_text(rows, 7, row->reason, sizeof row->reason);
    db_column_text(rows, 8, row->cause, sizeof row->cause);
    db_column_text(rows, 13, row->detail, sizeof row->detail);
    row->place.id = row->id;
    if (query->order->kind == LIST_BYTES) {
        db_column_blob(rows, COLUMN_KEY, bytes, sizeof bytes);
        godwit_hex_encode(bytes, sizeof bytes, row->place.key);
    } else {
        db_column_text(rows, COLUMN_KEY, row->place.key, sizeof row->place.key);
    }
}

/* What the statement finds; one row more than the page takes says that there is more. */
static godwit_err read_page(struct look *look, struct list_device *rows_out, size_t *count_out,
                            bool *more_out)
{
    struct db_rows rows;
    *count_out = 0;
    *more_out = false;
    godwit_err err = db_query_text(look->db, &rows, look->sql, look->values, look->values_count);
    while (!err && !*more_out && !(err = db_next(&rows)))
        if (*count_out == look->query->limit)
            *more_out = true;
        else
            take_row(look->query, &rows, &rows_out[(*count_out)++]);
    db_rows_close(&rows);
    return err == GODWIT_ERR_END ? GODWIT_OK : err;
}

static godwit_err read_number(struct look *look, int64_t *number_out)
{
    struct db_rows rows;
    *number_out = 0;
    godwit_err err = db_query_text(look->db, &rows, look->sql, look->values, look->values_count);
    if (!err) err = db_next(&rows);
    if (!err) *number_out = db_column_int(&rows, 0);
    db_rows_close(&rows);
    return err;
}

static const char *direction(const struct look *look)
{
    return look->query->is_descending ? " desc" : "";
}

/* Everything in one statement: without a filter, with one on the column of the order, or by_index
 * false, where the filter's own index finds the rows and they are sorted. */
static void write_plain(struct look *look, bool by_index)
{
    const char *where = look->query->where;
    take_order(look, by_index);
    snprintf(look->sql, SQL_MAX,
             "select " COLUMNS ", %s from devices where org = $1%s%s%s order by %s%s, id%s"
             " limit %zu",
             look->query->order->column, look->after, where ? " and " : "", where ? where : "",
             look->key_sql, direction(look), direction(look), look->query->limit + 1);
}

/* Along the order, rows_max rows far: the limit inside keeps the planner from another way. Both
 * databases hand the rows on in the order in which they are found. */
static void write_walk(struct look *look, int64_t rows_max)
{
    take_order(look, true);
    snprintf(look->sql, SQL_MAX,
             "select " COLUMNS ", %s from (select * from devices where org = $1%s order by %s%s,"
             " id%s limit %lld) as devices where %s limit %zu",
             look->key_sql, look->after, look->key_sql, direction(look), direction(look),
             (long long)rows_max, look->query->where, look->query->limit + 1);
}

/* Whether the walk came to the end of the list. */
static godwit_err is_at_end(struct look *look, bool *at_end_out)
{
    int64_t found = 0;
    size_t all = look->values_count;
    take_order(look, true);
    snprintf(look->sql, SQL_MAX,
             "select 1 from devices where org = $1%s order by %s%s, id%s limit 1 offset %d",
             look->after, look->key_sql, direction(look), direction(look), WALK_MAX);
    look->values_count = LIST_WHERE_FIRST - 1;
    godwit_err err = read_number(look, &found);
    look->values_count = all;
    *at_end_out = err == GODWIT_ERR_END;
    return *at_end_out ? GODWIT_OK : err;
}

static godwit_err count_found(struct look *look, int64_t *count_out)
{
    snprintf(look->sql, SQL_MAX,
             "select count(*) from (select 1 from devices where org = $1 and $2 = $2 and $3 = $3"
             " and %s limit %d) as found",
             look->query->where, SORT_MAX + 1);
    return read_number(look, count_out);
}

static godwit_err look_further(struct look *look, struct list_device *rows_out, size_t *count_out,
                               bool *more_out)
{
    bool at_end = false;
    int64_t found = 0;
    godwit_err err = is_at_end(look, &at_end);
    if (err || at_end) return err;
    err = count_found(look, &found);
    if (err) return err;
    if (found > SORT_MAX)
        write_walk(look, INT64_MAX);
    else
        write_plain(look, false);
    return read_page(look, rows_out, count_out, more_out);
}

godwit_err list_devices(struct db *db, const struct list_query *query, struct list_device *rows_out,
                        size_t *count_out, bool *more_out)
{
    struct look look = {.db = db, .query = query, .sql = malloc(SQL_MAX)};
    if (!look.sql) abort();
    take_values(&look);
    bool is_plain = !query->where || strstr(query->where, query->order->column);
    if (is_plain)
        write_plain(&look, true);
    else
        write_walk(&look, WALK_MAX);
    godwit_err err = read_page(&look, rows_out, count_out, more_out);
    if (!err && !is_plain && !*more_out) err = look_further(&look, rows_out, count_out, more_out);
    free(look.sql);
    return err;
}
