/* Products and releases: what one upload adds. The file itself has been judged sound before; here
 * it is judged against what is known of its product. */
#include "fleet/release.h"

#include <stdlib.h>

#include "fleet/listing.h"
#include "fleet/memory.h"
#include "fleet/upgrade_path.h"

static struct release *exact(const struct fleet *fleet, const struct product *product,
                             const char *version, uint32_t counter)
{
    struct release *release = fleet->catalogue.releases;
    while (release && (release->product != product || release->counter != counter ||
                       strcmp(release->version, version)))
        release = release->next;
    return release;
}

/* ---- whom a file could be for ---- */

/* As a device judges it that stands there; its counter is its own affair. */
static enum godwit_reason check_at(const struct upgrade_point *point, const struct upload *upload)
{
    struct upgrade_point there = *point;
    there.counter = there.secure_version = 0;
    if (there.rollback_floor > upload->counter) there.rollback_floor = upload->counter;
    return upgrade_check(&there, &upload->image, upload->counter, true);
}

/* Against the initial policy and each release that went out: whether any device could take the
 * file. latest_out: what devices say that run the newest of them. */
static bool is_for_somebody(const struct fleet *fleet, const struct product *product,
                            const struct upload *upload, enum godwit_reason *latest_out)
{
    const struct upgrade_point initial_policy = {.policy = &product->initial_policy};
    bool is_taken = (*latest_out = check_at(&initial_policy, upload)) == GODWIT_REASON_NONE;
    const struct release *newest = NULL;
    for (const struct release *release = fleet->catalogue.releases; release;
         release = release->next) {
        if (release->product != product || !release->frozen) continue;
        for (size_t i = 0; i < release->images_count; i++) {
            const struct image *image = &release->images[i];
            if (image->chip_id != upload->image.chip_id) continue;
            const struct upgrade_point point = upgrade_after(&initial_policy, image);
            enum godwit_reason reason = check_at(&point, upload);
            is_taken |= reason == GODWIT_REASON_NONE;
            if (newest && newest->counter >= release->counter) continue;
            newest = release;
            *latest_out = reason;
        }
    }
    return is_taken;
}

/* What a product that this file makes would ask: its signers, of which one is enough. */
static void initial_policy_of(const struct upload *upload, struct godwit_policy *initial_out)
{
    const struct image_trust *trust = &upload->image.trust;
    *initial_out = (struct godwit_policy){.image_keys_count = trust->keys_count};
    memcpy(initial_out->image_keys, trust->keys, sizeof trust->keys);
}

void product_initial_policy(struct product *product)
{
    product->initial_policy.threshold = product->open ? 0 : 1;
    product->initial_policy.flags = product->open ? GODWIT_POLICY_OPEN : 0;
    memcpy(product->initial_policy.product_id, product->product_id,
           sizeof product->initial_policy.product_id);
}

/* ---- rows ---- */

static godwit_err make_product(struct fleet *fleet, struct db *db, const struct upload *upload,
                               int64_t now_s, struct product **out)
{
    const struct image_trust *trust = &upload->image.trust;
    struct product made = {.open = trust->keys_count == 0,
                           .org = org_find(&fleet->catalogue, upload->org)};
    if (!made.org) return GODWIT_ERR_MISSING;
    memcpy(made.name, upload->product, strnlen(upload->product, sizeof made.name - 1));
    godwit_err err = godwit_product_id(upload->org, made.name, made.product_id);
    if (err) return err;
    err = db_run_returning(db,
                           "insert into products (org, name, product_id, open, created)"
                           " values ($1, $2, $3, $4, $5) returning id",
                           DB_ARGS(db_text(upload->org), db_text(made.name),
                                   db_blob(made.product_id, 16), db_int(made.open), db_int(now_s)),
                           &made.id);
    initial_policy_of(upload, &made.initial_policy);
    product_initial_policy(&made);
    for (size_t i = 0; i < trust->keys_count && !err; i++)
        err = db_run(db, "insert into image_keys (org, product, key_digest) values ($1, $2, $3)",
                     DB_ARGS(db_text(upload->org), db_int(made.id), db_blob(trust->keys[i], 32)));
    if (err) return err;
    struct product *product = fleet_alloc(sizeof *product);
    *product = made;
    fleet_lock(fleet);
    product->next = fleet->catalogue.products;
    fleet->catalogue.products = product;
    fleet_unlock(fleet);
    *out = product;
    return GODWIT_OK;
}

static godwit_err make_release(struct fleet *fleet, struct db *db, struct product *product,
                               const struct upload *upload, int64_t now_s, struct release **out)
{
    int64_t id;
    godwit_err err =
        db_run_returning(db,
                         "insert into releases (org, product, version, counter, created)"
                         " values ($1, $2, $3, $4, $5) returning id",
                         DB_ARGS(db_text(product->org->name), db_int(product->id),
                                 db_text(upload->version), db_int(upload->counter), db_int(now_s)),
                         &id);
    if (err) return err;
    struct release *release = fleet_alloc(sizeof *release);
    release->id = id;
    release->product = product;
    release->counter = upload->counter;
    memcpy(release->version, upload->version, sizeof release->version);
    fleet_lock(fleet);
    release->next = fleet->catalogue.releases;
    fleet->catalogue.releases = release;
    fleet_unlock(fleet);
    *out = release;
    return GODWIT_OK;
}

static struct image *same_target(struct release *release, const struct image *image)
{
    for (size_t i = 0; i < release->images_count; i++) {
        struct image *other = &release->images[i];
        if (other->chip_id == image->chip_id && other->revision_min == image->revision_min &&
            other->revision_max == image->revision_max &&
            other->hardware_mask == image->hardware_mask)
            return other;
    }
    return NULL;
}

/* Inserts, or puts a newer file (of a draft also another image) in the place of one. */
static godwit_err write_image(struct db *db, const struct release *release, struct image *image,
                              int64_t now_s)
{
    const struct image_trust *trust = &image->trust;
    uint8_t policy[GODWIT_POLICY_BYTES];
    if (trust->has_policy) godwit_policy_encode(&trust->policy, policy);
    godwit_err err = db_run_returning(
        db,
        "insert into images (org, release, chip_id, revision_min, revision_max, hardware_mask,"
        " secure_version, image_sha256, file_sha256, file_size, keys_count, keys, policy,"
        " project, block_revision_min, block_revision_max, flash_size, flash_mode, mmu_page_log2)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,"
        " $19)"
        " on conflict (release, chip_id, revision_min, revision_max, hardware_mask) do update set"
        " secure_version = excluded.secure_version, image_sha256 = excluded.image_sha256,"
        " file_sha256 = excluded.file_sha256, file_size = excluded.file_size,"
        " keys_count = excluded.keys_count, keys = excluded.keys, policy = excluded.policy,"
        " project = excluded.project, block_revision_min = excluded.block_revision_min,"
        " block_revision_max = excluded.block_revision_max, flash_size = excluded.flash_size,"
        " flash_mode = excluded.flash_mode, mmu_page_log2 = excluded.mmu_page_log2 returning id",
        DB_ARGS(db_text(release->product->org->name), db_int(release->id), db_int(image->chip_id),
                db_int(image->revision_min), db_int(image->revision_max),
                db_int(image->hardware_mask), db_int(image->secure_version),
                db_blob(image->image_sha256, 32), db_blob(image->file_sha256, 32),
                db_int(image->file_size), db_int(trust->keys_count),
                db_blob(trust->keys, sizeof trust->keys),
                trust->has_policy ? db_blob(policy, sizeof policy) : (struct db_value){0},
                db_text(image->project), db_int(image->block_revision_min),
                db_int(image->block_revision_max), db_int(image->flash_size),
                db_int(image->flash_mode), db_int(image->mmu_page_log2)),
        &image->id);
    if (err) return err;
    return db_run(db,
                  "insert into files (file_sha256, org, image, size, created)"
                  " values ($1, $2, $3, $4, $5)"
                  " on conflict (org, file_sha256) do update set image = excluded.image",
                  DB_ARGS(db_blob(image->file_sha256, 32), db_text(release->product->org->name),
                          db_int(image->id), db_int(image->file_size), db_int(now_s)));
}

static void keep_in_memory(struct fleet *fleet, struct release *release, struct image *point,
                           const struct image *image)
{
    fleet_lock(fleet);
    const struct org *org = release->product->org;
    struct file *file = (struct file *)file_find(&fleet->catalogue, org->name, image->file_sha256);
    bool known = file != NULL;
    if (!known) file = fleet_alloc(sizeof *file);
    file->org = org->number;
    memcpy(file->file_sha256, image->file_sha256, 32);
    file->release = release;
    file->image_id = image->id;
    file->size = image->file_size;
    if (!known) index_add(&fleet->catalogue.files_by_digest, file);
    if (point)
        index_remove(&fleet->catalogue.images_by_digest, point);
    else
        point = &release->images[release->images_count++];
    *point = *image;
    index_add(&fleet->catalogue.images_by_digest, point);
    fleet_unlock(fleet);
}

static bool is_named(const struct fleet *fleet, const char *org,
                     const uint8_t file_sha256[static 32])
{
    for (const struct release *at = fleet->catalogue.releases; at; at = at->next)
        for (size_t i = 0; i < at->images_count; i++)
            if (!memcmp(at->images[i].file_sha256, file_sha256, 32) &&
                !strcmp(at->product->org->name, org))
                return true;
    return false;
}

/* A draft was offered to nobody, so nobody asks for a file that was replaced in it, unless another
 * image names it too. Its bytes are collected later. */
static godwit_err drop_file(struct fleet *fleet, struct db *db, const char *org,
                            const uint8_t file_sha256[static 32])
{
    if (is_named(fleet, org, file_sha256)) return GODWIT_OK;
    godwit_err err = db_run(db, "delete from files where org = $1 and file_sha256 = $2",
                            DB_ARGS(db_text(org), db_blob(file_sha256, 32)));
    if (err) return err;
    fleet_lock(fleet);
    struct file *file = (struct file *)file_find(&fleet->catalogue, org, file_sha256);
    if (file) index_remove(&fleet->catalogue.files_by_digest, file);
    fleet_unlock(fleet);
    free(file);
    return GODWIT_OK;
}

/* What is known of the place the file would take. */
struct point {
    struct product *product;
    struct release *release;
    struct image *image; /* of the same chip, revisions and hardware */
    bool same_image;
};

static struct point find_place(const struct fleet *fleet, const struct upload *upload)
{
    struct point point = {.product = product_find(&fleet->catalogue, upload->org, upload->product)};
    if (point.product)
        point.release = exact(fleet, point.product, upload->version, upload->counter);
    if (point.release) point.image = same_target(point.release, &upload->image);
    if (point.image)
        point.same_image = !memcmp(point.image->image_sha256, upload->image.image_sha256, 32);
    return point;
}

/* A file with fewer signatures than the one it replaces could leave a device behind that trusts
 * only the key that is gone. */
static bool keeps_keys(const struct image_trust *old, const struct image_trust *new)
{
    for (size_t i = 0; i < old->keys_count; i++) {
        bool kept = false;
        for (size_t k = 0; k < new->keys_count; k++)
            kept |= !memcmp(old->keys[i], new->keys[k], 32);
        if (!kept) return false;
    }
    return true;
}

/* Whether a device could ever take it. An unknown product is made by its first signed file. */
static struct upload_verdict check_trust(const struct fleet *fleet, const struct point *point,
                                         const struct upload *upload)
{
    struct upload_verdict verdict = {.result = UPLOAD_ADDED};
    struct product made = {.open = upload->image.trust.keys_count == 0};
    if (!point->product && made.open && !upload->open) {
        verdict.reason = GODWIT_REASON_UNSIGNED;
    } else if (!point->product) {
        initial_policy_of(upload, &made.initial_policy);
        product_initial_policy(&made);
        const struct upgrade_point initial_policy = {.policy = &made.initial_policy};
        verdict.reason = check_at(&initial_policy, upload);
    } else {
        if (is_for_somebody(fleet, point->product, upload, &verdict.reason)) return verdict;
    }
    if (verdict.reason) verdict.result = UPLOAD_REFUSED;
    return verdict;
}

/* A file that names a project which no image of the product has was perhaps sent by mistake. A new
 * product may be called as its maker likes. */
static bool is_of_product(const struct fleet *fleet, const struct product *product,
                          const struct upload *upload)
{
    bool has_images = false;
    for (const struct release *release = fleet->catalogue.releases; release;
         release = release->next) {
        if (release->product != product) continue;
        for (size_t i = 0; i < release->images_count; i++)
            if (!strcmp(release->images[i].project, upload->image.project)) return true;
        has_images = has_images || release->images_count > 0;
    }
    return !has_images;
}

/* By its keys and by the project that it names. */
static struct upload_verdict check_origin(const struct fleet *fleet, const struct point *point,
                                          const struct upload *upload)
{
    struct upload_verdict verdict = check_trust(fleet, point, upload);
    bool is_asked = upload->image.project[0] && !upload->any_project && point->product;
    if (verdict.result == UPLOAD_ADDED && is_asked && !is_of_product(fleet, point->product, upload))
        verdict.result = UPLOAD_OTHER_PROJECT;
    return verdict;
}

static struct upload_verdict check(const struct fleet *fleet, const struct point *point,
                                   const struct upload *upload)
{
    struct upload_verdict verdict = check_origin(fleet, point, upload);
    if (verdict.result != UPLOAD_ADDED) return verdict;
    const struct release *other =
        release_find(&fleet->catalogue, upload->org, upload->product, upload->version);
    if (!point->release && other) {
        verdict.result = UPLOAD_OTHER_COUNTER;
        verdict.counter = other->counter;
        verdict.is_frozen = other->frozen;
    }
    if (!point->release) return verdict;
    const struct image *old = point->image;
    bool is_full = !old && point->release->images_count == FLEET_IMAGES_MAX;
    if (point->same_image && !memcmp(old->file_sha256, upload->image.file_sha256, 32))
        verdict.result = UPLOAD_EXISTED;
    else if (point->same_image && point->release->frozen &&
             !keeps_keys(&old->trust, &upload->image.trust))
        verdict.result = UPLOAD_FEWER_KEYS;
    else if (!point->same_image && point->release->frozen)
        verdict.result = UPLOAD_FROZEN;
    else if (is_full)
        verdict.result = UPLOAD_FULL;
    return verdict;
}

godwit_err release_add(struct fleet *fleet, struct db *db, const struct upload *upload,
                       int64_t now_s, struct upload_verdict *verdict_out)
{
    struct point point = find_place(fleet, upload);
    *verdict_out = check(fleet, &point, upload);
    if (verdict_out->result != UPLOAD_ADDED) return GODWIT_OK;

    godwit_err err = GODWIT_OK;
    struct image image = upload->image;
    image.id = point.image ? point.image->id : 0;
    bool is_draft_changed = point.image && !point.release->frozen;
    uint8_t replaced_file[32];
    if (is_draft_changed) memcpy(replaced_file, point.image->file_sha256, 32);
    verdict_out->replaced = point.image && !point.same_image;
    if (verdict_out->replaced) memcpy(verdict_out->replaced_image, point.image->image_sha256, 32);
    verdict_out->created = !point.product;
    if (!point.product) err = make_product(fleet, db, upload, now_s, &point.product);
    if (!err && !point.release)
        err = make_release(fleet, db, point.product, upload, now_s, &point.release);
    image.release = point.release;
    if (!err) err = write_image(db, point.release, &image, now_s);
    if (err) return err;
    keep_in_memory(fleet, point.release, point.image, &image);
    err = listing_unsettle(fleet, db);
    if (err) return err;
    return is_draft_changed ? drop_file(fleet, db, upload->org, replaced_file) : GODWIT_OK;
}
