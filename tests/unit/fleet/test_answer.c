/* What the decision says as an instruction, and by which key. */
#include "world.h"

#include "fleet/answer.h"

static struct world *begin(void **state)
{
    struct world *world = *state;
    struct upload first = upload_of("1.0.0", 1), second = upload_of("1.1.0", 2);
    upload_policy(&second, 0xAA, 5);
    second.image.secure_version = 3;
    assert_int_equal(world_upload(world, &first), UPLOAD_ADDED);
    assert_int_equal(world_upload(world, &second), UPLOAD_ADDED);
    world_allow(world, 1);
    struct godwit_checkin checkin = checkin_of(1, 1);
    struct device *device;
    assert_int_equal(world_claim(world, &checkin, 1, &device), CLAIM_ACCEPTED);
    world->fleet.catalogue.deploy_keys_count = 2;
    memset(world->fleet.catalogue.deploy_keys[0], 0xD2, 64);
    memset(world->fleet.catalogue.deploy_keys[1], 0xD1, 64);
    world->fleet.sequence_mark = world->fleet.sequence_next_mark = UINT64_MAX;
    return world;
}

static struct answer ask(struct world *world, struct godwit_checkin *checkin)
{
    struct answer answer;
    memset(checkin->nonce, 0x4E, 16);
    world_say(world, checkin);
    struct device *device = device_find(&world->fleet, checkin->device_id);
    assert_true(answer_compose(&world->fleet, device, checkin, 1234567, &answer));
    assert_memory_equal(answer.instruction.device_id, checkin->device_id, 16);
    assert_memory_equal(answer.instruction.nonce, checkin->nonce, 16);
    assert_memory_equal(answer.instruction.product_id, device->product->product_id, 16);
    return answer;
}

static void stay_and_install(void **state)
{
    struct world *world = begin(state);
    struct godwit_checkin checkin = checkin_of(1, 1);
    struct answer answer = ask(world, &checkin);
    assert_int_equal(answer.instruction.flags, GODWIT_INSTRUCTION_STAY);
    assert_int_equal(answer.reason, DECISION_NO_ROLLOUT);
    assert_int_equal(answer.rollout_id, 0);
    uint64_t sequence = answer.instruction.sequence;
    struct rollout *rollout = world_deploy(world, "1.1.0", NULL, 0);
    answer = ask(world, &checkin);
    assert_int_equal(answer.instruction.flags, GODWIT_INSTRUCTION_INSTALL);
    assert_true(answer.instruction.sequence > sequence);
    assert_int_equal(answer.instruction.counter, 5);
    assert_int_equal(answer.instruction.secure_version, 3);
    assert_int_equal(answer.instruction.chip_id, CHIP);
    assert_int_equal(answer.instruction.file_size, 69632);
    assert_int_equal(answer.instruction.file_sha256[0], 102);
    assert_int_equal(answer.instruction.rollout_id, rollout->id);
    rollout->allow_downgrade = true;
    assert_int_equal(ask(world, &checkin).instruction.flags,
                     GODWIT_INSTRUCTION_INSTALL | GODWIT_INSTRUCTION_ALLOW_DOWNGRADE);
}

static void no_sequence_no_answer(void **state)
{
    struct world *world = begin(state);
    struct godwit_checkin checkin = checkin_of(1, 1);
    struct answer answer;
    world->fleet.sequence_mark = 0;
    assert_false(answer_compose(&world->fleet, world->fleet.devices[0], &checkin, 1, &answer));
}

static void the_newest_key_that_the_device_lists(void **state)
{
    struct world *world = begin(state);
    struct godwit_checkin checkin = checkin_of(1, 1);
    assert_int_equal(ask(world, &checkin).deploy_key, 1); /* an agent that says nothing is old */
    memset(checkin.deploy_keys, 0xD1, 8);
    assert_int_equal(ask(world, &checkin).deploy_key, 1);
    memset(checkin.deploy_keys + 8, 0xD2, 8);
    assert_int_equal(ask(world, &checkin).deploy_key, 0);
    world_deploy(world, "1.1.0", NULL, 0);
    assert_int_equal(ask(world, &checkin).reason, DECISION_OFFERED);
    memset(checkin.deploy_keys, 0x99, 16);
    struct answer answer = ask(world, &checkin);
    assert_int_equal(answer.reason, DECISION_DEPLOY_KEY);
    assert_int_equal(answer.instruction.flags, GODWIT_INSTRUCTION_STAY);
    assert_int_equal(answer.deploy_key, 0);
    /* its image has a policy, and that wants no signature */
    memset(checkin.deploy_keys, 0, 16);
    memset(checkin.image_sha256, 2, 32);
    assert_int_equal(ask(world, &checkin).deploy_key, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stay_and_install, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(no_sequence_no_answer, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_newest_key_that_the_device_lists, world_setup,
                                        world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
