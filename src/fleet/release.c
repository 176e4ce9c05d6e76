/* Products and releases: what one upload adds. The file itself has been judged sound before; here
 * it is judged against what is known of its product. */
#include <stdlib.h>

#include "fleet/memory.h"

struct product *product_find(const struct fleet *fleet, const char *name)
{
    struct product *product = fleet->products;
    while (product && strcmp(product->name, name))
        product = product->next;
    return product;
}

static struct release *exact(const struct fleet *fleet, const struct product *product,
                             const char *version, uint32_t counter)
{
    struct release *release = fleet->releases;
    while (release && (release->product != product || release->counter != counter ||
                       strcmp(release->version, version)))
        release = release->next;
    return release;
}

struct release *release_find(const struct fleet *fleet, const char *product, const char *version)
{
    struct release *best = NULL;
    for (struct release *release = fleet->releases; release; release = release->next)
        if (!strcmp(release->product->name, product) && !strcmp(release->version, version) &&
            (!best || release->counter > best->counter))
            best = release;
    return best;
}

const struct image *release_image(const struct release *release, int64_t image_id)
{
    for (size_t i = 0; i < release->images_count; i++)
        if (release->images[i].id == image_id) return &release->images[i];
    return NULL;
}

const struct file *file_find(const struct fleet *fleet, const uint8_t digest[static 32])
{
    return index_find(&fleet->files_by_digest, digest);
}

static bool lists_key(const struct product *product, const uint8_t key[static 32])
{
    for (size_t i = 0; i < product->image_keys_count; i++)
        if (!memcmp(product->image_keys[i], key, 32)) return true;
    return false;
}

/* ADDED when the product takes files with these signatures. */
static enum upload_result judge_keys(const struct product *product, const struct upload *upload)
{
    if (!product) return upload->keys_count || upload->open ? UPLOAD_ADDED : UPLOAD_UNSIGNED;
    if (product->open) return UPLOAD_ADDED;
    for (size_t i = 0; i < upload->keys_count; i++)
        if (lists_key(product, upload->keys[i])) return UPLOAD_ADDED;
    return upload->keys_count ? UPLOAD_KEY_UNKNOWN : UPLOAD_UNSIGNED;
}

static godwit_err make_product(struct fleet *fleet, struct db *db, const struct upload *upload,
                               int64_t now_s, struct product **out)
{
    struct product made = {.open = upload->keys_count == 0};
    memcpy(made.name, upload->product, strnlen(upload->product, sizeof made.name - 1));
    godwit_err err = godwit_product_id(FLEET_ORG, made.name, made.product_id);
    if (err) return err;
    err = db_run(db,
                 "insert into products (org, name, product_id, open, created)"
                 " values ($1, $2, $3, $4, $5)",
                 DB_ARGS(db_text(FLEET_ORG), db_text(made.name), db_blob(made.product_id, 16),
                         db_int(made.open), db_int(now_s)));
    made.id = db_last_id(db);
    for (size_t i = 0; i < upload->keys_count && !err; i++) {
        if (lists_key(&made, upload->keys[i])) continue;
        memcpy(made.image_keys[made.image_keys_count++], upload->keys[i], 32);
        err = db_run(db, "insert into image_keys (org, product, key_digest) values ($1, $2, $3)",
                     DB_ARGS(db_text(FLEET_ORG), db_int(made.id), db_blob(upload->keys[i], 32)));
    }
    if (err) return err;
    struct product *product = fleet_alloc(sizeof *product);
    *product = made;
    fleet_lock(fleet);
    product->next = fleet->products;
    fleet->products = product;
    fleet_unlock(fleet);
    *out = product;
    return GODWIT_OK;
}

static godwit_err make_release(struct fleet *fleet, struct db *db, struct product *product,
                               const struct upload *upload, int64_t now_s, struct release **out)
{
    godwit_err err =
        db_run(db,
               "insert into releases (org, product, version, counter, created)"
               " values ($1, $2, $3, $4, $5)",
               DB_ARGS(db_text(FLEET_ORG), db_int(product->id), db_text(upload->version),
                       db_int(upload->counter), db_int(now_s)));
    if (err) return err;
    struct release *release = fleet_alloc(sizeof *release);
    release->id = db_last_id(db);
    release->product = product;
    release->counter = upload->counter;
    memcpy(release->version, upload->version, sizeof release->version);
    fleet_lock(fleet);
    release->next = fleet->releases;
    fleet->releases = release;
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
    godwit_err err = db_run(
        db,
        "insert into images (org, release, chip_id, revision_min, revision_max, hardware_mask,"
        " secure_version, image_sha256, file_sha256, file_size)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
        " on conflict (release, chip_id, revision_min, revision_max, hardware_mask) do update set"
        " secure_version = excluded.secure_version, image_sha256 = excluded.image_sha256,"
        " file_sha256 = excluded.file_sha256, file_size = excluded.file_size",
        DB_ARGS(db_text(FLEET_ORG), db_int(release->id), db_int(image->chip_id),
                db_int(image->revision_min), db_int(image->revision_max),
                db_int(image->hardware_mask), db_int(image->secure_version),
                db_blob(image->image_sha256, 32), db_blob(image->file_sha256, 32),
                db_int(image->file_size)));
    if (!err && !image->id) image->id = db_last_id(db);
    if (err) return err;
    return db_run(db,
                  "insert into files (file_sha256, org, image, size, created)"
                  " values ($1, $2, $3, $4, $5)"
                  " on conflict (org, file_sha256) do update set image = excluded.image",
                  DB_ARGS(db_blob(image->file_sha256, 32), db_text(FLEET_ORG), db_int(image->id),
                          db_int(image->file_size), db_int(now_s)));
}

static void keep_in_memory(struct fleet *fleet, struct release *release, struct image *place,
                           const struct image *image)
{
    fleet_lock(fleet);
    struct file *file = index_find(&fleet->files_by_digest, image->file_sha256);
    bool known = file != NULL;
    if (!known) file = fleet_alloc(sizeof *file);
    memcpy(file->file_sha256, image->file_sha256, 32);
    file->release = release;
    file->image_id = image->id;
    file->size = image->file_size;
    if (!known) index_add(&fleet->files_by_digest, file);
    *(place ? place : &release->images[release->images_count++]) = *image;
    fleet_unlock(fleet);
}

/* What is known of the place the file would take. */
struct place {
    struct product *product;
    struct release *release;
    struct image *image; /* of the same chip, revisions and hardware */
    bool same_image;
};

static struct place find_place(const struct fleet *fleet, const struct upload *upload)
{
    struct place place = {.product = product_find(fleet, upload->product)};
    if (place.product)
        place.release = exact(fleet, place.product, upload->version, upload->counter);
    if (place.release) place.image = same_target(place.release, &upload->image);
    if (place.image)
        place.same_image = !memcmp(place.image->image_sha256, upload->image.image_sha256, 32);
    return place;
}

static enum upload_result judge(const struct place *place, const struct upload *upload)
{
    enum upload_result result = judge_keys(place->product, upload);
    if (result != UPLOAD_ADDED || !place->release) return result;
    if (place->same_image)
        return memcmp(place->image->file_sha256, upload->image.file_sha256, 32) ? UPLOAD_ADDED
                                                                                : UPLOAD_ALREADY;
    if (place->release->frozen) return UPLOAD_FROZEN;
    bool full = !place->image && place->release->images_count == FLEET_IMAGES_MAX;
    return full ? UPLOAD_FULL : UPLOAD_ADDED;
}

godwit_err release_add(struct fleet *fleet, struct db *db, const struct upload *upload,
                       int64_t now_s, enum upload_result *result_out, bool *created_out)
{
    struct place place = find_place(fleet, upload);
    *created_out = false;
    *result_out = judge(&place, upload);
    if (*result_out != UPLOAD_ADDED) return GODWIT_OK;

    godwit_err err = GODWIT_OK;
    struct image image = upload->image;
    image.id = place.image ? place.image->id : 0;
    *created_out = !place.product;
    if (!place.product) err = make_product(fleet, db, upload, now_s, &place.product);
    if (!err && !place.release)
        err = make_release(fleet, db, place.product, upload, now_s, &place.release);
    if (!err) err = write_image(db, place.release, &image, now_s);
    if (!err) keep_in_memory(fleet, place.release, place.image, &image);
    return err;
}
