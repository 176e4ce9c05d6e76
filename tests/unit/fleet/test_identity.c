/* A device's token changes without a gap, and two devices with one identity are found out. */
#include "fleet/identity.h"

#include "case.h"
#include "fixture.h"

enum { IMAGE = 1, OLD = 1, NEW = 0x21, OTHER = 0x31 };

static struct device *begin(struct fixture *fixture)
{
    struct upload upload = upload_of("1.0.0", IMAGE);
    const struct godwit_checkin checkin = checkin_of(1, IMAGE);
    struct device *device;
    assert_int_equal(fixture_upload(fixture, &upload), UPLOAD_ADDED);
    fixture_allow(fixture, 5);
    assert_int_equal(fixture_claim(fixture, &checkin, OLD, &device), CLAIM_ACCEPTED);
    return device;
}

static struct device *by_token(const struct fixture *fixture, uint8_t token)
{
    uint8_t digest[32];
    memset(digest, token, sizeof digest);
    return device_find_by_token(&fixture->fleet, digest);
}

/* One check-in by `shown` that tells `told` (0: none), as far as tokens go. */
static bool use(struct fixture *fixture, uint8_t shown, uint8_t told)
{
    uint8_t shown_sha256[32], told_sha256[32];
    memset(shown_sha256, shown, 32);
    memset(told_sha256, told, 32);
    const struct token_use use = {shown_sha256, told ? told_sha256 : NULL};
    struct device *device = by_token(fixture, shown);
    assert_non_null(device);
    bool is_changed = identity_is_changed(device, &use);
    fixture_begin(fixture);
    assert_int_equal(identity_record(&fixture->fleet, fixture->db, device, &use, NOW_S), GODWIT_OK);
    fixture_commit(fixture);
    return is_changed;
}

static int64_t lines(struct fixture *fixture, enum event_kind kind)
{
    char sql[80];
    snprintf(sql, sizeof sql, "select count(*) from events where kind = %d", kind);
    return fixture_count(fixture, sql);
}

static void both_are_good_until_the_new_one_is_used(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_false(use(fixture, OLD, 0));
    assert_true(use(fixture, OLD, NEW));
    for (int round = 0; round < 2; round++) {
        assert_non_null(by_token(fixture, OLD));
        assert_ptr_equal(by_token(fixture, OLD), by_token(fixture, NEW));
        assert_false(use(fixture, OLD, NEW)); /* the reply was lost */
        fixture_restart(fixture);
    }
    assert_int_equal(lines(fixture, EVENT_ROTATED), 0);
    assert_true(use(fixture, NEW, 0));
    for (int round = 0; round < 2; round++) {
        assert_null(by_token(fixture, OLD));
        assert_non_null(by_token(fixture, NEW));
        assert_false(use(fixture, NEW, 0));
        fixture_restart(fixture);
    }
    assert_int_equal(lines(fixture, EVENT_ROTATED), 1);
    assert_int_equal(fixture_count(fixture, "select count(*) from rotations"), 0);
    assert_int_equal(fixture->fleet.rotations_by_token.count, 0);
}

static void nobody_elses_token(void **state)
{
    struct fixture *fixture = *state;
    struct device *second;
    begin(fixture);
    const struct godwit_checkin checkin = checkin_of(2, IMAGE);
    assert_int_equal(fixture_claim(fixture, &checkin, OTHER, &second), CLAIM_ACCEPTED);
    use(fixture, OLD, OTHER);
    assert_int_equal(by_token(fixture, OTHER)->device_id[5], 2);
    assert_true(use(fixture, OLD, NEW));
    use(fixture, OTHER, NEW); /* told by another before */
    assert_int_equal(by_token(fixture, NEW)->device_id[5], 1);
    assert_true(use(fixture, NEW, 0));
    assert_int_equal(by_token(fixture, NEW)->device_id[5], 1);
}

static void asked_until_it_is_done(void **state)
{
    struct fixture *fixture = *state;
    struct device *device = begin(fixture);
    fixture_begin(fixture);
    assert_int_equal(identity_ask(&fixture->fleet, fixture->db, device, NOW_S), GODWIT_OK);
    fixture_commit(fixture);
    fixture_restart(fixture);
    assert_true(identity_is_asked(by_token(fixture, OLD)));
    assert_true(use(fixture, OLD, NEW));
    fixture_restart(fixture);
    assert_true(identity_is_asked(by_token(fixture, OLD)));
    assert_true(use(fixture, NEW, 0));
    assert_false(identity_is_asked(by_token(fixture, NEW)));
}

static size_t ask_aged(struct fixture *fixture, int64_t before_s)
{
    size_t count;
    fixture_begin(fixture);
    assert_int_equal(identity_ask_aged(&fixture->fleet, fixture->db, before_s, NOW_S, &count),
                     GODWIT_OK);
    fixture_commit(fixture);
    return count;
}

/* Tokens of a certain age are asked for, each once, so many at a time; a new one is young again. */
static void old_tokens_are_asked_for(void **state)
{
    enum { ALL = IDENTITY_AGED_MAX + 2 };
    struct fixture *fixture = *state;
    struct device *device;
    begin(fixture);
    fixture_allow_by(fixture, 0xC2, ALL);
    for (uint8_t n = 2; n <= ALL; n++) {
        const struct godwit_checkin checkin = checkin_of(n, IMAGE);
        assert_int_equal(fixture_claim_by(fixture, 0xC2, &checkin, (uint8_t)(n + 0x70), &device),
                         CLAIM_ACCEPTED);
    }
    assert_int_equal(ask_aged(fixture, NOW_S), 0);
    assert_int_equal(ask_aged(fixture, NOW_S + 1), IDENTITY_AGED_MAX);
    fixture_restart(fixture);
    assert_int_equal(ask_aged(fixture, NOW_S + 1), 2);
    assert_int_equal(ask_aged(fixture, NOW_S + 1), 0);
    assert_true(identity_is_asked(by_token(fixture, OLD)));
    assert_true(use(fixture, OLD, NEW));
    assert_int_equal(ask_aged(fixture, NOW_S + 1), 0); /* on its way */
    assert_true(use(fixture, NEW, 0));
    assert_int_equal(ask_aged(fixture, NOW_S), 0); /* made now */
    assert_int_equal(ask_aged(fixture, NOW_S + 1), 1);
}

/* Digests that are alike in their first bytes are two tokens: each finds its own device, and a
 * third one that is alike finds none. */
static void digests_that_begin_alike(void **state)
{
    struct fixture *fixture = *state;
    uint8_t claim_sha256[32], tokens[3][32];
    struct device *devices[2];
    enum claim_result result;
    begin(fixture);
    memset(claim_sha256, 0xC1, sizeof claim_sha256);
    memset(tokens, 0x44, sizeof tokens);
    for (uint8_t i = 0; i < 3; i++)
        tokens[i][31] = i;
    for (uint8_t i = 0; i < 2; i++) {
        const struct godwit_checkin checkin = checkin_of((uint8_t)(i + 2), IMAGE);
        const struct claim_request wanted = {claim_sha256, tokens[i], &checkin};
        fixture_begin(fixture);
        assert_int_equal(
            device_claim(&fixture->fleet, fixture->db, &wanted, NOW_S, &result, &devices[i]),
            GODWIT_OK);
        fixture_commit(fixture);
        assert_int_equal(result, CLAIM_ACCEPTED);
    }
    for (int round = 0; round < 2; round++) {
        for (uint8_t i = 0; i < 2; i++) {
            struct device *found = device_find_by_token(&fixture->fleet, tokens[i]);
            assert_non_null(found);
            assert_int_equal(found->device_id[5], i + 2);
        }
        assert_null(device_find_by_token(&fixture->fleet, tokens[2]));
        fixture_restart(fixture);
    }
}

/* One request with these counters; true: the device is forked after it. */
static bool send(struct fixture *fixture, uint32_t boots, uint32_t checkins, uint8_t nonce,
                 int64_t now_s)
{
    struct godwit_checkin checkin = checkin_of(1, IMAGE);
    memset(checkin.nonce, nonce, sizeof checkin.nonce);
    struct device *device = by_token(fixture, OLD);
    checkin.boots = boots;
    checkin.checkins = checkins;
    bool is_news = identity_watch(device, &checkin, now_s);
    (void)device_take(&fixture->fleet, device, &checkin, now_s);
    fixture_begin(fixture);
    if (is_news)
        assert_int_equal(device_record(&fixture->fleet, fixture->db, device, &checkin, now_s),
                         GODWIT_OK);
    fixture_commit(fixture);
    return device->is_forked;
}

/* … under a nonce of its own. */
static bool count(struct fixture *fixture, uint32_t boots, uint32_t checkins, int64_t now_s)
{
    static uint8_t nonce;
    return send(fixture, boots, checkins, ++nonce, now_s);
}

/* What an HTTP client does by itself on a connection that had been closed. */
static void the_same_request_again_is_no_other_device(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    for (uint8_t i = 1; i < 20; i++) {
        assert_false(send(fixture, 5, 100u + i, i, NOW_S + i));
        assert_false(send(fixture, 5, 100u + i, i, NOW_S + i));
    }
    assert_int_equal(lines(fixture, EVENT_FORKED), 0);
    assert_false(send(fixture, 5, 119, 200, NOW_S + 20)); /* another one with that count is */
    assert_true(send(fixture, 5, 119, 201, NOW_S + 21));
}

static void two_with_one_flash(void **state)
{
    struct fixture *fixture = *state;
    bool is_done;
    begin(fixture);
    assert_false(count(fixture, 5, 101, NOW_S));
    assert_false(count(fixture, 5, 101, NOW_S + 1));
    assert_false(count(fixture, 5, 102, NOW_S + 60));
    assert_true(count(fixture, 5, 102, NOW_S + 61));
    fixture_restart(fixture);
    struct device *device = by_token(fixture, OLD);
    assert_int_equal(decide(device, &fixture->fleet.catalogue).reason, DECISION_FORKED);
    assert_int_equal(lines(fixture, EVENT_FORKED), 1);
    fixture_begin(fixture);
    assert_int_equal(identity_clear(&fixture->fleet, fixture->db, device, NOW_S, &is_done),
                     GODWIT_OK);
    fixture_commit(fixture);
    assert_true(is_done);
    assert_int_not_equal(decide(device, &fixture->fleet.catalogue).reason, DECISION_FORKED);
    /* one was switched on later: it has booted once more */
    assert_false(count(fixture, 7, 101, NOW_S + 120));
    assert_false(count(fixture, 6, 103, NOW_S + 121));
    assert_false(count(fixture, 7, 102, NOW_S + 180));
    assert_true(count(fixture, 6, 104, NOW_S + 181));
}

static void honest_causes(void **state)
{
    const int64_t later_s = NOW_S + IDENTITY_FORK_WINDOW_S + 1;
    struct fixture *fixture = *state;
    begin(fixture);
    /* boots and check-ins, some that nobody heard, a count of check-ins lost with a reset */
    assert_false(count(fixture, 1, 1, NOW_S));
    assert_false(count(fixture, 1, 9, NOW_S));
    assert_false(count(fixture, 2, 5, NOW_S));
    assert_false(count(fixture, 3, 5, NOW_S));
    /* a flash that was put back from a copy, and days later once more */
    assert_false(count(fixture, 2, 3, NOW_S));
    assert_false(count(fixture, 2, 4, NOW_S));
    assert_false(count(fixture, 1, 2, later_s));
    assert_false(count(fixture, 1, 3, later_s));
    for (int i = 0; i < 5; i++) /* an agent that does not count */
        assert_false(count(fixture, 0, 0, later_s));
    /* a server that was put back from a backup: all it knows is older */
    assert_false(count(fixture, 40, 4000, later_s));
    fixture_restart(fixture);
    assert_false(count(fixture, 41, 4002, later_s));
    assert_int_equal(lines(fixture, EVENT_FORKED), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_are_good_until_the_new_one_is_used, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(nobody_elses_token, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(asked_until_it_is_done, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(the_same_request_again_is_no_other_device, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(old_tokens_are_asked_for, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(digests_that_begin_alike, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(two_with_one_flash, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(honest_causes, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
