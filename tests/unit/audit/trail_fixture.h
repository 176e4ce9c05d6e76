/* A log of some records in a database of its own, with checkpoints by a key of its own. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>
#include <stdio.h>

#include "audit/trail.h"
#include "audit/verify.h"
#include "keys/keys.h"
#include "store/store.h"
#include "temp_dir.h"

struct trail {
    char dir[64], path[96];
    struct db *db;
    struct key *key;
    struct godwit_public_key public;
};

static const struct migration TRAIL_SCHEMA[] = {
    {1, "audit",
     "create table audit (sequence integer primary key, org text not null, time integer not null,"
     " actor text not null, address text not null, action text not null, object text not null,"
     " before_text text not null, after_text text not null, before_sha256 blob not null,"
     " after_sha256 blob not null, previous blob not null, hash blob not null);"
     "create table audit_checkpoints (sequence integer primary key, org text not null,"
     " time integer not null, hash blob not null, signing_key blob not null,"
     " signature blob not null)"},
};

static inline struct audit_record trail_record(int64_t n)
{
    char text[64];
    struct audit_record record = {.time_s = 1000 + n,
                                  .org = "default",
                                  .actor = "user:admin",
                                  .address = "192.0.2.7",
                                  .action = "rollout.created"};
    snprintf(record.object, sizeof record.object, "thermostat 1.0.%d", (int)n);
    snprintf(text, sizeof text, "{\"rollout_id\":%d}", (int)n);
    audit_detail_copy(record.before, record.before_sha256, n % 2 ? NULL : "{\"old\":true}");
    audit_detail_copy(record.after, record.after_sha256, text);
    return record;
}

static inline void trail_checkpoint(struct trail *trail)
{
    struct audit_record last;
    uint8_t digest[32], signature[384];
    size_t size;
    assert_int_equal(audit_last(trail->db, &last), GODWIT_OK);
    struct audit_checkpoint checkpoint = {.sequence = last.sequence, .time_s = last.time_s};
    memcpy(checkpoint.hash, last.hash, 32);
    memcpy(checkpoint.key, trail->public.point, 64);
    assert_int_equal(audit_checkpoint_digest(&checkpoint, digest), GODWIT_OK);
    assert_int_equal(key_sign(trail->key, digest, 32, signature, &size), GODWIT_OK);
    memcpy(checkpoint.signature, signature, 64);
    assert_int_equal(audit_checkpoint_add(trail->db, &checkpoint), GODWIT_OK);
}

/* count records, a checkpoint behind each every-th. */
static inline void trail_fill(struct trail *trail, int64_t count, int64_t every)
{
    for (int64_t n = 1; n <= count; n++) {
        struct audit_record record = trail_record(n);
        assert_int_equal(audit_add(trail->db, &record), GODWIT_OK);
        assert_int_equal(record.sequence, n);
        if (n % every == 0) trail_checkpoint(trail);
    }
}

static inline int trail_setup(void **state)
{
    static struct trail trail;
    char note[200];
    memset(&trail, 0, sizeof trail);
    temp_dir_make(trail.dir);
    snprintf(trail.path, sizeof trail.path, "%s/log.db", trail.dir);
    assert_int_equal(db_open(trail.path, false, &trail.db, note, sizeof note), GODWIT_OK);
    assert_int_equal(db_migrate(trail.db, TRAIL_SCHEMA, 1), GODWIT_OK);
    trail.key = key_generate(GODWIT_SCHEME_ECDSA256);
    key_public(trail.key, &trail.public);
    *state = &trail;
    return 0;
}

static inline int trail_teardown(void **state)
{
    struct trail *trail = *state;
    db_close(trail->db);
    key_close(trail->key);
    temp_dir_drop(trail->dir);
    return 0;
}
