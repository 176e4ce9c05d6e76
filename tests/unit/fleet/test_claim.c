/* Claim tokens: how long they let devices in, and how they end. */
#include "fleet/claim.h"

#include "case.h"
#include "fixture.h"

enum { IMAGE = 1, CLAIM = 0xC1, TOKEN = 1 };

static void begin(struct fixture *fixture)
{
    struct upload upload = upload_of("1.0.0", IMAGE);
    assert_int_equal(fixture_upload(fixture, &upload), UPLOAD_ADDED);
}

/* The claim that is filled with `claim`, made at `now_s`. */
static bool make(struct fixture *fixture, uint8_t claim, uint32_t count, int64_t now_s,
                 int64_t expires_s)
{
    uint8_t digest[32];
    bool is_full;
    memset(digest, claim, sizeof digest);
    fixture_begin(fixture);
    const struct claim_terms terms = {
        .product = product_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat"),
        .count_max = count,
        .expires_s = expires_s,
        .tags = "site=berlin kitchen"};
    assert_int_equal(claim_create(&fixture->fleet, fixture->db, &terms, digest, now_s, &is_full),
                     GODWIT_OK);
    fixture_commit(fixture);
    return !is_full;
}

static bool revoke(struct fixture *fixture, uint8_t claim)
{
    uint8_t mark[CLAIM_MARK_SIZE];
    memset(mark, claim, sizeof mark);
    assert_null(claim_by_mark(&fixture->fleet, "other", mark));
    struct claim *found = claim_by_mark(&fixture->fleet, FLEET_ORG, mark);
    if (!found) return false;
    fixture_begin(fixture);
    assert_int_equal(claim_revoke(&fixture->fleet, fixture->db, found, NOW_S + 5), GODWIT_OK);
    fixture_commit(fixture);
    return true;
}

static enum claim_result join(struct fixture *fixture, uint8_t n)
{
    struct godwit_checkin checkin = checkin_of(n, IMAGE);
    struct device *device;
    bool must_write;
    uint8_t claim[32], token[32];
    memset(claim, CLAIM, sizeof claim);
    memset(token, n, sizeof token);
    const struct claim_request request = {claim, token, &checkin};
    enum claim_result said = device_claim_check(&fixture->fleet, &request, NOW_S, &must_write);
    enum claim_result done = fixture_claim(fixture, &checkin, n, &device);
    assert_int_equal(said, done);
    return done;
}

static void its_time_is_over(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_true(make(fixture, CLAIM, 5, NOW_S - 10, NOW_S));
    assert_int_equal(join(fixture, 1), CLAIM_EXPIRED);
    assert_int_equal(fixture_count(fixture, "select count(*) from devices"), 0);
}

static void it_lasts_until_then(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_true(make(fixture, CLAIM, 1, NOW_S - 10, NOW_S + 1));
    fixture_restart(fixture);
    assert_int_equal(join(fixture, 1), CLAIM_ACCEPTED);
    assert_int_equal(join(fixture, 1), CLAIM_ACCEPTED); /* repeated after a power loss */
    assert_int_equal(join(fixture, 2), CLAIM_USED_UP);
}

static void ended_at_once(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_true(make(fixture, CLAIM, 5, NOW_S, 0));
    assert_int_equal(join(fixture, 1), CLAIM_ACCEPTED);
    assert_true(revoke(fixture, CLAIM));
    assert_false(revoke(fixture, CLAIM));
    for (int round = 0; round < 2; round++) {
        assert_int_equal(join(fixture, 2), CLAIM_UNKNOWN);
        fixture_restart(fixture);
    }
    uint8_t token[32];
    memset(token, 1, sizeof token);
    assert_non_null(device_find_by_token(&fixture->fleet, token));
}

static struct claim_row rows[8];

static size_t list(struct fixture *fixture, const struct claim_row *after, size_t count_max)
{
    static const struct claim_row newest = {.created_s = INT64_MAX};
    size_t count;
    assert_int_equal(
        claim_list(fixture->db, FLEET_ORG, "", after ? after : &newest, rows, count_max, &count),
        GODWIT_OK);
    return count;
}

static void listed_by_pages(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    for (uint8_t i = 1; i <= 5; i++)
        assert_true(make(fixture, i, i, NOW_S + i / 2, i == 4 ? NOW_S + 9 : 0));
    assert_true(revoke(fixture, 5));
    static const uint8_t ORDER[] = {5, 4, 3, 2, 1};
    struct claim_row last;
    assert_int_equal(list(fixture, NULL, 2), 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(rows[i].claim_sha256[0], ORDER[i]);
    assert_string_equal(claim_state(&rows[0], NOW_S), "revoked");
    assert_string_equal(claim_state(&rows[1], NOW_S + 8), "open");
    assert_string_equal(claim_state(&rows[1], NOW_S + 9), "expired");
    assert_string_equal(rows[1].product, "thermostat");
    assert_string_equal(rows[1].tags, "site=berlin kitchen");
    last = rows[1];
    assert_int_equal(list(fixture, &last, 8), 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(rows[i].claim_sha256[0], ORDER[2 + i]);
    last = rows[2];
    assert_int_equal(list(fixture, &last, 8), 0);
}

static void its_tags_are_the_devices(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_true(make(fixture, CLAIM, 5, NOW_S, 0));
    assert_int_equal(join(fixture, 1), CLAIM_ACCEPTED);
    assert_int_equal(fixture_count(fixture, "select count(*) from tags where"
                                            " tag in ('site=berlin', 'kitchen')"),
                     2);
}

static void its_history_tells_by_which(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_true(make(fixture, CLAIM, 5, NOW_S, 0));
    assert_int_equal(join(fixture, 1), CLAIM_ACCEPTED);
    assert_int_equal(fixture_count(fixture, "select count(*) from events where kind = 0 and"
                                            " detail = 'claim c1c1c1c1c1c1c1c1'"),
                     1);
}

/* What ended long ago goes when the next is made, so that the table does not only grow. */
static void old_ones_go(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_true(make(fixture, 1, 1, NOW_S, NOW_S + 10));
    assert_true(make(fixture, 2, 1, NOW_S, 0));
    assert_true(make(fixture, 3, 1, NOW_S, 0));
    assert_true(revoke(fixture, 3));
    assert_true(make(fixture, 4, 1, NOW_S + CLAIM_KEEP_S, 0));
    assert_int_equal(fixture_count(fixture, "select count(*) from claims"), 4);
    assert_true(make(fixture, 5, 1, NOW_S + 10 + CLAIM_KEEP_S, 0));
    assert_int_equal(fixture_count(fixture, "select count(*) from claims"), 3);
    assert_int_equal(fixture->fleet.claims_by_digest.count, 3);
}

static void not_without_end(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    fixture_begin(fixture);
    const struct claim_terms terms = {
        .product = product_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat"),
        .count_max = 1};
    uint8_t digest[32] = {0};
    bool is_full = false;
    for (uint32_t i = 0; i <= CLAIMS_MAX; i++) {
        assert_false(is_full);
        memcpy(digest, &i, sizeof i);
        assert_int_equal(
            claim_create(&fixture->fleet, fixture->db, &terms, digest, NOW_S, &is_full), GODWIT_OK);
    }
    fixture_commit(fixture);
    assert_true(is_full);
    assert_int_equal(fixture_count(fixture, "select count(*) from claims"), CLAIMS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(its_time_is_over, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(it_lasts_until_then, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(ended_at_once, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(listed_by_pages, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(its_tags_are_the_devices, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(its_history_tells_by_which, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(old_ones_go, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(not_without_end, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
