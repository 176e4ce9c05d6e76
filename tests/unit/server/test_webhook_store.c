/* The outbox: what is due comes in its order, pauses grow, what is too much is given up, and a
 * pause keeps all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "case.h"
#include "fleet/schema.h"
#include "server/webhook_store.h"
#include "temp_dir.h"

static char dir[64];
static struct db *db;
static struct webhook one = {.id = "00000000000000a1",
                             .org = "default",
                             .url = "https://example.com/",
                             .events = "*",
                             .created_s = 1};

static int setup(void **state)
{
    char path[96], note[200];
    (void)state;
    temp_dir_make(dir);
    snprintf(path, sizeof path, "%s/a.db", dir);
    assert_int_equal(db_open(path, false, &db, note, sizeof note), GODWIT_OK);
    assert_int_equal(db_migrate(db, SCHEMA, SCHEMA_COUNT), GODWIT_OK);
    assert_int_equal(webhook_add(db, &one), GODWIT_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    db_close(db);
    temp_dir_drop(dir);
    return 0;
}

static struct webhook_row row;
static struct webhook webhook;
static int64_t due_s;

static godwit_err next(int64_t now_s)
{
    static char body[WEBHOOK_BODY_MAX + 1];
    return webhook_next(db, now_s, &webhook, &row, body, &due_s);
}

static void put(const char *event, int64_t now_s)
{
    char id[WEBHOOK_ID_SIZE];
    assert_int_equal(webhook_enqueue(db, &one, event, "{}", now_s, id), GODWIT_OK);
}

static void what_is_due_comes_in_order(void **state)
{
    (void)state;
    assert_int_equal(next(100), GODWIT_ERR_MISSING);
    assert_true(due_s == INT64_MAX);
    put("b", 20);
    put("a", 10);
    assert_int_equal(next(5), GODWIT_ERR_MISSING);
    assert_int_equal(due_s, 10);
    assert_int_equal(next(30), GODWIT_OK);
    assert_string_equal(row.event, "a");
    assert_string_equal(webhook.url, one.url);
}

static void pauses_grow_until_it_is_given_up(void **state)
{
    static const int64_t PAUSES[] = {10, 60, 300, 1800, 7200, 21600, 43200, 86400};
    const struct webhook_outcome failed = {.status = 500, .note = "no"};
    bool is_given_up = false;
    int64_t now_s = 1000;
    (void)state;
    put("a", now_s);
    put("behind", now_s + 1);
    for (size_t i = 0; i < sizeof PAUSES / sizeof *PAUSES; i++) {
        CASE(i);
        assert_int_equal(next(now_s), GODWIT_OK);
        assert_string_equal(row.event, "a");
        assert_int_equal(webhook_note(db, &row, &failed, now_s, &is_given_up), GODWIT_OK);
        assert_false(is_given_up);
        assert_int_equal(next(now_s + PAUSES[i] - 1), GODWIT_ERR_MISSING); /* nor those behind */
        now_s += PAUSES[i];
    }
    assert_int_equal(next(now_s), GODWIT_OK);
    assert_int_equal(webhook_note(db, &row, &failed, now_s, &is_given_up), GODWIT_OK);
    assert_true(is_given_up);
    assert_int_equal(next(now_s), GODWIT_OK);
    assert_string_equal(row.event, "behind");
    const struct webhook_outcome refused = {.is_final = true};
    assert_int_equal(webhook_note(db, &row, &refused, now_s, &is_given_up), GODWIT_OK);
    assert_true(is_given_up);
}

static void count_row(void *ctx, const struct webhook_row *given)
{
    size_t *counts = ctx;
    counts[!strcmp(given->state, "waiting")]++;
}

static void what_is_too_much_is_given_up(void **state)
{
    int64_t given_up = 0;
    size_t counts[2] = {0, 0};
    (void)state;
    assert_int_equal(db_begin(db), GODWIT_OK);
    for (int i = 0; i < WEBHOOK_WAITING_MAX + 150; i++)
        put("a", i);
    assert_int_equal(webhook_trim(db, &one, &given_up), GODWIT_OK);
    assert_int_equal(db_commit(db), GODWIT_OK);
    assert_int_equal(given_up, 150);
    assert_int_equal(webhook_deliveries(db, &one, 5000, count_row, counts), GODWIT_OK);
    assert_int_equal(counts[1], WEBHOOK_WAITING_MAX);
    assert_int_equal(counts[0], WEBHOOK_KEPT);
    assert_int_equal(next(INT32_MAX), GODWIT_OK);
    assert_int_equal(row.created_s, 150); /* the oldest went */
}

static void a_change_is_kept_whole(void **state)
{
    struct webhook changed = one;
    (void)state;
    snprintf(changed.url, sizeof changed.url, "https://example.org/");
    memset(changed.secret, 7, sizeof changed.secret);
    memset(changed.former_secret, 8, sizeof changed.former_secret);
    changed.former_until_s = 99;
    changed.is_paused = true;
    put("a", 1);
    assert_int_equal(webhook_change(db, &changed), GODWIT_OK);
    assert_int_equal(webhook_read(db, "default", one.id, &webhook), GODWIT_OK);
    assert_string_equal(webhook.url, changed.url);
    assert_memory_equal(webhook.secret, changed.secret, sizeof changed.secret);
    assert_memory_equal(webhook.former_secret, changed.former_secret, sizeof changed.secret);
    assert_int_equal(webhook.former_until_s, 99);
    assert_int_equal(next(50), GODWIT_ERR_MISSING); /* paused */
    assert_true(due_s == INT64_MAX);
    assert_int_equal(webhook_read(db, "acme", one.id, &webhook), GODWIT_ERR_MISSING);
    snprintf(changed.org, sizeof changed.org, "acme");
    changed.is_paused = false;
    assert_int_equal(webhook_change(db, &changed), GODWIT_OK); /* nothing there */
    assert_int_equal(next(50), GODWIT_ERR_MISSING);
    assert_int_equal(webhook_change(db, &one), GODWIT_OK);
    assert_int_equal(next(50), GODWIT_OK);
}

/* Enqueued while the clock was ten years ahead: it does not wait for that time. */
static void what_the_future_left_is_due_now(void **state)
{
    const int64_t now_s = 1800000000;
    (void)state;
    put("e", now_s + 10LL * 365 * 86400);
    assert_int_equal(next(now_s), GODWIT_OK);
    assert_string_equal(row.event, "e");
    /* one that only waits for its next try does so */
    assert_int_equal(db_script(db, "update webhook_outbox set due = 1800086400"), GODWIT_OK);
    assert_int_equal(next(now_s), GODWIT_ERR_MISSING);
    assert_int_equal(due_s, now_s + 86400);
}

#define STORE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE(what_is_due_comes_in_order),
        STORE(pauses_grow_until_it_is_given_up),
        STORE(what_is_too_much_is_given_up),
        STORE(a_change_is_kept_whole),
        STORE(what_the_future_left_is_due_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
