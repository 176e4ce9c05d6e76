/* Devices through whole scenarios: told, good, failed, cut by power; and how they join. */
#include "case.h"
#include "fixture.h"
#include "fleet/memory.h"

#define OLD 1
#define NEW 2
#define NEWER 3

static struct fixture *begin(void **state, uint8_t devices)
{
    struct fixture *fixture = *state;
    struct upload first = upload_of("1.0.0", OLD), second = upload_of("1.1.0", NEW),
                  third = upload_of("1.2.0", NEWER);
    assert_int_equal(fixture_upload(fixture, &first), UPLOAD_ADDED);
    assert_int_equal(fixture_upload(fixture, &second), UPLOAD_ADDED);
    assert_int_equal(fixture_upload(fixture, &third), UPLOAD_ADDED);
    fixture_allow(fixture, devices);
    for (uint8_t n = 1; n <= devices; n++) {
        CASE(n);
        struct godwit_checkin checkin = checkin_of(n, OLD);
        struct device *device;
        assert_int_equal(fixture_claim(fixture, &checkin, n, &device), CLAIM_ACCEPTED);
        assert_int_equal(fixture_checkin(fixture, &checkin).reason, DECISION_NO_ROLLOUT);
    }
    return fixture;
}

static struct godwit_checkin outcome_of(uint8_t n, uint8_t runs, uint8_t of, uint32_t rollout,
                                        enum godwit_stage stage, enum godwit_reason reason)
{
    struct godwit_checkin checkin = checkin_of(n, runs);
    checkin.outcome =
        (struct godwit_outcome){.id = 1, .rollout_id = rollout, .stage = stage, .reason = reason};
    memset(checkin.outcome.file_sha256, of + 100, 32);
    return checkin;
}

static struct godwit_checkin rolled_back(uint8_t n, uint32_t rollout, enum godwit_reason reason)
{
    return outcome_of(n, OLD, NEW, rollout, GODWIT_STAGE_ROLLED_BACK, reason);
}

static void at_most_ten_in_progress(void **state)
{
    struct fixture *fixture = begin(state, 13);
    struct rollout *rollout = fixture_deploy(fixture, "1.1.0", NULL, 0);
    for (uint8_t n = 1; n <= 13; n++) {
        CASE(n);
        struct godwit_checkin checkin = checkin_of(n, OLD);
        struct decision decision = fixture_checkin(fixture, &checkin);
        assert_int_equal(decision.reason, n <= 10 ? DECISION_OFFERED : DECISION_QUEUED);
    }
    assert_int_equal(rollout->in_progress_count, 10);
    assert_int_equal(rollout->offered_count, 10);
    /* one proves it: one place; one fails: another; failures do not stop it */
    struct godwit_checkin good = checkin_of(1, NEW), waits = checkin_of(11, OLD);
    assert_int_equal(fixture_checkin(fixture, &good).reason, DECISION_UP_TO_DATE);
    assert_int_equal(fixture_checkin(fixture, &waits).reason, DECISION_OFFERED);
    waits = checkin_of(12, OLD);
    assert_int_equal(fixture_checkin(fixture, &waits).reason, DECISION_QUEUED);
    struct godwit_checkin bad = rolled_back(2, rollout->id, GODWIT_REASON_TRIAL_PANIC);
    assert_int_equal(fixture_checkin(fixture, &bad).reason, DECISION_FAILED_BEFORE);
    assert_int_equal(fixture_checkin(fixture, &waits).reason, DECISION_OFFERED);
    assert_int_equal(rollout->succeeded_count, 1);
    assert_int_equal(rollout->failed_count, 1);
    assert_int_equal(rollout->in_progress_count, 10);
    assert_int_equal(device_member(fixture_device(fixture, waits.device_id), rollout)->offer_number,
                     12);
}

static void what_was_offered_survives_a_restart(void **state)
{
    struct fixture *fixture = begin(state, 2);
    fixture_deploy(fixture, "1.1.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    assert_int_equal(fixture_checkin(fixture, &checkin).kind, DECIDE_INSTALL);
    fixture_restart(fixture);
    struct device *device = fixture_device(fixture, checkin.device_id);
    struct rollout *rollout = fixture->fleet.catalogue.rollouts;
    assert_int_equal(rollout->offered_count, 1);
    assert_int_equal(rollout->in_progress_count, 1);
    assert_int_equal(device_member(device, rollout)->offer_number, 1);
    assert_false(device_take(&fixture->fleet, device, &checkin, NOW_S));
    assert_int_equal(decide(device, &fixture->fleet.catalogue).kind, DECIDE_INSTALL);
}

/* A server killed before the next flush of facts must be able to judge what has just enrolled. */
static void what_enrolled_is_known_after_a_kill(void **state)
{
    struct fixture *fixture = begin(state, 1);
    fixture_restart(fixture);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    struct device *device = fixture_device(fixture, checkin.device_id);
    assert_int_equal(device->facts.chip_id, CHIP);
    assert_int_equal(device->facts.slot_size, 1 << 20);
    assert_string_equal(device->facts.running->version, "1.0.0");
    fixture_deploy(fixture, "1.1.0", NULL, 0);
    assert_int_equal(decide(device, &fixture->fleet.catalogue).reason, DECISION_OFFERED);
}

/* One line in the log for each change of mind, none for an idle check-in. */
static void the_same_reply_is_no_news(void **state)
{
    struct fixture *fixture = begin(state, 1);
    struct godwit_checkin checkin = checkin_of(1, OLD), tries = checkin;
    struct device *device = fixture_device(fixture, checkin.device_id);
    tries.on_trial = true;
    struct decision decision = fixture_checkin(fixture, &checkin);
    assert_true(device_is_news(device, &decision));
    decision = fixture_checkin(fixture, &checkin);
    assert_false(device_is_news(device, &decision));
    fixture_deploy(fixture, "1.1.0", NULL, 0);
    decision = fixture_checkin(fixture, &checkin);
    assert_true(device_is_news(device, &decision));
    assert_false(device_is_news(device, &decision));
    decision = fixture_checkin(fixture, &tries);
    assert_true(device_is_news(device, &decision));
    decision = fixture_checkin(fixture, &checkin);
    assert_true(device_is_news(device, &decision));
    fixture_deploy(fixture, "1.2.0", NULL, 0); /* offered again, but by another rollout */
    decision = fixture_checkin(fixture, &checkin);
    assert_int_equal(decision.reason, DECISION_OFFERED);
    assert_true(device_is_news(device, &decision));
}

/* Between the row and its commit nothing may be answered, and no byte handed out. */
static void nothing_is_said_before_its_commit(void **state)
{
    struct fixture *fixture = begin(state, 1);
    fixture_deploy(fixture, "1.1.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    struct device *device = fixture_device(fixture, checkin.device_id);
    uint8_t file[32];
    memset(file, NEW + 100, 32);
    assert_true(device_take(&fixture->fleet, device, &checkin, NOW_S));
    assert_false(device_may_download(&fixture->fleet, device, file));
    fixture_begin(fixture);
    assert_int_equal(device_record(&fixture->fleet, fixture->db, device, &checkin, NOW_S),
                     GODWIT_OK);
    assert_true(device_take(&fixture->fleet, device, &checkin, NOW_S));
    assert_false(device_may_download(&fixture->fleet, device, file));
    fixture_commit(fixture);
    assert_false(device_take(&fixture->fleet, device, &checkin, NOW_S));
    assert_true(device_may_download(&fixture->fleet, device, file));
    memset(file, OLD + 100, 32);
    assert_false(device_may_download(&fixture->fleet, device, file));
}

static void a_lost_commit_is_forgotten(void **state)
{
    struct fixture *fixture = begin(state, 1);
    fixture_deploy(fixture, "1.1.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    struct device *device = fixture_device(fixture, checkin.device_id);
    fixture_begin(fixture);
    assert_int_equal(device_record(&fixture->fleet, fixture->db, device, &checkin, NOW_S),
                     GODWIT_OK);
    assert_int_equal(fixture->fleet.catalogue.rollouts->offered_count, 1);
    db_rollback(fixture->db);
    assert_int_equal(fleet_load(&fixture->fleet, fixture->db), GODWIT_OK);
    assert_int_equal(fixture->fleet.catalogue.rollouts->offered_count, 0);
    device = fixture_device(fixture, checkin.device_id);
    assert_true(device_take(&fixture->fleet, device, &checkin, NOW_S));
}

static void good_is_the_expected_digest_confirmed(void **state)
{
    struct fixture *fixture = begin(state, 1);
    struct rollout *rollout = fixture_deploy(fixture, "1.1.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    fixture_checkin(fixture, &checkin);
    struct godwit_checkin wrong =
        outcome_of(1, 77, NEW, rollout->id, GODWIT_STAGE_CONFIRMED, GODWIT_REASON_NONE);
    fixture_checkin(fixture, &wrong);
    assert_int_equal(rollout->succeeded_count, 0);
    struct godwit_checkin trial = checkin_of(1, NEW);
    trial.on_trial = true;
    assert_int_equal(fixture_checkin(fixture, &trial).reason, DECISION_ON_TRIAL);
    assert_int_equal(rollout->succeeded_count, 0);
    struct godwit_checkin right =
        outcome_of(1, NEW, NEW, rollout->id, GODWIT_STAGE_CONFIRMED, GODWIT_REASON_NONE);
    right.outcome.id = 2;
    assert_int_equal(fixture_checkin(fixture, &right).reason, DECISION_UP_TO_DATE);
    assert_int_equal(rollout->succeeded_count, 1);
    assert_int_equal(rollout->in_progress_count, 0);
    assert_int_equal(fixture_count(fixture, "select count(*) from events where kind = 2"), 1);
}

static void what_is_not_the_files_fault_is_offered_again(void **state)
{
    struct fixture *fixture = begin(state, 1);
    struct rollout *rollout = fixture_deploy(fixture, "1.1.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    fixture_checkin(fixture, &checkin);
    struct godwit_checkin back = rolled_back(1, rollout->id, GODWIT_REASON_FLASH);
    struct decision decision = fixture_checkin(fixture, &back);
    assert_int_equal(decision.kind, DECIDE_INSTALL);
    assert_int_equal(rollout->in_progress_count, 1);
    assert_int_equal(rollout->failed_count, 0);
    assert_int_equal(fixture_count(fixture, "select count(*) from events where kind = 4"), 1);
    /* it ended on this device, and the next rollout of the very file finds it as it was */
    struct godwit_checkin refused =
        outcome_of(1, OLD, NEW, rollout->id, GODWIT_STAGE_VERIFY, GODWIT_REASON_POLICY_KEYS);
    refused.outcome.id = 2;
    assert_int_equal(fixture_checkin(fixture, &refused).reason, DECISION_FAILED_BEFORE);
    assert_int_equal(rollout->failed_count, 1);
    fixture_deploy(fixture, "1.1.0", NULL, 0);
    assert_int_equal(fixture_checkin(fixture, &refused).reason, DECISION_OFFERED);
}

/* Noticed, told in the history, and nothing else changes. */
static void a_notice_is_an_event(void **state)
{
    static const enum godwit_reason NOTICES[] = {
        GODWIT_REASON_JOURNAL_LOST, GODWIT_REASON_OTADATA_REPAIRED, GODWIT_REASON_IMAGE_DAMAGED,
        GODWIT_REASON_REJECTED_RUNS, GODWIT_REASON_UNWATCHED};
    struct fixture *fixture = begin(state, 1);
    struct rollout *rollout = fixture_deploy(fixture, "1.1.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    fixture_checkin(fixture, &checkin);
    for (size_t i = 0; i < sizeof NOTICES / sizeof *NOTICES; i++) {
        CASE(i);
        struct godwit_checkin notice =
            outcome_of(1, OLD, 0, rollout->id, GODWIT_STAGE_NONE, NOTICES[i]);
        memset(notice.outcome.file_sha256, 0, 32);
        notice.outcome.id = 10 + (uint32_t)i;
        assert_int_equal(fixture_checkin(fixture, &notice).reason, DECISION_OFFERED);
        struct event event;
        size_t count;
        assert_int_equal(event_list(fixture->db, fixture_device(fixture, checkin.device_id)->id,
                                    INT64_MAX, &event, 1, &count),
                         GODWIT_OK);
        assert_int_equal(event.kind, EVENT_NOTICE);
        assert_int_equal(event.reason, NOTICES[i]);
        assert_string_equal(event_sentence(&event), godwit_reason_sentence(NOTICES[i]));
    }
    assert_int_equal(rollout->in_progress_count, 1);
    assert_int_equal(rollout->failed_count, 0);
}

static void a_failed_image_is_not_offered_again(void **state)
{
    struct fixture *fixture = begin(state, 1);
    struct rollout *rollout = fixture_deploy(fixture, "1.1.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    fixture_checkin(fixture, &checkin);
    struct godwit_checkin back = rolled_back(1, rollout->id, GODWIT_REASON_TRIAL_PANIC);
    assert_int_equal(fixture_checkin(fixture, &back).reason, DECISION_FAILED_BEFORE);
    fixture_deploy(fixture, "1.1.0", NULL, 0);
    fixture_restart(fixture);
    assert_int_equal(fixture_checkin(fixture, &back).reason, DECISION_FAILED_BEFORE);
    fixture_deploy(fixture, "1.2.0", NULL, 0);
    assert_int_equal(fixture_checkin(fixture, &back).reason, DECISION_OFFERED);
}

static void an_outcome_is_recorded_once(void **state)
{
    struct fixture *fixture = begin(state, 1);
    struct rollout *rollout = fixture_deploy(fixture, "1.1.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    fixture_checkin(fixture, &checkin);
    struct godwit_checkin back = rolled_back(1, rollout->id, GODWIT_REASON_TRIAL_PANIC);
    for (int i = 0; i < 3; i++)
        fixture_checkin(fixture, &back);
    fixture_restart(fixture);
    fixture_checkin(fixture, &back);
    assert_int_equal(fixture_count(fixture, "select count(*) from events where kind = 3"), 1);
    /* its journal was lost and it counts from 1 again: another outcome under the same id */
    back.outcome.reason = GODWIT_REASON_TRIAL_WATCHDOG;
    fixture_checkin(fixture, &back);
    assert_int_equal(fixture_count(fixture, "select count(*) from events where kind = 3"), 2);
}

static void a_newer_rollout_takes_over(void **state)
{
    struct fixture *fixture = begin(state, 2);
    struct rollout *first = fixture_deploy(fixture, "1.1.0", NULL, 0);
    struct godwit_checkin one = checkin_of(1, OLD), two = checkin_of(2, OLD);
    fixture_checkin(fixture, &one);
    fixture_checkin(fixture, &two);
    struct device *device = fixture_device(fixture, one.device_id);
    struct rollout *second = fixture_deploy(fixture, "1.2.0", &device, 1);
    assert_ptr_equal(fixture_checkin(fixture, &one).rollout, second);
    assert_ptr_equal(fixture_checkin(fixture, &two).rollout, first);
    assert_int_equal(first->in_progress_count, 1);
    assert_int_equal(second->in_progress_count, 1);
    assert_int_equal(device_member(device, first)->state, MEMBER_SUPERSEDED);
}

static void another_image_by_cable_is_an_event(void **state)
{
    struct fixture *fixture = begin(state, 1);
    struct godwit_checkin checkin = checkin_of(1, 77);
    fixture_checkin(fixture, &checkin);
    fixture_checkin(fixture, &checkin);
    assert_int_equal(fixture_count(fixture, "select count(*) from events where kind = 6"), 1);
}

/* Runs → told → hands on the keys → told the rollout's own → there. One member all the way. */
static void over_a_bridge_and_on(void **state)
{
    enum { BRIDGE = 11, TARGET = 12 };
    struct fixture *fixture = begin(state, 1);
    struct upload bridge = upload_of("2.0.0", BRIDGE), target = upload_of("3.0.0", TARGET);
    upload_policy(&bridge, 0xBB, 2);
    bridge.image.trust.policy.image_keys_count = 2;
    memset(bridge.image.trust.policy.image_keys[1], 0xAA, 32);
    upload_policy(&target, 0xBB, 3);
    memset(target.image.trust.keys[0], 0xBB, 32);
    assert_int_equal(fixture_upload(fixture, &bridge), UPLOAD_ADDED);
    struct device *device = fixture->fleet.devices[0];
    fixture_deploy(fixture, "2.0.0", &device, 1); /* frozen, and never taken */
    assert_int_equal(fixture_upload(fixture, &target), UPLOAD_ADDED);
    struct rollout *rollout = fixture_deploy(fixture, "3.0.0", NULL, 0);
    for (int round = 0; round < 2; round++) {
        struct godwit_checkin checkin = checkin_of(1, OLD);
        struct decision decision = fixture_checkin(fixture, &checkin);
        assert_int_equal(decision.reason, DECISION_BRIDGE);
        assert_int_equal(decision.kind, DECIDE_INSTALL);
        assert_string_equal(decision.image->release->version, "2.0.0");
        fixture_restart(fixture);
    }
    rollout = rollout_find(&fixture->fleet.catalogue, 2);
    assert_int_equal(fixture_count(fixture, "select count(*) from events where kind = 1"
                                            " and version = '3.0.0' and detail = 'over 2.0.0'"),
                     1);
    struct godwit_checkin on_way =
        outcome_of(1, BRIDGE, BRIDGE, rollout->id, GODWIT_STAGE_CONFIRMED, GODWIT_REASON_NONE);
    on_way.counter = 2;
    struct decision decision = fixture_checkin(fixture, &on_way);
    assert_int_equal(decision.reason, DECISION_OFFERED);
    assert_string_equal(decision.image->release->version, "3.0.0");
    assert_int_equal(rollout->in_progress_count, 1);
    assert_int_equal(rollout->succeeded_count, 0);
    assert_int_equal(fixture_count(fixture, "select count(*) from events where kind = 8"
                                            " and version = '2.0.0'"),
                     1);
    struct godwit_checkin there =
        outcome_of(1, TARGET, TARGET, rollout->id, GODWIT_STAGE_CONFIRMED, GODWIT_REASON_NONE);
    there.counter = 3;
    there.outcome.id = 2;
    assert_int_equal(fixture_checkin(fixture, &there).reason, DECISION_UP_TO_DATE);
    assert_int_equal(rollout->succeeded_count, 1);
    assert_int_equal(rollout->offered_count, 1);
    assert_int_equal(fixture_count(fixture, "select count(*) from events where kind = 6"), 0);
}

/* The newest of two bridges crashes here: the other one is taken; when that fails too, it is over.
 */
static void round_a_bridge_that_failed(void **state)
{
    enum { TARGET = 13 };
    struct fixture *fixture = begin(state, 1);
    struct device *device = fixture->fleet.devices[0];
    for (uint8_t i = 1; i <= 2; i++) {
        struct upload bridge = upload_of(i == 1 ? "2.1.0" : "2.2.0", 20 + i);
        upload_policy(&bridge, 0xBB, 1 + i);
        bridge.image.trust.policy.image_keys_count = 2;
        memset(bridge.image.trust.policy.image_keys[1], 0xAA, 32);
        assert_int_equal(fixture_upload(fixture, &bridge), UPLOAD_ADDED);
        fixture_deploy(fixture, bridge.version, &device, 1);
    }
    struct upload target = upload_of("3.0.0", TARGET);
    upload_policy(&target, 0xBB, 9);
    memset(target.image.trust.keys[0], 0xBB, 32);
    assert_int_equal(fixture_upload(fixture, &target), UPLOAD_ADDED);
    struct rollout *rollout = fixture_deploy(fixture, "3.0.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    assert_string_equal(fixture_checkin(fixture, &checkin).image->release->version, "2.2.0");
    struct godwit_checkin back =
        outcome_of(1, OLD, 22, rollout->id, GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_TRIAL_PANIC);
    struct decision decision = fixture_checkin(fixture, &back);
    assert_int_equal(decision.reason, DECISION_BRIDGE);
    assert_string_equal(decision.image->release->version, "2.1.0");
    assert_int_equal(rollout->in_progress_count, 1);
    back = outcome_of(1, OLD, 21, rollout->id, GODWIT_STAGE_ROLLED_BACK, GODWIT_REASON_TRIAL_PANIC);
    back.outcome.id = 2;
    assert_int_equal(fixture_checkin(fixture, &back).reason, DECISION_NO_UPGRADE_PATH);
    assert_int_equal(rollout->in_progress_count, 0);
    assert_int_equal(rollout->failed_count, 1);
    assert_int_equal(fixture_count(fixture, "select count(*) from events where kind = 3"), 2);
}

static void claims(void **state)
{
    struct fixture *fixture = begin(state, 1);
    struct godwit_checkin checkin = checkin_of(1, OLD), other = checkin_of(2, OLD);
    struct device *device;
    /* repeated: the same device, nothing spent */
    assert_int_equal(fixture_claim(fixture, &checkin, 1, &device), CLAIM_ACCEPTED);
    assert_non_null(device);
    assert_int_equal(fixture_count(fixture, "select used_count from claims"), 1);
    /* the same id with another token waits, and is said once */
    assert_int_equal(fixture_claim(fixture, &checkin, 9, &device), CLAIM_PENDING);
    assert_int_equal(fixture_claim(fixture, &checkin, 9, &device), CLAIM_PENDING);
    assert_null(device);
    assert_int_equal(fixture_count(fixture, "select count(*) from events where kind = 7"), 1);
    /* a cloned flash: another id with a token that is taken; refused before SQL would */
    assert_int_equal(fixture_claim(fixture, &other, 1, &device), CLAIM_TOKEN_TAKEN);
    assert_null(device);
    /* used up */
    assert_int_equal(fixture_claim(fixture, &other, 2, &device), CLAIM_USED_UP);
    assert_int_equal(fixture_count(fixture, "select count(*) from devices"), 1);
    fixture_restart(fixture);
    assert_int_equal(fixture_claim(fixture, &checkin, 1, &device), CLAIM_ACCEPTED);
    assert_int_equal(fixture_claim(fixture, &other, 2, &device), CLAIM_USED_UP);
    uint8_t stranger[32] = {1}, token[32] = {2};
    enum claim_result result;
    const struct claim_request wanted = {stranger, token, &other};
    assert_int_equal(device_claim(&fixture->fleet, fixture->db, &wanted, NOW_S, &result, &device),
                     GODWIT_OK);
    assert_int_equal(result, CLAIM_UNKNOWN);
}

/* The index looks at eight bytes; the rest is compared too. */
static void a_token_is_all_its_bytes(void **state)
{
    struct fixture *fixture = begin(state, 1);
    uint8_t token[32];
    memset(token, 1, 32);
    assert_non_null(device_find_by_token(&fixture->fleet, token));
    for (size_t i = 0; i < 32; i++) {
        CASE(i);
        token[i] ^= 0x80;
        assert_null(device_find_by_token(&fixture->fleet, token));
        token[i] ^= 0x80;
    }
}

static void facts_are_flushed_and_read_again(void **state)
{
    struct fixture *fixture = begin(state, 3);
    bool more = false;
    struct godwit_checkin says = checkin_of(3, OLD);
    says.rollback_floor = 7;
    says.unwatched = true;
    memset(says.deploy_keys, 0xD1, 16);
    fixture_checkin(fixture, &says);
    fixture_begin(fixture);
    assert_int_equal(device_flush(&fixture->fleet, fixture->db, 2, &more), GODWIT_OK);
    assert_true(more);
    assert_int_equal(device_flush(&fixture->fleet, fixture->db, 2, &more), GODWIT_OK);
    assert_false(more);
    fixture_commit(fixture);
    struct facts_copy before;
    facts_copy(&before, &fixture_device(fixture, says.device_id)->facts);
    fixture_restart(fixture);
    const struct device *now = fixture_device(fixture, says.device_id);
    const struct device_facts *after = &now->facts;
    assert_int_equal(after->slot_size, 1 << 20);
    assert_string_equal(after->running->version, "1.0.0");
    assert_int_equal(after->rollback_floor, 7);
    assert_true(after->unwatched);
    assert_int_equal(after->running->deploy_keys[15], 0xD1);
    assert_memory_equal(&before.running, after->running, sizeof before.running);
    assert_memory_equal(before.staged_file_sha256, after->staged_file_sha256, 32);
    before.facts.running = after->running;
    before.facts.staged_file_sha256 = after->staged_file_sha256;
    assert_memory_equal(&before.facts, after, offsetof(struct device_facts, unwatched) + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(at_most_ten_in_progress, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_was_offered_survives_a_restart, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_enrolled_is_known_after_a_kill, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(the_same_reply_is_no_news, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(nothing_is_said_before_its_commit, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_lost_commit_is_forgotten, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(good_is_the_expected_digest_confirmed, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_is_not_the_files_fault_is_offered_again, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_notice_is_an_event, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(over_a_bridge_and_on, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(round_a_bridge_that_failed, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_failed_image_is_not_offered_again, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(an_outcome_is_recorded_once, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_newer_rollout_takes_over, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(another_image_by_cable_is_an_event, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(claims, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_token_is_all_its_bytes, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(facts_are_flushed_and_read_again, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
