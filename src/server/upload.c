/* Uploads: [limit] → [image] → [blob], judged when the last byte is there.
 *
 * The bytes pass the parser and go to a temporary file at the same time. At the first fault the
 * file is dropped and the rest of the body is read and forgotten, so that the client hears why
 * instead of a broken pipe. What remains at the end is judged by its signatures here, by what is
 * known of its product in release_add, and gets its name and its row in one transaction. */
#include <stdio.h>

#include "base/log.h"
#include "base/text.h"
#include "fleet/override.h"
#include "fleet/release.h"
#include "fleet/upgrade_path.h"
#include "formats/chip.h"
#include "formats/filekind.h"
#include "formats/image.h"
#include "formats/sigblock.h"
#include "server/handlers.h"
#include "server/problem.h"

#define FILE_MAX (GODWIT_IMAGE_SIZE_MAX + GODWIT_SIGSECTOR_SIZE)

struct job {
    struct change change; /* first: a change is an upload */
    struct godwit_image image;
    struct godwit_body384 body384;
    struct blob_writer blob;
    uint64_t size;
    godwit_err blob_err, image_err;
    bool named; /* the blob has its name */
    struct godwit_sigblock blocks[GODWIT_SIGBLOCKS_MAX];
    size_t blocks_count, bad_block; /* bad_block: the first that is not good, 1 …; 0: none */
    struct upload upload;
    struct upload_verdict verdict;
    size_t head_size;
    uint8_t sector[GODWIT_SIGSECTOR_SIZE];
    uint8_t head[GODWIT_FILE_HEAD_SIZE]; /* to say what a file is that is no image */
};

/* ---- refusals ---- */

static void refuse(struct job *job, int status, const char *type, const char *detail)
{
    blob_abort(&job->blob);
    GODWIT_LOG(INFO, "upload_refused", "reason=%s size=%llu", type, (unsigned long long)job->size);
    problem(job->change.request, status, type, detail, NULL);
}

/* What to do, where the sentence that devices and server share says only what is wrong. */
static const struct {
    enum godwit_reason reason;
    const char *sentence;
} ADVICE[] = {
    {GODWIT_REASON_WRONG_PRODUCT, "its policy block is not made for the project it names"},
    {GODWIT_REASON_TRAILING_DATA, "send it just as the build or `godwit sign` wrote it"},
    {GODWIT_REASON_SEGMENTS, "send the .bin just as the build wrote it"},
    {GODWIT_REASON_IMAGE_DIGEST, "build or fetch it again"},
    {GODWIT_REASON_NO_DESCRIPTION, "give the project a name and a version and build it again"},
    {GODWIT_REASON_UNKNOWN_CHIP, "if the chip is a new one, a newer godwit may know it"},
    {GODWIT_REASON_ALIGNMENT, "make the .bin with esptool's elf2image"},
    {GODWIT_REASON_ENTRY, "build it again"},
    {GODWIT_REASON_SIGNATURE_FORMAT, "sign the unsigned .bin anew"},
    {GODWIT_REASON_POLICY_KEYS, "list a key that devices know, or set its flag trust reset"},
    {GODWIT_REASON_POLICY_ROLLBACK_FLOOR, "give it one that is not lower"},
    {GODWIT_REASON_POLICY_FORMAT, "build it again with a valid policy, or without one"},
};

static void refuse_reason(struct job *job, enum godwit_reason reason)
{
    char detail[256], where[32] = "";
    const char *advice = NULL;
    for (size_t i = 0; i < sizeof ADVICE / sizeof *ADVICE; i++)
        if (ADVICE[i].reason == reason) advice = ADVICE[i].sentence;
    if (job->bad_block) snprintf(where, sizeof where, "block %zu: ", job->bad_block);
    snprintf(detail, sizeof detail, "%s%s%s%s", where, godwit_reason_sentence(reason),
             advice ? "; " : "", advice ? advice : "");
    refuse(job, reason == GODWIT_REASON_TOO_LARGE ? 413 : 422, godwit_reason_id(reason), detail);
}

/* ?product=NAME named another one. */
static void refuse_product(struct job *job, const char *wanted)
{
    char detail[256];
    snprintf(detail, sizeof detail,
             "the file belongs to product %s, not %.32s; send the other file, or do not name a "
             "product",
             job->upload.product, wanted);
    refuse(job, 422, godwit_reason_id(GODWIT_REASON_WRONG_PRODUCT), detail);
}

static void refuse_kind(struct job *job)
{
    char detail[256];
    enum godwit_file_kind kind = godwit_file_kind(job->head, job->head_size, job->size);
    if (kind == GODWIT_FILE_APP) {
        refuse_reason(job, job->image.reason);
        return;
    }
    snprintf(detail, sizeof detail, "this is %s; %s", godwit_file_kind_sentence(kind),
             godwit_file_kind_advice(kind));
    refuse(job, 422, godwit_reason_id(GODWIT_REASON_NOT_AN_IMAGE), detail);
}

static void refuse_size(struct job *job)
{
    refuse(job, 413, godwit_reason_id(GODWIT_REASON_TOO_LARGE),
           "the file is larger than 16 MiB, more than any ESP32 slot holds; send the application "
           ".bin, not a whole-flash image");
}

static void refuse_disk(struct job *job)
{
    godwit_err err = job->blob_err;
    blob_abort(&job->blob);
    GODWIT_LOG(ERROR, "upload_not_stored", "error=%s", godwit_err_name(err));
    problem_of_error(job->change.request, err);
}

/* ---- judging the file ---- */

static bool is_plain_text(const char *text)
{
    if (!*text) return false;
    for (; *text; text++)
        if (*text < 0x20 || *text > 0x7e) return false;
    return true;
}

/* The same key twice is one signer. */
static void take_key(struct image_trust *trust, const uint8_t key[static 32])
{
    for (size_t i = 0; i < trust->keys_count; i++)
        if (!memcmp(trust->keys[i], key, 32)) return;
    memcpy(trust->keys[trust->keys_count++], key, 32);
}

/* Every block must be good; the distinct keys of all of them are taken. */
static enum godwit_reason check_signatures(struct job *job)
{
    const struct godwit_body_digests digests = {job->image.body_sha256, job->body384.digest};
    if (!job->image.is_signed_size) return GODWIT_REASON_NONE;
    size_t count = godwit_sigsector_count(job->sector);
    if (count == 0 || !godwit_sigsector_is_tidy(job->sector)) return GODWIT_REASON_SIGNATURE_FORMAT;
    for (size_t i = 0; i < count; i++) {
        struct godwit_sigblock *block = &job->blocks[i];
        const uint8_t *bytes = job->sector + i * GODWIT_SIGBLOCK_SIZE;
        if (godwit_sigblock_check(bytes, &digests, block)) {
            job->bad_block = i + 1;
            return block->reason;
        }
        take_key(&job->upload.image.trust, block->key_digest);
    }
    job->blocks_count = count;
    return GODWIT_REASON_NONE;
}

/* The policy block inside: it must speak of the product that the descriptor names. */
static enum godwit_reason check_policy(struct job *job)
{
    const struct godwit_image_info *info = &job->image.info;
    struct upload *upload = &job->upload;
    struct godwit_policy *policy = &upload->image.trust.policy;
    uint8_t product_id[16];
    upload->image.hardware_mask = UINT32_MAX;
    upload->image.trust.is_known = true;
    if (!info->has_policy) return GODWIT_REASON_NONE;
    if (godwit_policy_decode(info->policy, false, policy)) return GODWIT_REASON_POLICY_FORMAT;
    if (godwit_product_id(FLEET_ORG, info->project, product_id) ||
        memcmp(product_id, policy->product_id, sizeof product_id))
        return GODWIT_REASON_WRONG_PRODUCT;
    upload->image.trust.has_policy = true;
    upload->image.hardware_mask = policy->hardware_mask;
    upload->counter = policy->counter;
    return GODWIT_REASON_NONE;
}

static enum godwit_reason describe(struct job *job)
{
    const struct godwit_image_info *info = &job->image.info;
    struct upload *upload = &job->upload;
    if (!info->has_description || !is_plain_text(info->project) || !is_plain_text(info->version))
        return GODWIT_REASON_NO_DESCRIPTION;
    upload->product = info->project;
    memcpy(upload->version, info->version, sizeof upload->version);
    upload->image.chip_id = info->chip_id;
    upload->image.revision_min = info->revision_min;
    upload->image.revision_max = info->revision_max;
    upload->image.secure_version = info->secure_version;
    upload->image.file_size = job->image.file_size;
    memcpy(upload->image.image_sha256, info->image_sha256, 32);
    memcpy(upload->image.file_sha256, job->image.file_sha256, 32);
    enum godwit_reason reason = check_policy(job);
    return reason ? reason : check_signatures(job);
}

/* ---- recording ---- */

static json_t *signatures_json(const struct job *job)
{
    json_t *list = json_array();
    for (size_t i = 0; i < job->blocks_count; i++) {
        char hex[65];
        godwit_hex_encode(job->blocks[i].key_digest, 32, hex);
        json_array_append_new(list, json_pack("{s:s, s:s}", "scheme",
                                              godwit_scheme_name(job->blocks[i].scheme),
                                              "key_digest", hex));
    }
    return list;
}

/* What leads devices to it that run the newest release and would refuse it. */
static const struct {
    enum godwit_reason reason;
    const char *sentence;
} CURES[] = {
    {GODWIT_REASON_UNSIGNED, "sign it and upload it again"},
    {GODWIT_REASON_SIGNATURE_KEY, "no key that it trusts signed the file; sign it with one and "
                                  "upload it again, or deploy a bridge release first"},
    {GODWIT_REASON_SIGNATURE_THRESHOLD,
     "fewer keys that it trusts signed the file than its policy asks for; sign it with another one "
     "(`godwit sign`) and upload it again"},
    {GODWIT_REASON_POLICY_MISSING, "it obeys a policy and the file has none; put one in with "
                                   "`godwit policy`, sign it and upload it again"},
    {GODWIT_REASON_POLICY_ROLLBACK_FLOOR,
     "the file's policy would lower the rollback floor; give it one that is not lower"},
    {GODWIT_REASON_POLICY_KEYS, "the file's policy lists no key that it trusts; list one, or "
                                "deploy a bridge release first"},
};

static const char *cure_of(enum godwit_reason reason)
{
    for (size_t i = 0; i < sizeof CURES / sizeof *CURES; i++)
        if (CURES[i].reason == reason) return CURES[i].sentence;
    return godwit_reason_sentence(reason);
}

static void add_warning(json_t *list, const char *format, const char *one, const char *two)
{
    char sentence[400];
    snprintf(sentence, sizeof sentence, format, one, two);
    json_array_append_new(list, json_string(sentence));
}

/* What its policy does that a person must mean, in words. */
static void add_overrides(json_t *list, const struct overrides *overrides)
{
    char key[9] = "";
    if (overrides->needs[OVERRIDE_TRUST_RESET])
        add_warning(list,
                    "its policy sets trust reset: it may drop every key that devices know%s%s", "",
                    "");
    if (overrides->needs[OVERRIDE_NO_DEPLOY_KEY])
        add_warning(
            list,
            "its policy lists no deploy key: devices that run it take instructions unsigned, "
            "from whoever stands in for this server; list one with `godwit policy "
            "--from-initial` or --deploy-key%s%s",
            "", "");
    if (!overrides->needs[OVERRIDE_RETRUSTED_KEY]) return;
    godwit_hex_encode(overrides->retrusted_key, 4, key);
    add_warning(
        list,
        "its policy lists %s… again, which %s had dropped: if that key was stolen, the thief "
        "is trusted again",
        key, overrides->dropped_by->version);
}

/* What a person should know of a file that was taken, and what a deploy of it asks for. */
static void add_notes(json_t *reply, const struct job *job)
{
    struct fleet *fleet = &job->change.app->fleet;
    const struct image_trust *trust = &job->upload.image.trust;
    enum godwit_reason reason = job->verdict.reason;
    json_t *warnings = json_array(), *members = json_array();
    fleet_lock(fleet);
    bool is_in_reach = !trust->has_policy ||
                       upgrade_policy_key(&fleet->catalogue, &trust->policy) != UPGRADE_KEY_NONE;
    const struct image *image =
        index_find(&fleet->catalogue.images_by_digest, job->upload.image.image_sha256);
    fleet_unlock(fleet); /* a reply runs on the writer's thread: no other changes releases */
    const struct overrides overrides =
        image && is_in_reach ? overrides_of(fleet, image) : (struct overrides){0};
    add_overrides(warnings, &overrides);
    if (!is_in_reach)
        add_warning(warnings,
                    "its policy lists no deploy key of this server, so it can not be rolled out: a "
                    "device that runs it would obey this server no more; list one with `godwit "
                    "policy --from-initial` or --deploy-key%s%s",
                    "", "");
    if (is_in_reach && job->verdict.result == UPLOAD_ADDED && reason)
        add_warning(warnings, "a device on the newest release would refuse it (%s): %s",
                    godwit_reason_id(reason), cure_of(reason));
    for (size_t i = 0; i < OVERRIDE_COUNT; i++)
        if (overrides.needs[i]) json_array_append_new(members, json_string(override_id(i)));
    json_object_set_new(reply, "deployable", json_boolean(is_in_reach));
    json_object_set_new(reply, "overrides", members);
    json_object_set_new(reply, "warnings", warnings);
}

static void reply_taken(struct job *job)
{
    const struct upload *upload = &job->upload;
    bool already = job->verdict.result == UPLOAD_EXISTED;
    char file_hex[65], image_hex[65];
    godwit_hex_encode(upload->image.file_sha256, 32, file_hex);
    godwit_hex_encode(upload->image.image_sha256, 32, image_hex);
    GODWIT_LOG(INFO, "upload_taken", "product=\"%s\" version=\"%s\" file=%s existed=%d",
               upload->product, upload->version, file_hex, already);
    json_t *reply = json_pack(
        "{s:s, s:s, s:I, s:s, s:s, s:s, s:I, s:o, s:b, s:b}", "product", upload->product, "version",
        upload->version, "counter", (json_int_t)upload->counter, "chip",
        godwit_chip_by_id(upload->image.chip_id)->name, "file_sha256", file_hex, "image_sha256",
        image_hex, "size", (json_int_t)upload->image.file_size, "signatures", signatures_json(job),
        "created_product", job->verdict.created, "existed", already);
    add_notes(reply, job);
    reply_json(job->change.request, already ? 200 : 201, reply);
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
    return job->blob_err;
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
        bool known = file_find(&app->fleet.catalogue, job->upload.image.file_sha256) != NULL;
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

static void upload_begin(struct http_request *request)
{
    struct app *app = request->app;
    struct job *job = arena_alloc(request->arena, sizeof *job);
    if (!job) {
        problem_busy(request);
        return;
    }
    memset(job, 0, sizeof *job - sizeof job->head);
    job->change.app = app;
    job->change.request = request;
    request->user = job;
    const struct godwit_image_expect anything = {0};
    godwit_image_init_any(&job->image, &anything, job->sector);
    godwit_image_want_sha384(&job->image, &job->body384);
    if (request->body_size != UINT64_MAX && request->body_size > FILE_MAX) {
        job->size = request->body_size;
        refuse_size(job);
        return;
    }
    job->blob_err = blob_begin(&app->blobs, &job->blob);
    if (job->blob_err) refuse_disk(job);
}

static void keep_head(struct job *job, const uint8_t *data, size_t size)
{
    size_t room = sizeof job->head - job->head_size;
    size_t part = size < room ? size : room;
    memcpy(job->head + job->head_size, data, part);
    job->head_size += part;
}

static void upload_write(struct http_request *request, const uint8_t *data, size_t size)
{
    struct job *job = request->user;
    job->size += size;
    if (job->size > FILE_MAX) {
        refuse_size(job);
        return;
    }
    keep_head(job, data, size);
    if (job->image_err || job->blob_err) return;
    job->image_err = godwit_sink_write(&job->image.sink, data, size);
    if (!job->image_err) job->blob_err = godwit_sink_write(&job->blob.sink, data, size);
    if (job->image_err || job->blob_err) blob_abort(&job->blob);
}

static void upload_finish(struct http_request *request)
{
    struct job *job = request->user;
    const char *product = http_query(request, "product");
    if (!job->blob_err && !job->image_err) job->image_err = godwit_sink_finish(&job->image.sink);
    if (job->image_err) {
        refuse_kind(job);
        return;
    }
    enum godwit_reason reason = describe(job);
    if (reason) {
        refuse_reason(job, reason);
        return;
    }
    if (product && strcmp(product, job->upload.product)) {
        refuse_product(job, product);
        return;
    }
    if (!job->blob_err) job->blob_err = godwit_sink_finish(&job->blob.sink);
    if (job->blob_err) {
        refuse_disk(job);
        return;
    }
    job->upload.open = http_query(request, "open") != NULL;
    job->change.run = upload_run;
    job->change.reply = upload_reply;
    change_submit(&job->change, upload_abandon);
}

static void upload_abort(struct http_request *request)
{
    blob_abort(&((struct job *)request->user)->blob);
}

const struct http_upload UPLOAD_IMAGE = {upload_begin, upload_write, upload_finish, upload_abort};
