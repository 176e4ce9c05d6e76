/* What the verifier says of each deed; all of them at every record: tests/figures/figure_tamper.c.
 */
#include "trail_fixture.h"

#define COUNT 12
#define EVERY 5

static struct audit_record records[COUNT + 2];
static struct audit_checkpoint checkpoints[COUNT];
static size_t records_count, checkpoints_count;
static char told[512];

static void tell(void *ctx, enum audit_fault kind, int64_t sequence)
{
    (void)ctx;
    size_t used = strlen(told);
    snprintf(told + used, sizeof told - used, "%s%s %lld", used ? ", " : "", audit_fault_id(kind),
             (long long)sequence);
}

static void take_record(void *ctx, const struct audit_record *record)
{
    (void)ctx;
    records[records_count++] = *record;
}

static void take_checkpoint(void *ctx, const struct audit_checkpoint *checkpoint)
{
    (void)ctx;
    checkpoints[checkpoints_count++] = *checkpoint;
}

static void read_all(struct trail *trail)
{
    records_count = checkpoints_count = 0;
    assert_int_equal(audit_list(trail->db, &(struct audit_query){0}, COUNT, take_record, NULL),
                     GODWIT_OK);
    assert_int_equal(audit_checkpoint_list(trail->db, 0, COUNT, take_checkpoint, NULL), GODWIT_OK);
}

static int setup(void **state)
{
    trail_setup(state);
    trail_fill(*state, COUNT, EVERY);
    read_all(*state);
    return 0;
}

static void feed(struct audit_verifier *verifier)
{
    size_t next = 0;
    for (size_t i = 0; i < records_count; i++) {
        while (next < checkpoints_count && checkpoints[next].sequence < records[i].sequence)
            audit_verify_checkpoint(verifier, &checkpoints[next++]);
        audit_verify_record(verifier, &records[i]);
    }
    while (next < checkpoints_count)
        audit_verify_checkpoint(verifier, &checkpoints[next++]);
}

static void assert_told(const char *wanted)
{
    struct audit_verifier verifier;
    told[0] = 0;
    audit_verify_begin(&verifier, tell, NULL);
    feed(&verifier);
    bool is_sound = audit_verify_finish(&verifier);
    assert_string_equal(told, wanted);
    assert_int_equal(is_sound, !*wanted);
}

static void remove_at(size_t index)
{
    for (size_t i = index; i + 1 < records_count; i++)
        records[i] = records[i + 1];
    records_count--;
}

/* What someone does who knows how: the hash fits again, also of those behind it. */
static void rehash(size_t from, size_t count)
{
    for (size_t i = from; i < from + count && i < records_count; i++) {
        if (i > from) memcpy(records[i].previous, records[i - 1].hash, 32);
        assert_int_equal(audit_record_hash(&records[i], records[i].hash), GODWIT_OK);
    }
}

static void a_sound_log(void **state)
{
    (void)state;
    assert_told("");
}

static void edits(void **state)
{
    (void)state;
    records[3].actor[5] ^= 1;
    assert_told("edited 4");
    rehash(3, 1);
    assert_told("unchained 5");
    rehash(3, COUNT);
    assert_told("rewritten 5, rewritten 10");
}

static void a_detail_under_a_digest_of_another(void **state)
{
    (void)state;
    records[3].after[2] ^= 1;
    rehash(3, 1);
    assert_told("edited 4, unchained 5");
}

static void deletions(void **state)
{
    (void)state;
    remove_at(3);
    assert_told("missing 4");
    remove_at(0);
    assert_told("no-root 2, missing 4");
}

static void moved(void **state)
{
    (void)state;
    struct audit_record kept = records[6];
    records[6] = records[7];
    records[7] = kept;
    assert_told("missing 7, moved 7, missing 8");
}

static void cut_off(void **state)
{
    (void)state;
    records_count = 9;
    assert_told("cut-off 10");
    records_count = 10; /* what is behind the last checkpoint, nobody knows of */
    assert_told("");
}

static void a_new_end_that_a_device_knows_better(void **state)
{
    (void)state;
    struct audit_verifier verifier;
    told[0] = 0;
    audit_verify_begin(&verifier, tell, NULL);
    verifier.witnesses_count = 1;
    memcpy(verifier.witnesses[0], checkpoints[1].hash, AUDIT_WITNESS_SIZE);
    records_count = 9, checkpoints_count = 1; /* both are gone, as by the server's owner */
    feed(&verifier);
    assert_false(audit_verify_finish(&verifier));
    assert_string_equal(told, "unwitnessed 0");
}

static void checkpoints_of_others(void **state)
{
    struct trail *trail = *state;
    struct audit_verifier verifier;
    checkpoints[0].signature[5] ^= 1;
    assert_told("unsigned 5");
    checkpoints[0].signature[5] ^= 1;
    told[0] = 0;
    audit_verify_begin(&verifier, tell, NULL);
    verifier.keys_count = 1;
    memset(verifier.keys[0], 7, 64);
    feed(&verifier);
    assert_false(audit_verify_finish(&verifier));
    assert_string_equal(told, "wrong-key 5, wrong-key 10");
    memcpy(verifier.keys[0], trail->public.point, 64);
}

static void a_root_by_a_checkpoint_of_others(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        remove_at(0);
    assert_told(""); /* begins with record 5, which is signed */
    checkpoints[0].signature[0] ^= 1;
    assert_told("unsigned 5, no-root 5");
}

#define TRAIL(test) cmocka_unit_test_setup_teardown(test, setup, trail_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRAIL(a_sound_log),
        TRAIL(edits),
        TRAIL(a_detail_under_a_digest_of_another),
        TRAIL(deletions),
        TRAIL(moved),
        TRAIL(cut_off),
        TRAIL(a_new_end_that_a_device_knows_better),
        TRAIL(checkpoints_of_others),
        TRAIL(a_root_by_a_checkpoint_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
