/* A disk that fills up, and what one device or claim may ask of the writer. */
#include "fake_device.h"

#include <signal.h>
#include <sys/resource.h>

#include "fleet/prune.h"

static void fill_disk(bool is_full)
{
    static struct rlimit before;
    if (is_full) {
        struct rlimit tight;
        getrlimit(RLIMIT_FSIZE, &before);
        tight = (struct rlimit){4096, before.rlim_max};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &tight);
    } else {
        setrlimit(RLIMIT_FSIZE, &before);
    }
}

/* Changes are refused, devices that have nothing new are served, memory keeps what was committed,
 * and with the first free byte all goes on without a restart. */
static void a_full_disk_passes(void **state)
{
    struct live *live = *state;
    char claim[128];
    live_release(live, "1.0.0");
    live_claim(live, 3, claim);
    struct fake_device first = fake_make(1), second = fake_make(2);
    fake_enrol(live, &first, claim);
    fill_disk(true);
    for (int i = 0; i < 3; i++) {
        assert_true(fake_checkin(live, &second, claim) >= 500);
        assert_int_equal(fake_checkin(live, &first, first.bearer), 200);
        assert_true(live_request(live, "POST", "/api/v1/rollouts",
                                 "{\"product\":\"thermostat\",\"version\":\"1.0.0\"}") >= 500);
        app_tick(&live->app);
    }
    assert_int_equal(live_request(live, "GET", "/api/v1/status", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(live->json, "rollouts")), 0);
    fill_disk(false);
    fake_enrol(live, &second, claim);
    assert_int_equal(live_request(live, "POST", "/api/v1/rollouts",
                                  "{\"product\":\"thermostat\",\"version\":\"1.0.0\"}"),
                     201);
    assert_int_equal(live_number(live, "selected"), 2);
    live_stop(live);
    live_start(live);
    assert_int_equal(live_request(live, "GET", "/api/v1/status", NULL), 200);
    assert_int_equal(json_array_size(json_object_get(live->json, "rollouts")), 1);
    assert_int_equal(live_count(live, "select count(*) from devices"), 2);
}

static void add_rollouts(struct live *live, int count)
{
    char path[FILE_PATH_MAX], note[256];
    struct db *db;
    folder_path(live->data, "godwit.db", path, sizeof path);
    assert_int_equal(db_open(path, false, &db, note, sizeof note), GODWIT_OK);
    for (int i = 0; i < count; i++)
        assert_int_equal(db_script(db, "insert into rollouts (org, release, is_targeted, created)"
                                       " select org, id, 0, 0 from releases"),
                         GODWIT_OK);
    db_close(db);
}

static void tick(struct live *live)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    app_tick(&live->app);
    for (int i = 0; atomic_load(&live->app.flushing); i++) {
        assert_true(i < 60000);
        nanosleep(&pause, NULL);
    }
}

static size_t rollouts_after_tick(struct live *live)
{
    tick(live);
    assert_int_equal(live_request(live, "GET", "/api/v1/rollouts?limit=500", NULL), 200);
    return json_array_size(json_object_get(live->json, "items"));
}

/* What could not be taken away in the database is not gone from memory. */
static void old_rollouts_stay_while_the_disk_is_full(void **state)
{
    struct live *live = *state;
    live_release(live, "1.0.0");
    live_stop(live);
    add_rollouts(live, ROLLOUTS_KEPT + 5);
    live_start(live);
    fill_disk(true);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rollouts_after_tick(live), ROLLOUTS_KEPT + 5);
    fill_disk(false);
    assert_int_equal(rollouts_after_tick(live), ROLLOUTS_KEPT);
    assert_int_equal(live_count(live, "select count(*) from rollouts"), ROLLOUTS_KEPT);
}

/* As long as it was told to, or what the count alone leaves. */
static void history_goes_with_its_time(void **state)
{
    struct live *live = *state;
    char claim[128], path[FILE_PATH_MAX], note[256];
    struct db *db;
    live_release(live, "1.0.0");
    live_claim(live, 3, claim);
    struct fake_device device = fake_make(1);
    fake_enrol(live, &device, claim);
    int64_t lines = live_count(live, "select count(*) from events");
    assert_true(lines > 0);
    live_stop(live);
    folder_path(live->data, "godwit.db", path, sizeof path);
    assert_int_equal(db_open(path, false, &db, note, sizeof note), GODWIT_OK);
    assert_int_equal(db_script(db, "update events set time = time - 3 * 86400"), GODWIT_OK);
    db_close(db);
    for (uint32_t days = 0; days <= 4; days += 4) {
        live->settings.history_days = days;
        live_start(live);
        tick(live);
        assert_int_equal(live_count(live, "select count(*) from events"), lines);
        live_stop(live);
    }
    live->settings.history_days = 2;
    live_start(live);
    tick(live);
    assert_int_equal(live_count(live, "select count(*) from events"), 0);
    assert_int_equal(live_count(live, "select events_total from devices"), lines);
}

static size_t resting_with_a_snapshot(struct app *app)
{
    size_t count = 0;
    pthread_mutex_lock(&app->readers_lock);
    for (size_t i = 0; i < app->readers_count; i++)
        count += !db_is_idle(app->readers[i]);
    pthread_mutex_unlock(&app->readers_lock);
    return count;
}

/* It would show what was there when its snapshot began. Others take and give readers meanwhile, so
 * how many rest says nothing. */
static void a_reader_with_a_snapshot_is_not_kept(void **state)
{
    struct live *live = *state;
    struct db *db = app_reader_take(&live->app);
    assert_int_equal(db_script(db, "begin; select count(*) from devices"), GODWIT_OK);
    assert_false(db_is_idle(db));
    app_reader_give(&live->app, db);
    assert_int_equal(resting_with_a_snapshot(&live->app), 0);
}

/* What adds no row is answered on the loop: then the writer may stand still. */
static void a_used_up_claim_needs_no_writer(void **state)
{
    struct live *live = *state;
    char claim[128], unused[128];
    live_release(live, "1.0.0");
    live_claim(live, 1, claim);
    live_claim(live, 1, unused);
    struct fake_device first = fake_make(1), second = fake_make(2), third = fake_make(3);
    fake_enrol(live, &first, claim);
    fill_disk(true); /* a writer that has failed refuses all that reaches it */
    assert_int_equal(fake_checkin(live, &third, unused), 503);
    assert_int_equal(fake_checkin(live, &second, claim), 401);
    assert_string_equal(live_text(live, "type"), "claim-used-up");
    first.checkin.has_token = true; /* it comes back: it is known, and asks for nothing new */
    assert_int_equal(fake_checkin(live, &first, claim), 200);
    assert_true(first.reply.has_instruction);
    fill_disk(false);
    /* with another token it asks to be let in, though the claim is used up */
    first.checkin.token[0] ^= 1;
    assert_int_equal(fake_checkin(live, &first, claim), 200);
    assert_true(first.reply.pending);
}

static void one_device_reports_so_often_a_minute(void **state)
{
    struct live *live = *state;
    char claim[128];
    live_release(live, "1.0.0");
    live_claim(live, 1, claim);
    struct fake_device fake = fake_make(1);
    fake_enrol(live, &fake, claim);
    long status = 200;
    int count = 0;
    for (; count < 10 * DEVICE_RECORDS_MAX && status == 200; count++) {
        fake.checkin.image_sha256[0]++;
        status = fake_checkin(live, &fake, fake.bearer);
    }
    assert_int_equal(status, 429);
    assert_true(count >= DEVICE_RECORDS_MAX);
    assert_true(strtol(live->retry, NULL, 10) >= 1 && strtol(live->retry, NULL, 10) <= 120);
}

/* As after a restore: what it runs was uploaded when the backup was made already. */
static void a_release_that_nobody_knows_is_told(void **state)
{
    struct live *live = *state;
    char claim[128];
    live_release(live, "1.0.0");
    live_claim(live, 1, claim);
    struct fake_device fake = fake_make(1);
    fake_enrol(live, &fake, claim);
    assert_int_equal(live_request(live, "GET", "/api/v1/status", NULL), 200);
    const json_t *devices = json_object_get(live->json, "devices");
    assert_int_equal(json_integer_value(json_object_get(devices, "unknown_release")), 1);
    fleet_lock(&live->app.fleet);
    memcpy(fake.checkin.image_sha256, live->app.fleet.catalogue.releases->images[0].image_sha256,
           32);
    fleet_unlock(&live->app.fleet);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    assert_int_equal(live_request(live, "GET", "/api/v1/status", NULL), 200);
    devices = json_object_get(live->json, "devices");
    assert_int_equal(json_integer_value(json_object_get(devices, "unknown_release")), 0);
}

/* A queue's bound is one address's alone. */
static void an_address_has_its_share_of_the_queue(void **state)
{
    (void)state;
    static struct address_queue queue;
    uint8_t flood[16] = {10, 0, 0, 1}, other[16] = {10, 0, 0, 2};
    unsigned place, last = 0;
    address_queue_init(&queue);
    for (int i = 0; i < ADDRESS_QUEUED_MAX; i++)
        assert_true(address_queue_enter(&queue, flood, &last));
    assert_false(address_queue_enter(&queue, flood, &place));
    while (address_queue_enter(&queue, other, &place) == false) /* they met in one place */
        other[4]++;
    address_queue_leave(&queue, last);
    assert_true(address_queue_enter(&queue, flood, &place));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_full_disk_passes, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(old_rollouts_stay_while_the_disk_is_full, live_setup,
                                        live_teardown),
        cmocka_unit_test_setup_teardown(a_reader_with_a_snapshot_is_not_kept, live_setup,
                                        live_teardown),
        cmocka_unit_test_setup_teardown(history_goes_with_its_time, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(a_used_up_claim_needs_no_writer, live_setup, live_teardown),
        cmocka_unit_test_setup_teardown(one_device_reports_so_often_a_minute, live_setup,
                                        live_teardown),
        cmocka_unit_test_setup_teardown(a_release_that_nobody_knows_is_told, live_setup,
                                        live_teardown),
        cmocka_unit_test(an_address_has_its_share_of_the_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
