/* Tokens that ask for an id that is known: who asks changes nothing, who is let in starts anew. */
#include "fleet/pending.h"

#include "world.h"

enum { OLD = 1, NEW = 2, TOKEN = 1, LOST = 0x51, STRANGER = 0x52 };

/* One device that runs 1.0.0 and was told 1.1.0. */
static struct device *begin(struct world *world)
{
    struct upload first = upload_of("1.0.0", OLD), second = upload_of("1.1.0", NEW);
    struct godwit_checkin checkin = checkin_of(1, OLD);
    struct device *device;
    assert_int_equal(world_upload(world, &first), UPLOAD_ADDED);
    assert_int_equal(world_upload(world, &second), UPLOAD_ADDED);
    world_allow(world, 5);
    assert_int_equal(world_claim(world, &checkin, TOKEN, &device), CLAIM_ACCEPTED);
    world_say(world, &checkin);
    world_deploy(world, "1.1.0", NULL, 0);
    assert_int_equal(world_say(world, &checkin).reason, DECISION_OFFERED);
    return device;
}

static enum claim_result ask(struct world *world, uint8_t token)
{
    struct godwit_checkin checkin = checkin_of(1, OLD);
    struct device *device;
    enum claim_result result = world_claim(world, &checkin, token, &device);
    assert_null(device);
    return result;
}

static enum pending_result choose(struct world *world, uint8_t token, bool accepts)
{
    uint8_t mark[PENDING_MARK_SIZE];
    enum pending_result result;
    memset(mark, token, sizeof mark);
    struct device *device = device_find(&world->fleet, checkin_of(1, OLD).device_id);
    world_begin(world);
    assert_int_equal((accepts ? pending_accept : pending_reject)(&world->fleet, world->db, device,
                                                                 mark, NOW_S, &result),
                     GODWIT_OK);
    world_commit(world);
    return result;
}

static struct device *by_token(struct world *world, uint8_t token)
{
    uint8_t digest[32];
    memset(digest, token, sizeof digest);
    return device_find_by_token(&world->fleet, digest);
}

static int64_t lines(struct world *world, enum event_kind kind)
{
    char sql[80];
    snprintf(sql, sizeof sql, "select count(*) from events where kind = %d", kind);
    return world_count(world, sql);
}

/* One line for each token, however often it asks, also in turn with another. */
static void asking_changes_nothing(void **state)
{
    struct world *world = *state;
    struct device *device = begin(world);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(ask(world, LOST), CLAIM_PENDING);
        assert_int_equal(ask(world, STRANGER), CLAIM_PENDING);
    }
    assert_int_equal(lines(world, EVENT_CONFLICT), 2);
    assert_ptr_equal(by_token(world, TOKEN), device);
    assert_null(by_token(world, LOST));
    assert_int_equal(decide(device, &world->fleet.catalogue).kind, DECIDE_INSTALL);
    for (int round = 0; round < 2; round++) {
        device = by_token(world, TOKEN);
        const struct pending_token *token = pending_newest(device);
        assert_int_equal(token->token_sha256[0], STRANGER);
        assert_int_equal(pending_next(token)->token_sha256[0], LOST);
        assert_string_equal(token->version, "1.0.0");
        world_restart(world);
    }
}

/* A token each time: a day takes so many, and no more. */
static void a_flood_is_not_written_down(void **state)
{
    struct world *world = *state;
    begin(world);
    for (uint8_t n = 0; n < 40; n++)
        assert_int_equal(ask(world, 100 + n), CLAIM_PENDING);
    assert_int_equal(lines(world, EVENT_CONFLICT), PENDING_MAX);
    assert_int_equal(world_count(world, "select count(*) from pending_tokens"), PENDING_MAX);
    struct device *device = by_token(world, TOKEN);
    for (struct pending_token *token = device->pending; token; token = token->next)
        token->asked_s -= PENDING_KEEP_S;
    for (uint8_t n = 0; n < 40; n++)
        assert_int_equal(ask(world, 150 + n), CLAIM_PENDING);
    assert_int_equal(lines(world, EVENT_CONFLICT), 2 * PENDING_MAX);
    assert_int_equal(world_count(world, "select count(*) from pending_tokens"), PENDING_MAX);
}

static void only_who_asked_last_is_let_in(void **state)
{
    struct world *world = *state;
    begin(world);
    assert_int_equal(choose(world, LOST, true), PENDING_NONE);
    ask(world, LOST);
    ask(world, STRANGER);
    assert_int_equal(choose(world, LOST, true), PENDING_OLDER);
    assert_non_null(by_token(world, TOKEN));
    assert_int_equal(choose(world, STRANGER, false), PENDING_DONE);
    assert_int_equal(lines(world, EVENT_REJECTED), 1);
    assert_int_equal(choose(world, STRANGER, true), PENDING_NONE);
    world_restart(world);
    assert_int_equal(ask(world, STRANGER), CLAIM_REJECTED);
    assert_int_equal(choose(world, LOST, true), PENDING_DONE);
    assert_null(by_token(world, TOKEN));
    assert_non_null(by_token(world, LOST));
    assert_int_equal(ask(world, STRANGER), CLAIM_REJECTED); /* it stays known */
    assert_int_equal(ask(world, TOKEN), CLAIM_PENDING);     /* the former one is a stranger now */
}

static void who_is_let_in_starts_anew(void **state)
{
    struct world *world = *state;
    struct device *device = begin(world);
    struct rollout *rollout = world->fleet.catalogue.rollouts;
    /* the file failed on it before its flash was lost */
    struct godwit_checkin failed = checkin_of(1, OLD), again = checkin_of(1, OLD);
    failed.counter = failed.floor = 9;
    failed.outcome = (struct godwit_outcome){.id = 1,
                                             .rollout_id = rollout->id,
                                             .stage = GODWIT_STAGE_FLOWN_BACK,
                                             .reason = GODWIT_REASON_TRIAL_PANIC};
    memset(failed.outcome.file_sha256, NEW + 100, 32);
    world_say(world, &failed);
    assert_int_equal(rollout->failed_count, 1);
    ask(world, LOST);
    assert_int_equal(choose(world, LOST, true), PENDING_DONE);
    assert_int_equal(rollout->failed_count, 0);
    assert_int_equal(device->facts.floor, 0);
    assert_int_equal(device->facts.slot_size, 1 << 20);
    assert_int_equal(lines(world, EVENT_ACCEPTED), 1);
    for (int round = 0; round < 2; round++) {
        device = by_token(world, LOST);
        assert_non_null(device);
        assert_null(pending_newest(device));
        assert_int_equal(device->failed_images_count, 0);
        assert_int_equal(device->last_outcome.id, 0);
        assert_true(godwit_all(device->known_image, 32, 0));
        assert_int_equal(device->members->state, MEMBER_SELECTED);
        world_restart(world);
    }
    /* it claims with the token that was let in, and is told what all are told */
    assert_int_equal(world_claim(world, &again, LOST, &device), CLAIM_ACCEPTED);
    assert_int_equal(world_say(world, &again).reason, DECISION_OFFERED);
    rollout = world->fleet.catalogue.rollouts;
    assert_int_equal(rollout->undecided_count, 1);
    /* and its first outcome is news, though its number was used before */
    failed.counter = failed.floor = 0;
    assert_int_equal(world_say(world, &failed).reason, DECISION_FAILED_BEFORE);
    assert_int_equal(rollout->failed_count, 1);
}

/* An outcome that speaks of what the device before was told moves nothing. */
static void what_it_was_told_before_is_void(void **state)
{
    struct world *world = *state;
    begin(world);
    struct rollout *rollout = world->fleet.catalogue.rollouts;
    ask(world, LOST);
    assert_int_equal(choose(world, LOST, true), PENDING_DONE);
    assert_int_equal(rollout->undecided_count, 0);
    struct godwit_checkin late = checkin_of(1, OLD);
    late.outcome = (struct godwit_outcome){.id = 3,
                                           .rollout_id = rollout->id,
                                           .stage = GODWIT_STAGE_DOWNLOAD,
                                           .reason = GODWIT_REASON_DOWNLOAD_REFUSED};
    memset(late.outcome.file_sha256, NEW + 100, 32);
    assert_int_equal(world_say(world, &late).reason, DECISION_OFFERED);
    assert_int_equal(rollout->failed_count, 0);
    assert_int_equal(rollout->undecided_count, 1);
    assert_int_equal(lines(world, EVENT_REPORTED), 1);
}

static void a_token_is_one_device_only(void **state)
{
    struct world *world = *state;
    begin(world);
    struct godwit_checkin other = checkin_of(2, OLD);
    struct device *device;
    ask(world, LOST);
    assert_int_equal(world_claim(world, &other, LOST, &device), CLAIM_ACCEPTED);
    assert_int_equal(ask(world, LOST), CLAIM_TOKEN_TAKEN);
    assert_int_equal(choose(world, LOST, true), PENDING_TAKEN);
    assert_ptr_equal(by_token(world, LOST), device);
    assert_non_null(by_token(world, TOKEN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(asking_changes_nothing, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_flood_is_not_written_down, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(only_who_asked_last_is_let_in, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(who_is_let_in_starts_anew, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_it_was_told_before_is_void, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_token_is_one_device_only, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
