/* The wall clock of a service: jumps are told to the fleet, and what is known is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "case.h"
#include "fleet/schema.h"
#include "server/clock_guard.h"
#include "temp_dir.h"

#define NOW_S 1800000000LL
#define YEARS_S (10LL * 365 * 86400)

static char folder[64];
static struct app app;
static struct clock_set set;
static struct clock view;

static int setup(void **state)
{
    char path[96], note[256];
    (void)state;
    temp_dir_make(folder);
    snprintf(path, sizeof path, "%s/godwit.db", folder);
    memset(&app, 0, sizeof app);
    fleet_init(&app.fleet);
    set = (struct clock_set){.now_ms = 1000, .unix_s = NOW_S};
    view = clock_set_view(&set);
    app.clock = &view;
    if (db_open(path, false, &app.db, note, sizeof note)) return 1;
    return db_migrate(app.db, SCHEMA, SCHEMA_COUNT) || clock_guard_open(&app);
}

static int teardown(void **state)
{
    (void)state;
    db_close(app.db);
    fleet_deinit(&app.fleet);
    temp_dir_drop(folder);
    return 0;
}

static int64_t seen(void)
{
    int64_t found = -1;
    assert_int_equal(db_run_returning(app.db, "select max(seen) from clock_seen", NULL, 0, &found),
                     GODWIT_OK);
    return found;
}

static void move(int64_t seconds)
{
    set.now_ms += 2000;
    set.unix_s += 2 + seconds;
}

static void a_jump_reaches_the_fleet(void **state)
{
    (void)state;
    assert_false(clock_is_doubted(&app));
    assert_int_equal(app.fleet.clock_jumped_s, 0);
    move(YEARS_S);
    assert_true(clock_is_doubted(&app));
    assert_true(app.fleet.is_clock_doubted);
    assert_int_equal(app.fleet.clock_jumped_s, set.unix_s);
    move(-YEARS_S);
    assert_false(clock_is_doubted(&app));
    assert_false(app.fleet.is_clock_doubted);
    assert_int_equal(app.fleet.clock_jumped_s, set.unix_s);
}

static void what_is_believed_is_kept_once_an_hour(void **state)
{
    (void)state;
    assert_int_equal(seen(), NOW_S);
    move(0);
    assert_int_equal(clock_guard_write(&app), GODWIT_OK);
    assert_int_equal(seen(), NOW_S);
    set.now_ms += 3600 * 1000, set.unix_s += 3600;
    assert_int_equal(clock_guard_write(&app), GODWIT_OK);
    assert_int_equal(seen(), NOW_S + 3602);
    move(YEARS_S);
    assert_int_equal(clock_guard_write(&app), GODWIT_OK);
    assert_int_equal(seen(), NOW_S + 3602);
}

static void a_start_at_a_time_that_is_not_known_is_doubted(void **state)
{
    (void)state;
    static const int64_t STEPS_S[] = {YEARS_S, -YEARS_S, -86400, 31 * 86400};
    for (size_t i = 0; i < sizeof STEPS_S / sizeof *STEPS_S; i++) {
        CASE(i);
        set.unix_s = NOW_S + STEPS_S[i];
        app.clock_written_s = 0;
        assert_int_equal(clock_guard_open(&app), GODWIT_OK);
        assert_true(clock_is_doubted(&app));
        assert_int_equal(app.fleet.clock_jumped_s, set.unix_s);
        assert_int_equal(clock_guard_write(&app), GODWIT_OK);
        assert_int_equal(seen(), NOW_S); /* so that a second start doubts it too */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_jump_reaches_the_fleet, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_believed_is_kept_once_an_hour, setup, teardown),
        cmocka_unit_test_setup_teardown(a_start_at_a_time_that_is_not_known_is_doubted, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
