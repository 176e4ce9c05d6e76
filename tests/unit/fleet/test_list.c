/* Pages of devices against the same rows sorted and filtered here, and cursors that are no good. */
#include "fleet/list.h"

#include <stdio.h>
#include <stdlib.h>

#include "fixture.h"

enum { DEVICES = 61 };

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
        assert_int_equal(list_devices(fixture->db, &query, out + count, &got, &more), GODWIT_OK);
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

static void each_order_has_an_index(void **state)
{
    struct fixture *fixture = *state;
    char sql[300];
    const struct list_order *order;
    for (size_t i = 0; (order = list_order_at(i)) != NULL; i++) {
        snprintf(sql, sizeof sql,
                 "explain query plan select id from devices where org = 'default' and (%s, id) >"
                 " (1, 1) order by %s, id limit 10",
                 order->column, order->column);
        struct db_rows rows;
        char plan[200];
        assert_int_equal(db_query_text(fixture->db, &rows, sql, NULL, 0), GODWIT_OK);
        assert_int_equal(db_next(&rows), GODWIT_OK);
        db_column_text(&rows, 3, plan, sizeof plan);
        if (!strstr(plan, "INDEX") || db_next(&rows) != GODWIT_ERR_END)
            fail_msg("%s: %s", order->name, plan);
        db_rows_close(&rows);
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
    assert_int_equal(list_devices(fixture->db, &query, first, &count, &more), GODWIT_OK);
    add_rows(fixture, 90, 96, 1);
    assert_int_equal(db_script(fixture->db, "delete from devices where id % 7 = 0"), GODWIT_OK);
    query.after = &first[9].place;
    query.limit = 500;
    assert_int_equal(list_devices(fixture->db, &query, rest, &count, &more), GODWIT_OK);
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
        cmocka_unit_test_setup_teardown(pages_are_stable_while_devices_join_and_leave,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test(other_cursors_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
