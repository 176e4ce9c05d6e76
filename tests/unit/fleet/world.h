/* A small fleet on a real database: products, releases and devices by one call each. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#include "fleet/account.h"
#include "fleet/decide.h"
#include "fleet/device.h"
#include "fleet/event.h"
#include "fleet/release.h"
#include "fleet/rollout.h"
#include "fleet/schema.h"
#include "temp_dir.h"

#define NOW_S 1767225600
#define CHIP 5

struct world {
    char dir[64], path[96];
    struct db *db;
    struct fleet fleet;
};

static inline void world_open(struct world *world)
{
    char note[256];
    assert_int_equal(db_open(world->path, false, &world->db, note, sizeof note), GODWIT_OK);
    assert_int_equal(db_migrate(world->db, SCHEMA, SCHEMA_COUNT), GODWIT_OK);
    fleet_init(&world->fleet);
    assert_int_equal(fleet_load(&world->fleet, world->db), GODWIT_OK);
}

static inline void world_close(struct world *world)
{
    fleet_deinit(&world->fleet);
    db_close(world->db);
}

static inline int world_setup(void **state)
{
    static struct world world;
    temp_dir_make(world.dir);
    snprintf(world.path, sizeof world.path, "%s/godwit.db", world.dir);
    world_open(&world);
    *state = &world;
    return 0;
}

static inline int world_teardown(void **state)
{
    struct world *world = *state;
    world_close(world);
    temp_dir_drop(world->dir);
    return 0;
}

/* As after a restart: memory from the database alone. */
static inline void world_restart(struct world *world)
{
    world_close(world);
    world_open(world);
}

static inline void world_begin(struct world *world)
{
    assert_int_equal(db_begin(world->db), GODWIT_OK);
    fleet_transaction_begun(&world->fleet);
}

static inline void world_commit(struct world *world)
{
    assert_int_equal(db_commit(world->db), GODWIT_OK);
    fleet_committed(&world->fleet);
}

static inline int64_t world_count(struct world *world, const char *sql)
{
    struct db_rows rows;
    assert_int_equal(db_query(world->db, &rows, sql, NULL, 0), GODWIT_OK);
    assert_int_equal(db_next(&rows), GODWIT_OK);
    int64_t count = db_column_int(&rows, 0);
    db_rows_close(&rows);
    return count;
}

/* image_sha256 is filled with `name`, file_sha256 with name + 100. */
static inline struct upload upload_of(const char *version, uint8_t name)
{
    struct upload upload = {.product = "thermostat"};
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

static inline struct upload_verdict world_judge(struct world *world, const struct upload *upload)
{
    struct upload_verdict verdict;
    world_begin(world);
    assert_int_equal(release_add(&world->fleet, world->db, upload, NOW_S, &verdict), GODWIT_OK);
    world_commit(world);
    return verdict;
}

static inline enum upload_result world_upload(struct world *world, const struct upload *upload)
{
    return world_judge(world, upload).result;
}

static inline struct rollout *world_deploy(struct world *world, const char *version,
                                           struct device *const *devices, size_t count)
{
    uint32_t id = 0;
    bool more;
    struct release *release = release_find(&world->fleet.catalogue, "thermostat", version);
    assert_non_null(release);
    const struct rollout_wish wish = {release, devices, count, false};
    world_begin(world);
    assert_int_equal(rollout_create(&world->fleet, world->db, &wish, NOW_S, &id), GODWIT_OK);
    assert_int_equal(rollout_note_incompatible(&world->fleet, world->db, SIZE_MAX, NOW_S, &more),
                     GODWIT_OK);
    world_commit(world);
    return rollout_find(&world->fleet.catalogue, id);
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

static inline enum claim_result world_claim(struct world *world,
                                            const struct godwit_checkin *checkin, uint8_t token,
                                            struct device **device_out)
{
    uint8_t claim_sha256[32], token_sha256[32];
    enum claim_result result;
    memset(claim_sha256, 0xC1, 32);
    memset(token_sha256, token, 32);
    world_begin(world);
    assert_int_equal(device_claim(&world->fleet, world->db, claim_sha256, token_sha256, checkin,
                                  NOW_S, &result, device_out),
                     GODWIT_OK);
    world_commit(world);
    return result;
}

static inline void world_allow(struct world *world, uint32_t count)
{
    uint8_t claim_sha256[32];
    memset(claim_sha256, 0xC1, 32);
    world_begin(world);
    assert_int_equal(claim_create(&world->fleet, world->db,
                                  product_find(&world->fleet.catalogue, "thermostat"), count,
                                  claim_sha256, NOW_S),
                     GODWIT_OK);
    world_commit(world);
}

/* One whole check-in, through the writer where it is needed. */
static inline struct decision world_say(struct world *world, const struct godwit_checkin *checkin)
{
    struct device *device = device_find(&world->fleet, checkin->device_id);
    assert_non_null(device);
    if (device_take(&world->fleet, device, checkin, NOW_S)) {
        world_begin(world);
        assert_int_equal(device_record(&world->fleet, world->db, device, checkin, NOW_S),
                         GODWIT_OK);
        world_commit(world);
    }
    return decide(device, &world->fleet.catalogue);
}
