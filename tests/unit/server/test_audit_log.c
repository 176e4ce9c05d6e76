/* Every change that a person or a device asks for over the wire leaves a record that says who, from
 * where and what; and no route that changes something can be added without one. */
#include "fake_device.h"

#include <unistd.h>

#include "audit/verify.h"
#include "server/audit_log.h"

/* ---- the table ---- */

/* Routes that are no GET and have no record of their own, with the reason. */
static const struct {
    const char *route, *why;
} UNRECORDED[] = {
    {"POST /api/v1/devices/{id}/check-in-now", "it changes nothing"},
    {"POST /api/v1/check-in-now", "it changes nothing"},
    {"PUT /api/v1/uploads/{sha256}", "the last part is recorded as an upload is"},
};

static bool is_unrecorded(const char *route)
{
    for (size_t i = 0; i < sizeof UNRECORDED / sizeof *UNRECORDED; i++)
        if (!strcmp(UNRECORDED[i].route, route)) return true;
    return false;
}

static bool has_action(const char *route)
{
    for (size_t i = 0; i < AUDIT_ACTIONS_COUNT; i++)
        if (!strcmp(audit_action_route((enum audit_action)i), route)) return true;
    return false;
}

static void each_changing_route_has_an_action(void **state)
{
    (void)state;
    char route[160];
    for (size_t i = 0; i < ROUTES_COUNT; i++) {
        if (ROUTES[i].method == HTTP_METHOD_GET) continue;
        snprintf(route, sizeof route, "%s %s", http_method_name(ROUTES[i].method),
                 ROUTES[i].pattern);
        if (!has_action(route) && !is_unrecorded(route))
            fail_msg("%s changes something: give it a row in server/audit_log.h", route);
    }
}

static void each_action_has_its_own_name_and_a_route_that_is_there(void **state)
{
    (void)state;
    char route[160];
    for (size_t i = 0; i < AUDIT_ACTIONS_COUNT; i++) {
        const char *wanted = audit_action_route((enum audit_action)i);
        bool is_there = !*wanted;
        for (size_t j = 0; j < ROUTES_COUNT; j++) {
            snprintf(route, sizeof route, "%s %s", http_method_name(ROUTES[j].method),
                     ROUTES[j].pattern);
            is_there |= !strcmp(route, wanted);
        }
        if (!is_there) fail_msg("there is no route %s", wanted);
        assert_true(strlen(audit_action_sentence((enum audit_action)i)) > 0);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(audit_action_id((enum audit_action)i),
                                    audit_action_id((enum audit_action)j));
    }
}

/* ---- records ---- */

static struct audit_record found;
static size_t found_count;

static void take(void *ctx, const struct audit_record *record)
{
    (void)ctx;
    found = *record;
    found_count++;
}

/* The newest record of an action. */
static const struct audit_record *newest(struct live *live, enum audit_action action)
{
    const struct audit_query query = {.action = audit_action_id(action), .before = INT64_MAX};
    struct db *db = app_reader_take(&live->app);
    found_count = 0;
    assert_int_equal(audit_list(db, &query, 1, take, NULL), GODWIT_OK);
    app_reader_give(&live->app, db);
    if (found_count == 0) fail_msg("no record of %s", audit_action_id(action));
    return &found;
}

static void assert_record(struct live *live, enum audit_action action, const char *actor,
                          const char *object, const char *after)
{
    const struct audit_record *record = newest(live, action);
    assert_memory_equal(record->actor, actor, strlen(actor));
    assert_string_equal(record->address, "127.0.0.1");
    assert_string_equal(record->object, object);
    if (!strstr(record->after, after)) fail_msg("%s holds no %s", record->after, after);
}

static void what_people_and_devices_change(void **state)
{
    struct live *live = *state;
    char claim[128];
    struct fake_device fake = fake_make(1);
    live_release(live, "1.0.0");
    assert_record(live, AUDIT_IMAGE_UPLOADED, "user:", "thermostat 1.0.0", "\"keys\":1");
    live_claim(live, 1, claim);
    assert_record(live, AUDIT_CLAIM_CREATED, "user:", "thermostat", "\"count\":1");
    fake_enrol(live, &fake, claim);
    newest(live, AUDIT_DEVICE_ENROLLED);
    assert_true(!strncmp(found.actor, "claim:", 6) || !strncmp(found.actor, "device:", 7));
    assert_string_equal(found.object, "7cdfa1000001");
    assert_int_equal(live_request(live, "POST", "/api/v1/rollouts",
                                  "{\"product\":\"thermostat\",\"version\":\"1.0.0\","
                                  "\"devices\":[\"7cdfa1000001\"]}"),
                     201);
    assert_record(live, AUDIT_ROLLOUT_CREATED, "user:", "thermostat 1.0.0",
                  "\"devices\":[\"7cdfa1000001\"]");
    live_release(live, "1.1.0");
    assert_int_equal(live_request(live, "DELETE", "/api/v1/releases/thermostat/1.1.0", NULL), 200);
    assert_record(live, AUDIT_RELEASE_DELETED, "user:", "thermostat 1.1.0", "");
    assert_true(strlen(found.before) > 60);
    newest(live, AUDIT_SERVER_STARTED);
    assert_string_equal(found.actor, "system");
    assert_non_null(strstr(found.after, "\"interval_s\":7"));
}

static long elsewhere(struct live *live, const char *method, const char *path, const void *body,
                      size_t size)
{
    struct call call = {method, path, live->admin, "Godwit-Org: acme", body, size};
    return live_call(live, &call);
}

/* Also where a device does it, which names no organisation itself. */
static void a_record_is_of_the_organisation_where_it_was_done(void **state)
{
    struct live *live = *state;
    static const char ORG[] = "{\"org\":\"acme\",\"admin\":\"eve\"}",
                      CLAIM[] = "{\"product\":\"thermostat\"}";
    char claim[128];
    struct fake_device fake = fake_make(1);
    struct bytes file = live_image("thermostat", "1.0.0", live->key);
    assert_int_equal(live_request(live, "POST", "/api/v1/orgs", ORG), 201);
    assert_int_equal(elsewhere(live, "PUT", "/api/v1/images", file.data, file.size), 201);
    free(file.data);
    assert_int_equal(elsewhere(live, "POST", "/api/v1/claims", CLAIM, sizeof CLAIM - 1), 201);
    snprintf(claim, sizeof claim, "%s", live_text(live, "token"));
    fake_enrol(live, &fake, claim);
    static const enum audit_action ACTIONS[] = {AUDIT_IMAGE_UPLOADED, AUDIT_CLAIM_CREATED,
                                                AUDIT_DEVICE_ENROLLED};
    for (size_t i = 0; i < sizeof ACTIONS / sizeof *ACTIONS; i++) {
        newest(live, ACTIONS[i]);
        assert_string_equal(found.org, "acme");
    }
}

static void what_is_refused_leaves_no_record(void **state)
{
    struct live *live = *state;
    int64_t before = live_count(live, "select count(*) from audit");
    assert_int_equal(live_request(live, "POST", "/api/v1/rollouts",
                                  "{\"product\":\"thermostat\",\"version\":\"9.9.9\"}"),
                     404);
    assert_int_equal(live_request(live, "POST", "/api/v1/claims", "{\"product\":\"none\"}"), 404);
    assert_int_equal(live_request(live, "DELETE", "/api/v1/releases/thermostat/1.1.0", NULL), 404);
    assert_int_equal(live_count(live, "select count(*) from audit"), before);
}

static long login(struct live *live, const char *user, const char *password)
{
    char body[128];
    snprintf(body, sizeof body, "{\"user\":\"%s\",\"password\":\"%s\"}", user, password);
    struct call call = {"POST", "/api/v1/login", NULL, NULL, body, strlen(body)};
    return live_call(live, &call);
}

static bool is_flushed(struct live *live)
{
    for (int i = 0; i < 6000; i++) {
        if (!atomic_load(&live->app.flushing)) return true;
        usleep(10000);
    }
    return false;
}

static void tick(struct live *live)
{
    app_tick(&live->app);
    assert_true(is_flushed(live));
}

static void logins_and_a_summary_of_wrong_passwords(void **state)
{
    struct live *live = *state;
    assert_int_equal(login(live, "admin", live->password), 200);
    newest(live, AUDIT_LOGIN);
    assert_string_equal(found.actor, "user:admin");
    assert_int_equal(login(live, "admin", "wrong"), 401);
    assert_int_equal(login(live, "my-password", "wrong"), 401); /* typed into the wrong place */
    tick(live);
    newest(live, AUDIT_LOGIN_REFUSED);
    assert_string_equal(found.after,
                        "{\"addresses\":[\"127.0.0.1\"],\"count\":2,\"users\":[\"admin\"]}");
    assert_int_equal(login(live, "admin", "wrong"), 401);
    tick(live); /* one a minute at most */
    assert_int_equal(live_count(live, "select count(*) from audit where action = 'login.refused'"),
                     1);
}

/* Of an account where that is at home; of nobody in the first organisation. */
static void a_wrong_password_is_of_the_organisation_of_its_account(void **state)
{
    struct live *live = *state;
    static const char ORG[] = "{\"org\":\"acme\",\"admin\":\"eve\"}",
                      ALL[] = "select count(*) from audit where action = 'login.refused'",
                      ACME[] = "select count(*) from audit where action = 'login.refused'"
                               " and org = 'acme' and after_text like '%\"count\":2%'"
                               " and after_text like '%[\"eve\"]%'",
                      NOBODY[] = "select count(*) from audit where action = 'login.refused'"
                                 " and org = 'default' and after_text like '%\"count\":1%'"
                                 " and after_text like '%\"users\":[]%'";
    assert_int_equal(live_request(live, "POST", "/api/v1/orgs", ORG), 201);
    assert_int_equal(login(live, "eve", "wrong"), 401);
    assert_int_equal(login(live, "nobody", "wrong"), 401);
    assert_int_equal(login(live, "eve", "wrong again"), 401);
    tick(live);
    assert_int_equal(live_count(live, ALL), 2);
    assert_int_equal(live_count(live, ACME), 1);
    assert_int_equal(live_count(live, NOBODY), 1);
}

struct silent {
    struct change change;
    struct http_request request;
    atomic_bool done;
};

static godwit_err run_silently(struct change *change)
{
    return db_run(change->app->db, "update products set open = 1 - open", NULL, 0);
}

static void silent_reply(struct change *change, godwit_err err)
{
    assert_int_equal(err, GODWIT_OK);
    atomic_store(&((struct silent *)change)->done, true);
}

/* The guard itself: a handler that forgot to tell. */
static void a_silent_change_is_told_of(void **state)
{
    struct live *live = *state;
    static struct silent silent;
    live_release(live, "1.0.0");
    memset(&silent, 0, sizeof silent);
    silent.request.path = "/api/v1/forgotten";
    silent.request.peer = "192.0.2.1";
    silent.change = (struct change){.app = &live->app,
                                    .request = &silent.request,
                                    .run = run_silently,
                                    .reply = silent_reply,
                                    .actor = "user:somebody"};
    change_submit(&silent.change, NULL);
    for (int i = 0; i < 6000 && !atomic_load(&silent.done); i++)
        usleep(10000);
    assert_true(atomic_load(&silent.done));
    newest(live, AUDIT_UNNAMED);
    assert_string_equal(found.object, "/api/v1/forgotten");
    assert_string_equal(found.actor, "user:somebody");
    assert_int_equal(live_teardown(state), -1);
}

/* ---- checkpoints ---- */

static void fault(void *ctx, enum audit_fault kind, int64_t sequence)
{
    (void)ctx;
    print_error("%s at %lld\n", audit_fault_id(kind), (long long)sequence);
}

static void verify_one(void *ctx, const struct audit_record *record)
{
    audit_verify_record(ctx, record);
}

static void verify_checkpoint(void *ctx, const struct audit_checkpoint *checkpoint)
{
    audit_verify_checkpoint(ctx, checkpoint);
}

static void checkpoints_are_signed_and_ride_in_instructions(void **state)
{
    struct live *live = *state;
    char claim[128];
    struct fake_device fake = fake_make(1);
    struct audit_verifier verifier;
    struct audit_checkpoint last;
    live_release(live, "1.0.0");
    live_claim(live, 1, claim);
    fake_enrol(live, &fake, claim);
    assert_true(godwit_all(fake.instruction.checkpoint, 16, 0)); /* none was signed yet */
    tick(live);
    assert_int_equal(fake_checkin(live, &fake, fake.bearer), 200);
    struct db *db = app_reader_take(&live->app);
    assert_int_equal(audit_checkpoint_last(db, &last), GODWIT_OK);
    assert_memory_equal(fake.instruction.checkpoint, last.hash, 16);
    audit_verify_begin(&verifier, fault, NULL);
    verifier.keys_count = 1;
    memcpy(verifier.keys[0], live->app.deploy_keys.points[0], 64);
    verifier.witnesses_count = 1;
    memcpy(verifier.witnesses[0], fake.instruction.checkpoint, 16);
    const struct audit_query all = {0};
    assert_int_equal(audit_list(db, &all, 500, verify_one, &verifier), GODWIT_OK);
    assert_int_equal(audit_checkpoint_list(db, 0, 500, verify_checkpoint, &verifier), GODWIT_OK);
    assert_true(audit_verify_finish(&verifier));
    assert_int_equal(verifier.checkpoint, verifier.last);
    assert_true(verifier.records_count >= 4);
    tick(live); /* nothing is new */
    app_reader_give(&live->app, db);
    assert_int_equal(live_count(live, "select count(*) from audit_checkpoints"), 1);
}

static void a_restart_continues_the_chain(void **state)
{
    struct live *live = *state;
    live_release(live, "1.0.0");
    live_stop(live);
    live->settings.interval_s = 9;
    live_start(live);
    newest(live, AUDIT_SERVER_STARTED);
    assert_non_null(strstr(found.before, "\"interval_s\":7"));
    assert_non_null(strstr(found.after, "\"interval_s\":9"));
    assert_false(godwit_all(live->app.checkpoint, 16, 0)); /* signed as it stopped */
    assert_int_equal(live_count(live, "select max(sequence) - count(*) from audit"), 0);
}

static void what_is_old_goes_up_to_a_checkpoint(void **state)
{
    struct live *live = *state;
    live_release(live, "1.0.0");
    tick(live);
    live->settings.audit_days = 1;
    live_stop(live);
    struct db *db;
    char path[FILE_PATH_MAX], note[100];
    folder_path(live->data, "godwit.db", path, sizeof path);
    assert_int_equal(db_open(path, false, &db, note, sizeof note), GODWIT_OK);
    assert_int_equal(db_run(db, "update audit_checkpoints set time = time - 90000", NULL, 0),
                     GODWIT_OK);
    assert_int_equal(db_run(db, "update audit set time = time - 90000", NULL, 0), GODWIT_OK);
    db_close(db);
    live_start(live);
    tick(live);
    newest(live, AUDIT_LOG_PRUNED);
    char wanted[64];
    int64_t first = live_count(live, "select min(sequence) from audit");
    assert_true(first > 1);
    snprintf(wanted, sizeof wanted, "{\"begins_with\":%lld}", (long long)first);
    assert_string_equal(found.after, wanted);
    assert_int_equal(live_count(live, "select count(*) from audit_checkpoints c join audit a on"
                                      " a.sequence = c.sequence and a.hash = c.hash where"
                                      " a.sequence = (select min(sequence) from audit)"),
                     1);
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, live_setup, live_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_changing_route_has_an_action),
        cmocka_unit_test(each_action_has_its_own_name_and_a_route_that_is_there),
        LIVE(what_people_and_devices_change),
        LIVE(a_record_is_of_the_organisation_where_it_was_done),
        LIVE(what_is_refused_leaves_no_record),
        LIVE(logins_and_a_summary_of_wrong_passwords),
        LIVE(a_wrong_password_is_of_the_organisation_of_its_account),
        cmocka_unit_test_setup(a_silent_change_is_told_of, live_setup),
        LIVE(checkpoints_are_signed_and_ride_in_instructions),
        LIVE(a_restart_continues_the_chain),
        LIVE(what_is_old_goes_up_to_a_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
