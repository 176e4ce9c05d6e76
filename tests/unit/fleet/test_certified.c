/* Joining by a certificate: each row of the decision, and what it does to the fleet. */
#include "fleet/certified.h"

#include "case.h"
#include "fixture.h"
#include "fleet/pending.h"

enum { IMAGE = 1 };

static void the_decision(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 32; i++) {
        CASE(i);
        const struct certified_facts facts = {i & 1, i & 2, i & 4, i & 8, i & 16};
        enum claim_result result = certified_decide(&facts), expected;
        if (facts.is_known && facts.is_same)
            expected = facts.is_retired ? CLAIM_REJECTED : CLAIM_ACCEPTED;
        else if (facts.is_taken)
            expected = CLAIM_TOKEN_TAKEN;
        else if (facts.is_known)
            expected = CLAIM_PENDING;
        else
            expected = facts.has_product ? CLAIM_ACCEPTED : CLAIM_NO_PRODUCT;
        assert_int_equal(result, expected);
    }
}

static void begin(struct fixture *fixture)
{
    struct upload upload = upload_of("1.0.0", IMAGE);
    assert_int_equal(fixture_upload(fixture, &upload), UPLOAD_ADDED);
}

/* As the loop asks first and the writer then does. */
static enum claim_result join(struct fixture *fixture, struct godwit_checkin checkin, uint8_t token)
{
    uint8_t digest[32];
    struct device *device;
    enum claim_result result;
    bool must_write;
    memset(digest, token, sizeof digest);
    const struct claim_request request = {NULL, digest, &checkin};
    enum claim_result before =
        device_certified_check(&fixture->fleet, &request, NOW_S, &must_write);
    fixture_begin(fixture);
    assert_int_equal(
        device_join_certified(&fixture->fleet, fixture->db, &request, NOW_S, &result, &device),
        GODWIT_OK);
    fixture_commit(fixture);
    assert_int_equal(before, result);
    assert_true(must_write || result != CLAIM_ACCEPTED);
    assert_int_equal(device != NULL, result == CLAIM_ACCEPTED);
    return result;
}

static void the_product_is_what_it_runs(void **state)
{
    struct fixture *fixture = *state;
    struct godwit_checkin checkin = checkin_of(1, IMAGE);
    memcpy(checkin.project, "elsewhere", 10);
    assert_int_equal(join(fixture, checkin, 0x11), CLAIM_NO_PRODUCT);
    begin(fixture);
    assert_int_equal(join(fixture, checkin, 0x11), CLAIM_ACCEPTED); /* by its image */
    checkin = checkin_of(2, IMAGE);
    memset(checkin.image_sha256, 0x99, sizeof checkin.image_sha256);
    memcpy(checkin.project, "elsewhere", 10);
    assert_int_equal(join(fixture, checkin, 0x12), CLAIM_NO_PRODUCT);
    memcpy(checkin.project, "thermostat", 11);
    assert_int_equal(join(fixture, checkin, 0x12), CLAIM_ACCEPTED); /* by its project */
    fixture_restart(fixture);
    assert_int_equal(fixture_count(fixture, "select count(*) from devices"), 2);
    assert_int_equal(fixture_count(fixture, "select count(*) from events where kind = 0 and"
                                            " detail = 'by its certificate'"),
                     2);
    assert_int_equal(fixture_count(fixture, "select count(*) from tags"), 0);
}

static void another_token_waits(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    const struct godwit_checkin one = checkin_of(1, IMAGE), two = checkin_of(2, IMAGE);
    assert_int_equal(join(fixture, one, 0x11), CLAIM_ACCEPTED);
    assert_int_equal(join(fixture, one, 0x11), CLAIM_ACCEPTED);
    assert_int_equal(join(fixture, two, 0x11), CLAIM_TOKEN_TAKEN);
    for (uint8_t i = 0; i < 12; i++)
        (void)join(fixture, one, (uint8_t)(0x20 + i % PENDING_CLAIM_MAX));
    assert_int_equal(fixture_count(fixture, "select count(*) from pending_tokens"),
                     PENDING_CLAIM_MAX);
    assert_int_equal(fixture_count(fixture, "select count(*) from devices"), 1);
    assert_int_equal(device_find(&fixture->fleet, FLEET_ORG, one.device_id)->token_sha256[0], 0x11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_decision),
        cmocka_unit_test_setup_teardown(the_product_is_what_it_runs, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(another_token_waits, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
