/* Which way is quick depends on how many devices a filter finds, and where they lie in the order
 * that is asked for; no database knows both. So a page is looked for in two ways by turns, each
 * time with more patience (BUDGETS):
 *
 *   - walk along the index of the order and keep what the filter takes; that fills a page soon
 *     wherever the filter takes one of twenty;
 *   - count what one term of the filter finds, in an index that has all of that term; where it is
 *     few, look at those alone and sort them.
 *
 * What of a filter is about the column of the order bounds the walk itself. A page that continues
 * is two walks, for SQLite takes of "(key, id) > (a, b)" only the first half to its index, and
 * would read all rows of one key to find the place among them: first the rest of the rows with that
 * key, then what comes behind it. Rejected: leaving the way to the planner: without statistics it
 * sorts a million rows for a page of a hundred, and with them it still does for a value that is
 * rarer or more frequent than the average; and one statement of both walks joined by `union all`,
 * which would make the second also where the first has filled the page. */
#include "fleet/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "filter/sql.h"
#include "fleet/fleet.h"

#define SQL_MAX 24576
#define ENDLESS INT64_MAX

/* Rows that a walk passes in vain, and rows that are sorted; a row of a walk or of a sort costs
 * some 3 us, one that is counted a tenth of that. The last walk comes to the end. */
static const struct budget {
    int64_t walked, sorted;
} BUDGETS[] = {{2000, 12000}, {40000, 200000}, {ENDLESS, 0}};
#define BUDGETS_COUNT (sizeof BUDGETS / sizeof *BUDGETS)

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
#define NULLS "null, null, null, null, null, null, null, null, null, null, null, null, null"
#define COLUMN_DEVICE_ID 1
#define COLUMN_KEY 14
/* All that a page shows, is sorted by or a filter names: a walk hands on no other, for these are a
 * third of a row and most of what walking costs. */
#define WALKED COLUMNS ", org, id_text, name_key, version_key, idf_version, agent_version, created"

/* The parts of a list, one behind the other; a first page has all in ARM_BEHIND. */
enum arm { ARM_SAME_KEY, ARM_BEHIND, ARM_COUNT };

/* One look for a page. */
struct look {
    struct db *db;
    const struct list_query *query;
    struct db_value values[LIST_WHERE_FIRST - 1 + LIST_VALUES_MAX];
    size_t values_count;
    uint8_t key[LIST_KEY_MAX / 2];
    char *sql; /* SQL_MAX bytes */
    char *way; /* FILTER_SQL_TEXT_MAX bytes */
    /* What is found. */
    struct list_device *rows;
    size_t count;
    bool more;
    int64_t total; /* that a sort had to do with */
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

static void take_row(const struct list_query *query, const struct db_rows *rows,
                     struct list_device *row)
{
    uint8_t bytes[16];
    *row = (struct list_device){.id = db_column_int(rows, 0),
                                .on_trial = db_column_int(rows, 9),
                                .last_seen_s = db_column_int(rows, 10),
                                .rollout = db_column_int(rows, 11),
                                .is_retried = db_column_int(rows, 12)};
    db_column_blob(rows, COLUMN_DEVICE_ID, row->device_id, sizeof row->device_id);
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

/* What the statement finds, behind what was found before; one row more than the page takes says
 * that there is more, and a row that is no device how many were looked at. */
static godwit_err read_page(struct look *look)
{
    struct db_rows rows;
    godwit_err err = db_query_text(look->db, &rows, look->sql, look->values, look->values_count);
    while (!err && !(err = db_next(&rows)))
        if (!db_column_size(&rows, COLUMN_DEVICE_ID))
            look->total = db_column_int(&rows, 0);
        else if (look->count == look->query->limit)
            look->more = true;
        else
            take_row(look->query, &rows, &look->rows[look->count++]);
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

/* Where a part lies, in terms that the order's index takes. The cursor comes before what the filter
 * says of the same column: of two bounds SQLite takes the first to its index. */
static void write_arm(const struct look *look, enum arm arm, char *out, size_t size)
{
    const struct list_query *query = look->query;
    const char *column = query->order->column, *way = query->is_descending ? "<" : ">";
    if (!query->after)
        snprintf(out, size, "org = $1 and $2 = $2 and $3 = $3");
    else if (arm == ARM_SAME_KEY)
        snprintf(out, size, "org = $1 and %s = $2 and id %s $3", column, way);
    else
        snprintf(out, size, "org = $1 and %s %s $2 and $3 = $3", column, way);
}

/* What narrows the walk. Of one key it is true or false as a whole, and said of the key itself:
 * else SQLite would go through all that have the key to find out. */
static void write_bound(const struct look *look, bool is_of_key, char *out)
{
    const struct list_query *query = look->query;
    const char *column = query->order->column;
    *out = '\0';
    if (query->filter)
        filter_sql_narrow(query->filter, column, is_of_key ? "$2" : column, !query->after, out);
}

/* The rows of a part in their order, in place of the table: the limit inside keeps the planner from
 * another way. Both databases hand the rows on in the order in which they are found. */
static void write_walk(struct look *look, enum arm arm, const char *head, int64_t limit,
                       int64_t skip)
{
    const struct list_query *query = look->query;
    const char *column = query->order->column, *way = query->is_descending ? " desc" : "";
    char place[160], *bound = look->way; /* which is free during a walk */
    write_arm(look, arm, place, sizeof place);
    write_bound(look, query->after && arm == ARM_SAME_KEY, bound);
    snprintf(look->sql, SQL_MAX,
             "select %s from (select " WALKED
             " from devices where %s%s%s order by %s%s, id%s limit %lld"
             " offset %lld) as devices where %s",
             head, place, *bound ? " and " : "", bound, column, way, way, (long long)limit,
             (long long)skip, query->where ? query->where : "1 = 1");
}

static void write_page(struct look *look, enum arm arm, int64_t rows_max)
{
    char head[sizeof COLUMNS + 64];
    snprintf(head, sizeof head, COLUMNS ", %s", look->query->order->column);
    write_walk(look, arm, head, rows_max, 0);
    size_t used = strlen(look->sql);
    snprintf(look->sql + used, SQL_MAX - used, " limit %zu", look->query->limit + 1 - look->count);
}

/* Whether a walk of so many rows comes to the end of that part: nothing is behind it, whatever the
 * filter takes, which is asked for its values alone. */
static godwit_err is_at_end(struct look *look, enum arm arm, int64_t rows_max, bool *at_end_out)
{
    int64_t found = 0;
    write_walk(look, arm, "1", 1, rows_max);
    size_t used = strlen(look->sql);
    snprintf(look->sql + used, SQL_MAX - used, " or 1 = 1");
    godwit_err err = read_number(look, &found);
    *at_end_out = err == GODWIT_ERR_END;
    return *at_end_out ? GODWIT_OK : err;
}

/* Walks along all parts, or until rows_max of one have been passed in vain. */
static godwit_err walk(struct look *look, int64_t rows_max, bool *is_whole_out)
{
    godwit_err err = GODWIT_OK;
    bool at_end = true;
    look->count = 0;
    enum arm arm = look->query->after ? ARM_SAME_KEY : ARM_BEHIND;
    for (; arm < ARM_COUNT && !err && !look->more && at_end; arm++) {
        write_page(look, arm, rows_max);
        err = read_page(look);
        if (!err && !look->more && rows_max < ENDLESS)
            err = is_at_end(look, arm, rows_max, &at_end);
    }
    *is_whole_out = look->more || at_end;
    return err;
}

/* How many devices look->way finds, at most one more than max. */
static godwit_err count_way(struct look *look, int64_t max, int64_t *count_out)
{
    int used = snprintf(look->sql, SQL_MAX,
                        "select count(*) from (%s limit %lld) as found where $2 = $2 and $3 = $3",
                        look->way, (long long)max + 1);
    for (size_t i = LIST_WHERE_FIRST; i < LIST_WHERE_FIRST + look->query->values_count; i++)
        used += snprintf(look->sql + used, SQL_MAX - (size_t)used, " and $%zu = $%zu", i, i);
    return read_number(look, count_out);
}

/* The page from among those that look->way finds, if they are no more than max. They are found
 * first, for to the planner it would be the same to go along an index and look there; how many they
 * are comes in a row behind the page's, for to find them may have been the most of it. */
static godwit_err sort(struct look *look, int64_t max, bool *is_whole_out)
{
    static const char *const EXPRESSIONS[] = {"%s || ''", "%s + 0", "coalesce(%s, null)"};
    const struct list_query *query = look->query;
    const char *format = EXPRESSIONS[query->order->kind], *at = strstr(format, "%s");
    const char *way = query->is_descending ? " desc" : "";
    char key[64], place[128] = "$2 = $2 and $3 = $3";
    snprintf(key, sizeof key, "%.*s%s%s", (int)(at - format), format, query->order->column, at + 2);
    if (query->after) snprintf(place, sizeof place, "(%s, id) %s ($2, $3)", key, *way ? "<" : ">");
    snprintf(look->sql, SQL_MAX,
             "with found as materialized (%s limit %lld) select * from (select " COLUMNS
             ", %s from found cross join devices where (select count(*) from found) <= %lld"
             " and id = found.device and org = $1 and %s and %s order by %s%s, id%s limit %zu)"
             " as page union all select count(*), " NULLS ", null from found",
             look->way, (long long)max + 1, query->order->column, (long long)max, query->where,
             place, key, way, way, query->limit + 1);
    look->count = 0;
    godwit_err err = read_page(look);
    *is_whole_out = !err && look->total <= max;
    return err;
}

/* By the term that finds the fewest, else by a scan, if it finds few. */
static godwit_err sort_few(struct look *look, const struct budget *budget, bool *is_whole_out)
{
    enum filter_sql_way kind;
    size_t best = SIZE_MAX;
    int64_t fewest = budget->sorted + 1, count;
    godwit_err err = GODWIT_OK;
    size_t i = 0;
    for (; filter_sql_way(look->query->filter, i, &kind, look->way) && !err; i++) {
        if (kind == FILTER_BY_SCAN) break;
        err = count_way(look, budget->sorted, &count);
        if (err || count >= fewest) continue;
        fewest = count;
        best = i;
    }
    if (err) return err;
    if (best == SIZE_MAX && budget->sorted) best = i; /* a scan, or none */
    if (!filter_sql_way(look->query->filter, best, &kind, look->way)) return GODWIT_OK;
    return sort(look, budget->sorted, is_whole_out);
}

godwit_err list_devices(struct db *db, const struct list_query *query, struct list_device *rows_out,
                        size_t *count_out, bool *more_out)
{
    struct look look = {.db = db, .query = query, .rows = rows_out};
    bool is_whole = false;
    look.sql = malloc(SQL_MAX + FILTER_SQL_TEXT_MAX);
    if (!look.sql) abort();
    look.way = look.sql + SQL_MAX;
    take_values(&look);
    godwit_err err = GODWIT_OK;
    for (size_t i = query->where ? 0 : BUDGETS_COUNT - 1; !is_whole && !err; i++) {
        err = walk(&look, BUDGETS[i].walked, &is_whole);
        if (!err && !is_whole && query->filter) err = sort_few(&look, &BUDGETS[i], &is_whole);
    }
    free(look.sql);
    *count_out = look.count;
    *more_out = look.more;
    return err;
}
