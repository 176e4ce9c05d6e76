/* Pages of devices against the same rows sorted and filtered here, and cursors that are no good.
 * TESTED_SCRIPT=FILE: every text that a list makes goes there too, for test_postgres.py. */
#include "fleet/list.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "filter/sql.h"
#include "fixture.h"

enum { DEVICES = 61 };

/* Between the test and what it calls, for these texts are in no source. */
godwit_err __real_db_query_text(struct db *db, struct db_rows *rows, const char *sql,
                                const struct db_value *values, size_t count);
godwit_err __wrap_db_query_text(struct db *db, struct db_rows *rows, const char *sql,
                                const struct db_value *values, size_t count);
static FILE *script;

godwit_err __wrap_db_query_text(struct db *db, struct db_rows *rows, const char *sql,
                                const struct db_value *values, size_t count)
{
    if (script) fprintf(script, "%s\n", sql);
    return __real_db_query_text(db, rows, sql, values, count);
}

static godwit_err list(struct fixture *fixture, const struct list_query *query,
                       struct list_device *rows_out, size_t *count_out, bool *more_out)
{
    const char *path = getenv("TESTED_SCRIPT");
    if (path) script = fopen(path, "a");
    assert_true(!path || script);
    godwit_err err = list_devices(fixture->db, query, rows_out, count_out, more_out);
    if (script) fclose(script);
    script = NULL;
    return err;
}

static const char *const FILTERS[] = {
    NULL,
    "(state = $4)",
    "(state <> 'retired' and (slot = $4))",
    "(version_key < $4)",
    "(chip = $4 and on_trial = $5)",
};
#define FILTERS_COUNT (sizeof FILTERS / sizeof *FILTERS)

static struct list_query query_of(size_t order, bool is_descending, size_t filter, size_t limit)
{
    static struct db_value values[2];
    static const char *const TEXTS[] = {"", "failed", "ota_1", "v5", "esp32c3"};
    values[0] = db_text(TEXTS[filter]);
    values[1] = db_int(1);
    return (struct list_query){.org = FLEET_ORG,
                               .order = list_order_at(order),
                               .is_descending = is_descending,
                               .limit = limit,
                               .where = FILTERS[filter],
                               .values = values,
                               .values_count = filter == 0   ? 0
                                               : filter == 4 ? 2
                                                             : 1};
}

/* Rows as they are, without a check-in: a list reads nothing else. */
static void add_rows(struct fixture *fixture, int from, int to, int step)
{
    static const char *const STATES[] = {"up-to-date", "failed", "queued"};
    char sql[700];
    for (int i = from; i < to; i += step) {
        snprintf(sql, sizeof sql,
                 "insert into devices (org, device_id, token_sha256, product, created, last_seen,"
                 " slot, on_trial, product_name, shown_version, version_key, chip, state, reason,"
                 " cause, name, name_key) values ('default', cast('%016d' as blob),"
                 " cast('t%d' as blob), 1, 0, %d, 'ota_%d', %d, 'thermostat', '1.%d', 'v%d', '%s',"
                 " '%s', 'r%d', 'c%d', 'n%d', 'n%d')",
                 (i * 7) % 97, i, i % 9, i % 2, i % 5 == 0, i % 8, i % 8,
                 i % 3 ? "esp32c3" : "esp32", STATES[i % 3], i % 4, i % 6, i % 11, i % 11);
        if (db_script(fixture->db, sql)) fail_msg("%s: %s", db_note(fixture->db), sql);
    }
}

static void begin(struct fixture *fixture)
{
    const struct upload upload = upload_of("1.0.0", 1);
    fixture_upload(fixture, &upload);
    add_rows(fixture, 0, DEVICES, 1);
}

/* All rows of a list, page by page. */
static size_t follow(struct fixture *fixture, struct list_query query,
                     struct list_device out[static 2 * DEVICES])
{
    size_t count = 0, got;
    bool more = true;
    struct list_place place;
    while (more) {
        assert_int_equal(list(fixture, &query, out + count, &got, &more), GODWIT_OK);
        assert_true(got <= query.limit && (got == query.limit || !more));
        count += got;
        assert_true(count <= 2 * DEVICES);
        if (!more) break;
        char cursor[LIST_CURSOR_MAX];
        list_cursor_write("these", &out[count - 1].place, cursor);
        assert_int_equal(list_cursor_read("these", cursor, &place), GODWIT_OK);
        query.after = &place;
    }
    return count;
}

static int64_t count_where(struct fixture *fixture, const struct list_query *query)
{
    struct db_rows rows;
    char sql[300];
    struct db_value values[5] = {db_int(0), db_int(0), db_int(0)};
    snprintf(sql, sizeof sql, "select count(*) from devices where $1 = $2 and $2 = $3 and %s",
             query->where ? query->where : "1 = 1");
    for (size_t i = 0; i < query->values_count; i++)
        values[3 + i] = query->values[i];
    assert_int_equal(db_query_text(fixture->db, &rows, sql, values, 3 + query->values_count),
                     GODWIT_OK);
    assert_int_equal(db_next(&rows), GODWIT_OK);
    int64_t count = db_column_int(&rows, 0);
    db_rows_close(&rows);
    return count;
}

/* By key and id, in the order's direction. */
static bool is_in_order(const struct list_query *query, const struct list_device *a,
                        const struct list_device *b)
{
    int order = strcmp(a->place.key, b->place.key);
    if (query->order->kind == LIST_NUMBER)
        order = (int)(strtol(a->place.key, NULL, 10) - strtol(b->place.key, NULL, 10));
    if (order == 0) order = a->id < b->id ? -1 : 1;
    return query->is_descending ? order > 0 : order < 0;
}

static void check_list(struct fixture *fixture, const struct list_query *query)
{
    static struct list_device rows[2 * DEVICES];
    size_t count = follow(fixture, *query, rows);
    assert_int_equal(count, count_where(fixture, query));
    for (size_t i = 1; i < count; i++)
        if (!is_in_order(query, &rows[i - 1], &rows[i]))
            fail_msg("%s, row %zu", query->order->name, i);
}

static void each_order_and_filter_has_all_rows(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    for (size_t order = 0; list_order_at(order); order++)
        for (size_t filter = 0; filter < FILTERS_COUNT; filter++)
            for (size_t limit = 1; limit <= 500; limit *= 3)
                for (int down = 0; down < 2; down++) {
                    const struct list_query query = query_of(order, down, filter, limit);
                    check_list(fixture, &query);
                }
}

/* The two parts of a page that continues: each is one stretch of the order's index, from its place.
 */
static void each_order_has_an_index(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *place, *found;
    } PARTS[] = {{" = 1 and id > 1", "=? AND id>?)"}, {" > 1", ">?)"}};
    char sql[300], place[64], found[64], plan[200];
    const struct list_order *order;
    for (size_t i = 0; (order = list_order_at(i)) != NULL; i++)
        for (size_t k = 0; k < 2 - (order->kind == LIST_BYTES); k++) {
            const size_t part = order->kind == LIST_BYTES ? 1 : k; /* one row has one id */
            struct db_rows rows;
            snprintf(place, sizeof place, "%s%s", order->column, PARTS[part].place);
            snprintf(found, sizeof found, "(org=? AND %s%s", order->column, PARTS[part].found);
            snprintf(sql, sizeof sql,
                     "explain query plan select id from devices where org = 'default' and %s"
                     " order by %s, id limit 10",
                     place, order->column);
            assert_int_equal(db_query_text(fixture->db, &rows, sql, NULL, 0), GODWIT_OK);
            assert_int_equal(db_next(&rows), GODWIT_OK);
            db_column_text(&rows, 3, plan, sizeof plan);
            if (!strstr(plan, found) || db_next(&rows) != GODWIT_ERR_END)
                fail_msg("%s: %s", order->name, plan);
            db_rows_close(&rows);
        }
}

/* What is counted lies in one index, with no look at a row of the table. */
static void each_way_has_an_index(void **state)
{
    struct fixture *fixture = *state;
    static const char *const TEXTS[] = {
        "id:000000000777", "id:*77",    "name:n77",
        "name:n7*",        "name:*77",  "product:thermostat",
        "version:1.3",     "version:*", "chip:*3",
        "state:failed",    "reason:x*", "cause:trial-panic",
        "version:<1.3",    "seen:<1h",  "idf:v5.1",
        "agent:0.2*",      "slot:ota*", "chip:esp32,esp32c3",
        "joined:>1d",      "tag:site",  "tag:s=a*",
        "-state:failed",   "n77",       "77",
    };
    static const struct filter_world WORLD = {.now_s = 6000};
    static struct filter filter;
    static struct filter_sql sql;
    static char way[FILTER_SQL_TEXT_MAX], text[FILTER_SQL_TEXT_MAX + 64];
    struct filter_fault fault;
    enum filter_sql_way kind;
    char plan[200];
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        struct db_rows rows;
        if (filter_parse(TEXTS[i], &WORLD, &filter, &fault)) fail_msg("%s", fault.sentence);
        filter_sql(&filter, 2, &sql);
        assert_true(filter_sql_way(&sql, 0, &kind, way));
        snprintf(text, sizeof text, "explain query plan %s limit 10", way);
        assert_int_equal(db_query_text(fixture->db, &rows, text, NULL, 0), GODWIT_OK);
        while (!db_next(&rows)) {
            db_column_text(&rows, 3, plan, sizeof plan);
            bool is_step = !strncmp(plan, "SEARCH", 6) || !strncmp(plan, "SCAN", 4);
            if (is_step && !strstr(plan, " COVERING INDEX ") && kind != FILTER_BY_INDEX)
                fail_msg("%s: %s", TEXTS[i], plan);
            if (is_step && !strstr(plan, " INDEX ")) fail_msg("%s: %s", TEXTS[i], plan);
        }
        db_rows_close(&rows);
    }
}

/* ---- long lists, of which a page is looked for in more than one way ---- */

enum { LONG = 9000 };

static void add_long(struct fixture *fixture)
{
    char sql[900];
    snprintf(sql, sizeof sql,
             "with recursive n(i) as (select 1 union all select i + 1 from n where i < %d)"
             " insert into devices (org, device_id, id_text, token_sha256, product, created,"
             " last_seen, slot, on_trial, product_name, shown_version, version_key, chip, state,"
             " reason, cause, name, name_key) select 'default', cast(printf('%%016d', 1000000 + i "
             "* 7919 %%"
             " 100003) as blob), printf('%%012d', i), cast('u' || i as blob), 1, 0, i * 31 %% 5000,"
             " 'ota_' || (i %% 2), i %% 997 = 0, 'thermostat', '1.' || (i %% 4), 'v' || (i %% 4),"
             " case i * 13 %% 40 when 0 then 'esp32' else 'esp32c3' end, case when i %% 400 = 0"
             " then 'failed' when i %% 10 = 0 then 'retired' else 'up-to-date' end,"
             " case i %% 7 when 0 then 'queued' else 'up-to-date' end, case i %% 3000 when 0 then "
             "'trial-panic' else '' end,"
             " 'n' || (i %% 2000), 'n' || (i %% 2000) from n",
             LONG);
    if (db_script(fixture->db, sql)) fail_msg("%s", db_note(fixture->db));
}

/* The rows behind that place by one plain statement; all of them are few enough to sort. */
static size_t ask_plainly(struct fixture *fixture, const struct list_query *query,
                          int64_t ids[static LIST_LIMIT_MAX])
{
    static char sql[FILTER_SQL_TEXT_MAX + 600];
    struct db_value values[LIST_VALUES_MAX + 3] = {db_text(FLEET_ORG), db_int(0), db_int(0)};
    uint8_t bytes[16];
    const char *column = query->order->column, *way = query->is_descending ? "desc" : "";
    if (query->after) {
        values[1] = db_text(query->after->key);
        values[2] = db_int(query->after->id);
        if (query->order->kind == LIST_NUMBER)
            values[1] = db_int(strtoll(query->after->key, NULL, 10));
        if (query->order->kind == LIST_BYTES) {
            assert_int_equal(godwit_hex_decode(query->after->key, 32, bytes, 16), GODWIT_OK);
            values[1] = db_blob(bytes, 16);
        }
    }
    memcpy(values + 3, query->values, query->values_count * sizeof *values);
    snprintf(sql, sizeof sql,
             "select id from devices where org = $1 and (%d or (%s, id) %s ($2, $3)) and %s"
             " order by %s %s, id %s limit %zu",
             query->after == NULL, column, *way ? "<" : ">", query->where, column, way, way,
             query->limit);
    struct db_rows rows;
    size_t count = 0;
    assert_int_equal(db_query_text(fixture->db, &rows, sql, values, 3 + query->values_count),
                     GODWIT_OK);
    while (!db_next(&rows))
        ids[count++] = db_column_int(&rows, 0);
    db_rows_close(&rows);
    return count;
}

/* From the start, then from places that lie further and further on, and the last page. */
static void compare(struct fixture *fixture, struct list_query query, const char *text)
{
    static struct list_device rows[LIST_LIMIT_MAX];
    static int64_t ids[LIST_LIMIT_MAX];
    struct list_place place;
    bool more = true;
    for (unsigned pages = 0; more && pages < 4; pages++) {
        size_t count;
        assert_int_equal(list(fixture, &query, rows, &count, &more), GODWIT_OK);
        if (count != ask_plainly(fixture, &query, ids))
            fail_msg("%s by %s: %zu rows", text, query.order->name, count);
        for (size_t i = 0; i < count; i++)
            if (rows[i].id != ids[i]) fail_msg("%s by %s, row %zu", text, query.order->name, i);
        if (!count) break;
        place = rows[count - 1].place;
        query.after = &place;
        query.limit = pages ? LIST_LIMIT_MAX : 7;
    }
}

static void a_long_list_is_that_of_one_statement(void **state)
{
    struct fixture *fixture = *state;
    static const char *const TEXTS[] = {"",
                                        "state:failed",
                                        "state:failed,retired",
                                        "state:retired",
                                        "-state:up-to-date",
                                        "chip:esp32",
                                        "chip:esp32c3",
                                        "chip:esp32 state:failed",
                                        "reason:queued",
                                        "cause:trial-panic",
                                        "version:<1.2",
                                        "version:1.3",
                                        "version:>=1.2 version:<1.3",
                                        "slot:ota_1",
                                        "name:n77",
                                        "name:n1*",
                                        "id:000000000777",
                                        "seen:<50m",
                                        "n77",
                                        "idf:v5*",
                                        "agent:0.2.0",
                                        "joined:<1d",
                                        "-chip:esp32c3",
                                        "-name:n1*",
                                        "77",
                                        "slot:ota_1 state:failed chip:esp32",
                                        "tag:site=berlin",
                                        "product:thermostat -slot:ota_0"};
    static const struct filter_world WORLD = {.now_s = 6000};
    static struct filter filter;
    static struct filter_sql sql;
    struct filter_fault fault;
    begin(fixture);
    add_long(fixture);
    const struct list_order *order;
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        if (filter_parse(TEXTS[i], &WORLD, &filter, &fault)) fail_msg("%s", fault.sentence);
        filter_sql(&filter, LIST_WHERE_FIRST, &sql);
        for (size_t k = 0; (order = list_order_at(k)) != NULL; k++)
            for (int down = 0; down < 2; down++)
                compare(fixture,
                        (struct list_query){.org = FLEET_ORG,
                                            .order = order,
                                            .is_descending = down,
                                            .limit = 100,
                                            .filter = &sql,
                                            .where = sql.text,
                                            .values = sql.values,
                                            .values_count = sql.values_count},
                        TEXTS[i]);
    }
}

static void pages_are_stable_while_devices_join_and_leave(void **state)
{
    struct fixture *fixture = *state;
    static struct list_device first[10], rest[2 * DEVICES];
    size_t count;
    bool more;
    begin(fixture);
    struct list_query query = query_of(0, false, 0, 10);
    assert_int_equal(list(fixture, &query, first, &count, &more), GODWIT_OK);
    add_rows(fixture, 90, 96, 1);
    assert_int_equal(db_script(fixture->db, "delete from devices where id % 7 = 0"), GODWIT_OK);
    query.after = &first[9].place;
    query.limit = 500;
    assert_int_equal(list(fixture, &query, rest, &count, &more), GODWIT_OK);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < 10; k++)
            assert_int_not_equal(rest[i].id, first[k].id);
    assert_true(memcmp(rest[0].device_id, first[9].device_id, 16) > 0);
}

static void other_cursors_are_refused(void **state)
{
    (void)state;
    struct list_place place = {.id = 77, .key = "v1.0"}, out;
    char cursor[LIST_CURSOR_MAX], bad[LIST_CURSOR_MAX];
    list_cursor_write("devices by name", &place, cursor);
    assert_int_equal(list_cursor_read("devices by name", cursor, &out), GODWIT_OK);
    assert_int_equal(out.id, 77);
    assert_string_equal(out.key, "v1.0");
    assert_int_equal(list_cursor_read("devices by chip", cursor, &out), GODWIT_ERR_FORMAT);
    for (size_t i = 0; cursor[i]; i++) {
        memcpy(bad, cursor, sizeof bad);
        bad[i] = bad[i] == '0' ? '1' : '0';
        assert_int_equal(list_cursor_read("devices by name", bad, &out), GODWIT_ERR_FORMAT);
        memcpy(bad, cursor, sizeof bad);
        bad[i] = '\0';
        assert_int_equal(list_cursor_read("devices by name", bad, &out), GODWIT_ERR_FORMAT);
    }
    assert_int_equal(list_cursor_read("devices by name", "", &out), GODWIT_ERR_FORMAT);
    assert_int_equal(list_cursor_read("devices by name", "zz", &out), GODWIT_ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_order_and_filter_has_all_rows, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(each_order_has_an_index, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(each_way_has_an_index, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_long_list_is_that_of_one_statement, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(pages_are_stable_while_devices_join_and_leave,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test(other_cursors_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
