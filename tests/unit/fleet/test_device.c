/* Devices through whole stories: told, good, failed, cut by power; and how they join. */
#include "world.h"

#define OLD 1
#define NEW 2
#define NEWER 3

static struct world *begin(void **state, uint8_t devices)
{
    struct world *world = *state;
    struct upload first = upload_of("1.0.0", OLD), second = upload_of("1.1.0", NEW),
                  third = upload_of("1.2.0", NEWER);
    assert_int_equal(world_upload(world, &first), UPLOAD_ADDED);
    assert_int_equal(world_upload(world, &second), UPLOAD_ADDED);
    assert_int_equal(world_upload(world, &third), UPLOAD_ADDED);
    world_allow(world, devices);
    for (uint8_t n = 1; n <= devices; n++) {
        struct godwit_checkin checkin = checkin_of(n, OLD);
        struct device *device;
        assert_int_equal(world_claim(world, &checkin, n, &device), CLAIM_ACCEPTED);
        assert_int_equal(world_say(world, &checkin).reason, DECISION_NO_ROLLOUT);
    }
    return world;
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

static struct godwit_checkin flown_back(uint8_t n, uint32_t rollout, enum godwit_reason reason)
{
    return outcome_of(n, OLD, NEW, rollout, GODWIT_STAGE_FLOWN_BACK, reason);
}

static void at_most_ten_undecided(void **state)
{
    struct world *world = begin(state, 13);
    struct rollout *rollout = world_deploy(world, "1.1.0", NULL, 0);
    for (uint8_t n = 1; n <= 13; n++) {
        struct godwit_checkin checkin = checkin_of(n, OLD);
        struct decision decision = world_say(world, &checkin);
        assert_int_equal(decision.reason, n <= 10 ? DECISION_OFFERED : DECISION_TURN);
    }
    assert_int_equal(rollout->undecided_count, 10);
    assert_int_equal(rollout->told_count, 10);
    /* one proves it: one place; one fails: another; failures do not stop it */
    struct godwit_checkin good = checkin_of(1, NEW), waits = checkin_of(11, OLD);
    assert_int_equal(world_say(world, &good).reason, DECISION_CURRENT);
    assert_int_equal(world_say(world, &waits).reason, DECISION_OFFERED);
    waits = checkin_of(12, OLD);
    assert_int_equal(world_say(world, &waits).reason, DECISION_TURN);
    struct godwit_checkin bad = flown_back(2, rollout->id, GODWIT_REASON_TRIAL_PANIC);
    assert_int_equal(world_say(world, &bad).reason, DECISION_FAILED_BEFORE);
    assert_int_equal(world_say(world, &waits).reason, DECISION_OFFERED);
    assert_int_equal(rollout->good_count, 1);
    assert_int_equal(rollout->failed_count, 1);
    assert_int_equal(rollout->undecided_count, 10);
    assert_int_equal(
        device_member(device_find(&world->fleet, waits.device_id), rollout)->told_number, 12);
}

static void what_was_told_survives_a_restart(void **state)
{
    struct world *world = begin(state, 2);
    world_deploy(world, "1.1.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    assert_int_equal(world_say(world, &checkin).kind, DECIDE_INSTALL);
    world_restart(world);
    struct device *device = device_find(&world->fleet, checkin.device_id);
    struct rollout *rollout = world->fleet.catalogue.rollouts;
    assert_int_equal(rollout->told_count, 1);
    assert_int_equal(rollout->undecided_count, 1);
    assert_int_equal(device_member(device, rollout)->told_number, 1);
    assert_false(device_take(&world->fleet, device, &checkin, NOW_S));
    assert_int_equal(decide(device, &world->fleet.catalogue).kind, DECIDE_INSTALL);
}

/* A server killed before the next flush of facts must be able to judge what has just enrolled. */
static void what_enrolled_is_known_after_a_kill(void **state)
{
    struct world *world = begin(state, 1);
    world_restart(world);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    struct device *device = device_find(&world->fleet, checkin.device_id);
    assert_int_equal(device->facts.chip_id, CHIP);
    assert_int_equal(device->facts.slot_size, 1 << 20);
    assert_string_equal(device->facts.version, "1.0.0");
    world_deploy(world, "1.1.0", NULL, 0);
    assert_int_equal(decide(device, &world->fleet.catalogue).reason, DECISION_OFFERED);
}

/* One line in the log for each change of mind, none for an idle check-in. */
static void the_same_answer_is_no_news(void **state)
{
    struct world *world = begin(state, 1);
    struct godwit_checkin checkin = checkin_of(1, OLD), tries = checkin;
    struct device *device = device_find(&world->fleet, checkin.device_id);
    tries.on_trial = true;
    struct decision decision = world_say(world, &checkin);
    assert_true(device_is_news(device, &decision));
    decision = world_say(world, &checkin);
    assert_false(device_is_news(device, &decision));
    world_deploy(world, "1.1.0", NULL, 0);
    decision = world_say(world, &checkin);
    assert_true(device_is_news(device, &decision));
    assert_false(device_is_news(device, &decision));
    decision = world_say(world, &tries);
    assert_true(device_is_news(device, &decision));
    decision = world_say(world, &checkin);
    assert_true(device_is_news(device, &decision));
    world_deploy(world, "1.2.0", NULL, 0); /* offered again, but by another rollout */
    decision = world_say(world, &checkin);
    assert_int_equal(decision.reason, DECISION_OFFERED);
    assert_true(device_is_news(device, &decision));
}

/* Between the row and its commit nothing may be answered, and no byte handed out. */
static void nothing_is_said_before_its_commit(void **state)
{
    struct world *world = begin(state, 1);
    world_deploy(world, "1.1.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    struct device *device = device_find(&world->fleet, checkin.device_id);
    uint8_t file[32];
    memset(file, NEW + 100, 32);
    assert_true(device_take(&world->fleet, device, &checkin, NOW_S));
    assert_false(device_may_download(&world->fleet, device, file));
    world_begin(world);
    assert_int_equal(device_record(&world->fleet, world->db, device, &checkin, NOW_S), GODWIT_OK);
    assert_true(device_take(&world->fleet, device, &checkin, NOW_S));
    assert_false(device_may_download(&world->fleet, device, file));
    world_commit(world);
    assert_false(device_take(&world->fleet, device, &checkin, NOW_S));
    assert_true(device_may_download(&world->fleet, device, file));
    memset(file, OLD + 100, 32);
    assert_false(device_may_download(&world->fleet, device, file));
}

static void a_lost_commit_is_forgotten(void **state)
{
    struct world *world = begin(state, 1);
    world_deploy(world, "1.1.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    struct device *device = device_find(&world->fleet, checkin.device_id);
    world_begin(world);
    assert_int_equal(device_record(&world->fleet, world->db, device, &checkin, NOW_S), GODWIT_OK);
    assert_int_equal(world->fleet.catalogue.rollouts->told_count, 1);
    db_rollback(world->db);
    assert_int_equal(fleet_load(&world->fleet, world->db), GODWIT_OK);
    assert_int_equal(world->fleet.catalogue.rollouts->told_count, 0);
    device = device_find(&world->fleet, checkin.device_id);
    assert_true(device_take(&world->fleet, device, &checkin, NOW_S));
}

static void good_is_the_expected_digest_confirmed(void **state)
{
    struct world *world = begin(state, 1);
    struct rollout *rollout = world_deploy(world, "1.1.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    world_say(world, &checkin);
    struct godwit_checkin wrong =
        outcome_of(1, 77, NEW, rollout->id, GODWIT_STAGE_CONFIRMED, GODWIT_REASON_NONE);
    world_say(world, &wrong);
    assert_int_equal(rollout->good_count, 0);
    struct godwit_checkin trial = checkin_of(1, NEW);
    trial.on_trial = true;
    assert_int_equal(world_say(world, &trial).reason, DECISION_ON_TRIAL);
    assert_int_equal(rollout->good_count, 0);
    struct godwit_checkin right =
        outcome_of(1, NEW, NEW, rollout->id, GODWIT_STAGE_CONFIRMED, GODWIT_REASON_NONE);
    right.outcome.id = 2;
    assert_int_equal(world_say(world, &right).reason, DECISION_CURRENT);
    assert_int_equal(rollout->good_count, 1);
    assert_int_equal(rollout->undecided_count, 0);
    assert_int_equal(world_count(world, "select count(*) from events where kind = 2"), 1);
}

static void what_is_not_the_files_fault_is_offered_again(void **state)
{
    struct world *world = begin(state, 1);
    struct rollout *rollout = world_deploy(world, "1.1.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    world_say(world, &checkin);
    struct godwit_checkin back = flown_back(1, rollout->id, GODWIT_REASON_TRIAL_NO_CONTACT);
    struct decision decision = world_say(world, &back);
    assert_int_equal(decision.kind, DECIDE_INSTALL);
    assert_int_equal(rollout->undecided_count, 1);
    assert_int_equal(rollout->failed_count, 0);
    assert_int_equal(world_count(world, "select count(*) from events where kind = 4"), 1);
    /* it ended on this device, and the next rollout of the very file finds it as it was */
    struct godwit_checkin refused =
        outcome_of(1, OLD, NEW, rollout->id, GODWIT_STAGE_VERIFY, GODWIT_REASON_POLICY_KEYS);
    refused.outcome.id = 2;
    assert_int_equal(world_say(world, &refused).reason, DECISION_FAILED_BEFORE);
    assert_int_equal(rollout->failed_count, 1);
    world_deploy(world, "1.1.0", NULL, 0);
    assert_int_equal(world_say(world, &refused).reason, DECISION_OFFERED);
}

/* Noticed, told in the history, and nothing else changes. */
static void a_notice_is_an_event(void **state)
{
    static const enum godwit_reason NOTICES[] = {
        GODWIT_REASON_RECORD_LOST, GODWIT_REASON_OTADATA_REPAIRED, GODWIT_REASON_IMAGE_DAMAGED,
        GODWIT_REASON_REJECTED_RUNS, GODWIT_REASON_UNWATCHED};
    struct world *world = begin(state, 1);
    struct rollout *rollout = world_deploy(world, "1.1.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    world_say(world, &checkin);
    for (size_t i = 0; i < sizeof NOTICES / sizeof *NOTICES; i++) {
        struct godwit_checkin notice =
            outcome_of(1, OLD, 0, rollout->id, GODWIT_STAGE_NONE, NOTICES[i]);
        memset(notice.outcome.file_sha256, 0, 32);
        notice.outcome.id = 10 + (uint32_t)i;
        assert_int_equal(world_say(world, &notice).reason, DECISION_OFFERED);
        struct event event;
        size_t count;
        assert_int_equal(event_list(world->db, device_find(&world->fleet, checkin.device_id)->id,
                                    &event, 1, &count),
                         GODWIT_OK);
        assert_int_equal(event.kind, EVENT_NOTICE);
        assert_int_equal(event.reason, NOTICES[i]);
        assert_string_equal(event_sentence(&event), godwit_reason_sentence(NOTICES[i]));
    }
    assert_int_equal(rollout->undecided_count, 1);
    assert_int_equal(rollout->failed_count, 0);
}

static void a_failed_image_is_not_offered_again(void **state)
{
    struct world *world = begin(state, 1);
    struct rollout *rollout = world_deploy(world, "1.1.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    world_say(world, &checkin);
    struct godwit_checkin back = flown_back(1, rollout->id, GODWIT_REASON_TRIAL_PANIC);
    assert_int_equal(world_say(world, &back).reason, DECISION_FAILED_BEFORE);
    world_deploy(world, "1.1.0", NULL, 0);
    world_restart(world);
    assert_int_equal(world_say(world, &back).reason, DECISION_FAILED_BEFORE);
    world_deploy(world, "1.2.0", NULL, 0);
    assert_int_equal(world_say(world, &back).reason, DECISION_OFFERED);
}

static void an_outcome_is_recorded_once(void **state)
{
    struct world *world = begin(state, 1);
    struct rollout *rollout = world_deploy(world, "1.1.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    world_say(world, &checkin);
    struct godwit_checkin back = flown_back(1, rollout->id, GODWIT_REASON_TRIAL_PANIC);
    for (int i = 0; i < 3; i++)
        world_say(world, &back);
    world_restart(world);
    world_say(world, &back);
    assert_int_equal(world_count(world, "select count(*) from events where kind = 3"), 1);
    /* its record was lost and it counts from 1 again: another outcome under the same id */
    back.outcome.reason = GODWIT_REASON_TRIAL_WATCHDOG;
    world_say(world, &back);
    assert_int_equal(world_count(world, "select count(*) from events where kind = 3"), 2);
}

static void a_newer_rollout_takes_over(void **state)
{
    struct world *world = begin(state, 2);
    struct rollout *first = world_deploy(world, "1.1.0", NULL, 0);
    struct godwit_checkin one = checkin_of(1, OLD), two = checkin_of(2, OLD);
    world_say(world, &one);
    world_say(world, &two);
    struct device *device = device_find(&world->fleet, one.device_id);
    struct rollout *second = world_deploy(world, "1.2.0", &device, 1);
    assert_ptr_equal(world_say(world, &one).rollout, second);
    assert_ptr_equal(world_say(world, &two).rollout, first);
    assert_int_equal(first->undecided_count, 1);
    assert_int_equal(second->undecided_count, 1);
    assert_int_equal(device_member(device, first)->state, MEMBER_SUPERSEDED);
}

static void another_image_by_cable_is_an_event(void **state)
{
    struct world *world = begin(state, 1);
    struct godwit_checkin checkin = checkin_of(1, 77);
    world_say(world, &checkin);
    world_say(world, &checkin);
    assert_int_equal(world_count(world, "select count(*) from events where kind = 6"), 1);
}

/* Runs → told → hands on the keys → told the rollout's own → there. One member all the way. */
static void over_a_bridge_and_on(void **state)
{
    enum { BRIDGE = 11, TARGET = 12 };
    struct world *world = begin(state, 1);
    struct upload bridge = upload_of("2.0.0", BRIDGE), target = upload_of("3.0.0", TARGET);
    upload_policy(&bridge, 0xBB, 2);
    bridge.image.trust.policy.image_keys_count = 2;
    memset(bridge.image.trust.policy.image_keys[1], 0xAA, 32);
    upload_policy(&target, 0xBB, 3);
    memset(target.image.trust.keys[0], 0xBB, 32);
    assert_int_equal(world_upload(world, &bridge), UPLOAD_ADDED);
    struct device *device = world->fleet.devices[0];
    world_deploy(world, "2.0.0", &device, 1); /* frozen, and never taken */
    assert_int_equal(world_upload(world, &target), UPLOAD_ADDED);
    struct rollout *rollout = world_deploy(world, "3.0.0", NULL, 0);
    for (int round = 0; round < 2; round++) {
        struct godwit_checkin checkin = checkin_of(1, OLD);
        struct decision decision = world_say(world, &checkin);
        assert_int_equal(decision.reason, DECISION_BRIDGE);
        assert_int_equal(decision.kind, DECIDE_INSTALL);
        assert_string_equal(decision.image->release->version, "2.0.0");
        world_restart(world);
    }
    rollout = rollout_find(&world->fleet.catalogue, 2);
    assert_int_equal(world_count(world, "select count(*) from events where kind = 1"
                                        " and version = '3.0.0' and detail = 'over 2.0.0'"),
                     1);
    struct godwit_checkin on_way =
        outcome_of(1, BRIDGE, BRIDGE, rollout->id, GODWIT_STAGE_CONFIRMED, GODWIT_REASON_NONE);
    on_way.counter = 2;
    struct decision decision = world_say(world, &on_way);
    assert_int_equal(decision.reason, DECISION_OFFERED);
    assert_string_equal(decision.image->release->version, "3.0.0");
    assert_int_equal(rollout->undecided_count, 1);
    assert_int_equal(rollout->good_count, 0);
    assert_int_equal(world_count(world, "select count(*) from events where kind = 8"
                                        " and version = '2.0.0'"),
                     1);
    struct godwit_checkin there =
        outcome_of(1, TARGET, TARGET, rollout->id, GODWIT_STAGE_CONFIRMED, GODWIT_REASON_NONE);
    there.counter = 3;
    there.outcome.id = 2;
    assert_int_equal(world_say(world, &there).reason, DECISION_CURRENT);
    assert_int_equal(rollout->good_count, 1);
    assert_int_equal(rollout->told_count, 1);
    assert_int_equal(world_count(world, "select count(*) from events where kind = 6"), 0);
}

/* The newest of two bridges crashes here: the other one is taken; when that fails too, it is over.
 */
static void round_a_bridge_that_failed(void **state)
{
    enum { TARGET = 13 };
    struct world *world = begin(state, 1);
    struct device *device = world->fleet.devices[0];
    for (uint8_t i = 1; i <= 2; i++) {
        struct upload bridge = upload_of(i == 1 ? "2.1.0" : "2.2.0", 20 + i);
        upload_policy(&bridge, 0xBB, 1 + i);
        bridge.image.trust.policy.image_keys_count = 2;
        memset(bridge.image.trust.policy.image_keys[1], 0xAA, 32);
        assert_int_equal(world_upload(world, &bridge), UPLOAD_ADDED);
        world_deploy(world, bridge.version, &device, 1);
    }
    struct upload target = upload_of("3.0.0", TARGET);
    upload_policy(&target, 0xBB, 9);
    memset(target.image.trust.keys[0], 0xBB, 32);
    assert_int_equal(world_upload(world, &target), UPLOAD_ADDED);
    struct rollout *rollout = world_deploy(world, "3.0.0", NULL, 0);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    assert_string_equal(world_say(world, &checkin).image->release->version, "2.2.0");
    struct godwit_checkin back =
        outcome_of(1, OLD, 22, rollout->id, GODWIT_STAGE_FLOWN_BACK, GODWIT_REASON_TRIAL_PANIC);
    struct decision decision = world_say(world, &back);
    assert_int_equal(decision.reason, DECISION_BRIDGE);
    assert_string_equal(decision.image->release->version, "2.1.0");
    assert_int_equal(rollout->undecided_count, 1);
    back = outcome_of(1, OLD, 21, rollout->id, GODWIT_STAGE_FLOWN_BACK, GODWIT_REASON_TRIAL_PANIC);
    back.outcome.id = 2;
    assert_int_equal(world_say(world, &back).reason, DECISION_NO_BRIDGE);
    assert_int_equal(rollout->undecided_count, 0);
    assert_int_equal(rollout->failed_count, 1);
    assert_int_equal(world_count(world, "select count(*) from events where kind = 3"), 2);
}

static void claims(void **state)
{
    struct world *world = begin(state, 1);
    struct godwit_checkin checkin = checkin_of(1, OLD), other = checkin_of(2, OLD);
    struct device *device;
    /* repeated: the same device, nothing spent */
    assert_int_equal(world_claim(world, &checkin, 1, &device), CLAIM_ACCEPTED);
    assert_non_null(device);
    assert_int_equal(world_count(world, "select used_count from claims"), 1);
    /* the same id with another token waits, and is said once */
    assert_int_equal(world_claim(world, &checkin, 9, &device), CLAIM_PENDING);
    assert_int_equal(world_claim(world, &checkin, 9, &device), CLAIM_PENDING);
    assert_null(device);
    assert_int_equal(world_count(world, "select count(*) from events where kind = 7"), 1);
    /* a cloned flash: another id with a token that is taken; refused before SQL would */
    assert_int_equal(world_claim(world, &other, 1, &device), CLAIM_TOKEN_TAKEN);
    assert_null(device);
    /* used up */
    assert_int_equal(world_claim(world, &other, 2, &device), CLAIM_USED_UP);
    assert_int_equal(world_count(world, "select count(*) from devices"), 1);
    world_restart(world);
    assert_int_equal(world_claim(world, &checkin, 1, &device), CLAIM_ACCEPTED);
    assert_int_equal(world_claim(world, &other, 2, &device), CLAIM_USED_UP);
    uint8_t stranger[32] = {1}, token[32] = {2};
    enum claim_result result;
    assert_int_equal(
        device_claim(&world->fleet, world->db, stranger, token, &other, NOW_S, &result, &device),
        GODWIT_OK);
    assert_int_equal(result, CLAIM_UNKNOWN);
}

/* The index looks at eight bytes; the rest is compared too. */
static void a_token_is_all_its_bytes(void **state)
{
    struct world *world = begin(state, 1);
    uint8_t token[32];
    memset(token, 1, 32);
    assert_non_null(device_find_by_token(&world->fleet, token));
    for (size_t i = 0; i < 32; i++) {
        token[i] ^= 0x80;
        assert_null(device_find_by_token(&world->fleet, token));
        token[i] ^= 0x80;
    }
}

static void facts_are_flushed_and_read_again(void **state)
{
    struct world *world = begin(state, 3);
    bool more = false;
    struct godwit_checkin says = checkin_of(3, OLD);
    says.floor = 7;
    says.unwatched = true;
    memset(says.deploy_keys, 0xD1, 16);
    world_say(world, &says);
    world_begin(world);
    assert_int_equal(device_flush(&world->fleet, world->db, 2, &more), GODWIT_OK);
    assert_true(more);
    assert_int_equal(device_flush(&world->fleet, world->db, 2, &more), GODWIT_OK);
    assert_false(more);
    world_commit(world);
    struct godwit_checkin checkin = checkin_of(3, OLD);
    struct device_facts before = device_find(&world->fleet, checkin.device_id)->facts;
    world_restart(world);
    const struct device_facts *after = &device_find(&world->fleet, checkin.device_id)->facts;
    assert_int_equal(after->slot_size, 1 << 20);
    assert_string_equal(after->version, "1.0.0");
    assert_int_equal(after->floor, 7);
    assert_true(after->unwatched);
    assert_int_equal(after->deploy_keys[15], 0xD1);
    assert_memory_equal(&before, after, sizeof before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(at_most_ten_undecided, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_was_told_survives_a_restart, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(what_enrolled_is_known_after_a_kill, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(the_same_answer_is_no_news, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(nothing_is_said_before_its_commit, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_lost_commit_is_forgotten, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(good_is_the_expected_digest_confirmed, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(what_is_not_the_files_fault_is_offered_again, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_notice_is_an_event, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(over_a_bridge_and_on, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(round_a_bridge_that_failed, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_failed_image_is_not_offered_again, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(an_outcome_is_recorded_once, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_newer_rollout_takes_over, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(another_image_by_cable_is_an_event, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(claims, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_token_is_all_its_bytes, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(facts_are_flushed_and_read_again, world_setup,
                                        world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
