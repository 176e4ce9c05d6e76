/* The sequence of instructions: never back, never above what is committed; and accounts. */
#include "case.h"
#include "fixture.h"

#define AHEAD_MS 7200000 /* devices are answered for half of it while nothing can be written */

static void raise(struct fixture *fixture, uint64_t now_ms)
{
    fixture_begin(fixture);
    assert_int_equal(fleet_raise_sequence(&fixture->fleet, fixture->db, now_ms), GODWIT_OK);
    fixture_commit(fixture);
}

static void sequences_rise_and_stay_below_the_mark(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t now_ms = 1767225600000;
    assert_int_equal(fleet_sequence(&fixture->fleet, now_ms), 0);
    raise(fixture, now_ms);
    assert_int_equal(fleet_sequence(&fixture->fleet, now_ms), now_ms);
    assert_int_equal(fleet_sequence(&fixture->fleet, now_ms), now_ms + 1);
    assert_int_equal(fleet_sequence(&fixture->fleet, now_ms - 5000), now_ms + 2);
    assert_int_equal(fleet_sequence(&fixture->fleet, now_ms + AHEAD_MS + 1), 0);
    assert_int_equal(fleet_sequence(&fixture->fleet, now_ms + AHEAD_MS), now_ms + AHEAD_MS);
    assert_int_equal(fleet_sequence(&fixture->fleet, now_ms), 0);
}

/* A raised mark counts only behind its commit. */
static void a_mark_counts_when_committed(void **state)
{
    struct fixture *fixture = *state;
    fixture_begin(fixture);
    assert_int_equal(fleet_raise_sequence(&fixture->fleet, fixture->db, 1000), GODWIT_OK);
    assert_int_equal(fleet_sequence(&fixture->fleet, 1000), 0);
    fixture_commit(fixture);
    assert_int_equal(fleet_sequence(&fixture->fleet, 1000), 1000);
}

/* Also when the clock of the new start is behind. */
static void a_restart_does_not_go_back(void **state)
{
    struct fixture *fixture = *state;
    raise(fixture, 1000000);
    assert_false(fleet_sequence_is_low(&fixture->fleet, 1000000));
    assert_true(fleet_sequence_is_low(&fixture->fleet, 1000000 + AHEAD_MS / 2 + 1000));
    uint64_t last = fleet_sequence(&fixture->fleet, 1000000 + AHEAD_MS * 5 / 6);
    fixture_restart(fixture);
    assert_true(fleet_sequence_is_low(&fixture->fleet, 1000000));
    raise(fixture, 5);
    assert_true(fleet_sequence(&fixture->fleet, 5) > last);
}

static void index_finds_what_was_added(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static struct {
        uint32_t value;
        uint8_t key[6];
    } items[COUNT];
    struct index index;
    index_init(&index, offsetof(__typeof__(items[0]), key), 6);
    for (uint32_t i = 0; i < COUNT; i++) {
        CASE(i);
        items[i].value = i;
        memcpy(items[i].key, &i, 4);
        assert_null(index_find(&index, items[i].key));
        index_add(&index, &items[i]);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        CASE(i);
        assert_ptr_equal(index_find(&index, items[i].key), &items[i]);
    }
    index_deinit(&index, false);
    assert_null(index_find(&index, items[0].key));
}

/* Nobody looked who signed an image: it is offered all the same, and the device decides. */
static void an_image_of_unknown_signers_is_offered(void **state)
{
    struct fixture *fixture = *state;
    char note[256];
    fixture_close(fixture);
    temp_dir_drop(fixture->dir);
    temp_dir_make(fixture->dir);
    snprintf(fixture->path, sizeof fixture->path, "%s/godwit.db", fixture->dir);
    assert_int_equal(db_open(fixture->path, false, &fixture->db, note, sizeof note), GODWIT_OK);
    assert_int_equal(db_migrate(fixture->db, SCHEMA, SCHEMA_COUNT), GODWIT_OK);
    assert_int_equal(
        db_script(fixture->db,
                  "insert into products values (1, 'default', 'thermostat', zeroblob(16), 0, 0, 0,"
                  " 0);"
                  "insert into image_keys values ('default', 1, zeroblob(32));"
                  "insert into releases (id, org, product, version, counter, frozen, created)"
                  " values (1, 'default', 1, '1.0.0', 0, 1, 0);"
                  "insert into images (id, org, release, chip_id, revision_min, revision_max,"
                  " hardware_mask, secure_version, image_sha256, file_sha256, file_size)"
                  " values (1, 'default', 1, 5, 0, 0, 4294967295, 0,"
                  " randomblob(32), randomblob(32), 8192);"
                  "insert into rollouts (id, org, release, is_targeted, created)"
                  " values (1, 'default', 1, 0, 0);"
                  "insert into devices (id, org, device_id, token_sha256, product, created,"
                  " last_seen, chip_id, slot_size) values (1, 'default', zeroblob(16),"
                  " randomblob(32), 1, 0, 0, 5, 65536);"),
        GODWIT_OK);
    db_close(fixture->db);
    fixture_open(fixture);
    const struct image *image = &fixture->fleet.catalogue.releases->images[0];
    assert_false(image->trust.is_known);
    assert_false(fixture->fleet.catalogue.rollouts->allow_downgrade);
    struct decision decision = decide(fixture->fleet.devices[0], &fixture->fleet.catalogue);
    assert_int_equal(decision.reason, DECISION_OFFERED);
    assert_ptr_equal(decision.image, image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sequences_rise_and_stay_below_the_mark, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_mark_counts_when_committed, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_restart_does_not_go_back, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test(index_finds_what_was_added),
        cmocka_unit_test_setup_teardown(an_image_of_unknown_signers_is_offered, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
