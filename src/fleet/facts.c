/* What is kept of each device that there are very many of: facts and digests in as few bytes as
 * they need, the common ones shared (shared.h). */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "fleet/memory.h"
#include "fleet/pending.h"
#include "fleet/site.h"
#include "formats/name.h"

/* ---- making ---- */

struct device *device_make(struct fleet *fleet)
{
    return pool_take(&fleet->device_cells);
}

struct device *device_make_new(struct fleet *fleet)
{
    static const struct running_image NOTHING;
    static const uint8_t NO_DIGEST[32];
    static const struct godwit_outcome NO_OUTCOME;
    struct device *device = device_make(fleet);
    const struct device_facts facts = {.running = &NOTHING, .staged_file_sha256 = NO_DIGEST};
    device_set_facts(fleet, device, &facts);
    device_set_digest(fleet, &device->known_image, NO_DIGEST);
    device_set_outcome(fleet, device, &NO_OUTCOME);
    return device;
}

void device_free(struct fleet *fleet, struct device *device)
{
    site_leave(&fleet->catalogue, device);
    for (struct member *member = device->members, *next; member; member = next) {
        next = member->next;
        pool_give(&fleet->member_cells, member);
    }
    pending_free(device);
    free(device->rotation);
    device_unguard(fleet, device);
    const void *const held[] = {device->facts.running, device->facts.staged_file_sha256,
                                device->known_image, device->last_outcome};
    for (size_t i = 0; i < sizeof held / sizeof *held; i++)
        shared_drop(&fleet->shared, held[i]);
    pool_give(&fleet->device_cells, device);
}

/* ---- setting ---- */

void device_set_digest(struct fleet *fleet, const uint8_t **place, const uint8_t digest[static 32])
{
    const void *held = *place;
    shared_put(&fleet->shared, &held, digest, 32);
    *place = held;
}

static void set_running(struct fleet *fleet, struct device_facts *facts,
                        const struct running_image *running)
{
    const void *held = facts->running;
    shared_put(&fleet->shared, &held, running, sizeof *running);
    facts->running = held;
}

void device_set_facts(struct fleet *fleet, struct device *device, const struct device_facts *facts)
{
    struct device_facts set = *facts;
    set.guard = device->facts.guard;
    set.running = device->facts.running;
    set.staged_file_sha256 = device->facts.staged_file_sha256;
    set_running(fleet, &set, facts->running);
    device_set_digest(fleet, &set.staged_file_sha256, facts->staged_file_sha256);
    device->facts = set;
}

void facts_copy(struct facts_copy *out, const struct device_facts *facts)
{
    out->facts = *facts;
    out->running = *facts->running;
    memcpy(out->staged_file_sha256, facts->staged_file_sha256, sizeof out->staged_file_sha256);
    out->facts.running = &out->running;
    out->facts.staged_file_sha256 = out->staged_file_sha256;
}

void device_set_outcome(struct fleet *fleet, struct device *device,
                        const struct godwit_outcome *outcome)
{
    const void *held = device->last_outcome;
    struct godwit_outcome kept = *outcome;
    kept.rollout_id = 0;
    memset(kept.detail, 0, sizeof kept.detail);
    memcpy(kept.detail, outcome->detail, strnlen(outcome->detail, sizeof kept.detail - 1));
    shared_put(&fleet->shared, &held, &kept, sizeof kept);
    device->last_outcome = held;
}

/* ---- the loop guard ---- */

void device_guard(struct fleet *fleet, struct device *device, const uint8_t digest[static 32])
{
    for (size_t i = 0; i < device->failed_images_count; i++)
        if (!memcmp(device->failed_images[i], digest, 32)) return;
    if (device->failed_images_count == FLEET_FAILED_IMAGES_MAX) {
        shared_drop(&fleet->shared, device->failed_images[0]);
        device->failed_images_count--;
        memmove(&device->failed_images[0], &device->failed_images[1],
                device->failed_images_count * sizeof *device->failed_images);
    }
    size_t count = device->failed_images_count++;
    const uint8_t **wider =
        realloc(device->failed_images, (count + 1) * sizeof *device->failed_images);
    if (!wider) abort();
    wider[count] = NULL;
    device_set_digest(fleet, &wider[count], digest);
    device->failed_images = wider;
}

void device_unguard(struct fleet *fleet, struct device *device)
{
    for (size_t i = 0; i < device->failed_images_count; i++)
        shared_drop(&fleet->shared, device->failed_images[i]);
    free(device->failed_images);
    device->failed_images = NULL;
    device->failed_images_count = 0;
}

/* ---- from a check-in ---- */

void device_plain_text(char *out, const char *text, size_t size)
{
    char clean[GODWIT_DETAIL_MAX] = "", cut[GODWIT_DETAIL_MAX];
    size_t at = 0, part;
    snprintf(cut, sizeof cut, "%s", text);
    godwit_text_clean(cut, clean);
    while (clean[at] && (part = godwit_utf8_size(clean + at, strlen(clean + at))) != 0 &&
           at + part < size)
        at += part; /* whole characters only */
    memcpy(out, clean, at);
    memset(out + at, 0, size - at);
}

/* Whether it says what is kept, letter for letter, as nearly every check-in does: what was made
 * plain once is plain. */
static bool runs_same(const struct running_image *running, const struct godwit_checkin *checkin)
{
    return !memcmp(running->image_sha256, checkin->image_sha256, sizeof running->image_sha256) &&
           !memcmp(running->file_sha256, checkin->file_sha256, sizeof running->file_sha256) &&
           !memcmp(running->deploy_keys, checkin->deploy_keys, sizeof running->deploy_keys) &&
           !strcmp(running->agent_version, checkin->agent_version) &&
           !strcmp(running->project, checkin->project) &&
           !strcmp(running->version, checkin->version) &&
           !strcmp(running->idf_version, checkin->idf_version) &&
           !strcmp(running->slot, checkin->slot);
}

static void take_running(struct fleet *fleet, struct device_facts *facts,
                         const struct godwit_checkin *checkin)
{
    struct running_image now;
    if (runs_same(facts->running, checkin)) return;
    device_plain_text(now.agent_version, checkin->agent_version, sizeof now.agent_version);
    device_plain_text(now.project, checkin->project, sizeof now.project);
    device_plain_text(now.version, checkin->version, sizeof now.version);
    device_plain_text(now.idf_version, checkin->idf_version, sizeof now.idf_version);
    device_plain_text(now.slot, checkin->slot, sizeof now.slot);
    memcpy(now.image_sha256, checkin->image_sha256, sizeof now.image_sha256);
    memcpy(now.file_sha256, checkin->file_sha256, sizeof now.file_sha256);
    memcpy(now.deploy_keys, checkin->deploy_keys, sizeof now.deploy_keys);
    set_running(fleet, facts, &now);
}

void device_take_facts(struct fleet *fleet, struct device *device,
                       const struct godwit_checkin *checkin, int64_t now_s)
{
    struct device_facts *facts = &device->facts;
    take_running(fleet, facts, checkin);
    device_set_digest(fleet, &facts->staged_file_sha256, checkin->staged_file_sha256);
    facts->counter = checkin->counter;
    facts->progress = checkin->progress;
    facts->chip_id = checkin->chip_id;
    facts->chip_revision = checkin->chip_revision;
    facts->block_revision = checkin->block_revision;
    facts->no_max_revision = checkin->no_max & 1;
    facts->no_max_block_revision = checkin->no_max >> 1 & 1;
    facts->flash_mode = checkin->flash_mode;
    facts->mmu_page_log2 = checkin->mmu_page_log2;
    facts->flash_size = checkin->flash_size;
    facts->slot_size = checkin->slot_size;
    facts->free_heap = checkin->free_heap;
    facts->secure_version = checkin->secure_version;
    facts->hardware_revision = checkin->hardware_revision;
    facts->checkins = checkin->checkins;
    facts->nonce_tag = godwit_load32(checkin->nonce);
    facts->boots = checkin->boots;
    facts->fresh_age_s = checkin->fresh_age_s;
    facts->rollback_floor = checkin->rollback_floor;
    facts->unwatched = checkin->unwatched;
    facts->reset = (uint8_t)checkin->reset;
    facts->on_trial = checkin->on_trial;
    facts->last_seen_s = now_s;
}

/* ---- to the database ---- */

godwit_err device_write_facts(struct db *db, int64_t id, const struct device_facts *facts)
{
    const struct running_image *running = facts->running;
    return db_run(
        db,
        "update devices set last_seen = $2, agent_version = $3, project = $4, version = $5,"
        " idf_version = $6, image_sha256 = $7, file_sha256 = $8, staged_file_sha256 = $9,"
        " counter = $10, progress = $11, chip_id = $12, chip_revision = $13,"
        " flash_size = $14, slot_size = $15, free_heap = $16, secure_version = $17,"
        " hardware_revision = $18, checkins = $19, boots = $20, fresh_age = $21, reset = $22,"
        " rollback_floor = $23, deploy_keys = $24, unwatched = $25, block_revision = $26,"
        " no_max_revision = $27, no_max_block_revision = $28, flash_mode = $29,"
        " mmu_page_log2 = $30 where id = $1",
        DB_ARGS(db_int(id), db_int(facts->last_seen_s), db_text(running->agent_version),
                db_text(running->project), db_text(running->version), db_text(running->idf_version),
                db_blob(running->image_sha256, 32), db_blob(running->file_sha256, 32),
                db_blob(facts->staged_file_sha256, 32), db_int(facts->counter),
                db_int(facts->progress), db_int(facts->chip_id), db_int(facts->chip_revision),
                db_int(facts->flash_size), db_int(facts->slot_size), db_int(facts->free_heap),
                db_int(facts->secure_version), db_int(facts->hardware_revision),
                db_int(facts->checkins), db_int(facts->boots), db_int(facts->fresh_age_s),
                db_int(facts->reset), db_int(facts->rollback_floor),
                db_blob(running->deploy_keys, 16), db_int(facts->unwatched),
                db_int(facts->block_revision), db_int(facts->no_max_revision),
                db_int(facts->no_max_block_revision), db_int(facts->flash_mode),
                db_int(facts->mmu_page_log2)));
}
