/* Uploads: [limit] → [check] → [blob], judged when the last byte is there.
 *
 * The bytes pass the check that every command shares (files/file_check.h) and go to a temporary
 * file at the same time. At the first fault the file is dropped and the rest of the body is read
 * and forgotten, so that the client hears why instead of a broken pipe. What is sound in itself is
 * judged by what is known of its product in release_add, and gets its name and its row in one
 * transaction. */
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "formats/name.h"
#include "server/audit_log.h"
#include "server/handlers.h"
#include "server/permission.h"
#include "server/problem.h"
#include "server/text_file.h"
#include "server/upload.h"
#include "server/views.h"

#define PIECE 65536

/* ---- refusals ---- */

static void refuse(struct job *job, int status, const char *type, const char *detail)
{
    blob_abort(&job->blob);
    GODWIT_LOG(INFO, "upload_refused", "reason=%s size=%llu", type,
               (unsigned long long)job->check.size);
    problem(job->change.request, status, type, detail, NULL);
}

/* What to do, where the sentence that devices and server share says only what is wrong. */
static const struct {
    enum godwit_reason reason;
    const char *sentence;
} ADVICE[] = {
    {GODWIT_REASON_POLICY_KEYS, "list a key that devices know, or set its flag trust reset"},
    {GODWIT_REASON_POLICY_ROLLBACK_FLOOR, "give it one that is not lower"},
};

static void refuse_reason(struct job *job, enum godwit_reason reason)
{
    char detail[256];
    const char *advice = NULL;
    for (size_t i = 0; i < sizeof ADVICE / sizeof *ADVICE; i++)
        if (ADVICE[i].reason == reason) advice = ADVICE[i].sentence;
    snprintf(detail, sizeof detail, "%s%s%s", godwit_reason_sentence(reason), advice ? "; " : "",
             advice ? advice : "");
    refuse(job, 422, godwit_reason_id(reason), detail);
}

/* The file is not sound in itself. */
static void refuse_file(struct job *job)
{
    char detail[1024];
    enum godwit_reason reason = job->check.problems[0].reason;
    refuse(job, reason == GODWIT_REASON_TOO_LARGE ? 413 : 422, godwit_reason_id(reason),
           file_check_sentence(&job->check, detail, sizeof detail));
}

/* Its project is another product here, or no image of the product is of it. */
static void refuse_product(struct job *job)
{
    char detail[256], clean[64];
    snprintf(detail, sizeof detail,
             "the file belongs to product %s, not %s; send the other file, or say with "
             "--other-project that the project is called otherwise now",
             godwit_text_clean(job->check.image.info.project, clean), job->product);
    refuse(job, 422, godwit_reason_id(GODWIT_REASON_WRONG_PRODUCT), detail);
}

/* Its policy is made for a product that is neither its project nor known here. */
static void refuse_policy_product(struct job *job)
{
    refuse(job, 422, godwit_reason_id(GODWIT_REASON_WRONG_PRODUCT),
           "its policy block is not made for the project it names, nor for a product that is known "
           "here; give the product that it is made for with --product");
}

bool upload_has_room(const struct app *app, uint64_t size)
{
    uint64_t reserve = (uint64_t)app->settings->reserve_mib << 20;
    return !reserve || path_has_room(app->settings->data, reserve + size);
}

bool upload_has_room_yet(const struct app *app, uint64_t before, uint64_t now)
{
    return before >> 20 == now >> 20 || upload_has_room(app, 0);
}

static void refuse_room(struct job *job)
{
    const struct app *app = job->change.app;
    blob_abort(&job->blob);
    GODWIT_LOG(WARN, "upload_refused", "reason=reserve reserve_mib=%u free=%llu",
               app->settings->reserve_mib, (unsigned long long)path_room(app->settings->data));
    problem_reserve(job->change.request, app->settings->reserve_mib);
}

static void refuse_disk(struct job *job)
{
    godwit_err err = job->blob_err;
    blob_abort(&job->blob);
    GODWIT_LOG(ERROR, "upload_not_stored", "error=%s", godwit_err_name(err));
    problem_of_error(job->change.request, err);
}

/* ---- judging the file ---- */

/* The same key twice is one signer. */
static void take_key(struct image_trust *trust, const uint8_t key[static 32])
{
    for (size_t i = 0; i < trust->keys_count; i++)
        if (!memcmp(trust->keys[i], key, 32)) return;
    memcpy(trust->keys[trust->keys_count++], key, 32);
}

/* Every block is good; the distinct keys of all of them are taken. */
static void take_signatures(struct job *job)
{
    for (size_t i = 0; i < job->check.signatures_count; i++)
        take_key(&job->upload.image.trust, job->check.signatures[i].key_digest);
}

/* False after a refusal. The product is named by ?product, else by the policy block where that is
 * of a product known here, else by the project. */
static bool take_product(struct job *job, bool is_given)
{
    struct fleet *fleet = &job->change.app->fleet;
    const struct file_check *check = &job->check;
    const char *project = check->image.info.project;
    fleet_lock(fleet);
    const struct product *own = product_find(&fleet->catalogue, job->org, project);
    const struct product *by_policy = NULL;
    if (check->is_other_product)
        by_policy = product_find_by_id(&fleet->catalogue, job->org, check->policy.product_id);
    const char *name = by_policy ? by_policy->name : check->product;
    snprintf(job->product, sizeof job->product, "%s", name);
    job->upload.product = job->product;
    fleet_unlock(fleet);
    bool is_meant =
        file_name_is_common(project) || http_query(job->change.request, "other_project");
    if (is_given && own && !is_meant && strcmp(project, job->product) != 0) {
        refuse_product(job);
        return false;
    }
    if (check->is_other_product && !by_policy) refuse_policy_product(job);
    return !check->is_other_product || by_policy;
}

/* Of a token that is good for one product. False after a refusal. */
static bool check_only(struct job *job)
{
    if (!*job->only || !strcmp(job->only, job->product)) return true;
    refuse(job, 403, "token-product",
           "this API token is good for another product than the file's; make one for this product "
           "by `godwit token add`");
    return false;
}

static void describe(struct job *job)
{
    const struct file_check *check = &job->check;
    const struct godwit_image_info *info = &check->image.info;
    struct upload *upload = &job->upload;
    snprintf(upload->version, sizeof upload->version, "%s", check->version);
    upload->image.chip_id = info->chip_id;
    upload->image.revision_min = godwit_image_revision_min(info);
    upload->image.revision_max = info->revision_max;
    upload->image.block_revision_min = info->block_revision_min;
    upload->image.block_revision_max = info->block_revision_max;
    upload->image.flash_size = godwit_image_flash_size(info);
    upload->image.flash_mode = info->app_flash_mode;
    upload->image.mmu_page_log2 = info->mmu_page_log2;
    upload->image.secure_version = info->secure_version;
    upload->image.file_size = check->image.file_size;
    upload->image.hardware_mask = UINT32_MAX;
    upload->image.trust.is_known = true;
    memcpy(upload->image.image_sha256, info->image_sha256, 32);
    memcpy(upload->image.file_sha256, check->image.file_sha256, 32);
    if (strcmp(info->project, job->product) != 0)
        memcpy(upload->image.project, info->project, sizeof upload->image.project);
    take_signatures(job);
    if (!check->has_policy) return;
    upload->image.trust.policy = check->policy;
    upload->image.trust.has_policy = true;
    upload->image.hardware_mask = check->policy.hardware_mask;
    upload->counter = check->policy.counter;
}

/* ---- recording ---- */

static void reply_taken(struct job *job)
{
    const struct upload *upload = &job->upload;
    bool already = job->verdict.result == UPLOAD_EXISTED;
    char hex[65];
    godwit_hex_encode(upload->image.file_sha256, 32, hex);
    GODWIT_LOG(INFO, "upload_taken", "product=\"%s\" version=\"%s\" file=%s existed=%d replaced=%d",
               upload->product, upload->version, hex, already, job->verdict.replaced);
    reply_json(job->change.request, already ? 200 : 201, upload_reply_json(job));
}

static godwit_err record_upload(struct job *job)
{
    const struct upload *upload = &job->upload;
    char object[80];
    snprintf(object, sizeof object, "%s %s", upload->product, upload->version);
    return change_audit(
        &job->change, AUDIT_IMAGE_UPLOADED, object, NULL,
        json_pack("{s:s, s:s, s:o, s:o, s:I, s:I, s:b, s:b}", "product", upload->product, "version",
                  upload->version, "file_sha256", view_digest(upload->image.file_sha256),
                  "image_sha256", view_digest(upload->image.image_sha256), "counter",
                  (json_int_t)upload->counter, "keys", (json_int_t)upload->image.trust.keys_count,
                  "replaced", (int)job->verdict.replaced, "open", (int)upload->open));
}

static godwit_err upload_run(struct change *change)
{
    struct job *job = (struct job *)change;
    struct app *app = change->app;
    godwit_err err =
        release_add(&app->fleet, app->db, &job->upload, clock_unix_s(app->clock), &job->verdict);
    if (err || job->verdict.result != UPLOAD_ADDED) return err;
    uint8_t digest[32];
    job->blob_err = blob_commit(&job->blob, digest);
    job->named = !job->blob_err;
    return job->blob_err ? job->blob_err : record_upload(job);
}

/* One version is one release: who deploys by its name must get what he means. */
static void refuse_counter(struct job *job)
{
    const struct upload *upload = &job->upload;
    const struct upload_verdict *verdict = &job->verdict;
    char detail[320];
    snprintf(
        detail, sizeof detail,
        "version %s is there with release counter %u, and this file has %u; %sraise the version "
        "and build again",
        upload->version, verdict->counter, upload->counter,
        verdict->is_frozen ? "it was rolled out, so "
                           : "delete that draft with `godwit delete`, or ");
    refuse(job, 409, "other-counter", detail);
}

static void refuse_result(struct job *job)
{
    char detail[320];
    switch (job->verdict.result) {
    case UPLOAD_REFUSED:
        refuse_reason(job, job->verdict.reason);
        return;
    case UPLOAD_OTHER_PROJECT:
        refuse_product(job);
        return;
    case UPLOAD_FEWER_KEYS:
        snprintf(detail, sizeof detail,
                 "version %s was rolled out with a signature that this file lacks, and devices may "
                 "trust that key alone; add a signature to the file that is there",
                 job->upload.version);
        refuse(job, 409, "fewer-signatures", detail);
        return;
    case UPLOAD_OTHER_COUNTER:
        refuse_counter(job);
        return;
    case UPLOAD_FROZEN:
        snprintf(detail, sizeof detail,
                 "version %s was rolled out and holds another image; raise the version and build "
                 "again",
                 job->upload.version);
        refuse(job, 409, "frozen", detail);
        return;
    default:
        snprintf(detail, sizeof detail, "a release holds at most %d images; raise the version",
                 FLEET_IMAGES_MAX);
        refuse(job, 409, "release-full", detail);
    }
}

static void upload_reply(struct change *change, godwit_err err)
{
    struct job *job = (struct job *)change;
    struct app *app = change->app;
    if (err) {
        fleet_lock(&app->fleet);
        bool known = file_is_named(&app->fleet.catalogue, job->upload.image.file_sha256);
        fleet_unlock(&app->fleet);
        if (job->named && !known) (void)!blob_drop(&app->blobs, job->upload.image.file_sha256);
        job->blob_err = job->blob_err ? job->blob_err : err;
        refuse_disk(job);
        return;
    }
    if (job->verdict.result == UPLOAD_ADDED || job->verdict.result == UPLOAD_EXISTED) {
        blob_abort(&job->blob);
        reply_taken(job);
    } else {
        refuse_result(job);
    }
}

static void upload_abandon(struct change *change)
{
    blob_abort(&((struct job *)change)->blob);
}

/* ---- the upload's steps ---- */

/* NULL: replied. */
static struct job *job_begin(struct http_request *request, uint64_t size)
{
    struct app *app = request->app;
    struct job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) {
        problem_busy(request);
        return NULL;
    }
    memset(job, 0, offsetof(struct job, check));
    job->change.app = app;
    job->change.request = request;
    snprintf(job->org, sizeof job->org, "%s", permission_org(request));
    job->upload.org = job->org;
    snprintf(job->only, sizeof job->only, "%s", permission_actor(request)->product);
    job->caller = request->user;
    request->user = job;
    file_check_init(&job->check);
    job->check.org = job->org;
    if (!upload_has_room(app, size)) {
        refuse_room(job);
        return NULL;
    }
    job->blob_err = blob_begin(&app->blobs, &job->blob);
    if (!job->blob_err) return job;
    refuse_disk(job);
    return NULL;
}

static void upload_begin(struct http_request *request)
{
    uint64_t size = request->body_size;
    (void)!job_begin(request, size <= UPLOAD_FILE_MAX ? size : 0);
}

/* A body that is too large by its length is named by its first bytes before it is refused. */
static bool is_too_large(const struct job *job)
{
    const struct http_request *request = job->change.request;
    bool is_announced = request->body_size != UINT64_MAX && request->body_size > UPLOAD_FILE_MAX;
    return job->check.size > (is_announced ? GODWIT_FILE_HEAD_SIZE : UPLOAD_FILE_MAX);
}

static void refuse_size(struct job *job)
{
    char detail[FILE_SENTENCE_SIZE];
    const struct file_check *check = &job->check;
    enum godwit_file_kind kind =
        godwit_file_kind(check->head, check->head_size, UPLOAD_FILE_MAX + 1);
    bool is_named = kind != GODWIT_FILE_APP && kind != GODWIT_FILE_UNKNOWN;
    if (is_named)
        snprintf(detail, sizeof detail, "the file is larger than 16 MiB, and this is %s; %s",
                 godwit_file_kind_sentence(kind), godwit_file_kind_advice(kind));
    else
        snprintf(detail, sizeof detail,
                 "the file is larger than 16 MiB, more than any ESP32 slot holds; send the "
                 "application .bin, not a whole-flash image");
    refuse(job, 413, godwit_reason_id(GODWIT_REASON_TOO_LARGE), detail);
}

static void upload_write(struct http_request *request, const uint8_t *data, size_t size)
{
    struct job *job = request->user;
    uint64_t before = job->check.size;
    godwit_err err = godwit_sink_write(&job->check.sink, data, size);
    if (is_too_large(job)) {
        refuse_size(job);
        return;
    }
    if (!upload_has_room_yet(job->change.app, before, job->check.size)) {
        refuse_room(job);
        return;
    }
    if (err) job->blob_err = err;
    if (job->blob_err) return;
    if (file_check_is_possible(&job->check))
        job->blob_err = godwit_sink_write(&job->blob.sink, data, size);
    if (job->blob_err || !file_check_is_possible(&job->check)) blob_abort(&job->blob);
}

/* ?product and ?version stand in for the names in the file; they are judged as those. */
static godwit_err check_file(struct job *job)
{
    struct http_request *request = job->change.request;
    job->check.product = http_query(request, "product");
    job->check.version = http_query(request, "version");
    return godwit_sink_finish(&job->check.sink);
}

static void upload_finish(struct http_request *request)
{
    struct job *job = request->user;
    bool is_product_given = http_query(request, "product") != NULL;
    if (check_file(job)) {
        job->blob_err = GODWIT_ERR_IO;
        refuse_disk(job);
        return;
    }
    if (job->check.problems_count) {
        refuse_file(job);
        return;
    }
    if (!take_product(job, is_product_given) || !check_only(job)) return;
    describe(job);
    job->upload.any_project = file_name_is_common(job->check.image.info.project) ||
                              http_query(request, "other_project") != NULL;
    if (!job->blob_err) job->blob_err = godwit_sink_finish(&job->blob.sink);
    if (job->blob_err) {
        refuse_disk(job);
        return;
    }
    job->upload.open = http_query(request, "open") != NULL;
    job->change.run = upload_run;
    job->change.reply = upload_reply;
    request->user = job->caller; /* nothing else of the upload is called any more */
    change_submit(&job->change, upload_abandon);
}

static void upload_abort(struct http_request *request)
{
    blob_abort(&((struct job *)request->user)->blob);
}

void upload_take_file(struct http_request *request, int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    struct job *job = job_begin(request, size > 0 ? (uint64_t)size : 0);
    uint8_t *piece = job ? arena_alloc(request->arena, PIECE) : NULL;
    if (!job) return;
    ssize_t got = piece ? 1 : -1;
    for (off_t at = 0; got > 0; at += got) {
        got = pread(fd, piece, PIECE, at);
        if (got > 0) upload_write(request, piece, (size_t)got);
    }
    if (got < 0) {
        job->blob_err = GODWIT_ERR_IO;
        refuse_disk(job);
        return;
    }
    upload_finish(request);
}

const struct http_upload UPLOAD_IMAGE = {upload_begin, upload_write, upload_finish, upload_abort};
