/* Scorecard S16: somebody who owns the database edits, deletes, moves, adds and cuts off records,
 * at each record of a log, clumsily and with every hash behind it made anew; the verifier must find
 * each deed and name its place. What nobody has signed and no device has seen is told apart: a new
 * end behind the newest checkpoint.
 *
 *   figure_tamper [--records N]
 *
 * A deed's place is right where the first fault that is told lies between the record and the next
 * checkpoint: a chain made anew from a record on shows there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/verify.h"
#include "keys/keys.h"

#define RECORDS 150
#define EVERY 20 /* records to a checkpoint */
#define BEHIND 7 /* records after the newest one */

static struct audit_record *sound, *log_records;
static size_t sound_count, log_count;
static struct audit_checkpoint *checkpoints;
static size_t checkpoints_count;
static int64_t newest;
static uint8_t trusted[64];

/* ---- a sound log ---- */

static void fail(const char *what)
{
    fprintf(stderr, "figure_tamper: %s\n", what);
    exit(1);
}

static void make_record(size_t index)
{
    char text[80];
    struct audit_record *record = &sound[index];
    *record = (struct audit_record){.sequence = (int64_t)index + 1,
                                    .time_s = 1700000000 + (int64_t)index * 7,
                                    .org = "default",
                                    .actor = "user:admin token:0011223344556677",
                                    .address = "192.0.2.7",
                                    .action = "rollout.created"};
    snprintf(record->object, sizeof record->object, "thermostat 1.0.%zu", index);
    snprintf(text, sizeof text, "{\"rollout_id\":%zu}", index);
    audit_detail_copy(record->before, record->before_sha256, "{\"a\":1}");
    audit_detail_copy(record->after, record->after_sha256, text);
    if (index) memcpy(record->previous, sound[index - 1].hash, 32);
    if (audit_record_hash(record, record->hash)) fail("no hash");
}

static void make_checkpoint(const struct key *key, size_t index)
{
    uint8_t digest[32], signature[384];
    size_t size;
    struct audit_checkpoint *checkpoint = &checkpoints[checkpoints_count++];
    *checkpoint =
        (struct audit_checkpoint){.sequence = sound[index].sequence, .time_s = sound[index].time_s};
    memcpy(checkpoint->hash, sound[index].hash, 32);
    memcpy(checkpoint->key, trusted, 64);
    if (audit_checkpoint_digest(checkpoint, digest) ||
        key_sign(key, digest, sizeof digest, signature, &size))
        fail("no signature");
    memcpy(checkpoint->signature, signature, 64);
    newest = checkpoint->sequence;
}

static void make_log(size_t count)
{
    struct key *key = key_generate(GODWIT_SCHEME_ECDSA256);
    struct godwit_public_key public;
    sound = calloc(count + 2, sizeof *sound);
    log_records = calloc(count + 2, sizeof *log_records);
    checkpoints = calloc(count, sizeof *checkpoints);
    if (!key || !sound || !log_records || !checkpoints) fail("out of memory");
    key_public(key, &public);
    memcpy(trusted, public.point, sizeof trusted);
    sound_count = count;
    for (size_t i = 0; i < count; i++) {
        make_record(i);
        if ((i + 1) % EVERY == 0 && i + BEHIND < count) make_checkpoint(key, i);
    }
    key_close(key);
}

static void restore(void)
{
    memcpy(log_records, sound, sound_count * sizeof *sound);
    log_count = sound_count;
}

/* ---- the verifier's word ---- */

static int64_t first_fault;
static size_t faults;

static void take(void *ctx, enum audit_fault fault, int64_t sequence)
{
    (void)ctx;
    (void)fault;
    if (faults++ == 0) first_fault = sequence;
}

/* witness: index of the checkpoint that a device has; SIZE_MAX: none. */
static bool is_whole(size_t given, size_t witness)
{
    static struct audit_verifier verifier;
    size_t next = 0;
    faults = 0;
    first_fault = 0;
    audit_verify_begin(&verifier, take, NULL);
    memcpy(verifier.keys[0], trusted, sizeof trusted);
    verifier.keys_count = 1;
    if (witness != SIZE_MAX) {
        memcpy(verifier.witnesses[0], checkpoints[witness].hash, AUDIT_WITNESS_SIZE);
        verifier.witnesses_count = 1;
    }
    for (size_t i = 0; i < log_count; i++) {
        while (next < given && checkpoints[next].sequence < log_records[i].sequence)
            audit_verify_checkpoint(&verifier, &checkpoints[next++]);
        audit_verify_record(&verifier, &log_records[i]);
    }
    while (next < given)
        audit_verify_checkpoint(&verifier, &checkpoints[next++]);
    return audit_verify_finish(&verifier);
}

/* ---- the deeds ---- */

static unsigned long cases, missed, misplaced, unsigned_ends;

static int64_t next_checkpoint(int64_t sequence)
{
    for (size_t i = 0; i < checkpoints_count; i++)
        if (checkpoints[i].sequence >= sequence) return checkpoints[i].sequence;
    return INT64_MAX;
}

/* from: the first record that is not as it was. is_remade: everything behind it fits again. */
static void judge(const char *deed, int64_t from, bool is_remade)
{
    bool is_seen = !is_whole(checkpoints_count, SIZE_MAX);
    if (is_remade && from > newest) {
        unsigned_ends++;
        return;
    }
    cases++;
    if (!is_seen) {
        missed++;
        printf("missed: %s at record %lld\n", deed, (long long)from);
    } else if (first_fault < from || first_fault > next_checkpoint(from)) {
        misplaced++;
        printf("misplaced: %s at record %lld, told of %lld\n", deed, (long long)from,
               (long long)first_fault);
    }
}

static void remake(size_t from, size_t count)
{
    for (size_t i = from; i < from + count && i < log_count; i++) {
        if (i > from) memcpy(log_records[i].previous, log_records[i - 1].hash, 32);
        if (audit_record_hash(&log_records[i], log_records[i].hash)) fail("no hash");
    }
}

static void renumber(size_t from)
{
    for (size_t i = from; i < log_count; i++) {
        log_records[i].sequence = (int64_t)i + 1;
        if (i) memcpy(log_records[i].previous, log_records[i - 1].hash, 32);
        if (audit_record_hash(&log_records[i], log_records[i].hash)) fail("no hash");
    }
}

#define MEMBERS 12

/* Each member that a record has, changed by one bit. */
static void touch(struct audit_record *record, size_t member)
{
    char *const texts[] = {record->org,    record->actor,  record->address, record->action,
                           record->object, record->before, record->after};
    uint8_t *const bytes[] = {record->before_sha256, record->after_sha256, record->previous,
                              record->hash};
    if (member < 7)
        texts[member][0] ^= 1;
    else if (member < 11)
        bytes[member - 7][member] ^= 1;
    else
        record->time_s++;
}

static void edit(size_t index)
{
    for (size_t member = 0; member < MEMBERS; member++) {
        int64_t sequence = (int64_t)index + 1;
        restore();
        touch(&log_records[index], member);
        judge("an edit", sequence, false);
        if (member == 10) continue; /* the hash itself, which the next lines make right again */
        remake(index, 1);
        judge("an edit with its hash", sequence, index + 1 == log_count);
        remake(index, log_count);
        judge("an edit with all hashes", sequence, member != 9);
    }
}

static void remove_range(size_t index, size_t count)
{
    restore();
    if (index + count > log_count) return;
    memmove(&log_records[index], &log_records[index + count],
            (log_count - index - count) * sizeof *log_records);
    log_count -= count;
    bool is_end = index == log_count;
    judge("a deletion", (int64_t)index + 1, is_end);
    if (is_end) return;
    renumber(index);
    judge("a deletion with new numbers", (int64_t)index + 1, true);
}

static void swap(size_t index, size_t other)
{
    restore();
    if (other >= log_count) return;
    struct audit_record kept = log_records[index];
    log_records[index] = log_records[other];
    log_records[other] = kept;
    judge("a swap", (int64_t)index + 1, false);
    renumber(index);
    judge("a swap with new numbers", (int64_t)index + 1, true);
}

static void add(size_t index)
{
    restore();
    memmove(&log_records[index + 1], &log_records[index], (log_count - index) * sizeof *sound);
    log_count++;
    judge("a copy", (int64_t)index + 1, false);
    renumber(index);
    judge("a copy with new numbers", (int64_t)index + 2, true); /* the copy itself */
}

static void cut_off(size_t count)
{
    restore();
    log_count = count;
    judge("a cut end", (int64_t)count + 1, true);
}

/* The thief also drops the checkpoints; a device that was given one says what is missing. */
static void forget(size_t given)
{
    for (size_t witness = given; witness < checkpoints_count; witness++) {
        restore();
        log_count = given ? (size_t)checkpoints[given - 1].sequence : 1;
        cases++;
        if (!is_whole(given, witness)) continue;
        missed++;
        printf("missed: checkpoints from %zu on, with the device's %zu\n", given, witness);
    }
}

int main(int argc, char **argv)
{
    size_t count = RECORDS;
    if (argc == 3 && !strcmp(argv[1], "--records")) count = strtoul(argv[2], NULL, 10);
    if (count < EVERY + BEHIND + 1) fail("--records wants a number from 28 on");
    make_log(count);
    restore();
    if (!is_whole(checkpoints_count, checkpoints_count - 1)) fail("the sound log is refused");
    for (size_t i = 0; i < count; i++) {
        edit(i);
        for (size_t size = 1; size <= 3; size++)
            remove_range(i, size);
        for (size_t distance = 1; distance <= 3; distance++)
            swap(i, i + distance);
        add(i);
        cut_off(i);
    }
    for (size_t given = 0; given < checkpoints_count; given++)
        forget(given);
    printf("figure tamper records=%zu checkpoints=%zu cases=%lu missed=%lu misplaced=%lu "
           "unsigned_ends=%lu\n",
           count, checkpoints_count, cases, missed, misplaced, unsigned_ends);
    free(sound);
    free(log_records);
    free(checkpoints);
    return missed || misplaced || cases < 1000;
}
