/* A whole log from its file, each checkpoint behind its record, also over several pages. */
#include "trail_fixture.h"

#include "audit/walk.h"

static struct audit_verifier verifier;
static int64_t order[1400];
static size_t count;

static void fault(void *ctx, enum audit_fault kind, int64_t sequence)
{
    (void)ctx;
    print_message("%s at %lld\n", audit_fault_id(kind), (long long)sequence);
}

static void take_record(void *ctx, const struct audit_record *record)
{
    audit_verify_record(ctx, record);
    order[count++] = record->sequence;
}

static void take_checkpoint(void *ctx, const struct audit_checkpoint *checkpoint)
{
    audit_verify_checkpoint(ctx, checkpoint);
    order[count++] = -checkpoint->sequence;
}

static const struct audit_walk WALK = {take_record, take_checkpoint, &verifier};

static bool is_whole(struct trail *trail)
{
    char note[200];
    count = 0;
    audit_verify_begin(&verifier, fault, NULL);
    assert_int_equal(audit_walk_file(trail->path, &WALK, note, sizeof note), GODWIT_OK);
    return audit_verify_finish(&verifier);
}

static void in_order(void **state)
{
    struct trail *trail = *state;
    assert_int_equal(db_begin(trail->db), GODWIT_OK);
    trail_fill(trail, 1200, 250);
    assert_int_equal(db_commit(trail->db), GODWIT_OK);
    assert_true(is_whole(trail));
    assert_int_equal(verifier.records_count, 1200);
    assert_int_equal(verifier.checkpoints_count, 4);
    assert_int_equal(order[250], -250);
    assert_int_equal(order[249], 250);
    assert_int_equal(order[1203], 1200);
}

static void checkpoints_without_their_records(void **state)
{
    struct trail *trail = *state;
    trail_fill(trail, 20, 5);
    assert_int_equal(db_run(trail->db, "delete from audit where sequence > 12", NULL, 0),
                     GODWIT_OK);
    assert_false(is_whole(trail));
    assert_int_equal(verifier.checkpoints_count, 4);
    assert_int_equal(verifier.faults_count, 1);
}

static void no_such_file(void **state)
{
    (void)state;
    char note[200] = "";
    assert_int_not_equal(audit_walk_file("/nonexistent/godwit.db", &WALK, note, sizeof note),
                         GODWIT_OK);
    assert_true(strlen(note) > 0);
}

#define TRAIL(test) cmocka_unit_test_setup_teardown(test, trail_setup, trail_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRAIL(in_order),
        TRAIL(checkpoints_without_their_records),
        cmocka_unit_test(no_such_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
