/* Which releases may go: none that a device stands on, waits for or could need to come over. */
#include "world.h"

#include <stdlib.h>

#include "fleet/remove.h"

enum { FIRST = 1, BRIDGE = 2, SPARE = 3, LAST = 4 };

/* 1.0.0 without a policy; 2.0.0 hands on from AA to BB; 2.1.0 is like it; 3.0.0 is by BB alone. */
static struct world *begin(void **state)
{
    struct world *world = *state;
    struct upload first = upload_of("1.0.0", FIRST), bridge = upload_of("2.0.0", BRIDGE),
                  spare = upload_of("2.1.0", SPARE), last = upload_of("3.0.0", LAST);
    struct upload *bridges[] = {&bridge, &spare};
    assert_int_equal(world_upload(world, &first), UPLOAD_ADDED);
    for (uint32_t i = 0; i < 2; i++) {
        upload_policy(bridges[i], 0xBB, 2 + i);
        bridges[i]->image.trust.policy.image_keys_count = 2;
        memset(bridges[i]->image.trust.policy.image_keys[1], 0xAA, 32);
        assert_int_equal(world_upload(world, bridges[i]), UPLOAD_ADDED);
    }
    world_allow(world, 2);
    struct godwit_checkin checkin = checkin_of(1, FIRST);
    struct device *device;
    assert_int_equal(world_claim(world, &checkin, 1, &device), CLAIM_ACCEPTED);
    world_say(world, &checkin);
    world_deploy(world, "1.0.0", NULL, 0);
    world_deploy(world, "2.0.0", NULL, 0);
    world_deploy(world, "2.1.0", NULL, 0);
    upload_policy(&last, 0xBB, 4);
    memset(last.image.trust.keys[0], 0xBB, 32);
    assert_int_equal(world_upload(world, &last), UPLOAD_ADDED);
    world_deploy(world, "3.0.0", NULL, 0);
    return world;
}

static enum remove_result take_away(struct world *world, const char *version,
                                    struct remove_verdict *verdict)
{
    world_begin(world);
    assert_int_equal(release_remove(&world->fleet, world->db,
                                    release_find(&world->fleet.catalogue, "thermostat", version),
                                    verdict),
                     GODWIT_OK);
    world_commit(world);
    free(verdict->files);
    return verdict->result;
}

static void what_devices_stand_on_stays(void **state)
{
    static struct product nobody;
    struct world *world = begin(state);
    struct remove_verdict verdict;
    assert_int_equal(take_away(world, "1.0.0", &verdict), REMOVE_IN_USE); /* it runs there */
    assert_int_equal(verdict.devices_count, 1);
    assert_int_equal(verdict.device_id[5], 1);
    assert_int_equal(take_away(world, "3.0.0", &verdict), REMOVE_IN_USE); /* it is told to it */
    struct godwit_checkin there = checkin_of(1, LAST);
    there.counter = 4;
    world_say(world, &there);
    world->fleet.devices[0]->product = &nobody; /* nobody left: only newcomers would get it */
    struct product *product = product_find(&world->fleet.catalogue, "thermostat");
    assert_int_equal(take_away(world, "3.0.0", &verdict), REMOVE_IN_USE);
    assert_int_equal(verdict.devices_count, 0);
    world->fleet.devices[0]->product = product;
}

static void what_devices_come_over_stays(void **state)
{
    struct world *world = begin(state);
    struct remove_verdict verdict;
    /* either of the two leads from AA to BB: one is as good as two, the last one is needed; but
     * 2.0.0 is where trust changed, a device took it, and who slept is not known */
    struct device *device;
    struct godwit_checkin other = checkin_of(2, FIRST);
    assert_int_equal(world_claim(world, &other, 2, &device), CLAIM_ACCEPTED);
    for (uint8_t name = FIRST; name <= LAST; name++) {
        memset(other.image_sha256, name, 32);
        snprintf(other.version, sizeof other.version, name == BRIDGE ? "2.0.0" : "other");
        other.counter = name;
        world_say(world, &other);
    }
    assert_int_equal(take_away(world, "2.0.0", &verdict), REMOVE_CHANGED);
    assert_int_equal(take_away(world, "2.1.0", &verdict), REMOVE_DONE);
    assert_int_equal(verdict.files_count, 1);
    assert_int_equal(take_away(world, "2.0.0", &verdict), REMOVE_NEEDED);
    assert_int_equal(verdict.devices_count, 1);
    struct godwit_checkin there = checkin_of(1, LAST);
    there.counter = 4;
    world_say(world, &there);
    assert_int_equal(take_away(world, "2.0.0", &verdict), REMOVE_CHANGED);
}

static void what_goes_leaves_nothing(void **state)
{
    struct world *world = begin(state);
    struct remove_verdict verdict;
    uint8_t file[32], image[32];
    memset(file, SPARE + 100, 32);
    memset(image, SPARE, 32);
    struct device *device = world->fleet.devices[0];
    int64_t members = world_count(world, "select count(*) from members"),
            images = world_count(world, "select count(*) from images");
    assert_int_equal(take_away(world, "2.1.0", &verdict), REMOVE_DONE);
    for (int round = 0; round < 2; round++) {
        assert_null(release_find(&world->fleet.catalogue, "thermostat", "2.1.0"));
        assert_null(file_find(&world->fleet.catalogue, file));
        assert_null(index_find(&world->fleet.catalogue.images_by_digest, image));
        assert_null(rollout_find(&world->fleet.catalogue, 3));
        device = world->fleet.devices[0];
        for (const struct member *member = device->members; member; member = member->next)
            assert_string_not_equal(member->rollout->release->version, "2.1.0");
        assert_int_equal(decide(device, &world->fleet.catalogue).reason, DECISION_BRIDGE);
        world_restart(world);
    }
    assert_int_equal(world_count(world, "select count(*) from members"), members);
    assert_int_equal(world_count(world, "select count(*) from images"), images - 1);
    assert_int_equal(world_count(world, "select count(*) from files"), images - 1);
    assert_int_equal(world_count(world, "select count(*) from rollouts"), 3);
    /* the version may come again, with another image */
    struct upload again = upload_of("2.1.0", 9);
    upload_policy(&again, 0xBB, 3);
    memset(again.image.trust.keys[0], 0xBB, 32);
    assert_int_equal(world_upload(world, &again), UPLOAD_ADDED);
}

static void a_draft_goes(void **state)
{
    struct world *world = begin(state);
    struct remove_verdict verdict;
    struct upload draft = upload_of("4.0.0", 9);
    upload_policy(&draft, 0xCC, 9);
    draft.image.trust.policy.image_keys_count = 2;
    memset(draft.image.trust.policy.image_keys[1], 0xBB, 32);
    memset(draft.image.trust.keys[0], 0xBB, 32);
    assert_int_equal(world_upload(world, &draft), UPLOAD_ADDED);
    assert_int_equal(take_away(world, "4.0.0", &verdict), REMOVE_DONE);
    assert_null(release_find(&world->fleet.catalogue, "thermostat", "4.0.0"));
}

/* Trust changed at 2.5.0, but nobody ever took it, and 2.0.0 leads everywhere that it leads. */
static void what_nobody_took_goes_unless_it_is_a_way(void **state)
{
    struct world *world = begin(state);
    struct remove_verdict verdict;
    struct upload odd = upload_of("2.5.0", 9);
    upload_policy(&odd, 0xCC, 3);
    odd.image.trust.policy.image_keys_count = 3;
    memset(odd.image.trust.policy.image_keys[1], 0xAA, 32);
    memset(odd.image.trust.policy.image_keys[2], 0xBB, 32);
    assert_int_equal(world_upload(world, &odd), UPLOAD_ADDED);
    struct device *device = world->fleet.devices[0];
    world_deploy(world, "2.5.0", &device, 1);
    world_deploy(world, "3.0.0", NULL, 0);
    assert_int_equal(take_away(world, "2.5.0", &verdict), REMOVE_DONE);

    /* 2.1.0 goes; then 2.0.0 is the only way for who joins with 1.0.0, taken by nobody or not */
    assert_int_equal(take_away(world, "2.1.0", &verdict), REMOVE_DONE);
    struct godwit_checkin there = checkin_of(1, LAST);
    there.counter = 4;
    world_say(world, &there);
    assert_int_equal(take_away(world, "2.0.0", &verdict), REMOVE_CHANGED);
}

/* Whoever was told and is silent since may stand on it. */
static void what_somebody_may_stand_on_stays(void **state)
{
    struct world *world = begin(state);
    struct remove_verdict verdict;
    struct upload odd = upload_of("2.5.0", 9);
    struct godwit_checkin checkin = checkin_of(1, FIRST);
    upload_policy(&odd, 0xCC, 3);
    odd.image.trust.policy.image_keys_count = 2; /* it leads nowhere */
    memset(odd.image.trust.policy.image_keys[1], 0xAA, 32);
    assert_int_equal(world_upload(world, &odd), UPLOAD_ADDED);
    world_deploy(world, "2.5.0", NULL, 0);
    assert_int_equal(world_say(world, &checkin).kind, DECIDE_INSTALL);
    world_deploy(world, "3.0.0", NULL, 0);
    assert_int_equal(take_away(world, "2.5.0", &verdict), REMOVE_CHANGED);
    world_say(world, &checkin); /* it runs the first one still, and is told the newest */
    assert_int_equal(take_away(world, "2.5.0", &verdict), REMOVE_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_devices_stand_on_stays, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_devices_come_over_stays, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_goes_leaves_nothing, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_draft_goes, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_nobody_took_goes_unless_it_is_a_way, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(what_somebody_may_stand_on_stays, world_setup,
                                        world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
