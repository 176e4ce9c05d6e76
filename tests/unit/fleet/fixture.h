/* A small fleet on a real database: products, releases and devices by one call each. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#include "fleet/account.h"
#include "fleet/claim.h"
#include "fleet/decide.h"
#include "fleet/device.h"
#include "fleet/event.h"
#include "fleet/listing.h"
#include "fleet/release.h"
#include "fleet/rollout.h"
#include "fleet/schema.h"
#include "fleet/silence.h"
#include "temp_dir.h"

#define NOW_S 1767225600
#define CHIP 5

struct fixture {
    char dir[64], path[96];
    struct db *db;
    struct fleet fleet;
    size_t devices_max; /* in memory; 0: all */
};

static inline void fixture_open(struct fixture *fixture)
{
    char note[256];
    assert_int_equal(db_open(fixture->path, false, &fixture->db, note, sizeof note), GODWIT_OK);
    assert_int_equal(db_migrate(fixture->db, SCHEMA, SCHEMA_COUNT), GODWIT_OK);
    fleet_init(&fixture->fleet);
    fixture->fleet.devices_max = fixture->devices_max;
    assert_int_equal(fleet_load(&fixture->fleet, fixture->db), GODWIT_OK);
}

static inline void fixture_close(struct fixture *fixture)
{
    fleet_deinit(&fixture->fleet);
    db_close(fixture->db);
}

static inline int fixture_setup(void **state)
{
    static struct fixture fixture;
    temp_dir_make(fixture.dir);
    snprintf(fixture.path, sizeof fixture.path, "%s/godwit.db", fixture.dir);
    fixture_open(&fixture);
    *state = &fixture;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    fixture_close(fixture);
    temp_dir_drop(fixture->dir);
    return 0;
}

/* As after a restart: memory from the database alone. */
static inline void fixture_restart(struct fixture *fixture)
{
    fixture_close(fixture);
    fixture_open(fixture);
}

static inline void fixture_begin(struct fixture *fixture)
{
    assert_int_equal(db_begin(fixture->db), GODWIT_OK);
    fleet_transaction_begun(&fixture->fleet);
}

static inline void fixture_commit(struct fixture *fixture)
{
    assert_int_equal(listing_commit(&fixture->fleet, fixture->db), GODWIT_OK);
    assert_int_equal(db_commit(fixture->db), GODWIT_OK);
    fleet_committed(&fixture->fleet);
}

static inline int64_t fixture_count(struct fixture *fixture, const char *sql)
{
    struct db_rows rows;
    assert_int_equal(db_query(fixture->db, &rows, sql, NULL, 0), GODWIT_OK);
    assert_int_equal(db_next(&rows), GODWIT_OK);
    int64_t count = db_column_int(&rows, 0);
    db_rows_close(&rows);
    return count;
}

static inline struct device *fixture_device(struct fixture *fixture, const uint8_t *device_id)
{
    return device_find(&fixture->fleet, FLEET_ORG, device_id);
}

/* image_sha256 is filled with `name`, file_sha256 with name + 100. */
static inline struct upload upload_of(const char *version, uint8_t name)
{
    struct upload upload = {.org = FLEET_ORG, .product = "thermostat"};
    snprintf(upload.version, sizeof upload.version, "%s", version);
    upload.image.chip_id = CHIP;
    upload.image.hardware_mask = UINT32_MAX;
    upload.image.file_size = 69632;
    memset(upload.image.image_sha256, name, 32);
    memset(upload.image.file_sha256, name + 100, 32);
    upload.image.trust.is_known = true;
    upload.image.trust.keys_count = 1;
    memset(upload.image.trust.keys[0], 0xAA, 32);
    return upload;
}

/* P1 of the product with one image key, filled with `key`. */
static inline void upload_policy(struct upload *upload, uint8_t key, uint32_t counter)
{
    struct image_trust *trust = &upload->image.trust;
    trust->has_policy = true;
    trust->policy = (struct godwit_policy){
        .threshold = 1, .image_keys_count = 1, .counter = counter, .hardware_mask = UINT32_MAX};
    assert_int_equal(godwit_product_id(FLEET_ORG, upload->product, trust->policy.product_id),
                     GODWIT_OK);
    memset(trust->policy.image_keys[0], key, 32);
    upload->counter = counter;
}

static inline struct upload_verdict fixture_check(struct fixture *fixture,
                                                  const struct upload *upload)
{
    struct upload_verdict verdict;
    fixture_begin(fixture);
    assert_int_equal(release_add(&fixture->fleet, fixture->db, upload, NOW_S, &verdict), GODWIT_OK);
    fixture_commit(fixture);
    return verdict;
}

static inline enum upload_result fixture_upload(struct fixture *fixture,
                                                const struct upload *upload)
{
    return fixture_check(fixture, upload).result;
}

/* The release is the version's. */
static inline struct rollout *fixture_begin_rollout(struct fixture *fixture, const char *version,
                                                    struct rollout_request wanted)
{
    uint32_t id = 0;
    bool more;
    wanted.release = release_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat", version);
    assert_non_null(wanted.release);
    fixture_begin(fixture);
    assert_int_equal(rollout_create(&fixture->fleet, fixture->db, &wanted, NOW_S, &id), GODWIT_OK);
    assert_int_equal(
        rollout_note_incompatible(&fixture->fleet, fixture->db, SIZE_MAX, NOW_S, &more), GODWIT_OK);
    fixture_commit(fixture);
    return rollout_find(&fixture->fleet.catalogue, id);
}

static inline struct rollout *fixture_roll_out(struct fixture *fixture, const char *version,
                                               struct device *const *devices, size_t count,
                                               bool again)
{
    return fixture_begin_rollout(
        fixture, version,
        (struct rollout_request){.devices = devices, .devices_count = count, .again = again});
}

static inline struct rollout *fixture_deploy(struct fixture *fixture, const char *version,
                                             struct device *const *devices, size_t count)
{
    return fixture_roll_out(fixture, version, devices, count, false);
}

/* What device number n says when all is well and it runs the image `name`. */
static inline struct godwit_checkin checkin_of(uint8_t n, uint8_t name)
{
    struct godwit_checkin checkin = {.device_id = {0x7c, 0xdf, 0xa1, 0, 0, n},
                                     .chip_id = CHIP,
                                     .slot_size = 1 << 20,
                                     .project = "thermostat",
                                     .version = "1.0.0",
                                     .slot = "ota_0"};
    memset(checkin.image_sha256, name, 32);
    memset(checkin.token, n, 32);
    return checkin;
}

/* The trial boot of that release panicked, and the device is back in what it ran before. */
static inline struct godwit_outcome outcome_panicked(uint32_t id, uint32_t rollout, uint8_t name)
{
    struct godwit_outcome outcome = {.id = id,
                                     .rollout_id = rollout,
                                     .stage = GODWIT_STAGE_ROLLED_BACK,
                                     .reason = GODWIT_REASON_TRIAL_PANIC};
    memset(outcome.file_sha256, name + 100, 32);
    return outcome;
}

/* With the claim that is filled with `claim`. */
static inline enum claim_result fixture_claim_by(struct fixture *fixture, uint8_t claim,
                                                 const struct godwit_checkin *checkin,
                                                 uint8_t token, struct device **device_out)
{
    uint8_t claim_sha256[32], token_sha256[32];
    enum claim_result result;
    memset(claim_sha256, claim, 32);
    memset(token_sha256, token, 32);
    fixture_begin(fixture);
    const struct claim_request wanted = {claim_sha256, token_sha256, checkin};
    assert_int_equal(
        device_claim(&fixture->fleet, fixture->db, &wanted, NOW_S, &result, device_out), GODWIT_OK);
    fixture_commit(fixture);
    return result;
}

static inline enum claim_result fixture_claim(struct fixture *fixture,
                                              const struct godwit_checkin *checkin, uint8_t token,
                                              struct device **device_out)
{
    return fixture_claim_by(fixture, 0xC1, checkin, token, device_out);
}

static inline void fixture_allow_by(struct fixture *fixture, uint8_t claim, uint32_t count)
{
    uint8_t claim_sha256[32];
    memset(claim_sha256, claim, 32);
    fixture_begin(fixture);
    const struct claim_terms terms = {
        .product = product_find(&fixture->fleet.catalogue, FLEET_ORG, "thermostat"),
        .count_max = count};
    bool is_full;
    assert_int_equal(
        claim_create(&fixture->fleet, fixture->db, &terms, claim_sha256, NOW_S, &is_full),
        GODWIT_OK);
    fixture_commit(fixture);
}

static inline void fixture_allow(struct fixture *fixture, uint32_t count)
{
    fixture_allow_by(fixture, 0xC1, count);
}

/* One whole check-in, through the writer where it is needed. */
static inline struct decision
fixture_checkin_at(struct fixture *fixture, const struct godwit_checkin *checkin, int64_t now_s)
{
    struct device *device = fixture_device(fixture, checkin->device_id);
    assert_non_null(device);
    if (device_take(&fixture->fleet, device, checkin, now_s)) {
        fixture_begin(fixture);
        assert_int_equal(device_record(&fixture->fleet, fixture->db, device, checkin, now_s),
                         GODWIT_OK);
        fixture_commit(fixture);
    }
    return decide(device, &fixture->fleet.catalogue);
}

static inline struct decision fixture_checkin(struct fixture *fixture,
                                              const struct godwit_checkin *checkin)
{
    return fixture_checkin_at(fixture, checkin, NOW_S);
}

/* So many devices, numbered from 1, that run the image `name` and have checked in once. */
static inline void fixture_join(struct fixture *fixture, uint8_t devices, uint8_t name)
{
    fixture_allow(fixture, devices);
    for (uint8_t n = 1; n <= devices; n++) {
        struct godwit_checkin checkin = checkin_of(n, name);
        struct device *device;
        assert_int_equal(fixture_claim(fixture, &checkin, n, &device), CLAIM_ACCEPTED);
        fixture_checkin(fixture, &checkin);
    }
}
