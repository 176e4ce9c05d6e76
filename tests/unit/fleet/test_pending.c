/* Tokens that ask for an id that is known: who asks changes nothing, who is let in starts anew. */
#include "fleet/pending.h"

#include "case.h"
#include "fixture.h"

enum { OLD = 1, NEW = 2, TOKEN = 1, LOST = 0x51, UNKNOWN = 0x52 };

/* One device that runs 1.0.0 and was told 1.1.0. */
static struct device *begin(struct fixture *fixture)
{
    struct upload first = upload_of("1.0.0", OLD), second = upload_of("1.1.0", NEW);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    struct device *device;
    assert_int_equal(fixture_upload(fixture, &first), UPLOAD_ADDED);
    assert_int_equal(fixture_upload(fixture, &second), UPLOAD_ADDED);
    fixture_allow(fixture, 5);
    assert_int_equal(fixture_claim(fixture, &checkin, TOKEN, &device), CLAIM_ACCEPTED);
    fixture_checkin(fixture, &checkin);
    fixture_deploy(fixture, "1.1.0", NULL, 0);
    assert_int_equal(fixture_checkin(fixture, &checkin).reason, DECISION_OFFERED);
    return device;
}

static enum claim_result ask(struct fixture *fixture, uint8_t token)
{
    struct godwit_checkin checkin = checkin_of(1, OLD);
    struct device *device;
    enum claim_result result = fixture_claim(fixture, &checkin, token, &device);
    assert_null(device);
    return result;
}

static enum pending_result choose(struct fixture *fixture, uint8_t token, bool accepts)
{
    uint8_t mark[PENDING_MARK_SIZE];
    enum pending_result result;
    memset(mark, token, sizeof mark);
    struct device *device = fixture_device(fixture, checkin_of(1, OLD).device_id);
    fixture_begin(fixture);
    assert_int_equal((accepts ? pending_accept : pending_reject)(&fixture->fleet, fixture->db,
                                                                 device, mark, NOW_S, &result),
                     GODWIT_OK);
    fixture_commit(fixture);
    return result;
}

static struct device *by_token(struct fixture *fixture, uint8_t token)
{
    uint8_t digest[32];
    memset(digest, token, sizeof digest);
    return device_find_by_token(&fixture->fleet, digest);
}

static int64_t lines(struct fixture *fixture, enum event_kind kind)
{
    char sql[80];
    snprintf(sql, sizeof sql, "select count(*) from events where kind = %d", kind);
    return fixture_count(fixture, sql);
}

/* One line for each token, however often it asks, also in turn with another. */
static void a_check_in_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct device *device = begin(fixture);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(ask(fixture, LOST), CLAIM_PENDING);
        assert_int_equal(ask(fixture, UNKNOWN), CLAIM_PENDING);
    }
    assert_int_equal(lines(fixture, EVENT_CONFLICT), 2);
    assert_ptr_equal(by_token(fixture, TOKEN), device);
    assert_null(by_token(fixture, LOST));
    assert_int_equal(decide(device, &fixture->fleet.catalogue).kind, DECIDE_INSTALL);
    for (int round = 0; round < 2; round++) {
        device = by_token(fixture, TOKEN);
        const struct pending_token *token = pending_newest(device);
        assert_int_equal(token->token_sha256[0], UNKNOWN);
        assert_int_equal(pending_next(token)->token_sha256[0], LOST);
        assert_string_equal(token->version, "1.0.0");
        fixture_restart(fixture);
    }
}

/* A token each time: a day takes so many, and no more; half of the places for one claim. */
static void a_flood_is_not_written_down(void **state)
{
    struct fixture *fixture = *state;
    struct godwit_checkin checkin = checkin_of(1, OLD);
    struct device *device;
    begin(fixture);
    for (uint8_t claim = 0xC2; claim < 0xC6; claim++)
        fixture_allow_by(fixture, claim, 1);
    for (int day = 1; day <= 2; day++) {
        for (uint8_t n = 0; n < 40; n++) {
            CASE(n);
            assert_int_equal(ask(fixture, (uint8_t)(60 * day + n)), CLAIM_PENDING);
        }
        assert_int_equal(lines(fixture, EVENT_CONFLICT),
                         PENDING_MAX * (day - 1) + PENDING_CLAIM_MAX);
        for (uint8_t claim = 0xC2; claim < 0xC6; claim++)
            for (uint8_t n = 0; n < 3; n++)
                fixture_claim_by(fixture, claim, &checkin,
                                 (uint8_t)(60 * day + 45 + 3 * (claim - 0xC2) + n), &device);
        assert_int_equal(lines(fixture, EVENT_CONFLICT), day * PENDING_MAX);
        assert_int_equal(fixture_count(fixture, "select count(*) from pending_tokens"),
                         PENDING_MAX);
        device = by_token(fixture, TOKEN);
        for (struct pending_token *token = device->pending; token; token = token->next)
            token->requested_s -= PENDING_KEEP_S;
    }
}

/* A claim that is out in the world fills no list: the device that lost its flash gets in with
 * another one, and what was sent away gives its place first. */
static void a_lost_device_finds_a_place(void **state)
{
    struct fixture *fixture = *state;
    struct godwit_checkin checkin = checkin_of(1, OLD);
    struct device *device;
    begin(fixture);
    for (uint8_t claim = 0xC2; claim < 0xC4; claim++)
        fixture_allow_by(fixture, claim, 1);
    for (uint8_t n = 0; n < PENDING_MAX; n++) {
        CASE(n);
        ask(fixture, (uint8_t)(100 + n));
    }
    assert_int_equal(fixture_claim_by(fixture, 0xC2, &checkin, LOST, &device), CLAIM_PENDING);
    assert_int_equal(choose(fixture, LOST, true), PENDING_DONE);
    assert_non_null(by_token(fixture, LOST));
    /* both claims are out: eight wait; one that is sent away makes room, though it is new */
    for (uint8_t n = 0; n < PENDING_CLAIM_MAX; n++) {
        CASE(n);
        ask(fixture, (uint8_t)(150 + n));
        fixture_claim_by(fixture, 0xC2, &checkin, (uint8_t)(160 + n), &device);
    }
    fixture_claim_by(fixture, 0xC3, &checkin, UNKNOWN, &device);
    assert_int_equal(fixture_count(fixture, "select count(*) from pending_tokens"), PENDING_MAX);
    assert_int_equal(choose(fixture, UNKNOWN, true), PENDING_NONE);
    assert_int_equal(choose(fixture, 152, false), PENDING_DONE);
    fixture_claim_by(fixture, 0xC3, &checkin, UNKNOWN, &device);
    assert_int_equal(choose(fixture, UNKNOWN, true), PENDING_DONE);
    assert_non_null(by_token(fixture, UNKNOWN));
}

static void only_the_newest_request_is_let_in(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_int_equal(choose(fixture, LOST, true), PENDING_NONE);
    ask(fixture, LOST);
    ask(fixture, UNKNOWN);
    assert_int_equal(choose(fixture, LOST, true), PENDING_OLDER);
    assert_non_null(by_token(fixture, TOKEN));
    assert_int_equal(choose(fixture, UNKNOWN, false), PENDING_DONE);
    assert_int_equal(lines(fixture, EVENT_REJECTED), 1);
    assert_int_equal(choose(fixture, UNKNOWN, true), PENDING_NONE);
    fixture_restart(fixture);
    assert_int_equal(ask(fixture, UNKNOWN), CLAIM_REJECTED);
    assert_int_equal(choose(fixture, LOST, true), PENDING_DONE);
    assert_null(by_token(fixture, TOKEN));
    assert_non_null(by_token(fixture, LOST));
    assert_int_equal(ask(fixture, UNKNOWN), CLAIM_REJECTED); /* it stays known */
    assert_int_equal(ask(fixture, TOKEN), CLAIM_PENDING);    /* the former one is a stranger now */
}

static void who_is_let_in_starts_anew(void **state)
{
    struct fixture *fixture = *state;
    struct device *device = begin(fixture);
    struct rollout *rollout = fixture->fleet.catalogue.rollouts;
    /* the file failed on it before its flash was lost */
    struct godwit_checkin failed = checkin_of(1, OLD), again = checkin_of(1, OLD);
    failed.counter = failed.rollback_floor = 9;
    failed.outcome = outcome_panicked(1, rollout->id, NEW);
    fixture_checkin(fixture, &failed);
    assert_int_equal(rollout->failed_count, 1);
    ask(fixture, LOST);
    assert_int_equal(choose(fixture, LOST, true), PENDING_DONE);
    assert_int_equal(rollout->failed_count, 0);
    assert_int_equal(device->facts.rollback_floor, 0);
    assert_int_equal(device->facts.slot_size, 1 << 20);
    assert_int_equal(lines(fixture, EVENT_ACCEPTED), 1);
    for (int round = 0; round < 2; round++) {
        device = by_token(fixture, LOST);
        assert_non_null(device);
        assert_null(pending_newest(device));
        assert_int_equal(device->failed_images_count, 0);
        assert_int_equal(device->last_outcome->id, 0);
        assert_true(godwit_all(device->known_image, 32, 0));
        assert_int_equal(device->members->state, MEMBER_SELECTED);
        fixture_restart(fixture);
    }
    /* it claims with the token that was let in, and is told what all are told */
    assert_int_equal(fixture_claim(fixture, &again, LOST, &device), CLAIM_ACCEPTED);
    assert_int_equal(fixture_checkin(fixture, &again).reason, DECISION_OFFERED);
    rollout = fixture->fleet.catalogue.rollouts;
    assert_int_equal(rollout->in_progress_count, 1);
    /* and its first outcome is news, though its number was used before */
    failed.counter = failed.rollback_floor = 0;
    assert_int_equal(fixture_checkin(fixture, &failed).reason, DECISION_FAILED_BEFORE);
    assert_int_equal(rollout->failed_count, 1);
}

/* An outcome that speaks of what the device before was told moves nothing. */
static void what_it_was_offered_before_is_void(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    struct rollout *rollout = fixture->fleet.catalogue.rollouts;
    ask(fixture, LOST);
    assert_int_equal(choose(fixture, LOST, true), PENDING_DONE);
    assert_int_equal(rollout->in_progress_count, 0);
    struct godwit_checkin late = checkin_of(1, OLD);
    late.outcome = (struct godwit_outcome){.id = 3,
                                           .rollout_id = rollout->id,
                                           .stage = GODWIT_STAGE_DOWNLOAD,
                                           .reason = GODWIT_REASON_DOWNLOAD_REFUSED};
    memset(late.outcome.file_sha256, NEW + 100, 32);
    assert_int_equal(fixture_checkin(fixture, &late).reason, DECISION_OFFERED);
    assert_int_equal(rollout->failed_count, 0);
    assert_int_equal(rollout->in_progress_count, 1);
    assert_int_equal(lines(fixture, EVENT_REPORTED), 1);
}

static void a_token_is_one_device_only(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    struct godwit_checkin other = checkin_of(2, OLD);
    struct device *device;
    ask(fixture, LOST);
    assert_int_equal(fixture_claim(fixture, &other, LOST, &device), CLAIM_ACCEPTED);
    assert_int_equal(ask(fixture, LOST), CLAIM_TOKEN_TAKEN);
    assert_int_equal(choose(fixture, LOST, true), PENDING_TAKEN);
    assert_ptr_equal(by_token(fixture, LOST), device);
    assert_non_null(by_token(fixture, TOKEN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_check_in_changes_nothing, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_flood_is_not_written_down, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_lost_device_finds_a_place, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(only_the_newest_request_is_let_in, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(who_is_let_in_starts_anew, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_it_was_offered_before_is_void, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_token_is_one_device_only, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
