/* The audit log over the wire: pages from either end, filters, checkpoints, and who may look. */
#include "fake_device.h"

#include "audit/text.h"

static json_int_t sequence_at(struct live *live, size_t index)
{
    return json_integer_value(
        json_object_get(json_array_get(json_object_get(live->json, "items"), index), "sequence"));
}

static size_t items(struct live *live)
{
    return json_array_size(json_object_get(live->json, "items"));
}

static void pages_from_either_end(void **state)
{
    struct live *live = *state;
    live_release(live, "1.0.0");
    live_release(live, "1.1.0");
    assert_int_equal(live_request(live, "GET", "/api/v1/audit", NULL), 200);
    assert_int_equal(items(live), 3);
    assert_int_equal(sequence_at(live, 0), 3);
    assert_true(json_is_null(json_object_get(live->json, "next")));
    assert_int_equal(live_request(live, "GET", "/api/v1/audit?limit=2", NULL), 200);
    assert_string_equal(live_text(live, "next"), "2");
    assert_int_equal(live_request(live, "GET", "/api/v1/audit?limit=2&before=2", NULL), 200);
    assert_int_equal(items(live), 1);
    assert_int_equal(sequence_at(live, 0), 1);
    assert_int_equal(live_request(live, "GET", "/api/v1/audit?limit=2&after=0", NULL), 200);
    assert_int_equal(sequence_at(live, 0), 1);
    assert_string_equal(live_text(live, "next"), "2");
    struct audit_record record;
    assert_true(
        audit_record_parse(json_array_get(json_object_get(live->json, "items"), 0), &record));
    assert_string_equal(record.action, "server.started");
}

static void filters(void **state)
{
    struct live *live = *state;
    live_release(live, "1.0.0");
    static const struct {
        const char *query;
        size_t count;
    } CASES[] = {{"?action=image.uploaded", 1},
                 {"?action=image.*", 1},
                 {"?action=image", 0},
                 {"?actor=system", 1},
                 {"?actor=user:*", 1},
                 {"?object=thermostat%201.0.0", 1},
                 {"?object=%25", 0},
                 {"?action=", 2}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char path[100];
        snprintf(path, sizeof path, "/api/v1/audit%s", CASES[i].query);
        assert_int_equal(live_request(live, "GET", path, NULL), 200);
        if (items(live) != CASES[i].count) fail_msg("%s: %zu", CASES[i].query, items(live));
    }
}

static void asked_wrongly(void **state)
{
    struct live *live = *state;
    static const char *const QUERIES[] = {"limit=501", "limit=x", "limit=-1", "after=1x",
                                          "before=+2"};
    for (size_t i = 0; i < sizeof QUERIES / sizeof *QUERIES; i++) {
        char path[100];
        snprintf(path, sizeof path, "/api/v1/audit?%s", QUERIES[i]);
        assert_int_equal(live_request(live, "GET", path, NULL), 422);
    }
    struct call call = {"GET", "/api/v1/audit", NULL, NULL, NULL, 0};
    assert_int_equal(live_call(live, &call), 401);
}

static void checkpoints(void **state)
{
    struct live *live = *state;
    assert_int_equal(live_request(live, "GET", "/api/v1/audit/checkpoints", NULL), 200);
    assert_int_equal(items(live), 0);
    live_stop(live);
    live_start(live);
    assert_int_equal(live_request(live, "GET", "/api/v1/audit/checkpoints", NULL), 200);
    assert_int_equal(items(live), 1);
    struct audit_checkpoint checkpoint;
    assert_true(audit_checkpoint_parse(json_array_get(json_object_get(live->json, "items"), 0),
                                       &checkpoint));
    assert_memory_equal(checkpoint.key, live->app.deploy_keys.points[0], 64);
    assert_memory_equal(checkpoint.hash, live->app.checkpoint, 16);
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, live_setup, live_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIVE(pages_from_either_end),
        LIVE(filters),
        LIVE(asked_wrongly),
        LIVE(checkpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
