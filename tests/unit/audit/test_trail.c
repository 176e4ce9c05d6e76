/* The log in a database: the chain grows, pages and filters, stands or falls with its transaction,
 * and gives way to age only up to a checkpoint. */
#include "trail_fixture.h"

static int64_t sequences[600];
static size_t count;

static void take(void *ctx, const struct audit_record *record)
{
    (void)ctx;
    assert_true(count < sizeof sequences / sizeof *sequences);
    sequences[count++] = record->sequence;
}

static size_t list(struct trail *trail, const struct audit_query *query, size_t limit)
{
    count = 0;
    assert_int_equal(audit_list(trail->db, query, limit, take, NULL), GODWIT_OK);
    return count;
}

static void the_chain_grows_with_what_is_committed(void **state)
{
    struct trail *trail = *state;
    struct audit_record first, second, last;
    assert_int_equal(audit_last(trail->db, &last), GODWIT_ERR_MISSING);
    first = trail_record(1), second = trail_record(2);
    assert_int_equal(audit_add(trail->db, &first), GODWIT_OK);
    assert_true(godwit_all(first.previous, 32, 0));
    assert_int_equal(db_begin(trail->db), GODWIT_OK);
    assert_int_equal(audit_add(trail->db, &second), GODWIT_OK);
    assert_memory_equal(second.previous, first.hash, 32);
    db_rollback(trail->db);
    assert_int_equal(audit_last(trail->db, &last), GODWIT_OK);
    assert_int_equal(last.sequence, 1);
    assert_memory_equal(&last, &first, sizeof last);
}

static void pages_and_filters(void **state)
{
    struct trail *trail = *state;
    trail_fill(trail, 50, 1000);
    assert_int_equal(list(trail, &(struct audit_query){.after = 10}, 5), 5);
    assert_int_equal(sequences[0], 11);
    assert_int_equal(list(trail, &(struct audit_query){.before = INT64_MAX}, 5), 5);
    assert_int_equal(sequences[0], 50);
    assert_int_equal(list(trail, &(struct audit_query){.before = 3}, 5), 2);
    assert_int_equal(sequences[0], 2);
    assert_int_equal(list(trail, &(struct audit_query){.object = "thermostat 1.0.7"}, 500), 1);
    assert_int_equal(list(trail, &(struct audit_query){.object = "thermostat 1.0.1*"}, 500), 11);
    assert_int_equal(list(trail, &(struct audit_query){.action = "rollout.*"}, 500), 50);
    assert_int_equal(list(trail, &(struct audit_query){.action = "rollout"}, 500), 0);
    assert_int_equal(list(trail, &(struct audit_query){.actor = "user:%"}, 500), 0);
    assert_int_equal(list(trail, &(struct audit_query){.org = "other"}, 500), 0);
    assert_int_equal(list(trail, &(struct audit_query){.org = "default"}, 500), 50);
}

static void quiet(void *ctx, enum audit_fault kind, int64_t sequence)
{
    (void)ctx;
    print_message("%s at %lld\n", audit_fault_id(kind), (long long)sequence);
}

static void verify_record(void *ctx, const struct audit_record *record)
{
    audit_verify_record(ctx, record);
}

/* The checkpoint at the root comes behind the first record. */
static bool is_sound(struct trail *trail)
{
    struct audit_verifier verifier;
    struct audit_checkpoint root;
    audit_verify_begin(&verifier, quiet, NULL);
    assert_int_equal(list(trail, &(struct audit_query){0}, 500) > 0, true);
    assert_int_equal(audit_list(trail->db, &(struct audit_query){0}, 1, verify_record, &verifier),
                     GODWIT_OK);
    struct db_rows rows;
    assert_int_equal(db_query(trail->db, &rows,
                              "select sequence, time, hash, signing_key, signature from"
                              " audit_checkpoints order by sequence limit 1",
                              NULL, 0),
                     GODWIT_OK);
    assert_int_equal(db_next(&rows), GODWIT_OK);
    root = (struct audit_checkpoint){.sequence = db_column_int(&rows, 0),
                                     .time_s = db_column_int(&rows, 1)};
    db_column_blob(&rows, 2, root.hash, 32);
    db_column_blob(&rows, 3, root.key, 64);
    db_column_blob(&rows, 4, root.signature, 64);
    db_rows_close(&rows);
    audit_verify_checkpoint(&verifier, &root);
    assert_int_equal(audit_list(trail->db, &(struct audit_query){.after = verifier.last}, 500,
                                verify_record, &verifier),
                     GODWIT_OK);
    return audit_verify_finish(&verifier);
}

static int64_t first_of(struct trail *trail)
{
    list(trail, &(struct audit_query){0}, 1);
    return sequences[0];
}

static void age_takes_up_to_a_checkpoint(void **state)
{
    struct trail *trail = *state;
    int64_t root;
    trail_fill(trail, 100, 10); /* record n at second 1000 + n */
    assert_int_equal(audit_prune(trail->db, 1005, 25, &root), GODWIT_OK);
    assert_int_equal(root, 0); /* no checkpoint is as old */
    assert_int_equal(audit_prune(trail->db, 1064, 25, &root), GODWIT_OK);
    assert_int_equal(root, 20); /* a piece at a time, each up to a checkpoint */
    assert_int_equal(first_of(trail), 20);
    assert_true(is_sound(trail));
    assert_int_equal(audit_prune(trail->db, 1064, 25, &root), GODWIT_OK);
    assert_int_equal(audit_prune(trail->db, 1064, 25, &root), GODWIT_OK);
    assert_int_equal(root, 60);
    assert_int_equal(audit_prune(trail->db, 1064, 25, &root), GODWIT_OK);
    assert_int_equal(root, 0);
    assert_int_equal(first_of(trail), 60);
    assert_true(is_sound(trail));
    assert_int_equal(audit_prune(trail->db, 9999, 3, &root), GODWIT_OK);
    assert_int_equal(root, 70); /* the next one is further than that */
    assert_int_equal(db_run(trail->db, "delete from audit where sequence = 70", NULL, 0),
                     GODWIT_OK);
    assert_false(is_sound(trail));
}

/* Records of the present before some that a wrong clock has dated back: they stay. */
static void what_is_young_stays_before_what_is_old(void **state)
{
    struct trail *trail = *state;
    int64_t root;
    trail_fill(trail, 100, 10);
    assert_int_equal(db_run(trail->db, "update audit set time = 5000 where sequence = 35", NULL, 0),
                     GODWIT_OK);
    assert_int_equal(audit_prune(trail->db, 2000, 500, &root), GODWIT_OK);
    assert_int_equal(root, 30);
    assert_int_equal(audit_prune(trail->db, 2000, 500, &root), GODWIT_OK);
    assert_int_equal(root, 0);
    assert_int_equal(first_of(trail), 30);
}

#define TRAIL(test) cmocka_unit_test_setup_teardown(test, trail_setup, trail_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRAIL(the_chain_grows_with_what_is_committed),
        TRAIL(pages_and_filters),
        TRAIL(age_takes_up_to_a_checkpoint),
        TRAIL(what_is_young_stays_before_what_is_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
