/* What the decision says as an instruction, and by which key. */
#include "fixture.h"

#include "fleet/reply.h"

static struct fixture *begin(void **state)
{
    struct fixture *fixture = *state;
    struct upload first = upload_of("1.0.0", 1), second = upload_of("1.1.0", 2);
    upload_policy(&second, 0xAA, 5);
    second.image.secure_version = 3;
    assert_int_equal(fixture_upload(fixture, &first), UPLOAD_ADDED);
    assert_int_equal(fixture_upload(fixture, &second), UPLOAD_ADDED);
    fixture_allow(fixture, 1);
    struct godwit_checkin checkin = checkin_of(1, 1);
    struct device *device;
    assert_int_equal(fixture_claim(fixture, &checkin, 1, &device), CLAIM_ACCEPTED);
    fixture->fleet.catalogue.deploy_keys_count = 2;
    memset(fixture->fleet.catalogue.deploy_keys[0], 0xD2, 64);
    memset(fixture->fleet.catalogue.deploy_keys[1], 0xD1, 64);
    fixture->fleet.sequence_mark = fixture->fleet.sequence_next_mark = UINT64_MAX;
    return fixture;
}

static struct device_reply ask(struct fixture *fixture, struct godwit_checkin *checkin)
{
    struct device_reply reply;
    memset(checkin->nonce, 0x4E, 16);
    fixture_checkin(fixture, checkin);
    struct device *device = fixture_device(fixture, checkin->device_id);
    assert_true(device_reply_compose(&fixture->fleet, device, checkin, 1234567, &reply));
    assert_memory_equal(reply.instruction.device_id, checkin->device_id, 16);
    assert_memory_equal(reply.instruction.nonce, checkin->nonce, 16);
    assert_memory_equal(reply.instruction.product_id, device->product->product_id, 16);
    return reply;
}

static void no_update_and_install(void **state)
{
    struct fixture *fixture = begin(state);
    struct godwit_checkin checkin = checkin_of(1, 1);
    struct device_reply reply = ask(fixture, &checkin);
    assert_int_equal(reply.instruction.flags, GODWIT_INSTRUCTION_NO_UPDATE);
    assert_int_equal(reply.reason, DECISION_NO_ROLLOUT);
    assert_int_equal(reply.rollout_id, 0);
    uint64_t sequence = reply.instruction.sequence;
    struct rollout *rollout = fixture_deploy(fixture, "1.1.0", NULL, 0);
    reply = ask(fixture, &checkin);
    assert_int_equal(reply.instruction.flags, GODWIT_INSTRUCTION_INSTALL);
    assert_true(reply.instruction.sequence > sequence);
    assert_int_equal(reply.instruction.counter, 5);
    assert_int_equal(reply.instruction.secure_version, 3);
    assert_int_equal(reply.instruction.chip_id, CHIP);
    assert_int_equal(reply.instruction.file_size, 69632);
    assert_int_equal(reply.instruction.file_sha256[0], 102);
    assert_int_equal(reply.instruction.rollout_id, rollout->id);
    rollout->allow_downgrade = true;
    assert_int_equal(ask(fixture, &checkin).instruction.flags,
                     GODWIT_INSTRUCTION_INSTALL | GODWIT_INSTRUCTION_ALLOW_DOWNGRADE);
}

static void no_sequence_no_reply(void **state)
{
    struct fixture *fixture = begin(state);
    struct godwit_checkin checkin = checkin_of(1, 1);
    struct device_reply reply;
    fixture->fleet.sequence_mark = 0;
    assert_false(
        device_reply_compose(&fixture->fleet, fixture->fleet.devices[0], &checkin, 1, &reply));
}

static void the_newest_key_that_the_device_lists(void **state)
{
    struct fixture *fixture = begin(state);
    struct godwit_checkin checkin = checkin_of(1, 1);
    assert_int_equal(ask(fixture, &checkin).deploy_key, 1); /* an agent that says nothing is old */
    memset(checkin.deploy_keys, 0xD1, 8);
    assert_int_equal(ask(fixture, &checkin).deploy_key, 1);
    memset(checkin.deploy_keys + 8, 0xD2, 8);
    assert_int_equal(ask(fixture, &checkin).deploy_key, 0);
    fixture_deploy(fixture, "1.1.0", NULL, 0);
    assert_int_equal(ask(fixture, &checkin).reason, DECISION_OFFERED);
    memset(checkin.deploy_keys, 0x99, 16);
    struct device_reply reply = ask(fixture, &checkin);
    assert_int_equal(reply.reason, DECISION_DEPLOY_KEY);
    assert_int_equal(reply.instruction.flags, GODWIT_INSTRUCTION_NO_UPDATE);
    assert_int_equal(reply.deploy_key, 0);
    /* its image has a policy, and that wants no signature */
    memset(checkin.deploy_keys, 0, 16);
    memset(checkin.image_sha256, 2, 32);
    assert_int_equal(ask(fixture, &checkin).deploy_key, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_update_and_install, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(no_sequence_no_reply, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(the_newest_key_that_the_device_lists, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
