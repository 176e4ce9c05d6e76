/* Pages of a large fleet: rows made with the project's own schema, then each order with each
 * filter, first, middle and last page, timed where a request would run them, on a read connection.
 *
 * wrong: groups of devices whose kept count is not what is counted, and pages out of order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fleet/list.h"
#include "fleet/listing.h"
#include "fleet/schema.h"
#include "temp_dir.h"

enum { TIMES_MAX = 20000, LIMIT = 100 };

static double times[TIMES_MAX];
static size_t times_count, wrong;
static struct list_device rows[LIMIT];

static void must(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "lists: %s failed\n", what);
    exit(2);
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6;
}

/* As check-ins would leave them: most are well, few have failed, and what is rare is rare. */
static void make_fleet(struct db *db, int count)
{
    static const char FORMAT[] =
        "insert into products (org, name, product_id, open, created)"
        " values ('default', 'thermostat', x'00', 0, 0);"
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < %d)"
        " insert into devices (org, device_id, token_sha256, product, created, last_seen, slot,"
        " on_trial, product_name, shown_version, version_key, chip, state, reason, cause, rollout,"
        " rollout_state, name, name_key, image_sha256, file_sha256, agent_version, idf_version)"
        " select 'default', cast(printf('%%016d', (i * 7919) %% 100000007) as blob),"
        " cast(printf('%%032d', i) as blob), 1, 0, 1700000000 + (i * 31) %% 900000,"
        " 'ota_' || (i %% 2), i %% 997 = 0, 'thermostat', '1.' || (i %% 12), 'v' || (i %% 12),"
        " case i %% 3 when 0 then 'esp32s3' else 'esp32c3' end,"
        " case when i %% 5000 = 0 then 'failed' when i %% 50 = 0 then 'queued' else 'up-to-date'"
        " end, case when i %% 5000 = 0 then 'failed-before' when i %% 50 = 0 then 'queued' else"
        " 'up-to-date' end, case when i %% 5000 = 0 then 'trial-panic' else '' end, 1,"
        " 'up-to-date', 'n' || i, 'n' || i, zeroblob(32), zeroblob(32), '0.2.0', 'v5.1'"
        " from n;";
    char sql[2400];
    snprintf(sql, sizeof sql, FORMAT, count);
    must(!db_begin(db), "begin");
    must(!db_script(db, sql), db_note(db));
    must(!listing_recount(db), "counting");
    must(!db_commit(db), "commit");
}

static void check_order(const struct list_query *query, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        int order = strcmp(rows[i - 1].place.key, rows[i].place.key);
        if (order == 0) order = rows[i - 1].id < rows[i].id ? -1 : 1;
        wrong += query->is_descending ? order < 0 : order > 0;
    }
}

static size_t page(struct db *db, const struct list_query *query, bool *more)
{
    size_t count;
    double begun = now_ms();
    must(!list_devices(db, query, rows, &count, more), "a page");
    must(times_count < TIMES_MAX, "room");
    times[times_count++] = now_ms() - begun;
    if (query->order->kind != LIST_NUMBER) check_order(query, count);
    return count;
}

/* The row in the middle of the order, found as nobody has to. */
static bool middle(struct db *db, const struct list_query *query, int devices,
                   struct list_place *out)
{
    struct db_rows found;
    char sql[200];
    bool is_bytes = query->order->kind == LIST_BYTES;
    snprintf(sql, sizeof sql,
             "select id, %s%s%s from devices where org = 'default' order by %s, id limit 1"
             " offset %d",
             is_bytes ? "lower(hex(" : "", query->order->column, is_bytes ? "))" : "",
             query->order->column, devices / 2);
    must(!db_query_text(db, &found, sql, NULL, 0), "the middle");
    bool is_there = !db_next(&found);
    if (is_there) out->id = db_column_int(&found, 0);
    if (is_there) db_column_text(&found, 1, out->key, sizeof out->key);
    db_rows_close(&found);
    return is_there;
}

static void measure(struct db *db, int devices)
{
    static const struct {
        const char *sql, *value;
    } FILTERS[] = {{NULL, ""},
                   {"(state <> 'retired')", ""},
                   {"(state = $4)", "failed"},
                   {"(state = $4)", "queued"},
                   {"(state = $4)", "up-to-date"},
                   {"(reason = $4)", "failed-before"},
                   {"(cause = $4)", "trial-panic"},
                   {"(chip = $4)", "esp32s3"},
                   {"(slot = $4)", "ota_1"},
                   {"(product_name = $4)", "thermostat"},
                   {"(version_key < $4)", "v3"},
                   {"(name_key = $4)", "n77"},
                   {"(on_trial = 1 and slot = $4)", "ota_1"}};
    const struct list_order *order;
    for (size_t i = 0; (order = list_order_at(i)) != NULL; i++)
        for (size_t k = 0; k < sizeof FILTERS / sizeof *FILTERS; k++)
            for (int down = 0; down < 2; down++) {
                bool more;
                struct list_place place = {0};
                const struct db_value value = db_text(FILTERS[k].value);
                struct list_query query = {.org = "default",
                                           .order = order,
                                           .is_descending = down,
                                           .limit = LIMIT,
                                           .where = FILTERS[k].sql,
                                           .values = &value,
                                           .values_count = *FILTERS[k].value != '\0'};
                page(db, &query, &more); /* the first; turned round it is the last */
                if (!middle(db, &query, devices, &place)) continue;
                query.after = &place;
                page(db, &query, &more);
            }
}

static int by_time(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void count_wrong(struct db *db)
{
    struct db_rows found;
    static const char SQL[] =
        "select count(*) from (select product_name, rollout, state, reason, sum(n) from (select"
        " product_name, rollout, state, reason, count as n from device_counts union all select"
        " product_name, rollout, state, reason, -1 from devices) group by product_name, rollout,"
        " state, reason having sum(n) <> 0)";
    must(!db_query(db, &found, SQL, NULL, 0) && !db_next(&found), "counting");
    wrong += (size_t)db_column_int(&found, 0);
    db_rows_close(&found);
}

static double run(int devices)
{
    char dir[64], path[96], note[256];
    struct db *db, *reader;
    temp_dir_make(dir);
    snprintf(path, sizeof path, "%s/godwit.db", dir);
    must(!db_open(path, false, &db, note, sizeof note), "opening");
    must(!db_migrate(db, SCHEMA, SCHEMA_COUNT), "the schema");
    make_fleet(db, devices);
    must(!db_open(path, true, &reader, note, sizeof note), "a reader");
    times_count = 0;
    measure(reader, devices);
    count_wrong(reader);
    db_close(reader);
    db_close(db);
    temp_dir_drop(dir);
    qsort(times, times_count, sizeof *times, by_time);
    double p95 = times[times_count * 95 / 100];
    printf("%d devices: %zu pages, p50 %.1f ms, p95 %.1f ms, longest %.1f ms\n", devices,
           times_count, times[times_count / 2], p95, times[times_count - 1]);
    return p95;
}

int main(int argc, char **argv)
{
    bool is_full = argc > 1 && !strcmp(argv[1], "--full");
    double small = run(100000), large = is_full ? run(1000000) : 0;
    printf("figure lists p95_ms_100k=%.1f p95_ms_1m=%.1f wrong=%zu\n", small, large, wrong);
    return small > 50 || large > 200 || wrong ? 1 : 0;
}
